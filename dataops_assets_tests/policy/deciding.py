"""Requests and policies as JSON has them, as the cases, the generator and iam-simulate write them, and our answer to them."""

from collections.abc import Mapping, Sequence
from typing import Any

from dataops_assets.policy.evaluate import Decision, Policies, Request, decide
from dataops_assets.policy.language import PolicyKind, read_policy

World = Mapping[str, Any]
"""`request` (principal, action, resource, account, context), and policies: `identity`, `boundary` and `scp` are lists,
`resource` and `session` one."""


def decision(world: World) -> Decision:
    request = Request(**world["request"])
    of_resource: PolicyKind = "trust" if request.action.lower().startswith("sts:") else "resource"
    (boundary,) = world.get("boundary") or [None]
    return decide(
        request,
        Policies(
            identity=tuple(
                read_policy(each, f"identity {number}", "identity") for number, each in enumerate(world["identity"], 1)
            ),
            resource=read_policy(world["resource"], "resource", of_resource) if world.get("resource") else None,
            boundary=read_policy(boundary, "boundary", "identity") if boundary else None,
            session=read_policy(world["session"], "session", "identity") if world.get("session") else None,
            control=tuple(read_policy(each, "control", "identity") for each in world["scp"]) if "scp" in world else None,
        ),
    )


def policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def world(
    action: str = "s3:GetObject",
    about: str = "arn:aws:s3:::prod/raw/x",
    principal: str = "arn:aws:iam::111122223333:user/alice",
    context: Mapping[str, str | Sequence[str]] | None = None,
    identity: Sequence[Mapping[str, Any]] = (),
    **policies: Any,
) -> dict[str, Any]:
    request = {"principal": principal, "action": action, "resource": about, "account": "111122223333", "context": context or {}}
    return {"request": request, "identity": [policy(*identity)] if identity else [], **policies}
