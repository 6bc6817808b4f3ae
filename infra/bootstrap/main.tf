# The bucket of Terraform's states of an environment: what has to be there before anything else can be applied. Its own state is
# a file on the machine of whoever made it, and nothing is lost with that: see infra/README.md.

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.accounts[var.environment]]
}

locals {
  name = "${var.prefix}-state-${var.environment}"
  arn  = "arn:aws:s3:::${local.name}"
}

module "state" {
  source = "../modules/storage/bucket"
  name   = local.name
  policy = data.aws_iam_policy_document.state.json
  lifecycle_rules = [{
    id                                = "all: old states, interrupted uploads, markers"
    status                            = "Enabled"
    filter                            = { prefix = "" }
    expiration                        = { expired_object_delete_marker = true }
    noncurrent_version_expiration     = { noncurrent_days = 365 } # the way back from a state that went wrong
    abort_incomplete_multipart_upload = { days_after_initiation = 7 }
  }]
}

data "aws_iam_policy_document" "state" {
  statement {
    sid       = "NothingWithoutTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.arn, "${local.arn}/*"]
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

  # As of every bucket: see ../modules/storage/every.tf. Whoever makes the bucket does so before its policy is there.
  statement {
    sid    = "InfraAloneConfigures"
    effect = "Deny"
    actions = [
      "s3:Create*", "s3:Delete*", "s3:PauseReplication", "s3:Put*", "s3:TagResource", "s3:UntagResource", "s3:Update*",
    ]
    resources = [local.arn]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = ["arn:aws:iam::${var.accounts[var.environment]}:role/${var.prefix}-infra"]
    }
  }

  # Who of the account may is said by the identities: infra applies, drift looks.
  statement {
    sid       = "NobodyFromOutside"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.arn, "${local.arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalAccount"
      values   = [var.accounts[var.environment]]
    }
  }
}
