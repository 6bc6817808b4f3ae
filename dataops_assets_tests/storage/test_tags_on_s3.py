"""Rights in a bucket go by the tags of objects: what a contract says of its readers is what they come to."""

from pathlib import Path

import pytest

from dataops_assets.storage import layout
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets_tests import rights
from dataops_assets_tests.branches import Remote
from dataops_assets_tests.s3_server import ONCE, Bucket, MakeIdentity
from dataops_assets_tests.trees import STATIONS

pytestmark = pytest.mark.s3


@pytest.fixture
def prod(tmp_path: Path, bucket: Bucket, identity: MakeIdentity) -> Remote:
    """Prod as its pipeline has made it, with the pipeline's rights alone."""
    keys = identity("pipeline", rights.of("prod/pipeline", prod=bucket.name, landing=bucket.name, dev=bucket.name))
    client = bucket.by(keys).client(retries=ONCE)
    prod = Remote(tmp_path / "prod", own=S3(bucket.name, "", Folder(tmp_path / "cache"), client=client))
    prod.drop("stations", "stations.csv", STATIONS)
    prod.run("stations")
    return prod


def leave_out_the_press(prod: Remote) -> None:
    for dataset in ("stations", "daily"):  # which is made from them
        prod.edit(f"{dataset}/defs.yaml", "readers: [analysts, press]", "readers: [analysts]")


def tags(bucket: Bucket, prod: Remote) -> dict[str, str]:
    found = bucket.client().get_object_tagging(Bucket=bucket.name, Key=layout.data("staged", prod["stations"], None))
    return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}


def versions(bucket: Bucket, prod: Remote) -> int:
    prefix = layout.data("staged", prod["stations"], None)
    return len(bucket.client().list_object_versions(Bucket=bucket.name, Prefix=prefix)["Versions"])


def test_who_loses_the_right_to_read_loses_it_where_the_bytes_are_the_same(bucket: Bucket, prod: Remote) -> None:
    before = prod.read("stations")
    assert tags(bucket, prod)["readers"] == "analysts+press"
    leave_out_the_press(prod)
    prod.run("stations")
    assert tags(bucket, prod)["readers"] == "analysts"
    assert prod.read("stations").equals(before)
    published = prod.lake.published(prod["stations"], None)
    assert published is not None
    assert published.readers == ("analysts",)


def test_same_bytes_with_the_same_readers_are_not_written_again(bucket: Bucket, prod: Remote) -> None:
    prod.edit("stations/schema.py", "ge=0", "ge=-1")
    prod.edit("stations/examples.yaml", "{height: -1}", "{height: -2}")
    prod.run("stations")
    assert versions(bucket, prod) == 1


def test_who_is_killed_after_the_tags_makes_up_for_the_record(
    bucket: Bucket, prod: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out_the_press(prod)
    with monkeypatch.context() as killed:
        killed.setattr("dataops_assets.storage.publishing.record", _die)
        with pytest.raises(KeyboardInterrupt):
            prod.run("stations")
    prod.run("stations")
    published = prod.lake.published(prod["stations"], None)
    assert published is not None
    assert published.readers == ("analysts",)
    assert (tags(bucket, prod)["readers"], versions(bucket, prod)) == ("analysts", 2)


def _die(*_: object) -> None:
    raise KeyboardInterrupt
