"""Whether what lies there is what was written: every byte is read and compared with its hash (a fixity check).

Not here: whether it is good (`status`), and making it again, which is what a launched step does (`steps`).
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.steps.pending import zones_written
from dataops_assets.storage import layout
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.lake import BRING_BACK, Lake, launched
from dataops_assets.storage.store import Entry


@dataclass(frozen=True)
class Object:
    """What is compared with what was written.

    Attributes:
        zone, dataset, partition: What it is.
        entry: Where it lies.
    """

    zone: Zone
    dataset: Dataset
    partition: Partition
    entry: Entry


@dataclass(frozen=True)
class Altered:
    """What is not what was written.

    Attributes:
        told: Where it lies and what is wrong with it, in words.
        remedy: The way out.
    """

    told: str
    remedy: str


def objects(lake: Lake, datasets: Collection[Dataset], partition: Partition = None) -> list[Object]:
    """All that was published, rejected and received, and lies here; what is read through to is left to prod.

    Args:
        lake: Where to look.
        datasets: Whose objects.
        partition: Of this partition alone; None for every one.
    """
    here = lake.its_own().at_a_glance()
    # By key, since several datasets may share their deliveries.
    found = {one.entry.key: one for dataset in datasets for one in _objects(here, dataset)}
    return [one for one in found.values() if partition in (None, one.partition)]


def _objects(lake: Lake, dataset: Dataset) -> Iterator[Object]:
    hive = f"{dataset.partitions.hive_name}=" if dataset.partitions else ""
    tops: dict[Zone, str] = {"raw": layout.raw(dataset, None)} if dataset.ingested else {}
    tops |= {zone: f"{zone}/{dataset.name}" for zone in (dataset.zone, "quarantine")}
    for zone, top in tops.items():
        for entry in lake.store.list(top):
            *folders, name = entry.key[len(top) + 1 :].split("/")
            if len(folders) != bool(hive) or not "".join(folders).startswith(hive):
                continue  # a receipt, or not of this dataset
            if zone == "raw" or name == "data.parquet":
                yield Object(zone, dataset, folders[0][len(hive) :] if hive else None, entry)


def verify(lake: Lake, found: Collection[Object], after: Callable[[Entry], object]) -> list[Altered]:
    """Read objects, and name each that is not what was written.

    Args:
        lake: Where they lie.
        found: Which.
        after: Is told of each that was read.
    """
    here = lake.its_own()

    def look(one: Object) -> Altered | None:
        told = _received(here, one) if one.zone == "raw" else _published(here, one)
        after(one.entry)
        return told

    return list(filter(None, here.store.each(look, found)))


def _received(lake: Lake, one: Object) -> Altered | None:
    name = Path(one.entry.key).name
    if (found := lake.store.reread(one.entry.key)) is None or name.startswith(f"{found}."):
        return None
    told = f"{lake.store.address(one.entry.key)} is not what was received: its bytes have the SHA-256 {found}"
    again = launched(one.dataset, "raw", one.partition)
    return Altered(told, f"deliver it again, if it lies in landing no more, and: {again}; or bring it back (docs/how-to.md)")


def _published(lake: Lake, one: Object) -> Altered | None:
    try:
        lake.reread(one.zone, one.dataset, one.partition)
        told = lake.altered(one.zone, one.dataset, one.partition)
        said = lake.last_word("content", one.dataset, one.partition)
    except Damaged as error:  # its record
        return Altered(str(error), "bring it back (docs/how-to.md)")
    makes_it = zones_written(one.dataset)[-1]
    remedy = launched(one.dataset, makes_it, one.partition) if said and said.passed else BRING_BACK
    return Altered(told, remedy) if told else None
