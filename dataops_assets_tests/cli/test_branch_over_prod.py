"""The sample pipeline on S3, at a prompt: prod by its pipeline, a branch over it, an engineer. Each has just its own rights."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from dataops_assets_tests import rights, s3_server
from dataops_assets_tests.checkout import Checkout, make_checkout
from dataops_assets_tests.s3_server import Bucket

pytestmark = pytest.mark.s3

LAST, DAY = "2013-01-31", "2013-01-03"
PIPELINE, BRANCH, ENGINEER = "pipeline", "branch/pr-1", "dev/engineer"


@dataclass
class Company:
    """A checkout, two buckets, and everybody who works on them."""

    checkout: Checkout
    prod: Bucket
    shared: Bucket
    people: dict[str, Bucket]

    def run(self, who: str, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command as somebody gives it: their deployment, keys, and Dagster instance, and nothing else."""
        home = self.checkout.root / "homes" / who
        home.mkdir(parents=True, exist_ok=True)
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        deployment = {
            "DATAOPS_DEPLOYMENT": who,
            "DATAOPS_DATA": f"s3://{self.shared.name}",
            "DATAOPS_PROD": f"s3://{self.prod.name}",
            "DATAOPS_CACHE": str(home / "cache"),
            "DAGSTER_HOME": str(home),
        }
        if who == PIPELINE:
            deployment |= self.as_prod(PIPELINE)
        environment = {**self.people[who].environment(), **deployment, **variables}
        return Checkout(self.checkout.root, environment).run(*command, timeout_seconds=600)

    def as_prod(self, pipeline: str) -> dict[str, str]:
        """The deployment of prod, whose pipeline has this identity."""
        return {
            "DATAOPS_DEPLOYMENT": "prod",
            "DATAOPS_DATA": f"s3://{self.prod.name}",
            "DATAOPS_PIPELINE": self.arn(pipeline),
            "DATAOPS_COMMIT": "ab" * 20,
        }

    def arn(self, who: str) -> str:
        return self.people[who].sts().get_caller_identity()["Arn"]

    def written(self, bucket: Bucket) -> set[str]:
        """Every version of every object in a bucket, and every mark of a deletion."""
        pages = bucket.client().get_paginator("list_object_versions").paginate(Bucket=bucket.name)
        entries = (entry for page in pages for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])])
        return {f"{entry['Key']} {entry['VersionId']}" for entry in entries}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """January, delivered into prod, and made there by the pipeline after an engineer has tried the same."""
    server = s3_server.from_environment()
    with ExitStack() as stack:
        prod, shared = (stack.enter_context(server.bucket()) for _ in range(2))
        policies = {
            PIPELINE: rights.of("prod/pipeline", prod=prod.name, landing=prod.name),
            BRANCH: rights.of("dev/branch", "pr-1", prod=prod.name, dev=shared.name),
            ENGINEER: rights.of("dev/engineer", "engineer", prod=prod.name, dev=shared.name),
        }
        people = {
            who: prod.by(stack.enter_context(server.user(f"{prod.name}-{who.replace('/', '-')}", policy)))
            for who, policy in policies.items()
        }
        company = Company(make_checkout(tmp_path_factory.mktemp("clone"), LAST), prod, shared, people)
        delivered = company.run(PIPELINE, "dataops", "deliver")
        assert delivered.returncode == 0, delivered.stderr
        denied = company.written(prod)
        for pipeline in (PIPELINE, ENGINEER):  # with the guard of the code, and with that out of the way
            tried = company.run(ENGINEER, "dataops", "run", **company.as_prod(pipeline))
            (company.checkout.root / f"tried-{pipeline.replace('/', '-')}.txt").write_text(tried.stdout + tried.stderr)
            assert tried.returncode == 1
            assert company.written(prod) == denied, "something was written"
        ran = company.run(PIPELINE, "dataops", "run")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "all that the contracts demand holds" in ran.stdout
        assert "--fault" not in ran.stdout
        yield company


def test_same_job_by_an_engineer_is_denied_by_the_code(company: Company) -> None:
    told = (company.checkout.root / f"tried-{PIPELINE}.txt").read_text()
    who, pipeline = company.arn(ENGINEER), company.arn(PIPELINE)
    assert f"is not written: {who} is not {pipeline} (DATAOPS_PIPELINE), which alone writes to prod" in told
    assert told.count("is not written") == 1
    assert "runs" not in told, "it is told before anything is run"
    assert "Traceback" not in told


