"""Areas in a bucket: who queries and who sweeps have the rights that Terraform gives, and all three kinds go and come back."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from dataops_assets import deployment
from dataops_assets.cli import areas
from dataops_assets.cli.main import cli
from dataops_assets.deployment import Deployment
from dataops_assets.lifecycle.registry import Registry
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets_tests import rights
from dataops_assets_tests.branches import Remote
from dataops_assets_tests.s3_server import ONCE, Bucket, MakeIdentity
from dataops_assets_tests.trees import STATIONS, readings

pytestmark = pytest.mark.s3


@dataclass
class Keeper:
    """A prompt of the deployment `adhoc`, at which queries and sweeping have an identity each.

    Attributes:
        bucket: The bucket that dev and branches share, as its owner asks for it.
        queries: The same, as who makes areas and queries does.
        by: The same, as the sweeper does.
        variables: Where variables are set.
        now: What the clock says.
    """

    bucket: Bucket
    queries: Bucket
    by: Bucket
    variables: pytest.MonkeyPatch
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self, *command: str) -> str:
        who = self.queries if command[:2] in (("adhoc", "new"), ("adhoc", "query")) else self.by
        for name, value in who.environment().items():
            self.variables.setenv(name, value)
        self.variables.setattr(boto3, "DEFAULT_SESSION", None)
        deployment.identity.cache_clear()
        asked = CliRunner().invoke(cli, command)
        assert asked.exit_code == 0, (asked.output, asked.exception)
        return asked.output

    def expire(self) -> dict[str, str]:
        lines = [line.split() for line in self("expire", "--act").splitlines()]
        return {line[0]: line[2] for line in lines if "→" in line}

    def lies(self, prefix: str = "") -> dict[str, bytes]:
        """What lies in the bucket but records, by key."""
        client = self.bucket.client()
        keys = [one["Key"] for one in client.list_objects_v2(Bucket=self.bucket.name, Prefix=prefix).get("Contents", ())]
        data = [key for key in keys if not key.endswith("_area.json")]
        return {key: client.get_object(Bucket=self.bucket.name, Key=key)["Body"].read() for key in data}


@pytest.fixture
def keeper(bucket: Bucket, identity: MakeIdentity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """Prod with three good days, in a folder; a shared bucket; the variables of who looks after it."""
    own = Folder(tmp_path / "prod")
    tree = Remote(tmp_path / "tree", own=own)
    tree.drop("stations", "stations.csv", STATIONS)
    for day in ("2024-01-01", "2024-01-02"):
        tree.drop("readings", f"{day}.csv", readings(day))
    tree.run()
    queries, sweeper = (bucket.by(identity(name, rights.of(f"dev/{name}", dev=bucket.name))) for name in ("adhoc", "sweeper"))
    keeper = Keeper(bucket, queries, sweeper, monkeypatch)
    monkeypatch.setenv("DATAOPS_DEPLOYMENT", "adhoc")
    monkeypatch.setenv("DATAOPS_DATA", f"s3://{bucket.name}")
    monkeypatch.setenv("DATAOPS_PROD", str(own.root))
    monkeypatch.setenv("DATAOPS_CACHE", str(tmp_path / "cache"))
    for module in ("catalog", "cli.areas"):
        monkeypatch.setattr(f"dataops_assets.{module}.DEFS", tree.defs)
    monkeypatch.setattr(areas, "_now", lambda: keeper.now)
    return keeper


def test_areas_of_all_kinds_go_and_come_back(keeper: Keeper, tmp_path: Path) -> None:
    keeper("adhoc", "new", "warmth", "--owner", "lab", "--group", "press")
    said = keeper("adhoc", "query", "warmth", "SELECT station, max(temperature) AS t FROM readings GROUP BY ALL ORDER BY ALL")
    assert "read readings (2 partitions)" in said
    client = keeper.bucket.client()

    def tags() -> dict[str, str]:
        told = client.get_object_tagging(Bucket=keeper.bucket.name, Key="adhoc/warmth/result.parquet")["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in told}  # in no order

    assert tags() == {"lifecycle": "adhoc", "readers": "press"}
    for place in ("branch/pr-1", "dev/me"):
        kind, _, name = place.partition("/")
        own = S3(keeper.bucket.name, place, Folder(tmp_path / "own" / name), client=client)
        Registry(own, own=(kind, name)).use(kind, name, keeper.now, "somebody")  # type: ignore[arg-type]
        own.write("staged/readings/date=2024-01-01/data.parquet", place.encode(), {"readers": "press"})
    before = keeper.lies()
    assert len(before) == 4

    keeper("branch", "close", "pr-1", "--why", "the pull request was merged")
    assert keeper.expire() == {"branch/pr-1": "trashed"}
    assert keeper.lies("branch/") == {}
    assert "the next run of the job expire_areas brings it back" in keeper("branch", "restore", "pr-1")
    assert keeper.expire() == {"branch/pr-1": "living"}
    assert keeper.lies() == before

    for days in (62, 8):
        keeper.now += timedelta(days=days)
        went = keeper.expire() | keeper.expire() | keeper.expire()
    assert set(went.values()) <= {"trashed", "gone"}
    assert {key for key in keeper.lies() if not key.startswith("trash/")} == set()
    assert sorted(keeper.lies().values()) == sorted(before.values())
    for place in ("adhoc/warmth", "dev/me"):
        keeper(*place.replace("/", " restore ").split())
        keeper.expire()
    assert keeper.lies("adhoc/") == {key: value for key, value in before.items() if key.startswith("adhoc/")}
    assert tags() == {"lifecycle": "adhoc", "readers": "press"}

    for days in (62, 8, 31, 31, 31):
        keeper.now += timedelta(days=days)
        for _ in range(3):
            keeper.expire()
    assert keeper.lies() == {}


def test_keeper_may_delete_in_areas_and_the_trash_alone(keeper: Keeper) -> None:
    root, client = keeper.bucket.client(), keeper.by.client(retries=ONCE)
    done = set()
    for key in ("adhoc/a/x", "branch/pr-1/x", "dev/me/x", "trash/adhoc/a/0001/x", "staged/x", "_deployment/prod.json", "x"):
        version = root.put_object(Bucket=keeper.bucket.name, Key=key, Body=b"0")["VersionId"]
        for act, named in (("remove", {}), ("remove for good", {"VersionId": version})):
            with suppress(ClientError):
                client.delete_object(Bucket=keeper.bucket.name, Key=key, **named)  # type: ignore[arg-type]
                done.add((act, key.partition("/")[0]))
    assert done == {(act, top) for act in ("remove", "remove for good") for top in ("adhoc", "branch", "dev", "trash")}


def test_code_holds_it_back_as_well(tmp_path: Path) -> None:
    here: Any = Deployment("adhoc", str(tmp_path / "shared"), str(tmp_path / "prod"))
    for key in ("staged/flights/data.parquet", "_deployment/prod.json", "x", "adhoc"):
        with pytest.raises(PermissionError, match="adhoc writes below adhoc/, branch/, dev/ and trash/ alone"):
            here.areas.write(key, b"1", {})
    with pytest.raises(PermissionError, match="adhoc reads prod, and never writes there"):
        here.datasets[0].write("adhoc/x/y", b"1", {})
    here.areas.write("adhoc/x/y", b"1", {})
