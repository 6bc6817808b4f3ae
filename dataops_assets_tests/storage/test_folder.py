"""A folder as a store: whole objects or none, and listings that show nothing else."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataops_assets.storage.folder import Folder, Held


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "data")


@contextlib.contextmanager
def writing(store: Folder, key: str) -> Iterator[Path]:
    """A file that becomes an object in place of any other, if it is left normally."""
    with store.draft(key) as path:
        yield path
        store.write(key, path, {})


def files(store: Folder) -> list[str]:
    """Everything on disk, temporary files included."""
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if not path.is_dir())


def keys(store: Folder, prefix: str) -> list[str]:
    return [entry.key for entry in store.list(prefix)]


def test_object_is_read_as_it_was_written(store: Folder) -> None:
    store.write("a/b/c.bin", b"one", {})
    store.write("a/b/c.bin", b"two", {})
    assert store.read("a/b/c.bin") == b"two"
    assert store.sha256("a/b/c.bin") == hashlib.sha256(b"two").hexdigest()
    assert files(store) == ["a/b/c.bin"]
    assert store.path("a/b/c.bin").stat().st_mode & 0o777 == 0o644  # others must read it


def test_what_is_not_there_is_none(store: Folder) -> None:
    assert (store.read("a/b"), store.sha256("a/b"), keys(store, "a")) == (None, None, [])


def test_hash_follows_a_rewrite_of_the_same_size_at_the_same_time(store: Folder) -> None:
    for content in (b"one", b"two"):
        store.write("a", content, {})
        os.utime(store.path("a"), (1, 1))
        assert store.sha256("a") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("existing", [None, b"old"])
def test_writer_that_fails_changes_nothing(store: Folder, existing: bytes | None) -> None:
    if existing:
        store.write("a/b", existing, {})

    def write_half() -> None:
        with writing(store, "a/b") as path:
            path.write_bytes(b"half of it")
            assert store.read("a/b") == existing
            assert keys(store, "a") == (["a/b"] if existing else [])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()

    assert store.read("a/b") == existing
    assert files(store) == (["a/b"] if existing else [])


def test_reader_sees_whole_objects_only(store: Folder) -> None:
    contents = {bytes([i]) * 100_000 for i in range(5)}
    store.write("a", min(contents), {})
    done = threading.Event()

    def write() -> None:
        for _ in range(20):
            for content in contents:
                store.write("a", content, {})
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        content = store.read("a")
        assert content in contents
        seen.add(content)
    writer.join()
    assert len(seen) > 1  # the reader was there while it changed


def test_two_writers_do_not_disturb_each_other(store: Folder) -> None:
    with writing(store, "a") as first, writing(store, "a") as second:
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert store.read("a") == b"first"  # the last to finish
    assert files(store) == ["a"]


def test_folder_can_be_scanned_while_it_is_written_to(store: Folder) -> None:
    with writing(store, "staged/readings/date=1/data.parquet") as path:
        pl.DataFrame({"a": [1]}).write_parquet(path)
    with writing(store, "staged/readings/date=1/data.parquet") as path:
        path.write_bytes(b"half of it")
        assert pl.scan_parquet(store.path("staged/readings"), hive_partitioning=False).collect().rows() == [(1,)]
        pl.DataFrame({"a": [2]}).write_parquet(path)
    assert pl.read_parquet(store.path("staged/readings"), hive_partitioning=False).rows() == [(2,)]
    assert files(store) == ["staged/readings/date=1/data.parquet"]


def test_listing_shows_files_alone(store: Folder, tmp_path: Path) -> None:
    store.write("top/a", b"", {})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret").write_text("x")
    store.path("top/b.tmp").write_text("dropped by a provider: ours lie elsewhere")
    store.path("top/link").symlink_to(tmp_path / "elsewhere/secret")
    store.path("top/folder").symlink_to(tmp_path / "elsewhere")
    store.path("top/nowhere").symlink_to(tmp_path / "gone")
    store.path("top/round").symlink_to(store.path("top"))
    os.mkfifo(store.path("top/pipe"))
    assert keys(store, "top") == ["top/a", "top/b.tmp"]


def test_listing_of_a_file_is_empty(store: Folder) -> None:
    store.write("landing/readings", b"a file where a folder should be", {})
    assert keys(store, "landing/readings") == []


def test_listing_goes_on_when_a_file_goes_away(store: Folder) -> None:
    for name in "abc":
        store.write(f"top/{name}", b"", {})
    listing = store.list("top")
    first = next(listing)
    store.path("top/b").unlink()
    assert [first.key, *(entry.key for entry in listing)] == ["top/a", "top/c"]


NAMES = st.text(st.sampled_from("ab-._0~"), min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=8, unique=True))
def test_listing_is_in_order_of_the_keys(tmp_path_factory: pytest.TempPathFactory, paths: list[str]) -> None:
    store = Folder(tmp_path_factory.mktemp("data"))
    written = []
    for path in paths:
        if not any(path.startswith(f"{other}/") or other.startswith(f"{path}/") for other in written):
            (store.root / "top" / path).parent.mkdir(parents=True, exist_ok=True)
            (store.root / "top" / path).touch()
            written.append(path)
    assert keys(store, "top") == sorted(f"top/{path}" for path in written)


def test_looking_whether_the_store_is_held_never_keeps_anyone_from_holding_it(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            store.is_held("run")

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(300):
            with store.held("run"):
                pass
    finally:
        ended.set()
        looking.join()


def test_held_by_one_at_a_time(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    assert not store.is_held("run")
    with store.held("run"):
        assert store.is_held("run")
        assert not store.is_held("other")
        with pytest.raises(Held, match=str(os.getpid())), Folder(tmp_path).held("run"):
            pass
    assert not store.is_held("run")
