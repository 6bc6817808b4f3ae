# Who queries: a workgroup for each reader group, since a result is a copy of what the group may read, and no other group's to see.

locals {
  results = "${var.prefix}-athena-prod"

  results_arn = "arn:aws:s3:::${local.results}"
  role        = "arn:aws:iam::${var.account}:role/${var.prefix}"
  groups      = { for name, description in var.reader_groups : name => description if name != "branches" }
}

resource "aws_athena_workgroup" "readers" {
  for_each = local.groups

  name          = "${var.prefix}-${each.key}"
  description   = substr(each.value, 0, 1024)
  force_destroy = true # of queries and their history: results lie in the bucket

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.most_bytes_scanned

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = "s3://${local.results}/${each.key}/"

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.kms_key_arn
      }
    }
  }

  depends_on = [aws_s3_bucket.results]
}

resource "aws_s3_bucket" "results" {
  # checkov:skip=CKV_AWS_21:a result is had again by asking again, so no versions are kept
  # checkov:skip=CKV_AWS_144:and no copy in another region, for the same reason
  # checkov:skip=CKV2_AWS_62:Athena itself tells when a result is there
  bucket        = local.results
  force_destroy = true # each can be had again by asking again
}

resource "aws_s3_bucket_ownership_controls" "results" {
  bucket = aws_s3_bucket.results.bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "results" {
  bucket = aws_s3_bucket.results.bucket

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "results" {
  bucket = aws_s3_bucket.results.bucket

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "results" {
  bucket = aws_s3_bucket.results.bucket

  rule {
    id     = "results"
    status = "Enabled"

    filter {
      prefix = ""
    }

    expiration {
      days = var.query_results_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = var.query_results_days
    }
  }
}

resource "aws_s3_bucket_logging" "results" {
  bucket = aws_s3_bucket.results.bucket

  target_bucket = var.audit_bucket
  target_prefix = "access/${local.results}/"
}

resource "aws_s3_bucket_policy" "results" {
  bucket = aws_s3_bucket.results.bucket

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.results_arn, "${local.results_arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        # As of every bucket: see every.tf in the module `storage`.
        Sid       = "InfraAloneConfigures"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:Create*", "s3:Delete*", "s3:PauseReplication", "s3:Put*", "s3:TagResource", "s3:UntagResource", "s3:Update*"]
        Resource  = local.results_arn
        Condition = { ArnNotEquals = { "aws:PrincipalArn" = "${local.role}-infra" } }
      },
      {
        # A result is a copy of data, and Athena writes and reads it in the name of whoever asks. Whose folder is which group's is
        # said by its role. What ends by rule is ended by S3, which asks no policy.
        Sid       = "AnalystsAlone"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = "${local.results_arn}/*"
        Condition = { ArnNotLike = { "aws:PrincipalArn" = "${local.role}-analyst-*" } }
      },
      {
        # Also should an allow be added here one day.
        Sid       = "NobodyFromOutside"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.results_arn, "${local.results_arn}/*"]
        Condition = { StringNotEquals = { "aws:PrincipalAccount" = var.account } }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.results] # S3 takes one change of a bucket at a time
}
