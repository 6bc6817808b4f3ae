"""Killed, or out of room, at any write: readers see what was or what comes, the next run makes up for it, nothing is left."""

import contextlib
import resource
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from dataops_assets.storage import leftovers
from dataops_assets.storage.errors import in_words, is_lasting
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.killing import (
    DAYS,
    LATER,
    Place,
    deliver_anew,
    drop_day,
    kill_at,
    opened,
    over_prod,
    redelivered,
    remove_some,
    run_until,
)
from dataops_assets_tests.s3_server import Bucket
from dataops_assets_tests.trees import NOW, Tree


def files(tree: Tree, *zones: str) -> dict[str, bytes]:
    """Every file in some zones; without any, in all but landing, and without what is being written."""
    found = {path.relative_to(tree.store.root): path for path in tree.store.root.rglob("*") if path.is_file()}
    wanted = {str(name): path.read_bytes() for name, path in found.items() if name.parts[0] not in ("_tmp", "landing")}
    return {name: content for name, content in wanted.items() if not zones or name.split("/")[0] in zones}


def test_process_that_is_killed_at_any_write(tmp_path: Path) -> None:
    before = files(redelivered(tmp_path / "base"))
    shutil.copytree(tmp_path / "base", tmp_path / "undisturbed")
    points = run_until(tmp_path / "undisturbed", None)
    after = files(opened(tmp_path / "undisturbed"))
    assert points >= 40
    assert before != after
    for point in range(1, points + 1):
        root = tmp_path / str(point)
        shutil.copytree(tmp_path / "base", root)

        tree = opened(root)
        kill_at(root, point, look=partial(read_all, tree, before, after))

        for name, content in files(tree).items():
            assert content in (before.get(name), after.get(name)), f"{name}, killed at {point}"
        for name, partitions in (("stations", [None]), ("readings", DAYS), ("daily", ["2024-01"])):
            assert tree.read(name, *partitions).height  # none is without what explains it

        assert {outcome.status for outcome in tree.run(now=LATER)} <= {"done", "refused"}
        assert files(tree) == after, f"killed at {point}"
        shutil.rmtree(root)


@pytest.mark.s3
@pytest.mark.parametrize("in_parts", [False, True])
def test_process_on_s3_that_is_killed_at_any_write(
    tmp_path: Path, bucket: Bucket, in_parts: bool, pytestconfig: pytest.Config
) -> None:
    """As in a folder; by default not at each of the points, which take a second each."""
    base = contents(redelivered(tmp_path / "base", Place(bucket, "base")))
    put_back(tmp_path / "undisturbed", Place(bucket, "undisturbed"), base)
    points = run_until(tmp_path / "undisturbed", None, Place(bucket, "undisturbed", in_parts))
    after = contents(opened(tmp_path / "undisturbed", Place(bucket, "undisturbed")))
    assert points >= (120 if in_parts else 40)
    some = 47 if in_parts else 19
    for point in range(1, points + 1, 1 if pytestconfig.getoption("--rounds") > 1 else some):
        root, place = tmp_path / str(point), Place(bucket, str(point), in_parts)
        put_back(root, place._replace(in_parts=False), base)

        tree = opened(root, place)
        kill_at(root, point, place, look=partial(read_all, tree, base, after))

        for name, content in contents(tree).items():
            assert content in (base.get(name), after.get(name)), f"{name}, killed at {point}"
        for name, partitions in (("stations", [None]), ("readings", DAYS), ("daily", ["2024-01"])):
            assert tree.read(name, *partitions).height  # none is without what explains it

        assert {outcome.status for outcome in tree.run(now=LATER)} <= {"done", "refused"}
        assert contents(tree) == after, f"killed at {point}"
        store = tree.lake.store
        assert isinstance(store, S3)
        swept = leftovers.sweep(tree.lake, datetime.now(UTC) + timedelta(days=2), remove=True)
        assert swept.orphans == ()
        assert swept.unfinished > 0  # drafts of the one that was killed
        assert [*store.unfinished(), *(root / "here/_tmp").iterdir()] == []


