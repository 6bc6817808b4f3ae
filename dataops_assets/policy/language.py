"""Policies as JSON has them, read into statements. What is not understood is refused, never passed over.

Understood: Version 2012-10-17; Sid, Effect, Principal and NotPrincipal, Action and NotAction, Resource and NotResource,
Condition, with the conditions of `condition`, the principals of `principal` and the variables of `pattern`.

Source: IAM User Guide, "IAM JSON policy element reference" and "Grammar of the IAM JSON policy language". Stricter than AWS:
the old Version, NotPrincipal in an Allow, a wildcard in place of a service, and ARNs with less than six parts are refused. Not
here: what follows from the statements (`evaluate`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from dataops_assets.contract.errors import Mistake, choose
from dataops_assets.policy.condition import Condition, holds, read_conditions
from dataops_assets.policy.keys import Context
from dataops_assets.policy.pattern import (
    EVERYTHING,
    Arn,
    Template,
    arn_matches,
    at_most,
    has_variable,
    matches,
    refuse_open,
    resource,
    template,
)
from dataops_assets.policy.principal import Principal, read_principals, refuse_halves
from dataops_assets.policy.refused import Refused

PolicyKind = Literal["identity", "resource", "trust"]
"""`identity`: of whoever asks, also what limits him. `trust`: of a role, for who may become it. `resource`: of all else."""

_VERSION = "2012-10-17"
_ACTION = re.compile(r"\*|[a-z0-9-]+:[\w*?]+", re.IGNORECASE | re.ASCII)
_ELEMENTS: dict[PolicyKind, tuple[str, ...]] = {
    "identity": ("Action", "Resource"),
    "resource": ("Principal", "Action", "Resource"),
    "trust": ("Principal", "Action"),
}


@dataclass(frozen=True)
class Statement:
    """One statement of a policy.

    Attributes:
        policy: The name of its policy.
        number: Its place there, from 1.
        sid: Its own name; None if it has none.
        effect: What it does if it applies.
        principals: Whom it names; empty in a policy of whoever asks.
        actions: Which actions.
        resources: Which resources.
        conditions: What must hold beside.
        excepted: The elements that are written as `Not…`, and so mean all but what they name.
    """

    policy: str
    number: int
    sid: str | None
    effect: Literal["Allow", "Deny"]
    principals: tuple[Principal, ...]
    actions: tuple[Template, ...]
    resources: tuple[Arn, ...]
    conditions: tuple[Condition, ...]
    excepted: frozenset[str]

    def __str__(self) -> str:
        return f"{self.policy}, {_place(self.number, self.sid)}"

    def names(self, action: str) -> bool:
        """Whether it is about an action, whoever does it to what."""
        if action not in self._named:
            self._named[action] = any(matches(each, action, {}, case=False) for each in self.actions) != (
                "Action" in self.excepted
            )
        return self._named[action]

    def may_be_about(self, resource: str) -> bool:
        """Whether it may be about a resource, whatever its variables stand for."""
        return "Resource" in self.excepted or self._at_most.fullmatch(resource) is not None

    def is_about(self, action: str, resource: str, context: Context) -> bool:
        """Whether it is about a request, whoever asks."""
        return (
            self.names(action)
            and self._lists(resource, context) != ("Resource" in self.excepted)
            and all(holds(each, context) for each in self.conditions)
        )

    def _lists(self, resource: str, context: Context) -> bool:
        if not self._at_most.fullmatch(resource):
            return False
        return not self._is_open or any(arn_matches(each, resource, context) for each in self.resources)

    @cached_property
    def _named(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _at_most(self) -> re.Pattern[str]:
        return at_most(self.resources)

    @cached_property
    def _is_open(self) -> bool:
        return any(map(has_variable, self.resources))


@dataclass(frozen=True)
class Policy:
    """A policy that is understood.

    Attributes:
        name: What it is called in answers and errors.
        kind: Where it stands.
        statements: Its statements, in their order, which says nothing.
    """

    name: str
    kind: PolicyKind
    statements: tuple[Statement, ...]

    def about(self, action: str) -> "Policy":
        """What of it is about an action; for that action it decides alike."""
        return replace(self, statements=tuple(each for each in self.statements if each.names(action)))


def read_policy(document: Mapping[str, Any], name: str, kind: PolicyKind) -> Policy:
    """Read a policy.

    Args:
        document: What its JSON holds.
        name: What to call it.
        kind: Where it stands.

    Raises:
        Refused: Something in it is not understood.
    """
    if unknown := sorted(set(document) - {"Version", "Id", "Statement"}):
        raise Refused(name, "", unknown[0], "the element is not known", choose(unknown[0], ("Version", "Id", "Statement")))
    if document.get("Version") != _VERSION:
        raise Refused(name, "", "Version", f"{document.get('Version')!r} has no variables", f"write {_VERSION!r}")
    listed = document.get("Statement")
    statements = listed if isinstance(listed, list) else [listed]
    return Policy(name, kind, tuple(_statement(each, number, name, kind) for number, each in enumerate(statements, 1)))


def _statement(written: Any, number: int, policy: str, kind: PolicyKind) -> Statement:
    if not isinstance(written, Mapping):
        raise Refused(policy, _place(number, None), "", f"{written!r} is no statement", 'write it as {"Effect": …}')
    sid = written.get("Sid")
    place = _place(number, sid)

    known = ["Sid", "Effect", *(form for element in _ELEMENTS[kind] for form in (element, f"Not{element}")), "Condition"]
    if unknown := sorted(set(written) - set(known)):
        raise Refused(
            policy, place, unknown[0], f"the element has no meaning in a policy of the kind `{kind}`", choose(unknown[0], known)
        )
    forms = {element: [form for form in (element, f"Not{element}") if form in written] for element in _ELEMENTS[kind]}
    for element, found in forms.items():
        if len(found) != 1:
            raise Refused(policy, place, element, f"the statement has {len(found)} of it", f"write {element} or Not{element}")
    if written.get("Effect") not in ("Allow", "Deny"):
        raise Refused(policy, place, "Effect", f"{written.get('Effect')!r} is no effect", "write Allow or Deny")
    if written["Effect"] == "Allow" and "NotPrincipal" in written:
        raise Refused(policy, place, "NotPrincipal", "an Allow to all but some lets anybody in", "name who may with Principal")
    read: dict[str, Any] = {}
    for form in sorted(_READERS.keys() & written):
        try:
            read[form.removeprefix("Not")] = _READERS[form](written[form])
        except Mistake as mistake:
            raise Refused(policy, place, form, mistake.message, mistake.remedy) from None
    return Statement(
        policy=policy,
        number=number,
        sid=sid,
        effect=written["Effect"],
        principals=read.get("Principal", ()),
        actions=read["Action"],
        resources=read.get("Resource", (EVERYTHING,)),
        conditions=read.get("Condition", ()),
        excepted=frozenset(form.removeprefix("Not") for form in written if form.startswith("Not")),
    )


def _place(number: int, sid: Any) -> str:
    return f"statement {number} ({sid})" if sid else f"statement {number}"


def _texts(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(one, str) for one in listed):
        raise Mistake(f"{value!r} is no text", "write a text, or a list of texts that is not empty")
    return listed


def _excepted(value: Any) -> tuple[Principal, ...]:
    named = read_principals(value)
    refuse_halves(named)
    return named


def _actions(value: Any) -> tuple[Template, ...]:
    for text in _texts(value):
        if not _ACTION.fullmatch(text):
            raise Mistake(f"{text!r} is no action", "write `*`, or the service and the action: s3:GetObject, s3:Get*")
    return tuple(template(text, wildcards=True) for text in _texts(value))


def _resources(value: Any) -> tuple[Arn, ...]:
    return tuple(resource(text) for text in _texts(value))


def _settled(value: Any) -> tuple[Arn, ...]:
    refuse_open(_texts(value))
    return _resources(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "Principal": read_principals,
    "NotPrincipal": _excepted,
    "Action": _actions,
    "NotAction": _actions,
    "Resource": _resources,
    "NotResource": _settled,
    "Condition": read_conditions,
}
