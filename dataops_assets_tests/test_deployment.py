"""Which deployment the environment describes, and who may write where."""

import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from dataops_assets import checkout, deployment
from dataops_assets.deployment import Deployment, current
from dataops_assets.settings import DeploymentError, in_a_bucket
from dataops_assets.storage import mark
from dataops_assets.storage.errors import Forbidden, in_words
from dataops_assets.storage.folder import Folder
from dataops_assets_tests import rights
from dataops_assets_tests.fault_proxy import Exchange, FaultProxy, Request, forward
from dataops_assets_tests.s3_server import Bucket, MakeIdentity

SHARED = {"DATAOPS_DATA": "s3://lake-dev/shared/", "DATAOPS_PROD": "s3://lake-prod"}
PROD = {"DATAOPS_DEPLOYMENT": "prod", "DATAOPS_DATA": "s3://lake-prod", "DATAOPS_PIPELINE": "arn:aws:iam::1:role/p"}
MARK = "_deployment/prod.json"
ME = deployment.identity(in_aws=False)


def test_local_is_a_folder_beside_the_project() -> None:
    here = current({})
    assert (here.name, here.data, here.prod, here.pipeline) == ("local", str(checkout.PROJECT / "data"), None, None)
    assert isinstance(here.store, Folder)
    assert here.base is None


@pytest.mark.parametrize("name", ["dev/me.too", "branch/pr-17"])
def test_dev_and_branches_write_below_their_own_name(name: str) -> None:
    here = current({"DATAOPS_DEPLOYMENT": name, **SHARED})
    assert (here.data, here.prod, here.pipeline) == (f"s3://lake-dev/shared/{name}", "s3://lake-prod", None)
    assert here.cache == checkout.PROJECT / ".dataops" / name


def test_landing_lies_with_the_rest_or_apart(tmp_path: Path) -> None:
    assert current({}).drops is None
    apart = {"DATAOPS_DATA": str(tmp_path / "data"), "DATAOPS_LANDING": f"{tmp_path}/drop/"}
    here = current(apart)
    assert (here.landing, here.drops) == (str(tmp_path / "drop"), Folder(tmp_path / "drop"))
    nobody = {"DATAOPS_DEPLOYMENT": "prod", "DATAOPS_PIPELINE": "pipeline@prod"}
    drops = current(apart | nobody).drops
    assert drops
    with pytest.raises(Forbidden, match=f"^{tmp_path}/drop/landing/x is not written: {ME} is not pipeline@prod"):
        drops.write("landing/x", b"", {})


