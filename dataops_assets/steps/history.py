"""What the partitions before one were like: their profiles, from the last words of the content gate.

Here: which of them count, and that runs over many go through each once. Not here: what is unusual (`gate.drift`), and what is
said of it (`gate.unusual`).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Self
from weakref import WeakKeyDictionary

from dataops_assets.contract import Dataset, Partition
from dataops_assets.gate.accepted import accept
from dataops_assets.gate.content import Judged
from dataops_assets.gate.drift import CALIBRATED, USUAL, History
from dataops_assets.gate.profile import Profile
from dataops_assets.gate.rules import STATISTICS, Rule
from dataops_assets.gate.unusual import compared
from dataops_assets.gate.verdict import Verdict
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.lake import Lake

_FARTHEST = 2 * (USUAL + CALIBRATED)
_left_behind: WeakKeyDictionary[Dataset, History] = WeakKeyDictionary()
"""By dataset, where the last run in this process came to; whoever begins with the same profiles takes it along."""


class Before:
    """The partitions before the one that is judged; those of a dataset without partitions are none.

    What was refused or is a gap does not count, unless it was refused for its statistics alone: a level that changes for good
    must become what is usual. So what a person has accepted counts like any other. A run goes from each partition to the next,
    so the history goes with it, and as a context on to the next run; it is gone through anew only where that differs.

    Args:
        lake: Where the verdicts lie.
        dataset: Whose partitions.
        rules: Its rules.
    """

    def __init__(self, lake: Lake, dataset: Dataset, rules: list[Rule]):
        self._lake, self._dataset, self._rules = lake, dataset, rules
        self._history = History(dataset.schema.polars)
        self._last: Partition = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, fault: object, *_: object) -> None:
        if self._history.taken and fault is None:  # else it may be half of one
            _left_behind[self._dataset] = self._history

    def start_of(self, partition: Partition) -> datetime | None:
        """When a partition begins; None of a dataset without."""
        partitions = self._dataset.partitions
        return partitions.start_of(partition) if partitions and partition else None

    def compared(self, partition: Partition, found: Judged, accepted: str) -> Judged:
        """What the content gate found in a partition, with what its profile tells in the light of those before.

        Args:
            partition: Which.
            found: What was found.
            accepted: Why it is right although it may be unlike them; empty if nobody said so.
        """
        if partition is None or found.profile is None:
            return found
        self._go_to(partition)
        found = compared(found, self._rules, self._history, self._dataset.is_public)
        if not accepted:
            return found
        others = tuple(reason for reason in found.reasons if not _is_of_statistics(reason))
        return replace(found, rules=accept(found.rules, accepted), reasons=others)

    def _go_to(self, partition: str) -> None:
        assert self._dataset.partitions
        unread: list[str] = []
        for key in islice(self._dataset.partitions.before(partition), _FARTHEST):
            if key == self._last:
                break
            unread.append(key)
        else:
            self._last = None
        lake = self._lake.at_a_glance() if len(unread) > 1 else self._lake

        def profile_of(key: str) -> Profile | None:
            try:
                said = lake.last_word("content", self._dataset, key)
            except Damaged:  # one profile less to compare with
                return None
            return said.profile if said and (said.passed or _is_only_unusual(said)) else None

        found = zip(unread[::-1], lake.store.each(profile_of, unread[::-1]), strict=True)
        before = [(key, taken) for key, taken in found if taken]
        if self._last is None:
            self._history = self._begun(before)
            before = before[len(self._history.taken) :]
        for key, taken in before:
            self._history.add(key, taken)
        self._last = unread[0] if unread else self._last

    def _begun(self, before: Sequence[tuple[str, Profile]]) -> History:
        """A history that these profiles can be added to, as far as they are not in it yet."""
        left = _left_behind.pop(self._dataset, None)
        return left if left and left.taken == before[: len(left.taken)] else History(self._dataset.schema.polars)


def _is_only_unusual(said: Verdict) -> bool:
    return all(map(_is_of_statistics, said.reasons))


def _is_of_statistics(reason: str) -> bool:
    return reason.startswith(f"{STATISTICS}:")
