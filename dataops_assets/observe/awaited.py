"""What was not delivered: holes in the sequence of a dataset's partitions, those after the newest that are due, an old table.

Here: which they are, and in what words they are told. Not here: what was delivered and is not published (`tally`).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from dataops_assets.contract import Dataset
from dataops_assets.gate.wording import moment, some
from dataops_assets.storage import landing
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.landing import Arrival

_MOST = 10


@dataclass(frozen=True)
class Awaited:
    """What was not delivered of a dataset, and should have been.

    Attributes:
        holes: Those before one that was delivered, in order.
        late: Those after the newest that was delivered, in order.
        old_since: Of a dataset without partitions, since when its newest delivery is older than it may be; None if it is not.
    """

    holes: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    old_since: datetime | None = None

    @property
    def of_both(self) -> bool:
        """Whether there are holes, and others are late."""
        return bool(self.holes and self.late)

    @property
    def partitions(self) -> tuple[str, ...]:
        """All of them, in order."""
        return self.holes + self.late


def awaited(lake: Lake, dataset: Dataset, now: datetime) -> Awaited:
    """What was not delivered of a dataset, although it is due; nothing of one that is made here.

    What lies whole in landing has come, and only waits for a run. Of a table, the next delivery is due once the newest is older
    than it may be; one that never had any is missing. A branch that may not read prod's deliveries knows of none.
    """
    partitions = dataset.partitions
    if not dataset.ingested or (lake.base and lake.beneath(dataset) is None):
        return Awaited()
    lake = lake.at_a_glance()
    lying = landing.arrivals(lake.landing, dataset, now)
    whole = {partition: arrival for partition, arrival in lying.items() if not arrival.waiting_for}
    if partitions is None:
        return Awaited(old_since=_old_since(lake, dataset, whole.get(None), now))
    keys = partitions.keys(now)
    came = {key for key in keys if key in whole or lake.has_arrived(dataset, key) or lake.has_expired("raw", dataset, key, now)}
    due = [key for key in keys if key not in came and not dataset.gap_reason(key) and dataset.deadline(key) <= now]
    newest = max(came, default="")
    return Awaited(tuple(key for key in due if key < newest), tuple(key for key in due if key > newest))


def _old_since(lake: Lake, dataset: Dataset, lying: Arrival | None, now: datetime) -> datetime | None:
    with suppress(Damaged):  # which its gate tells
        receipt = lake.receipt(dataset, None)
        if receipt and dataset.attributes.due and not dataset.fetch and not dataset.has_ended(now):
            until = receipt.received_at + dataset.attributes.due.length
            arrived = lying and lying.fingerprint != receipt.landed
            return until if until <= now and not arrived else None
    return None


def together(found: Iterable[Awaited]) -> Awaited:
    """What is awaited for any of several datasets that share their deliveries."""
    several = list(found)
    holes = {key for one in several for key in one.holes}
    late = {key for one in several for key in one.late} - holes
    old = [one.old_since for one in several if one.old_since]
    return Awaited(tuple(sorted(holes)), tuple(sorted(late)), min(old, default=None))


def sentences(dataset: Dataset, found: Awaited) -> Iterator[str]:
    """What was not delivered, in words: a sentence for the holes, one for what is late, one for what is old.

    How many they are, each says where there are others beside it.
    """
    closed = dataset.partitions is None or dataset.partitions.closed
    holes, late = (f"{len(keys):,} " if found.of_both else "" for keys in (found.holes, found.late))
    if found.holes:
        yield f"{holes}never delivered, although later ones were: {_named(dataset, found.holes)}"
    if found.late:
        yield f"{late}not delivered{'' if closed else ' yet'}: {_named(dataset, found.late)}"
    if found.old_since:
        yield f"no newer delivery has come, due since {moment(found.old_since)}"


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
