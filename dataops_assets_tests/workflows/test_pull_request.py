"""The check `access` on pull requests that open something, close something, or hide what they open."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataops_assets_tests.checkout import PROJECT, Checkout, make_checkout
from dataops_assets_tests.infra.terraform import INFRA, Copy, Missing, copy
from dataops_assets_tests.values import OWNER, PREFIX, REPOSITORY, REVIEWERS
from dataops_assets_tests.workflows.files import WORKFLOWS

ANALYST = "infra/modules/identities/analyst.tf"
READS = re.compile(r"(Sid\s+= \"ReadPublished\".*?Resource\s+= )(\[.*?\])(?=\n)", re.DOTALL)


@pytest.fixture
def repository(tmp_path: Path) -> Checkout:
    """A clone of the project on main."""
    checkout = make_checkout(tmp_path / "clone")
    for folder in (".ci", "infra"):
        shutil.copytree(PROJECT / folder, checkout.root / folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfplan"))
    git(checkout, "init", "-q", "-b", "main")
    commit(checkout, "As it was")
    return checkout


def git(checkout: Checkout, *asked: str) -> None:
    who = ["-c", "user.name=lab", "-c", "user.email=lab@example.com"]
    subprocess.run(["git", "-C", str(checkout.root), *who, *asked], check=True)


def commit(checkout: Checkout, what: str) -> None:
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", what)


def statement(access: dict[str, Any], role: str, sid: str) -> dict[str, Any]:
    (rights,) = access["roles"][role]["policies"].values()
    (found,) = [one for one in rights["Statement"] if one["Sid"] == sid]
    return found  # type: ignore[no-any-return]


def render(checkout: Checkout, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what is rendered of prod."""
    file = checkout.root / "infra/access/prod.json"
    access = json.loads(file.read_text())
    change(access)
    file.write_text(json.dumps(access, indent=1, sort_keys=True) + "\n")


def reads_raw(access: dict[str, Any]) -> None:
    statement(access, f"{PREFIX}-analyst-analysts", "ReadPublished")["Resource"].append(f"arn:aws:s3:::{PREFIX}-prod/raw/*")


def reads_less(access: dict[str, Any]) -> None:
    statement(access, f"{PREFIX}-analyst-analysts", "ReadPublished")["Resource"].pop()


def check(checkout: Checkout, *, labelled: bool = False) -> tuple[subprocess.CompletedProcess[str], str]:
    """What the job asks, of the last commit against the one before, and the summary that it leaves."""
    (step,) = [step for step in WORKFLOWS["access.yml"]["jobs"]["access"]["steps"] if ".ci/access" in step.get("run", "")]
    assert set(step["env"]) == {"WIDENS_ACCESS"}  # to what it is set is held in test_workflows
    summary = checkout.root.parent / "summary.md"
    summary.unlink(missing_ok=True)
    said = {"GITHUB_STEP_SUMMARY": str(summary), "WIDENS_ACCESS": "true" if labelled else "false"}
    words = ["bash", "-e", "-c", step["run"].replace("HEAD^1", "HEAD^")]
    environment = checkout.environment | said
    done = subprocess.run(words, cwd=checkout.root, env=environment, capture_output=True, text=True, check=False)
    return done, summary.read_text()


def test_more_is_told_and_passes_only_with_the_label(repository: Checkout) -> None:
    render(repository, reads_raw)
    commit(repository, "Analysts read raw")

    done, summary = check(repository)
    assert done.returncode == 1, done.stderr
    assert re.search(r"prod/analyst-analysts +raw/airlines +read +s3:GetObject", done.stdout)
    assert "label the pull request `widens-access`" in done.stdout
    assert done.stdout.strip() in summary

    done, summary = check(repository, labelled=True)
    assert done.returncode == 0, done.stdout
    assert "prod/analyst-analysts" in done.stdout
    assert done.stdout.strip() in summary


def test_less_is_told_and_passes(repository: Checkout) -> None:
    render(repository, reads_less)
    commit(repository, "Analysts read less")
    done, summary = check(repository)
    assert done.returncode == 0, done.stdout
    assert "lost:" in summary
    assert "gained:" not in summary


def test_a_reader_in_a_contract_is_access_as_well(repository: Checkout) -> None:
    for readers, what in (("[analysts]", "Fewer readers"), ("[analysts, operations]", "One more")):
        file = repository.root / "dataops_assets/defs/aviation/routes/defs.yaml"
        file.write_text(re.sub(r"readers: \[.*\]", f"readers: {readers}", file.read_text()))
        commit(repository, what)
    done, summary = check(repository)
    assert done.returncode == 1
    assert "prod/analyst-operations" in summary


def test_what_cannot_be_evaluated_does_not_pass(repository: Checkout) -> None:
    """Neither with the label: nobody knows what would be let through."""
    render(repository, lambda access: statement(access, f"{PREFIX}-analyst-analysts", "ReadPublished").update(Effect="Perhaps"))
    commit(repository, "An effect that IAM does not have")
    for labelled in (False, True):
        done, summary = check(repository, labelled=labelled)
        assert done.returncode != 0
        assert "Perhaps" in summary


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    try:
        return copy(tmp_path_factory.mktemp("pull-request"))
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.mark.terraform
def test_a_policy_that_is_widened_and_not_rendered_is_not_what_is_planned(repository: Checkout, terraform: Copy) -> None:
    """It would escape `access`, which reads what is committed; the check `services` holds that against a plan."""
    written = (INFRA / "modules/identities/analyst.tf").read_text()
    wider, changed = READS.subn(r'\1concat(\2, ["${local.prod}/raw/*"])', written)
    assert changed == 1
    for root in (repository.root, terraform.root.parent):
        (root / ANALYST).write_text(wider)
    commit(repository, "Analysts read raw, in Terraform alone")
    assert check(repository)[0].returncode == 0

    planned = terraform.plan("prod")
    committed = json.loads((repository.root / "infra/access/prod.json").read_text())
    policies = {
        found["values"]["role"]: json.loads(found["values"]["policy"])
        for module in planned["planned_values"]["root_module"]["child_modules"]
        for found in module["resources"]
        if found["type"] == "aws_iam_role_policy"
    }
    rendered = policies[f"{PREFIX}-analyst-analysts"]
    assert rendered != committed["roles"][f"{PREFIX}-analyst-analysts"]["policies"]["rights"]

    render(repository, lambda access: access["roles"][f"{PREFIX}-analyst-analysts"]["policies"].update(rights=rendered))
    commit(repository, "Rendered")
    done, summary = check(repository)
    assert done.returncode == 1
    assert "raw/airlines" in summary


GH = """\
#!/usr/bin/env bash
printf '%s\\n' "$@" >>"$SAID"
[ "$1 $2" != "issue list" ] || printf '%s' "$OPEN"
"""
"""In place of GitHub's command: remembers what it is asked, and knows of one open issue or none."""


@pytest.mark.parametrize(("number", "asked"), [("", ["issue", "create"]), ("7", ["issue", "comment", "7"])])
def test_drift_is_told_to_those_who_own_infra_in_one_issue(tmp_path: Path, number: str, asked: list[str]) -> None:
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    said = tmp_path / "said"
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "SAID": str(said), "OPEN": number}
    link = f"https://github.com/{OWNER}/{REPOSITORY}/actions/runs/1"
    subprocess.run([str(PROJECT / ".ci/drifted"), link], env=environment, check=True)
    words = said.read_text().splitlines()
    told = words[words.index("--jq") + 2 :]
    assert told[: len(asked)] == asked
    assert any(word.startswith(f"{' '.join(REVIEWERS)}: ") and link in word for word in told)
