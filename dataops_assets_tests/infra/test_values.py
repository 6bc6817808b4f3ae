"""The values that whoever adopts this writes: that they agree with each other, and that no test asks for the example's."""

import re
from typing import Any

import pytest

from dataops_assets_tests import values
from dataops_assets_tests.checkout import PROJECT

ALIKE = ("prefix", "region", "accounts", "github", "people")
"""Each environment names what the other has."""
EXAMPLE = re.compile(r"\bcompany-|/company/|1{12}|2{12}|people\.example\.com|eu-central-1")
OF_THEIR_OWN = {
    "docs/test_buckets.py": "the pages, with the names that stand in them",
    "infra/plans.py": "plans of their own",
    "infra/test_kinds.py": "plans of its own",
    "infra/test_render.py": "a plan of its own",
    "infra/test_rendered_access.py": "a plan of its own",
    "infra/test_values.py": "what it looks for",
    "lifecycle/test_access_logs.py": "lines of access logs of its own",
    "policy/generated.py": "policies of its own",
    "policy/test_documented.py": "policies of its own",
    "policy/test_not_understood.py": "policies of its own",
}
"""Tests that name values of the example, and what they ask with them: nothing that is in infra/."""


def test_both_environments_say_alike_what_both_name() -> None:
    said: list[dict[str, Any]] = [values.of(f"environments/{name}") for name in ("dev", "prod")]
    differ = [name for name in ALIKE if said[0][name] != said[1][name]]
    assert not differ, "say it alike in infra/environments/dev/terraform.tfvars and infra/environments/prod/terraform.tfvars"


def test_the_repository_is_the_one_whose_environments_may_act() -> None:
    said, acts = (values.of(root)["github"] for root in ("github", "environments/prod"))
    assert said == acts, "as infra/environments has it: infra/github/terraform.tfvars"


@pytest.mark.parametrize(
    ("root", "environment"), [("environments/dev", "dev"), ("environments/prod", "prod"), ("github", "prod")]
)
def test_the_state_lies_in_the_bucket_of_states(root: str, environment: str) -> None:
    said = values.read((PROJECT / "infra" / root / "backend.hcl").read_text(encoding="utf-8"))
    told = {name: said[name] for name in ("bucket", "region")}
    assert told == {"bucket": f"{values.PREFIX}-state-{environment}", "region": values.REGION}, f"infra/{root}/backend.hcl"


def test_no_test_asks_for_a_value_of_the_example() -> None:
    tests = PROJECT / "dataops_assets_tests"
    files = sorted(file for ending in ("py", "yaml", "jsonl") for file in tests.rglob(f"*.{ending}"))
    naming = [str(file.relative_to(tests)) for file in files if EXAMPLE.search(file.read_text(encoding="utf-8"))]
    assert naming == sorted(OF_THEIR_OWN), "take it from dataops_assets_tests/values.py; who adopts this has others"
