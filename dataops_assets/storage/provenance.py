"""How published objects came to be: a record for each, written before the object can be seen, and found by its bytes.

The records of an object lie under its SHA-256, so that a copy of it, wherever it was found, leads to them. The same bytes can
be made more than once, or for more than one partition; each time has a record of its own, and the newest counts.

Not here: what may be published (`steps`), and where the bytes lie (`lake`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.gate.verdict import digest
from dataops_assets.storage import layout
from dataops_assets.storage.folder import Folder


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
        sha256: The hash of its bytes as hex: its data version.
        bytes: Its size.
        rows: How many rows it holds.
        nulls: How many of them have no value, for each column in which one has none.
        depends_on: All that it was made from: delivery or inputs with their data versions, contract version.
        arrived: By ingested dataset, when the newest delivery that went into it was received, in UTC.
        verdict: The id of the content verdict that let it pass.
        corrections: The corrections that changed it.
        run_id: The Dagster run that published it.
        made_by: Who, and with which code.
        replaces: The data version that stood there before; None if none did.
        published_at: When, in UTC; never before an older record of the same bytes.
    """

    model_config = ConfigDict(frozen=True)

    zone: Zone
    dataset: str
    partition: Partition
    sha256: str
    bytes: int
    rows: int
    nulls: dict[str, int] = {}
    depends_on: dict[str, Any]
    arrived: dict[str, datetime] = {}
    verdict: str
    corrections: tuple[str, ...] = ()
    run_id: str
    made_by: MadeBy = MadeBy()
    replaces: str | None = None
    published_at: datetime

    @property
    def commit(self) -> str:
        """The id of this act of publishing: SHA-256 of the record."""
        return digest(self.model_dump(mode="json"))


def newest_arrivals(*several: Mapping[str, datetime]) -> dict[str, datetime]:
    """By ingested dataset, when the newest delivery among all of them was received."""
    found: dict[str, datetime] = {}
    for arrived in several:
        for name, at in arrived.items():
            found[name] = max(at, found.get(name, at))
    return found


def made_from_as_new(one: Mapping[str, datetime], other: Mapping[str, datetime]) -> bool:
    """Whether the deliveries that went into one are the same as those of another, or newer, each of them."""
    return all(name in one and one[name] >= at for name, at in other.items())


def record(store: Folder, dataset: Dataset, made: Provenance) -> Provenance:
    """Write the record of an object that is about to be published.

    Returns:
        The record as it is kept: later than the older ones of the same bytes, even if a clock was set back; said again, it
        stays as it was.
    """
    newest = newest_record(store, made.zone, dataset, made.partition, made.sha256)
    if newest and newest == made.model_copy(update={"published_at": newest.published_at, "replaces": newest.replaces}):
        return newest
    if newest and newest.published_at >= made.published_at:
        made = made.model_copy(update={"published_at": newest.published_at + timedelta(microseconds=1)})
    name = f"{made.published_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{made.commit[:16]}.json"
    folder = layout.provenance(made.zone, dataset, made.partition, made.sha256)
    store.write(f"{folder}/{name}", made.model_dump_json(indent=1).encode())
    return made


def newest_record(store: Folder, zone: Zone, dataset: Dataset, partition: Partition, sha256: str) -> Provenance | None:
    """How these bytes came to be a partition's. None if no gate let them."""
    keys = [entry.key for entry in store.list(layout.provenance(zone, dataset, partition, sha256))]
    return _read(store, keys[-1]) if keys else None


def records_of(store: Folder, sha256: str) -> list[Provenance]:
    """Every record of some bytes, whatever they were published as; the oldest first."""
    found = [_read(store, entry.key) for entry in store.list(layout.records(sha256))]
    return sorted(found, key=lambda made: made.published_at)


def _read(store: Folder, key: str) -> Provenance:
    return _read_once(store.path(key))


@lru_cache(maxsize=100_000)
def _read_once(path: Path) -> Provenance:
    """A record never changes: its name holds the hash of what it says."""
    return Provenance.model_validate_json(path.read_bytes())
