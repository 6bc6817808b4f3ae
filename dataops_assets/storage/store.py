"""What a store of objects can do, be it a folder (`folder`) or a bucket (`s3`): whole objects, found by key.

An object comes to be in one of three ways: created where there was none, put in place of just the one that was seen, or, in
landing, written by a provider in place of whatever is there. Each is all or nothing: whoever reads sees the old object or the
new one. What is left to the two is how that is done; that a write may be refused before its first byte is done here.
"""

import contextlib
import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dataops_assets.storage.errors import Closed, Forbidden, NotSignedIn

if TYPE_CHECKING:
    from dataops_assets.storage.folder import Folder

CHUNK_BYTES = 1 << 20
WRITER_LIVES = timedelta(days=1)
"""What is half done for longer than this was left by a writer that is gone."""

Tags = Mapping[str, str]
"""What rules for lifecycle and access go by, set together with the object."""


Thing = TypeVar("Thing")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Entry:
    """An object in a listing.

    Attributes:
        key: Its key, from the top of the store.
        bytes: Its size.
        modified_ns: When it was last written, in nanoseconds since 1970, UTC.
        etag: Another one means that other bytes are there.
    """

    key: str
    bytes: int
    modified_ns: int
    etag: str


def anyone(key: str) -> None:
    """The permit of a store that all who reach it may write to."""


def nobody_watches(error: PermissionError) -> None:
    """For a store whose denials are told to whoever tried, and to nobody else."""


