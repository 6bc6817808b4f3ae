"""`infra/render.py`: what a plan says of who may do what. That this is what is committed is tested in test_rendered_access."""

import json
from typing import Any

import pytest

from dataops_assets_tests.infra.plans import switched
from infra import render

ACCOUNT = "111111111111"
ARN = f"arn:aws:iam::{ACCOUNT}"


def policy(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


def resource(module: str, kind: str, name: str, /, **values: Any) -> dict[str, Any]:
    said = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in values.items()}
    return {"address": f"{module}{kind}.{name}", "mode": "managed", "type": kind, "name": name, "values": said}


def written(one: dict[str, Any], **expressions: Any) -> dict[str, Any]:
    """A resource as its module's configuration has it."""
    said = {name: {} for name in one["values"]}
    address = f"{one['type']}.{one['name']}"
    return {"address": address, "mode": "managed", "type": one["type"], "name": one["name"], "expressions": said | expressions}


def plan(*identities: dict[str, Any]) -> dict[str, Any]:
    """A plan with a bucket in a module of a module, a key with an alias, and some identities."""
    inner, outer = "module.storage.module.bucket.", "module.storage."
    bucket = [
        resource(inner, "aws_s3_bucket", "this", bucket="company-dev"),
        resource(inner, "aws_s3_bucket_policy", "this", bucket="company-dev", policy=policy("s3:ListBucket")),
        *({**one, "address": f"{inner}{one['address']}"} for one in switched("company-dev")),
    ]
    key = [
        resource(outer, "aws_kms_key", "data", policy=policy("kms:*")),
        resource(outer, "aws_kms_alias", "data", name="alias/company-data"),
    ]
    said = {"environment": "dev", "prefix": "company", "region": "eu-central-1", "accounts": {"dev": ACCOUNT}}
    of_storage = [
        written(key[0]),
        written(key[1], target_key_id={"references": ["aws_kms_key.data.key_id", "aws_kms_key.data"]}),
    ]
    of_bucket = {"bucket": {"source": "./bucket", "module": {"resources": [written(one) for one in bucket]}}}
    storage = {"resources": of_storage, "module_calls": of_bucket}
    return {
        "variables": {name: {"value": value} for name, value in said.items()},
        "planned_values": {
            "root_module": {
                "resources": list(identities),
                "child_modules": [{"resources": key, "child_modules": [{"resources": bucket}]}],
            }
        },
        "configuration": {
            "root_module": {
                "resources": [written(one) for one in identities],
                "module_calls": {"storage": {"source": "../../modules/storage", "module": storage}},
            }
        },
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
        "buckets": {"company-dev": {"policy": policy("s3:ListBucket"), "lock": None, "ends": {}}},
        "keys": {
            "alias/company-data": {"arn": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/company-data", "policy": policy("kms:*")}
        },
        "topics": {},
        "clusters": {},
    }


TOPIC = {"name": "company-alarms"}
OF_TOPIC = {"arn": f"arn:aws:sns:eu-central-1:{ACCOUNT}:company-alarms", "policy": policy("sns:Publish")}


def test_a_topic_is_found_with_its_policy():
    topic, its = resource("", "aws_sns_topic", "x", **TOPIC), resource("", "aws_sns_topic_policy", "x", **OF_TOPIC)
    assert render.access([plan(topic, its)])["topics"] == {"company-alarms": OF_TOPIC}
    with pytest.raises(render.NotRendered, match=r"aws_sns_topic\.x has no policy: write its aws_sns_topic_policy"):
        render.access([plan(topic)])
    with pytest.raises(render.NotRendered, match=r":company-alarms is not planned here: leave out its aws_sns_topic_policy"):
        render.access([plan(its)])


def of_cluster(kind: str, /, cluster: str = "company-dev", **values: Any) -> dict[str, Any]:
    return resource("", f"aws_eks_{kind}", "deployer", cluster_name=cluster, **values)


def plan_of_cluster(access_config: list[dict[str, Any]], *parts: dict[str, Any]) -> dict[str, Any]:
    """The same with a cluster, in whose entry the configuration names groups."""
    made = plan(resource("", "aws_eks_cluster", "this", name="company-dev", access_config=access_config), *parts)
    for one in made["configuration"]["root_module"]["resources"]:
        if one["type"] == "aws_eks_access_entry":
            one["expressions"]["kubernetes_groups"] = {}
    return made


ENTRY = {"principal_arn": f"{ARN}:role/company-deployer", "type": "STANDARD"}


def test_who_enters_a_cluster_and_which_pods_leave_it_as_roles_is_found():
    scope = {"type": "namespace", "namespaces": ["prod", "dev"]}
    (found,) = render.access([
        plan_of_cluster(
            [{"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False}],
            of_cluster("access_entry", **ENTRY, kubernetes_groups=["deployers"]),
            of_cluster(
                "access_policy_association",
                principal_arn=ENTRY["principal_arn"],
                policy_arn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
                access_scope=[scope],
            ),
            of_cluster("pod_identity_association", namespace="prod", service_account="pipeline", role_arn=f"{ARN}:role/x"),
        )
    ])["clusters"].values()  # fmt: skip
    entry = {
        "groups": ["deployers"],
        "policies": {"AmazonEKSViewPolicy": ["dev", "prod"]},
        "type": "STANDARD",
        "user": None,
    }
    assert found == {
        "authentication_mode": "API",
        "creator_is_admin": False,
        "entries": {f"{ARN}:role/company-deployer": entry},
        "pods": {"prod/pipeline": f"{ARN}:role/x"},
        "reached_from": ["0.0.0.0/0"],
    }


def test_a_cluster_that_says_nothing_lets_in_as_aws_does_by_default():
    (found,) = render.access([plan_of_cluster([])])["clusters"].values()
    assert (found["authentication_mode"], found["creator_is_admin"]) == ("CONFIG_MAP", True)


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (of_cluster("access_entry", **ENTRY), "`kubernetes_groups` is not known"),
        (of_cluster("access_entry", "another", **ENTRY, kubernetes_groups=["x"]), "the cluster another, which is not planned"),
        (
            of_cluster(
                "access_policy_association",
                principal_arn=ENTRY["principal_arn"],
                policy_arn="arn:aws:eks::aws:cluster-access-policy/X",
            ),
            "whose entry is not",
        ),
        (of_cluster("identity_provider_config"), "is not read"),
    ],
)
def test_who_enters_a_cluster_and_is_not_known_is_no_access_file(part: dict[str, Any], why: str):
    with pytest.raises(render.NotRendered, match=why):
        render.access([plan_of_cluster([], part)])


@pytest.mark.parametrize(
    ("identities", "why"),
    [
        ([role(), resource("", "aws_iam_role_policy", "late", name="x", role="company-branch")], "`policy` is not known"),
        ([role(managed_policy_arns=["arn:aws:iam::aws:policy/AdministratorAccess"])], "`managed_policy_arns` within it"),
        ([role(inline_policy=[{"name": "x", "policy": "{}"}])], "`inline_policy` within it"),
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


def alias(name: str, **key: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """One more alias in the module `storage`, and how its configuration names the key."""
    one = resource("module.storage.", "aws_kms_alias", name, name=f"alias/{name}")
    return one, written(one, target_key_id=key)


def with_alias(one: dict[str, Any], block: dict[str, Any]) -> dict[str, Any]:
    made = plan()
    (storage,) = made["planned_values"]["root_module"]["child_modules"]
    storage["resources"].append(one)
    made["configuration"]["root_module"]["module_calls"]["storage"]["module"]["resources"].append(block)
    return made


@pytest.mark.parametrize(
    "key",
    [
        {"constant_value": "1234abcd-12ab-34cd-56ef-1234567890ab"},
        {"references": ["var.key"]},
        {"references": ["aws_kms_key.of_another_module.key_id", "aws_kms_key.of_another_module"]},
    ],
)
def test_an_alias_of_a_key_that_is_not_known_is_told(key: dict[str, Any]):
    with pytest.raises(render.NotRendered, match=r"module\.storage\.aws_kms_alias\.more: of which key it is, is not known"):
        render.access([with_alias(*alias("more", **key))])


def test_a_key_has_one_alias():
    """By the other one it would be told."""
    key = ["aws_kms_key.data.key_id", "aws_kms_key.data"]
    both = r"aws_kms_alias\.more and module\.storage\.aws_kms_alias\.data are both of module\.storage\.aws_kms_key\.data"
    with pytest.raises(render.NotRendered, match=both):
        render.access([with_alias(*alias("more", references=key))])
