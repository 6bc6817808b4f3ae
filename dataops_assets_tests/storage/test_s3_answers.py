"""What is made of a bucket's answers, and of none."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets.storage.store import Unreachable
from dataops_assets_tests.checkout import free_port
from dataops_assets_tests.s3_server import ONCE, Bucket, MakeIdentity


def test_where_nothing_listens_is_not_reached_and_no_matter_of_rights(bucket: Bucket, tmp_path: Path) -> None:
    nowhere = bucket.behind(f"http://127.0.0.1:{free_port()}").client(retries=ONCE)
    with pytest.raises(Unreachable, match="Could not connect"):
        S3(bucket.name, "", Folder(tmp_path), client=nowhere).read("a")


@pytest.mark.s3
def test_who_may_not_list_uploads_is_told_so(bucket: Bucket, identity: MakeIdentity, tmp_path: Path) -> None:
    allowed = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket.name}"}
    client = bucket.by(identity("lister", {"Version": "2012-10-17", "Statement": [allowed]})).client(retries=ONCE)
    with pytest.raises(PermissionError, match="s3:ListBucketMultipartUploads"):
        S3(bucket.name, "", Folder(tmp_path), client=client).sweep(datetime.now(UTC), remove=False)
