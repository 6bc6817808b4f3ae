"""The bucket of Terraform's states, made at a stand-in by the steps of the guide, and what is kept and locked there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dataops_assets_tests.infra import terraform
from dataops_assets_tests.infra.terraform import Copy, client, moto
from dataops_assets_tests.values import ACCOUNTS, PREFIX, REGION

pytestmark = pytest.mark.terraform
VALUES = "-var-file=../environments/dev/terraform.tfvars"
BUCKET = f"{PREFIX}-state-dev"
WORDS = ("-input=false", "-no-color")


@dataclass(frozen=True)
class Made:
    """The bucket.

    Attributes:
        copy: A copy of infra/, in which it was made.
        address: Where the stand-in is.
    """

    copy: Copy
    address: str


@pytest.fixture(scope="module")
def made(infra: Copy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    at = tmp_path_factory.mktemp("bootstrap")
    copy = terraform.copy(at)
    with moto(ACCOUNTS["dev"], at / "moto.log") as address:
        copy.lead_to("bootstrap", address)
        copy.init("bootstrap")
        done = copy.run("bootstrap", "apply", "-auto-approve", VALUES, *WORDS)
        assert done.code == 0, done.out
        yield Made(copy, address)


def test_a_second_plan_finds_nothing_to_do_and_none_removes_it(made: Made) -> None:
    again = made.copy.run("bootstrap", "plan", "-detailed-exitcode", VALUES, *WORDS)
    assert again.code == 0, again.out
    destroy = made.copy.run("bootstrap", "plan", "-destroy", VALUES, *WORDS)
    assert "module.state.aws_s3_bucket_policy.this has lifecycle.prevent_destroy set" in destroy.told


def test_old_states_are_kept_and_nobody_else_configures_the_bucket(made: Made) -> None:
    s3 = client("s3", made.address, REGION)
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    said = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert {"NothingWithoutTls", "InfraAloneConfigures"} <= {statement["Sid"] for statement in said}


def test_an_environment_keeps_its_state_there_and_waits_while_another_applies(made: Made) -> None:
    s3 = client("s3", made.address, REGION)
    s3.delete_bucket_policy(Bucket=BUCKET)  # moto passes over its conditions, and would forbid to everybody
    folder = "environments/dev"
    made.copy.lead_to(folder, made.address)
    override = made.copy.root / folder / "test_override.tf"
    override.write_text(override.read_text().replace('backend "local"', 'backend "s3"'))
    endpoints = ", ".join(f'{service}="{made.address}"' for service in ("iam", "s3", "sts"))
    said = dict.fromkeys(("access_key", "secret_key"), "none")
    said |= dict.fromkeys(("skip_credentials_validation", "skip_metadata_api_check", "use_path_style"), "true")
    said |= {"endpoints": f"{{{endpoints}}}"}
    made.copy.init(folder, "-backend-config=backend.hcl", *(f"-backend-config={name}={value}" for name, value in said.items()))
    apply = ("apply", "-auto-approve", "-target=module.storage.aws_kms_key.data", *WORDS)

    s3.put_object(Bucket=BUCKET, Key="dev.tfstate.tflock", Body=json.dumps({"ID": "of another", "Operation": "apply"}))
    waits = made.copy.run(folder, *apply)
    assert waits.code == 1
    assert "Error acquiring the state lock" in waits.told
    assert client("kms", made.address, REGION).list_keys()["Keys"] == []

    s3.delete_object(Bucket=BUCKET, Key="dev.tfstate.tflock")
    done = made.copy.run(folder, *apply)
    assert done.code == 0, done.out
    [kept] = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    state = json.loads(s3.get_object(Bucket=BUCKET, Key="dev.tfstate")["Body"].read())
    assert (kept["Key"], [one["name"] for one in state["resources"] if one["mode"] == "managed"]) == ("dev.tfstate", ["data"])
