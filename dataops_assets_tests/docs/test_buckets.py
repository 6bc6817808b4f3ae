"""What the pages say of buckets: their blocks are run on an S3 server, each with just the rights that Terraform gives."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dataops_assets.cli import sample
from dataops_assets_tests import rights, s3_server, warm
from dataops_assets_tests.checkout import PROJECT, Checkout, make_checkout
from dataops_assets_tests.docs.pages import Block, blocks
from dataops_assets_tests.s3_server import Bucket, Credentials

PROD, LANDING, SHARED, DAY = "company-prod", "company-landing", "company-dev", "2013-01-02"
RUN_HERE = [
    block
    for page in ("README.md", "docs/how-to.md")
    for block in blocks(PROJECT / page)
    if "docs/test_buckets.py" in block.reason
]
AS_PROD, AS_DEV, DELIVER, BRING_BACK = RUN_HERE


@dataclass
class Company:
    """The buckets of the pages under other names, landing with the rest, and a checkout of a commit."""

    checkout: Checkout
    prod: Bucket
    shared: Bucket
    user: Callable[[str, dict], Credentials]

    def run(self, block: Block, who: Credentials | None = None, **changes: str) -> subprocess.CompletedProcess[str]:
        """A block as somebody runs it; without a name, the owner of the buckets."""
        bucket = self.prod.by(who) if who else self.prod
        text = block.text.replace("dataops doctor", "dataops doctor --rounds 1")
        for name, here in {PROD: self.prod.name, LANDING: self.prod.name, SHARED: self.shared.name, **changes}.items():
            assert name in text or name not in changes
            text = text.replace(name, here)
        program = ["bash", "-e", "-o", "pipefail", "-c", text] if block.language == "sh" else ["python", "-c", text]
        home = self.checkout.root / "home"
        home.mkdir(exist_ok=True)
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        environment = (
            warm.first_in(self.checkout.environment) | bucket.environment() | {"USER": "me", "DAGSTER_HOME": str(home)}
        )
        done = subprocess.run(
            program, cwd=self.checkout.root, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    server = s3_server.from_environment()
    checkout = make_checkout(tmp_path / "clone", DAY)
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
    (checkout.root / ".gitignore").write_text("__pycache__\n")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "one"]):
        subprocess.run(["git", *who, *command], cwd=checkout.root, check=True)
    with ExitStack() as stack:
        prod, shared = (stack.enter_context(server.bucket()) for _ in range(2))
        yield Company(
            checkout, prod, shared, lambda name, policy: stack.enter_context(server.user(f"{prod.name}-{name}", policy))
        )


def tags_of(bucket: Bucket, key: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in bucket.client().get_object_tagging(Bucket=bucket.name, Key=key)["TagSet"]}


@pytest.mark.s3
def test_pages_hold_in_buckets(company: Company) -> None:
    prod, shared = company.prod, company.shared
    pipeline = company.user("pipeline", rights.of("prod/pipeline", prod=prod.name, landing=prod.name))
    arn = prod.by(pipeline).sts().get_caller_identity()["Arn"]
    ran = company.run(AS_PROD, pipeline, **{"arn:aws:iam::123456789012:role/pipeline": arn}).stdout
    assert "nothing is wrong" in ran
    assert "all that the contracts demand holds" in ran

    me = company.user("me", rights.of("dev/engineer", "me", prod=prod.name, dev=shared.name))
    ran = company.run(AS_DEV, me).stdout
    assert f"s3://{prod.name} is prod's since" in ran
    assert "nothing is wrong" in ran
    assert "nothing was pending" in ran

    for name, content in sample.deliveries("flights", DAY):
        (company.checkout.root / Path(name).name).write_bytes(content)
    company.run(DELIVER, company.user("provider", rights.of_provider("flights", landing=prod.name)))

    key = f"_verdicts/content/flights/date={DAY}/00000001.json"
    client = prod.client()
    whole = client.get_object(Bucket=prod.name, Key=key)
    before = whole["Body"].read()
    tags = tags_of(prod, key)
    client.put_object(Bucket=prod.name, Key=key, Body=before[:10], Metadata=whole["Metadata"])
    variables = AS_DEV.text.partition("dataops doctor")[0]
    told = company.run(replace(AS_DEV, text=f"{variables}dataops status flights {DAY} || true"), me)
    assert f"s3://{prod.name}/{key}: its bytes have the SHA-256" in told.stdout + told.stderr
    company.run(BRING_BACK, pipeline)
    back = client.get_object(Bucket=prod.name, Key=key)
    assert (back["Body"].read(), back["Metadata"]) == (before, whole["Metadata"])
    assert tags_of(prod, key) == tags
    assert "nothing was pending" in company.run(replace(AS_DEV, text=f"{variables}dataops run"), me).stdout
