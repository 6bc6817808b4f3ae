"""What lies below a prefix is moved and removed whole, in a folder and in a bucket."""

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataops_assets.storage import moving
from dataops_assets.storage.errors import Forbidden
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets.storage.store import Store
from dataops_assets_tests.s3_server import ONCE, Bucket

TAGS = {"lifecycle": "adhoc", "readers": "analysts"}
VERSITYGW = pytest.param("versitygw", marks=pytest.mark.s3)


@pytest.fixture(params=["folder", "moto", VERSITYGW])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return Folder(tmp_path / "store")
    return in_bucket(request.getfixturevalue("bucket"), tmp_path)


def in_bucket(bucket: Bucket, tmp_path: Path) -> S3:
    return S3(bucket.name, "some/prefix", Folder(tmp_path / "here"), client=bucket.client(retries=ONCE))


def contents(store: Store, prefix: str) -> dict[str, bytes]:
    return {entry.key: store.read(entry.key) or b"" for entry in store.list(prefix)}


def filled(store: Store) -> Store:
    for name in ("_area.json", "a", "deep/er/b", "deep/c"):
        store.write(f"adhoc/one/{name}", name.encode(), TAGS)
    store.write("adhoc/one-more/a", b"of another", TAGS)
    return store


def test_names_directly_below_a_prefix(store: Store) -> None:
    filled(store).write("adhoc/a file", b"", TAGS)
    assert list(store.folders("adhoc")) == ["one-more", "one"]  # as their keys are
    assert list(store.folders("nothing")) == []


def test_an_object_and_its_bytes_are_of_one_moment(store: Store) -> None:
    filled(store)
    assert store.load("adhoc/one/a") == (store.entry("adhoc/one/a"), b"a")
    assert store.load("adhoc/one/b") is None


def test_all_is_moved_but_the_record(store: Store) -> None:
    filled(store)
    assert sum(store.move("adhoc/one", "trash/adhoc/one/0001", "_area.json")) == 3
    assert contents(store, "adhoc") == {"adhoc/one-more/a": b"of another", "adhoc/one/_area.json": b"_area.json"}
    moved = {f"trash/adhoc/one/0001/{name}": name.encode() for name in ("a", "deep/c", "deep/er/b")}
    assert contents(store, "trash") == moved
    assert sum(store.move("trash/adhoc/one/0001", "adhoc/one")) == 3
    assert set(contents(store, "adhoc/one")) == {f"adhoc/one/{name}" for name in ("_area.json", "a", "deep/c", "deep/er/b")}
    assert list(store.folders("trash/adhoc")) == []


def test_what_lies_in_the_way_stays_and_nothing_is_lost(store: Store) -> None:
    filled(store).write("trash/one/a", b"other bytes", TAGS)
    store.write("trash/one/deep/c", b"deep/c", TAGS)
    assert sum(store.move("adhoc/one", "trash/one")) == 4
    found = contents(store, "trash/one")
    assert found["trash/one/a"] == b"other bytes"
    assert [content for key, content in found.items() if key.startswith("trash/one/a.")] == [b"a"]
    assert {b"deep/c", b"deep/er/b", b"_area.json"} <= set(found.values())
    assert contents(store, "adhoc/one") == {}


def test_all_is_removed(store: Store) -> None:
    filled(store)
    assert sum(store.purge("adhoc/one")) == 4
    assert contents(store, "adhoc") == {"adhoc/one-more/a": b"of another"}
    assert sum(store.purge("adhoc/one")) == 0


def test_nobody_moves_where_he_may_not_write(tmp_path: Path) -> None:
    def permit(key: str) -> None:
        if key.startswith("trash/"):
            raise Forbidden(key, "not there")

    filled(Folder(tmp_path))
    with pytest.raises(Forbidden):
        list(Folder(tmp_path, permit).move("adhoc/one", "trash/one"))
    assert len(contents(Folder(tmp_path), "adhoc/one")) == 4


