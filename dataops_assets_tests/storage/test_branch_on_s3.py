"""The small tree as a branch over prod, each with just its own rights in the bucket."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataops_assets.cli import main
from dataops_assets.storage import layout
from dataops_assets.storage.errors import Closed, in_words
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.publishing import drop
from dataops_assets.storage.s3 import S3
from dataops_assets_tests import rights
from dataops_assets_tests.branches import Remote, let_branches_read
from dataops_assets_tests.s3_server import ONCE, Bucket, MakeIdentity
from dataops_assets_tests.steps.january import DAY, DAYS, HOUR, MONTH, left
from dataops_assets_tests.trees import NOW, STATIONS, readings

pytestmark = pytest.mark.s3

NAME = "branch/pr-1"


@dataclass
class World:
    """Prod's bucket, the one that branches share, and who does what there."""

    prod: Remote
    branch: Remote
    engineer: Remote
    buckets: tuple[Bucket, Bucket]

    def written(self) -> dict[str, list[str]]:
        """Every version of every object, and every mark of a deletion, by bucket."""
        found = {}
        for bucket in self.buckets:
            page = bucket.client().list_object_versions(Bucket=bucket.name)
            assert not page["IsTruncated"]
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            found[bucket.name] = sorted(f"{entry['Key']} {entry['VersionId']}" for entry in entries)
        return found


@pytest.fixture
def world(tmp_path: Path, bucket: Bucket, identity: MakeIdentity) -> Iterator[World]:
    """Prod as its pipeline has made it, a branch in which nothing is, and an engineer who takes prod for their own."""
    with bucket.server.bucket() as shared:

        def tree(name: str, who: str, policy: dict, own: tuple[Bucket, str], base: Bucket | None = None) -> Remote:
            keys, here = identity(who, policy), Folder(tmp_path / f"{name}-cache")
            client = bucket.by(keys).client(retries=ONCE)
            through = S3(base.name, "", here, client=client) if base else None
            return Remote(tmp_path / name, own=S3(own[0].name, own[1], here, client=client), base=through)

        buckets = {"prod": bucket.name, "landing": bucket.name, "dev": shared.name}
        prod = tree("prod", "pipeline", rights.of("prod/pipeline", **buckets), (bucket, ""))
        prod.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-03")
        let_branches_read(prod)
        branch = tree("branch", "branch", rights.of("dev/branch", "pr-1", **buckets), (shared, NAME), bucket)
        engineer = tree("engineer", "engineer", rights.of("dev/engineer", "ann", **buckets), (bucket, ""))
        for other in (branch, engineer):
            shutil.copytree(prod.defs, other.defs, dirs_exist_ok=True)
        prod.drop("stations", "stations.csv", STATIONS)
        for day in DAYS:
            prod.drop("readings", f"{day}.csv", readings(day))
        assert {outcome.status for outcome in prod.run()} == {"done"}
        yield World(prod, branch, engineer, (bucket, shared))


def test_branch_does_all_its_work_with_the_right_to_read_prod_and_to_write_its_own(world: World) -> None:
    branch, before = world.branch, world.written()
    assert left(branch) == {}
    assert branch.read("daily", MONTH).equals(world.prod.read("daily", MONTH))
    branch.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 20.5}, {"hour": 99}))
    branch.edit("daily/transform.py", ".max()", ".min()")
    done = branch.run(now=NOW + HOUR)
    assert {outcome.status for outcome in done} == {"done"}
    assert "staged/readings: 1 of its own, 2 from prod" in done[-1].facts["note"]
    drop(branch.lake, branch["readings"], DAYS[1])
    assert branch.derive("daily")[0].status == "refused"
    branch.stage("readings", DAYS[1])
    assert branch.derive("daily")[0].status == "done"
    prods, shared = (world.written()[bucket.name] for bucket in world.buckets)
    assert prods == before[world.buckets[0].name]
    assert shared
    assert all(key.startswith(f"{NAME}/") for key in shared)


