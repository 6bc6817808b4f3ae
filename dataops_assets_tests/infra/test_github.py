"""What holds for the repository and its environments: what Terraform evaluates without the provider, and what uses it."""

import re
from typing import Any

import pytest

from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.infra.accounts import roles
from dataops_assets_tests.infra.repository import ROOT, rules
from dataops_assets_tests.values import GITHUB, OWNER, REPOSITORY_ID, REVIEWERS
from dataops_assets_tests.workflows import files

pytestmark = pytest.mark.terraform

ARGUMENTS = {
    "github_repository": """name visibility has_issues allow_merge_commit allow_rebase_merge allow_squash_merge
        delete_branch_on_merge archive_on_destroy""",
    "github_repository_vulnerability_alerts": "repository",
    "github_branch_default": "repository branch",
    "github_repository_ruleset": """repository name target enforcement conditions ref_name include exclude rules deletion
        non_fast_forward required_linear_history pull_request required_approving_review_count dismiss_stale_reviews_on_push
        require_code_owner_review require_last_push_approval required_review_thread_resolution required_status_checks
        strict_required_status_checks_policy required_check context integration_id file_path_restriction restricted_file_paths
        bypass_actors actor_type actor_id bypass_mode""",
    "github_workflow_repository_permissions": "repository default_workflow_permissions can_approve_pull_request_reviews",
    "github_repository_environment": """repository environment can_admins_bypass prevent_self_review reviewers teams
        deployment_branch_policy protected_branches custom_branch_policies""",
    "github_repository_environment_deployment_policy": "repository environment branch_pattern",
    "github_actions_repository_oidc_subject_claim_customization_template": "repository use_default",
    "github_actions_repository_permissions": """repository allowed_actions sha_pinning_required allowed_actions_config
        github_owned_allowed verified_allowed patterns_allowed""",
    "github_issue_label": "repository name color description",
    "github_team": "slug summary_only",
}
"""The arguments and blocks that each resource or data source may have. Source: the documentation of the provider
integrations/github 6."""
TERRAFORM = {"for_each", "lifecycle", "prevent_destroy", "content"}


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The values of rules.tf."""
    return rules(tmp_path_factory.mktemp("github"))


def blocks() -> dict[str, str]:
    """The text of each resource and data source of main.tf, by its type, and its name where that is a name of its own."""
    text = (ROOT / "main.tf").read_text()
    found = re.finditer(r'^(?:resource|data) "(\w+)" "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL)
    return {f"{one[1]} {one[2]}".removesuffix(" this"): one[3] for one in found}


def test_resources_have_the_arguments_that_the_provider_knows() -> None:
    found = blocks()
    assert {block.partition(" ")[0] for block in found} == set(ARGUMENTS)
    for block, text in found.items():
        type_ = block.partition(" ")[0]
        written = set(re.findall(r"^\s*(\w+)\s+=|^\s*(?:dynamic \"(\w+)\"|(\w+)) \{$", text, re.MULTILINE))
        names = {name for names in written for name in names if name} - TERRAFORM
        assert names <= set(ARGUMENTS[type_].split()), block


def test_what_is_told_to_github_are_the_values_that_are_checked_here(wanted: dict[str, Any]) -> None:
    ruleset = blocks()["github_repository_ruleset main"]
    told = wanted["ruleset"]
    named = [f"{part}.{name}" for part in ("rules", "pull_request") for name in told[part]]
    named += [
        "name",
        "target",
        "enforcement",
        "include",
        "exclude",
        "required_status_checks.strict_required_status_checks_policy",
    ]
    set_by = {name: re.search(rf"^\s*(\w+)\s+= local\.ruleset\.{re.escape(name)}$", ruleset, re.MULTILINE) for name in named}
    assert {name: found and found[1] for name, found in set_by.items()} == {name: name.rpartition(".")[2] for name in named}
    assert "for_each = local.ruleset.required_status_checks.checks\n" in ruleset


def test_a_change_comes_to_main_by_review_and_checks_and_nobody_passes_by(wanted: dict[str, Any]) -> None:
    ruleset = wanted["ruleset"]
    assert (ruleset["target"], ruleset["enforcement"]) == ("branch", "active")
    assert (ruleset["include"], ruleset["exclude"]) == (["~DEFAULT_BRANCH"], [])
    assert all(ruleset["rules"].values())
    review = ruleset["pull_request"]
    assert review.pop("required_approving_review_count") >= 1
    assert all(review.values())
    assert ruleset["required_status_checks"]["checks"]
    assert ruleset["required_status_checks"]["strict_required_status_checks_policy"] is True
    assert "bypass_actors" not in blocks()["github_repository_ruleset main"]


def test_what_a_job_does_is_pushed_by_owners_alone(wanted: dict[str, Any]) -> None:
    """On any branch: a workflow that may write checks would have GitHub Actions say of any commit that it passed."""
    ruleset = wanted["push_ruleset"]
    assert (ruleset["target"], ruleset["enforcement"]) == ("push", "active")
    below = tuple(pattern.removesuffix("**/*") for pattern in ruleset["restricted_file_paths"])
    assert all(pattern.endswith("/**/*") for pattern in ruleset["restricted_file_paths"])
    ours = [str(file.relative_to(PROJECT)) for file in (PROJECT / ".github").rglob("*") if file.is_file()]
    assert [file for file in ours if not file.startswith(below)] == [".github/CODEOWNERS"]  # read from main alone
    assert [f"@{OWNER}/{team}" for team in ruleset["passed_by"]] == REVIEWERS

    told = blocks()["github_repository_ruleset push"]
    for name in ("name", "target", "enforcement", "restricted_file_paths", "bypass_mode"):
        assert re.search(rf"^\s*{name}\s+= local\.push_ruleset\.{name}$", told, re.MULTILINE), name
    assert "for_each = local.push_ruleset.passed_by\n" in told
    assert re.search(r"actor_id\s+= data\.github_team\.reviewers\[bypass_actors\.value\]\.id$", told, re.MULTILINE)
    assert "ref_name" not in told


def test_a_check_is_passed_by_a_job_and_an_approval_given_by_a_person(wanted: dict[str, Any]) -> None:
    """Whoever may push may give his commit any status by the API, and a job may approve what it was started for."""
    assert wanted["ruleset"]["required_status_checks"]["integration_id"] == 15368
    told = blocks()["github_repository_ruleset main"]
    assert re.search(r"^\s*integration_id\s+= local\.ruleset\.required_status_checks\.integration_id$", told, re.MULTILINE)
    assert wanted["workflows"] == {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
    told = blocks()["github_workflow_repository_permissions"]
    for name in wanted["workflows"]:
        assert re.search(rf"^\s*{name}\s+= local\.workflows\.{name}$", told, re.MULTILINE), name


def test_what_runs_in_a_job_is_ours_or_named_and_pinned(wanted: dict[str, Any]) -> None:
    allowed = dict(wanted["actions"])
    assert allowed.pop("patterns_allowed")
    assert allowed == {
        "allowed_actions": "selected",
        "sha_pinning_required": True,
        "github_owned_allowed": False,
        "verified_allowed": False,
    }
    told = blocks()["github_actions_repository_permissions"]
    for name in wanted["actions"]:
        assert re.search(rf"^\s*{name}\s+= local\.actions\.{name}$", told, re.MULTILINE), name


def test_workflows_have_the_labels_that_they_look_for(wanted: dict[str, Any]) -> None:
    assert set(wanted["labels"]) == {"widens-access", "drift"}
    assert "for_each = local.labels\n" in blocks()["github_issue_label"]
    decides = "${{ contains(github.event.pull_request.labels.*.name, 'widens-access') }}"
    assert files.WORKFLOWS["access.yml"]["jobs"]["access"]["steps"][-1]["env"] == {"WIDENS_ACCESS": decides}
    asked = (PROJECT / ".ci/drifted").read_text()
    assert asked.count("--label drift ") == 2


def test_what_the_ruleset_demands_are_jobs_of_each_pull_request(wanted: dict[str, Any]) -> None:
    """A check that no workflow has would hold up every pull request. What each does is held in test_workflows."""
    assert wanted["ruleset"]["required_status_checks"]["checks"] == sorted(files.on_each_pull_request())


def test_actions_that_may_run_are_those_that_are_used(wanted: dict[str, Any]) -> None:
    used = {use.action for use in files.uses() if use.action}
    assert wanted["actions"]["patterns_allowed"] == [f"{action}@*" for action in sorted(used)]


def test_environments_are_opened_by_main_alone_but_that_of_branches(wanted: dict[str, Any]) -> None:
    assert {name: found["branch"] for name, found in wanted["environments"].items()} == {
        "prod": "main",
        "infra": "main",
        "drift": "main",
        "branch": None,
    }


def test_infra_is_agreed_to_by_others_and_prod_waits_for_nobody(wanted: dict[str, Any]) -> None:
    waits = {name for name, found in wanted["environments"].items() if found["reviewers"]}
    assert waits == {"infra"}
    environment = blocks()["github_repository_environment"]
    assert re.search(r"can_admins_bypass\s+= false", environment)
    assert re.search(r"prevent_self_review\s+= length\(each\.value\.reviewers\) > 0", environment)


def test_roles_trust_the_subjects_that_github_writes(wanted: dict[str, Any]) -> None:
    key = f"{GITHUB}:sub"
    trusted = {
        name: statement["Condition"]["StringEquals"][key]
        for name, role in roles().items()
        for statement in role.documents["trust"]["Statement"]
        if key in statement["Condition"].get("StringEquals", {})
    }
    subjects = wanted["subjects"]
    ids = {
        statement["Condition"]["StringEquals"].get(f"{GITHUB}:repository_id")
        for role in roles().values()
        for statement in role.documents["trust"]["Statement"]
        if key in statement["Condition"].get("StringEquals", {})
    }
    assert ids == {REPOSITORY_ID}
    assert trusted == {
        "prod/deployer": subjects["prod"],
        "dev/deployer": subjects["branch"],
        **{f"{account}/{name}": subjects[name] for account in ("dev", "prod") for name in ("infra", "drift")},
    }
    assert re.search(r"use_default\s+= true", blocks()["github_actions_repository_oidc_subject_claim_customization_template"])