@pytest.fixture(params=["moto", VERSITYGW])
def bucket_of(request: pytest.FixtureRequest) -> Bucket:
    bucket: Bucket = request.getfixturevalue("bucket")
    return bucket


def versions(bucket: Bucket) -> list[tuple[str, bool]]:
    page = bucket.client().list_object_versions(Bucket=bucket.name)
    found: list[Any] = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
    return sorted((one["Key"].removeprefix("some/prefix/"), one["IsLatest"]) for one in found)


def test_old_versions_go_too_and_none_stands_again(bucket_of: Bucket, tmp_path: Path) -> None:
    store = in_bucket(bucket_of, tmp_path)
    for content in (b"1", b"2", b"3"):
        store.write("adhoc/one/a", content, TAGS)
    store.write("adhoc/one/removed", b"x", TAGS)
    store.remove(["adhoc/one/removed"])
    assert sum(store.move("adhoc/one", "trash/one")) == 1
    assert versions(bucket_of) == [("trash/one/a", True)]
    assert store.read("trash/one/a") == b"3"
    sum(store.purge("trash/one"))
    assert versions(bucket_of) == []


def test_tags_and_hash_go_along(bucket_of: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(in_bucket(bucket_of, tmp_path))
    sum(store.move("adhoc/one", "trash/one"))
    monkeypatch.setattr(moving, "_IN_ONE_COPY_BYTES", 0)  # as if each were larger than one request copies
    sum(store.move("trash/one", "adhoc/back"))
    client = bucket_of.client()
    told = client.get_object_tagging(Bucket=bucket_of.name, Key="some/prefix/adhoc/back/a")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in told} == TAGS
    assert store.sha256("adhoc/back/a") == hashlib.sha256(b"a").hexdigest()


def test_a_thousand_versions_and_more(bucket_of: Bucket, tmp_path: Path) -> None:
    store = in_bucket(bucket_of, tmp_path)
    names = [f"{number:04}" for number in range(1100)]
    store.each(lambda name: store.write(f"adhoc/one/{name}", name.encode(), TAGS), names)
    store.each(lambda name: store.write(f"adhoc/one/{name}", b"newer " + name.encode(), TAGS), names[990:1010])
    assert sum(store.move("adhoc/one", "trash/one")) == 1100
    moved = contents(store, "trash/one")
    assert moved["trash/one/1005"] == b"newer 1005"
    assert len(moved) == 1100
    assert contents(store, "adhoc/one") == {}


def test_each_is_moved_and_removed_once_however_many_pages_they_take(bucket_of: Bucket, tmp_path: Path) -> None:
    """versitygw begins a page with the version that the one before has ended with."""
    store, asked = in_bucket(bucket_of, tmp_path), Counter[str]()
    store.each(lambda number: store.write(f"adhoc/one/{number:02}", b"", TAGS), range(23))
    events = store.client.meta.events
    events.register("provide-client-params.s3.ListObjectVersions", lambda params, **_: params.update(MaxKeys=10))
    events.register("before-send.s3", lambda request, **_: asked.update([request.method]))
    assert sum(store.move("adhoc/one", "trash/one")) == 23
    assert asked == {"GET": 3 + 1, "PUT": 23, "POST": 3}, "lists of versions and one of where they go, copies, removals"
    asked.clear()
    assert sum(store.purge("trash/one")) == 23
    assert asked == {"GET": 3, "POST": 3}


def test_what_is_written_meanwhile_stays(bucket_of: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(in_bucket(bucket_of, tmp_path))
    copy: Callable[..., Any] = store.client.copy_object

    def late(**given: Any) -> Any:
        answer = copy(**given)
        if given["Key"].endswith("/a"):
            store.write("adhoc/one/a", b"newer", TAGS)
        return answer

    monkeypatch.setattr(store.client, "copy_object", late)
    sum(store.move("adhoc/one", "trash/one"))
    assert contents(store, "adhoc/one") == {"adhoc/one/a": b"newer"}
    assert store.read("trash/one/a") == b"a"
