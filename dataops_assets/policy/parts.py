"""Statements in parts, and what one says that others do not: by the text alone, without a request.

A part is about one principal, one action and one resource: a statement allows or denies what its parts do together. Whether one
statement covers another is told for certain or not at all: what is covered here is surely covered, and what is not may be.
Not here: what statements come to for a request (`evaluate`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Any

from dataops_assets.policy.condition import Condition
from dataops_assets.policy.language import Statement
from dataops_assets.policy.pattern import Arn, Template, as_written, within
from dataops_assets.policy.principal import EVERYONE, Principal

_ELEMENTS = {"Principal": "principals", "Action": "actions", "Resource": "resources"}


def parts(statement: Statement) -> Iterator[Statement]:
    """A statement as several, which mean the same together; without its name and place.

    What is written as `Not…` means all but what it names, and stays together.
    """
    split = {name: _split(getattr(statement, name), element in statement.excepted) for element, name in _ELEMENTS.items()}
    conditions = tuple(sorted(statement.conditions, key=str))
    bare = replace(statement, policy="", number=0, sid=None, conditions=conditions)
    for principals, actions, resources in product(*split.values()):
        yield replace(bare, principals=principals, actions=actions, resources=resources)


def _split(values: tuple[Any, ...], excepted: bool) -> list[tuple[Any, ...]]:
    return [tuple(sorted(values, key=str))] if excepted or not values else [(value,) for value in values]


def beyond(statements: Iterable[Statement], others: Iterable[Statement]) -> Iterator[tuple[Statement, Condition | None]]:
    """The parts of some statements that none of the others covers.

    If another differs by values of conditions alone, only the values that it lacks are left, each in a part of its own with the
    condition that has it; else there is no such condition.
    """
    listed = list(others)
    known = {part for statement in listed for part in parts(statement)}
    for part in dict.fromkeys(part for statement in statements for part in parts(statement)):
        like = [one for one in listed if one.effect == part.effect and _covers_elements(one, part)] if part not in known else []
        if part in known or any(_covers_conditions(one, part) for one in like):
            continue
        rest = next(filter(None, (_values_beyond(part, one) for one in like)), None)
        yield from rest or [(part, None)]


def _said(value: Any) -> str:
    """What a condition compares with, as it is written."""
    if not isinstance(value, tuple):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return as_arn(value) if value and isinstance(value[0], tuple) else as_written(value)


def as_arn(arn: Arn) -> str:
    """The pattern of a resource as it stands in a policy."""
    return ":".join(map(as_written, arn)) or "*"


def _covers_elements(wide: Statement, narrow: Statement) -> bool:
    if wide.excepted != narrow.excepted:
        return False
    for element, name in _ELEMENTS.items():
        there, asked = getattr(wide, name), getattr(narrow, name)
        if element in wide.excepted:
            if set(there) != set(asked):
                return False
        elif not all(any(_COVERS[element](one, value) for one in there) for value in asked):
            return False
    return True


def _covers_principal(wide: Principal, narrow: Principal) -> bool:
    return wide in (EVERYONE, narrow)


def _covers_action(wide: Template, narrow: Template) -> bool:
    return within(narrow, wide, case=False)


@lru_cache(maxsize=100_000)
def _covers_resource(wide: Arn, narrow: Arn) -> bool:
    return not wide or (len(wide) == len(narrow) and all(within(one, other) for one, other in zip(narrow, wide, strict=True)))


_COVERS: dict[str, Any] = {"Principal": _covers_principal, "Action": _covers_action, "Resource": _covers_resource}


def _covers_conditions(wide: Statement, narrow: Statement) -> bool:
    return all(any(_implies(one, asked) for one in narrow.conditions) for asked in wide.conditions)


def _implies(one: Condition, other: Condition) -> bool:
    """Whether a condition holds for nothing but what another one holds for."""
    if not _alike(one, other):
        return False
    more, less = (one, other) if one.operator and one.operator.negated else (other, one)
    return set(less.values) <= set(more.values)


def _alike(one: Condition, other: Condition) -> bool:
    """Whether two conditions differ by their values alone."""
    shape = ((each.operator, each.key.name, each.if_exists, each.quantifier) for each in (one, other))
    return next(shape) == next(shape)


def _values_beyond(part: Statement, other: Statement) -> list[tuple[Statement, Condition | None]]:
    """What is left of a part, value by value; nothing if the other asks something else than other values."""
    pairs = [(one, next((each for each in other.conditions if _alike(one, each)), None)) for one in part.conditions]
    asked = [each for _, each in pairs if each]
    if len(asked) < len(other.conditions):
        return []
    rest: list[tuple[Statement, Condition | None]] = []
    for one, each in pairs:
        if each is None or _implies(one, each):
            continue
        if not _means_any(one):
            return []
        for value in one.values:
            if value not in each.values:
                narrowed = replace(one, values=(value,), written=" ".join([*one.written.split(" ")[:2], _said(value)]))
                conditions = tuple(narrowed if each is one else each for each in part.conditions)
                rest.append((replace(part, conditions=conditions), narrowed))
    return rest


def _means_any(condition: Condition) -> bool:
    """Whether each value of a condition is a way of its own to meet it."""
    return condition.operator is not None and not condition.operator.negated and condition.quantifier != "ForAllValues"