def test_prod_names_its_pipeline() -> None:
    role = "arn:aws:iam::123456789012:role/pipeline"
    here = current({"DATAOPS_DEPLOYMENT": "prod", "DATAOPS_DATA": "s3://lake-prod", "DATAOPS_PIPELINE": role})
    assert (here.data, here.prod, here.pipeline) == ("s3://lake-prod", None, role)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"DATAOPS_DEPLOYMENT": "production"}, "DATAOPS_DEPLOYMENT is 'production', which is no deployment: write local, dev/"),
        ({"DATAOPS_DEPLOYMENT": "dev/"}, "DATAOPS_DEPLOYMENT is 'dev/'"),
        ({"DATAOPS_DEPLOYMENT": "dev/../prod"}, "DATAOPS_DEPLOYMENT is 'dev/../prod'"),
        ({"DATAOPS_DEPLOYMENT": "branch/pr-1/../../x"}, "DATAOPS_DEPLOYMENT is 'branch/pr-1/../../x'"),
        ({"DATAOPS_DEPLOYMENT": "dev/a..b"}, "DATAOPS_DEPLOYMENT is 'dev/a..b', which is no deployment: write local, dev/"),
        ({"DATAOPS_DEPLOYMENT": "dev/me."}, "DATAOPS_DEPLOYMENT is 'dev/me.'"),
        ({"DATAOPS_DEPLOYMNT": "prod"}, "DATAOPS_DEPLOYMNT is set, but means nothing here: did you mean DATAOPS_DEPLOYMENT?"),
        ({"DATAOPS_X": ""}, "DATAOPS_X is set, but means nothing here: there are DATAOPS_DEPLOYMENT, _DATA, "),
        (
            {"DATAOPS_ERASURE_KEY": "guess me"},
            "DATAOPS_ERASURE_KEY has 8 characters, which can be guessed: make one of 32 or more",
        ),
        ({"DATAOPS_DEPLOYMENT": "branch/main"}, "DATAOPS_DEPLOYMENT is 'branch/main'"),
        ({"DATAOPS_DEPLOYMENT": "dev/me"}, "DATAOPS_DATA is not set, which dev/me needs: the s3://bucket that dev and"),
        (
            {"DATAOPS_DEPLOYMENT": "dev/me", "DATAOPS_DATA": "s3://lake-dev"},
            "DATAOPS_PROD is not set, which dev/me needs: the s3://bucket of prod's data",
        ),
        ({"DATAOPS_DEPLOYMENT": "prod", "DATAOPS_DATA": "s3://lake-prod"}, "DATAOPS_PIPELINE is not set, which prod needs"),
        ({"DATAOPS_DATA": "s3://lake"}, "DATAOPS_DATA is s3://lake, but local is a folder"),
        ({"DATAOPS_DATA": "gs://lake"}, "DATAOPS_DATA is 'gs://lake': write a folder, or a bucket as s3://bucket/prefix"),
        ({"DATAOPS_DATA": " s3://lake"}, "DATAOPS_DATA is ' s3://lake': write a folder, or a bucket as s3://bucket/prefix"),
        (
            {**SHARED, "DATAOPS_DEPLOYMENT": "dev/me", "DATAOPS_PROD": "S3://lake"},
            "DATAOPS_PROD is 'S3://lake': write a folder",
        ),
        (
            {**SHARED, "DATAOPS_DEPLOYMENT": "dev/me", "DATAOPS_PROD": "s3://a1b/.."},
            "DATAOPS_PROD is 's3://a1b/..', no address",
        ),
        ({"DATAOPS_COMMIT": "deadbeef"}, "DATAOPS_COMMIT is 'deadbeef', no commit: write all of its hexadecimal digits"),
        (
            {**SHARED, "DATAOPS_DEPLOYMENT": "dev/me", "DATAOPS_PROD": "s3://x///"},
            "DATAOPS_PROD is 's3://x///', no address of a bucket: a bucket's name is 3 to 63",
        ),
        (
            {**SHARED, "DATAOPS_DEPLOYMENT": "dev/me", "DATAOPS_DATA": "s3://lake-dev///"},
            "DATAOPS_DATA is 's3://lake-dev///', no address of a bucket: there is a name bet",
        ),
        (
            {**SHARED, "DATAOPS_DEPLOYMENT": "dev/me", "DATAOPS_DATA": "s3://lake-dev/a b"},
            "DATAOPS_DATA is 's3://lake-dev/a b', no address of a bucket: there is no blank",
        ),
        ({"DATAOPS_DEPLOYMENT": "prod", "DATAOPS_DATA": "s3://LAKE"}, "DATAOPS_DATA is 's3://LAKE', no address of a bucket"),
        (
            {"DATAOPS_DEPLOYMENT": "dev/me", "DATAOPS_DATA": "s3://lake/x", "DATAOPS_PROD": "s3://lake"},
            "DATAOPS_DATA is s3://lake/x, which is prod's",
        ),
        (
            {"DATAOPS_DEPLOYMENT": "dev/me", "DATAOPS_DATA": "s3://lake", "DATAOPS_PROD": "s3://lake/dev/me/x"},
            "DATAOPS_DATA is s3://lake, which is prod's",
        ),
        (
            {**SHARED, "DATAOPS_DEPLOYMENT": "dev/me", "DATAOPS_LANDING": "s3://lake-landing"},
            "DATAOPS_LANDING is set, but landing of dev/me lies with the rest of it: unset it",
        ),
        ({**PROD, "DATAOPS_LANDING": "s3://lake_landing"}, "DATAOPS_LANDING is 's3://lake_landing', no address of a bucket"),
        (
            {**PROD, "DATAOPS_LANDING": "/srv/landing"},
            "DATAOPS_LANDING is /srv/landing, and DATAOPS_DATA s3://lake-prod: name two folders, or two buckets",
        ),
        (
            {**PROD, "DATAOPS_LANDING": "s3://lake-prod/"},
            "DATAOPS_LANDING is s3://lake-prod, and DATAOPS_DATA s3://lake-prod: name a place apart from it, or unset it",
        ),
        (
            {**PROD, "DATAOPS_LANDING": "s3://lake-prod/landing"},
            "DATAOPS_LANDING is s3://lake-prod/landing, and DATAOPS_DATA s3://lake-prod: name a place apart",
        ),
        (
            {"DATAOPS_DATA": "/srv/lake/data", "DATAOPS_LANDING": "/srv/lake"},
            "DATAOPS_LANDING is /srv/lake, and DATAOPS_DATA /srv/lake/data: name a place apart",
        ),
    ],
)
def test_what_is_no_deployment_is_told_by_the_variable(environment: dict[str, str], told: str) -> None:
    with pytest.raises(DeploymentError) as caught:
        current(environment)
    assert str(caught.value).startswith(told)


