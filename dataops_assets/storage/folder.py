"""A folder as a store of objects: whole objects only, written atomically, found by key."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from dataops_assets.storage.errors import Damaged, Gone, Lost, is_full
from dataops_assets.storage.store import WRITER_LIVES, Entry, Store, Tags, anyone, hash_file, nobody_watches, other_bytes

_ASIDE = "_tmp"
_PREFIX = 40
_TRIES, _TRY_AGAIN_SECONDS = 20, 0.02


class Held(Exception):
    """Another process holds the store.

    Args:
        process: Its id.
    """

    def __init__(self, process: str):
        self.process = process
        super().__init__(f"process {process} holds the store")


class Folder(Store):
    """A store of objects in a folder.

    A write goes to a temporary file, is synced, and renamed: whoever reads sees the old object or the new one. Temporary files
    lie in `_tmp/`, where no one who scans a folder of objects meets them. Who writes in place of what was seen compares and
    renames under a lock of the operating system, which ends with the process.

    Args:
        root: The folder; made when first written to.
        permit: Raises `Forbidden` for a key that this process may not write.
        denied: Is told of a write or removal that the folder itself denies.
    """

    def __init__(
        self,
        root: Path,
        permit: Callable[[str], None] = anyone,
        denied: Callable[[PermissionError], None] = nobody_watches,
    ):
        super().__init__(str(root), permit, denied)
        self.root = root

    @property
    def here(self) -> "Folder":
        """Itself."""
        return self

    def path(self, key: str) -> Path:
        """Where an object lies."""
        return self.root / key

    def is_tagged(self, key: str, tags: Tags) -> bool:
        """Of any object: a folder keeps no tags."""
        del key, tags
        return True

    def entry(self, key: str) -> Entry | None:
        """An object as a listing would show it now, or None if there is none."""
        try:
            status = os.lstat(self.address(key))  # a link that took its place is not the object
        except FileNotFoundError:
            return None
        return _entry(key, status)

    def folders(self, prefix: str) -> Iterator[str]:
        """The names directly below a prefix that are folders, in order of the keys below them."""
        try:
            found = [entry.name for entry in os.scandir(self.path(prefix)) if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return iter(())
        return iter(sorted(found, key=lambda name: f"{name}/"))

    def load(self, key: str) -> tuple[Entry, bytes] | None:
        """An object and its bytes, both of one moment; None if there is none."""
        try:
            with self.path(key).open("rb") as file:
                return _entry(key, os.fstat(file.fileno())), file.read()
        except FileNotFoundError:
            return None

    def read(self, key: str) -> bytes | None:
        """The bytes of an object, or None if there is none."""
        try:
            return self.path(key).read_bytes()
        except FileNotFoundError:
            return None

    def sha256(self, key: str, seen: Entry | None = None) -> str | None:
        """The hash of the bytes that lie there now as hex, or None if there are none."""
        del seen
        try:
            status = self.path(key).stat()
        except FileNotFoundError:
            return None
        return _hash_cached(str(self.path(key)), status.st_size, status.st_mtime_ns, status.st_ino)

    def reread(self, key: str) -> str | None:
        """The hash of an object's bytes as hex, even if they were changed without a trace since they were hashed."""
        _hash_cached.cache_clear()
        return self.sha256(key)

    def local(self, key: str, sha256: str) -> Path:
        """Where an object lies; by its hash was found that it is whole."""
        found = self.sha256(key)
        if found is None:
            raise Gone(self.address(key))
        if found != sha256:
            raise Damaged(self.address(key), other_bytes(sha256, found))
        return self.path(key)

    def copy(self, key: str, path: Path) -> None:
        """Write the bytes of an object, whatever they are, into a file."""
        shutil.copyfile(self.path(key), path)

    def list(self, prefix: str, closed: dict[str, str] | None = None) -> Iterator[Entry]:
        """Every object below a prefix (a folder's key), in order of the keys. Links are not followed.

        Args:
            prefix: Where to look; empty for all of the store.
            closed: Takes the keys of folders that do not open, and why; without it they are an error.
        """
        for key, found in self._walk(prefix, closed):
            if found.is_file(follow_symlinks=False):
                try:
                    status = found.stat()
                except FileNotFoundError:  # it went away meanwhile
                    continue
                yield _entry(key, status)

    def odd(self, prefix: str) -> dict[str, str]:
        """What cannot be taken for an object below a prefix, by key, and why: links, pipes, folders that do not open."""
        closed: dict[str, str] = {}
        no_file = [key for key, found in self._walk(prefix, closed) if not found.is_file(follow_symlinks=False)]
        return dict.fromkeys(no_file, "it is a link or the like, and not followed: deliver the file itself") | closed

    def _walk(self, prefix: str, closed: dict[str, str] | None) -> Iterator[tuple[str, os.DirEntry[str]]]:
        try:
            # With the dot it takes the right to enter the folder, too: without that, it tells names and opens no file.
            found = [(entry, entry.is_dir(follow_symlinks=False)) for entry in os.scandir(f"{self.address(prefix)}/.")]
        except (FileNotFoundError, NotADirectoryError):
            return
        except PermissionError:
            if closed is None:
                raise
            closed[prefix] = "this user may not open it: give it the right to"
            return
        # A folder's keys come where its name with a slash does: `a-b` before `a/x`, as in any other store.
        for entry, is_folder in sorted(found, key=lambda pair: pair[0].name + "/" * pair[1]):
            key = f"{prefix}/{entry.name}".lstrip("/")
            if is_folder:
                yield from self._walk(key, closed)
            else:
                yield key, entry

    @contextlib.contextmanager
    def draft(self, key: str) -> Iterator[Path]:
        """A file to write an object into, to be placed later; removed at the end, if it was not."""
        target, aside = self.path(key), self.path(_ASIDE)
        with self._permitted(key):
            if not aside.is_dir():
                aside.mkdir(parents=True, exist_ok=True)
            # Cut, or a name as long as names may be would be too long with more at its end.
            handle, name = tempfile.mkstemp(prefix=f"{target.name[:_PREFIX]}.", suffix=".tmp", dir=aside)
        os.close(handle)
        path = Path(name)
        try:
            with _at(target, path):
                yield path
        finally:
            path.unlink(missing_ok=True)

    def _create(self, key: str, draft: Path, tags: Tags) -> None:
        del tags  # a folder has no rules that go by them
        if draft.stat().st_size:  # what has no bytes has none to lose
            _sync(draft)
        with self._locked():
            if self.path(key).exists():
                if self.sha256(key) == hash_file(draft):
                    return
                raise Lost(self.address(key))
            self._place(draft, key)

    def _replace(self, key: str, draft: Path, seen: Entry | None, tags: Tags, commit: str) -> None:
        del tags, commit
        _sync(draft)
        with self._locked():
            if self.entry(key) != seen:
                raise Lost(self.address(key))
            if seen:
                # Two of the same size may follow each other faster than the clock of the disk ticks.
                newer_ns = max(draft.stat().st_mtime_ns, seen.modified_ns + 1)
                os.utime(draft, ns=(newer_ns, newer_ns))
            self._place(draft, key)

    def _write(self, key: str, draft: Path, tags: Tags) -> None:
        del tags
        _sync(draft)
        self._place(draft, key)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Wait for whoever compares and renames, and be the next; the lock ends with the process."""
        with self.path("_write.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _place(self, draft: Path, key: str) -> None:
        target = self.path(key)
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
        draft.chmod(0o644)
        draft.replace(target)
        _sync(target.parent)

    def _withdraw(self, key: str, seen: Entry) -> None:
        with self._locked():
            if self.entry(key) != seen:
                raise Lost(self.address(key))
            self.path(key).unlink()

    def _remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.path(key).unlink(missing_ok=True)

    def _move(self, prefix: str, to: str, but: str, may_go: Callable[[], object]) -> Iterator[int]:
        may_go()
        for seen in self.list(prefix):
            name = seen.key[len(prefix) + 1 :]
            if name != but:
                self._move_one(seen, f"{to}/{name}")
                yield 1
        self._remove_empty(prefix)

    def _move_one(self, seen: Entry, to: str) -> None:
        with self._locked():
            if self.entry(to):  # it stays
                to += f".{seen.modified_ns}"
            self.path(to).parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # another who moves the same came first
                self.path(seen.key).rename(self.path(to))

    def _purge(self, prefix: str) -> Iterator[int]:
        for seen in self.list(prefix):
            self._remove([seen.key])
            yield 1
        self._remove_empty(prefix)

    def _remove_empty(self, prefix: str) -> None:
        """Remove the folders that nothing lies in any more, and those above that held nothing else."""
        with self._locked():
            for folder, *_ in os.walk(self.path(prefix), topdown=False):
                with contextlib.suppress(OSError):  # something lies there
                    Path(folder).rmdir()
            with contextlib.suppress(OSError):
                for above in Path(prefix).parents[:-1]:
                    self.path(str(above)).rmdir()

    def sweep(self, now: datetime, remove: bool) -> int:
        """Find the temporary files of writers that were killed: those that are older than any writer lives."""
        found = 0
        for path in self.path(_ASIDE).glob("*.tmp"):
            with contextlib.suppress(FileNotFoundError):  # its writer has finished meanwhile
                if now - datetime.fromtimestamp(path.stat().st_mtime, UTC) > WRITER_LIVES:
                    found += 1
                    if remove:
                        path.unlink()
        return found

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Hold the store for one process at a time that asks for this name; whoever does not ask is not held back.

        The lock is the operating system's and ends with the process, however that ends.

        Raises:
            Held: Another process holds it.
        """
        self._permit(f"_{name}.lock")
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.path(f"_{name}.lock")
        with path.open("a+", encoding="utf-8") as file:
            for patience in range(_TRIES, 0, -1):  # `is_held` takes it for a moment, too
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if patience == 1:
                        file.seek(0)
                        raise Held(file.read().strip()) from error
                    time.sleep(_TRY_AGAIN_SECONDS)
            with _at(path, path):
                file.truncate(0)
                file.write(f"{os.getpid()}\n")
                file.flush()
            yield

    def is_held(self, name: str) -> bool:
        """Whether a process holds the store by this name."""
        try:
            with self.path(f"_{name}.lock").open(encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False


@contextlib.contextmanager
def _at(place: Path, written: Path) -> Iterator[None]:
    """Let a full disk be told by the object that was written: it names none, or a temporary file."""
    try:
        yield
    except OSError as error:
        if is_full(error) and (error.filename in (None, str(written)) or error.filename2 == str(written)):
            error.filename, error.filename2 = str(place), None
        raise


def _entry(key: str, status: os.stat_result) -> Entry:
    return Entry(key, status.st_size, status.st_mtime_ns, str(status.st_mtime_ns))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@lru_cache(maxsize=100_000)
def _hash_cached(path: str, size: int, modified_ns: int, inode: int) -> str:
    """A file that is renamed into place has a new inode, so the four together name its bytes."""
    del size, modified_ns, inode
    return hash_file(Path(path))
