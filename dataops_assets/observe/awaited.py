"""What was never delivered: holes in the sequence of a dataset's partitions, and those after the newest that are due.

Here: which they are, and in what words they are told. Not here: what was delivered and is not published (`tally`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from dataops_assets.contract import Dataset
from dataops_assets.gate.wording import moment, some
from dataops_assets.storage import landing
from dataops_assets.storage.lake import Lake

_MOST = 10


@dataclass(frozen=True)
class Awaited:
    """The partitions of a dataset that were never delivered, and should have been.

    Attributes:
        holes: Those before one that was delivered, in order.
        late: Those after the newest that was delivered, in order.
    """

    holes: tuple[str, ...] = ()
    late: tuple[str, ...] = ()

    @property
    def partitions(self) -> tuple[str, ...]:
        """All of them, in order."""
        return self.holes + self.late


def awaited(lake: Lake, dataset: Dataset, now: datetime) -> Awaited:
    """What was never delivered of a dataset, although it is due; nothing of one that is made here, or has no partitions.

    What lies whole in landing has come, and only waits for a run. A branch that may not read prod's deliveries knows of none.
    """
    partitions = dataset.partitions
    if not dataset.ingested or partitions is None or (lake.base and lake.beneath(dataset) is None):
        return Awaited()
    lake = lake.at_a_glance()
    lying = landing.arrivals(lake.landing, dataset, now)
    whole = {partition for partition, arrival in lying.items() if not arrival.waiting_for}
    keys = partitions.keys(now)
    came = {key for key in keys if key in whole or lake.has_arrived(dataset, key) or lake.has_expired("raw", dataset, key, now)}
    due = [key for key in keys if key not in came and not dataset.gap_reason(key) and dataset.deadline(key) <= now]
    newest = max(came, default="")
    return Awaited(tuple(key for key in due if key < newest), tuple(key for key in due if key > newest))


def together(found: Iterable[Awaited]) -> Awaited:
    """What is awaited for any of several datasets that share their deliveries."""
    several = list(found)
    holes = {key for one in several for key in one.holes}
    late = {key for one in several for key in one.late} - holes
    return Awaited(tuple(sorted(holes)), tuple(sorted(late)))


def sentences(dataset: Dataset, found: Awaited) -> Iterator[str]:
    """What was never delivered, in words: a sentence for the holes, and one for what is late."""
    closed = dataset.partitions is None or dataset.partitions.closed
    if found.holes:
        yield f"never delivered, although later ones were: {_named(dataset, found.holes)}"
    if found.late:
        yield f"not delivered{'' if closed else ' yet'}: {_named(dataset, found.late)}"


def since(dataset: Dataset, partition: str) -> str:
    """Since when a partition is late, in words; empty if it is of a dataset that is closed, where nothing is late."""
    closed = dataset.partitions is None or dataset.partitions.closed
    return "" if closed else f"due since {moment(dataset.deadline(partition))}"


def _named(dataset: Dataset, keys: Sequence[str]) -> str:
    assert dataset.partitions
    rows = dataset.partitions.in_a_row(keys)
    names = some([row[0] if len(row) == 1 else f"{row[0]} to {row[-1]}" for row in rows], _MOST)
    late = since(dataset, keys[0])
    return names + (f", {'the first ' if len(keys) > 1 else ''}{late}" if late else "")