def read_all(tree: Tree, before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Read what is published, as others do while a run is at work."""
    for name in after:
        if name.endswith("data.parquet"):
            assert tree.lake.store.read(name) in (before.get(name), after.get(name)), f"{name} while it was written"


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.s3)])
def copied(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], tuple[Path, Place | None]]:
    """Makes copies of a place in which all is published, each beside a prod that holds the same."""
    place = Place(request.getfixturevalue("bucket"), "base") if request.param == "bucket" else None
    base = redelivered(tmp_path / "base", place)
    kept = contents(base)
    redelivered(tmp_path / "prod")

    def copy(name: str) -> tuple[Path, Place | None]:
        root, here = tmp_path / name, place._replace(prefix=name) if place else None
        if here:
            put_back(root, here, kept)
        else:
            shutil.copytree(base.root, root)
        shutil.copytree(tmp_path / "prod/data", root / "prod")
        return root, here

    return copy


def test_drop_that_is_killed_at_any_change(copied: Callable[[str], tuple[Path, Place | None]]) -> None:
    """Whoever reads meanwhile sees the branch's own, or nothing: never prod's."""
    root, place = copied("undisturbed")
    points = run_until(root, None, place, drop_day)
    assert points == 4
    for point in range(1, points + 1):
        root, place = copied(str(point))
        tree, sides = opened(root, place), set[str | None]()

        def look(tree: Tree = tree, sides: set[str | None] = sides) -> None:
            held = over_prod(tree).holder("staged", tree["readings"], DAYS[0])
            sides.add(held[0].where if held else None)

        kill_at(root, point, place, drop_day, look)

        look()
        assert sides <= {tree.lake.store.where, None}, f"killed at {point}"
        with contextlib.suppress(LookupError):  # it was dropped
            drop_day(tree)
        assert over_prod(tree).holder("staged", tree["readings"], DAYS[0]) is None
        assert over_prod(tree).holder("staged", tree["readings"], DAYS[1])


def test_removal_that_is_killed_at_any_change(copied: Callable[[str], tuple[Path, Place | None]]) -> None:
    """Of what is to go, all or some has gone, and nothing else; the next makes up for it."""
    points = None
    for point in count(0):
        root, place = copied(str(point))
        tree = opened(root, place)
        store, whole = tree.lake.store, contents(tree)
        if isinstance(store, S3):
            store.client.create_multipart_upload(Bucket=store.bucket, Key=f"{point}/staged/begun")
        if points is None:
            points = run_until(root, None, place, remove_some)
            assert points == (4 if place else 2)
        else:
            kill_at(root, point, place, remove_some)
        stays = {name: content for name, content in whole.items() if not name.startswith("quarantine/")}
        assert stays.items() <= contents(tree).items() <= whole.items()
        remove_some(tree)
        assert contents(tree) == stays
        assert not isinstance(store, S3) or store.unfinished() == []
        if point == points:
            break


def contents(tree: Tree) -> dict[str, bytes]:
    """Every object but those in landing."""
    tops = ("raw", "staged", "quarantine", "curated", "_verdicts", "_provenance", "_sha256")
    return {entry.key: tree.lake.store.read(entry.key) or b"" for top in tops for entry in tree.lake.store.list(top)}


def put_back(root: Path, place: Place, base: dict[str, bytes]) -> None:
    """Make another prefix such as one was, and deliver anew."""
    tree = opened(root, place)
    for key, content in base.items():
        tree.lake.store.write(key, content, {})
    deliver_anew(tree)


def test_disk_that_is_full_at_any_write(tmp_path: Path) -> None:
    before = files(redelivered(tmp_path / "base"))
    shutil.copytree(tmp_path / "base", tmp_path / "undisturbed")
    points = run_until(tmp_path / "undisturbed", None)
    after = files(opened(tmp_path / "undisturbed"))
    told = set()
    for write in range(1, points // 2 + 1):
        root = tmp_path / str(write)
        shutil.copytree(tmp_path / "base", root)
        tree = opened(root)

        with no_room_from(write), pytest.raises(OSError, match="File too large") as caught:
            tree.run(now=LATER)

        assert is_lasting(caught.value)
        place = Path(caught.value.filename).relative_to(tree.store.root)
        told.add(place.parts[0])
        assert in_words(caught.value) == f"{root}/data/{place}: File too large. Make room on that disk, and run again"
        assert all(content in (before.get(name), after.get(name)) for name, content in files(tree).items())
        assert [*(tree.store.root / "_tmp").iterdir()] == []
        assert {outcome.status for outcome in tree.run(now=LATER)} <= {"done", "refused"}
        assert files(tree) == after
    assert told == {"raw", "staged", "quarantine", "curated", "_verdicts", "_provenance"}


@contextlib.contextmanager
def no_room_from(write: int) -> Iterator[None]:
    """Let no file grow any more, as on a disk that is full, from a write onwards."""
    writes, real = count(1), Folder.draft
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    def draft(self: Folder, key: str) -> contextlib.AbstractContextManager[Path]:
        if next(writes) == write:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, limit[1]))
        return real(self, key)

    Folder.draft = draft  # type: ignore[method-assign]
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        Folder.draft = real  # type: ignore[method-assign]


def test_what_a_killed_writer_left_is_swept_once_it_is_old(tmp_path: Path) -> None:
    tree = redelivered(tmp_path)
    kill_at(tmp_path, 1)
    [left] = (tree.store.root / "_tmp").iterdir()
    now = datetime.now(UTC)
    assert (tree.store.sweep(now, remove=True), left.exists()) == (0, True)  # it could be a writer's that is alive
    assert (tree.store.sweep(now + timedelta(days=2), remove=False), left.exists()) == (1, True)
    assert (tree.store.sweep(now + timedelta(days=2), remove=True), left.exists()) == (1, False)


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=400)])
def test_clock_that_is_set_back_changes_nothing(tmp_path: Path, back: timedelta) -> None:
    tree, right = redelivered(tmp_path / "back"), redelivered(tmp_path / "right")
    right.run(now=LATER)

    assert {outcome.status for outcome in tree.run(now=NOW - back)} <= {"done", "refused"}
    assert tree.read("readings", *DAYS).height == 6
    tree.run(now=LATER)

    assert files(tree, "staged", "quarantine", "curated") == files(right, "staged", "quarantine", "curated")
    assert tree.run(now=LATER) == []
