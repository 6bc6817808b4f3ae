# The bucket of access logs and of the trail: services of AWS write there, nobody else writes or removes.
# It has no object lock: S3 delivers no access logs to a bucket with a default retention.

data "aws_iam_policy_document" "audit" {
  source_policy_documents = [data.aws_iam_policy_document.every["audit"].json]

  dynamic "statement" {
    for_each = local.logged
    content {
      sid       = "S3DeliversAccessLogs${statement.key}"
      actions   = ["s3:PutObject"]
      resources = ["${local.audit_arn}/access/${statement.value}/*"]
      principals {
        type        = "Service"
        identifiers = ["logging.s3.amazonaws.com"]
      }
      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = ["arn:aws:s3:::${statement.value}"] # or the bucket of anybody could fill ours
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }

  # CloudTrail looks whose the bucket is before it delivers.
  statement {
    sid       = "CloudTrailLooks"
    actions   = ["s3:GetBucketAcl"]
    resources = [local.audit_arn]
    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.trail_arn]
    }
  }
  statement {
    sid       = "CloudTrailDelivers"
    actions   = ["s3:PutObject"]
    resources = ["${local.audit_arn}/trail/AWSLogs/${local.account}/*"]
    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.trail_arn]
    }
  }

  # Not even break-glass: what it did stands there.
  statement {
    sid    = "NobodyWritesOrRemovesWhatIsTold"
    effect = "Deny"
    actions = [
      "s3:AbortMultipartUpload", "s3:BypassGovernanceRetention", "s3:Delete*", "s3:InitiateReplication",
      "s3:ObjectOwnerOverrideToBucketOwner", "s3:Put*", "s3:Replicate*", "s3:RestoreObject", "s3:Update*",
    ]
    resources = ["${local.audit_arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "BoolIfExists" # whoever has not signed in is no service either
      variable = "aws:PrincipalIsAWSService"
      values   = ["false"]
    }
  }

}

locals {
  # The results of queries are in a bucket of the module catalog, in prod.
  logged = merge(
    { OfData = local.data },
    var.environment == "prod" ? { OfLanding = local.landing, OfQueries = "${var.prefix}-athena-prod" } : {}
  )

  # The trail itself is made by the module audit, after its bucket.
  trail_arn = "arn:aws:cloudtrail:${var.region}:${local.account}:trail/${var.prefix}-${var.environment}"
}
