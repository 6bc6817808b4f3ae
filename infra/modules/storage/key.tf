# The key of all data of the environment.
#
# Nothing but this policy lets anybody use it, and there is no statement for the account as a whole: who may schedule its
# deletion could destroy everything at once, without touching an object. Principals are named by conditions, as in the buckets;
# beside this, the policy of the role itself has to allow it.

locals {
  both = ["kms:Decrypt", "kms:GenerateDataKey"] # an upload in parts is decrypted, too
  of_s3 = {
    prod = [
      {
        sid     = "WhoWritesThroughS3"
        actions = local.both
        account = local.account
        test    = "ArnLike"
        who     = ["${local.roles}-pipeline", "${local.roles}-provider-*"]
      },
      {
        # What somebody reads is said by the policies of the bucket and of his role; results of queries are written with it, too.
        sid     = "AnalystsThroughS3"
        actions = local.both
        account = local.account
        test    = "ArnLike"
        who     = ["${local.roles}-analyst-*"]
      },
      {
        sid     = "CodeServerReadsThroughS3"
        actions = ["kms:Decrypt"]
        account = local.account
        test    = "ArnEquals"
        who     = ["${local.roles}-code-server"]
      },
      {
        sid     = "DevReadsThroughS3"
        actions = ["kms:Decrypt"]
        account = var.accounts.dev
        test    = "ArnEquals"
        who     = ["${local.dev_roles}-adhoc", "${local.dev_roles}-branch", "${local.dev_roles}-engineer"]
      },
    ]
    dev = [
      {
        sid     = "WhoWritesThroughS3"
        actions = local.both
        account = local.account
        test    = "ArnLike"
        who     = ["${local.roles}-adhoc", "${local.roles}-branch", "${local.roles}-engineer", "${local.roles}-sweeper"]
      },
    ]
  }
}

resource "aws_kms_key" "data" {
  description             = "All data of ${var.environment}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
  tags                    = { Name = "${var.prefix}-data" }

  lifecycle {
    prevent_destroy = true # without it no byte of the bucket can be read
  }
}

resource "aws_kms_alias" "data" {
  name          = "alias/${var.prefix}-data"
  target_key_id = aws_kms_key.data.key_id
}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109: a key policy is about its own key, which `*` is here
  #checkov:skip=CKV_AWS_111: the same
  #checkov:skip=CKV_AWS_356: the same
  # Not CreateGrant, which would let use the key past this policy, and nothing that encrypts or decrypts.
  statement {
    sid = "InfraAloneAdministers"
    actions = [
      "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey",
      "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags",
      "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias",
      "kms:UpdateKeyDescription",
    ]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${local.account}:root"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = ["${local.roles}-infra"]
    }
  }

  # The nightly plan looks whether something differs.
  statement {
    sid       = "DriftLooks"
    actions   = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${local.account}:root"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = ["${local.roles}-drift"]
    }
  }

  # S3 asks for these with the rights of whoever writes or reads.
  dynamic "statement" {
    for_each = local.of_s3[var.environment]
    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = ["*"]
      principals {
        type        = "AWS"
        identifiers = ["arn:aws:iam::${statement.value.account}:root"]
      }
      condition {
        test     = statement.value.test
        variable = "aws:PrincipalArn"
        values   = statement.value.who
      }
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.region}.amazonaws.com"]
      }
    }
  }
}
