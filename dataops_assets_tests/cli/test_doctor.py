"""`dataops doctor` says what was chosen, tries it, and names what is wrong with the way out."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from dataops_assets import checkout, deployment
from dataops_assets.cli.main import cli
from dataops_assets_tests import rights
from dataops_assets_tests.checkout import free_port
from dataops_assets_tests.fault_proxy import Exchange, FaultProxy, forward
from dataops_assets_tests.s3_server import ONCE, Bucket, Credentials, MakeIdentity

COMMIT = "a" * 40
MARK = "_deployment/prod.json"
PRODS = [MARK, "staged/airports/data.parquet"]
STATES = ("ok", "limited", "wrong", "not checked")


@dataclass(frozen=True)
class Told:
    """What was printed.

    Attributes:
        code: The exit code.
        chosen: What the environment chose, by name.
        states: How each check ended.
        text: All of it.
    """

    code: int
    chosen: Mapping[str, str]
    states: Mapping[str, str]
    text: str

    def of(self, name: str) -> str:
        """What was found by a check, and the line with the remedy."""
        lines = self.text.splitlines()
        (at,) = [number for number, line in enumerate(lines) if line[:21].rstrip() == name and line[20] == " "]
        return "\n".join(lines[at : at + 2])

    @property
    def wrong(self) -> set[str]:
        return {name for name, state in self.states.items() if state == "wrong"}


Ask = Callable[[Mapping[str, str]], Told]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """Asks as a user does who has set just these variables."""

    def doctor(environment: Mapping[str, str]) -> Told:
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(("DATAOPS_", "AWS_"))]:
                patch.delenv(name)
            for name, value in {"DATAOPS_CACHE": str(tmp_path / "cache"), **environment}.items():
                patch.setenv(name, value)
            patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            patch.setattr(boto3, "DEFAULT_SESSION", None)
            if "DATAOPS_COMMIT" in environment:  # as in an image, which is no checkout
                patch.setattr(checkout, "_checked_out", lambda _: None)
            deployment.identity.cache_clear()
            done = CliRunner().invoke(cli, ["doctor", "--rounds", "1"])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        told = done.stdout.splitlines()[:-1]  # the last is a sum, or a remedy
        lines = [(line[:20].strip(), line[21:33].strip(), line[21:]) for line in told if line[:1].strip()]
        chosen = {name: told for name, state, told in lines if state not in STATES}
        return Told(done.exit_code, chosen, {name: state for name, state, _ in lines if state in STATES}, done.stdout)

    return doctor


@pytest.fixture
def prod(bucket: Bucket) -> Iterator[Bucket]:
    """A bucket beside the other, for prod."""
    with bucket.server.bucket() as prod:
        prod.client().put_object(Bucket=prod.name, Key="staged/airports/data.parquet", Body=b"1")
        mark = b'{"since": "2024-01-01T00:00:00Z", "pipeline": "arn:aws:iam::123456789012:role/pipeline"}'
        prod.client().put_object(Bucket=prod.name, Key=MARK, Body=mark)
        yield prod


def as_dev(bucket: Bucket, prod: Bucket, person: str = "me") -> dict[str, str]:
    names = {"DATAOPS_DATA": f"s3://{bucket.name}", "DATAOPS_PROD": f"s3://{prod.name}"}
    return {**bucket.environment(), **names, "DATAOPS_DEPLOYMENT": f"dev/{person}"}


def as_prod(bucket: Bucket, pipeline: str) -> dict[str, str]:
    names = {"DATAOPS_DATA": f"s3://{bucket.name}", "DATAOPS_PIPELINE": pipeline, "DATAOPS_COMMIT": COMMIT}
    return {**bucket.environment(), **names, "DATAOPS_DEPLOYMENT": "prod"}


def policy_of_dev(bucket: Bucket, prod: Bucket) -> Mapping[str, Any]:
    """Just what a person's daily work needs."""
    return rights.of("dev/engineer", "me", prod=prod.name, dev=bucket.name)


def objects(bucket: Bucket) -> list[str]:
    return [found["Key"] for found in bucket.client().list_objects_v2(Bucket=bucket.name).get("Contents", [])]


