# The bucket of areas: who writes where is said by the identities of this account, and nobody else is let in.

data "aws_iam_policy_document" "dev" {
  source_policy_documents = [data.aws_iam_policy_document.every["data"].json]

  # Also should an allow be added here one day.
  statement {
    sid       = "NobodyFromOutside"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.data_arn, "${local.data_arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalAccount"
      values   = [var.accounts.dev]
    }
  }

}
