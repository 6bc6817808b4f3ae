"""Who must agree to which change: `.github/CODEOWNERS`, against the owners that contracts name and the team of infra/github."""

import re

import pytest

from dataops_assets.catalog import load_catalog
from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.values import OWNER, REVIEWERS

FILE = ".github/CODEOWNERS"


def lines() -> list[tuple[str, list[str]]]:
    """The patterns, and whom each names: all files, a folder or a file; no others are used."""
    written = [line.split() for line in (PROJECT / FILE).read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"\*|/[\w./-]+", pattern) for pattern, *_ in written)
    return [(pattern, owners) for pattern, *owners in written]


def owners(path: str) -> list[str]:
    """Who owns a file, as GitHub looks it up: the last line that fits counts."""

    def fits(pattern: str) -> bool:
        return pattern == "*" or (f"/{path}".startswith(pattern) if pattern.endswith("/") else f"/{path}" == pattern)

    return [named for pattern, named in lines() if fits(pattern)][-1]


@pytest.mark.parametrize(
    "path",
    [
        ".ci/access",
        ".ci/run",
        ".github/CODEOWNERS",
        ".github/workflows/checks.yml",
        ".github/actions/aws/action.yml",
        "Makefile",
        "pyproject.toml",
        "locks/run.txt",
        "infra/modules/identities/pipeline.tf",
        "infra/environments/prod/terraform.tfvars",
        "infra/access/prod.json",
        "infra/github/rules.tf",
        "deploy/rbac/people.yaml",
        "deploy/postgres/roles.sql",
        "docs/access.md",
        "dataops_assets/policy/evaluate.py",
        "dataops_assets/cli/access.py",
        "dataops_assets/defs/policy.yaml",
        "dataops_assets_tests/conftest.py",
        "dataops_assets_tests/policy/matrix/expected.yaml",
        "dataops_assets_tests/workflows/test_codeowners.py",
        "dataops_assets/defs/of_nobody_yet/defs.yaml",
    ],
)
def test_what_decides_about_access_is_changed_with_those_who_answer_for_it(path: str) -> None:
    assert REVIEWERS
    assert owners(path) == REVIEWERS


def test_a_dataset_belongs_to_the_owner_that_its_contract_names() -> None:
    catalog = load_catalog(PROJECT / "dataops_assets/defs")
    lacking = [
        f"/dataops_assets/{dataset.folder}/ @{OWNER}/{dataset.attributes.owner}"
        for dataset in catalog
        if owners(f"dataops_assets/{dataset.folder}/defs.yaml") != [f"@{OWNER}/{dataset.attributes.owner}"]
    ]
    assert not lacking, f"{FILE} does not say so: write into it, or in place of what it says,\n" + "\n".join(lacking)


def test_what_is_named_is_there() -> None:
    assert [pattern for pattern, _ in lines() if pattern != "*" and not (PROJECT / pattern.strip("/")).exists()] == []


def test_what_nobody_must_agree_to_is_derived_or_words() -> None:
    assert {pattern for pattern, named in lines() if not named} == {
        "/README.md",
        "/docs/",
        "/infra/environments/dev/contracts.auto.tfvars.json",
        "/infra/environments/prod/contracts.auto.tfvars.json",
    }
