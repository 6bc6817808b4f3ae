"""S3 servers as tests see them: a server, a bucket of a test's own on it, and users who may do just what a policy says.

Which server a test gets is decided in conftest.py; faults between a client and a server are in fault_proxy.py.

    def test_something(bucket: Bucket) -> None:                      # on moto, in this process
        bucket.client().put_object(Bucket=bucket.name, Key="a", Body=b"1")
        subprocess.run([...], env=os.environ | bucket.environment())

    @pytest.mark.s3                                                  # on a server that enforces policies
    def test_rights(bucket: Bucket, identity: MakeIdentity) -> None:
        reader = bucket.by(identity("reader", {"Version": "2012-10-17", "Statement": [...]}))
        reader.client(retries=ONCE).get_object(Bucket=bucket.name, Key="a")
"""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

REGION = "us-east-1"

ONCE = {"total_max_attempts": 1}
"""For `Bucket.client(retries=ONCE)`: otherwise a retry hides the fault, or turns it into a race that was lost."""

NEEDED = {
    "AWS_ENDPOINT_URL_S3": "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_IAM": "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS": "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID": None,
    "AWS_SECRET_ACCESS_KEY": None,
}
"""What tells where the server of the marker `s3` is, and the variable that stands in."""

_MAKING = Lock()  # boto3's session cannot make two clients at once, and a session for each takes a tenth of a second


@dataclass(frozen=True)
class Credentials:
    """The keys of somebody."""

    key_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Server:
    """Where a server answers, and the keys of the one who may do everything there."""

    s3: str
    iam: str
    sts: str
    root: Credentials

    def client(self, service: str, who: Credentials, **config: Any) -> Any:
        """A client of one of the three services; threads may ask for theirs at the same time."""
        with _MAKING:
            return boto3.client(
                service,  # type: ignore[call-overload]
                endpoint_url=getattr(self, service),
                region_name=REGION,
                aws_access_key_id=who.key_id,
                aws_secret_access_key=who.secret,
                config=Config(s3={"addressing_style": "path"}, **config),
            )

    @contextmanager
    def bucket(self, versioned: bool = True, locked_days: int = 0) -> Iterator["Bucket"]:
        """A new bucket, which keeps versions unless told otherwise, and locks them if told so, for as long as a test lasts."""
        bucket = Bucket(f"test-{uuid4().hex[:12]}", self, self.root)
        s3 = bucket.client()
        s3.create_bucket(Bucket=bucket.name, ObjectLockEnabledForBucket=locked_days > 0)
        if locked_days:
            rule: Any = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": locked_days}}
            lock: Any = {"ObjectLockEnabled": "Enabled", "Rule": rule}
            s3.put_object_lock_configuration(Bucket=bucket.name, ObjectLockConfiguration=lock)
        elif versioned:
            s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
        try:
            yield bucket
        finally:
            bucket.empty()
            s3.delete_bucket(Bucket=bucket.name)

    @contextmanager
    def user(self, name: str, policy: Mapping[str, Any]) -> Iterator[Credentials]:
        """A new user who may do what a policy says and nothing else, for as long as a test lasts."""
        iam = self.client("iam", self.root)
        iam.create_user(UserName=name)
        try:
            if policy["Statement"]:
                document = json.dumps(policy, separators=(",", ":"))
                iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=document)
            key = iam.create_access_key(UserName=name)["AccessKey"]
            yield Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        finally:
            for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
                iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
            for given in iam.list_user_policies(UserName=name)["PolicyNames"]:
                iam.delete_user_policy(UserName=name, PolicyName=given)
            iam.delete_user(UserName=name)


@dataclass(frozen=True)
class Bucket:
    """A bucket, and who asks for it by which way."""

    name: str
    server: Server
    credentials: Credentials

    @property
    def endpoint(self) -> str:
        """Where S3 answers."""
        return self.server.s3

    def by(self, credentials: Credentials) -> "Bucket":
        """The same bucket, asked for by somebody else."""
        return replace(self, credentials=credentials)

    def behind(self, endpoint: str) -> "Bucket":
        """The same bucket, asked for through a proxy."""
        return replace(self, server=replace(self.server, s3=endpoint))

    def client(self, **config: Any) -> "S3Client":
        """A client; `config` is botocore's: `retries=ONCE`, `read_timeout=1`."""
        client: S3Client = self.server.client("s3", self.credentials, **config)
        return client

    def sts(self) -> "STSClient":
        """A client that tells who asks."""
        client: STSClient = self.server.client("sts", self.credentials)
        return client

    def environment(self) -> dict[str, str]:
        """The variables that lead another process to the same server as the same one: `os.environ | bucket.environment()`."""
        return {
            "AWS_ENDPOINT_URL_S3": self.server.s3,
            "AWS_ENDPOINT_URL_IAM": self.server.iam,
            "AWS_ENDPOINT_URL_STS": self.server.sts,
            "AWS_ACCESS_KEY_ID": self.credentials.key_id,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def empty(self) -> None:
        """Remove every version of every object, and what was begun and never completed."""
        s3 = self.client()
        for begun in s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.name):
            for upload in begun.get("Uploads", []):
                s3.abort_multipart_upload(Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"])
        # The first page again and again: versitygw loses its place in a listing whose versions are deleted meanwhile.
        while True:
            page = s3.list_object_versions(Bucket=self.name)
            versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if not versions:
                return
            objects = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
            answer = s3.delete_objects(
                Bucket=self.name,
                Delete={"Objects": objects, "Quiet": True},  # type: ignore[typeddict-item]
                BypassGovernanceRetention=True,
            )
            assert not answer.get("Errors"), answer["Errors"]


MakeIdentity = Callable[[str, Mapping[str, Any]], Credentials]
"""What the fixture `identity` gives: from a name and a policy to the keys of a new user `<bucket>-<name>`."""


def missing() -> list[str]:
    """The variables that are not set, of those that tell where the server of the marker `s3` is."""
    return [name for name, instead in NEEDED.items() if not (os.environ.get(name) or (instead and os.environ.get(instead)))]


def from_environment() -> Server:
    """The server of the marker `s3`."""
    s3, iam, sts, key_id, secret = (os.environ.get(name) or os.environ[instead or name] for name, instead in NEEDED.items())
    return Server(s3, iam, sts, Credentials(key_id, secret))


@contextmanager
def moto() -> Iterator[Server]:
    """A server in a thread of this process: right about keys, versions and listings, never about races and rights."""
    from moto import backends  # half a second, and most tests need none
    from moto.server import ThreadedMotoServer

    # It looks through its own folder and writes to a log at each request, which takes longer than the request itself.
    services = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: services
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        yield Server(address, address, address, Credentials("moto", "moto"))
    finally:
        server.stop()
