"""What each identity may do, as Terraform renders it (infra/access), said to the S3 server of the tests about other buckets.

    identity("branch", rights.of("dev/branch", "pr-1", prod=bucket.name, dev=shared.name))

That server has users instead of roles, and knows less: no session tags, no tags of objects in conditions, no boundaries, and no
policy of a bucket that lets some through and not others. So of all that counts in AWS a user gets the identity's own policies,
in which

- the names of buckets become those of the test;
- `${aws:PrincipalTag/…}` becomes the value that the session has;
- what is not about S3 is left out: that server does nothing else, and a user's policies may have 2,048 characters;
- conditions on what it does not know are left out.

The last alone changes what is allowed, and only to more, since nothing is left out of a Deny: whatever else would make the
translation narrower is refused here. So what the server refuses by these policies, AWS would refuse as well. What it allows
proves that the rights suffice for it, and not that AWS would allow it: a condition, a boundary or the policy of the bucket may
forbid it (dataops_assets_tests/policy/matrix asks for that).
"""

import json
import re
from typing import Any

from dataops_assets_tests.checkout import PROJECT

NOT_KNOWN = ("s3:ExistingObjectTag/", "s3:RequestObjectTag/", "s3:RequestObjectTagKeys")
"""How those condition keys begin that the server does not know; it takes them for missing."""
KNOWN = ("s3:prefix",)
_SESSION_TAG = re.compile(r"\$\{aws:PrincipalTag/[\w-]+\}")


def of(identity: str, session: str | None = None, **buckets: str) -> dict[str, Any]:
    """The policy of an identity in buckets of a test.

    Args:
        identity: As `prod/pipeline`.
        session: The value of the tag that its session has: the name of a person, or of a branch's namespace.
        buckets: What the buckets are called in the test: `prod=…`, `landing=…`, which may be the same, `dev=…`.

    Raises:
        ValueError: Something in the policy cannot be said to the server without taking rights away.
    """
    environment, _, name = identity.partition("/")
    rendered = json.loads((PROJECT / f"infra/access/{environment}.json").read_text(encoding="utf-8"))
    policies = rendered["roles"][f"{rendered['prefix']}-{name}"]["policies"].values()
    statements = [_translated(statement) for policy in policies for statement in policy["Statement"]]
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement for statement in statements if statement]})
    for bucket, here in buckets.items():
        text = re.sub(rf'(arn:aws:s3:::){rendered["prefix"]}-{bucket}(?=["/])', rf"\g<1>{here}", text)
    if session is None and _SESSION_TAG.search(text):
        raise ValueError(f"{identity}: its rights depend on a tag of the session: say which value it has")
    policy: dict[str, Any] = json.loads(_SESSION_TAG.sub(session or "", text))
    return policy


def of_provider(dataset: str, **buckets: str) -> dict[str, Any]:
    """The policy of whoever delivers a dataset."""
    told = json.loads((PROJECT / "infra/environments/prod/contracts.auto.tfvars.json").read_text(encoding="utf-8"))
    (name,) = (name for name, provider in told["data_providers"].items() if dataset in provider["landing"])
    return of(f"prod/provider-{name}", **buckets)


def _translated(statement: dict[str, Any]) -> dict[str, Any] | None:
    sid = statement["Sid"]
    if statement["Effect"] != "Allow" or not {"Action", "Resource"} < statement.keys():
        raise ValueError(f"{sid}: only an Allow of an Action to a Resource is known to be no narrower once it is translated")
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    if any("*" in action.partition(":")[0] for action in actions):
        raise ValueError(f"{sid}: services are not named, so it is not known what is about S3")
    about_s3 = [action for action in actions if action.startswith("s3:")]
    if not about_s3:
        return None
    kept = {operator: _known(keys, sid) for operator, keys in statement.get("Condition", {}).items()}
    condition = {operator: keys for operator, keys in kept.items() if keys}
    return (
        {key: value for key, value in statement.items() if key != "Condition"}
        | {"Action": about_s3}
        | ({"Condition": condition} if condition else {})
    )


def _known(keys: dict[str, Any], sid: str) -> dict[str, Any]:
    if strange := [key for key in keys if not key.startswith(NOT_KNOWN) and key not in KNOWN]:
        raise ValueError(f"{sid}: it is not known what the server makes of {', '.join(strange)}")
    return {key: value for key, value in keys.items() if not key.startswith(NOT_KNOWN)}
