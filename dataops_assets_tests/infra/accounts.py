"""The roles that the module `identities` makes in both accounts, as a plan shows them, and what each of them may do.

Here: asking. Not here: what the answers must be, and policies of buckets and keys: here they let in whom a role's own may, so
that only that one decides.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dataops_assets.policy.evaluate import Policies, Request, decide
from dataops_assets.policy.language import Policy, read_policy
from dataops_assets_tests.infra.terraform import planned
from dataops_assets_tests.values import ACCOUNTS, GITHUB, OWNER, OWNER_ID, PEOPLE, PREFIX, REGION, REPOSITORY, REPOSITORY_ID

CLUSTER = {name: f"arn:aws:eks:{REGION}:{account}:cluster/{PREFIX}-{name}" for name, account in ACCOUNTS.items()}
VARIABLES: dict[str, Any] = {
    "prefix": PREFIX,
    "region": REGION,
    "accounts": ACCOUNTS,
    "github": {"owner": OWNER, "owner_id": OWNER_ID, "repository": REPOSITORY, "repository_id": REPOSITORY_ID},
    "people": {"issuer": PEOPLE},
    "reader_groups": {"analysts": "…", "operations": "…", "branches": "…"},
    "readers_classes": ["analysts+branches+operations", "branches", "nobody"],
    "lifecycle_classes": ["deployment", "operational", "probe", "reference"],
    "data_providers": {"weather-service": {"name": "Weather service", "landing": ["weather", "stations"]}},
}
EVERYTHING = read_policy(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}, "everything", "identity"
)


@dataclass(frozen=True)
class Role:
    """A role as it is planned."""

    arn: str
    environment: str
    trust: Policy
    rights: Policy
    boundary: Policy
    max_session_seconds: int
    documents: Mapping[str, Any]


@cache
def roles() -> Mapping[str, Role]:
    """The roles of both accounts, as `prod/pipeline`."""
    return {name: role for environment in ACCOUNTS for name, role in _roles(environment).items()}


def _roles(environment: str) -> dict[str, Role]:
    with TemporaryDirectory() as work:
        resources = planned("identities", {**VARIABLES, "environment": environment}, Path(work))
    of = {kind: [one for one in resources if one["type"] == kind] for kind in {one["type"] for one in resources}}
    (boundary,) = (one["values"]["policy"] for one in of["aws_iam_policy"])
    rights = {one["index"]: one["values"]["policy"] for one in of["aws_iam_role_policy"]}
    made = {}
    for one in of["aws_iam_role"]:
        name, values = one["index"], one["values"]
        assert values["permissions_boundary"] == f"arn:aws:iam::{ACCOUNTS[environment]}:policy/{PREFIX}-boundary"
        documents = {"trust": values["assume_role_policy"], "rights": rights[name], "boundary": boundary}
        read = {kind: json.loads(text) for kind, text in documents.items()}
        made[f"{environment}/{name}"] = Role(
            arn=f"arn:aws:iam::{ACCOUNTS[environment]}:role/{values['name']}",
            environment=environment,
            trust=read_policy(read["trust"], f"{name}, trust", "trust"),
            rights=read_policy(read["rights"], f"{name}, rights", "identity"),
            boundary=read_policy(read["boundary"], "boundary", "identity"),
            max_session_seconds=values["max_session_duration"],
            documents=read,
        )
    return made


def may(who: str, action: str, about: str, rights: Policy | None = None, **context: str | list[str]) -> bool:
    """Whether a role may do something.

    Args:
        who: The role, as `prod/pipeline`.
        action: As `s3:PutObject`.
        about: An object as `prod/raw/x`, a bucket as `prod`; anything else by its ARN.
        rights: What it is taken to be allowed, in place of its own policy.
        context: What else is known, by the names in `KEYS`.
    """
    role = roles()[who]
    own = ACCOUNTS[role.environment]
    resource = about if about.startswith("arn:") else f"arn:aws:s3:::{PREFIX}-{about}"
    bucket = about.partition("/")[0].replace("landing", "prod")  # it is prod's
    account = resource.split(":")[4] or ACCOUNTS[bucket.rpartition("-")[2]]
    request = Request(
        principal=f"arn:aws:sts::{own}:assumed-role/{role.arn.rpartition('/')[2]}/session",
        action=action,
        resource=resource,
        account=account,
        context={"aws:PrincipalArn": role.arn, **{KEYS[name]: value for name, value in context.items()}},
    )
    closed = account != own or action.startswith("kms:")
    policies = Policies((rights or role.rights,), resource=_let_in(own) if closed else None, boundary=role.boundary)
    return decide(request, policies).allowed


def becomes(who: str, principal: str, action: str = "sts:AssumeRoleWithWebIdentity", **said: str) -> bool:
    """Whether somebody becomes a role.

    Args:
        who: The role.
        principal: Who asks: the ARN of an OIDC provider or session, the name of a service, or `*`.
        action: As what is asked; where there are tags, `sts:TagSession` is asked for beside.
        said: What the token or the service says, by the names in `KEYS`, or as `aws:RequestTag/other`.
    """
    role = roles()[who]
    context: dict[str, str | list[str]] = {KEYS.get(name, name): value for name, value in said.items()}
    tags = [key.removeprefix("aws:RequestTag/") for key in context if key.startswith("aws:RequestTag/")]
    if tags:
        context["aws:TagKeys"] = tags
    own = (EVERYTHING,) if ":assumed-role/" in principal else ()
    asked = [action, "sts:TagSession"] if tags else [action]
    requests = [Request(principal, one, role.arn, ACCOUNTS[role.environment], context) for one in asked]
    return all(decide(one, Policies(own, resource=role.trust)).allowed for one in requests)


def _let_in(account: str) -> Policy:
    anything = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "*", "Resource": "*"}
    return read_policy({"Version": "2012-10-17", "Statement": [anything]}, "let in", "resource")


KEYS = {
    "readers": "s3:ExistingObjectTag/readers",
    "sets_readers": "s3:RequestObjectTag/readers",
    "sets_lifecycle": "s3:RequestObjectTag/lifecycle",
    "sets": "s3:RequestObjectTagKeys",
    "is_namespace": "aws:PrincipalTag/kubernetes-namespace",
    "is_person": "aws:PrincipalTag/person",
    "via": "kms:ViaService",
    "prefix": "s3:prefix",
    "boundary": "iam:PermissionsBoundary",
    "passed_to": "iam:PassedToService",
    "aud": f"{PEOPLE}:aud",
    "github_aud": f"{GITHUB}:aud",
    "github_sub": f"{GITHUB}:sub",
    "github_id": f"{GITHUB}:repository_id",
    "person": "aws:RequestTag/person",
    "mfa": "aws:RequestTag/mfa",
    "namespace": "aws:RequestTag/kubernetes-namespace",
    "service_account": "aws:RequestTag/kubernetes-service-account",
    "cluster": "aws:RequestTag/eks-cluster-arn",
}
"""Condition keys by short names."""
