"""Conditions: what a statement asks of the request beside who, what and where.

All conditions of a statement must hold; of the values of one, any must be met, of a negated one (`…NotEquals`) none.
Where the request says nothing of the key, a condition does not hold, but a negated one and one with `IfExists` do; so does
one with `ForAllValues`; one with `ForAnyValue` does not, negated or not.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Conditions with multiple context keys or values",
"Set operators for multivalued context keys". Stricter than AWS: an operator must fit the type of its key; a key with many
values takes `ForAllValues` or `ForAnyValue`, and only such a key does; those take no `IfExists`; a negated value has no
variable that may stay open, because AWS leaves it undefined what becomes of the statement then.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any, Literal

from dataops_assets.contract.errors import Mistake, choose
from dataops_assets.policy.keys import Context, Key, Type, address, boolean, key, moment, number
from dataops_assets.policy.pattern import Template, arn, arn_matches, matches, refuse_open, template

Quantifier = Literal["ForAllValues", "ForAnyValue"]
_QUANTIFIERS: dict[str, Quantifier] = {"ForAllValues": "ForAllValues", "ForAnyValue": "ForAnyValue"}


@dataclass(frozen=True)
class Operator:
    """A condition operator without what can be written around it.

    Attributes:
        types: The types of keys that it compares.
        read: Reads a value of the policy.
        compare: Whether a value of the request is that of the policy.
        negated: Whether it holds where `compare` does not.
    """

    types: tuple[Type, ...]
    read: Callable[[str], Any]
    compare: Callable[[Any, str, Context], bool]
    negated: bool = False


@dataclass(frozen=True)
class Condition:
    """One operator on one key.

    Attributes:
        operator: What is compared; None asks only whether the key is missing.
        key: The key.
        values: Those of the policy, as the operator reads them.
        if_exists: Whether it holds if the key is missing.
        quantifier: Of how many values of the request it must hold, where there may be many.
        written: As the policy has it, for people.
    """

    operator: Operator | None
    key: Key
    values: tuple[Any, ...]
    if_exists: bool = False
    quantifier: Quantifier | None = None
    written: str = ""

    def __str__(self) -> str:
        return self.written


def _text(wildcards: bool) -> Callable[[str], Template]:
    return lambda text: template(text, wildcards=wildcards)


def _ordered(
    read: Callable[[str], Any], compare: Callable[[Any, Any], bool]
) -> tuple[Callable[[str], Any], Callable[[Any, str, Context], bool]]:
    """Values that have an order: as in `NumericLessThan`, the value of the request stands on the left."""
    return read, lambda value, given, _: compare(read(given), value)


def _without_case(value: Template, given: str, context: Context) -> bool:
    return matches(value, given, context, case=False)


def _network(text: str) -> Any:
    try:
        return ip_network(text)
    except ValueError:
        raise Mistake(f"{text!r} is no range of IP addresses", "write it as 10.0.0.0/24") from None


_TEXTS: tuple[Type, ...] = ("text", "arn")
_ORDERS = {"LessThan": operator.lt, "LessThanEquals": operator.le, "GreaterThan": operator.gt, "GreaterThanEquals": operator.ge}
_OPERATORS: dict[str, Operator] = {
    "StringEquals": Operator(_TEXTS, _text(wildcards=False), matches),
    "StringEqualsIgnoreCase": Operator(_TEXTS, _text(wildcards=False), _without_case),
    "StringLike": Operator(_TEXTS, _text(wildcards=True), matches),
    "ArnEquals": Operator(("arn",), arn, arn_matches),
    "ArnLike": Operator(("arn",), arn, arn_matches),
    "NumericEquals": Operator(("number",), *_ordered(number, operator.eq)),
    "DateEquals": Operator(("date",), *_ordered(moment, operator.eq)),
    "IpAddress": Operator(("address",), _network, lambda value, given, _: address(given) in value),
    "Bool": Operator(("bool",), *_ordered(boolean, operator.eq)),
    **{f"Numeric{name}": Operator(("number",), *_ordered(number, order)) for name, order in _ORDERS.items()},
    **{f"Date{name}": Operator(("date",), *_ordered(moment, order)) for name, order in _ORDERS.items()},
}
_NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
}
_OPERATORS |= {name: replace(_OPERATORS[negates], negated=True) for name, negates in _NEGATIONS.items()}


def read_conditions(block: Any) -> tuple[Condition, ...]:
    """The conditions of a statement.

    Raises:
        Mistake: One is not understood.
    """
    if not isinstance(block, Mapping) or not all(isinstance(keys, Mapping) and keys for keys in block.values()):
        raise Mistake(f"{block!r} is no conditions", 'write them as {"StringEquals": {"aws:PrincipalTag/team": "core"}}')
    return tuple(_read(name, known, values) for name, keys in block.items() for known, values in keys.items())


def _read(written: str, name: str, values: Any) -> Condition:
    known = key(name)
    listed = [values] if isinstance(values, str) else values
    if not isinstance(listed, list) or not listed or not all(isinstance(value, str) for value in listed):
        raise Mistake(f"`{written}` compares `{name}` with {values!r}", "write a text, or a list of texts that is not empty")
    text = f"{written} {name} {'|'.join(sorted(listed))}"
    if written == "Null":
        return Condition(None, known, (boolean(_single(written, listed)),), written=text)
    quantifier, base, if_exists = _take_apart(written)
    if base not in _OPERATORS:
        raise Mistake(f"the condition operator `{written}` is not known", choose(base, [*_OPERATORS, "Null"]))
    compared = _OPERATORS[base]
    if known.type not in compared.types:
        raise Mistake(f"`{written}` does not fit `{name}`, whose type is {known.type}", "take an operator of that type")
    if known.many != (quantifier is not None):
        fit = "has many values: ForAllValues: or ForAnyValue: stands before its operator" if known.many else "has one value"
        raise Mistake(f"`{written}` does not fit `{name}`", f"it {fit}")
    if quantifier and if_exists:
        raise Mistake(f"`{written}` says twice what becomes of a missing key", "leave `IfExists` away")
    if base == "Bool":
        _single(written, listed)
    if compared.negated:
        refuse_open(listed)
    return Condition(compared, known, tuple(compared.read(value) for value in listed), if_exists, quantifier, text)


def _single(written: str, values: list[str]) -> str:
    if len(values) > 1:
        raise Mistake(f"`{written}` has {len(values)} values", 'write one: "true" or "false"')
    return values[0]


def _take_apart(written: str) -> tuple[Quantifier | None, str, bool]:
    """`ForAllValues:StringLikeIfExists` is (`ForAllValues`, `StringLike`, True)."""
    before, colon, rest = written.partition(":")
    quantifier = _QUANTIFIERS.get(before) if colon else None
    base = rest if quantifier else written
    return quantifier, base.removesuffix("IfExists"), base.endswith("IfExists")


def holds(condition: Condition, context: Context) -> bool:
    """Whether a request meets a condition."""
    given = context.get(condition.key.name)
    compared = condition.operator
    if compared is None:
        return condition.values[0] is (given is None)
    if given is None:
        return condition.quantifier == "ForAllValues" or (
            condition.quantifier is None and (compared.negated or condition.if_exists)
        )
    each = [any(compared.compare(value, one, context) for value in condition.values) != compared.negated for one in given]
    return any(each) if condition.quantifier == "ForAnyValue" else all(each)
