# What holds for the repository, as plain values: a test reads them without the provider. main.tf says them to GitHub.

locals {
  main = "main"

  # Of the branch that prod runs. Nobody passes by: there is no list of those who may.
  ruleset = {
    name        = "main"
    target      = "branch"
    enforcement = "active"
    include     = ["~DEFAULT_BRANCH"]
    exclude     = []

    rules = {
      deletion                = true
      non_fast_forward        = true
      required_linear_history = true
    }
    pull_request = {
      required_approving_review_count   = 1
      dismiss_stale_reviews_on_push     = true
      require_code_owner_review         = true
      require_last_push_approval        = true # by somebody else than who pushed last
      required_review_thread_resolution = true
    }
    required_status_checks = {
      strict_required_status_checks_policy = true # what is tested is what main becomes
      checks                               = var.checks
      integration_id                       = 15368 # GitHub Actions: else whoever may push says of his own commit that a check passed
    }
  }

  # Of every push to any branch: who may say what a job does. A workflow that asks for `checks: write` has GitHub Actions say of any
  # commit that a check has passed, so a branch alone would be enough for that. A list for pushes knows no pull requests: who passes
  # by, does so always.
  push_ruleset = {
    name                  = "workflows"
    target                = "push"
    enforcement           = "active"
    restricted_file_paths = [".github/actions/**/*", ".github/workflows/**/*"]
    passed_by             = var.infra_reviewers
    bypass_mode           = "always"
  }

  # Of the token that each job has. Were it let approve, whoever may push could have his own change approved by a job of his.
  workflows = { default_workflow_permissions = "read", can_approve_pull_request_reviews = false }

  # Which actions of others a job may run: these alone, each by the hash of a commit, as a tag can be moved to other code.
  actions = {
    allowed_actions      = "selected"
    sha_pinning_required = true
    github_owned_allowed = false
    verified_allowed     = false
    patterns_allowed = [for action in [
      "actions/checkout", "actions/download-artifact", "actions/upload-artifact",
      "aws-actions/configure-aws-credentials", "hashicorp/setup-terraform",
    ] : "${action}@*"]
  }

  # What workflows look for, and what it means.
  labels = {
    widens-access = "Somebody may do more after this, and that is meant."
    drift         = "AWS is not as main says."
  }

  # Which branch may act as the environment, and who agrees before. To each belongs a role: infra/modules/identities.
  environments = {
    prod   = { branch = local.main, reviewers = [] }                  # nobody is waited for; no digest is held to what was tested yet
    infra  = { branch = local.main, reviewers = var.infra_reviewers } # may change every policy
    drift  = { branch = local.main, reviewers = [] }                  # looks by night
    branch = { branch = null, reviewers = [] }                        # of any pull request, in dev alone
  }

  # What GitHub writes into the tokens of each, as long as nobody chooses another form: the first of both for a repository from
  # before 15 July 2026 that was not moved or renamed since and has not chosen the second.
  subjects = {
    for name in keys(local.environments) : name => [for repository in [
      "${var.github.owner}/${var.github.repository}",
      "${var.github.owner}@${var.github.owner_id}/${var.github.repository}@${var.github.repository_id}",
    ] : "repo:${repository}:environment:${name}"]
  }
}
