"""What every workflow keeps to: pinned actions, few permissions, no text of others in a shell, no rights for a pull request."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dataops_assets_tests.workflows import files
from dataops_assets_tests.workflows.files import ACTIONS, TEXTS, WORKFLOWS, Job, jobs, triggers

JOBS = pytest.mark.parametrize("job", jobs(), ids=lambda job: f"{job.workflow}: {job.name}")
RUN = pytest.mark.parametrize("job", [job for job in jobs() if not job.calls], ids=lambda job: f"{job.workflow}: {job.name}")
CHECKED_OUT = {"uses": "actions/checkout", "with": {"persist-credentials": False}}
CHECKS: dict[str, list[dict[str, Any]]] = {
    "access": [
        {"uses": "actions/checkout", "with": {"fetch-depth": 2, "persist-credentials": False}},
        {"run": "make install"},
        {
            "run": ".ci/access HEAD^1",
            "env": {"WIDENS_ACCESS": "${{ contains(github.event.pull_request.labels.*.name, 'widens-access') }}"},
        },
    ],
    "check": [CHECKED_OUT, {"run": ".ci/run check"}],
    "services": [
        CHECKED_OUT,
        {"uses": "hashicorp/setup-terraform", "with": {"terraform_version": "1.11.4", "terraform_wrapper": False}},
        {"run": '.ci/s3 >> "$GITHUB_ENV"'},
        {"run": ".ci/run services", "env": {"SERVICES": "chromium or s3 or terraform"}},
    ],
    "test": [CHECKED_OUT, {"run": ".ci/run test"}],
}
"""What the ruleset demands, step by step, but for commits of actions. `|| true`, `continue-on-error`, `if`, a shell of its own
or another branch that is checked out would have it pass."""


def test_an_action_of_others_is_pinned_to_a_commit_and_says_its_version() -> None:
    written = [line.strip() for text in TEXTS for line in text.splitlines() if re.match(r"\s*(- )?uses:", line)]
    others = [line for line in written if "uses: ./" not in line]
    assert len(written) == len(list(files.uses()))
    assert others
    assert [line for line in others if not re.fullmatch(r"(- )?uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_one_action_has_one_version() -> None:
    used = {use.written for use in files.uses() if use.action}
    assert len(used) == len({use.partition("@")[0] for use in used})


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_nothing_runs_with_rights_for_what_somebody_else_asks(workflow: str) -> None:
    """These run what main says with the rights of main, on what a stranger has written."""
    assert triggers(workflow)
    assert not {"pull_request_target", "workflow_run", "issue_comment", "issues"} & set(triggers(workflow))


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_gives_nothing_and_two_of_it_do_not_meet(workflow: str) -> None:
    assert WORKFLOWS[workflow]["permissions"] == {}
    called = "workflow_call" in WORKFLOWS[workflow]["on"]
    assert called or set(WORKFLOWS[workflow]["concurrency"]) == {"group", "cancel-in-progress"}


@JOBS
def test_a_job_may_do_what_it_needs(job: Job) -> None:
    given = dict(job.written["permissions"])
    assert given.pop("contents") == "read"
    assert given.pop("id-token", "write") == "write"
    assert given == ({"issues": "write"} if (job.workflow, job.name) == ("drift.yml", "tell") else {})
    assert "secrets" not in job.written


@RUN
def test_a_job_ends_and_leaves_no_token_behind(job: Job) -> None:
    assert 1 <= job.written["timeout-minutes"] <= (330 if job.name == "soak" else 90)
    fetches = [step for step in job.steps if step.get("uses", "").startswith("actions/checkout@")]
    assert [step["with"]["persist-credentials"] for step in fetches] == [False]


def test_no_secret_is_used() -> None:
    assert [text for text in TEXTS if "secrets." in text] == []


def test_what_others_write_does_not_come_into_a_shell() -> None:
    steps = [step for job in jobs() for step in job.steps] + [step for one in ACTIONS.values() for step in one["runs"]["steps"]]
    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []


@JOBS
def test_who_signs_in_does_so_as_an_environment_and_not_for_a_pull_request(job: Job) -> None:
    if job.signs_in:
        assert job.calls or job.written["environment"] in ("drift", "infra", "prod", "branch")
        assert set(triggers(job.workflow)) <= {"push", "schedule", "workflow_dispatch"}
        assert triggers(job.workflow).get("push", {"branches": ["main"]})["branches"] == ["main"]
    else:
        assert "environment" not in job.written
        assert not [step for step in job.steps if step.get("uses") == "./.github/actions/aws"]


def test_what_is_applied_is_what_was_planned_and_agreed_to() -> None:
    """The plan is made by who may only look; apply waits for a review, and gets that plan, never makes one."""
    plan, apply = (WORKFLOWS["infra-account.yml"]["jobs"][name] for name in ("plan", "apply"))
    assert (plan["environment"], apply["environment"], apply["needs"]) == ("drift", "infra", "plan")
    (kept,) = [step["with"] for step in plan["steps"] if "upload-artifact" in step.get("uses", "")]
    (taken,) = [step["with"] for step in apply["steps"] if "download-artifact" in step.get("uses", "")]
    assert kept["name"] == taken["name"]
    (account,) = {path.rpartition("/")[0] for path in kept["path"].splitlines()}
    assert account == taken["path"]
    assert [step["run"] for step in apply["steps"] if "run" in step] == ['make apply "ENV=$ACCOUNT"']
    assert WORKFLOWS["infra.yml"]["jobs"]["prod"]["needs"] == "dev"
    assert [job.written["with"]["account"] for job in jobs() if job.workflow == "infra.yml" and job.calls] == ["dev", "prod"]
    assert WORKFLOWS["infra.yml"]["concurrency"]["cancel-in-progress"] is False


def test_nothing_is_planned_but_what_contracts_say_and_no_code_of_a_dataset_runs_where_one_signs_in() -> None:
    """What is written from contracts has no owner, and whoever may push can have a check pass that did not."""
    compares = ".venv/bin/dataops export infra --check"
    (job,) = [job for job in jobs() if compares in [step.get("run") for step in job.steps]]
    assert (job.workflow, job.signs_in) == ("infra.yml", False)
    assert WORKFLOWS["infra.yml"]["jobs"]["dev"]["needs"] == job.name
    assert "if" not in WORKFLOWS["infra.yml"]["jobs"]["dev"]
    assert [one.name for one in jobs() if one.signs_in and any("dataops " in step.get("run", "") for step in one.steps)] == []


def test_prod_is_planned_where_dev_has_nothing_to_apply() -> None:
    """GitHub passes over whatever comes after a job that was passed over, unless that says itself when it runs.

    Source: GitHub, "Workflow syntax", `jobs.<job_id>.needs`; actions/runner#2205, on workflows that are called.
    """
    after = [WORKFLOWS["infra.yml"]["jobs"]["prod"], *WORKFLOWS["infra-account.yml"]["jobs"].values()]
    assert [job["if"].startswith("${{ !failure() && !cancelled()") for job in after] == [True] * 3


def test_what_ran_out_of_time_is_not_built_upon_and_is_told() -> None:
    """A job out of time counts as cancelled: neither `failure()` nor `cancelled()`, which is of the whole run, is true then.

    So a job that goes on in spite of one passed over asks for what the one before it did, not for what it did not.
    """
    account = WORKFLOWS["infra-account.yml"]
    assert "needs.plan.result == 'success'" in account["jobs"]["apply"]["if"]
    (apply,) = [step["id"] for step in account["jobs"]["apply"]["steps"] if step.get("run", "").startswith("make apply")]
    assert account["jobs"]["apply"]["outputs"] == {"applied": f"${{{{ steps.{apply}.outcome }}}}"}
    settled = "${{ jobs.plan.outputs.changes == 'false' || jobs.apply.outputs.applied == 'success' }}"
    assert account["on"]["workflow_call"]["outputs"]["settled"]["value"] == settled
    assert WORKFLOWS["infra.yml"]["jobs"]["prod"]["if"].endswith(" && needs.dev.outputs.settled == 'true' }}")
    assert WORKFLOWS["drift.yml"]["jobs"]["tell"]["if"] == "${{ !success() }}"
    assert [job.name for job in jobs() if job.written.get("if") == "failure()"] == []


@pytest.mark.parametrize(
    ("shows", "ends", "told"),
    [
        ('{"applyable": true}', 0, "changes=true\n"),
        ('{"applyable": false}', 0, "changes=false\n"),
        ("no plan", 1, ""),
    ],
)
def test_a_review_is_waited_for_if_something_would_change(tmp_path: Path, shows: str, ends: int, told: str) -> None:
    """A plan that cannot be read is no plan without changes: then nothing is agreed to, and the job has failed."""
    (step,) = [step for step in WORKFLOWS["infra-account.yml"]["jobs"]["plan"]["steps"] if step.get("id") == "plan"]
    assert step["shell"] == "bash"
    for program, does in (("make", ":"), ("terraform", f"echo '{shows}'; exit {ends}")):
        (tmp_path / program).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / program).chmod(0o755)
    output = tmp_path / "output"
    output.touch()
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = os.environ | {"ACCOUNT": "dev", "GITHUB_OUTPUT": str(output), "PATH": path}
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]  # as GitHub calls it
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode == 0, output.read_text()) == (ends == 0, told)


def test_a_check_that_the_ruleset_demands_does_all_of_what_it_is_for() -> None:
    steps = {name: [dict(step) for step in job["steps"]] for name, job in files.on_each_pull_request().items()}
    for step in (step for job in steps.values() for step in job if "uses" in step):
        step["uses"] = step["uses"].partition("@")[0]
    assert steps == CHECKS


def test_a_check_that_the_ruleset_demands_is_not_passed_over() -> None:
    """A job that is skipped counts as passed, by an `if` of its own or of one that it `needs`; one that may fail does, too.
    What a step finds on a machine of somebody's own, he decides."""
    for name, job in files.on_each_pull_request().items():
        assert set(job) == {"runs-on", "timeout-minutes", "permissions", "steps"}, name
        assert job["runs-on"] == "ubuntu-24.04", f"{name}: a machine of GitHub's, and not the one that is newest today"
    for workflow in {job.workflow for job in jobs() if job.name in CHECKS}:
        assert not {"defaults", "env"} & set(WORKFLOWS[workflow]), workflow


def test_no_other_job_passes_for_a_check_that_the_ruleset_demands() -> None:
    """It knows a check by its name alone, which is that of the job where the job does not give it another."""
    assert sorted(job.name for job in jobs() if job.name in CHECKS) == sorted(CHECKS)
    assert [job.name for job in jobs() if "name" in job.written] == []