def test_local(ask: Ask, tmp_path: Path) -> None:
    told = ask({"DATAOPS_DATA": str(tmp_path / "data")})
    assert (told.code, set(told.states.values())) == (0, {"ok"})
    assert told.chosen["deployment"] == "local"
    assert told.chosen["data"] == str(tmp_path / "data")
    assert told.chosen["identity"] == deployment.identity(False)
    commit, clean = deployment.code()
    assert commit
    assert told.chosen["code"] == f"commit {commit[:12]}, {'unmodified' if clean else 'with changes'}"
    assert "one winner of 32 writers" in told.of("conditional writes")
    assert {path.name for path in (tmp_path / "data").rglob("*")} <= {"_tmp", "_write.lock"}


def test_a_folder_over_prod(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "prod").mkdir()
    names = {"DATAOPS_DATA": str(tmp_path / "shared"), "DATAOPS_PROD": str(tmp_path / "prod")}
    told = ask({**names, "DATAOPS_DEPLOYMENT": "branch/pr-7"})
    assert (told.code, told.wrong) == (0, set())
    assert told.chosen["data"] == str(tmp_path / "shared/branch/pr-7")
    assert told.chosen["reads through to"] == str(tmp_path / "prod")
    assert list((tmp_path / "prod").iterdir()) == []
    assert told.states["mark of prod"] == "not checked"
    assert "or DATAOPS_PROD names another place" in told.of("mark of prod")

    told = ask({**names, "DATAOPS_DEPLOYMENT": "branch/pr-7", "DATAOPS_PROD": str(tmp_path / "prd")})
    assert (told.code, told.wrong) == (1, {"prod"})
    assert "set DATAOPS_PROD to one that there is" in told.of("prod")


def test_what_is_prods_is_not_taken_for_ones_own(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "prod/_deployment").mkdir(parents=True)
    (tmp_path / "prod" / MARK).write_text("{}")
    data = tmp_path / "prod"
    for name in ("local", "dev/me"):
        told = ask({"DATAOPS_DEPLOYMENT": name, "DATAOPS_DATA": str(data), "DATAOPS_PROD": str(tmp_path / "prd")})
        assert (told.code, told.states["writing"], told.states["conditional writes"]) == (1, "wrong", "not checked")
        assert f"set DATAOPS_DATA to where {name} may write" in told.of("writing")


def test_prod_in_a_folder_is_tried_by_its_pipeline_alone(ask: Ask, tmp_path: Path) -> None:
    prod = {"DATAOPS_DEPLOYMENT": "prod", "DATAOPS_DATA": str(tmp_path), "DATAOPS_COMMIT": COMMIT}
    told = ask({**prod, "DATAOPS_PIPELINE": "pipeline@somewhere"})
    assert (told.code, told.states["conditional writes"]) == (0, "not checked")
    assert list(tmp_path.iterdir()) == []

    told = ask({**prod, "DATAOPS_PIPELINE": deployment.identity(False)})
    assert (told.code, told.states["conditional writes"]) == (0, "ok")
    assert "stays, as prod removes nothing" in told.of("conditional writes")


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"DATAOPS_DEPLOYMENT": "dev/me"}, "DATAOPS_DATA"),
        ({"DATAOPS_DEPLOYMENT": "dev/me", "DATAOPS_DATA": "s3://shared"}, "DATAOPS_PROD"),
        ({"DATAOPS_DEPLOYMENT": "prod", "DATAOPS_DATA": "s3://prod"}, "DATAOPS_PIPELINE"),
        ({"DATAOPS_DEPLOYMENT": "production"}, "local, dev/<person>, branch/pr-<number>, adhoc or prod"),
    ],
)
def test_variables_that_describe_no_deployment(ask: Ask, environment: dict[str, str], named: str) -> None:
    told = ask(environment)
    assert (told.code, told.states) == (1, {"variables": "wrong"})
    assert named in told.of("variables")


def test_a_folder_that_cannot_be(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = ask({"DATAOPS_DATA": str(tmp_path / "file")})
    assert (told.code, told.wrong) == (1, {"store"})
    assert "set DATAOPS_DATA" in told.of("store")


@pytest.mark.usefixtures("nobody")
def test_a_folder_that_this_user_may_not_write(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o555)
    told = ask({"DATAOPS_DATA": str(tmp_path / "data")})
    assert (told.code, told.wrong, told.states["conditional writes"]) == (1, {"writing"}, "not checked")
    assert "give this user the right to write there" in told.of("writing")


def test_a_disk_without_room(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))
    told = ask({"DATAOPS_DATA": str(tmp_path)})
    assert (told.code, told.wrong) == (1, {"room"})
    assert "make room on that disk" in told.of("room")