def test_and_by_the_store_itself_where_the_code_lets_it_through(company: Company) -> None:
    told = (company.checkout.root / f"tried-{ENGINEER.replace('/', '-')}.txt").read_text()
    assert f"s3://{company.prod.name}/raw/" in told
    assert f"{company.arn(ENGINEER)} is not authorized to perform: s3:PutObject" in told
    assert "Give this identity the right to it, or work as dev/<person> (DATAOPS_DEPLOYMENT)" in told
    assert "is not written:" not in told, "the code's own guard was not out of the way"
    assert "Traceback" not in told


def test_branch_does_its_work_over_prod(company: Company) -> None:
    prod = company.written(company.prod)
    ran = company.run(BRANCH, "dataops", "run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("nothing was pending")
    [lease] = company.written(company.shared)
    assert lease.startswith(f"{BRANCH}/_area.json ")
    # A delivery that is refused leaves prod's day readable, as does one with prod's bytes; another one takes its place here.
    bad = company.run(BRANCH, "dataops", "deliver", "flights", DAY, "--fault", "renamed-column")
    assert f"delivered 2 files into s3://{company.shared.name}/{BRANCH}/landing" in bad.stdout
    refused = company.run(BRANCH, "dataops", "run", "flights")
    assert refused.returncode == 1
    assert "time_hour seems to be renamed time_hour_new" in refused.stdout
    told = company.run(BRANCH, "dataops", "status", "flights", DAY).stdout
    assert f"s3://{company.prod.name}/staged/flights/date={DAY}/data.parquet" in told
    assert "a newer delivery was refused by its envelope gate" in told
    assert company.run(BRANCH, "dataops", "deliver", "flights", DAY).returncode == 0
    healed = company.run(BRANCH, "dataops", "run")
    assert healed.returncode == 0, healed.stdout + healed.stderr
    assert "staged/flights: 0 of its own, 31 from prod" in company.run(BRANCH, "dataops", "status", "flights").stdout
    company.run(BRANCH, "dataops", "deliver", "flights", DAY, "--fault", "reordered-columns")
    other = company.run(BRANCH, "dataops", "run")
    assert other.returncode == 0, other.stdout + other.stderr
    told = " ".join(company.run(BRANCH, "dataops", "status", "flights").stdout.split())
    assert f"lies in s3://{company.shared.name}/{BRANCH}/staged/flights, and else in s3://{company.prod.name}" in told
    assert "staged/flights: 1 of its own, 30 from prod" in told
    own = company.run(BRANCH, "dataops", "why", "flights", DAY).stdout
    assert f"lies in s3://{company.shared.name}/{BRANCH}/staged/flights/date={DAY}/data.parquet" in own
    assert f"by {company.arn(BRANCH)} · run" in own
    address = f"s3://{company.shared.name}/{BRANCH}/staged/flights/date={DAY}/data.parquet"
    assert company.run(BRANCH, "dataops", "why", address).stdout.startswith(own.splitlines()[0])
    through = company.run(BRANCH, "dataops", "why", "carrier_punctuality", "2013-01").stdout
    assert f"by {company.arn(PIPELINE)} · run" in through
    assert "a delivery by Bureau of Transportation Statistics" in through
    dropped = company.run(BRANCH, "dataops", "drop", "flights", "2013-01-04")
    assert dropped.returncode == 0, dropped.stderr
    again = company.run(BRANCH, *dropped.stdout.splitlines()[1].removeprefix("to make it again: ").split())
    assert again.returncode == 0, again.stdout + again.stderr
    assert company.written(company.prod) == prod
    assert all(key.startswith(f"{BRANCH}/") for key in company.written(company.shared))


def test_changed_contract_of_an_engineer_judges_prods_deliveries_anew(company: Company) -> None:
    prod, shared = company.written(company.prod), company.written(company.shared)
    contract = company.checkout.root / "dataops_assets/defs/aviation/weather/defs.yaml"
    as_it_was = contract.read_text()
    contract.write_text(as_it_was.replace("\n  tolerance: 0.05", "\n  tolerance: 0.2"))
    assert contract.read_text() != as_it_was
    try:
        ran = company.run(ENGINEER, "dataops", "run")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        told = company.run(ENGINEER, "dataops", "status", "weather").stdout
    finally:
        contract.write_text(as_it_was)
    assert "staged/weather: 31 of its own, 0 from prod" in told
    assert company.written(company.prod) == prod
    new = company.written(company.shared) - shared
    assert all(key.startswith(f"{ENGINEER}/") for key in new)
    assert not any("/raw/" in key for key in new), "prod's deliveries are read through, not copied"
