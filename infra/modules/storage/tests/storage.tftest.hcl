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
  accounts    = { dev = "111111111111", prod = "222222222222" }
  lock_days   = 14
  lifecycle_rules = {
    for bucket in ["audit", "dev", "landing", "prod"] : bucket => [
      {
        id                                = "all"
        status                            = "Enabled"
        filter                            = { prefix = "" }
        expiration                        = { expired_object_delete_marker = true }
        noncurrent_version_expiration     = { noncurrent_days = 30 }
        abort_incomplete_multipart_upload = { days_after_initiation = 7 }
      },
      {
        id         = "raw"
        status     = "Enabled"
        filter     = { and = { prefix = "raw/", tags = { lifecycle = "operational" } } }
        expiration = { days = 2555 }
        transition = { days = 90, storage_class = "GLACIER_IR" }
      },
    ]
  }
}

run "prod" {
  command = plan

  assert {
    condition     = alltrue([for one in jsondecode(data.aws_iam_policy_document.prod.json).Statement : one.Sid != ""])
    error_message = "A statement has no name."
  }
  assert {
    condition     = length(data.aws_iam_policy_document.prod.json) < 20480
    error_message = "S3 takes policies of at most 20 KB."
  }
  assert {
    condition     = alltrue([for one in jsondecode(data.aws_iam_policy_document.prod.json).Statement : one.Effect == "Deny" || one.Principal == { AWS = "arn:aws:iam::111111111111:root" }])
    error_message = "Somebody but dev's account is let in by the policy of the bucket."
  }
  assert {
    condition     = !strcontains(data.aws_iam_policy_document.prod.json, "provider") && !strcontains(data.aws_iam_policy_document.prod.json, "NotResource")
    error_message = "Providers stand in the policy of the data, or a part of it is left out of a ban."
  }
  assert {
    condition     = alltrue([for one in jsondecode(data.aws_iam_policy_document.landing.json).Statement : one.Effect == "Deny"])
    error_message = "Somebody is let in by the policy of landing."
  }
  assert {
    condition     = output.data_bucket == "company-prod" && output.landing_bucket == "company-landing" && output.audit_bucket == "company-audit-prod"
    error_message = "The buckets have other names."
  }
  assert {
    condition     = aws_kms_key.data.enable_key_rotation && aws_kms_key.data.deletion_window_in_days == 30
    error_message = "The key is not turned over, or gone too soon."
  }
}

run "dev" {
  command = plan
  variables {
    environment = "dev"
  }

  assert {
    condition     = output.data_bucket == "company-dev" && output.landing_bucket == null && output.audit_bucket == "company-audit-dev"
    error_message = "The buckets have other names."
  }
  assert {
    condition     = !strcontains(aws_kms_key.data.policy, "222222222222")
    error_message = "Prod's account may use the key of dev."
  }
}

run "one_account_for_both" {
  command = plan
  variables {
    accounts = { dev = "111111111111", prod = "111111111111" }
  }
  expect_failures = [var.accounts]
}

run "a_bucket_where_uploads_never_end" {
  command = plan
  variables {
    lifecycle_rules = {
      for bucket in ["audit", "dev", "landing", "prod"] : bucket => [{ id = "x", status = "Enabled", filter = { prefix = "" }, expiration = { days = 1 } }]
    }
  }
  expect_failures = [var.lifecycle_rules]
}
