# Structure alone: what the policies allow is asked in dataops_assets_tests/infrastructure/test_identities.py.

mock_provider "aws" {}

variables {
  environment       = "prod"
  prefix            = "company"
  region            = "eu-central-1"
  accounts          = { dev = "111111111111", prod = "222222222222" }
  github            = { owner = "company", owner_id = "1", repository = "data", repository_id = "2" }
  people            = { issuer = "people.example.com", audiences = { "analyst-operations" = "0a1b2c" } }
  reader_groups     = { analysts = "…", branches = "…", operations = "…" }
  readers_classes   = ["analysts+branches+operations"]
  lifecycle_classes = ["operational"]
  data_providers    = { weather = { name = "Weather service", landing = ["weather"] } }
}

run "prod_has_its_roles" {
  command = plan

  assert {
    condition = toset(keys(aws_iam_role.this)) == toset([
      "analyst-analysts", "analyst-operations", "break-glass", "code-server", "daemon", "deployer", "drift", "infra", "migration",
      "pipeline", "provider-weather", "webserver",
    ])
    error_message = "In prod there are: ${join(", ", keys(aws_iam_role.this))}."
  }
  assert {
    condition     = alltrue([for role in aws_iam_role.this : role.permissions_boundary == "arn:aws:iam::222222222222:policy/company-boundary"])
    error_message = "A role has no boundary, or another one."
  }
  assert {
    condition     = output.audiences["analyst-operations"] == "0a1b2c" && output.audiences["break-glass"] == "company-break-glass"
    error_message = "The audiences are not those that were given, and else the names of the roles."
  }
  assert {
    condition = { for name, pod in output.pods : name => "${pod.namespace}/${pod.service_account}" } == {
      code-server = "prod/code-server", daemon = "prod/daemon", migration = "migration/migration", pipeline = "prod/pipeline",
      webserver   = "prod/webserver"
    }
    error_message = "In prod, other pods than the pipeline's and Dagster's have a role."
  }
}

# Of what a name may be, the longest; each length has a precondition.
run "the_longest_names_fit_in_prod" {
  command = plan
  variables {
    prefix = "company-of-names"
    region = "ap-southeast-1"
  }
}

run "the_longest_names_fit_in_dev" {
  command = plan
  variables {
    environment = "dev"
    prefix      = "company-of-names"
    region      = "ap-southeast-1"
  }
}

run "dev_has_its_roles" {
  command = plan

  variables {
    environment = "dev"
  }

  assert {
    condition     = toset(keys(aws_iam_role.this)) == toset(["adhoc", "branch", "break-glass", "deployer", "drift", "engineer", "infra", "migration", "sweeper"])
    error_message = "In dev there are: ${join(", ", keys(aws_iam_role.this))}."
  }
}

run "one_account_for_both_is_refused" {
  command = plan

  variables {
    accounts = { dev = "222222222222", prod = "222222222222" }
  }
  expect_failures = [var.accounts]
}

run "a_group_that_would_match_others_is_refused" {
  command = plan

  variables {
    reader_groups = { branches = "…", "*" = "…" }
  }
  expect_failures = [var.reader_groups]
}

run "a_repository_that_would_make_another_subject_is_refused" {
  command = plan

  variables {
    github = { owner = "company", owner_id = "1", repository = "data:environment:infra", repository_id = "2" }
  }
  expect_failures = [var.github]
}

run "an_id_that_is_a_name_is_refused" {
  command = plan

  variables {
    github = { owner = "company", owner_id = "1", repository = "data", repository_id = "company/data" }
  }
  expect_failures = [var.github]
}

run "a_folder_with_a_wildcard_is_refused" {
  command = plan

  variables {
    data_providers = { weather = { name = "Weather service", landing = ["*"] } }
  }
  expect_failures = [var.data_providers]
}

run "an_audience_of_two_roles_is_refused" {
  command = plan

  variables {
    people = { issuer = "people.example.com", audiences = { "break-glass" = "company-analyst-operations" } }
  }
  expect_failures = [aws_iam_openid_connect_provider.people]
}

run "an_audience_of_nobody_is_refused" {
  command = plan

  variables {
    people = { issuer = "people.example.com", audiences = { "breakglass" = "x" } }
  }
  expect_failures = [aws_iam_openid_connect_provider.people]
}

run "more_than_a_policy_takes_is_refused" {
  command = plan

  variables {
    readers_classes = [for number in range(500) : "group-${number}+group-${number + 1}"]
  }
  expect_failures = [aws_iam_role_policy.this]
}

run "a_name_longer_than_that_of_a_role_is_refused" {
  command = plan

  variables {
    data_providers = { a-provider-with-a-name-that-is-longer-than-any-role-may-have = { name = "…", landing = ["weather"] } }
  }
  expect_failures = [aws_iam_role.this]
}
