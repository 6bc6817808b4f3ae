"""Whether a store does what publishing relies on: of many who write at the same time, just one comes first, and all know it.

Nothing is taken on trust: a store is made to choose between many writers, round after round, and what it says is compared with
what lies there afterwards. It works below a prefix of its own, where nobody looks for data.

Not here: whether the store is reached, and by whom (`observe.doctor`).
"""

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from uuid import uuid4

from dataops_assets.storage import layout
from dataops_assets.storage.errors import Damaged, Lost, Unrepeatable
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.store import Entry, Store

WRITERS = 32
ROUNDS = 10
TAGS = {"lifecycle": "probe", "readers": "nobody"}

ONE_WINNER = "one of those who write at the same time wins, and all others are told that they lost"
KEPT = "what the winner wrote is there afterwards"
LISTED = "a listing shows it at once"
ETAG = "the ETag changes with the bytes"
HASHED = "the SHA-256 of the bytes comes back"
LAWS = (ONE_WINNER, KEPT, LISTED, ETAG, HASHED)
"""What must hold in every round."""


@dataclass(frozen=True)
class Breach:
    """A law that did not hold.

    Attributes:
        law: Which of `LAWS`.
        act: What the writers did: `create`, or `replace` what they had all seen.
        rounds: In how many rounds it did not.
        told: What happened in the first of them.
    """

    law: str
    act: str
    rounds: int
    told: str


@dataclass(frozen=True)
class Conformance:
    """What a probe found.

    Attributes:
        writers: How many wrote at the same time.
        rounds: How often they created an object, and how often they replaced it.
        breaches: The laws that did not hold.
        left: The prefix of what could not be removed; empty if nothing was left.
    """

    writers: int
    rounds: int
    breaches: tuple[Breach, ...]
    left: str


def probe(
    open_store: Callable[[], Store],
    rounds: int = ROUNDS,
    writers: int = WRITERS,
    remove: bool = True,
    after_round: Callable[[], None] = lambda: None,
) -> Conformance:
    """Let many writers race for one object, again and again.

    Args:
        open_store: Gives each writer a store of its own, with a connection of its own.
        rounds: How often an object is created, and replaced.
        writers: How many there are.
        remove: Whether what was written may be removed at the end.
        after_round: Called after each round.

    Raises:
        OSError: A writer was told neither that it won nor that it lost.
    """
    stores = [open_store() for _ in range(writers)]
    prefix = f"{layout.TRIALS}/{uuid4().hex}"
    keys = [f"{prefix}/{number:06}" for number in range(rounds)]
    found: list[tuple[str, str, str]] = []
    try:
        with ThreadPoolExecutor(max_workers=writers) as pool:
            for number, key in enumerate(keys):
                reader = stores[number % writers]
                for act in ("create", "replace"):
                    found += [(law, act, told) for law, told in _race(pool, stores, reader, key, act)]
                after_round()
    finally:
        if remove:
            _clear(stores[0], prefix, keys)
    breaches: list[Breach] = []
    for law in LAWS:
        for act in ("create", "replace"):
            if told := [what for broken, when, what in found if (broken, when) == (law, act)]:
                breaches.append(Breach(law, act, len(told), told[0]))
    return Conformance(writers, rounds, tuple(breaches), "" if remove else prefix)


def makes_again(store: Store) -> str:
    """Make an object, remove it, and make it again, as happens to a partition that is dropped.

    Returns:
        What the store said if it does not do so; empty if it does.
    """
    prefix = f"{layout.TRIALS}/{uuid4().hex}"
    key = f"{prefix}/again"
    try:
        store.create(key, b"once", TAGS)
        store.remove([key])
        store.create(key, b"again", TAGS)
    except Unrepeatable as error:
        return str(error.strerror)
    finally:
        _clear(store, prefix, [key])
    return ""


def _race(pool: ThreadPoolExecutor, stores: Sequence[Store], reader: Store, key: str, act: str) -> list[tuple[str, str]]:
    """One round: the laws that did not hold, with what happened."""
    seen, before = (reader.entry(key), reader.read(key)) if act == "replace" else (None, None)
    start = Barrier(len(stores))
    contents = [f"{act} {key} {writer}".encode() for writer in range(len(stores))]

    def write(writer: int, draft: Path) -> bool:
        start.wait()
        try:
            if act == "create":
                stores[writer].create(key, draft, TAGS)
            else:
                stores[writer].replace(key, draft, seen, TAGS)
        except Lost:
            return False
        return True

    with contextlib.ExitStack() as drafts:
        paths = [drafts.enter_context(store.draft(key)) for store in stores]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        won = list(pool.map(write, range(len(stores)), paths))
    winners = [content for content, has_won in zip(contents, won, strict=True) if has_won]
    return _broken(reader, key, seen, before, winners)


def _broken(
    reader: Store, key: str, seen: Entry | None, before: bytes | None, winners: Sequence[bytes]
) -> list[tuple[str, str]]:
    """Each law is held against what the others leave open, so that one fault is told once."""
    broken = []
    if len(winners) != 1:
        broken.append((ONE_WINNER, f"{len(winners)} were told that they had won"))
    listed = {entry.key: entry for entry in reader.list(key.rpartition("/")[0])}.get(key)
    entry = reader.entry(key)
    try:
        content = reader.read(key)
    except Damaged as error:
        return [*broken, (KEPT, str(error))]
    if content not in (winners or (before,)):
        broken.append((KEPT, "nothing is there" if content is None else f"{content.decode(errors='replace')!r} is there"))
    if listed != entry:
        broken.append((LISTED, "it shows what was there before" if listed else "it shows nothing there"))
    if entry and seen and entry.etag == seen.etag and content != before:
        broken.append((ETAG, f"it is {entry.etag} for other bytes, too"))
    if content is not None and (hashed := reader.sha256(key)) != hashlib.sha256(content).hexdigest():
        broken.append((HASHED, f"{hashed} came back"))
    return broken


def _clear(store: Store, prefix: str, keys: Sequence[str]) -> None:
    store.remove(keys)
    if isinstance(store, Folder):  # a bucket has no folders
        with contextlib.suppress(OSError):  # another probe is at work beside this one
            store.path(prefix).rmdir()
            store.path(prefix).parent.rmdir()
