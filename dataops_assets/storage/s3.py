"""A prefix in a bucket of any store that speaks S3, as a store of objects.

An object is put whole, with a condition on what is there: nothing (`If-None-Match`), or just what was seen (`If-Match`).
Whether a lost answer was a success is read back: every object carries the SHA-256 of its bytes as metadata, and what is
published the id of its commit, too. What is read is compared with that hash; files on this machine that were found whole are
kept under it.

Not here: which credentials there are (boto3 finds them), and who may write (`deployment`, and the policies of the bucket).
"""

import base64
import contextlib
import errno
import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError, FlexibleChecksumError

from dataops_assets.storage import moving
from dataops_assets.storage.aws import ATTEMPTS, Answer, ask, new_client
from dataops_assets.storage.cache import Cache
from dataops_assets.storage.errors import Closed, Damaged, Gone, Lost, Unrepeatable
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.store import (
    CHUNK_BYTES,
    WRITER_LIVES,
    Entry,
    Found,
    Store,
    Tags,
    Thing,
    anyone,
    hash_file,
    jitter_seconds,
    nobody_watches,
    other_bytes,
)

_AT_ONCE = 16
_one_of_many = threading.local()
_PART_BYTES = 32 << 20
_SHA256 = "dataops-sha256"
"""The name of the hash among the metadata of what is written here; what others write may have a `sha256` of any form."""
_TAGS = "dataops-tags"
"""The name of the tags among them: whoever may not ask for the tags of an object may ask for its metadata."""
_BATCH = 1000
_MARKED = (
    "what was removed cannot be made again there: this store takes a delete marker for an object. Whoever may remove versions "
    "removes the marker (aws s3api delete-object --version-id …), and runs it again"
)