def test_leftovers_are_counted_and_stay(ask: Ask, tmp_path: Path) -> None:
    left = tmp_path / "_tmp/data.parquet.killed.tmp"
    left.parent.mkdir()
    left.touch()
    os.utime(left, (time.time() - 2 * 86400,) * 2)
    told = ask({"DATAOPS_DATA": str(tmp_path)})
    assert (told.code, left.exists()) == (0, True)
    assert "1 interrupted writes" in told.of("leftovers")


@pytest.mark.s3
def test_dev_with_the_rights_that_it_needs(ask: Ask, bucket: Bucket, prod: Bucket, identity: MakeIdentity) -> None:
    me = bucket.by(identity("me", policy_of_dev(bucket, prod)))
    told = ask(as_dev(me, prod))
    assert (told.code, {state for name, state in told.states.items() if name != "dropping"}) == (0, {"ok"}), told.text
    assert told.chosen["identity"] == me.sts().get_caller_identity()["Arn"]
    assert "staged/airports/data.parquet opens" in told.of("reading prod")
    assert "the store refuses these credentials" in told.of("writing prod")
    assert told.of("mark of prod").splitlines()[0].endswith(f"s3://{prod.name} is prod's since 2024-01-01")
    assert (objects(bucket), objects(prod)) == ([], PRODS)


def test_what_is_dropped_can_be_made_again(ask: Ask, bucket: Bucket, prod: Bucket) -> None:
    told = ask(as_dev(bucket, prod))
    assert told.states["dropping"] == "ok"
    assert objects(bucket) == []


@pytest.mark.s3
def test_a_bucket_in_which_nothing_is_made_again_after_it_was_removed(ask: Ask, bucket: Bucket, prod: Bucket) -> None:
    client, key = bucket.client(retries=ONCE), {"Bucket": bucket.name, "Key": "a"}
    client.put_object(**key, IfNoneMatch="*")
    client.delete_object(**key)
    with contextlib.suppress(ClientError):
        client.put_object(**key, IfNoneMatch="*")
    does = bool(objects(bucket))
    client.delete_object(**key)
    told = ask(as_dev(bucket, prod))
    assert told.states["dropping"] == ("ok" if does else "limited")
    assert told.wrong == {"writing prod"}, "it is no store to be refused"
    if not does:
        assert "a partition of one's own that is dropped stays so" in told.of("dropping")
        assert "asks whoever may remove versions to remove the mark" in told.of("dropping")
        assert "1 wrong · 1 limited" in told.text
    assert objects(bucket) == []


@pytest.mark.s3
def test_dev_of_somebody_else(ask: Ask, bucket: Bucket, prod: Bucket, identity: MakeIdentity) -> None:
    told = ask(as_dev(bucket.by(identity("me", policy_of_dev(bucket, prod))), prod, person="other"))
    assert (told.code, told.wrong, told.states["conditional writes"]) == (1, {"writing"}, "not checked")
    assert "let this identity do s3:PutObject there" in told.of("writing")


@pytest.mark.s3
def test_credentials_that_may_write_to_prod(ask: Ask, bucket: Bucket, prod: Bucket) -> None:
    told = ask(as_dev(bucket, prod))
    assert (told.code, told.wrong) == (1, {"writing prod"})
    assert f"take s3:PutObject on s3://{prod.name} from this identity" in told.of("writing prod")
    assert objects(prod) == PRODS


@pytest.mark.s3
def test_prod_that_this_identity_may_not_read(ask: Ask, bucket: Bucket, prod: Bucket, identity: MakeIdentity) -> None:
    may = policy_of_dev(bucket, prod)
    others = [statement for statement in may["Statement"] if statement["Sid"] != "ReadProdForBranches"]
    assert len(others) < len(may["Statement"])
    blind = bucket.by(identity("blind", {**may, "Statement": others}))
    told = ask(as_dev(blind, prod))
    assert (told.code, told.wrong) == (1, {"reading prod"})
    assert "let this identity read it" in told.of("reading prod")