def test_branch_that_takes_prod_for_its_own_is_denied_by_the_store(world: World) -> None:
    before = world.written()
    for name, partition in (("readings", DAY), ("daily", MONTH)):
        stolen = Lake(world.branch.lake.catalog, world.branch.base, base=world.branch.base)
        with pytest.raises(PermissionError, match="s3:PutObject"):
            drop(stolen, stolen.catalog[name], partition)
    assert world.written() == before


def test_same_job_by_somebody_else_is_denied_by_the_store_and_told_with_who_and_what(world: World) -> None:
    world.prod.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 20.5}))
    before = world.written()
    assert left(world.engineer) == {"raw/readings": [DAY]}
    with pytest.raises(PermissionError) as told:
        world.engineer.run()
    assert told.value.filename.startswith(f"s3://{world.buckets[0].name}/raw/readings/date={DAY}/")
    assert f"user/{world.buckets[0].name}-engineer is not authorized to perform: s3:PutObject" in str(told.value)
    with pytest.raises(PermissionError, match="PutObject"):
        world.engineer.drop("stations", "stations.csv", STATIONS)
    assert world.written() == before
    assert {outcome.status for outcome in world.prod.run()} == {"done"}


def test_read_that_prod_denies_a_branch_is_told_with_the_right_that_it_needs(
    world: World, identity: MakeIdentity, tmp_path: Path
) -> None:
    prod, shared = world.buckets
    listing = rights.of("dev/branch", "pr-1", dev=shared.name)
    listing["Statement"].append({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{prod.name}"})
    client = prod.by(identity("blind", listing)).client(retries=ONCE)
    here = Folder(tmp_path / "blind")
    blind = Lake(
        world.branch.lake.catalog, S3(shared.name, NAME, here, client=client), base=S3(prod.name, "", here, client=client)
    )
    with pytest.raises(Closed) as told:
        blind.read("staged", blind.catalog["readings"], DAY, "0" * 64)
    place = f"s3://{prod.name}/staged/readings/date={DAY}/data.parquet"
    wanted = (
        f"{place}: 403: Forbidden, s3:GetObject is not allowed. Let this identity read it; `dataops doctor` tells who it is"
    )
    assert in_words(told.value) == wanted


def test_pipeline_cannot_delete(world: World) -> None:
    before = world.written()
    with pytest.raises(PermissionError, match="AccessDenied"):
        world.prod.store.remove([layout.data("staged", world.prod["readings"], DAY)])
    assert world.written() == before


def test_own_partition_that_cannot_be_made_again_is_dropped_only_if_that_is_confirmed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch, dataset = world.branch, world.branch["readings"]
    branch.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 20.5}))
    branch.run("readings", now=NOW + HOUR)
    monkeypatch.setattr(main, "open_lake", lambda: branch.lake)

    def asked(day: str, answer: str) -> Result:
        return CliRunner().invoke(main.cli, ["drop", "readings", day], input=answer)

    told = asked(DAY, "n\n")
    assert told.exit_code == 1
    assert f"staged/readings {DAY} is of its own here, and what was removed cannot be made again there" in told.stderr
    assert branch.store.entry(layout.data("staged", dataset, DAY))
    dropped = asked(DAY, "y\n")
    assert dropped.exit_code == 0
    assert dropped.stdout.splitlines()[-1] == "it is not made again there before its marker is removed"
    prods = asked(DAYS[1], "")
    assert prods.stdout.splitlines()[-1] == f"to make it again: dg launch --assets staged/readings --partition {DAYS[1]}"

    done = branch.stage("readings", DAY, DAYS[1], now=NOW + HOUR)
    assert [outcome.status for outcome in done] == ["refused", "done"], "one is told, and the others go on"
    place = branch.store.address(layout.data("staged", dataset, DAY))
    assert done[0].reason.startswith(f"staged/readings {DAY}: {place}: what was removed cannot be made again there")
