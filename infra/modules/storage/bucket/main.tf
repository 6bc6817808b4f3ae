# One bucket of ours: versions, no ACLs, nothing public, encrypted, logged, and what lies there ends by rule.
# Who may do what there is for whoever names the bucket.

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144: what is lost with a region is made again from the provider's deliveries; a copy elsewhere is a choice of law and cost
  #checkov:skip=CKV2_AWS_62: nothing waits for a message; automation asks the bucket what is there
  #checkov:skip=CKV_AWS_18: the bucket of the logs does not log itself, or each log would make another; all others do
  #checkov:skip=CKV_AWS_145: S3 delivers access logs to no bucket with a KMS key as its default; all others have one
  bucket              = var.name
  object_lock_enabled = var.lock_days != null

  lifecycle {
    prevent_destroy = true # data that is gone does not come back; so it is with what keeps it, below
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.bucket
  versioning_configuration {
    status = "Enabled"
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_object_lock_configuration" "this" {
  count  = var.lock_days == null ? 0 : 1
  bucket = aws_s3_bucket.this.bucket
  rule {
    default_retention {
      mode = "GOVERNANCE" # not COMPLIANCE: who has a right to be erased is erased, by break-glass
      days = var.lock_days
    }
  }
  depends_on = [aws_s3_bucket_versioning.this]

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.bucket
  rule {
    bucket_key_enabled = var.key_arn != null # else each object asks KMS, and costs
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.key_arn
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.bucket
  rule {
    object_ownership = "BucketOwnerEnforced" # there are no ACLs then
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.bucket
  policy = var.policy

  # After all else, since it lets nobody but infra configure the bucket, and that of Terraform's states is made by somebody else. To
  # be public it is kept from before: S3 takes one change of a bucket at a time.
  depends_on = [
    aws_s3_bucket_lifecycle_configuration.this, aws_s3_bucket_logging.this, aws_s3_bucket_object_lock_configuration.this,
    aws_s3_bucket_ownership_controls.this, aws_s3_bucket_public_access_block.this,
    aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_versioning.this,
  ]

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_logging" "this" {
  count         = var.access_logs == null ? 0 : 1
  bucket        = aws_s3_bucket.this.bucket
  target_bucket = var.access_logs
  target_prefix = "access/${var.name}/"
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  #checkov:skip=CKV_AWS_300: the rule for all gives up interrupted uploads; those by tag cannot
  bucket     = aws_s3_bucket.this.bucket
  depends_on = [aws_s3_bucket_versioning.this]

  dynamic "rule" {
    for_each = var.lifecycle_rules
    content {
      id     = rule.value.id
      status = rule.value.status

      filter {
        prefix = rule.value.filter.prefix
        dynamic "and" {
          for_each = rule.value.filter.and[*]
          content {
            prefix = and.value.prefix
            tags   = and.value.tags
          }
        }
      }
      dynamic "expiration" {
        for_each = rule.value.expiration[*]
        content {
          days                         = expiration.value.days
          expired_object_delete_marker = expiration.value.expired_object_delete_marker
        }
      }
      dynamic "transition" {
        for_each = rule.value.transition[*]
        content {
          days          = transition.value.days
          storage_class = transition.value.storage_class
        }
      }
      dynamic "noncurrent_version_expiration" {
        for_each = rule.value.noncurrent_version_expiration[*]
        content {
          noncurrent_days = noncurrent_version_expiration.value.noncurrent_days
        }
      }
      dynamic "abort_incomplete_multipart_upload" {
        for_each = rule.value.abort_incomplete_multipart_upload[*]
        content {
          days_after_initiation = abort_incomplete_multipart_upload.value.days_after_initiation
        }
      }
    }
  }
}