def test_command_tells_it_in_one_line(tmp_path: Path) -> None:
    asked = [Path(sys.executable).with_name("dataops"), "status"]
    told = subprocess.run(asked, capture_output=True, text=True, env={"DATAOPS_DEPLOYMENT": "prd"}, cwd=tmp_path, check=False)
    assert (told.returncode, told.stdout, len(told.stderr.splitlines())) == (1, "", 1)
    assert told.stderr.startswith("DATAOPS_DEPLOYMENT is 'prd'")


def test_denial_is_told_once(tmp_path: Path) -> None:
    where = {"DATAOPS_DEPLOYMENT": "prod", "DATAOPS_DATA": str(tmp_path / "prod"), "DATAOPS_PIPELINE": "pipeline@prod"}
    asked = [Path(sys.executable).with_name("dataops"), "deliver", "airlines"]
    told = subprocess.run(asked, capture_output=True, text=True, env=os.environ | where, cwd=tmp_path, check=False)
    assert (told.returncode, told.stdout) == (1, "")
    [line] = filter(None, told.stderr.splitlines())
    assert line.startswith(f"{tmp_path}/prod/landing/airlines/airlines.csv is not written: {ME} is not pipeline@prod")


def test_store_that_does_not_answer_is_told_in_one_line(tmp_path: Path) -> None:
    nobody = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "x",
    }
    where = {"DATAOPS_DEPLOYMENT": "dev/me", "DATAOPS_DATA": "s3://lake-dev", "DATAOPS_PROD": "s3://lake-prod"}
    asked = [Path(sys.executable).with_name("dataops"), "why", "airlines"]
    told = subprocess.run(asked, capture_output=True, text=True, env=nobody | where, cwd=tmp_path, check=False)
    assert (told.returncode, told.stdout) == (1, "")
    [line] = told.stderr.splitlines()
    assert line.startswith("s3://lake-dev/dev/me/")
    assert line.endswith("`dataops doctor` tells what is wrong with it")


def test_address_of_a_bucket() -> None:
    assert in_a_bucket("s3://a")
    assert not in_a_bucket("/s3:/a")


@pytest.fixture
def prod(tmp_path: Path) -> Deployment:
    """A prod whose pipeline is whoever runs this test."""
    return Deployment("prod", str(tmp_path / "prod"), pipeline=ME)


