"""What a query has put into an ad-hoc area: a record beside the result, by which a copy of it is found, wherever it is.

The record lies below the area, so it moves and goes with it. Not here: how a query is run (`areas`).
"""

from collections.abc import Iterator
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from dataops_assets.lifecycle.area import Area
from dataops_assets.storage import layout
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.provenance import MadeBy
from dataops_assets.storage.store import Entry, Store

RESULT = "result.parquet"
"""The name of the result of a query, from the top of its area."""


class Made(BaseModel):
    """How the result of a query came to be.

    Attributes:
        area: The name of the ad-hoc area.
        sql: The query.
        inputs: What it read, by dataset: the data version of each partition, by its key; empty for a dataset without.
        readers: The reader group that the result is for.
        classification: The highest of those of what it read.
        sha256: The hash of the result's bytes, as hex.
        rows: How many rows it has.
        bytes: Its size.
        run_id: The Dagster run; empty if there was none.
        made_by: Who ran it, and with which code.
        made_at: When, in UTC.
    """

    model_config = ConfigDict(frozen=True)

    area: str
    sql: str
    inputs: dict[str, dict[str, str]]
    readers: str
    classification: str
    sha256: str
    rows: int
    bytes: int
    run_id: str
    made_by: MadeBy
    made_at: datetime


def tags(area: Area) -> dict[str, str]:
    """What rules for lifecycle and access go by, of all that is made in an ad-hoc area."""
    return {"lifecycle": "adhoc", "readers": area.group or ""}


def record(store: Store, area: Area, made: Made) -> None:
    """Write the record of a result, before the result is there to be seen."""
    store.write(f"{area.path}/{layout.MADE}/{made.sha256}.json", made.model_dump_json(indent=1).encode(), tags(area))


def results(store: Store, sha256: str | None = None) -> Iterator[tuple[Entry, Made]]:
    """The records of results, in areas and in the trash, and where each lies.

    Args:
        store: Where the areas lie.
        sha256: Only those of some bytes.

    Raises:
        Damaged: One cannot be read.
    """
    for top in ("adhoc", "trash/adhoc"):
        for entry in store.list(top):
            folder, _, name = entry.key.rpartition("/")
            ours = folder.endswith(f"/{layout.MADE}") and name.startswith(sha256 or "")
            if ours and (found := store.read(entry.key)):
                yield entry, _read(store, entry, found)


def _read(store: Store, entry: Entry, text: bytes) -> Made:
    try:
        return Made.model_validate_json(text)
    except ValidationError as error:
        told = f"it is no record of a result any more ({error.errors()[0]['msg']}): bring that version of it back"
        raise Damaged(store.address(entry.key), told) from error
