"""The evaluator on cases with one right answer each, by the rules that AWS documents.

`cases.jsonl` was written by hand from the IAM User Guide, for any evaluator; AWS itself was not asked.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from dataops_assets.policy.refused import Refused
from dataops_assets_tests.policy.deciding import decision

CASES: dict[str, dict[str, Any]] = {
    case.pop("case"): case for case in map(json.loads, Path(__file__).with_name("cases.jsonl").read_text().splitlines())
}

OUTSIDE = {"variable not expanded in old Version": "Version"}
"""What is refused, by the element: the old Version takes variables for text, so whoever writes one there is mistaken."""


def test_all_cases_are_there():
    assert (len(CASES), len(OUTSIDE)) == (83, 1)
    assert {case["allowed"] for case in CASES.values()} == {True, False}


@pytest.mark.parametrize("name", sorted(set(CASES) - set(OUTSIDE)))
def test_a_case_is_decided_as_aws_does(name: str):
    assert decision(CASES[name]).allowed == CASES[name]["allowed"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_case_outside_of_the_language_is_refused(name: str):
    with pytest.raises(Refused) as refused:
        decision(CASES[name])
    assert refused.value.element == OUTSIDE[name]
