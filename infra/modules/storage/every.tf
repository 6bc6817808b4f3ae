# What holds for every bucket of ours; their own policies begin with it.

data "aws_iam_policy_document" "every" {
  for_each = { data = local.data_arn, audit = local.audit_arn }

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