class S3(Store):
    """A store of objects below a prefix of a bucket.

    Args:
        bucket: The bucket.
        prefix: Where the keys of this store begin; empty for the top.
        here: The folder on this machine for drafts and what was read.
        permit: Raises `Forbidden` for a key that this process may not write.
        denied: Is told of a write or removal that the store itself denies.
        client: A client of boto3's for S3; without one, `new_client` makes it.
        in_parts: Whether each object is put as a large one is, which is in parts.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        here: Folder,
        permit: Callable[[str], None] = anyone,
        denied: Callable[[PermissionError], None] = nobody_watches,
        client: Any = None,
        in_parts: bool = False,
    ) -> None:
        super().__init__(f"s3://{bucket}/{prefix}".rstrip("/"), permit, denied)
        self.bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._here = here
        self._cache = Cache(here)
        self.client: Any = client or new_client()
        self._in_parts = in_parts
        self._altered: dict[Entry, str] = {}

    @property
    def here(self) -> Folder:
        """The folder on this machine."""
        return self._here

    def list(self, prefix: str, closed: dict[str, str] | None = None) -> Iterator[Entry]:
        """Every object below a prefix, in order of the keys; a page of a thousand for each request."""
        del closed  # a bucket has no folders that could be closed
        for page in self._pages(prefix, Prefix=self.full(f"{prefix}/" if prefix else "")):
            for found in page.get("Contents", ()):
                yield _entry(found["Key"][len(self._prefix) :], found["Size"], found)

    def _pages(self, prefix: str, **given: str) -> Iterator[dict[str, Any]]:
        page: dict[str, Any] = {"IsTruncated": True}
        asked: dict[str, Any] = {"Bucket": self.bucket, **given}
        while page["IsTruncated"]:
            page = self.ask(prefix, lambda: self.client.list_objects_v2(**asked))
            yield page
            asked["ContinuationToken"] = page.get("NextContinuationToken")

    def each(self, look: Callable[[Thing], Found], things: Iterable[Thing]) -> Sequence[Found]:
        """Look at many things, several at a time, since most of it is waiting.

        A look that looks at many things itself does so one after the other.
        """
        wanted = tuple(things)
        if len(wanted) < 2 or hasattr(_one_of_many, "is_me"):
            return super().each(look, wanted)
        with ThreadPoolExecutor(_AT_ONCE, initializer=setattr, initargs=(_one_of_many, "is_me", True)) as pool:
            return tuple(pool.map(look, wanted))

    def entry(self, key: str) -> Entry | None:
        """An object as a listing would show it now, or None if there is none."""
        found = self.head(key)
        return _entry(key, found["ContentLength"], found) if found else None

    def folders(self, prefix: str) -> Iterator[str]:
        """The names directly below a prefix that something lies below; a thousand for each request."""
        below = self.full(prefix) + "/"
        for page in self._pages(prefix, Prefix=below, Delimiter="/"):
            for found in page.get("CommonPrefixes", ()):
                yield found["Prefix"][len(below) : -1]

    def load(self, key: str) -> tuple[Entry, bytes] | None:
        """An object and its bytes, both of one moment, or None if there is none."""

        def get() -> tuple[Entry, bytes] | None:
            found = self.client.get_object(Bucket=self.bucket, Key=self.full(key))
            content: bytes = found["Body"].read()
            expected, has = found["Metadata"].get(_SHA256), hashlib.sha256(content).hexdigest()
            if expected not in (None, has):
                raise Damaged(self.address(key), other_bytes(expected, has))
            return _entry(key, len(content), found), content

        return self._looked_for(key, get)

    def read(self, key: str) -> bytes | None:
        """The bytes of an object, or None if there is none."""
        found = self.load(key)
        return found[1] if found else None

    def sha256(self, key: str, seen: Entry | None = None) -> str | None:
        """The hash of an object's bytes, as it was kept when they were written; without that, they are read."""
        while seen := seen or self.entry(key):
            if altered := self._altered.get(seen):
                return altered
            try:
                return _hash_of(self, key, seen.etag)
            except Lost:  # other bytes are there since it was listed
                seen = None
        return None

    def reread(self, key: str) -> str | None:
        """The hash of an object's bytes, whatever its metadata say."""

        def get() -> tuple[Entry, str, str] | None:
            found = self.client.get_object(Bucket=self.bucket, Key=self.full(key))
            hashed = hashlib.sha256()
            with contextlib.suppress(FlexibleChecksumError):  # told at the end, when all of them were read
                for chunk in found["Body"].iter_chunks(CHUNK_BYTES):
                    hashed.update(chunk)
            has = hashed.hexdigest()
            return _entry(key, found["ContentLength"], found), has, found["Metadata"].get(_SHA256, has)

        before = None
        while answer := self.ask(key, get, absent=lambda: None):
            entry, has, written = answer
            if has == written:
                return has
            if answer == before:  # they did not change on their way
                self._altered[entry] = has
                return has
            before = answer
        return None

    def local(self, key: str, sha256: str) -> Path:
        """A file on this machine with the bytes of an object, kept under their hash once it was found whole."""
        if kept := self._cache.get(key, sha256):
            return kept
        with self._here.draft(f"{sha256}{Path(key).suffix}") as draft:
            for attempt in range(ATTEMPTS):
                self.copy(key, draft)
                found = hash_file(draft)
                if found == sha256:
                    return self._cache.add(key, sha256, draft)
                # Somebody may have put another version there, which is not damage.
                if (now := self.sha256(key)) != sha256:
                    raise Gone(self.address(key), f"holds {now} by now, not {sha256}")
                time.sleep(jitter_seconds(attempt))
        raise Damaged(self.address(key), other_bytes(sha256, found))

    def copy(self, key: str, path: Path) -> None:
        """Write the bytes of an object, whatever they are, into a file on this machine."""

        def get() -> None:
            found = self.client.get_object(Bucket=self.bucket, Key=self.full(key))
            with path.open("wb") as file:
                for chunk in found["Body"].iter_chunks(CHUNK_BYTES):
                    file.write(chunk)

        def absent() -> None:
            raise Gone(self.address(key))

        self.ask(key, get, absent)

    @contextlib.contextmanager
    def draft(self, key: str) -> Iterator[Path]:
        """A file on this machine to write an object into."""
        with self._here.draft(key) as path:
            yield path

    def _create(self, key: str, draft: Path, tags: Tags) -> None:
        self._put(key, draft, tags, {"IfNoneMatch": "*"})

    def _replace(self, key: str, draft: Path, seen: Entry | None, tags: Tags, commit: str) -> None:
        self._put(key, draft, tags, {"IfMatch": seen.etag} if seen else {"IfNoneMatch": "*"}, commit)

    def _write(self, key: str, draft: Path, tags: Tags) -> None:
        self._put(key, draft, tags, {})

    def _put(self, key: str, draft: Path, tags: Tags, condition: dict[str, str], commit: str = "") -> None:
        """Put an object if what is there is as the condition says, or learn that it was."""
        sha256 = hash_file(draft)
        labels: dict[str, Any] = {"Metadata": {_SHA256: sha256} | ({"commit": commit} if commit else {})}
        if tags:  # to set any takes a right of its own, and so does asking for them: therefore they are told beside, too
            labels["Tagging"] = urlencode(tags)
            labels["Metadata"][_TAGS] = urlencode(tags)
        target = {"Bucket": self.bucket, "Key": self.full(key)}

        def put() -> None:
            if draft.stat().st_size > (0 if self._in_parts else _PART_BYTES):
                self._put_parts(key, draft, labels, condition)
                return
            checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
            with draft.open("rb") as body:
                self.client.put_object(
                    **target, Body=body, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum, **labels, **condition
                )

        def lost() -> None:
            # An answer that got lost was asked for again, and found the object that the first request had put.
            stands = self.sha256(key)
            if stands is None and "IfNoneMatch" in condition:
                raise Unrepeatable(errno.EEXIST, _MARKED, self.address(key))
            if stands != sha256:
                raise Lost(self.address(key))

        # Put in place of what is there no more: 404.
        self.ask(key, put, absent=lost, lost=lost)

    def _put_parts(self, key: str, draft: Path, labels: dict[str, Any], condition: dict[str, str]) -> None:
        target = {"Bucket": self.bucket, "Key": self.full(key)}
        upload = self.client.create_multipart_upload(**target, ChecksumAlgorithm="SHA256", **labels)
        named = {**target, "UploadId": upload["UploadId"]}

        def put(number: int) -> dict[str, Any]:
            with draft.open("rb") as file:
                file.seek((number - 1) * _PART_BYTES)
                body = file.read(_PART_BYTES)
            checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
            sent = {"PartNumber": number, "Body": body, "ChecksumSHA256": checksum}
            part = self.ask(key, lambda: self.client.upload_part(**named, **sent))
            return {"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": checksum}

        try:
            count = -(-draft.stat().st_size // _PART_BYTES)
            with ThreadPoolExecutor(max_workers=4) as pool:
                parts = list(pool.map(put, range(1, count + 1)))
            self.client.complete_multipart_upload(**named, MultipartUpload={"Parts": parts}, **condition)
        except BaseException:
            with contextlib.suppress(Exception):  # what stays is swept, or ended by the bucket's rule
                self.client.abort_multipart_upload(**named)
            raise

    def _withdraw(self, key: str, seen: Entry) -> None:
        target = {"Bucket": self.bucket, "Key": self.full(key)}

        def lost() -> None:
            raise Lost(self.address(key))

        def delete() -> None:
            # A store that knows no condition here ignores it: then the look before is what there is.
            if (now := self.entry(key)) is None or now.etag != seen.etag:
                lost()
            self.client.delete_object(**target, IfMatch=seen.etag)

        self.ask(key, delete, absent=lost, lost=lost)

    def _remove(self, keys: Sequence[str]) -> None:
        self.delete([{"Key": self.full(key)} for key in keys])

    def delete(self, named: Sequence[dict[str, str]]) -> None:
        """Remove objects, or versions of them, as DeleteObjects names them: by their keys from the top of the bucket."""
        for start in range(0, len(named), _BATCH):
            batch = named[start : start + _BATCH]

            def delete(batch: Sequence[dict[str, str]] = batch) -> None:
                answer = self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": batch, "Quiet": True})
                # It answers 200 and tells for each key whether it went wrong.
                for wrong in answer.get("Errors", ()):
                    said = f"{wrong.get('Message', '')} ({wrong['Key']})"
                    raise ClientError({"Error": {"Code": wrong["Code"], "Message": said}}, "DeleteObjects")

            self.ask(batch[0]["Key"].removeprefix(self._prefix), delete)

    def why_not_moved(self) -> str:
        """Why what lies here cannot be moved without loss: a bucket must keep versions for that."""
        return moving.why_not(self)

    def _move(self, prefix: str, to: str, but: str, may_go: Callable[[], object]) -> Iterator[int]:
        return moving.move(self, prefix, to, but, may_go)

    def _purge(self, prefix: str) -> Iterator[int]:
        return moving.purge(self, prefix)

    def sweep(self, now: datetime, remove: bool) -> int:
        """Find uploads of writers that are gone, and remove files on this machine that nobody has used for as long."""
        found = self._here.sweep(now, remove=True)
        self._cache.trim(now.timestamp())
        for upload in self.unfinished():
            if now - upload["Initiated"] > WRITER_LIVES:
                found += 1
                if remove:
                    named = {"Bucket": self.bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
                    key = upload["Key"][len(self._prefix) :]
                    with self._permitted(key):
                        self.ask(key, partial(self.client.abort_multipart_upload, **named), absent=lambda: None)
        return found

    def unfinished(self) -> Sequence[dict[str, Any]]:
        """The uploads below the prefix that have begun and not ended, as S3 tells of them."""

        def listed() -> list[dict[str, Any]]:
            pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=self._prefix)
            return [upload for page in pages for upload in page.get("Uploads", ())]

        return self.ask("", listed)

    def head(self, key: str) -> dict[str, Any] | None:
        """What is told of an object without its bytes; None if there is none."""
        asked = {"Bucket": self.bucket, "Key": self.full(key)}
        found: dict[str, Any] | None = self._looked_for(key, lambda: self.client.head_object(**asked))
        return found

    def _looked_for(self, key: str, request: Callable[[], Found | None]) -> Found | None:
        """What a request tells of an object; None if there is none.

        Where rights go by the tags of objects, what is not there has none, and is refused: a listing says that it is absent.
        """
        try:
            return self.ask(key, request, absent=lambda: None)
        except Closed:
            full = self.full(key)
            page = self.ask(key, lambda: self.client.list_objects_v2(Bucket=self.bucket, Prefix=full, MaxKeys=1))
            if any(found["Key"] == full for found in page.get("Contents", ())):
                raise
            return None

    def is_tagged(self, key: str, tags: Tags) -> bool:
        """Whether an object was written with just these tags."""
        told = self.head(key)
        return told is not None and told["Metadata"].get(_TAGS, "") == urlencode(tags)

    def kept_hash(self, told: dict[str, Any]) -> str | None:
        """The hash of an object's bytes, as it was kept when they were written here, of what is told of the object."""
        kept: str | None = told["Metadata"].get(_SHA256)
        return kept

    def full(self, key: str) -> str:
        """A key, seen from the top of the bucket."""
        return self._prefix + key

    def ask(
        self,
        key: str,
        request: Callable[[], Answer],
        absent: Callable[[], Answer] | None = None,
        lost: Callable[[], Answer] | None = None,
    ) -> Answer:
        """Make a request that is about a key, until there is an answer: see `aws.ask`."""
        return ask(self.address(key), request, absent, lost)


def _entry(key: str, size: int, found: dict[str, Any]) -> Entry:
    # In whole seconds: some stores tell parts of them in listings alone.
    return Entry(key, size, int(found["LastModified"].timestamp()) * 1_000_000_000, found["ETag"])


@lru_cache(maxsize=100_000)
def _hash_of(store: S3, key: str, etag: str) -> str:
    """The hash of the bytes that an ETag stands for.

    Raises:
        Lost: They are there no more.
    """
    found = store.head(key)
    if found is None or found["ETag"] != etag:
        raise Lost(store.address(key))
    if kept := found["Metadata"].get(_SHA256):
        return str(kept)
    with store.here.draft(key) as path:
        store.copy(key, path)
        now = store.head(key)
        if now is None or now["ETag"] != etag:
            raise Lost(store.address(key))
        return hash_file(path)
