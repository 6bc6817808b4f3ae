"""Journals: numbered records below a folder, of which the last one counts.

A record is written under the number after the last one that its writer has seen, and only if nobody wrote that one before. So
the order of the records does not depend on any clock, and nobody has the last word without knowing the one before it.

Here: numbers and keys. Not here: what the records say.
"""

import re
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.store import Entry, Store, Tags

_Record = TypeVar("_Record", bound=BaseModel)
_NAME = re.compile(r"[0-9]{8,}[^/]*")


def entries(store: Store, folder: str) -> list[Entry]:
    """The records in a listing, the oldest first."""
    # What lies deeper is of a dataset's partitions.
    return [entry for entry in store.list(folder) if _NAME.fullmatch(entry.key, len(folder) + 1)]


def number_of(key: str) -> int:
    """The number of a record, from 1."""
    return int(re.split("[.-]", key.rpartition("/")[2])[0])


def read(store: Store, entry: Entry, model: type[_Record]) -> _Record:
    """What a record says, as it was listed.

    Raises:
        Damaged: It is there no more, or not whole.
    """
    found: _Record = _parsed(store.itself, entry, model)
    return found


@lru_cache(maxsize=300_000)
def _parsed(store: Store, entry: Entry, model: type[BaseModel]) -> Any:
    found = store.read(entry.key)
    if found is None:
        raise Damaged(store.address(entry.key), "it went away while it was read: nobody removes what is in a journal")
    try:
        return model.model_validate_json(found)
    except ValidationError as error:
        told = f"it is no {model.__name__.lower()} any more ({error.errors()[0]['msg']}): bring that version of it back"
        raise Damaged(store.address(entry.key), told) from error


def append(store: Store, folder: str, number: int, record: bytes, tags: Tags) -> None:
    """Write the record after the last.

    Args:
        store: Where the journal lies.
        folder: Its key.
        number: That of the last record which the writer has seen, and one; 1 for the first.
        record: What to keep.
        tags: The tags of the object.

    Raises:
        Lost: Somebody else has written a record with this number.
    """
    store.create(f"{folder}/{number:08}.json", record, tags)