@pytest.mark.s3
def test_prod_as_an_engineer_and_as_the_pipeline(ask: Ask, bucket: Bucket, prod: Bucket, identity: MakeIdentity) -> None:
    pipeline = bucket.sts().get_caller_identity()["Arn"]
    me = bucket.by(identity("me", policy_of_dev(bucket, prod)))
    told = ask(as_prod(replace(prod, credentials=me.credentials), pipeline))
    assert (told.wrong, told.states["writing"], told.states["conditional writes"]) == ({"leftovers"}, "ok", "not checked")
    assert "s3:ListBucketMultipartUploads" in told.of("leftovers"), (
        "which an engineer has in prod no more than the right to write"
    )
    assert "the store refuses these credentials" in told.of("writing")
    assert f"only {pipeline} (DATAOPS_PIPELINE) writes to prod" in told.of("conditional writes")
    assert objects(prod) == PRODS

    told = ask(as_prod(prod, pipeline))
    for race in ("conditional writes", "writes in parts"):
        assert (told.code, told.states[race]) == (0, "ok")
        assert "stays, as prod removes nothing" in told.of(race)
    assert [key.split("/")[0] for key in objects(prod)] == ["_deployment", "_doctor", "_doctor", "staged"]


def test_nothing_answers_there(ask: Ask, bucket: Bucket, prod: Bucket) -> None:
    told = ask({**as_dev(bucket, prod), "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{free_port()}"})
    assert (told.code, told.wrong) == (1, {"store", "prod"})
    assert "set AWS_ENDPOINT_URL_S3 to where it answers" in told.of("store")
    for name in ("writing", "conditional writes", "mark of prod", "writing prod"):
        assert told.states[name] == "not checked"


@pytest.mark.s3
@pytest.mark.parametrize("key_id", ["", "NOBODY"])
def test_credentials_that_are_none(ask: Ask, bucket: Bucket, prod: Bucket, key_id: str) -> None:
    known = bucket.credentials.key_id
    told = ask(as_dev(bucket.by(Credentials(key_id or known, "wrong")), prod))
    assert (told.code, told.wrong) == (1, {"credentials", "store", "prod"})
    assert told.chosen["identity"] == "not known"
    assert "sign in anew" in told.of("credentials")
    assert "sign in anew" in told.of("store")


def test_no_credentials(ask: Ask, bucket: Bucket, prod: Bucket, tmp_path: Path) -> None:
    environment = {name: value for name, value in as_dev(bucket, prod).items() if "KEY" not in name}
    told = ask({**environment, "AWS_CONFIG_FILE": str(tmp_path), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path)})
    assert (told.code, told.wrong) == (1, {"credentials", "store", "prod"})
    assert "sign in anew" in told.of("credentials")


@pytest.mark.parametrize(
    ("setting", "where", "remedy"),
    [
        ({"AWS_PROFILE": "nobody"}, "credentials", "set AWS_PROFILE"),
        ({"AWS_ENDPOINT_URL_S3": "localhost:9000"}, "store", "set AWS_ENDPOINT_URL_S3, or AWS_ENDPOINT_URL, to an address"),
        (
            {"AWS_ENDPOINT_URL_S3": "localhost:9000", "AWS_ENDPOINT_URL_STS": "localhost:9000"},
            "credentials",
            "set AWS_ENDPOINT_URL_STS, or AWS_ENDPOINT_URL, to an address that begins with https:// or http://",
        ),
    ],
)
def test_setting_that_makes_no_client_is_told_once_and_the_rest_is_checked(
    ask: Ask, bucket: Bucket, prod: Bucket, setting: dict[str, str], where: str, remedy: str
) -> None:
    told = ask(as_dev(bucket, prod) | setting)
    assert (told.code, told.wrong) == (1, {where})
    assert remedy in told.of(where)
    assert {told.states[name] for name in ("prod", "writing", "leftovers", "reading prod")} == {"not checked"}
    assert told.states["contracts"] == told.states["room"] == "ok"


def test_setting_that_makes_no_client_for_prod_leaves_the_own_folder(ask: Ask, tmp_path: Path, prod: Bucket) -> None:
    own = {"DATAOPS_DATA": str(tmp_path / "shared"), "AWS_ENDPOINT_URL_S3": "localhost:9000"}
    told = ask(as_dev(prod, prod) | own)
    assert (told.code, told.wrong, told.states["conditional writes"]) == (1, {"prod"}, "ok")


