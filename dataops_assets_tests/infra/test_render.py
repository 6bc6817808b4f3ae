"""`infra/render.py`: what a plan says of who may do what. That this is what is committed is tested in test_rendered_access."""

import json
from typing import Any

import pytest

from infra import render

ACCOUNT = "111111111111"
ARN = f"arn:aws:iam::{ACCOUNT}"


def policy(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


def resource(module: str, kind: str, name: str, /, **values: Any) -> dict[str, Any]:
    written = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in values.items()}
    return {"address": f"{module}{kind}.{name}", "mode": "managed", "type": kind, "name": name, "values": written}


def plan(*identities: dict[str, Any]) -> dict[str, Any]:
    """A plan with a bucket in a module of a module, a key with an alias, and some identities."""
    inner, outer = "module.storage.module.bucket.", "module.storage."
    bucket = [
        resource(inner, "aws_s3_bucket", "this", bucket="company-dev"),
        resource(inner, "aws_s3_bucket_policy", "this", bucket="company-dev", policy=policy("s3:ListBucket")),
    ]
    key = [
        resource(outer, "aws_kms_key", "data", policy=policy("kms:*")),
        resource(outer, "aws_kms_alias", "data", name="alias/company-data"),
    ]
    said = {"environment": "dev", "prefix": "company", "region": "eu-central-1", "accounts": {"dev": ACCOUNT}}
    alias = {
        "address": "aws_kms_alias.data",
        "expressions": {"target_key_id": {"references": ["aws_kms_key.data.key_id", "aws_kms_key.data"]}},
    }
    return {
        "variables": {name: {"value": value} for name, value in said.items()},
        "planned_values": {
            "root_module": {
                "resources": list(identities),
                "child_modules": [{"resources": key, "child_modules": [{"resources": bucket}]}],
            }
        },
        "configuration": {"root_module": {"module_calls": {"storage": {"module": {"resources": [alias]}}}}},
    }


def role(**more: Any) -> dict[str, Any]:
    said = {"name": "company-branch", "path": "/", "assume_role_policy": policy("sts:AssumeRole"), "max_session_duration": 3600}
    return resource("", "aws_iam_role", "branch", **said, **more)


def test_all_of_it_is_found_wherever_it_stands():
    made = render.access([
        plan(
            role(permissions_boundary=f"{ARN}:policy/company-boundary"),
            resource("", "aws_iam_role_policy", "branch", name="rights", role="company-branch", policy=policy("s3:GetObject")),
            resource("", "aws_iam_role_policy_attachment", "more", role="company-branch", policy_arn=f"{ARN}:policy/more"),
            resource("", "aws_iam_policy", "boundary", name="company-boundary", policy=policy("s3:*")),
            resource("", "aws_iam_policy", "more", name="more", policy=policy("s3:PutObject")),
        )
    ])  # fmt: skip
    assert made == {
        "environment": "dev",
        "account": ACCOUNT,
        "prefix": "company",
        "roles": {
            "company-branch": {
                "arn": f"{ARN}:role/company-branch",
                "trust": policy("sts:AssumeRole"),
                "policies": {"rights": policy("s3:GetObject"), "more": policy("s3:PutObject")},
                "boundary": policy("s3:*"),
                "max_session_seconds": 3600,
            }
        },
        "buckets": {"company-dev": {"policy": policy("s3:ListBucket")}},
        "keys": {
            "alias/company-data": {"arn": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/company-data", "policy": policy("kms:*")}
        },
    }


@pytest.mark.parametrize(
    ("identities", "why"),
    [
        ([role(), resource("", "aws_iam_role_policy", "late", name="x", role="company-branch")], "`policy` is not known"),
        ([role(managed_policy_arns=["arn:aws:iam::aws:policy/AdministratorAccess"])], "holds policies itself"),
        ([role(inline_policy=[{"name": "x", "policy": "{}"}])], "holds policies itself"),
        ([role(permissions_boundary=f"{ARN}:policy/elsewhere")], "which is not planned here"),
        (
            [
                role(),
                resource(
                    "", "aws_iam_role_policy_attachment", "all", role="company-branch", policy_arn="arn:aws:iam::aws:policy/X"
                ),
            ],
            "which is not planned here",
        ),
        ([resource("", "aws_iam_role_policy", "x", name="x", role="other", policy=policy("s3:*"))], "of the role other"),
    ],
)
def test_what_a_plan_does_not_say_is_no_access_file(identities: list[dict[str, Any]], why: str):
    with pytest.raises(render.NotRendered, match=why):
        render.access([plan(*identities)])
