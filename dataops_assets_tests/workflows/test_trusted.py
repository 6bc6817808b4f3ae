"""Who signs in to AWS from a workflow: each job gets the role that it asks for, and without its environment none."""

import os
import subprocess

import pytest

from dataops_assets.policy.access import Access, Caller, load
from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.values import ACCOUNTS, GITHUB, OWNER, OWNER_ID, REGION, REPOSITORY, REPOSITORY_ID
from dataops_assets_tests.workflows.files import Job, jobs, triggers

WITH_A_TOKEN = "sts:AssumeRoleWithWebIdentity"
OF_GITHUB = {
    "pull_request": "pull_request",
    "push": "ref:refs/heads/main",
    "schedule": "ref:refs/heads/main",
    "workflow_dispatch": "ref:refs/heads/main",
}
"""What a subject ends with where a job has no environment. Source: GitHub, "OpenID Connect reference"."""


@pytest.fixture(scope="module")
def access() -> Access:
    return load(PROJECT / "infra/access")


SIGNING_IN = [
    pytest.param(job, account, step["with"]["role"], id=f"{job.workflow}: {job.name} in {account}")
    for job in jobs()
    for step in job.steps
    if step.get("uses") == "./.github/actions/aws"
    for account in ACCOUNTS
]
"""Each job that becomes a role, with the account and the role."""


def token(account: str, subject: str, audience: str = "sts.amazonaws.com") -> Caller:
    """Whoever comes to an account with a token of GitHub's."""
    provider = f"arn:aws:iam::{ACCOUNTS[account]}:oidc-provider/{GITHUB}"
    context = {
        f"{GITHUB}:aud": audience,
        f"{GITHUB}:sub": f"repo:{OWNER}@{OWNER_ID}/{REPOSITORY}@{REPOSITORY_ID}:{subject}",
        f"{GITHUB}:repository_id": REPOSITORY_ID,
        "aws:SecureTransport": "true",
    }
    return Caller(subject, provider, context)


def roles_of(access: Access, account: str, caller: Caller) -> set[str]:
    return {
        role.name for role in access.roles if role.environment == account and access.may(caller, WITH_A_TOKEN, role.arn).allowed
    }


@pytest.mark.parametrize(("job", "account", "role"), SIGNING_IN)
def test_a_job_becomes_just_the_role_that_it_asks_for(access: Access, job: Job, account: str, role: str) -> None:
    assert roles_of(access, account, token(account, f"environment:{job.written['environment']}")) == {role}


@pytest.mark.parametrize(("job", "account", "role"), SIGNING_IN)
def test_the_arn_that_a_job_asks_for_is_that_role(access: Access, job: Job, account: str, role: str) -> None:
    asked = os.environ | {"ACCOUNT": account, "ROLE": role}
    done = subprocess.run([".github/actions/aws/named"], cwd=PROJECT, env=asked, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"arn={access.role(f'{account}/{role}').arn}", f"region={REGION}"]


def test_a_role_that_is_not_there_is_no_arn() -> None:
    asked = os.environ | {"ACCOUNT": "dev", "ROLE": "administrator"}
    done = subprocess.run([".github/actions/aws/named"], cwd=PROJECT, env=asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "infra/access/dev.json has no role administrator" in done.stderr


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("job", jobs(), ids=lambda job: f"{job.workflow}: {job.name}")
def test_without_its_environment_a_job_becomes_nobody(access: Access, job: Job, account: str) -> None:
    subjects = {OF_GITHUB[trigger] for trigger in triggers(job.workflow)} | {"pull_request", "ref:refs/heads/environment:infra"}
    for subject in subjects:
        assert roles_of(access, account, token(account, subject)) == set()


def test_no_job_of_a_pull_request_can_be_anybody_in_prod(access: Access) -> None:
    """`branch` alone is open to what is not main, and no role of prod trusts it; the others are closed by GitHub."""
    assert roles_of(access, "prod", token("prod", "environment:branch")) == set()
    assert roles_of(access, "dev", token("dev", "environment:branch")) == {"deployer"}


@pytest.mark.parametrize(("job", "account", "role"), SIGNING_IN)
def test_a_token_for_somebody_else_is_none(access: Access, job: Job, account: str, role: str) -> None:
    subject = f"environment:{job.written['environment']}"
    assert role not in roles_of(access, account, token(account, subject, f"https://github.com/{OWNER}"))
