"""Random requests with random policies over all of the language, aimed so that about half of them are allowed.

A statement is made for a request: each of its elements fits it more often than not. What fits is written in many ways, with
wildcards, variables, negations and other cases of letters, and what does not is near it.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

from dataops_assets_tests.policy.deciding import policy

T = TypeVar("T")

OURS, THEIRS = "111122223333", "444455556666"
KEY = f"arn:aws:kms:eu-central-1:{OURS}:key/0a1b"
PRINCIPALS = [
    f"arn:aws:iam::{OURS}:user/alice",
    f"arn:aws:iam::{OURS}:user/carol",
    f"arn:aws:sts::{OURS}:assumed-role/prod-writer/run-1",
    f"arn:aws:sts::{OURS}:assumed-role/branch/pr-7",
    f"arn:aws:iam::{THEIRS}:user/bob",
    f"arn:aws:sts::{THEIRS}:assumed-role/reader/r",
]
OBJECTS = [
    "arn:aws:s3:::prod/raw/x",
    "arn:aws:s3:::prod/staged/core/data.parquet",
    "arn:aws:s3:::dev/branch/7/x:y",
    "arn:aws:s3:::dev/core/a b",
]
BUCKETS = ["arn:aws:s3:::prod", "arn:aws:s3:::dev"]
ROLES = [f"arn:aws:iam::{OURS}:role/prod-writer", f"arn:aws:iam::{OURS}:role/branch"]

# By action: what it may be done to, and which keys a request may give, beside those that any may give.
ACTIONS: dict[str, tuple[list[str], list[str]]] = {
    "s3:GetObject": (OBJECTS, ["s3:ExistingObjectTag/readers"]),
    "s3:PutObject": (
        OBJECTS,
        ["s3:if-none-match", "s3:RequestObjectTag/lifecycle", "s3:RequestObjectTagKeys", "s3:x-amz-storage-class"],
    ),
    "s3:DeleteObject": (OBJECTS, []),
    "s3:DeleteObjectVersion": (OBJECTS, ["s3:versionid"]),
    "s3:PutObjectTagging": (
        OBJECTS,
        ["s3:RequestObjectTag/lifecycle", "s3:RequestObjectTagKeys", "s3:ExistingObjectTag/readers"],
    ),
    "s3:ListBucket": (BUCKETS, ["s3:prefix", "s3:max-keys", "s3:delimiter"]),
    "s3:PutBucketPolicy": (BUCKETS, []),
    "s3:PutLifecycleConfiguration": (BUCKETS, []),
    "kms:Decrypt": ([KEY], ["kms:ViaService"]),
    "kms:ScheduleKeyDeletion": ([KEY], ["kms:ScheduleKeyDeletionPendingWindowInDays"]),
    "sts:AssumeRole": (ROLES, ["sts:ExternalId", "aws:TagKeys"]),
    "iam:PassRole": (ROLES, ["iam:PassedToService"]),
}
ANY = [
    "aws:PrincipalArn", "aws:PrincipalTag/team", "aws:PrincipalTag/pr", "aws:SecureTransport", "aws:SourceIp",
    "aws:CurrentTime", "aws:userid",
]  # fmt: skip
VALUES: dict[str, list[str]] = {
    "aws:PrincipalArn": [*ROLES, *(each for each in PRINCIPALS if ":user/" in each)],
    "aws:PrincipalTag/team": ["core", "Core", "web"],
    "aws:PrincipalTag/pr": ["7", "8"],
    "aws:SecureTransport": ["true", "false"],
    "aws:SourceIp": ["10.0.0.5", "10.0.1.5", "192.168.0.1"],
    "aws:CurrentTime": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-06-01T12:30:00+02:00"],
    "aws:userid": ["AROAEXAMPLE:run-1", "core"],
    "s3:ExistingObjectTag/readers": ["core", "web", "public"],
    "s3:if-none-match": ["*"],
    "s3:RequestObjectTag/lifecycle": ["operational", "probe"],
    "s3:RequestObjectTagKeys": ["lifecycle", "readers", "other"],
    "s3:x-amz-storage-class": ["STANDARD", "GLACIER"],
    "s3:versionid": ["v1", "v2"],
    "s3:prefix": ["", "branch/7/", "raw/", "core/a"],
    "s3:max-keys": ["5", "10", "1000"],
    "s3:delimiter": ["/"],
    "kms:ViaService": ["s3.eu-central-1.amazonaws.com", "rds.eu-central-1.amazonaws.com"],
    "kms:ScheduleKeyDeletionPendingWindowInDays": ["7", "30"],
    "sts:ExternalId": ["e-1", "E-1"],
    "aws:TagKeys": ["team", "pr"],
    "iam:PassedToService": ["pods.eks.amazonaws.com", "ec2.amazonaws.com"],
}
MANY = {"s3:RequestObjectTagKeys", "aws:TagKeys"}
ORDERS = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
TEXTS = [
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
]
OPERATORS: dict[str, list[str]] = {
    "aws:PrincipalArn": ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", *TEXTS],
    "aws:SecureTransport": ["Bool"],
    "aws:SourceIp": ["IpAddress", "NotIpAddress"],
    "aws:CurrentTime": [f"Date{order}" for order in ORDERS],
    "s3:max-keys": [f"Numeric{order}" for order in ORDERS],
    "kms:ScheduleKeyDeletionPendingWindowInDays": [f"Numeric{order}" for order in ORDERS],
}


def world(random: Random) -> dict[str, Any]:
    """A request, and all policies that count for it."""
    principal, action = random.choice(PRINCIPALS), random.choice(list(ACTIONS))
    resources, keys = ACTIONS[action]
    context: dict[str, str | list[str]] = {}
    for key in (*ANY, *keys):
        if random.random() < 0.6:
            count = random.randint(1, 2)
            context[key] = random.sample(VALUES[key], count) if key in MANY else random.choice(VALUES[key])
    request = {
        "principal": principal,
        "action": action,
        "resource": random.choice(resources),
        "account": OURS,
        "context": context,
    }
    made: dict[str, Any] = {"request": request}
    made["identity"] = [policies(random, request) for _ in range(random.choice((0, 1, 1, 1, 2)))]
    closed = action.startswith(("kms:", "sts:"))
    across = THEIRS in principal
    if action != "iam:PassRole" and (closed or across or random.random() < 0.4):  # of a role, no policy says who may pass it
        made["resource"] = policies(random, request, of="trust" if action == "sts:AssumeRole" else "resource")
    if random.random() < 0.25:
        made["boundary"] = [policies(random, request)]
    if ":assumed-role/" in principal and random.random() < 0.3:
        made["session"] = policies(random, request)
    if random.random() < 0.15:
        made["scp"] = [policies(random, request)]
    return made


def policies(random: Random, request: dict[str, Any], of: str = "identity") -> dict[str, Any]:
    return policy(*(statement(random, request, of) for _ in range(random.choice((1, 1, 2, 3)))))


def statement(random: Random, request: dict[str, Any], of: str = "identity", effect: str | None = None) -> dict[str, Any]:
    """A statement that fits a request more often than not; one that denies does so less often."""
    made: dict[str, Any] = {"Effect": effect or random.choice(["Allow"] * 8 + ["Deny"])}
    fit = 0.95 if made["Effect"] == "Allow" else 0.75
    if of != "identity":
        made["Principal"] = principals(random, request["principal"], fit)
    actions = [action for action in ACTIONS if action.split(":")[0] == request["action"].split(":")[0]]
    others = [action for action in actions if action != request["action"]] or ["s3:GetObject"]
    _element(random, made, "Action", fit, [written(random, request["action"])], [written(random, random.choice(others))])
    if of != "trust":
        away = [each for each in (*OBJECTS, *BUCKETS, KEY) if each != request["resource"]]
        hits, misses = resource(random, request["resource"], request["context"]), random.choice(away)
        _element(random, made, "Resource", fit, hits, [misses])
    conditions: dict[str, dict[str, Any]] = {}
    for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
        name, key, values = condition(random, request)
        conditions.setdefault(name, {})[key] = values
    if conditions:
        made["Condition"] = conditions
    return made


def _element(random: Random, made: dict[str, Any], name: str, fit: float, hits: Sequence[str], misses: Sequence[str]) -> None:
    fits, negated = random.random() < fit, random.random() < 0.15
    listed = list(misses if fits == negated else hits)
    if negated:
        name = f"Not{name}"
        listed = [each for each in listed if "${aws" not in each.lower() or ", '" in each] or list(misses)
    elif random.random() < 0.3:
        listed += misses
    random.shuffle(listed)
    made[name] = listed[0] if len(listed) == 1 and random.random() < 0.5 else listed


def principals(random: Random, principal: str, fit: float) -> Any:
    account, name = principal.split(":")[4], principal.split("/")[1]
    near = [principal, principal, f"arn:aws:iam::{account}:root", account, "*"]
    if ":assumed-role/" in principal:
        near += [f"arn:aws:iam::{account}:role/{name}"] * 3
    far = [each for each in PRINCIPALS if each != principal]
    chosen = random.choice(near) if random.random() < fit else random.choice(far)
    listed = [chosen, random.choice(far)] if random.random() < 0.2 and chosen != "*" else chosen
    return "*" if chosen == "*" and random.random() < 0.5 else {"AWS": listed}


def written(random: Random, action: str) -> str:
    service, name = action.split(":")
    cut = random.randint(1, len(name) - 1)
    return random.choice(
        [
            action,
            action,
            f"{service}:*",
            "*",
            action.upper(),
            f"{service}:{name[:cut]}*",
            f"{service}:{name[:cut]}?{name[cut + 1 :]}",
        ]
    )


def resource(random: Random, arn: str, context: dict[str, Any]) -> list[str]:
    """Ways to write what a resource is; the last may have a variable in it."""
    *before, last = arn.split(":", 5)
    type_, slash, last = ("", "", last) if "s3" in before else last.partition("/")
    cut = random.randint(1, len(last) - 1)
    forms = [last, last, f"{last[:cut]}*", f"{last[:cut]}?{last[cut + 1 :]}", f"{last[: cut // 2 + 1]}*{last[-1]}", f"{last}*"]
    if "s3" in before:
        forms += [last.replace("core", "${aws:PrincipalTag/team}"), last.replace("7", "${aws:PrincipalTag/pr, '7'}"), "*"]
        forms += [last.replace("7", "${AWS:principaltag/PR}")]
    chosen = ":".join([*before, f"{type_}{slash}{random.choice(forms)}"])
    return ["*"] if random.random() < 0.15 else [chosen]


def condition(random: Random, request: dict[str, Any]) -> tuple[str, str, Any]:
    """An operator, a key, and values; true more often than not."""
    keys = [*ANY, *ACTIONS[request["action"]][1]]
    key = random.choice(keys)
    if random.random() < 0.12:
        return "Null", random.choice([key, key.upper()]), random.choice(["true", "false"])
    name = random.choice(OPERATORS.get(key, TEXTS))
    given = request["context"].get(key)
    pool = list(VALUES[key])
    values = random.sample(pool, random.randint(1, min(2, len(pool))))
    if given is not None and random.random() < 0.7:
        wanted = given if isinstance(given, list) else [given]
        values = [each for each in pool if each not in wanted] or values if "Not" in name else wanted
    if key == "aws:SourceIp":
        values = [random.choice([each, f"{each.rsplit('.', 1)[0]}.0/24", "10.0.0.0/8"]) for each in values]
    if "Like" in name or name.startswith("Arn"):
        values = [random.choice([each, _like(random, each, name)]) for each in values]
    if name.startswith(("String", "Arn")) and random.random() < 0.2:
        values = [_varied(random, each, request["context"], settled="Not" in name) for each in values]
    if name == "Bool":
        values = values[:1]
    if key in MANY:
        name = f"{random.choice(['ForAllValues', 'ForAnyValue'])}:{name}"
    elif random.random() < 0.2:
        name += "IfExists"
    shown = key.swapcase() if random.random() < 0.1 else key
    return name, shown, values[0] if len(values) == 1 and random.random() < 0.5 else values


def _like(random: Random, text: str, name: str) -> str:
    *before, last = text.split(":", 5) if name.startswith("Arn") else [text]
    cut = random.randint(0, len(last))
    return ":".join([*before, random.choice([f"{last[:cut]}*", f"*{last[cut:]}", f"{last[:cut]}?{last[cut + 1 :]}"])])


def _varied(random: Random, text: str, context: dict[str, Any], *, settled: bool) -> str:
    """The text with a variable in it, or with an escape."""
    if "*" in text:
        return text.replace("*", "${*}")
    for key in ("aws:PrincipalTag/team", "aws:PrincipalTag/pr"):
        value = context.get(key)
        if isinstance(value, str) and value in text.rsplit(":", 1)[-1]:
            before, found, after = text.rpartition(value)
            assert found
            return f"{before}${{{key}, 'none'}}{after}" if settled else f"{before}${{{key}}}{after}"
    return text
