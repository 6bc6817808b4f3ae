"""The rights of docs/how-to.md are enough for what each identity does, and for nothing else."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from dataops_assets_tests import rights
from dataops_assets_tests.s3_server import ONCE, Bucket, MakeIdentity

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.s3

OWN = "dev/me"
ACTS: Mapping[str, Callable[["S3Client", str, str], Any]] = {
    "list": lambda client, bucket, key: client.list_objects_v2(Bucket=bucket, Prefix=key),
    "read": lambda client, bucket, key: client.get_object(Bucket=bucket, Key=key),
    "put": lambda client, bucket, key: client.put_object(Bucket=bucket, Key=key, Body=b"1"),
    "put with tags": lambda client, bucket, key: client.put_object(Bucket=bucket, Key=key, Body=b"1", Tagging="readers=a"),
    "remove": lambda client, bucket, key: client.delete_object(Bucket=bucket, Key=key),
}
PLACES = (
    "prod/landing/flights/a",
    "prod/landing/weather/a",
    "prod/raw/flights/a",
    "prod/staged/flights/a",
    "prod/staged/weather/a",
    "prod/_verdicts/content/flights/a",
    f"shared/{OWN}/staged/flights/a",
    "shared/dev/other/staged/flights/a",
)
MAY: Mapping[str, Callable[[str, str], bool]] = {
    "pipeline": lambda act, place: place.startswith("prod/") and act != "remove",
    "branch": lambda act, place: (
        act == "list" or place.startswith(f"shared/{OWN}/") or (act == "read" and place.startswith("prod/"))
    ),
    "provider": lambda act, place: act == "put" and place == "prod/landing/flights/a",
    "reader": lambda act, place: (
        (act == "list" and place.startswith("prod/")) or (act, place) == ("read", "prod/staged/flights/a")
    ),
}


@pytest.mark.parametrize("who", MAY)
def test_identity_may_do_just_what_it_needs(who: str, bucket: Bucket, identity: MakeIdentity) -> None:
    with bucket.server.bucket() as shared:
        names = {"prod": bucket.name, "shared": shared.name}
        policy = {
            "pipeline": rights.pipeline(bucket.name),
            "branch": rights.through_to_prod(bucket.name, shared.name, OWN),
            "provider": rights.provider(bucket.name, "flights"),
            "reader": rights.reader(bucket.name, "flights"),
        }[who]
        client, root = bucket.by(identity(who, policy)).client(retries=ONCE), bucket.client()
        done = set()
        for place in PLACES:
            side, _, key = place.partition("/")
            for act, do in ACTS.items():
                root.put_object(Bucket=names[side], Key=key, Body=b"0")
                with suppress(ClientError):
                    do(client, names[side], key)
                    done.add((act, place))
    assert done == {(act, place) for act in ACTS for place in PLACES if MAY[who](act, place)}
