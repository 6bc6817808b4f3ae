"""What is made of a bucket's answers, and of none."""

import base64
import hashlib
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from urllib3 import HTTPResponse

from dataops_assets.storage import aws, landing
from dataops_assets.storage.errors import BadRequest, Closed, NotSignedIn, Unreachable, in_words, is_lasting
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.checkout import free_port
from dataops_assets_tests.s3_server import ONCE, Bucket, Credentials, MakeIdentity
from dataops_assets_tests.trees import Tree, readings


def test_where_nothing_listens_is_not_reached_and_no_matter_of_rights(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "jitter_seconds", lambda attempt: 0)
    nowhere = bucket.behind(f"http://127.0.0.1:{free_port()}").client(retries=ONCE)
    with pytest.raises(Unreachable, match="Could not connect"):
        S3(bucket.name, "", Folder(tmp_path), client=nowhere).read("a")


@pytest.mark.s3
def test_who_may_not_list_uploads_is_told_so(bucket: Bucket, identity: MakeIdentity, tmp_path: Path) -> None:
    allowed = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket.name}"}
    client = bucket.by(identity("lister", {"Version": "2012-10-17", "Statement": [allowed]})).client(retries=ONCE)
    with pytest.raises(PermissionError, match="s3:ListBucketMultipartUploads"):
        S3(bucket.name, "", Folder(tmp_path), client=client).sweep(datetime.now(UTC), remove=False)


@pytest.mark.s3
def test_what_is_refused_and_not_listed_is_absent(bucket: Bucket, identity: MakeIdentity, tmp_path: Path) -> None:
    """As where rights go by tags: what is not there has none, so S3 refuses it like what is for others."""
    allowed = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket.name}"}
    client = bucket.by(identity("lister", {"Version": "2012-10-17", "Statement": [allowed]})).client(retries=ONCE)
    bucket.client().put_object(Bucket=bucket.name, Key="there/longer", Body=b"1")
    bucket.client().put_object(Bucket=bucket.name, Key="for-others", Body=b"1")
    with pytest.raises(ClientError, match="403"):
        client.head_object(Bucket=bucket.name, Key="there")
    s3 = S3(bucket.name, "", Folder(tmp_path), client=client)
    assert (s3.entry("there"), s3.read("there"), s3.sha256("there")) == (None, None, None)
    for look in (s3.entry, s3.read, s3.sha256):
        with pytest.raises(Closed):
            look("for-others")


@pytest.mark.s3
def test_whose_key_is_not_known_signs_in_anew(bucket: Bucket, tmp_path: Path) -> None:
    unknown = bucket.by(Credentials("NOBODYEXAMPLE0000001", "nothing"))
    with pytest.raises(NotSignedIn) as caught:
        S3(bucket.name, "", Folder(tmp_path), client=unknown.client(retries=ONCE)).read("a")
    assert in_words(caught.value).endswith(". Sign in anew; `dataops doctor` tells more")


def test_what_no_answer_will_change_is_not_tried_again(bucket: Bucket, tmp_path: Path) -> None:
    nowhere = S3(f"{bucket.name}-of-nobody", "", Folder(tmp_path), client=bucket.client(retries=ONCE))
    with pytest.raises(BadRequest, match="NoSuchBucket") as caught:
        nowhere.create("a", b"", {})
    assert is_lasting(caught.value)
    assert in_words(caught.value).endswith(". `dataops doctor` tells what is wrong with it")


@pytest.mark.parametrize(("status", "times"), [(400, 1), (400, 3), (408, 5)])
def test_a_head_that_came_too_slowly_is_asked_again(
    status: int, times: int, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "jitter_seconds", lambda attempt: 0)
    client = bucket.client(retries=ONCE)
    client.put_object(Bucket=bucket.name, Key="a", Body=b"1")
    answers = refuse_heads(client, status, times)
    told = S3(bucket.name, "", Folder(tmp_path), client=client).head("a")
    assert told
    assert (told["ContentLength"], answers) == (1, [status] * times)


def test_a_head_that_is_refused_every_time_says_to_sign_in(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "jitter_seconds", lambda attempt: 0)
    client = bucket.client(retries=ONCE)
    answers = refuse_heads(client, 400, 10)
    with pytest.raises(NotSignedIn):
        S3(bucket.name, "", Folder(tmp_path), client=client).head("a")
    assert len(answers) < 10


def refuse_heads(client: Any, status: int, times: int) -> list[int]:
    """Have the first few requests of a client for what is told of an object answered so; what was answered is in the list."""
    answers: list[int] = []

    def refuse(request: Any, **_: Any) -> AWSResponse | None:
        if len(answers) == times:
            return None
        answers.append(status)
        return AWSResponse(request.url, status, {}, HTTPResponse(BytesIO(), preload_content=False))  # type: ignore[no-untyped-call]

    client.meta.events.register("before-send.s3.HeadObject", refuse)
    return answers


def test_metadata_of_a_provider_is_no_promise_of_ours(bucket: Bucket, tmp_path: Path) -> None:
    body = b"one"
    theirs = {"sha256": base64.b64encode(hashlib.sha256(body).digest()).decode()}
    bucket.client().put_object(Bucket=bucket.name, Key="landing/a", Body=body, Metadata=theirs)
    s3 = S3(bucket.name, "", Folder(tmp_path), client=bucket.client(retries=ONCE))
    assert (s3.read("landing/a"), s3.sha256("landing/a")) == (body, hashlib.sha256(body).hexdigest())


def test_manifest_that_is_damaged_is_waited_for(
    bucket: Bucket, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "jitter_seconds", lambda attempt: 0)
    manifest = 'files: "{partition}/*.csv"\n    complete: {manifest: "{partition}/manifest.json"}'
    tree.edit("readings/defs.yaml", 'files: "{partition}.csv"', manifest)
    s3 = S3(bucket.name, "", Folder(tmp_path / "here"), client=bucket.client(retries=ONCE))
    for day in ("2024-01-05", "2024-01-06"):
        s3.write(f"landing/readings/{day}/1.csv", readings(day).encode(), {})
        s3.write(f"landing/readings/{day}/manifest.json", b'{"files": [{"name": "1.csv"}]}', {})
    key = "landing/readings/2024-01-05/manifest.json"
    bucket.client().put_object(Bucket=bucket.name, Key=key, Body=b"[]", Metadata={"dataops-sha256": "0" * 64})
    found = landing.arrivals(s3, tree["readings"], datetime.now(UTC))
    assert found["2024-01-05"].waiting_for.startswith(f"a manifest that can be read: s3://{bucket.name}/{key}: its bytes have")
    assert found["2024-01-06"].waiting_for == ""