@pytest.fixture
def _merged(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an image of a commit."""
    monkeypatch.setattr(checkout, "_checked_out", lambda _: None)
    monkeypatch.setenv("DATAOPS_COMMIT", "ab" * 20)


@pytest.mark.usefixtures("_merged")
def test_pipeline_writes_to_prod(prod: Deployment) -> None:
    prod.store.create("a", b"one", {})
    assert prod.store.read("a") == b"one"


@pytest.mark.usefixtures("_merged")
def test_nobody_else_writes_to_prod(prod: Deployment, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = Deployment("prod", prod.data, pipeline="arn:aws:iam::123456789012:role/pipeline")
    with caplog.at_level(logging.ERROR), pytest.raises(Forbidden) as caught:
        other.store.create("staged/a", b"one", {})
    why = f"{ME} is not arn:aws:iam::123456789012:role/pipeline (DATAOPS_PIPELINE), which alone writes to prod"
    assert in_words(caught.value) == f"{prod.data}/staged/a is not written: {why}: merge the change, and the pipeline does"
    assert not (tmp_path / "prod").exists(), "refused before the first byte"
    [record] = caplog.records
    told = {name: getattr(record, name) for name in ("event", "deployment", "place", "identity")}
    assert told == {"event": "write_denied", "deployment": "prod", "place": f"{prod.data}/staged/a", "identity": ME}


@pytest.mark.s3
@pytest.mark.usefixtures("_merged")
def test_what_a_bucket_denies_who_passes_for_the_pipeline_is_told_to_who_watches(
    bucket: Bucket, identity: MakeIdentity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engineer = bucket.by(identity("engineer", rights.of("dev/engineer", "ann", prod=bucket.name)))
    who = engineer.sts().get_caller_identity()["Arn"]
    for name, value in engineer.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    deployment.identity.cache_clear()
    bucket.client().put_object(Bucket=bucket.name, Key=MARK)
    prod = Deployment("prod", f"s3://{bucket.name}", pipeline=who, cache=tmp_path)
    acts = (
        lambda store: store.create("staged/a", b"one", {}),
        lambda store: store.write("staged/a", b"one", {}),
        lambda store: store.remove(["staged/a"]),
        lambda store: store.read("staged/a"),
    )
    with pytest.raises(PermissionError, match="s3:PutObject"):
        acts[0](prod.store)
    for act in acts[1:]:
        with contextlib.suppress(PermissionError):
            act(prod.store)
    deployment.identity.cache_clear()
    told = {"event": "write_denied", "deployment": "prod", "place": f"s3://{bucket.name}/staged/a", "identity": who}
    assert [{name: getattr(record, name) for name in told} for record in caplog.records] == [told] * 3


@pytest.mark.usefixtures("_merged", "nobody")
def test_what_the_folder_itself_denies_is_told_to_who_watches(prod: Deployment, caplog: pytest.LogCaptureFixture) -> None:
    prod.store.create("staged/a", b"one", {})
    me = Deployment(prod.name, prod.data, pipeline=deployment.identity(in_aws=False))
    (Path(prod.data) / "staged").chmod(0o555)
    with pytest.raises(PermissionError):
        me.store.create("staged/b", b"two", {})
    (Path(prod.data) / "_tmp").chmod(0o555)
    with pytest.raises(PermissionError):
        me.store.create("raw/b", b"two", {})
    assert [record.event for record in caplog.records] == ["write_denied"] * 2  # type: ignore[attr-defined]
    assert all(record.place.startswith(prod.data) for record in caplog.records)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("nobody")
def test_what_a_folder_of_ones_own_denies_is_told_to_who_tried_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    local = Deployment("local", str(tmp_path / "data"))
    local.store.create("a", b"one", {})
    (tmp_path / "data/_tmp").chmod(0o555)
    with pytest.raises(PermissionError):
        local.store.create("b", b"two", {})
    assert caplog.records == []


def test_changed_code_does_not_write_to_prod(prod: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    for commit, clean, told in (
        ("ab" * 20, False, "the code is not just commit abababababab: prod is written by an unmodified commit"),
        (None, None, "it is not known which commit this code is: run it from a checkout, or an image of it"),
    ):
        monkeypatch.setattr(checkout, "_checked_out", lambda _, commit=commit, clean=clean: (commit, clean))
        with pytest.raises(Forbidden, match=told):
            prod.store.create("a", b"one", {})


def test_attempt_by_nobody_that_is_known_is_told_too(
    prod: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unknown(in_aws: bool) -> str:
        raise PermissionError(13, "ExpiredToken", "the credentials of AWS")

    monkeypatch.setattr(deployment, "identity", unknown)
    with pytest.raises(Forbidden, match="is not written: the credentials of AWS: ExpiredToken"):
        prod.store.create("a", b"one", {})
    assert [record.identity for record in caplog.records] == ["nobody that is known (ExpiredToken)"]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("_merged")
def test_name_in_the_environment_makes_nobody_the_pipeline(prod: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "pipeline")
    deployment.identity.cache_clear()
    assert deployment.identity(in_aws=False) == ME
    prod.store.create("a", b"one", {})


@pytest.mark.usefixtures("_merged")
def test_first_write_of_prod_leaves_its_mark_and_none_changes_it(prod: Deployment) -> None:
    prod.store.create("a", b"one", {})
    left = prod.store.read(MARK)
    assert left
    assert json.loads(left)["pipeline"] == ME
    mark.is_prods.cache_clear()  # as another process
    prod.store.create("b", b"two", {})
    assert prod.store.read(MARK) == left


@pytest.mark.usefixtures("_merged")
def test_mark_carries_tags_as_every_object_does(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable, value in bucket.environment().items():
        monkeypatch.setenv(variable, value)
    deployment.identity.cache_clear()
    prod = Deployment("prod", f"s3://{bucket.name}", pipeline=deployment.identity(in_aws=True), cache=tmp_path)
    prod.store.create("a", b"one", {})
    tags = bucket.client().get_object_tagging(Bucket=bucket.name, Key=MARK)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"lifecycle": "deployment", "readers": "branches"}
    deployment.identity.cache_clear()


@pytest.mark.usefixtures("_merged")
def test_trial_of_doctor_leaves_no_mark(prod: Deployment) -> None:
    prod.store.create("_doctor/1/000000", b"one", {})
    assert prod.store.entry(MARK) is None


@pytest.mark.usefixtures("_merged")
@pytest.mark.parametrize("name", ["local", "dev/me", "branch/pr-1"])
@pytest.mark.parametrize("below", ["", "/staged/flights"])
def test_nobody_else_writes_where_prod_has_left_its_mark(prod: Deployment, name: str, below: str, tmp_path: Path) -> None:
    prod.store.create("a", b"one", {})
    elsewhere = {"DATAOPS_DEPLOYMENT": name, "DATAOPS_DATA": prod.data + below, "DATAOPS_PROD": str(tmp_path / "another")}
    with pytest.raises(Forbidden) as caught:
        current(elsewhere).store.create("a/b", b"two", {})
    assert f"is not written: {prod.data} is prod's: set DATAOPS_DATA to where {name} may write" in str(caught.value)
    assert {path.name for path in Path(prod.data).iterdir()} == {"_deployment", "_tmp", "_write.lock", "a"}
    current({**elsewhere, "DATAOPS_DATA": str(tmp_path / "mine")}).store.create("a", b"two", {})


@pytest.mark.usefixtures("_merged")
def test_store_is_asked_once_for_the_mark(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def count(request: Request) -> Callable[[Exchange], None]:
        asked.append((request.method, request.query.get("prefix", "")))
        return forward

    with FaultProxy(bucket.endpoint, count) as proxy:
        for variable, value in bucket.behind(proxy.endpoint).environment().items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        for _ in range(2):
            branch = Deployment("branch/pr-1", f"s3://{bucket.name}/branch/pr-1", f"s3://{bucket.name}-prod", cache=tmp_path)
            for key in ("a", "b"):
                branch.store.create(key, b"one", {})
    looked = ["branch/pr-1/_deployment/", "branch/_deployment/", "_deployment/"]
    assert [request for request in asked if request[0] == "GET"] == [("GET", prefix) for prefix in looked]


def test_checkout_knows_better_than_the_environment(prod: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAOPS_COMMIT", "cd" * 20)
    monkeypatch.setattr(checkout, "_checked_out", lambda _: ("ab" * 20, False))
    with pytest.raises(Forbidden, match="the code is not just commit abababababab"):
        prod.store.create("a", b"one", {})


def test_branch_never_writes_to_prod(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Folder(tmp_path / "prod").create("a", b"one", {})
    branch = Deployment("branch/pr-1", str(tmp_path / "dev/branch/pr-1"), prod=str(tmp_path / "prod"))
    assert branch.base
    assert branch.base.read("a") == b"one"
    for act in (lambda store: store.create("b", b"", {}), lambda store: store.remove(["a"])):
        with pytest.raises(Forbidden, match=r"prod/[ab] is not written: branch/pr-1 reads prod, and never writes there"):
            act(branch.base)
    assert [record.name for record in caplog.records] == ["dataops.denied"] * 2
    assert branch.base.read("a") == b"one"
