"""Laws of all policies, on random requests with random policies."""

import copy
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dataops_assets_tests.policy import generated
from dataops_assets_tests.policy.deciding import World, decision, policy

SEEDS = st.integers(0, 10**9)
OF_WHO_ASKS, OF_RESOURCE = ("identity", "boundary", "session", "scp"), "resource"


def placed(random: Random, world: World, effect: str) -> tuple[World, World]:
    """The world with one more statement in one of its policies; and just that one, with all else allowed."""
    more = copy.deepcopy(dict(world))
    where = random.choice([name for name in (*OF_WHO_ASKS, OF_RESOURCE) if more.get(name)] or ["identity"])
    of_resource = "trust" if world["request"]["action"].startswith("sts:") else "resource"
    of = of_resource if where == OF_RESOURCE else "identity"
    added = generated.statement(random, world["request"], of, effect)
    if where in ("session", OF_RESOURCE):
        more[where]["Statement"].insert(random.randint(0, len(more[where]["Statement"])), added)
    elif more[where]:
        random.choice(more[where])["Statement"].append(added)
    else:
        more[where] = [policy(added)]
    all_allowed: dict[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    alone: dict[str, Any] = {"request": world["request"], "identity": [policy(all_allowed)]}
    if OF_RESOURCE in world:
        everybody = {**all_allowed, "Principal": "*"}
        if of_resource == "trust":
            del everybody["Resource"]
        alone[OF_RESOURCE] = policy(everybody)
    if where == OF_RESOURCE:
        alone[OF_RESOURCE]["Statement"].append(added)
    else:
        alone["identity"] = [policy(all_allowed, added)]
    return more, alone


@given(SEEDS)
def test_a_deny_that_matches_always_wins(seed: int):
    random = Random(seed)
    more, alone = placed(random, generated.world(random), "Deny")
    if decision(alone).why == "a statement denies it":
        assert decision(more).why == "a statement denies it"


@given(SEEDS)
def test_a_deny_gives_nothing_and_an_allow_takes_nothing(seed: int):
    random = Random(seed)
    world = generated.world(random)
    before = decision(world).allowed
    assert decision(placed(random, world, "Deny")[0]).allowed <= before <= decision(placed(random, world, "Allow")[0]).allowed


@given(SEEDS)
def test_what_limits_never_widens(seed: int):
    random = Random(seed)
    world = generated.world(random)
    allowed = decision(world).allowed
    for limit in ("boundary", "session", "scp"):
        without = {name: value for name, value in world.items() if name != limit}
        assert allowed <= decision(without).allowed


@given(SEEDS)
def test_what_limits_grants_nothing(seed: int):
    random = Random(seed)
    world = generated.world(random)
    alone = {name: value for name, value in world.items() if name != "resource"} | {"identity": []}
    if not world["request"]["action"].startswith(("kms:", "sts:")):
        assert not decision(alone).allowed


@given(SEEDS)
def test_not_action_and_not_resource_are_the_rest(seed: int):
    random = Random(seed)
    request = generated.world(random)["request"]
    request |= {"action": "s3:GetObject", "resource": random.choice(generated.OBJECTS), "principal": generated.PRINCIPALS[0]}
    named: dict[str, Any] = {
        "Action": [generated.written(random, random.choice(list(generated.ACTIONS)))],
        "Resource": [random.choice([*generated.OBJECTS, "arn:aws:s3:::prod/*", "arn:aws:s3:::*/x*", "*"])],
    }
    for element in named:
        others = {"Action": "*", "Resource": "*"}
        del others[element]

        def allowed(form: str, element: str = element, others: dict[str, Any] = others) -> bool:
            statement = {"Effect": "Allow", form: named[element], **others}
            return decision({"request": request, "identity": [policy(statement)]}).allowed

        assert allowed(element) != allowed(f"Not{element}")


@given(SEEDS)
def test_a_negated_condition_is_the_rest(seed: int):
    random = Random(seed)
    request = generated.world(random)["request"] | {"principal": generated.PRINCIPALS[0]}
    if request["action"].startswith(("kms:", "sts:")):
        request |= {"action": "s3:PutObject", "resource": generated.OBJECTS[0], "context": {}}
    operator, key, values = generated.condition(random, request)
    quantifier, colon, base = operator.rpartition(":")
    negates = {"Null": None, "IpAddress": "NotIpAddress", "Bool": None}.get(
        base, base.replace("Equals", "NotEquals").replace("Like", "NotLike")
    )
    if negates is None or base.endswith("IfExists") or "Not" in base or "Than" in base or "${aws" in str(values):
        return
    other = {"ForAllValues": "ForAnyValue", "ForAnyValue": "ForAllValues", "": ""}[
        quantifier
    ]  # not all of them is one that is not

    def holds(name: str) -> bool:
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {name: {key: values}}}
        return decision({"request": request, "identity": [policy(statement)]}).allowed

    assert holds(operator) != holds(f"{other}{colon}{negates}")


@given(SEEDS)
def test_order_says_nothing(seed: int):
    random = Random(seed)
    world = generated.world(random)
    shuffled = copy.deepcopy(world)
    for name in OF_WHO_ASKS:
        listed = shuffled.get(name) or []
        listed = [listed] if isinstance(listed, dict) else listed
        random.shuffle(listed)
        for each in listed:
            random.shuffle(each["Statement"])
    if OF_RESOURCE in shuffled:
        random.shuffle(shuffled[OF_RESOURCE]["Statement"])
    before, after = decision(world), decision(shuffled)
    assert (before.allowed, before.why, len(before.by)) == (after.allowed, after.why, len(after.by))


@given(SEEDS)
def test_letters_of_actions_and_keys_have_no_case(seed: int):
    random = Random(seed)
    world = generated.world(random)
    other = copy.deepcopy(world)
    other["request"]["action"] = other["request"]["action"].swapcase()
    other["request"]["context"] = {key.swapcase(): value for key, value in world["request"]["context"].items()}
    assert decision(world) == decision(other)
