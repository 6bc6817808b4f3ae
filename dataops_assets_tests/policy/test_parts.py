"""Statements in parts: they mean the same together, and nothing that another side does not say is taken for covered."""

import copy
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataops_assets.policy.keys import read_context
from dataops_assets.policy.language import Policy, read_policy
from dataops_assets.policy.parts import beyond, parts
from dataops_assets.policy.pattern import template, within
from dataops_assets.policy.refused import Refused
from dataops_assets_tests.policy import generated
from dataops_assets_tests.policy.deciding import policy

SEEDS = st.integers(0, 10**9)
ALL: dict[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def read(*statements: dict[str, Any]) -> Policy:
    return read_policy(policy(*statements), "some", "identity" if "Principal" not in statements[0] else "resource")


def similar(random: Random, statement: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The statement with an element of the other one, or with one value less or more in a condition."""
    changed = copy.deepcopy(statement)
    if conditions := changed.get("Condition"):
        operator = random.choice(list(conditions))
        key = random.choice(list(conditions[operator]))
        values = conditions[operator][key]
        listed = values if isinstance(values, list) else [values]
        fits = next((pool for name, pool in generated.VALUES.items() if name.lower() == key.lower()), listed)
        conditions[operator][key] = random.choice([listed[:1], [*listed, random.choice(fits)], [random.choice(fits)]])
    if not conditions or random.random() < 0.3:
        element = random.choice([each for each in changed if each in other])
        changed[element] = other[element]
    try:
        read(changed)
    except Refused:  # as a flag with two values
        return statement
    return changed


@given(SEEDS)
def test_parts_mean_together_what_the_statement_does(seed: int):
    random = Random(seed)
    request = generated.world(random)["request"]
    (statement,) = read(generated.statement(random, request)).statements
    about = (request["action"], request["resource"], read_context(request["context"]))
    assert statement.is_about(*about) == any(part.is_about(*about) for part in parts(statement))


@given(SEEDS)
@settings(max_examples=1000)
def test_what_no_other_statement_is_about_is_beyond_it(seed: int):
    random = Random(seed)
    request = generated.world(random)["request"]
    one, another = (generated.statement(random, request, effect="Allow") for _ in range(2))
    own, known = read(one).statements, read(similar(random, one, another)).statements
    about = (request["action"], request["resource"], read_context(request["context"]))
    if any(one.is_about(*about) for one in own) and not any(one.is_about(*about) for one in known):
        assert any(part.is_about(*about) for part, _ in beyond(own, known))


@given(SEEDS)
def test_nothing_is_beyond_itself(seed: int):
    random = Random(seed)
    written = [generated.statement(random, generated.world(random)["request"]) for _ in range(3)]
    assert not list(beyond(read(*written).statements, read(*reversed(written)).statements))


@pytest.mark.parametrize(
    ("narrow", "wide", "inside"),
    [
        ("s3:GetObject", "s3:Get*", True),
        ("s3:Get*", "s3:GetObject", False),
        ("s3:Get*", "s3:G*", True),
        ("s3:G*t", "s3:G*", True),
        ("s3:G?t", "s3:G*", True),
        ("s3:G*t", "s3:G?t", False),
        ("s3:G??t", "s3:G?t", False),
        ("a/${aws:userid}/b", "a/*", True),
        ("a/${aws:userid}", "a/?", False),
        ("a/x", "a/${aws:userid}", False),
        ("a/${aws:userid}", "a/${aws:userid}", True),
        ("a/${aws:userid}", "a/${aws:username}", False),
    ],
)
def test_a_pattern_within_another_one(narrow: str, wide: str, inside: bool):
    assert within(template(narrow, wildcards=True), template(wide, wildcards=True)) == inside


def tagged(*values: str) -> dict[str, Any]:
    return {**ALL, "Condition": {"StringEquals": {"s3:RequestObjectTag/readers": list(values)}}}


def test_of_a_condition_with_more_values_each_that_is_more_is_left():
    found = list(beyond(read(tagged("a", "b", "c")).statements, read(tagged("b")).statements))
    assert [str(value) for _, value in found] == [f"StringEquals s3:RequestObjectTag/readers {tag}" for tag in ("a", "c")]
    assert all(part.conditions == (value,) for part, value in found)


def test_a_condition_more_is_narrower_and_a_condition_less_is_wider():
    assert not list(beyond(read(tagged("a")).statements, read(ALL).statements))
    ((part, value),) = beyond(read(ALL).statements, read(tagged("a")).statements)
    assert (part.conditions, value) == ((), None)


@pytest.mark.parametrize("operator", ["StringNotEquals", "ForAllValues:StringEquals", "ForAllValues:StringNotEquals"])
def test_values_of_which_all_count_stay_together(operator: str):
    key = "aws:TagKeys" if ":" in operator else "aws:userid"

    def under(*values: str) -> Policy:
        return read({**ALL, "Condition": {operator: {key: list(values)}}})

    one, two = under("a").statements, under("a", "b").statements
    wider, narrower = (one, two) if "Not" in operator else (two, one)
    assert not list(beyond(narrower, wider))
    ((part, value),) = beyond(wider, narrower)
    assert (part.conditions[0].values, value) == (wider[0].conditions[0].values, None)


def test_a_principal_more_is_beyond_and_everybody_covers_him():
    anybody, bob = ({**ALL, "Principal": {"AWS": who}} for who in ("*", generated.PRINCIPALS[4]))
    assert not list(beyond(read(bob).statements, read(anybody).statements))
    assert len(list(beyond(read(anybody).statements, read(bob).statements))) == 1
