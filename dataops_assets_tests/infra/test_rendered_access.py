"""What infra/render.py reads in a plan, and that what is committed of it is what is planned: the matrix looks at that alone."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dataops_assets_tests.infra.terraform import ALONE, ENVIRONMENTS, INFRA, NOBODY, Copy


@pytest.fixture(scope="module")
def render() -> Any:
    script = importlib.util.spec_from_file_location("render", INFRA / "render.py")
    assert script
    assert script.loader
    module = importlib.util.module_from_spec(script)
    script.loader.exec_module(module)
    return module


@pytest.mark.terraform
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_is_committed_is_what_is_planned(
    render: Any, infra: Copy, planned: dict[str, dict[str, Any]], environment: str
) -> None:
    infra.override("bootstrap", NOBODY + ALONE)
    infra.init("bootstrap")
    states = infra.shown("bootstrap", f"-var-file=../environments/{environment}/terraform.tfvars")
    found = render.access([planned[environment], states])
    committed = json.loads((INFRA / "access" / f"{environment}.json").read_text())
    assert found == committed, "infra/access is not what is planned: `make access`, and look at what has changed"


@pytest.mark.terraform
def test_what_is_committed_of_the_repository_is_what_terraform_evaluates(render: Any) -> None:
    committed = json.loads((INFRA / "github" / "rules.json").read_text())
    assert render.repository() == committed, "infra/github/rules.json: `make access`, and look at what has changed"


@pytest.mark.parametrize(
    ("file", "said", "refused"),
    [
        ("more.tf", 'resource "github_team" "open" { privacy = "closed" }\n', r"more\.tf: .*github_team"),
        ("more.tf", "/*\n# */ output x { value = 1 }\n", r"more\.tf: a comment is written with #"),
        ("more.tf.json", '{"output": {"x": {"value": 1}}}', r"more\.tf\.json: it is not known"),
        ("more.auto.tfvars", "infra_reviewers = []\n", r"more\.auto\.tfvars: it is not known"),
        ("rules.tf", 'output "x" {\n  value = 1\n}\n', r"rules\.tf: it has locals alone, write output x"),
    ],
)
def test_what_is_told_to_github_in_a_form_that_is_not_read_is_refused(
    render: Any, tmp_path: Path, file: str, said: str, refused: str
) -> None:
    shutil.copytree(INFRA / "github", tmp_path / "github", ignore=shutil.ignore_patterns(".terraform*"))
    with (tmp_path / "github" / file).open("a") as more:
        more.write(said)
    with pytest.raises(render.NotRendered, match=refused):
        render.repository(tmp_path)


def plan(*resources: dict[str, Any]) -> dict[str, Any]:
    """A plan of an environment that would make these, as `terraform show -json` says it."""
    accounts = {"dev": "111111111111", "prod": "222222222222"}
    said = {"environment": "prod", "accounts": accounts, "region": "eu-central-1", "prefix": "company"}
    return {
        "variables": {name: {"value": value} for name, value in said.items()},
        "planned_values": {"root_module": {"resources": list(resources)}},
    }


def resource(kind: str, **values: Any) -> dict[str, Any]:
    return {"address": f"{kind}.this", "mode": "managed", "type": kind, "name": "this", "values": values}


@pytest.mark.parametrize(
    "kind",
    [
        "aws_iam_user_policy",
        "aws_iam_group_policy",
        "aws_iam_policy_attachment",
        "aws_iam_access_key",
        "aws_kms_grant",
        "aws_kms_key_policy",
        "aws_s3_access_point",
        "aws_s3_bucket_acl",
        "aws_s3_bucket_replication_configuration",
        "aws_s3control_access_grant",
        "aws_s3control_multi_region_access_point_policy",
        "aws_cloudformation_stack",
        "awscc_iam_role_policy",
        "aws_cognito_identity_pool_roles_attachment",
        "aws_ecr_registry_policy",
        "aws_ecr_repository_policy",
        "aws_glue_resource_policy",
        "aws_instance",
        "aws_lambda_function",
        "aws_secretsmanager_secret_policy",
        "aws_transfer_user",
        "aws_vpc_endpoint_policy",
        "github_repository_collaborator",
        "terraform_data",
        "of_a_provider_to_come",
    ],
)
def test_what_could_give_access_and_is_not_read_is_refused(render: Any, kind: str) -> None:
    with pytest.raises(render.NotRendered, match=rf"{kind}\.this: .* is not read"):
        render.access([plan(resource(kind))])


@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        ("aws_s3_bucket", "policy"),
        ("aws_s3_bucket", "grant"),
        ("aws_sns_topic", "policy"),
        ("aws_vpc_endpoint", "policy"),
        ("aws_cloudwatch_event_target", "role_arn"),
        ("aws_eks_addon", "pod_identity_association"),
        ("aws_eks_addon", "service_account_role_arn"),
        ("aws_launch_template", "iam_instance_profile"),
    ],
)
def test_access_that_a_resource_gives_by_the_way_is_refused(render: Any, kind: str, argument: str) -> None:
    with pytest.raises(render.NotRendered, match=rf"{kind}\.this: `{argument}` within it is not read"):
        render.access([plan(resource(kind, **{argument: "x"}))])


def test_what_gives_no_access_is_passed_over(render: Any) -> None:
    found = render.access(
        [plan(resource("aws_vpc", cidr_block="10.0.0.0/16"), resource("aws_s3_bucket", bucket="company-prod"))]
    )
    assert found["buckets"] == {"company-prod": {"policy": None}}
