"""The evaluator against another, iam-simulate, on random requests with random policies; what AWS documents decides.

NotPrincipal is not generated: iam-simulate excepts a whole account where the account is named beside somebody, as it must be.
"""

import importlib.util
import json
import os
from random import Random

import pytest

from dataops_assets.policy.evaluate import Decision
from dataops_assets_tests.policy import generated
from dataops_assets_tests.policy.deciding import World, decision


def session_limits_all(world: World, ours: Decision) -> bool:
    """iam-simulate lets a session policy limit what a resource grants to the session itself; it does not. IAM User Guide,
    "Session policies": if the ARN of the session is the principal, "the permissions from the resource-based policy are added
    after the session is created", and "are not limited by the session policy"."""
    return ours.allowed and "session" in world and all(statement.policy == "resource" for statement in ours.by)


DIFFERENCES = (session_limits_all,)


@pytest.mark.iam
def test_both_decide_alike(pytestconfig: pytest.Config):
    script = importlib.util.spec_from_file_location("evaluate", os.environ["DATAOPS_TEST_IAM"])
    assert script
    assert script.loader
    theirs = importlib.util.module_from_spec(script)
    script.loader.exec_module(theirs)

    first, count = pytestconfig.getoption("first_seed"), pytestconfig.getoption("requests")
    worlds = [generated.world(Random(f"{first}/{number}")) for number in range(count)]
    ours = [decision(world) for world in worlds]
    found = list(zip(worlds, ours, theirs.decide(worlds), strict=True))

    differ = [each for each in found if each[1].allowed != each[2]]
    unknown = [(world, one) for world, one, _ in differ if not any(known(world, one) for known in DIFFERENCES)]
    assert not unknown, "\n".join(f"{json.dumps(world)}\nours: {one}" for world, one in unknown[:3])
    assert 0.4 < sum(one.allowed for one in ours) / count < 0.6
    assert len(differ) < count / 100