def test_prod_in_which_nothing_is_published_yet_is_not_wrong(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "prod").mkdir()
    names = {"DATAOPS_DATA": str(tmp_path / "shared"), "DATAOPS_PROD": str(tmp_path / "prod")}
    told = ask({**names, "DATAOPS_DEPLOYMENT": "dev/me"})
    assert told.states["mark of prod"] == told.states["reading prod"] == "not checked"
    assert "nothing is published there yet that `branches` may read" in told.of("reading prod")
    assert (told.code, told.wrong) == (0, set())
    assert told.text.splitlines()[-1] == "nothing is wrong · 3 not checked"


def test_no_such_bucket(ask: Ask, bucket: Bucket, prod: Bucket) -> None:
    told = ask({**as_dev(bucket, prod), "DATAOPS_DATA": "s3://there-is-none"})
    assert "set DATAOPS_DATA to one that there is" in told.of("store")
    assert "store" in told.wrong


def test_landing_in_a_bucket_of_its_own(ask: Ask, bucket: Bucket, prod: Bucket) -> None:
    asked = as_prod(prod, bucket.sts().get_caller_identity()["Arn"])
    told = ask({**asked, "DATAOPS_LANDING": "s3://there-is-none"})
    assert (told.states["store"], told.wrong >= {"landing", "leftovers"}) == ("ok", True)
    assert "set DATAOPS_LANDING to one that there is" in told.of("landing")
    told = ask({**asked, "DATAOPS_LANDING": f"s3://{bucket.name}"})
    assert told.chosen["dropped into"] == f"s3://{bucket.name}"
    assert [told.states[name] for name in ("landing", "versions of landing", "leftovers")] == ["ok"] * 3


def test_a_bucket_without_versions(ask: Ask, bucket: Bucket, prod: Bucket) -> None:
    bucket.client().put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Suspended"})
    told = ask(as_dev(bucket, prod))
    assert "versions of store" in told.wrong
    assert f"put-bucket-versioning --bucket {bucket.name}" in told.of("versions of store")
    assert told.states["versions of prod"] == "ok"


@contextlib.contextmanager
def clock(bucket: Bucket, ahead: timedelta) -> Iterator[Bucket]:
    """The bucket as it would be with another clock."""

    def shift(exchange: Exchange) -> None:
        answer = exchange.ask()
        headers = [(name, shifted(value) if name.lower() == "date" else value) for name, value in answer.headers]
        exchange.answer(replace(answer, headers=headers))

    def shifted(date: str) -> str:
        there: datetime = parsedate_to_datetime(date) + ahead
        return format_datetime(there, usegmt=True)

    with FaultProxy(bucket.endpoint, lambda request: shift) as proxy:
        yield bucket.behind(proxy.endpoint)


@pytest.mark.parametrize(("minutes", "state"), [(-3, "wrong"), (0, "ok"), (3, "wrong")])
def test_a_clock(ask: Ask, bucket: Bucket, prod: Bucket, minutes: int, state: str) -> None:
    with clock(bucket, timedelta(minutes=minutes)) as off:
        told = ask(as_dev(off, prod))
    assert told.states["clock of store"] == state
    if state == "wrong":
        assert f"{'behind' if minutes < 0 else 'ahead of'} this machine" in told.of("clock of store")
        assert "let a time server set" in told.of("clock of store")


def test_a_bucket_that_ignores_conditions(ask: Ask, bucket: Bucket, prod: Bucket) -> None:
    def ignore(exchange: Exchange) -> None:
        del exchange.headers["If-None-Match"], exchange.headers["If-Match"]
        forward(exchange)

    with FaultProxy(bucket.endpoint, lambda request: ignore) as proxy:
        told = ask(as_dev(bucket.behind(proxy.endpoint), prod))
    assert "conditional writes" in told.wrong
    assert "one of those who write at the same time wins" in told.text
    assert "32 were told that they had won" in told.text
    assert "publish nothing there" in told.text
    assert objects(bucket) == []


def test_contracts_that_do_not_load_do_not_hide_the_store(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "defs").mkdir()
    monkeypatch.setattr("dataops_assets.cli.doctor.DEFS", tmp_path / "defs")
    told = ask({"DATAOPS_DATA": str(tmp_path / "data")})
    assert (told.code, told.wrong, told.states["conditional writes"]) == (1, {"contracts"}, "ok")
