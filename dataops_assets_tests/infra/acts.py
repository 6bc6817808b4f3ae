"""What may be tried on a bucket: to read it, to write into it, to take something out of it, or to make that possible later.

Here: each act as a request to the server, and as what IAM is asked of it. Not here: who may do it (test_enforced.py).
What the server of the tests has not, it refuses to everybody, and so proves nothing: rules of lifecycle, encryption,
replication, access logs, the block of public access, restoring from an archive.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Outcome = Literal["done", "refused", "locked"]
"""`refused`: these rights do not include it. `locked`: they would, but the object is locked."""


@dataclass(frozen=True)
class Target:
    """An object that is there, and a client of whoever tries something on it."""

    client: "S3Client"
    bucket: str
    key: str
    version: str
    etag: str

    @property
    def place(self) -> Any:
        """It, as the parameters of a request."""
        return {"Bucket": self.bucket, "Key": self.key}


@dataclass(frozen=True)
class Act:
    """Something that is tried.

    Attributes:
        do: Tries it.
        actions: All that it takes the right to, as `PutObject`.
        context: What AWS would know of this request.
    """

    do: Callable[[Target], Any]
    actions: tuple[str, ...]
    context: Mapping[str, str | list[str]] = field(default_factory=dict)


def tried(act: Act, target: Target) -> Outcome:
    """Try something.

    Raises:
        ClientError: It was neither done nor refused, so it proves nothing.
    """
    try:
        answer = act.do(target)
        if errors := answer.get("Errors"):  # of several objects, each has an answer of its own
            error = {
                "Error": errors[0],
                "ResponseMetadata": {"HTTPStatusCode": 403 if errors[0]["Code"] == "AccessDenied" else 0},
            }
            raise ClientError(error, "DeleteObjects")  # type: ignore[arg-type]
    except ClientError as error:
        said = error.response["Error"]["Message"]
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        return "locked" if "object lock" in said else "refused"
    return "done"


_SOON = datetime.now(UTC) + timedelta(hours=1)
_TAGS = {"lifecycle": "operational", "readers": "branches"}
_WHOLE = {"s3:ObjectCreationOperation": "true"}
_SHORT: Any = {"Mode": "GOVERNANCE", "RetainUntilDate": _SOON}
_PUBLIC = [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::{}/*"}]


def _policy(bucket: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": _PUBLIC}).replace("{}/", f"{bucket}/")


OBJECTS: Mapping[str, Act] = {
    "read": Act(lambda to: to.client.get_object(**to.place), ("GetObject",)),
    "write": Act(
        lambda to: to.client.put_object(Bucket=to.bucket, Key=f"{to.key}.new", Body=b"x", IfNoneMatch="*"),
        ("PutObject",),
        {**_WHOLE, "s3:if-none-match": "*"},
    ),
    "overwrite": Act(
        lambda to: to.client.put_object(**to.place, Body=b"x", IfMatch=to.etag),
        ("PutObject",),
        {**_WHOLE, "s3:if-match": "etag"},
    ),
    "overwrite unseen": Act(lambda to: to.client.put_object(**to.place, Body=b"x"), ("PutObject",), _WHOLE),
    "write in parts": Act(
        lambda to: to.client.create_multipart_upload(**to.place), ("PutObject",), {"s3:ObjectCreationOperation": "false"}
    ),
    "copy over": Act(
        lambda to: to.client.copy_object(**to.place, CopySource=to.place, MetadataDirective="REPLACE"),
        ("PutObject", "GetObject"),
        {**_WHOLE, "s3:x-amz-copy-source": "itself", "s3:if-match": "etag"},
    ),
    "tag": Act(
        lambda to: to.client.put_object_tagging(
            **to.place, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in _TAGS.items()]}
        ),
        ("PutObjectTagging",),
        {**{f"s3:RequestObjectTag/{key}": value for key, value in _TAGS.items()}, "s3:RequestObjectTagKeys": [*_TAGS]},
    ),
    "untag": Act(lambda to: to.client.delete_object_tagging(**to.place), ("DeleteObjectTagging",)),
    "open to all": Act(lambda to: to.client.put_object_acl(**to.place, ACL="public-read"), ("PutObjectAcl",)),
    "delete": Act(lambda to: to.client.delete_object(**to.place), ("DeleteObject",)),
    "delete several": Act(
        lambda to: to.client.delete_objects(Bucket=to.bucket, Delete={"Objects": [{"Key": to.key}]}), ("DeleteObject",)
    ),
    "hold": Act(lambda to: to.client.put_object_legal_hold(**to.place, LegalHold={"Status": "ON"}), ("PutObjectLegalHold",)),
    "shorten the lock": Act(
        lambda to: to.client.put_object_retention(
            **to.place, VersionId=to.version, Retention=_SHORT, BypassGovernanceRetention=True
        ),
        ("PutObjectRetention", "BypassGovernanceRetention"),
    ),
    "remove the version": Act(lambda to: to.client.delete_object(**to.place, VersionId=to.version), ("DeleteObjectVersion",)),
    "remove the locked version": Act(
        lambda to: to.client.delete_object(**to.place, VersionId=to.version, BypassGovernanceRetention=True),
        ("DeleteObjectVersion", "BypassGovernanceRetention"),
    ),
}
"""On an object. The last takes it away."""

OF_LOCKS = {"hold", "shorten the lock", "remove the locked version"}
"""Those that need a bucket that locks."""

BUCKETS: Mapping[str, Act] = {
    "list": Act(lambda to: to.client.list_objects_v2(Bucket=to.bucket), ("ListBucket",)),
    "suspend versions": Act(
        lambda to: to.client.put_bucket_versioning(Bucket=to.bucket, VersioningConfiguration={"Status": "Suspended"}),
        ("PutBucketVersioning",),
    ),
    "lock no more": Act(
        lambda to: to.client.put_object_lock_configuration(
            Bucket=to.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
        ),
        ("PutBucketObjectLockConfiguration",),
    ),
    "let others in": Act(
        lambda to: to.client.put_bucket_policy(Bucket=to.bucket, Policy=_policy(to.bucket)), ("PutBucketPolicy",)
    ),
    "drop the policy": Act(lambda to: to.client.delete_bucket_policy(Bucket=to.bucket), ("DeleteBucketPolicy",)),
    "let writers own": Act(
        lambda to: to.client.put_bucket_ownership_controls(
            Bucket=to.bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        ),
        ("PutBucketOwnershipControls",),
    ),
    "open the bucket": Act(lambda to: to.client.put_bucket_acl(Bucket=to.bucket, ACL="public-read"), ("PutBucketAcl",)),
    "let pages of others read": Act(
        lambda to: to.client.put_bucket_cors(
            Bucket=to.bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
        ),
        ("PutBucketCORS",),
    ),
    "tag the bucket": Act(
        lambda to: to.client.put_bucket_tagging(Bucket=to.bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}),
        ("PutBucketTagging",),
    ),
    "serve as a site": Act(
        lambda to: to.client.put_bucket_website(
            Bucket=to.bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}}
        ),
        ("PutBucketWebsite",),
    ),
    "delete the bucket": Act(lambda to: to.client.delete_bucket(Bucket=to.bucket), ("DeleteBucket",)),
}
"""On a bucket. The last takes it away."""
