"""What is left behind: half-written files, uploads without an end, records of what was never seen, or is gone for long.

Nobody reads any of it. It is removed once it is older than any writer lives; what is told of a partition that is gone, once it
is past the term that the policy gives it. In prod, which removes nothing, it is counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.storage import journal, layout
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.provenance import Provenance, leading_to
from dataops_assets.storage.store import WRITER_LIVES, Entry

_PUBLISHED: tuple[Zone, ...] = ("staged", "quarantine", "curated")


@dataclass(frozen=True)
class Leftovers:
    """What is left of runs that are gone.

    Attributes:
        unfinished: Half-written files and uploads.
        orphans: Keys of records whose objects were never seen; what leads to them from their bytes goes with them.
        outlived: Keys of verdicts and records, past their term, of partitions of which nothing is left; likewise.
    """

    unfinished: int
    orphans: tuple[str, ...]
    outlived: tuple[str, ...]

    def __str__(self) -> str:
        records = f"{len(self.orphans):,} records of what was never published, {len(self.outlived):,} of what is gone for long"
        return f"{self.unfinished:,} interrupted writes, {records}"


def sweep(lake: Lake, now: datetime, remove: bool) -> Leftovers:
    """Find what is left, and remove it.

    Args:
        lake: Where to look; of a branch, in its own part alone.
        now: The time.
        remove: Whether this deployment may remove anything; else all is only counted.
    """
    orphans: list[str] = []
    outlived: list[str] = []
    for dataset in lake.catalog:
        here = lake.at_another_glance()
        orphans += _orphans(here, dataset, now)
        outlived += _outlived(here, dataset, now)
    unfinished = sum(store.sweep(now, remove) for store in {lake.store, lake.landing})
    if remove:
        gone = [*orphans, *outlived]
        lake.store.remove([*gone, *(leading_to(key) for key in gone if key.startswith("_provenance/"))])
    return Leftovers(unfinished, tuple(orphans), tuple(outlived))


def _orphans(here: Lake, dataset: Dataset, now: datetime) -> Iterator[str]:
    """A record is an orphan if its bytes never stood there, and never will.

    They never did if no record after it says that it took their place. They never will if what stands there has a higher
    number. Where nothing stood when something was published, what had been there was dropped or removed: that was published.
    """
    glance = here.store
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
                    yield entry.key


def _outlived(here: Lake, dataset: Dataset, now: datetime) -> Iterator[str]:
    """Of each gate the last word stays: by it the partition counts as expired, and not as missing."""
    platform = here.catalog.policy.platform
    tops = {f"_verdicts/{gate}/{dataset.name}": platform.verdicts for gate in ("envelope", "content")}
    tops |= {f"_provenance/{zone}/{dataset.name}": platform.provenance for zone in _PUBLISHED}
    for top, keep in tops.items():
        if keep.hours is None:
            continue
        before_ns = (now.timestamp() - max(keep.length, WRITER_LIVES).total_seconds()) * 1e9
        for partition, entries in _by_partition(list(here.store.list(top)), dataset).items():
            told = entries[:-1] if top.startswith("_verdicts/") else entries
            past = [entry.key for entry in told if entry.modified_ns < before_ns]
            if past and not _is_there(here, dataset, partition):
                yield from past


def _is_there(here: Lake, dataset: Dataset, partition: Partition) -> bool:
    """Whether anything of a partition is left, here or where it is read through to."""
    zones: tuple[Zone, ...] = (dataset.zone, "quarantine")
    return here.has_arrived(dataset, partition) or any(here.holder(zone, dataset, partition) for zone in zones)


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
