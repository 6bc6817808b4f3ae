# What holds for every bucket of ours; their own policies begin with it.

data "aws_iam_policy_document" "every" {
  for_each = { data = local.data_arn, landing = local.landing_arn, audit = local.audit_arn }

  # Whoever listens on the way learns nothing.
  statement {
    sid       = "NothingWithoutTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value, "${each.value}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # The powers that are not called delete, and undo all else: lifecycle, versioning, this policy, the lock, replication,
  # encryption, ownership, the block of public access, logging, the bucket itself.
  statement {
    sid    = "InfraAloneConfigures"
    effect = "Deny"
    actions = [
      "s3:Create*", "s3:Delete*", "s3:PauseReplication", "s3:Put*", "s3:TagResource", "s3:UntagResource", "s3:Update*",
    ]
    resources = [each.value]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = ["${local.roles}-infra"]
    }
  }
}

# What holds for both buckets of prod that are written by roles of ours: its data, and landing.

data "aws_iam_policy_document" "written" {
  for_each = { data = local.data_arn, landing = local.landing_arn }

  # A copy takes bytes, tags and metadata from elsewhere, past every gate.
  statement {
    sid       = "NothingIsCopiedThere"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${each.value}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Null"
      variable = "s3:x-amz-copy-source"
      values   = ["false"]
    }
  }

  # What is encrypted with another key is lost to everyone without it. The default of the bucket is the right one.
  statement {
    sid       = "NobodyChoosesTheEncryption"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${each.value}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Null"
      variable = "s3:x-amz-server-side-encryption"
      values   = ["false"]
    }
  }
  statement {
    sid       = "NobodyBringsAKey"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${each.value}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Null"
      variable = "s3:x-amz-server-side-encryption-customer-algorithm"
      values   = ["false"]
    }
  }

  # Objects, versions, tags; and the lock that keeps versions. What ends by rule is ended by S3, which asks no policy.
  statement {
    sid       = "BreakGlassAloneRemovesAndUnlocks"
    effect    = "Deny"
    actions   = ["s3:Delete*", "s3:PutObjectRetention", "s3:BypassGovernanceRetention"]
    resources = ["${each.value}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = ["${local.roles}-break-glass"]
    }
  }

  # What nobody needs: ACLs, tags of old versions, legal holds, writing as a replica, other encryption, other owners.
  statement {
    sid    = "NobodyDoesTheRest"
    effect = "Deny"
    actions = [
      "s3:InitiateReplication", "s3:ObjectOwnerOverrideToBucketOwner", "s3:PutObjectA*", "s3:PutObjectLegalHold",
      "s3:PutObjectVersion*", "s3:Replicate*", "s3:RestoreObject", "s3:Update*",
    ]
    resources = ["${each.value}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
  }
}
