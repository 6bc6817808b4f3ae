"""A store as it is at one moment: what lies in it is listed once, however often it is asked for.

For whoever looks at many partitions. What is shown may be old as soon as it is shown, so nothing is written through it.
"""

import bisect
import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from dataops_assets.storage.errors import Forbidden
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.store import Entry, Found, Store, Tags, Thing

_DEEPER = ("_verdicts", "_provenance")
"""Tops of keys below which a name comes before that of the dataset."""


def _no_one(key: str) -> None:
    raise Forbidden(key, "this is a look at the store, not the store")


class Glance(Store):
    """What a store holds, as it was when first asked for: of a bucket, whose listings take long, all of a dataset at once.

    Args:
        store: The store.
    """

    def __init__(self, store: Store):
        super().__init__(store.where, _no_one)
        self._store = store
        self._listed: dict[str, tuple[Sequence[str], Sequence[Entry]]] = {}
        self._listing = threading.Lock()

    @property
    def itself(self) -> Store:
        """The store that is looked at."""
        return self._store

    @property
    def here(self) -> Folder:
        """The folder on this machine."""
        return self._store.here

    def address(self, key: str) -> str:
        """Where people find an object."""
        return self._store.address(key)

    def list(self, prefix: str, closed: dict[str, str] | None = None) -> Iterator[Entry]:
        """Every object below a prefix, in order of the keys."""
        if closed is not None or not prefix:  # asked of landing, where a folder may be shut; or of all at once
            yield from self._store.list(prefix, closed)
            return
        keys, entries = self._below(prefix)
        start = bisect.bisect_left(keys, f"{prefix}/")
        for entry in entries[start:]:
            if not entry.key.startswith(f"{prefix}/"):
                return
            yield entry

    def is_tagged(self, key: str, tags: Tags) -> bool:
        """Whether an object was written with just these tags, as it is now."""
        return self._store.is_tagged(key, tags)

    def entry(self, key: str) -> Entry | None:
        """An object as it was listed."""
        keys, entries = self._below(key.rpartition("/")[0])
        place = bisect.bisect_left(keys, key)
        return entries[place] if place < len(keys) and keys[place] == key else None

    def _below(self, prefix: str) -> tuple[Sequence[str], Sequence[Entry]]:
        parts = prefix.split("/")
        top = prefix if self._store is self._store.here else "/".join(parts[: 3 if parts[0] in _DEEPER else 2])
        with self._listing:
            if top not in self._listed:
                entries = list(self._store.list(top))
                self._listed[top] = [entry.key for entry in entries], entries
            return self._listed[top]

    def odd(self, prefix: str) -> dict[str, str]:
        """What cannot be taken for an object."""
        return self._store.odd(prefix)

    def each(self, look: Callable[[Thing], Found], things: Iterable[Thing]) -> Sequence[Found]:
        """Look at many things, as the store does."""
        return self._store.each(look, things)

    def folders(self, prefix: str) -> Iterator[str]:
        """The names directly below a prefix, as they are now."""
        return self._store.folders(prefix)

    def load(self, key: str) -> tuple[Entry, bytes] | None:
        """An object and its bytes, as they are now."""
        return self._store.load(key)

    def read(self, key: str) -> bytes | None:
        """The bytes of an object, as they are now."""
        return self._store.read(key)

    def sha256(self, key: str, seen: Entry | None = None) -> str | None:
        """The hash of an object's bytes."""
        return self._store.sha256(key, seen or self.entry(key))

    def reread(self, key: str) -> str | None:
        """The hash of an object's bytes, read now."""
        return self._store.reread(key)

    def local(self, key: str, sha256: str) -> Path:
        """A file on this machine with these bytes of an object."""
        return self._store.local(key, sha256)

    def copy(self, key: str, path: Path) -> None:
        """Write the bytes of an object into a file."""
        self._store.copy(key, path)

    @contextlib.contextmanager
    def draft(self, key: str) -> Iterator[Path]:
        """A file to write an object into."""
        with self._store.draft(key) as path:
            yield path

    def sweep(self, now: datetime, remove: bool) -> int:
        """Nothing: a look changes nothing."""
        del now, remove
        return 0

    def _create(self, key: str, draft: Path, tags: Tags) -> None:
        raise AssertionError(key)

    def _replace(self, key: str, draft: Path, seen: Entry | None, tags: Tags, commit: str) -> None:
        raise AssertionError(key)

    def _write(self, key: str, draft: Path, tags: Tags) -> None:
        raise AssertionError(key)

    def _withdraw(self, key: str, seen: Entry) -> None:
        raise AssertionError(key)

    def _remove(self, keys: Sequence[str]) -> None:
        raise AssertionError(keys)

    def _move(self, prefix: str, to: str, but: str, may_go: Callable[[], object]) -> Iterator[int]:
        raise AssertionError(prefix)

    def _purge(self, prefix: str) -> Iterator[int]:
        raise AssertionError(prefix)
