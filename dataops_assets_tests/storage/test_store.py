"""What every store promises, be it a folder or a bucket: the same tests for each."""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from dataops_assets.storage import aws
from dataops_assets.storage import s3 as s3_module
from dataops_assets.storage.errors import BadRequest, Damaged, Forbidden, Lost
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.glance import Glance
from dataops_assets.storage.s3 import S3
from dataops_assets.storage.store import Entry, Store
from dataops_assets_tests.s3_server import ONCE, Bucket, MakeIdentity

TAGS = {"lifecycle": "standard@7 years", "readers": "analysts+press"}
WRITERS = 16


def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Gives the same store each time, as another process would open it."""
    if request.param == "folder":
        return lambda: Folder(tmp_path / "store")
    bucket: Bucket = request.getfixturevalue("bucket")
    return lambda: S3(bucket.name, "some/prefix", Folder(tmp_path / "here"), client=bucket.client(retries=ONCE))


VERSITYGW = pytest.param("versitygw", marks=pytest.mark.s3)
again = pytest.fixture(opened, params=["folder", "moto", VERSITYGW], name="again")
racy = pytest.fixture(opened, params=["folder", VERSITYGW], name="racy")  # moto is not right about races


@pytest.fixture
def store(again: Callable[[], Store]) -> Store:
    return again()


def replace(store: Store, key: str, content: bytes, seen: Entry | None) -> None:
    with store.draft(key) as draft:
        draft.write_bytes(content)
        store.replace(key, draft, seen, TAGS, "the commit")


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def keys(store: Store, prefix: str) -> list[str]:
    return [entry.key for entry in store.list(prefix)]


def test_object_is_read_as_it_was_written(store: Store, tmp_path: Path) -> None:
    store.create("zone/set/date=2024-01-01/data", b"one", TAGS)
    assert (store.read("zone/set/date=2024-01-01/data"), store.sha256("zone/set/date=2024-01-01/data")) == (b"one", sha(b"one"))
    found = store.entry("zone/set/date=2024-01-01/data")
    assert found
    assert (found.key, found.bytes) == ("zone/set/date=2024-01-01/data", 3)
    assert list(store.list("zone/set")) == [found]
    store.copy(found.key, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"one"
    assert store.local(found.key, sha(b"one")).read_bytes() == b"one"
    assert store.local(found.key, sha(b"one")).read_bytes() == b"one"  # and from what was kept of it


def test_what_is_not_there_is_none(store: Store, tmp_path: Path) -> None:
    assert (store.read("a"), store.entry("a"), store.sha256("a"), keys(store, "a")) == (None, None, None, [])
    with pytest.raises(FileNotFoundError):
        store.copy("a", tmp_path / "copy")
    with pytest.raises(FileNotFoundError):
        store.local("a", sha(b"one"))


def test_object_without_bytes(store: Store) -> None:
    store.create("a/empty", b"", TAGS)
    assert (store.read("a/empty"), keys(store, "a")) == (b"", ["a/empty"])


def test_object_is_created_where_there_is_none(store: Store) -> None:
    store.create("a/b", b"one", TAGS)
    store.create("a/b", b"one", TAGS)  # one with the same bytes is as good
    with pytest.raises(Lost):
        store.create("a/b", b"two", TAGS)
    assert store.read("a/b") == b"one"


def test_object_takes_the_place_of_the_one_that_was_seen(store: Store) -> None:
    replace(store, "a/b", b"one", None)
    first = store.entry("a/b")
    replace(store, "a/b", b"two", first)
    second = store.entry("a/b")
    assert first
    assert second
    assert first.etag != second.etag
    for seen in (None, first):
        with pytest.raises(Lost):
            replace(store, "a/b", b"three", seen)
    assert store.read("a/b") == b"two"
    with pytest.raises(Lost):
        replace(store, "a/c", b"three", second)  # what was seen is there no more
    assert store.entry("a/c") is None


def test_provider_writes_over_what_is_there(store: Store) -> None:
    for content in (b"one", b"two"):
        store.write("landing/a.csv", content, TAGS)
        assert store.read("landing/a.csv") == content


def test_listing_is_in_order_and_of_just_the_prefix(store: Store) -> None:
    written = ["a-b/x", "a/-x", "a/b/x", "a/b0", "a0/x", "b/x"]
    for key in written:
        store.create(key, b"", TAGS)
    assert keys(store, "a") == ["a/-x", "a/b/x", "a/b0"]
    glance = Glance(store)
    assert [keys(glance, prefix) for prefix in ("a/b", "a-b", "c")] == [["a/b/x"], ["a-b/x"], []]
    assert (glance.entry("a/b/x"), glance.entry("a/b")) == (store.entry("a/b/x"), None)


def test_look_at_a_store_shows_it_as_it_was_and_changes_nothing(store: Store) -> None:
    store.create("zone/set/1", b"1", TAGS)
    glance = Glance(store)
    assert keys(glance, "zone/set") == ["zone/set/1"]
    store.create("zone/set/2", b"2", TAGS)
    assert (keys(glance, "zone/set"), glance.entry("zone/set/2")) == (["zone/set/1"], None)
    assert keys(Glance(store), "zone/set") == ["zone/set/1", "zone/set/2"], "another look is a new one"
    for write in (glance.create, glance.write):
        with pytest.raises(Forbidden):
            write("zone/set/3", b"3", TAGS)


def test_just_the_object_that_was_seen_is_withdrawn(store: Store) -> None:
    store.create("a", b"one", TAGS)
    seen = store.entry("a")
    assert seen
    replace(store, "a", b"two", seen)
    with pytest.raises(Lost):
        store.withdraw("a", seen)
    assert store.read("a") == b"two"
    now = store.entry("a")
    assert now
    store.withdraw("a", now)
    assert store.entry("a") is None
    with pytest.raises(Lost):
        store.withdraw("a", now)


def test_objects_are_removed(store: Store) -> None:
    for name in "abc":
        store.create(f"top/{name}", b"", TAGS)
    store.remove(["top/a", "top/c", "top/gone"])
    assert keys(store, "top") == ["top/b"]


@pytest.mark.s3
def test_many_objects_are_listed_and_removed(bucket: Bucket, tmp_path: Path) -> None:
    store = S3(bucket.name, "", Folder(tmp_path), client=bucket.client(retries=ONCE))
    written = [f"top/{number:04}" for number in range(1005)]  # a page has a thousand
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.create(key, b"", TAGS), written))
    assert keys(store, "top") == written
    store.remove(written)
    assert keys(store, "top") == []


@contextlib.contextmanager
def racing(again: Callable[[], Store], act: Callable[[Store, int], None]) -> Iterator[list[int]]:
    """Who wins of writers that begin at the same moment."""
    barrier, won = threading.Barrier(WRITERS), list[int]()

    def write(number: int) -> None:
        store = again()
        barrier.wait()
        with contextlib.suppress(Lost):
            act(store, number)
            won.append(number)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    yield won


def test_one_of_many_creates(racy: Callable[[], Store]) -> None:
    for turn in range(5):
        with racing(racy, lambda store, number, turn=turn: store.create(f"a/{turn}", str(number).encode(), TAGS)) as won:
            assert racy().read(f"a/{turn}") == str(won[0]).encode()
            assert len(won) == 1


def test_one_of_many_replaces(racy: Callable[[], Store]) -> None:
    replace(racy(), "a", b"first", None)
    for turn in range(5):
        seen = racy().entry("a")

        def act(store: Store, number: int, seen: Entry | None = seen, turn: int = turn) -> None:
            replace(store, "a", f"{turn} {number}".encode(), seen)

        with racing(racy, act) as won:
            assert racy().read("a") == f"{turn} {won[0]}".encode()
            assert len(won) == 1


def test_writer_that_may_not_write_is_stopped_before_the_first_byte(again: Callable[[], Store]) -> None:
    store = again()
    store.create("a", b"one", TAGS)

    def never(key: str) -> None:
        raise Forbidden(key, "nobody may")

    store._permit = never
    for act in (
        lambda: store.create("b", b"", TAGS),
        lambda: store.write("b", b"", TAGS),
        lambda: replace(store, "a", b"two", store.entry("a")),
        lambda: store.remove(["a"]),
    ):
        with pytest.raises(Forbidden, match="is not written: nobody may"):
            act()
    assert (again().read("a"), again().entry("b")) == (b"one", None)


def test_bytes_that_changed_are_named(store: Store, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for asking in (aws, s3_module):  # each asks for them once more, eight times
        monkeypatch.setattr(asking, "jitter_seconds", lambda attempt: 0)
    store.create("zone/a.parquet", b"as they were written", TAGS)
    expected = store.sha256("zone/a.parquet")
    assert expected
    if isinstance(store, Folder):
        store.path("zone/a.parquet").write_bytes(b"as they Were written")
        assert store.sha256("zone/a.parquet") != expected
    else:
        bucket: Bucket = request.getfixturevalue("bucket")
        metadata = {"dataops-sha256": expected}  # as if the disk of the server had forgotten a bit
        bucket.client().put_object(
            Bucket=bucket.name, Key="some/prefix/zone/a.parquet", Body=b"as they Were written", Metadata=metadata
        )
        with pytest.raises(Damaged, match=r"zone/a.parquet: its bytes have the SHA-256 .* was written"):
            store.read("zone/a.parquet")
    with pytest.raises(Damaged, match=r"zone/a.parquet: its bytes have the SHA-256 .* was written"):
        store.local("zone/a.parquet", expected)


def test_another_version_is_not_taken_for_the_one_asked_for(store: Store) -> None:
    replace(store, "a", b"one", None)
    replace(store, "a", b"two", store.entry("a"))
    with pytest.raises(OSError, match=r"by now|was written"):  # a folder cannot tell it from damage, a bucket can
        store.local("a", sha(b"one"))
    assert store.local("a", sha(b"two")).read_bytes() == b"two"


def test_hash_is_that_of_what_lies_there_even_if_something_else_was_seen(store: Store) -> None:
    replace(store, "a", b"one", None)
    one = store.entry("a")
    replace(store, "a", b"two", one)
    assert store.sha256("a", one) == sha(b"two")
    store.remove(["a"])
    assert store.sha256("a", one) is None
    store.write("a", b"one", TAGS)  # its ETag may be that of before
    assert store.sha256("a", one) == store.sha256("a") == sha(b"one")


def test_what_others_wrote_is_hashed_by_its_bytes(store: Store, request: pytest.FixtureRequest) -> None:
    if isinstance(store, Folder):
        store.path("landing").mkdir(parents=True)
        store.path("landing/a.csv").write_bytes(b"one")
    else:
        bucket: Bucket = request.getfixturevalue("bucket")
        bucket.client().put_object(Bucket=bucket.name, Key="some/prefix/landing/a.csv", Body=b"one")
    assert (store.sha256("landing/a.csv"), store.read("landing/a.csv")) == (sha(b"one"), b"one")


def test_draft_that_is_left_by_an_exception_is_removed(store: Store) -> None:
    def write_half() -> None:
        with store.draft("a/b") as draft:
            draft.write_bytes(b"half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert (store.entry("a/b"), list(store.here.path("_tmp").iterdir())) == (None, [])


# Buckets alone.


@pytest.fixture(params=["moto", pytest.param("versitygw", marks=pytest.mark.s3)])
def s3(request: pytest.FixtureRequest, bucket: Bucket, tmp_path: Path) -> S3:
    return S3(bucket.name, "some/prefix", Folder(tmp_path / "here"), client=bucket.client(retries=ONCE))


def test_object_carries_tags_hash_and_commit(s3: S3, bucket: Bucket) -> None:
    replace(s3, "a", b"one", None)
    named = {"Bucket": bucket.name, "Key": "some/prefix/a"}
    tags = s3.client.get_object_tagging(**named)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == TAGS
    assert s3.client.head_object(**named)["Metadata"] == {
        "dataops-sha256": sha(b"one"),
        "dataops-tags": urlencode(TAGS),
        "commit": "the commit",
    }
    assert s3.is_tagged("a", TAGS)
    assert not s3.is_tagged("a", {**TAGS, "readers": "others"})


def test_large_object_goes_in_parts(s3: S3, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataops_assets.storage.s3._PART_BYTES", 5 << 20)
    content = bytes(range(256)) * (12 << 12)  # two parts, and some
    replace(s3, "large", content, None)
    named = {"Bucket": bucket.name, "Key": "some/prefix/large"}
    assert s3.client.head_object(**named)["ETag"].strip('"').endswith("-3")
    assert {tag["Key"]: tag["Value"] for tag in s3.client.get_object_tagging(**named)["TagSet"]} == TAGS
    assert s3.read("large") == content
    assert s3.local("large", sha(content)).stat().st_size == len(content)
    replace(s3, "large", content[:-1], s3.entry("large"))
    assert s3.sha256("large") == sha(content[:-1])
    assert s3.unfinished() == []


@pytest.mark.s3
def test_large_object_that_lost_leaves_no_upload(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataops_assets.storage.s3._PART_BYTES", 5 << 20)
    s3 = S3(bucket.name, "", Folder(tmp_path), client=bucket.client(retries=ONCE))
    s3.create("large", b"another", TAGS)
    with pytest.raises(Lost):
        s3.create("large", b"." * (6 << 20), TAGS)
    assert (s3.read("large"), s3.unfinished()) == (b"another", [])


@pytest.mark.s3
def test_upload_without_an_end_is_swept_once_it_is_old(bucket: Bucket, tmp_path: Path) -> None:
    s3 = S3(bucket.name, "some/prefix", Folder(tmp_path), client=bucket.client(retries=ONCE))
    for key in ("some/prefix/mine", "others/theirs"):
        s3.client.create_multipart_upload(Bucket=bucket.name, Key=key)
    now = datetime.now(UTC)
    later = now + timedelta(days=2)
    assert [s3.sweep(now, remove=True), s3.sweep(later, remove=False), s3.sweep(later, remove=True)] == [0, 1, 1]
    left = s3.client.list_multipart_uploads(Bucket=bucket.name)["Uploads"]
    assert [upload["Key"] for upload in left] == ["others/theirs"]


def test_what_was_read_and_is_not_used_is_swept(s3: S3) -> None:
    s3.create("a", b"one", TAGS)
    kept = s3.local("a", sha(b"one"))
    s3.sweep(datetime.now(UTC), remove=False)
    assert kept.exists()
    s3.sweep(datetime.now(UTC) + timedelta(days=2), remove=False)
    assert not kept.exists()
    assert s3.local("a", sha(b"one")).read_bytes() == b"one"


def test_what_was_read_is_fetched_again_if_this_machine_has_damaged_it(s3: S3) -> None:
    s3.create("a", b"one", TAGS)
    s3.local("a", sha(b"one")).write_bytes(b"two")
    assert s3.local("a", sha(b"one")).read_bytes() == b"one"


@pytest.mark.s3
def test_removal_that_is_refused_for_one_key_is_told(bucket: Bucket, identity: MakeIdentity, tmp_path: Path) -> None:
    arn = f"arn:aws:s3:::{bucket.name}"
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    denied = {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": f"{arn}/kept/*"}
    who = identity("sweeper", {"Version": "2012-10-17", "Statement": [allowed, denied]})
    s3 = S3(bucket.name, "", Folder(tmp_path), client=bucket.by(who).client())
    for key in ("kept/a", "swept/a"):
        s3.create(key, b"", TAGS)
    with pytest.raises(PermissionError, match="kept/a"):
        s3.remove(["kept/a", "swept/a"])
    assert s3.entry("kept/a")


@pytest.mark.s3
def test_key_that_a_store_takes_a_delete_marker_for_is_told(bucket: Bucket, tmp_path: Path) -> None:
    """As versitygw does, and AWS does not."""
    s3 = S3(bucket.name, "", Folder(tmp_path), client=bucket.client(retries=ONCE))
    s3.create("a", b"one", TAGS)
    s3.remove(["a"])
    with pytest.raises(BadRequest, match="what was removed cannot be made again there: this store takes a delete marker for"):
        s3.create("a", b"one", TAGS)
