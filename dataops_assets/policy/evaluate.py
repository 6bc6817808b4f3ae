"""Whether a request is allowed, and by which statements.

A Deny that applies decides. Else the policies that limit must each allow: service control policies, boundary, session
policy. What grants are the policies of whoever asks and that of the resource: within an account, one of both; between two
accounts, both. A statement of the resource that reaches somebody himself, and not by his role or account, is not limited by his
boundary or session. To a KMS key and to a role that is to be assumed there is no way but through its own policy, which names
somebody, or lets the account's policies count.

Source: IAM User Guide, "How AWS enforcement code logic evaluates requests", "Policy evaluation for requests within a single
account", "Cross-account policy evaluation logic", "Permissions boundaries", "Session policies", "AWS JSON policy elements:
NotPrincipal"; KMS Developer Guide, "Default key policy".

Not known here: resource control policies, VPC endpoint policies, grants of KMS, ACLs of S3, what S3's block of public access
takes away. What AWS puts into each request (`aws:PrincipalArn`, `aws:SecureTransport`) is for whoever asks to give: a key that
is left out is missing. Credentials come before policies: that a session has not ended is for whoever asks, too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from dataops_assets.contract.errors import Mistake
from dataops_assets.policy.keys import Context, read_context
from dataops_assets.policy.language import Policy, Statement
from dataops_assets.policy.principal import Principal, Reach, asking, reaches
from dataops_assets.policy.refused import Refused

Why = Literal[
    "allowed",
    "it is asked without a signature",
    "a statement denies it",
    "no statement allows it",
    "the policy of the resource does not let it in",
    "the service control policies do not allow it",
    "the boundary does not allow it",
    "the session policy does not allow it",
]

_ACTION = re.compile(r"[a-z0-9-]+:\w+", re.IGNORECASE | re.ASCII)
_RESOURCE = re.compile(r"arn:[^:]+:[^:]+:[^:]*:[^:]*:.+", re.DOTALL)
_WITHOUT_POLICIES = ("everyone", "service", "provider")
_SIGNED = ("iam:", "kms:", "sts:")
"""Services that take no request without a signature, whatever a policy says of everybody."""
_KEY = re.compile(r"arn:[\w-]+:kms:[^:]*:[^:]*:key/.*")
_ROLE = re.compile(r"arn:[\w-]+:iam::[^:]*:role/.*")


@dataclass(frozen=True)
class Request:
    """One thing that somebody asks to do.

    Attributes:
        principal: The ARN of the user or session that asks, of an OIDC provider, the name of a service, or `*`.
        action: As `s3:PutObject`.
        resource: Its ARN; `*` for an action that is about none.
        account: Whose the resource is.
        context: What is known of each condition key: a text, or texts where there may be many.
    """

    principal: str
    action: str
    resource: str
    account: str
    context: Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Policies:
    """All policies that count for a request.

    Attributes:
        identity: Those of the user or role.
        resource: That of the bucket or key, or the trust policy of the role to be assumed.
        boundary: What limits the user or role.
        session: What limits the session of a role.
        control: The service control policies of whoever asks, of one level; None if there are none.

    Our Terraform makes neither of the last two. They are among the cases that were written by hand from the documentation,
    which hold what limits to one rule: each must allow.
    """

    identity: tuple[Policy, ...] = ()
    resource: Policy | None = None
    boundary: Policy | None = None
    session: Policy | None = None
    control: tuple[Policy, ...] | None = None

    def __post_init__(self) -> None:
        own = [*self.identity, *(self.control or ()), *filter(None, (self.boundary, self.session))]
        misplaced = [policy for policy in own if policy.kind != "identity"]
        misplaced += [policy for policy in filter(None, [self.resource]) if policy.kind == "identity"]
        if misplaced:
            wrong = misplaced[0]
            raise Refused(
                wrong.name, "", "", f"a policy of the kind `{wrong.kind}` cannot stand there", "read it as what it is"
            )


@dataclass(frozen=True)
class Decision:
    """What becomes of a request.

    Attributes:
        allowed: Whether it is allowed.
        why: What decided.
        by: The statements that deny it, or those that allow it; empty if there are none.
    """

    allowed: bool
    why: Why
    by: tuple[Statement, ...] = ()


def decide(request: Request, policies: Policies) -> Decision:
    """Whether a request is allowed.

    Args:
        request: What is asked.
        policies: All policies that count.

    Raises:
        Refused: The request says something that is not known here, or lacks a policy that must be there.
    """
    who, context = _read(request, policies)
    if who.kind == "everyone" and request.action.lower().startswith(_SIGNED):
        return Decision(False, "it is asked without a signature")

    def about(*given: Policy | None) -> list[Statement]:
        statements = [each for policy in given if policy for each in policy.statements]
        return [each for each in statements if each.is_about(request.action, request.resource, context)] if statements else []

    def let(by: Reach) -> tuple[Statement, ...]:
        return tuple(each for each, reach in reached if reach == by)

    identity, control = about(*policies.identity), about(*policies.control or ())
    boundary, session = about(policies.boundary), about(policies.session)
    reached = [(each, _reach(each, who, policies.boundary)) for each in about(policies.resource)]

    of_resource = [each for each, reach in reached if reach]
    if denies := tuple(each for each in (*control, *boundary, *session, *identity, *of_resource) if each.effect == "Deny"):
        return Decision(False, "a statement denies it", denies)
    if who.kind in _WITHOUT_POLICIES:
        return _granted(let(Reach.DIRECT))
    if policies.control is not None and not control:
        return Decision(False, "the service control policies do not allow it")
    within = who.account == request.account
    if within and (direct := let(Reach.DIRECT)):
        return _granted(direct)

    doors = let(Reach.ACCOUNT) if within else tuple(of_resource)
    needs_door = not within or _is_closed(request)
    granted = tuple(identity) + (doors if needs_door else ()) if identity and (doors or not needs_door) else ()
    granted += let(Reach.ROLE) if within else ()
    if identity and not granted:
        return Decision(False, "the policy of the resource does not let it in")
    if granted and policies.boundary and not boundary:
        return Decision(False, "the boundary does not allow it")
    if granted and policies.session and not session:
        return Decision(False, "the session policy does not allow it")
    return _granted(granted)


def _granted(by: tuple[Statement, ...]) -> Decision:
    return Decision(True, "allowed", by) if by else Decision(False, "no statement allows it")


def _reach(statement: Statement, who: Principal, boundary: Policy | None) -> Reach | None:
    """How a statement of a resource reaches whoever asks.

    `NotPrincipal` excepts nobody who has a boundary, says AWS, and a session by its own name alone, not by that of its role.
    """
    found = max(filter(None, (reaches(named, who) for named in statement.principals)), default=None)
    if "Principal" not in statement.excepted:
        return found
    return None if found == Reach.DIRECT and boundary is None else Reach.DIRECT


def _is_closed(request: Request) -> bool:
    """Whether no policy but its own opens the resource: a KMS key, and a role that is to be assumed."""
    return _is_key(request) or _is_role(request)


@lru_cache(maxsize=10_000)
def _is_action(text: str) -> bool:
    return _ACTION.fullmatch(text) is not None


@lru_cache(maxsize=10_000)
def _is_resource(text: str) -> bool:
    return text == "*" or _RESOURCE.fullmatch(text) is not None


def _is_key(request: Request) -> bool:
    return request.action.lower().startswith("kms:") and _KEY.fullmatch(request.resource) is not None


def _is_role(request: Request) -> bool:
    return request.action.lower().startswith("sts:") and _ROLE.fullmatch(request.resource) is not None


def _read(request: Request, policies: Policies) -> tuple[Principal, Context]:
    """Who asks, and what is known beside."""
    element = "principal"
    try:
        who = asking(request.principal)
        element = "context"
        context = read_context(request.context)
    except Mistake as mistake:
        raise Refused("request", "", element, mistake.message, mistake.remedy) from None
    if not _is_action(request.action):
        raise Refused(
            "request", "", "action", f"{request.action!r} is no action", "write the service and the action: s3:GetObject"
        )
    if not _is_resource(request.resource):
        raise Refused("request", "", "resource", f"{request.resource!r} is no ARN", "write it in full, or `*`")
    own = policies.identity or policies.control or policies.boundary or policies.session
    if own and who.kind in _WITHOUT_POLICIES:
        raise Refused("request", "", "principal", f"{who.name} has no policies of its own", "give that of the resource alone")
    if policies.session and who.kind != "session":
        raise Refused(
            "request", "", "principal", f"{who.name} is no session of a role", "give a session policy to sessions alone"
        )
    if policies.resource is None and _is_closed(request):
        raise Refused("request", "", "resource", f"{request.resource} has a policy, which is not given", "give it")
    if policies.resource and (policies.resource.kind == "trust") != _is_role(request):
        raise Refused(
            policies.resource.name, "", "", "a trust policy is for who assumes its role, and nothing else is", "give what fits"
        )
    return who, context
