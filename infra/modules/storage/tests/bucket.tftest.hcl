# One bucket, planned with the real provider, which asks nobody for that.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variables {
  policy    = "{}"
  lock_days = 14
  lifecycle_rules = [
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

run "a_bucket_that_is_locked" {
  command = plan
  module {
    source = "./bucket"
  }
  variables {
    name        = "company-prod"
    key_arn     = "arn:aws:kms:eu-central-1:222222222222:key/x"
    access_logs = "company-audit-prod"
  }

  assert {
    condition     = aws_s3_bucket.this.object_lock_enabled && aws_s3_bucket_object_lock_configuration.this[0].rule[0].default_retention[0].mode == "GOVERNANCE"
    error_message = "What is written is not locked."
  }
  assert {
    condition     = aws_s3_bucket_object_lock_configuration.this[0].rule[0].default_retention[0].days == 14
    error_message = "It is locked for another time than the contracts say."
  }
  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "It keeps no versions."
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls, aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls, aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "It could be made public."
  }
  assert {
    condition     = one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced"
    error_message = "An object in it has an ACL, or an owner of its own."
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    error_message = "It is encrypted without our key."
  }
  assert {
    condition     = aws_s3_bucket_logging.this[0].target_prefix == "access/company-prod/"
    error_message = "Its access logs lie where S3 may not deliver them."
  }
  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.id] == ["all", "raw"]
    error_message = "Its rules are others."
  }
  assert {
    condition     = one(aws_s3_bucket_lifecycle_configuration.this.rule[1].filter[0].and).tags == tomap({ lifecycle = "operational" })
    error_message = "A rule by tag is about more than it should."
  }
}

run "a_bucket_without_a_lock" {
  command = plan
  module {
    source = "./bucket"
  }
  variables {
    name      = "company-audit-prod"
    lock_days = null
  }

  assert {
    condition     = length(aws_s3_bucket_object_lock_configuration.this) == 0 && length(aws_s3_bucket_logging.this) == 0
    error_message = "S3 delivers no access logs to a bucket with a default retention, and none of it should log itself."
  }
  assert {
    condition     = one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced"
    error_message = "An object in it has an ACL, or an owner of its own."
  }
}
