"""Every policy with one thing about it changed: a statement gone, a condition gone or met by any value, an action, resource,
value or principal gone, or widened, or a role of ours more where roles are named.

Here: what is changed. Not here: which cells show it (`turning`).
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from dataops_assets.policy.language import PolicyKind, read_policy
from dataops_assets_tests.policy.matrix.actions import SERVICES, universe

Document = dict[str, Any]
Effect = Literal["weaker", "stricter"]
_WHOSE = "aws:PrincipalArn"


@dataclass(frozen=True)
class Slot:
    """Where a policy stands.

    Attributes:
        kind: What it is of: a role's rights, its trust, the boundary, a bucket, a key.
        environment: Whose it is.
        name: The full name of the role, bucket or key; empty for the boundary.
        label: The name of the policy, where a role has several.
    """

    kind: Literal["identity", "trust", "boundary", "bucket", "key"]
    environment: str
    name: str = ""
    label: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.environment, self.kind, self.name)))

    @property
    def reads_as(self) -> PolicyKind:
        return {"identity": "identity", "boundary": "identity", "trust": "trust"}.get(self.kind, "resource")  # type: ignore[return-value]


@dataclass(frozen=True)
class Mutant:
    """A policy with one thing about it changed.

    Attributes:
        slot: Which policy.
        what: What is changed, in words.
        effect: Whether that lets more through, or less.
        document: The policy.
        actions: Those of the universe that the statement is about, before or after.
        role: The ARN of the only role that it is about; empty if it may be about any.
    """

    slot: Slot
    what: str
    effect: Effect
    document: Document
    actions: frozenset[str]
    role: str = ""

    def __str__(self) -> str:
        return f"{self.slot}: {self.what}"


def slots(files: list[Document]) -> Iterator[tuple[Slot, Document]]:
    """Every policy of the access files; the boundary once, since it is one for all roles."""
    for file in files:
        environment = file["environment"]
        boundaries = [role["boundary"] for role in file["roles"].values()]
        assert all(one == boundaries[0] for one in boundaries)
        yield Slot("boundary", environment), boundaries[0]
        for name, role in file["roles"].items():
            yield Slot("trust", environment, name), role["trust"]
            for label, policy in role["policies"].items():
                yield Slot("identity", environment, name, label), policy
        for kind in ("bucket", "key"):
            for name, one in file[f"{kind}s"].items():
                yield Slot(kind, environment, name), one["policy"]  # type: ignore[arg-type]


def grown(slot: Slot, policy: Document, roles: Sequence[str]) -> Iterator[Mutant]:
    """A role more wherever some are named: one that a Deny passes over, one that an Allow is for.

    Args:
        slot: Which policy.
        policy: The policy.
        roles: The ARNs of those that there are.
    """
    for number, statement in enumerate(policy["Statement"]):
        for operator, keys in statement.get("Condition", {}).items():
            named, actions = _listed(keys.get(_WHOSE, [])), _about(slot, statement)
            if not named or not actions or (statement["Effect"] == "Deny") != ("Not" in operator):
                continue
            account = named[0].split(":")[4]
            for role in (one for one in roles if one.split(":")[4] == account and not _is_among(one, named)):
                document = copy.deepcopy(policy)
                document["Statement"][number]["Condition"][operator][_WHOSE] = [*named, role]
                what = f"{statement['Sid']}: {operator} {_WHOSE} with {role}"
                yield Mutant(slot, what, "weaker", document, actions, role)


def _is_among(role: str, named: Sequence[str]) -> bool:
    return any(fnmatchcase(role, one) for one in named)


def mutants(slot: Slot, policy: Document) -> Iterator[Mutant]:
    """Every change of one policy that can be about the universe of actions at all."""
    statements = policy["Statement"]
    for number, statement in enumerate(statements):
        for what, effect, changed in _changes(statement):
            document = copy.deepcopy(policy)
            document["Statement"] = [*statements[:number], *([changed] if changed else []), *statements[number + 1 :]]
            before, after = _about(slot, statement), _about(slot, changed) if changed else frozenset[str]()
            actions = before ^ after if what.startswith(("Action", "every action")) else before | after
            if actions:  # else it is about other services, or about what tells nothing of data
                yield Mutant(slot, f"{statement['Sid']}: {what}", effect, document, actions)


def _changes(statement: Document) -> Iterator[tuple[str, Effect, Document | None]]:
    allows = statement["Effect"] == "Allow"
    more: Effect = "weaker" if allows else "stricter"
    less: Effect = "stricter" if allows else "weaker"
    yield "gone", less, None
    for element in ("Action", "Resource"):
        listed = _listed(statement.get(element, []))
        for one in listed if len(listed) > 1 else ():
            if element == "Resource" or one.startswith(tuple(f"{service}:" for service in SERVICES)):
                yield f"{element} without {one}", less, {**statement, element: [each for each in listed if each != one]}
    for one in _listed(statement.get("NotResource", [])):
        yield f"NotResource without {one}", more, _without_not_resource(statement, one)
    if allows:
        yield from ((what, "weaker", changed) for what, changed in _widened(statement))
    for kind, named in _named(statement):
        listed = _listed(named)
        for one in listed if len(listed) > 1 else ():
            yield f"without {one}", less, {**statement, "Principal": {kind: [each for each in listed if each != one]}}
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            yield from _conditions(statement, operator, key, _listed(values), more)


def _widened(statement: Document) -> Iterator[tuple[str, Document]]:
    for service in sorted({action.split(":")[0] for action in _listed(statement["Action"])} & set(SERVICES)):
        yield f"every action of {service}", {**statement, "Action": [*_listed(statement["Action"]), f"{service}:*"]}
    for one in _listed(statement.get("Resource", "*")):
        if one != "*":
            others = [each for each in _listed(statement["Resource"]) if each != one]
            yield f"{one} is *", {**statement, "Resource": [*others, "*"]}
        if "${" in one:
            anyone = f"{one.partition('${')[0]}*{one.rpartition('}')[2]}"
            yield f"{one} is {anyone}", {**statement, "Resource": [*others, anyone]}
    for kind, _ in _named(statement):
        yield f"{kind} is everybody", {**statement, "Principal": "*"}


def _named(statement: Document) -> list[tuple[str, Any]]:
    principal = statement.get("Principal")
    return list(principal.items()) if isinstance(principal, dict) else []


def _conditions(
    statement: Document, operator: str, key: str, values: list[str], more: Effect
) -> Iterator[tuple[str, Effect, Document]]:
    """A condition says less: it is gone, or met by any value; or says something else: without one of its values."""
    fewer: Effect = "stricter" if more == "weaker" else "weaker"
    negated = "Not" in operator
    yield f"without {operator} {key}", more, _condition(statement, operator, key, None)
    if operator in ("StringEquals", "StringLike", "ArnEquals", "ArnLike") and not key.lower().endswith((":aud", ":sub")):
        without = _condition(statement, operator, key, None)
        nulls = {**without.get("Condition", {}).get("Null", {}), key: "false"}
        yield (
            f"{key} has any value",
            more,
            {**without, "Condition": {**without.get("Condition", {}), "Null": nulls}},
        )
    for one in values if len(values) > 1 else ():
        left = [each for each in values if each != one]
        yield f"{operator} {key} without {one}", more if negated else fewer, _condition(statement, operator, key, left)


def _condition(statement: Document, operator: str, key: str, values: list[str] | None) -> Document:
    conditions: dict[str, dict[str, Any]] = copy.deepcopy(statement["Condition"])
    if values is None:
        del conditions[operator][key]
    else:
        conditions[operator][key] = values
    changed = {**statement, "Condition": {name: keys for name, keys in conditions.items() if keys}}
    return changed if changed["Condition"] else {name: value for name, value in changed.items() if name != "Condition"}


def _without_not_resource(statement: Document, one: str) -> Document:
    left = [each for each in _listed(statement["NotResource"]) if each != one]
    rest = {name: value for name, value in statement.items() if name != "NotResource"}
    return {**rest, "NotResource": left} if left else {**rest, "Resource": "*"}


def _about(slot: Slot, statement: Mapping[str, Any]) -> frozenset[str]:
    policy = read_policy({"Version": "2012-10-17", "Statement": [statement]}, str(slot), slot.reads_as)
    return frozenset(action.name for action in universe() if policy.statements[0].names(action.name))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
