# Plans with the real provider, which asks nobody for that: so policies are those that would be applied.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variables {
  environment = "prod"
  prefix      = "company"
  region      = "eu-central-1"
  account     = "222222222222"
  bucket      = "company-audit-prod"
  logs_days   = 90
  alarm_email = "alarms@example.com"
}

run "prod" {
  command = plan

  assert {
    condition     = keys(aws_cloudwatch_event_rule.this) == ["break-glass-acts", "break-glass-taken", "configured-by-others", "prod-landing-written", "prod-written", "unguarded"]
    error_message = "Other things alarm."
  }
  assert {
    condition     = keys(aws_cloudwatch_log_metric_filter.this) == ["break-glass", "identities-changed-by-others", "root-used", "rules-changed", "trail-role-changed"] && keys(aws_cloudwatch_metric_alarm.found) == keys(aws_cloudwatch_log_metric_filter.this)
    error_message = "Other things are looked for in the log group, or found and not told."
  }
  assert {
    condition     = keys(aws_cloudwatch_event_target.this) == keys(aws_cloudwatch_event_rule.this) && keys(aws_cloudwatch_metric_alarm.untold) == keys(aws_cloudwatch_event_rule.this)
    error_message = "A rule tells nobody, or nobody hears that it could not."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.silent.dimensions.LogGroupName == aws_cloudwatch_log_group.trail.name && aws_cloudwatch_metric_alarm.silent.treat_missing_data == "breaching"
    error_message = "Nobody hears of a log group that nothing comes into."
  }
  assert {
    condition     = alltrue([for rule in aws_cloudwatch_event_rule.this : length(rule.event_pattern) <= 2048])
    error_message = "EventBridge takes patterns of at most 2,048 characters."
  }
  assert {
    condition     = aws_cloudtrail.this.is_multi_region_trail && aws_cloudtrail.this.enable_log_file_validation && aws_cloudtrail.this.enable_logging
    error_message = "The trail does not tell everything, or not so that it can be proved."
  }
  assert {
    condition     = aws_cloudtrail.this.cloud_watch_logs_group_arn == "arn:aws:logs:eu-central-1:222222222222:log-group:${aws_cloudwatch_log_group.trail.name}:*"
    error_message = "The trail tells another log group than the one in which is looked for what alarms."
  }
  assert {
    condition = anytrue([
      for selector in aws_cloudtrail.this.advanced_event_selector : anytrue([
        for field in selector.field_selector : field.field == "resources.ARN" && field.starts_with == tolist(["arn:aws:s3:::company-prod/", "arn:aws:s3:::company-landing/"])
      ])
    ])
    error_message = "The trail does not tell of the objects of prod and its landing."
  }
  assert {
    condition     = alltrue([for filter in aws_cloudwatch_log_metric_filter.this : length(filter.pattern) <= 1024])
    error_message = "CloudWatch takes filters of at most 1,024 characters."
  }
  assert {
    condition     = aws_iam_role.trail.permissions_boundary == "arn:aws:iam::222222222222:policy/company-boundary"
    error_message = "A role without a boundary."
  }
}

run "dev" {
  command = plan
  variables {
    environment = "dev"
    account     = "111111111111"
    bucket      = "company-audit-dev"
  }

  assert {
    condition     = keys(aws_cloudwatch_event_rule.this) == ["break-glass-acts", "break-glass-taken", "configured-by-others", "unguarded"] && length(aws_cloudwatch_metric_alarm.found) == 5
    error_message = "In dev everybody writes: that is no alarm."
  }
  assert {
    condition     = length(aws_cloudtrail.this.advanced_event_selector) == 1
    error_message = "The trail of dev tells of objects, which costs."
  }
}

run "a_time_that_cloudwatch_does_not_know" {
  command = plan
  variables {
    logs_days = 91
  }
  expect_failures = [var.logs_days]
}
