"""What only a bucket can be asked: whether it answers, its time, whether it keeps versions, what ends there, who may write.

Each changes nothing. What is asked of the bucket itself is asked once: whoever asks wants to know what is wrong, not to get by.

Not here: objects (`s3`), and what to make of an answer (`observe.doctor`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from dataops_assets.storage import layout, moving
from dataops_assets.storage.aws import caller
from dataops_assets.storage.s3 import S3

UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Answer:
    """What was said.

    Attributes:
        code: Empty if it was a yes; else an error code of AWS, the name of an error of boto3's, or `UNREACHABLE`.
        told: The error in words.
        ahead: How far the other's clock is ahead of this machine's; None if it did not tell the time.
        found: What it gave.
    """

    code: str = ""
    told: str = ""
    ahead: timedelta | None = None
    found: dict[str, Any] = field(default_factory=dict)


def signed_in() -> Answer:
    """Ask whose credentials these are: `identity`."""
    try:
        return Answer(found={"identity": caller()})
    except PermissionError as error:
        return refusal(error)


def refusal(error: PermissionError) -> Answer:
    """What AWS, or boto3, said when a store raised this."""
    return _no(error.__cause__)


def look(store: S3) -> Answer:
    """List one object of the store."""
    return _ask(lambda: store.client.list_objects_v2(Bucket=store.bucket, Prefix=_key(store, ""), MaxKeys=1))


def versioning(store: S3) -> Answer:
    """Ask whether the bucket keeps what is replaced and removed: then `Status` is `Enabled`."""
    return _ask(lambda: store.client.get_bucket_versioning(Bucket=store.bucket))


def lifecycle(store: S3) -> Answer:
    """Ask for the rules by which the bucket ends things: `Rules`, which are missing where there are none."""
    answer = _ask(lambda: store.client.get_bucket_lifecycle_configuration(Bucket=store.bucket))
    return Answer(ahead=answer.ahead) if answer.code == "NoSuchLifecycleConfiguration" else answer


def tags(store: S3, key: str) -> Answer:
    """Ask for the tags of an object: `TagSet`."""
    return _ask(lambda: store.client.get_object_tagging(Bucket=store.bucket, Key=_key(store, key)))


def may_write(store: S3) -> bool | Answer:
    """Whether these credentials may put an object there; or what was said, if that does not tell.

    Asked for is to add to an upload that was never begun. That needs the right to put objects and can never succeed, be the
    store as broken as it likes. Rights are looked at first: who has them is told that there is no such upload.
    """
    key = _key(store, f"{layout.TRIALS}/{uuid4().hex}")
    asked = {"Bucket": store.bucket, "Key": key, "UploadId": uuid4().hex, "PartNumber": 1, "Body": b""}
    answer = _ask(lambda: store.client.upload_part(**asked))
    return {"NoSuchUpload": True, "AccessDenied": False}.get(answer.code, answer)


@dataclass(frozen=True)
class Version:
    """A version of an object.

    Attributes:
        key: Its key, from the top of the store.
        id: Its id.
        locked_until: Until when nobody but break-glass can remove it; None if it is not locked.
    """

    key: str
    id: str
    locked_until: datetime | None


def old_versions(store: S3, prefix: str) -> Iterator[Version]:
    """The versions below a prefix that were replaced or removed, and are still there.

    Raises:
        OSError: The store does not answer, or not to this identity: what is there is not known then.
    """
    for page in moving.pages(store, prefix):
        for found in page:
            if found.etag and not found.newest and (version := version_of(store, found.key[len(store.full("")) :], found.id)):
                yield version


def version_of(store: S3, key: str, id: str = "") -> Version | None:
    """A version of an object, or the one that stands; None if there is none.

    Raises:
        OSError: The store does not answer, or not to this identity.
    """
    asked = {"Bucket": store.bucket, "Key": store.full(key), **({"VersionId": id} if id else {})}
    found = store.ask(key, lambda: store.client.head_object(**asked), absent=dict)
    return Version(key, found.get("VersionId", ""), found.get("ObjectLockRetainUntilDate")) if found else None


def copy_version(store: S3, version: Version, path: Path) -> None:
    """Write the bytes of a version into a file on this machine.

    Raises:
        OSError: The store does not answer, or not to this identity.
    """
    named = {"ExtraArgs": {"VersionId": version.id}}
    store.ask(version.key, lambda: store.client.download_file(store.bucket, store.full(version.key), str(path), **named))


def default_lock(store: S3) -> timedelta | None:
    """For how long the bucket locks what is written without saying for how long; None if it does not."""
    answer = _ask(lambda: store.client.get_object_lock_configuration(Bucket=store.bucket))
    rule = answer.found.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    return timedelta(days=rule.get("Days", 0) + 365 * rule.get("Years", 0)) or None


def _key(store: S3, key: str) -> str:
    return store.address(key).removeprefix(f"s3://{store.bucket}/")


def _ask(request: Callable[[], dict[str, Any]]) -> Answer:
    asked = datetime.now(UTC)
    try:
        said = request()
    except (ClientError, BotoCoreError) as error:
        return _no(error, asked)
    return Answer(ahead=_ahead(said, asked), found=said)


def _no(error: BaseException | None, asked: datetime | None = None) -> Answer:
    if isinstance(error, ClientError):
        said = error.response["Error"]
        return Answer(
            said["Code"], f"{said['Code']}: {said.get('Message', '')}", _ahead(error.response, asked) if asked else None
        )
    told = re.sub(r"\?[^\"\s]*", "", str(error))  # without what was asked for at that address
    if isinstance(error, ConnectionError | HTTPClientError):
        return Answer(UNREACHABLE, told)
    return Answer(type(error).__name__, told)


def _ahead(said: Any, asked: datetime) -> timedelta | None:
    try:
        there = parsedate_to_datetime(said["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, ValueError):
        return None
    here = asked + (datetime.now(UTC) - asked) / 2
    return there + timedelta(seconds=0.5) - here  # its seconds are whole ones
