"""The policies of the module `runtime` are understood, and its key is nobody's who works with data."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dataops_assets.policy.evaluate import Policies, Request, decide
from dataops_assets.policy.language import PolicyKind, read_policy
from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.infra.accounts import EVERYTHING
from dataops_assets_tests.infra.terraform import planned
from dataops_assets_tests.values import ACCOUNTS, PREFIX, REGION

pytestmark = pytest.mark.terraform

ROLE = f"arn:aws:iam::{ACCOUNTS['prod']}:role/{PREFIX}"
VARIABLES: dict[str, Any] = {
    "environment": "prod",
    "prefix": PREFIX,
    "region": REGION,
    "account": ACCOUNTS["prod"],
    "roles": {name: f"{ROLE}-{name}" for name in ("deployer", "infra", "pipeline")},
    "pods": {"pipeline": {"namespace": "prod", "service_account": "pipeline"}},
    "database": {"standby": True},
    "backups_days": 35,
    "images_days": 365,
    "logs_days": 90,
}
READ_AS: dict[tuple[str, str], PolicyKind] = {
    ("aws_iam_role", "assume_role_policy"): "trust",
    ("aws_iam_role_policy", "policy"): "identity",
    ("aws_kms_key", "policy"): "resource",
}


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return planned("runtime", VARIABLES, Path(tmp_path_factory.mktemp("runtime")))


def test_policies_are_known_before_anything_is_made_and_understood(resources: list[dict[str, Any]]) -> None:
    read = [
        read_policy(json.loads(one["values"][attribute]), one["address"], kind)
        for one in resources
        for (type_, attribute), kind in READ_AS.items()
        if one["type"] == type_
    ]
    assert len(read) == 5
    assert all(statement.sid for policy in read for statement in policy.statements)


def test_every_role_has_the_boundary(resources: list[dict[str, Any]]) -> None:
    boundaries = {one["values"]["permissions_boundary"] for one in resources if one["type"] == "aws_iam_role"}
    assert boundaries == {f"arn:aws:iam::{ACCOUNTS['prod']}:policy/{PREFIX}-boundary"}


def test_no_policy_is_attached_that_is_not_written_out(resources: list[dict[str, Any]]) -> None:
    assert [one["address"] for one in resources if "policy_attachment" in one["type"]] == []


def test_who_makes_the_database_is_none_of_the_roles_that_he_makes(resources: list[dict[str, Any]]) -> None:
    """He may make roles and is a member of RDS's own, for which roles.sql refuses a role of ours."""
    (database,) = (one["values"] for one in resources if one["type"] == "aws_db_instance")
    text = (PROJECT / "deploy/postgres/roles.sql").read_text()
    (listed,) = re.findall(r"of_ours CONSTANT text\[\] := ARRAY\[(.*?)\]", text)
    assert database["username"] not in re.findall(r"'(\w+)'", listed)


def test_key_is_ruled_by_infra_and_used_by_nobody(resources: list[dict[str, Any]]) -> None:
    (key,) = (json.loads(one["values"]["policy"]) for one in resources if one["type"] == "aws_kms_key")
    policy, account = read_policy(key, "key", "resource"), ACCOUNTS["prod"]
    able = set()
    for who in ("infra", "pipeline", "break-glass", "deployer", "cluster"):
        for action in ("kms:ScheduleKeyDeletion", "kms:PutKeyPolicy", "kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey"):
            session = f"arn:aws:sts::{account}:assumed-role/{PREFIX}-{who}/session"
            known = {"aws:PrincipalArn": f"{ROLE}-{who}", "kms:ViaService": f"s3.{REGION}.amazonaws.com"}
            request = Request(session, action, f"arn:aws:kms:{REGION}:{account}:key/1", account, known)
            if decide(request, Policies((EVERYTHING,), resource=policy)).allowed:
                able.add((who, action))
    assert able == {("infra", "kms:ScheduleKeyDeletion"), ("infra", "kms:PutKeyPolicy")}
