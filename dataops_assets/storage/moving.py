"""Moving and removing all that lies below a prefix of a bucket, version by version.

What is removed is named by the id of its version, and was listed before: so what somebody writes meanwhile, or brings back, is
never among it, however late a request of ours arrives; and who moves is asked after each listing whether all of it may still
go. Older versions go before newer ones: if the newest went first, the one before it would stand there again. This needs a
bucket that keeps versions: in another, what is written just between the listing and the removal is lost.

Requests: one for each thousand versions listed, one for each object copied, one for each thousand objects that lie where it
goes, one or two for each thousand versions removed; and whatever `may_go` asks, for each thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from dataops_assets.storage.s3 import S3
    from dataops_assets.storage.store import Entry

_IN_ONE_COPY_BYTES = 5 << 30
"""S3 copies no larger object in one request (API reference, CopyObject)."""


@dataclass(frozen=True)
class _Version:
    """A version of an object, or the mark of its removal.

    Attributes:
        key: Its key, seen from the top of the bucket.
        id: Its id.
        newest: Whether it is what stands there.
        etag: Its ETag; empty for a mark.
        bytes: Its size.
    """

    key: str
    id: str
    newest: bool
    etag: str
    bytes: int


def why_not(store: S3) -> str:
    """See `Store.why_not_moved`."""
    bucket = store.bucket
    if store.ask("", lambda: store.client.get_bucket_versioning(Bucket=bucket)).get("Status") == "Enabled":
        return ""
    how = f"aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"
    lost = "what is written in an area while that is moved would be lost, so nothing is moved or removed"
    return f"the bucket {bucket} keeps no versions: {lost}. Its owner turns them on: {how}"


def move(store: S3, prefix: str, to: str, but: str, may_go: Callable[[], object]) -> Iterator[int]:
    """See `Store.move`."""
    stays, top = store.full(f"{prefix}/{but}"), len(store.full(prefix))
    there = _Standing(store.list(to))
    for versions in _batches(store, prefix):
        may_go()
        going = [one for one in versions if one.key != stays]
        objects = [(one, to + one.key[top:]) for one in going if one.newest and one.etag]
        in_the_way = {target for _, target in objects if target in there}
        store.each(lambda pair: _copy(store, *pair, pair[1] in in_the_way), objects)  # noqa: B023 - done at once
        _remove(store, going)
        yield len(objects)


class _Standing:
    """The keys of a listing, for whoever asks for each in order: nothing is held, however long it is.

    It is looked at because not every store heeds the condition of a copy.
    """

    def __init__(self, entries: Iterator[Entry]):
        self._keys = (entry.key for entry in entries)
        self._at: str | None = ""

    def __contains__(self, key: object) -> bool:
        while self._at is not None and self._at < str(key):
            self._at = next(self._keys, None)
        return self._at == key


def purge(store: S3, prefix: str) -> Iterator[int]:
    """See `Store.purge`."""
    for versions in _batches(store, prefix):
        _remove(store, versions)
        yield sum(one.newest and one.etag != "" for one in versions)


def _copy(store: S3, one: _Version, target: str, in_the_way: bool) -> None:
    source = {"Bucket": store.bucket, "Key": one.key, "VersionId": one.id}

    def copy(key: str, **condition: str) -> None:
        if one.bytes > _IN_ONE_COPY_BYTES:
            store.client.copy(source, store.bucket, store.full(key), ExtraArgs=_labels(store, source))
        else:
            store.client.copy_object(CopySource=source, Bucket=store.bucket, Key=store.full(key), **condition)

    def beside() -> None:
        lies = store.head(target)
        if lies is None or not _is_a_copy(store, lies, one, source):
            store.ask(target, lambda: copy(f"{target}.{one.id}"), absent=lambda: None)

    if in_the_way:
        beside()
    else:  # a version that is there no more was moved by another
        store.ask(target, lambda: copy(target, IfNoneMatch="*"), absent=lambda: None, lost=beside)


def _is_a_copy(store: S3, lies: dict[str, Any], one: _Version, source: dict[str, str]) -> bool:
    """Whether an object is a copy of a version: an earlier request for it was answered, and the answer lost."""
    if lies["ETag"] == one.etag:
        return True
    # Of what was put in parts, a copy has another ETag; what was written here has a hash of ours.
    told = store.ask(one.key, lambda: store.client.head_object(**source), absent=lambda: {"Metadata": {}})
    return store.kept_hash(told) is not None and store.kept_hash(told) == store.kept_hash(lies)


def _labels(store: S3, source: dict[str, str]) -> dict[str, Any]:
    """What a copy in parts does not take along by itself."""
    tags = store.client.get_object_tagging(**source)["TagSet"]
    return {
        "Metadata": store.client.head_object(**source)["Metadata"],
        "Tagging": urlencode({tag["Key"]: tag["Value"] for tag in tags}),
    }


def _remove(store: S3, versions: Sequence[_Version]) -> None:
    for newest in (False, True):
        store.delete([{"Key": one.key, "VersionId": one.id} for one in versions if one.newest is newest])


def _batches(store: S3, prefix: str) -> Iterator[list[_Version]]:
    """All versions below a prefix, about a thousand at a time, those of one key together."""
    held: list[_Version] = []
    for page in pages(store, prefix):
        goes_on = page[0].key if page else ""
        if whole := [one for one in held if one.key != goes_on]:
            yield whole
        held = [one for one in held if one.key == goes_on] + page
    if held:
        yield held


def pages(store: S3, prefix: str) -> Iterator[list[_Version]]:
    """All versions below a prefix, and the marks of removals, a thousand for each request."""
    asked: dict[str, Any] = {"Bucket": store.bucket, "Prefix": store.full(f"{prefix}/" if prefix else "")}
    page: dict[str, Any] = {"IsTruncated": True}
    last: tuple[str | None, str | None] = None, None
    while page["IsTruncated"]:
        page = store.ask(prefix, partial(store.client.list_object_versions, **asked))
        objects = [_version(found, found["ETag"], found["Size"]) for found in page.get("Versions", ())]
        marks = [_version(found, "", 0) for found in page.get("DeleteMarkers", ())]
        # Some stores begin a page with the version that the one before has ended with.
        yield sorted((one for one in objects + marks if (one.key, one.id) != last), key=lambda one: one.key)
        last = page.get("NextKeyMarker", ""), page.get("NextVersionIdMarker", "")
        asked |= {"KeyMarker": last[0], "VersionIdMarker": last[1]}


def _version(found: dict[str, Any], etag: str, size: int) -> _Version:
    return _Version(found["Key"], found["VersionId"], found["IsLatest"], etag, size)
