"""Every module and root of infra/: written as Terraform writes, understood by its provider, right by its own tests."""

import filecmp
import json
import re

import pytest

from dataops_assets.infrastructure.quotas import PREFIX_CHARACTERS
from dataops_assets_tests.infra.terraform import ENVIRONMENTS, INFRA, Copy, Missing, folders, resources

pytestmark = pytest.mark.terraform

FOLDERS = folders()
UNDERSTOOD = [folder for folder in FOLDERS if folder.name != "github"]  # its provider may not be to be had: see test_github
TESTED = sorted({path.parent.parent.relative_to(INFRA) for path in INFRA.rglob("tests/*.tftest.hcl")})
MODULES = [folder for folder in FOLDERS if folder.parts[0] == "modules"]


def initialised(infra: Copy, folder) -> None:
    try:
        if not (infra.root / folder / ".terraform").exists():
            if folder.parts[0] == "environments":
                infra.override(str(folder), "")
            infra.init(folder)
    except Missing as missing:
        pytest.skip(str(missing))


def test_all_of_it_is_written_as_terraform_writes(infra: Copy) -> None:
    done = infra.run(".", "fmt", "-check", "-recursive", "-diff")
    assert done.code == 0, done.out


@pytest.mark.parametrize("folder", UNDERSTOOD, ids=str)
def test_the_provider_understands(infra: Copy, folder) -> None:
    initialised(infra, folder)
    done = infra.run(folder, "validate", "-no-color")
    assert done.code == 0, done.out


@pytest.mark.parametrize("folder", TESTED, ids=str)
def test_its_own_tests_pass(infra: Copy, folder) -> None:
    initialised(infra, folder)
    done = infra.run(folder, "test", "-no-color")
    assert done.code == 0, done.out


@pytest.mark.parametrize("folder", MODULES, ids=str)
def test_a_module_has_what_a_reader_looks_for(folder) -> None:
    for name in ("README.md", "main.tf", "variables.tf", "outputs.tf", "versions.tf"):
        assert (INFRA / folder / name).is_file(), name
    assert folder in TESTED


def test_the_guide_names_every_module_and_root() -> None:
    guide = (INFRA / "README.md").read_text()
    assert [str(folder) for folder in FOLDERS if f"`{folder}`" not in guide] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_every_variable_has_a_type_and_says_what_it_is(folder) -> None:
    for block in re.findall(r'^variable "\w+" \{.*?^\}', (INFRA / folder / "variables.tf").read_text(), re.M | re.S):
        assert re.search(r"^  type\s+=", block, re.M), block
        assert re.search(r"^  description\s+=", block, re.M), block


def test_a_prefix_is_as_long_everywhere_as_the_names_of_roles_leave_room_for() -> None:
    """It is given once: what one module takes and another refuses would be half made by then."""
    longest = f"{{1,{PREFIX_CHARACTERS - 2}}}"
    for folder in FOLDERS:
        for block in re.findall(r'^variable "prefix" \{.*?^\}', (INFRA / folder / "variables.tf").read_text(), re.M | re.S):
            assert f'regex("^[a-z][a-z0-9-]{longest}[a-z0-9]$", var.prefix)' in block, folder


def test_environments_differ_in_values_alone() -> None:
    code = {environment: sorted((INFRA / "environments" / environment).glob("*.tf")) for environment in ENVIRONMENTS}
    assert [path.name for path in code["dev"]] == [path.name for path in code["prod"]]
    for one, other in zip(code["dev"], code["prod"], strict=True):
        assert filecmp.cmp(one, other, shallow=False), one.name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_policy_is_known_before_anything_is_made(planned, environment: str) -> None:
    """A policy with the ARN of something that is not made yet would be known to nobody who looks at the plan."""
    held = {"aws_s3_bucket_policy": "policy", "aws_kms_key": "policy", "aws_iam_role": "assume_role_policy"}
    held |= dict.fromkeys(("aws_iam_role_policy", "aws_iam_policy", "aws_sns_topic_policy"), "policy")
    found = [found for found in resources(planned[environment]["planned_values"]["root_module"]) if found["type"] in held]
    assert {one["type"] for one in found} >= {"aws_s3_bucket_policy", "aws_kms_key", "aws_iam_role"}
    for one in found:
        document = one["values"].get(held[one["type"]])
        assert document, one["address"]
        sids = [statement.get("Sid") for statement in json.loads(document)["Statement"]]
        assert all(sids), one["address"]
        assert len(set(sids)) == len(sids), one["address"]
