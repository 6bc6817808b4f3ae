"""A folder as a store of objects: whole objects only, written atomically, found by key."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_CHUNK_BYTES = 1 << 20
_ASIDE = "_tmp"


@dataclass(frozen=True)
class Entry:
    """An object in a listing.

    Attributes:
        key: Its key, from the top of the store.
        bytes: Its size.
        modified_ns: When it was last written, in nanoseconds since 1970, UTC.
    """

    key: str
    bytes: int
    modified_ns: int


class Folder:
    """A store of objects in a folder.

    A write goes to a temporary file, is synced, and renamed: whoever reads sees the old object or the new one. Temporary files
    lie in `_tmp/`, where no one who scans a folder of objects meets them.

    Args:
        root: The folder; made when first written to.
    """

    def __init__(self, root: Path):
        self.root = root

    def path(self, key: str) -> Path:
        """Where an object lies, for readers that take a path."""
        return self.root / key

    def entry(self, key: str) -> Entry | None:
        """An object as a listing would show it now, or None if there is none."""
        try:
            status = self.path(key).stat()
        except FileNotFoundError:
            return None
        return Entry(key, status.st_size, status.st_mtime_ns)

    def read(self, key: str) -> bytes | None:
        """The bytes of an object, or None if there is none."""
        try:
            return self.path(key).read_bytes()
        except FileNotFoundError:
            return None

    def sha256(self, key: str) -> str | None:
        """The hash of an object's bytes as hex, or None if there is none."""
        try:
            status = self.path(key).stat()
        except FileNotFoundError:
            return None
        return _hash_cached(str(self.path(key)), status.st_size, status.st_mtime_ns, status.st_ino)

    def list(self, prefix: str) -> Iterator[Entry]:
        """Every object below a prefix (a folder's key), in order of the keys."""
        try:
            found = [(entry, entry.is_dir(follow_symlinks=False)) for entry in os.scandir(self.path(prefix))]
        except (FileNotFoundError, NotADirectoryError):
            return
        # A folder's keys come where its name with a slash does: `a-b` before `a/x`, as in any other store.
        for entry, is_folder in sorted(found, key=lambda pair: pair[0].name + "/" * pair[1]):
            key = f"{prefix}/{entry.name}"
            if is_folder:
                yield from self.list(key)
            elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(".tmp"):
                try:
                    status = entry.stat()
                except FileNotFoundError:  # it went away meanwhile
                    continue
                yield Entry(key, status.st_size, status.st_mtime_ns)

    @contextmanager
    def temporary(self, key: str) -> Iterator[Path]:
        """A file to write an object into. Left normally, it becomes the object; by an exception, it is removed."""
        target = self.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path(_ASIDE)
        aside.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".tmp", dir=aside)
        os.close(handle)
        path = Path(name)
        try:
            yield path
            _sync(path)
            path.chmod(0o644)
            path.replace(target)
        finally:
            path.unlink(missing_ok=True)
        _sync(target.parent)
        _sync(aside)

    def write(self, key: str, data: bytes) -> None:
        """Write an object, in place of the one that may be there."""
        with self.temporary(key) as path:
            path.write_bytes(data)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            found.update(chunk)
    return found.hexdigest()


@lru_cache(maxsize=100_000)
def _hash_cached(path: str, size: int, modified_ns: int, inode: int) -> str:
    """A file that is renamed into place has a new inode, so the four together name its bytes."""
    del size, modified_ns, inode
    return hash_file(Path(path))
