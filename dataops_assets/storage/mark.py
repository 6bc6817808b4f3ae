"""The mark that prod leaves at the top of its storage, by which every other deployment knows that this is not its own.

Not here: who writes what where (`deployment`).
"""

import contextlib
from datetime import UTC, datetime
from functools import lru_cache

from pydantic import BaseModel

from dataops_assets.storage import layout
from dataops_assets.storage.errors import Closed, Lost
from dataops_assets.storage.store import Store


class Mark(BaseModel):
    """What the mark says.

    Attributes:
        since: When prod first wrote there, in UTC.
        pipeline: The identity that did.
    """

    since: datetime
    pipeline: str


@lru_cache(maxsize=16)
def is_prods(store: Store) -> bool:
    """Whether prod has left its mark there; a process asks once for each store.

    It is listed, not read: who may write to a part of a bucket may list all of it, but not read what is beside.
    """
    with contextlib.suppress(Closed):  # what may not even be listed is guarded by the store itself
        return any(entry.key == layout.MARK for entry in store.list(layout.MARK.rpartition("/")[0]))
    return False


def leave(store: Store, pipeline: str) -> None:
    """Mark a store as prod's, if that is not done yet."""
    if is_prods(store):
        return
    mark = Mark(since=datetime.now(UTC), pipeline=pipeline)
    with contextlib.suppress(Lost):  # another run did so just now
        store.create(layout.MARK, mark.model_dump_json(indent=1).encode(), layout.MARK_TAGS)
    is_prods.cache_clear()


def told(store: Store) -> str:
    """What the mark says, in words."""
    with contextlib.suppress(Closed):
        if found := store.read(layout.MARK):
            return f"prod's since {Mark.model_validate_json(found).since:%Y-%m-%d}"
    return "prod's"
