"""Every cell as iam-simulate decides it: the policies as they are rendered, and another evaluator.

It refuses to answer where it does not know a key, so some keys are asked under names that it knows.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dataops_assets_tests.policy.deciding import world
from dataops_assets_tests.policy.matrix import locks
from dataops_assets_tests.policy.matrix.callers import ALL_RIGHTS
from dataops_assets_tests.policy.matrix.cells import Cell, Decided, cells
from dataops_assets_tests.policy.matrix.places import STRANGER, let_everybody_in, with_others
from dataops_assets_tests.policy.matrix.rendered import access, files
from dataops_assets_tests.values import GITHUB, PEOPLE

AT_ONCE = 5_000
_RENAMED = {
    f"{GITHUB}:repository_id": "accounts.google.com:oaud",
    f"{PEOPLE}:": "accounts.google.com:",
    f"{GITHUB}:": "accounts.google.com:",
    "kms:EncryptionContext:aws:logs:arn": "kms:RequestAlias",
}
"""Keys that it knows by other names alone."""
_NEWER = ("kms:Decapsulate", "kms:Encapsulate")
"""Actions that it does not know yet."""
_TAGGING = "sts:TagSession"
_ENCRYPTING = re.compile(r"kms:(Encrypt|Decrypt|ReEncrypt|GenerateDataKey)")
_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@pytest.mark.iam
def test_every_cell_is_decided_alike(pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]):
    ours = with_others(access())
    everything, policies = [cell for cell in cells(ours) if cell.name not in _NEWER], Decided(ours)
    count = min(pytestconfig.getoption("cells"), len(everything))
    asked = Random(pytestconfig.getoption("first_seed")).sample(everything, count)
    allowed, differ, began = 0, [], time.perf_counter()
    with _iam_simulate() as theirs:
        for first in range(0, count, AT_ONCE):
            part = asked[first : first + AT_ONCE]
            _tell(theirs, [_request(cell) for cell in part])  # it decides while we do
            decided = [policies.allows(cell) for cell in part]
            answers = json.loads(theirs.stdout.readline())
            differ += [(cell, they) for cell, we, they in zip(part, decided, answers, strict=True) if we is not they]
            allowed += sum(decided)
    seconds = time.perf_counter() - began
    with capsys.disabled():
        told = f"{count:,} of {len(everything):,} cells, {allowed:,} of them allowed"
        sys.stdout.write(f"\n{told}, in {seconds:.0f} s: {count / seconds:,.0f} a second\n")
    assert not differ, f"{len(differ)}:\n" + "\n".join(f"{cell}: {they}\n  {_request(cell)}" for cell, they in differ[:5])
    assert allowed > count / 1000


@contextmanager
def _iam_simulate() -> Iterator[Any]:
    """A process that decides, and knows all policies."""
    script = importlib.util.spec_from_file_location("evaluate", os.environ["IAM_SIMULATE"])
    assert script
    assert script.loader
    kit = importlib.util.module_from_spec(script)
    script.loader.exec_module(kit)
    assert kit.decide([world()]) == [False]  # the first time it fetches iam-simulate

    command = ["node", Path(__file__).with_name("simulate.mjs"), kit.CACHE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        _tell(
            process,
            {
                name + way: json.loads(_renamed(json.dumps(one), way))
                for name, one in _policies().items()
                for way in ("", _TAGGING)
            },
        )
        yield process


def _tell(process: Any, what: Any) -> None:
    process.stdin.write(f"{json.dumps(what)}\n")
    process.stdin.flush()


@cache
def _policies() -> dict[str, Any]:
    """By the ARN of what each is of, of roles their trust; of a role's own the ARN and a name; of boundaries the account."""
    found: dict[str, Any] = {"all rights": _ALL, **let_everybody_in(access())}
    accounts = sorted(file["account"] for file in files())
    found |= {f"{service} is open": locks.open_to(accounts, service) for service in ("s3", "kms")}
    for file in files():
        found |= {f"arn:aws:s3:::{name}": bucket["policy"] for name, bucket in file["buckets"].items()}
        found |= {key["arn"]: key["policy"] for key in file["keys"].values()}
        for role in file["roles"].values():
            found |= {role["arn"]: role["trust"], file["account"]: role["boundary"]}
            found |= {f"{role['arn']} {name}": policy for name, policy in role["policies"].items()}
    return found


@cache
def _own(arn: str) -> list[str]:
    """The names of a role's policies."""
    return [name for name in _policies() if name.startswith(f"{arn} ")]


def _request(cell: Cell) -> list[Any]:
    """As simulate.mjs reads it: who, what, where, whose, what is known; the names of the policies that count."""
    caller, role, arn = cell.caller, cell.caller.role, cell.place.arn
    service, way = cell.name.split(":")[0], cell.name if cell.name == _TAGGING else ""
    own = () if role is None or not role.policies else ("all rights",) if role.policies == (ALL_RIGHTS,) else _own(role.arn)
    of_resource = arn.partition("/")[0] if service == "s3" else arn
    ruled = service != "iam" and of_resource in _policies()
    if ruled and cell.opened and service in ("s3", "kms"):
        of_resource = f"{service} is open"
    return [
        caller.principal,
        cell.name,
        arn,
        _account(arn, caller.principal),
        {
            _renamed(f'"{key}"', way).strip('"'): value
            for key, value in cell.context.items()
            if not _is_left_away(cell.name, key)
        },
        [name + way for name in own],
        role.arn.split(":")[4] + way if role and role.boundary else None,
        of_resource + way if ruled else None,
    ]


def _account(arn: str, principal: str) -> str:
    """Whose a resource is; what is about none is asked in one's own account."""
    if arn == "*":
        return principal.split(":")[4] if ":" in principal else ""
    return _buckets().get(arn.partition("/")[0]) or arn.split(":")[4] or STRANGER


@cache
def _buckets() -> dict[str, str]:
    return {f"arn:aws:s3:::{name}": file["account"] for file in files() for name in file["buckets"]}


@cache
def _renamed(text: str, way: str) -> str:
    """A policy or a key, as JSON, with the names that it knows."""
    if way == _TAGGING:  # it does not know that a token's tags come with the token
        text = re.sub(r'"[\w.-]+:(aud|sub|repository_id)"', r'"aws:RequestTag/token-\1"', text)
    for ours, theirs in _RENAMED.items():
        text = text.replace(ours, theirs)
    return text


@cache
def _is_left_away(action: str, key: str) -> bool:
    """What it does not know to come with an action, and where no policy here lets anybody do that on such a ground."""
    of_a_token = key.endswith((":aud", ":sub", ":repository_id")) or key.startswith(("aws:RequestTag", "aws:TagKeys"))
    if action == "sts:SetSourceIdentity":
        return of_a_token
    return key.startswith("kms:EncryptionContext") and not _ENCRYPTING.match(action)
