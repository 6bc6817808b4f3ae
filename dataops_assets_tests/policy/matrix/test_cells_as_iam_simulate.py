"""Every cell as iam-simulate decides it: the policies as they are rendered, and another evaluator.

It refuses to answer where it does not know a key, so two keys are asked under names that it knows.
"""

import importlib.util
import json
import os
import re
import sys
import time
from functools import cache
from random import Random
from typing import Any

import pytest

from dataops_assets_tests.policy.matrix.callers import PEOPLE
from dataops_assets_tests.policy.matrix.cells import Cell, cells
from dataops_assets_tests.policy.matrix.places import let_everybody_in, with_others
from dataops_assets_tests.policy.matrix.rendered import access, files

AT_ONCE = 20_000
_RENAMED = {f"{PEOPLE}:": "accounts.google.com:", "kms:EncryptionContext:aws:logs:arn": "kms:RequestAlias"}
"""Keys that it knows by other names alone."""
_NEWER = ("kms:Decapsulate", "kms:Encapsulate")
"""Actions that it does not know yet."""
_ENCRYPTING = re.compile(r"kms:(Encrypt|Decrypt|ReEncrypt|GenerateDataKey)")
_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@pytest.mark.iam
def test_every_cell_is_decided_alike(pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]):
    script = importlib.util.spec_from_file_location("evaluate", os.environ["IAM_SIMULATE"])
    assert script
    assert script.loader
    theirs = importlib.util.module_from_spec(script)
    script.loader.exec_module(theirs)

    ours = with_others(access())
    everything = [cell for cell in cells(ours) if cell.name not in _NEWER]
    count = min(pytestconfig.getoption("cells"), len(everything))
    wide = Random(pytestconfig.getoption("first_seed")).sample(everything, min(12 * count, len(everything)))
    decided = {id(cell): ours.may(cell.caller, cell.name, cell.place.arn, cell.context).allowed for cell in wide}
    sample = sorted(wide, key=lambda cell: not decided[id(cell)])[:count]  # what is allowed is rare: all of that is asked
    began, differ = time.perf_counter(), []
    for first in range(0, count, AT_ONCE):
        part = sample[first : first + AT_ONCE]
        answers = theirs.decide([_world(cell) for cell in part])
        differ += [cell for cell, allowed in zip(part, answers, strict=True) if allowed != decided[id(cell)]]
    with capsys.disabled():
        allowed = sum(decided[id(cell)] for cell in sample)
        sys.stdout.write(f"\n{count:,} cells, {allowed:,} of them allowed, in {time.perf_counter() - began:.0f} s\n")
    assert not differ, "\n".join(f"{cell}: {json.dumps(_world(cell))}" for cell in differ[:5])


@cache
def _policies() -> dict[str, Any]:
    """Each policy by the ARN of what it is of; of roles their trust."""
    found: dict[str, Any] = dict(let_everybody_in(access()))
    for file in files():
        found |= {role["arn"]: role["trust"] for role in file["roles"].values()}
        found |= {f"arn:aws:s3:::{name}": bucket["policy"] for name, bucket in file["buckets"].items()}
        found |= {key["arn"]: key["policy"] for key in file["keys"].values()}
    return found


@cache
def _roles() -> dict[str, dict[str, Any]]:
    return {role["arn"]: role for file in files() for role in file["roles"].values()}


def _world(cell: Cell) -> dict[str, Any]:
    caller, role = cell.caller, cell.caller.role
    own = _roles().get(role.arn) if role else None
    limit = (
        role.boundary
        and next(one["boundary"] for one in _roles().values() if one["arn"].split(":")[4] == role.arn.split(":")[4])
        if role
        else None
    )
    identity = list(own["policies"].values()) if own else [_ALL] if role or caller.policies else []
    service = cell.name.split(":")[0]
    resource = (
        None if service == "iam" else _policies().get(cell.place.arn.partition("/")[0] if service == "s3" else cell.place.arn)
    )
    request = {
        "principal": caller.principal,
        "action": cell.name,
        "resource": cell.place.arn,
        "account": _account(cell),
        "context": {key: value for key, value in cell.context.items() if not _is_left_away(cell, key)},
    }
    world = {
        "request": request,
        "identity": identity,
        **({"resource": resource} if resource else {}),
        **({"boundary": [limit]} if limit else {}),
    }
    text = json.dumps(world)
    if cell.name == "sts:TagSession":  # it does not know that a token's tags come with the token
        text = re.sub(r'"[\w.-]+:(aud|sub)"', r'"aws:RequestTag/token-\1"', text)
    for ours, theirs in _RENAMED.items():
        text = text.replace(ours, theirs)
    known: dict[str, Any] = json.loads(text)
    return known


def _is_left_away(cell: Cell, key: str) -> bool:
    """What it does not know to come with an action, and where no policy here lets anybody do that on such a ground."""
    of_a_token = key.endswith((":aud", ":sub")) or key.startswith(("aws:RequestTag", "aws:TagKeys"))
    if cell.name == "sts:SetSourceIdentity":
        return of_a_token
    return key.startswith("kms:EncryptionContext") and not _ENCRYPTING.match(cell.name)


def _account(cell: Cell) -> str:
    account, _ = with_others(access())._of(cell.place.arn, cell.name, cell.caller)
    return account
