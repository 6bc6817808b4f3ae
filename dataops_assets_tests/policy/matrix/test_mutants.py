"""Every policy with one thing about it changed turns a cell: what nobody would notice is not tested."""

import sys
import time
from collections import Counter
from random import Random

import pytest

from dataops_assets_tests.policy.matrix.cells import everything
from dataops_assets_tests.policy.matrix.mutants import Mutant, grown, mutants, slots
from dataops_assets_tests.policy.matrix.places import with_others
from dataops_assets_tests.policy.matrix.rendered import access, files
from dataops_assets_tests.policy.matrix.turning import Matrix
from dataops_assets_tests.values import ACCOUNTS, PREFIX

_MORE = f"aws:PrincipalArn with arn:aws:iam::{ACCOUNTS['prod']}:role/{PREFIX}"
_MORE_OF_DEV = f"aws:PrincipalArn with arn:aws:iam::{ACCOUNTS['dev']}:role/{PREFIX}"
EQUIVALENT = {
    f"WhoWritesThroughS3: ArnLike {_MORE}-analyst-": "another statement lets analysts use the key as much",
    f"AnalystsThroughS3: ArnLike {_MORE}-pipeline": "another statement lets who writes use the key as much",
    f"AnalystsThroughS3: ArnLike {_MORE}-provider-": "another statement lets who writes use the key as much",
    f"CodeServerReadsThroughS3: ArnEquals {_MORE}-pipeline": "another statement lets who writes use the key, and more",
    f"CodeServerReadsThroughS3: ArnEquals {_MORE}-provider-": "another statement lets who writes use the key, and more",
    f"CodeServerReadsThroughS3: ArnEquals {_MORE}-analyst-": "another statement lets analysts use the key, and more",
    f"BranchesReadWhatIsForThem: ArnEquals {_MORE_OF_DEV}-adhoc": "another statement lets queries read it, and more",
    f"DeployerPassesBranch: ArnEquals {_MORE_OF_DEV}-infra": "another statement lets infra hand on any role",
    ": NobodyFromOutside: gone": "nothing lets anybody in from outside; it is there for the day that something does",
    ": NobodyFromOutside: Resource without": "nothing lets anybody in from outside",
    ": every action of rds-db": "there is no other",
    "DevReadsThroughS3: AWS is everybody": "its condition names roles, and between accounts both sides must allow",
    "BranchesReadWhatIsForThem: AWS is everybody": "its condition names roles, and between accounts both sides must allow",
    "QueriesReadWhatHasReaders: AWS is everybody": "its condition names a role, and between accounts both sides must allow",
    "DevLists: AWS is everybody": "its condition names roles, and between accounts both sides must allow",
    f"{PREFIX}-prod: BranchesReadWhatIsForThem: arn:aws:s3:::{PREFIX}-prod/* is *": "a policy is about its own bucket",
    f"{PREFIX}-prod: QueriesReadWhatHasReaders: arn:aws:s3:::{PREFIX}-prod/* is *": "a policy is about its own bucket",
    f"{PREFIX}-prod: DevLists: arn:aws:s3:::{PREFIX}-prod is *": "a policy is about its own bucket",
    ": Federation: every action of iam": "what it lists is all that can be done to an issuer",
    ": PassToPods: every action of iam": "no other action says to which service",
    ": PassBranchToPods: every action of iam": "no other action says to which service",
    ": PassToCluster: every action of iam": "no other action says to which service",
    ": PassToTrail: every action of iam": "no other action says to which service",
}
"""What of the words for a mutant tells that it changes nothing, and why. One of them that turns a cell fails the test."""


def why_equivalent(mutant: Mutant) -> str | None:
    return next((why for text, why in EQUIVALENT.items() if text in str(mutant)), None)


def test_every_mutant_turns_a_cell(pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]):
    ours = with_others(access())
    matrix = Matrix(ours, everything(ours))
    arns = [role.arn for role in ours.roles]
    listed = [mutant for slot, policy in slots(files()) for mutant in (*mutants(slot, policy), *grown(slot, policy, arns))]
    count = min(pytestconfig.getoption("mutants"), len(listed))
    tried = Random(pytestconfig.getoption("first_seed")).sample(listed, count)

    began, turned, wrong = time.perf_counter(), Counter[str](), []
    for mutant in tried:
        found = matrix.turned(mutant)
        equivalent = why_equivalent(mutant)
        if found and equivalent:
            wrong.append(f"{mutant} is no equivalent: it turns {found}")
        turned["turns a cell" if found else equivalent or "survived"] += 1
        if not found and not equivalent:
            wrong.append(f"{mutant} survived")
    with capsys.disabled():
        told = f"{count} of {len(listed)} mutants in {time.perf_counter() - began:.0f} s: {dict(turned)}"
        sys.stdout.write(f"\n{told}\n")
    assert not wrong, "\n".join(wrong)
