"""A run of the small tree that is killed by SIGKILL at a chosen write, as a process of its own.

Not in a test module, so that the server that makes the processes can load it once, before it copies itself.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from dataops_assets.storage import layout, publishing
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.branches import let_branches_read
from dataops_assets_tests.s3_server import ONCE, Bucket
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAYS = ["2024-01-01", "2024-01-02"]
LATER = NOW + timedelta(hours=1)
REJECTED = {"hour": 99}


Act = Callable[[Tree], None]
CHANGES = (
    "put_object",
    "create_multipart_upload",
    "upload_part",
    "complete_multipart_upload",
    "abort_multipart_upload",
    "delete_object",
    "delete_objects",
)
"""The requests of a bucket that change it."""


class Place(NamedTuple):
    """A prefix in a bucket, and whether objects are put there in parts."""

    bucket: Bucket
    prefix: str
    in_parts: bool = False


@dataclass
class InABucket(Tree):
    """A tree whose store is a prefix of a bucket.

    Attributes:
        place: Where.
    """

    place: "Place | None" = None

    @property
    def lake(self) -> Lake:
        if self._lake is None:
            assert self.place
            client = self.place.bucket.client(retries=ONCE)
            here, parts = Folder(self.root / "here"), self.place.in_parts
            store = S3(self.place.bucket.name, self.place.prefix, here, client=client, in_parts=parts)
            self._lake = Lake(self.catalog(), store, erasure_key=self.erasure_key)
        return self._lake

    def drop(self, dataset: str, file: str, content: str | bytes, written: datetime | None = None) -> Path:
        del written
        key = f"{layout.landing(self[dataset])}/{file}"
        self.lake.store.write(key, content if isinstance(content, bytes) else content.encode(), {})
        return Path(key)


def opened(root: Path, place: Place | None = None) -> Tree:
    """The tree in a folder, or in a bucket, whose month has two days."""
    tree = InABucket(root, place=place) if place else Tree(root)
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-02")
    return let_branches_read(tree)


class Died(BaseException):
    """As a process ends that is killed, in this one."""


@contextmanager
def dying_before(key: str) -> Iterator[None]:
    """Whoever is about to let an object of a folder be seen dies."""
    real = Folder._place

    def place(self: Folder, draft: Path, written: str) -> None:
        if written == key:
            raise Died
        real(self, draft, written)

    with mock.patch.object(Folder, "_place", place), suppress(Died):
        yield
        raise AssertionError(f"nobody wrote {key}")


def redelivered(root: Path, place: Place | None = None) -> Tree:
    """A tree in which all is published, of which the stations and two days were delivered anew: the second is refused."""
    tree = opened(root, place)
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS:
        tree.drop("readings", f"{day}.csv", readings(day, REJECTED))
    assert {outcome.status for outcome in tree.run()} == {"done"}
    deliver_anew(tree)
    return tree


def deliver_anew(tree: Tree) -> None:
    """Drop other stations and other days into landing."""
    tree.drop("stations", "stations.csv", STATIONS.replace("94", "95"))
    tree.drop("readings", f"{DAYS[0]}.csv", readings(DAYS[0], {"temperature": 9}, REJECTED))
    tree.drop("readings", f"{DAYS[1]}.csv", readings(DAYS[1], *[REJECTED] * 4))


def run_all(tree: Tree) -> None:
    """Do what is pending."""
    tree.run(now=LATER)


def over_prod(tree: Tree) -> Lake:
    """What a tree holds, as a branch over the prod that lies beside it."""
    return replace(tree.lake, base=Folder(tree.root / "prod"))


def drop_day(tree: Tree) -> None:
    """Drop the first day in a branch."""
    publishing.drop(over_prod(tree), tree["readings"], DAYS[0])


def remove_some(tree: Tree) -> None:
    """End what was left half done, as if it were old, and remove what was rejected."""
    store = tree.lake.store
    store.sweep(datetime.now(UTC) + timedelta(days=2), remove=True)
    store.remove([entry.key for entry in store.list("quarantine")])


def run_until(root: Path, point: int | None, place: Place | None = None, act: Act = run_all) -> int:
    """Act, and die at one of the points: each change has one before it can be seen, and one after.

    Returns:
        How many points there are.
    """
    points = count(1)
    tree = opened(root, place)

    def pass_by(path: Path | None = None) -> None:
        if next(points) == point:
            if path:
                os.truncate(path, path.stat().st_size // 2)  # as if it had been written half
            os.kill(os.getpid(), signal.SIGKILL)

    def passing(real: Callable[..., Any], *given: Any, **named: Any) -> Any:
        pass_by(next((one for one in given if isinstance(one, Path)), None))
        answer = real(*given, **named)
        pass_by()
        return answer

    store = tree.lake.store
    with ExitStack() as patched:
        if isinstance(store, S3):
            for request in CHANGES:
                setattr(store.client, request, partial(passing, getattr(store.client, request)))
        else:
            for change in ("_place", "_withdraw", "_remove"):
                patched.enter_context(mock.patch.object(Folder, change, _passed(passing, getattr(Folder, change))))
        act(tree)
    return next(points) - 1


def _passed(passing: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: passing(real, *given)


def kill_at(
    root: Path, point: int, place: Place | None = None, act: Act = run_all, look: Callable[[], object] = lambda: None
) -> None:
    """Act in a process that dies at a point; whoever reads looks all the while."""
    look()  # which reads the contracts, before the process writes them anew
    # Of a process that has threads already, no copy can be made.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["__main__", __name__])
    killed = processes.Process(target=run_until, args=(root, point, place, act))
    killed.start()
    while killed.is_alive():
        look()
        killed.join(0.02)
    assert killed.exitcode == -signal.SIGKILL
