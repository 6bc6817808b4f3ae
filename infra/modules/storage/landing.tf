# Prod's landing: providers drop there, and the pipeline receives it from there. It is a bucket of its own, so that nobody from
# outside stands in the policy of the data.
#
# It is not locked: raw is, and holds every file that was received. What somebody drops in place of another file leaves that one
# as an old version, for as long as the rules say.

data "aws_iam_policy_document" "landing" {
  source_policy_documents = [data.aws_iam_policy_document.every["landing"].json, data.aws_iam_policy_document.written["landing"].json]

  # The pipeline drops what it fetches itself. Which folder is whose stands in the policy of each provider; on the condition of
  # what lies there is nothing written, since providers know none.
  statement {
    sid       = "ProvidersAndThePipelineDrop"
    effect    = "Deny"
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${local.landing_arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnNotLike"
      variable = "aws:PrincipalArn"
      values   = ["${local.roles}-pipeline", "${local.roles}-provider-*"]
    }
  }

  # What no gate has seen is for nobody's eyes: not for who brought it, and not for an analyst. Sensors read manifests.
  statement {
    sid       = "NobodyElseReads"
    effect    = "Deny"
    actions   = ["s3:GetObject*"]
    resources = ["${local.landing_arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = ["${local.roles}-pipeline", "${local.roles}-code-server"]
    }
  }

  # Rules go by folder there.
  statement {
    sid       = "NobodyTags"
    effect    = "Deny"
    actions   = ["s3:PutObjectTagging"]
    resources = ["${local.landing_arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
  }
}