class Store(ABC):
    """A store of objects.

    Args:
        where: How people call its top: a folder, or the address of a prefix in a bucket.
        permit: Raises `Forbidden` for a key that this process may not write.
        denied: Is told of a write or removal that the store itself denies.
    """

    def __init__(
        self,
        where: str,
        permit: Callable[[str], None] = anyone,
        denied: Callable[[PermissionError], None] = nobody_watches,
    ):
        self.where = where
        self._permit = permit
        self._denied = denied

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Store) and self.where == other.where)

    def __hash__(self) -> int:
        return hash(self.where)

    def address(self, key: str) -> str:
        """Where people find an object."""
        return f"{self.where}/{key}"

    @property
    def itself(self) -> "Store":
        """The store, where this is only a look at it: what is kept for long is kept for that."""
        return self

    @property
    @abstractmethod
    def here(self) -> "Folder":
        """The folder on this machine for locks and what is being written."""

    @abstractmethod
    def list(self, prefix: str, closed: dict[str, str] | None = None) -> Iterator[Entry]:
        """Every object below a prefix (a folder's key), in order of the keys.

        Args:
            prefix: Where to look; empty for all of the store.
            closed: Takes the keys of folders that do not open, and why; without it they are an error.
        """

    def each(self, look: Callable[[Thing], Found], things: Iterable[Thing]) -> Sequence[Found]:
        """Look at many things that lie here; what is found, in their order."""
        return [look(thing) for thing in things]

    def odd(self, prefix: str) -> dict[str, str]:
        """What lies below a prefix and cannot be taken for an object, by key, and why."""
        del prefix
        return {}

    @abstractmethod
    def is_tagged(self, key: str, tags: Tags) -> bool:
        """Whether an object was written with just these tags; a store that keeps none says so of any."""

    @abstractmethod
    def entry(self, key: str) -> Entry | None:
        """An object as a listing would show it now, or None if there is none."""

    @abstractmethod
    def folders(self, prefix: str) -> Iterator[str]:
        """The names directly below a prefix that something lies below, in order of the keys there."""

    @abstractmethod
    def load(self, key: str) -> tuple[Entry, bytes] | None:
        """An object and its bytes, both of one moment; None if there is none.

        Raises:
            Damaged: They are not those that were written.
        """

    @abstractmethod
    def read(self, key: str) -> bytes | None:
        """The bytes of an object, or None if there is none.

        Raises:
            Damaged: They are not those that were written.
        """

    @abstractmethod
    def sha256(self, key: str, seen: Entry | None = None) -> str | None:
        """The hash of an object's bytes as hex, or None if there is none.

        Args:
            key: Which.
            seen: The object in a listing, where it was just seen there.
        """

    @abstractmethod
    def reread(self, key: str) -> str | None:
        """The hash of an object's bytes as hex, all of them read now; None if there is none.

        Whatever was known of these bytes before: from now on `sha256` says what was found.
        """

    @abstractmethod
    def local(self, key: str, sha256: str) -> Path:
        """A file on this machine with the bytes of an object, which have this hash.

        Raises:
            FileNotFoundError: It is there no more.
            Damaged: Its bytes have another hash.
        """

    @abstractmethod
    def copy(self, key: str, path: Path) -> None:
        """Write the bytes of an object, whatever they are, into a file on this machine.

        Raises:
            FileNotFoundError: It is there no more.
        """

    @abstractmethod
    @contextlib.contextmanager
    def draft(self, key: str) -> Iterator[Path]:
        """A file on this machine to write an object into, to be placed later; removed at the end, if it was not."""

    def create(self, key: str, content: bytes | Path, tags: Tags) -> None:
        """Make an object where there is none. One with the same bytes is as good.

        Args:
            key: Which.
            content: Its bytes, or the draft that holds them.
            tags: Its tags.

        Raises:
            Lost: There is one with other bytes.
            Forbidden: This process may not write there.
        """
        with self._drafted(key, content) as draft, self._permitted(key):
            self._create(key, draft, tags)

    def replace(self, key: str, draft: Path, seen: Entry | None, tags: Tags, commit: str = "") -> None:
        """Let a draft become the object in place of the one that was seen.

        Args:
            key: Which.
            draft: The file that holds its bytes.
            seen: The object as it was seen last; None if there was none.
            tags: Its tags.
            commit: The id of this act, if it has one, kept with the object where the store can.

        Raises:
            Lost: Another one is there, and not the draft's bytes.
            Forbidden: This process may not write there.
        """
        with self._permitted(key):
            self._replace(key, draft, seen, tags, commit)

    def write(self, key: str, content: bytes | Path, tags: Tags) -> None:
        """Write an object in place of the one that may be there, as a provider does.

        Raises:
            Forbidden: This process may not write there.
        """
        with self._drafted(key, content) as draft, self._permitted(key):
            self._write(key, draft, tags)

    def withdraw(self, key: str, seen: Entry) -> None:
        """Remove just the object that was seen.

        Raises:
            Lost: Another one is there, or none.
            Forbidden: This process may not write there.
        """
        with self._permitted(key):
            self._withdraw(key, seen)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are there no more are as good.

        Raises:
            PermissionError: One of them may not be removed.
        """
        with self._permitted(*keys):
            self._remove(keys)

    def why_not_moved(self) -> str:
        """Why what lies here cannot be moved without loss, and the way out, in words; empty if it can."""
        return ""

    def move(self, prefix: str, to: str, but: str = "", may_go: Callable[[], object] = lambda: None) -> Iterator[int]:
        """Move all that lies below a prefix to below another one, with its tags; that which lies there stays.

        Who moves on where another was interrupted finishes it, and two who move the same do no harm.

        Args:
            prefix: Where it lies.
            to: Where it goes. Where another object lies in its way, it goes beside that, under a name of its own.
            but: The name, from the prefix, of the object that stays.
            may_go: Raises if it is to be moved no more. It is asked time and again, of a bucket after each listing: what was
                brought back by then is in none that it lets go.

        Yields:
            How many objects were moved, time and again.
        """
        with self._permitted(f"{prefix}/", f"{to}/"):
            yield from self._move(prefix, to, but, may_go)

    def purge(self, prefix: str) -> Iterator[int]:
        """Remove all that lies below a prefix, and what lay there before, for good.

        Yields:
            How many objects were removed, time and again.
        """
        with self._permitted(f"{prefix}/"):
            yield from self._purge(prefix)

    @abstractmethod
    def sweep(self, now: datetime, remove: bool) -> int:
        """Find what killed writers left half done: what is older than any writer lives.

        Args:
            now: The time.
            remove: Whether it may be removed; of a bucket, what lies on this machine is removed in any case.

        Returns:
            How many there were.
        """

    @contextlib.contextmanager
    def _permitted(self, *keys: str) -> Iterator[None]:
        """Change keys if this process may; what the store denies in spite of that is told to who watches, too."""
        for key in keys:
            self._permit(key)
        try:
            yield
        except PermissionError as error:
            # Not what the code refuses, nor what nobody known asks, nor a file of this machine on its way to a bucket.
            if not isinstance(error, Closed | Forbidden | NotSignedIn) and f"{error.filename}/".startswith(f"{self.where}/"):
                self._denied(error)
            raise

    @contextlib.contextmanager
    def _drafted(self, key: str, content: bytes | Path) -> Iterator[Path]:
        if isinstance(content, Path):
            yield content
            return
        with self.draft(key) as path:
            path.write_bytes(content)
            yield path

    @abstractmethod
    def _create(self, key: str, draft: Path, tags: Tags) -> None: ...

    @abstractmethod
    def _replace(self, key: str, draft: Path, seen: Entry | None, tags: Tags, commit: str) -> None: ...

    @abstractmethod
    def _write(self, key: str, draft: Path, tags: Tags) -> None: ...

    @abstractmethod
    def _withdraw(self, key: str, seen: Entry) -> None: ...

    @abstractmethod
    def _remove(self, keys: Sequence[str]) -> None: ...

    @abstractmethod
    def _move(self, prefix: str, to: str, but: str, may_go: Callable[[], object]) -> Iterator[int]: ...

    @abstractmethod
    def _purge(self, prefix: str) -> Iterator[int]: ...


def other_bytes(expected: str, found: str) -> str:
    """How damage is told of."""
    return f"its bytes have the SHA-256 {found}, but {expected} was written: bring that version of it back"


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            found.update(chunk)
    return found.hexdigest()


def jitter_seconds(attempt: int) -> float:
    """How long to wait before a further attempt: at random, up to twice as long each time, 5 s at most.

    Source: "Exponential backoff and jitter", AWS Architecture Blog ("full jitter").
    """
    return random.uniform(0, min(5.0, 0.05 * 2**attempt))
