"""What runs that were killed left behind: half-written files, uploads without an end, records of what was never seen.

Nobody reads any of it. It is removed once it is older than any writer lives; in prod, which removes nothing, it is counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.storage import journal, layout
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.provenance import Provenance, index_key
from dataops_assets.storage.store import WRITER_LIVES, Entry

_PUBLISHED: tuple[Zone, ...] = ("staged", "quarantine", "curated")


@dataclass(frozen=True)
class Leftovers:
    """What is left of runs that are gone.

    Attributes:
        unfinished: Half-written files and uploads.
        orphans: Keys of records whose objects were never seen; what leads to them from their bytes goes with them.
    """

    unfinished: int
    orphans: tuple[str, ...]


def sweep(lake: Lake, now: datetime, remove: bool) -> Leftovers:
    """Find what is left, and remove it.

    Args:
        lake: Where to look; of a branch, in its own part alone.
        now: The time.
        remove: Whether this deployment may remove anything; else all is only counted.
    """
    found = {key: one for dataset in lake.catalog for key, one in _orphans(lake, dataset, now)}
    unfinished = lake.store.sweep(now, remove)
    if remove:
        leading = (index_key(lake.catalog[one.dataset], one) for one in found.values())
        lake.store.remove([*found, *leading])
    return Leftovers(unfinished, tuple(found))


def _orphans(lake: Lake, dataset: Dataset, now: datetime) -> Iterator[tuple[str, Provenance]]:
    """A record is an orphan if its bytes never stood there, and never will.

    They never did if no record after it says that it took their place. They never will if what stands there has a higher
    number. Where nothing stood when something was published, what had been there was dropped or removed: that was published.
    """
    glance = lake.at_a_glance().store
    for zone in _PUBLISHED:
        for partition, entries in _by_partition(list(glance.list(f"_provenance/{zone}/{dataset.name}")), dataset).items():
            stands = glance.sha256(layout.data(zone, dataset, partition)) if len(entries) > 1 else None
            made = glance.each(lambda entry: journal.read(glance, entry, Provenance), entries) if stands else ()
            number = max((one.number for one in made if one.sha256 == stands), default=0)
            begun = max((one.number for one in made if one.replaces is None), default=0)
            stood = {one.replaces for one in made} | {stands}
            for entry, one in zip(entries, made, strict=False):
                old = now.timestamp() - entry.modified_ns / 1e9 > WRITER_LIVES.total_seconds()
                if old and begun <= one.number < number and one.sha256 not in stood:
                    yield entry.key, one


def _by_partition(entries: list[Entry], dataset: Dataset) -> dict[Partition, list[Entry]]:
    found: dict[Partition, list[Entry]] = {}
    hive = dataset.partitions.hive_name if dataset.partitions else None
    for entry in entries:
        *_, step, _name = entry.key.split("/")
        name, is_hive, partition = step.partition("=")
        if is_hive and name == hive:
            found.setdefault(partition, []).append(entry)
        elif not is_hive and hive is None:
            found.setdefault(None, []).append(entry)
    return found
