"""Everything that an action can be done to: every zone and area of every bucket, with tags and without, and all else by kind.

Beside the buckets of the access files there is one of somebody else that lets everybody of ours in: what may be done there is
told by our own identities alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dataops_assets.policy.access import Access, Resource
from dataops_assets.policy.language import read_policy
from dataops_assets_tests.policy.matrix.actions import SERVICES, kinds
from dataops_assets_tests.values import GITHUB, PEOPLE, PREFIX, REGION

STRANGER = "333333333333"
EVERYBODY = "analysts+branches+operations"
READERS = [EVERYBODY, "analysts", "operations", "branches", "analysts+operations", "analysts-abroad+branches-old", ""]
"""Values of the tag `readers`: that of the sample's datasets, narrower ones, groups whose names begin alike, and none."""
EACH = [
    *READERS, "analysts+press", "accounting+analysts", "accounting+analysts+press",
    "operations+press", "accounting+operations", "accounting+operations+press",
    "branches+press", "accounting+branches", "accounting+branches+press",
]  # fmt: skip
"""And each group first, last, in the middle."""
FEW = [EVERYBODY, "analysts", ""]
DATABASE_USERS = ("dagster", "dagster_owner", "dataops_reader", "dataops_pruner", "postgres")
"""Those of deploy/postgres/roles.sql, and the one that makes them."""
ZONES = {
    "landing": {
        "landing/flights": [""], "landing/airlines": [""], "landing/airports": [""],
        "landing/planes": [""], "landing/weather": [""], "landing": [""], "elsewhere": [""],
    },
    "prod": {
        "landing/flights": [""],
        "raw": READERS, "raw/flights/_deliveries": [EVERYBODY, ""], "staged": EACH, "quarantine": READERS,
        "curated": READERS, "gate_results": READERS,
        "_verdicts": FEW, "_provenance": FEW, "_sha256": FEW, "_erasures": FEW,
        "_deployment": ["branches"], "_doctor": ["nobody"], "elsewhere": FEW,
    },
    "dev": {
        "adhoc/delays": ["analysts"], "branch/pr-7": [EVERYBODY], "branch/pr-8": [EVERYBODY], "branch/pr-77": [EVERYBODY],
        "dev/ann": [EVERYBODY], "dev/ben": [EVERYBODY], "trash/branch/pr-7": [EVERYBODY], "elsewhere": [EVERYBODY],
    },
    "audit-dev": {"access/dev": [""], "trail": [""], "elsewhere": [""]},
    "audit-prod": {"access/prod": [""], "access/landing": [""], "access/athena-prod": [""], "trail": [""], "elsewhere": [""]},
    "state-dev": {"terraform.tfstate": [""], "terraform.tfstate.tflock": [""]},
    "state-prod": {"terraform.tfstate": [""], "terraform.tfstate.tflock": [""]},
    "athena-prod": {"analysts": [""], "operations": [""], "elsewhere": [""]},
    "of somebody else": {"anything": [""]},
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Something that an action can be done to.

    Attributes:
        name: What the table calls it.
        service: The service that it belongs to.
        kind: What it is, as AWS calls it; empty for nothing.
        arn: Its ARN.
        tags: Those of an object.
    """

    name: str
    service: str
    kind: str
    arn: str
    tags: dict[str, str] = field(default_factory=dict, hash=False)


def let_everybody_in(access: Access) -> dict[str, dict[str, Any]]:
    """The policies of a bucket and a key of somebody else who lets all of ours in, by ARN."""
    roots = [f"arn:aws:iam::{account}:root" for account in (*_accounts(access).values(), STRANGER)]
    opened = {
        "arn:aws:s3:::somebody-else": ("s3:*", ["arn:aws:s3:::somebody-else", "arn:aws:s3:::somebody-else/*"], roots[:-1]),
        f"arn:aws:kms:{REGION}:{STRANGER}:key/somebody-else": ("kms:*", "*", roots),
    }
    return {
        arn: {
            "Version": "2012-10-17",
            "Statement": [
                {"Sid": "Everybody", "Effect": "Allow", "Principal": {"AWS": named}, "Action": actions, "Resource": resources}
            ],
        }
        for arn, (actions, resources, named) in opened.items()
    }


def with_others(access: Access) -> Access:
    """The access with a bucket and a key of somebody else."""
    bucket, key = (
        Resource("elsewhere", "somebody-else", "of somebody else", arn, STRANGER, read_policy(policy, arn, "resource"))
        for arn, policy in let_everybody_in(access).items()
    )
    return replace(access, buckets={**access.buckets, bucket.name: bucket}, keys={**access.keys, key.arn: key})


def places(access: Access) -> Iterator[Place]:
    """Every place, each once."""
    for bucket in access.buckets.values():
        kind = bucket.kind
        yield Place(f"bucket {kind}", "s3", "bucket", bucket.arn)
        for zone, readers in ZONES[kind].items():
            for group in readers:
                tags = {"readers": group, "lifecycle": "operational"} if group else {}
                label = f"{kind}/{zone}" + (f" for {group}" if group else "")
                key = zone if "." in zone else f"{_folder(zone, bucket.account)}/x"
                yield Place(label, "s3", "object", f"{bucket.arn}/{key}", tags)
    for key_ in access.keys.values():
        yield Place(f"key {key_.kind} of {key_.environment}".removesuffix(" of elsewhere"), "kms", "key", key_.arn)
    for role in access.roles:
        for service in ("sts", "iam"):
            yield Place(f"role {role.full_name}", service, "role", role.arn)
    for environment, account in _accounts(access).items():
        for service in SERVICES:
            for kind, template in kinds(service).items():
                if (service, kind) not in _SPELLED:
                    yield Place(f"{kind} of {environment}", service, kind, _filled(template, account))
        yield from _of_iam(environment, account)
    yield from (Place("nothing", service, "", "*") for service in SERVICES)


def _folder(zone: str, account: str) -> str:
    """Where it lies: what services write lies below names of ours."""
    service, _, of = zone.partition("/")
    return {"access": f"access/{PREFIX}-{of}", "trail": f"trail/AWSLogs/{account}"}.get(service, zone)


_SPELLED = {
    *(("s3", "bucket"), ("s3", "object"), ("kms", "key"), ("kms", "alias"), ("sts", "role"), ("iam", "role")),
    ("rds-db", "db-user"),
}
"""What is told one by one."""


def _of_iam(environment: str, account: str) -> Iterator[Place]:
    """What names decide about: new roles of ours and of others, the boundary, who gives tokens, users of databases."""
    arn = f"arn:aws:iam::{account}"
    yield Place(f"new role of {environment}", "iam", "role", f"{arn}:role/{PREFIX}-new")
    yield Place(f"role of others in {environment}", "iam", "role", f"{arn}:role/other")
    for service in ("eks", "eks-nodegroup", "rds", "other"):
        name = f"role of the service {service} in {environment}"
        yield Place(name, "iam", "role", f"{arn}:role/aws-service-role/{service}.amazonaws.com/any")
    yield Place(f"boundary of {environment}", "iam", "policy", f"{arn}:policy/{PREFIX}-boundary")
    for name, issuer in (("GitHub", GITHUB), ("people", PEOPLE)):
        yield Place(f"issuer of {name} of {environment}", "iam", "oidc-provider", f"{arn}:oidc-provider/{issuer}")
    for name, alias in (("data", f"{PREFIX}-data"), ("other", "other")):
        yield Place(f"alias {name} of {environment}", "kms", "alias", f"arn:aws:kms:{REGION}:{account}:alias/{alias}")
    for user in DATABASE_USERS:
        user_arn = f"arn:aws:rds-db:{REGION}:{account}:dbuser:db-ABCDEFGHIJKL01234/{user}"
        yield Place(f"database user {user} of {environment}", "rds-db", "db-user", user_arn)


def _accounts(access: Access) -> dict[str, str]:
    return {role.environment: role.arn.split(":")[4] for role in access.roles}


def _filled(template: str, account: str) -> str:
    known = {"Partition": "aws", "Region": REGION, "Account": account}
    return re.sub(r"\$\{(\w+)\}", lambda found: known.get(found[1], "any"), template)
