"""How published objects came to be: a record for each, written before the object can be seen, and found by its bytes.

The records lie by partition, each under the number of the verdict that let the object pass and the SHA-256 of its bytes. Keys
under the SHA-256 lead to them, so that a copy of an object, wherever it was found, does. The same bytes can be made more than
once, or for more than one partition; each time has a record of its own, and the one with the highest number counts.

Not here: what may be published (`steps`), and where the bytes lie (`lake`).
"""

import contextlib
from collections.abc import Container, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, computed_field

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.gate.verdict import digest
from dataops_assets.storage import journal, layout
from dataops_assets.storage.errors import Lost
from dataops_assets.storage.store import Store


class MadeBy(BaseModel):
    """Who made an object, and with which code.

    Attributes:
        identity: Who ran it, as the deployment knows them.
        version: The version of this package.
        git_commit: The commit of the code; None where that cannot be told.
        clean: Whether the code was just that commit; None where that cannot be told.
        image: The digest of the image it ran in; None outside of one.
    """

    model_config = ConfigDict(frozen=True)

    identity: str = "unknown"
    version: str = "unknown"
    git_commit: str | None = None
    clean: bool | None = None
    image: str | None = None


class Provenance(BaseModel):
    """How an object came to be.

    Attributes:
        zone, dataset, partition: What it is.
        number: The number of the content verdict that let it pass. What has a lower one never takes its place.
        sha256: The hash of its bytes as hex: its data version.
        bytes: Its size.
        rows: How many rows it holds.
        columns: The type of every column, as polars writes it.
        key: The columns that told its rows apart; None in what was published before this was recorded.
        nulls: How many of them have no value, for each column in which one has none.
        depends_on: All that it was made from: delivery or inputs with their data versions, contract version.
        arrived: By ingested dataset, when the newest delivery that went into it was received, in UTC.
        verdict: The id of the content verdict that let it pass.
        broken: What its gate found: by broken rule, how many rows break it, 1 for a rule on the whole; all others hold.
            None in what was published before this was recorded.
        corrections: The ids of the corrections that changed it; the verdict says what they are.
        readers: The reader groups that it was published for; None in what was published before this was recorded.
        run_id: The Dagster run that published it.
        made_by: Who, and with which code.
        replaces: The data version that stood there before; None if none did.
        published_at: When, in UTC.
    """

    model_config = ConfigDict(frozen=True)

    zone: Zone
    dataset: str
    partition: Partition
    number: int
    sha256: str
    bytes: int
    rows: int
    columns: dict[str, str]
    key: tuple[str, ...] | None = None
    nulls: dict[str, int] = {}
    depends_on: dict[str, Any]
    arrived: dict[str, datetime] = {}
    verdict: str
    broken: dict[str, int] | None = None
    corrections: tuple[str, ...] = ()
    readers: tuple[str, ...] | None = None
    run_id: str
    made_by: MadeBy = MadeBy()
    replaces: str | None = None
    published_at: datetime

    @computed_field  # type: ignore[prop-decorator]
    @property
    def commit(self) -> str:
        """The id of this act of publishing: SHA-256 of the record. An object in a bucket carries it, too."""
        unknown = {name for name in ("broken", "key", "readers") if getattr(self, name) is None}  # then it was not recorded
        return digest(self.model_dump(mode="json", exclude={"commit", *unknown}))


def newest_arrivals(*several: Mapping[str, datetime]) -> dict[str, datetime]:
    """By ingested dataset, when the newest delivery among all of them was received."""
    found: dict[str, datetime] = {}
    for arrived in several:
        for name, at in arrived.items():
            found[name] = max(at, found.get(name, at))
    return found


def record(store: Store, dataset: Dataset, made: Provenance) -> Provenance:
    """Write the record of an object that is about to be published.

    Returns:
        The record that is kept: that of a run which was killed before it published the same bytes by the same verdict stays.
    """
    tags = layout.tags(dataset, made.zone)
    below = layout.provenance(made.zone, dataset, made.partition)
    key = f"{below}/{made.number:08}-{made.sha256}.json"
    store.create(leading_to(key), b"", tags)
    try:
        store.create(key, made.model_dump_json(indent=1).encode(), tags)
    except Lost:
        kept = _at(store, key) or made
        if made.replaces not in (kept.replaces, made.sha256, None):
            # Something else stands there than when that run looked; unless it is told, its record is taken for an orphan.
            key = f"{below}/{made.number:08}-{made.replaces}-{made.sha256}.json"
            with contextlib.suppress(Lost):  # told already
                store.create(key, made.model_dump_json(indent=1).encode(), tags)
        return kept
    return made


def leading_to(record: str) -> str:
    """The key that leads from the bytes to their record."""
    below, _, name = record.removeprefix("_provenance/").rpartition("/")
    sha256 = name.removesuffix(".json").rpartition("-")[2]
    return f"{layout.by_bytes(sha256)}/{below}/{journal.number_of(name):08}"


def highest_number(store: Store, dataset: Dataset, partition: Partition) -> int:
    """The highest number of what was published or rejected of a partition; 0 if nothing was."""
    zones: tuple[Zone, ...] = (dataset.zone, "quarantine")
    found = [journal.entries(store, layout.provenance(zone, dataset, partition)) for zone in zones]
    return max((journal.number_of(entries[-1].key) for entries in found if entries), default=0)


def newest_record(store: Store, zone: Zone, dataset: Dataset, partition: Partition, sha256: str) -> Provenance | None:
    """How these bytes came to be a partition's. None if no gate let them."""
    found = journal.entries(store, layout.provenance(zone, dataset, partition))
    ours = [entry for entry in found if entry.key.endswith(f"-{sha256}.json")]
    return journal.read(store, ours[-1], Provenance) if ours else None


def records_of(store: Store, sha256: str, datasets: Container[str]) -> list[Provenance]:
    """Every record of some bytes as what was published of some datasets; the oldest first."""
    top = layout.by_bytes(sha256)
    named = (entry.key[len(top) :].rpartition("/") for entry in store.list(top))
    of_them = ((below, number) for below, _, number in named if below.split("/")[2] in datasets)
    found = (_at(store, f"_provenance{below}/{number}-{sha256}.json") for below, number in of_them)
    return sorted(filter(None, found), key=lambda made: made.published_at)


def _at(store: Store, key: str) -> Provenance | None:
    entry = store.entry(key)
    return journal.read(store, entry, Provenance) if entry else None
