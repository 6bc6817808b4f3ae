# The repository, how a change comes to main, and the environments that its jobs act as.

resource "github_repository" "this" {
  #checkov:skip=CKV_GIT_3: a resource of its own turns the alerts on, below
  name                   = var.github.repository
  visibility             = "private"
  has_issues             = true
  allow_merge_commit     = false
  allow_rebase_merge     = false
  allow_squash_merge     = true
  delete_branch_on_merge = true
  archive_on_destroy     = true

  lifecycle {
    prevent_destroy = true
  }
}

resource "github_repository_vulnerability_alerts" "this" {
  repository = github_repository.this.name
}

resource "github_branch_default" "this" {
  repository = github_repository.this.name
  branch     = local.main
}

resource "github_repository_ruleset" "main" {
  repository  = github_repository.this.name
  name        = local.ruleset.name
  target      = local.ruleset.target
  enforcement = local.ruleset.enforcement

  conditions {
    ref_name {
      include = local.ruleset.include
      exclude = local.ruleset.exclude
    }
  }

  rules {
    deletion                = local.ruleset.rules.deletion
    non_fast_forward        = local.ruleset.rules.non_fast_forward
    required_linear_history = local.ruleset.rules.required_linear_history

    pull_request {
      required_approving_review_count   = local.ruleset.pull_request.required_approving_review_count
      dismiss_stale_reviews_on_push     = local.ruleset.pull_request.dismiss_stale_reviews_on_push
      require_code_owner_review         = local.ruleset.pull_request.require_code_owner_review
      require_last_push_approval        = local.ruleset.pull_request.require_last_push_approval
      required_review_thread_resolution = local.ruleset.pull_request.required_review_thread_resolution
    }
    required_status_checks {
      strict_required_status_checks_policy = local.ruleset.required_status_checks.strict_required_status_checks_policy

      dynamic "required_check" {
        for_each = local.ruleset.required_status_checks.checks
        content {
          context        = required_check.value
          integration_id = local.ruleset.required_status_checks.integration_id
        }
      }
    }
  }
}

resource "github_repository_ruleset" "push" {
  repository  = github_repository.this.name
  name        = local.push_ruleset.name
  target      = local.push_ruleset.target
  enforcement = local.push_ruleset.enforcement

  rules {
    file_path_restriction {
      restricted_file_paths = local.push_ruleset.restricted_file_paths
    }
  }

  dynamic "bypass_actors" {
    for_each = local.push_ruleset.passed_by
    content {
      actor_type  = "Team"
      actor_id    = data.github_team.reviewers[bypass_actors.value].id
      bypass_mode = local.push_ruleset.bypass_mode
    }
  }
}

resource "github_workflow_repository_permissions" "this" {
  repository                       = github_repository.this.name
  default_workflow_permissions     = local.workflows.default_workflow_permissions
  can_approve_pull_request_reviews = local.workflows.can_approve_pull_request_reviews
}

resource "github_actions_repository_permissions" "this" {
  repository           = github_repository.this.name
  allowed_actions      = local.actions.allowed_actions
  sha_pinning_required = local.actions.sha_pinning_required

  allowed_actions_config {
    github_owned_allowed = local.actions.github_owned_allowed
    verified_allowed     = local.actions.verified_allowed
    patterns_allowed     = local.actions.patterns_allowed
  }
}

resource "github_issue_label" "this" {
  for_each = local.labels

  repository  = github_repository.this.name
  name        = each.key
  color       = "b60205"
  description = each.value
}

data "github_team" "reviewers" {
  for_each = toset(var.infra_reviewers)

  slug         = each.value
  summary_only = true
}

resource "github_repository_environment" "this" {
  for_each = local.environments

  repository          = github_repository.this.name
  environment         = each.key
  can_admins_bypass   = false
  prevent_self_review = length(each.value.reviewers) > 0

  dynamic "reviewers" {
    for_each = length(each.value.reviewers) > 0 ? [each.value.reviewers] : []
    content {
      teams = [for team in reviewers.value : data.github_team.reviewers[team].id]
    }
  }
  dynamic "deployment_branch_policy" {
    for_each = each.value.branch[*]
    content {
      protected_branches     = false
      custom_branch_policies = true
    }
  }
}

resource "github_repository_environment_deployment_policy" "this" {
  for_each = { for name, environment in local.environments : name => environment.branch if environment.branch != null }

  repository     = github_repository.this.name
  environment    = github_repository_environment.this[each.key].environment
  branch_pattern = each.value
}

# The roles trust subjects of GitHub's own form: nobody chooses another.
resource "github_actions_repository_oidc_subject_claim_customization_template" "this" {
  repository  = github_repository.this.name
  use_default = true
}
