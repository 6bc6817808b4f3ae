"""What tests of storage take for granted of the server that enforces policies: rights, names, and one winner of a race."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from botocore.exceptions import ClientError

from dataops_assets_tests.s3_server import ONCE, Bucket, MakeIdentity

pytestmark = pytest.mark.s3


def test_a_user_may_do_what_the_policy_says_and_nothing_else(bucket: Bucket, identity: MakeIdentity) -> None:
    for key in ("open/a", "closed/a"):
        bucket.client().put_object(Bucket=bucket.name, Key=key, Body=b"1")
    allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket.name}/open/*"}
    s3 = bucket.by(identity("reader", {"Version": "2012-10-17", "Statement": [allowed]})).client(retries=ONCE)

    assert s3.get_object(Bucket=bucket.name, Key="open/a")["Body"].read() == b"1"
    for forbidden in (
        lambda: s3.put_object(Bucket=bucket.name, Key="open/a", Body=b"2"),
        lambda: s3.delete_object(Bucket=bucket.name, Key="open/a"),
        lambda: s3.get_object(Bucket=bucket.name, Key="closed/a"),
        lambda: s3.list_objects_v2(Bucket=bucket.name, Prefix="open/"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            forbidden()
    assert bucket.client().get_object(Bucket=bucket.name, Key="open/a")["Body"].read() == b"1"


def test_another_process_with_its_environment_is_the_same_user(bucket: Bucket, identity: MakeIdentity) -> None:
    allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket.name}/*"}
    user = bucket.by(identity("writer", {"Version": "2012-10-17", "Statement": [allowed]}))
    script = """if True:
        import boto3, sys
        boto3.client("s3").put_object(Bucket=sys.argv[1], Key="k", Body=b"1")
        print(boto3.client("sts").get_caller_identity()["Arn"])
    """
    ran = subprocess.run(
        [sys.executable, "-c", script, bucket.name],
        env=os.environ | user.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == user.sts().get_caller_identity()["Arn"]
    assert ran.stdout.strip().endswith(f":user/{bucket.name}-writer")
    assert bucket.client().get_object(Bucket=bucket.name, Key="k")["Body"].read() == b"1"


def test_of_32_who_create_an_object_one_wins(bucket: Bucket) -> None:
    clients = [bucket.client(retries=ONCE) for _ in range(32)]
    for number in range(5):
        start = Barrier(len(clients))

        def write(writer: int, key: str = f"k{number}", start: Barrier = start) -> str:
            start.wait()
            try:
                clients[writer].put_object(Bucket=bucket.name, Key=key, Body=b"%d" % writer, IfNoneMatch="*")
            except ClientError as lost:
                return lost.response["Error"]["Code"]
            return "won"

        with ThreadPoolExecutor(len(clients)) as pool:
            outcomes = list(pool.map(write, range(len(clients))))
        assert sorted(outcomes) == ["PreconditionFailed"] * 31 + ["won"]
        stored = bucket.client().get_object(Bucket=bucket.name, Key=f"k{number}")["Body"].read()
        assert stored == b"%d" % outcomes.index("won")


def test_a_bucket_is_emptied_of_more_than_a_page(bucket: Bucket) -> None:
    """A version and a delete marker of each key: 1,002 of them, and a page has 1,000."""
    s3, keys = bucket.client(max_pool_connections=8), [f"{number:03}" for number in range(501)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket.name, Key=key, Body=b""), keys))
    s3.delete_objects(Bucket=bucket.name, Delete={"Objects": [{"Key": key} for key in keys]})
    assert s3.list_object_versions(Bucket=bucket.name)["IsTruncated"]
    bucket.empty()
    left = s3.list_object_versions(Bucket=bucket.name)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")
