"""The evaluator against another, iam-simulate, on random requests with random policies; what AWS documents decides.

Where both differ for a known reason, iam-simulate is asked once more, with that rewritten so that it has the rule right.
NotPrincipal is not generated: it excepts a whole account where the account is named beside somebody, as it must be.
"""

import copy
import importlib.util
import json
import os
from random import Random
from typing import Any

import pytest

from dataops_assets.policy.evaluate import Decision
from dataops_assets_tests.policy import generated
from dataops_assets_tests.policy.deciding import decision


def without_session(world: dict[str, Any], ours: Decision) -> None:
    """It lets a session policy limit what a resource grants to the session itself. IAM User Guide, "Session policies": then
    "the resource-based policy permissions are not limited by the session policy"."""
    if ours.allowed and all(statement.policy == "resource" for statement in ours.by):
        world.pop("session", None)


def without_escapes(world: dict[str, Any], ours: Decision) -> None:
    """It takes `${*}` for text where `*` is no wildcard. IAM User Guide, "IAM policy elements: Variables and tags": what stands
    for a character "can be used in any string where you can use regular policy variables"."""
    one = [world["session"]] if "session" in world else []
    one += [world["resource"]] if "resource" in world else []
    for policy in (*world["identity"], *world.get("boundary", ()), *world.get("scp", ()), *one):
        for statement in policy["Statement"]:
            for operator, keys in statement.get("Condition", {}).items():
                if "Equals" in operator and "String" in operator:
                    keys |= json.loads(json.dumps(keys).replace("${*}", "*"))


@pytest.mark.iam
def test_both_decide_alike(pytestconfig: pytest.Config):
    script = importlib.util.spec_from_file_location("evaluate", os.environ["IAM_SIMULATE"])
    assert script
    assert script.loader
    theirs = importlib.util.module_from_spec(script)
    script.loader.exec_module(theirs)

    first, count = pytestconfig.getoption("first_seed"), pytestconfig.getoption("requests")
    worlds = [generated.world(Random(f"{first}/{number}")) for number in range(count)]
    ours = [decision(world) for world in worlds]
    assert 0.4 < sum(one.allowed for one in ours) / count < 0.6

    answers = zip(worlds, ours, theirs.decide(worlds), strict=True)
    differ = [(copy.deepcopy(world), one) for world, one, allowed in answers if one.allowed != allowed]
    for world, one in differ:
        without_session(world, one)
        without_escapes(world, one)
    rewritten = theirs.decide([world for world, _ in differ])
    unknown = [(world, one) for (world, one), allowed in zip(differ, rewritten, strict=True) if one.allowed != allowed]
    assert not unknown, "\n".join(f"{json.dumps(world)}\nours: {one}" for world, one in unknown[:3])
    assert len(differ) < count / 100
