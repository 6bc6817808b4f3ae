# Prod's bucket: who may do what there, whatever a policy of his own says.
#
# Each statement says which actions, and who alone is left out of the ban. `aws:PrincipalArn` is the ARN of the role behind a
# session. Whoever has none (nobody signed in, a service of AWS) is banned as well, since a negated condition holds for what
# is missing. Actions are written with wildcards where what AWS may add must be banned, too.

data "aws_iam_policy_document" "prod" {
  source_policy_documents = [data.aws_iam_policy_document.every["data"].json, data.aws_iam_policy_document.written["data"].json]

  # The sentence that all else is for. Rules of the bucket and of access go by tags; one that comes with an object needs the right
  # to tag, too.
  statement {
    sid       = "ThePipelineAloneWrites"
    effect    = "Deny"
    actions   = ["s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload"]
    resources = ["${local.data_arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = ["${local.roles}-pipeline"]
    }
  }

  # Nor does the pipeline, once an object lies there: another class would end it sooner. While an object is put, S3 tells nothing
  # of the tags of the one before (S3 User Guide, "Tagging and access control policies"), so this is about changing tags alone.
  statement {
    sid       = "NobodyChangesTags"
    effect    = "Deny"
    actions   = ["s3:PutObjectTagging"]
    resources = ["${local.data_arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Null"
      variable = "s3:ExistingObjectTag/lifecycle"
      values   = ["false"]
    }
  }

  # Everything is written on the condition of what lies there, so of two writers one loses, and nothing is overwritten unseen.
  # The parts of a large object come without; what completes it has them.
  statement {
    sid       = "NothingIsOverwrittenUnseen"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${local.data_arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Null"
      variable = "s3:if-none-match"
      values   = ["true"]
    }
    condition {
      test     = "Null"
      variable = "s3:if-match"
      values   = ["true"]
    }
    condition {
      test     = "Bool"
      variable = "s3:ObjectCreationOperation"
      values   = ["true"]
    }
  }

  # Between two accounts both sides must allow. The roles of dev read what was published for `branches`, whatever dev's own
  # policies say.
  statement {
    sid       = "BranchesReadWhatIsForThem"
    actions   = ["s3:GetObject"]
    resources = ["${local.data_arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.accounts.dev}:root"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = ["${local.dev_roles}-branch", "${local.dev_roles}-engineer"]
    }
    condition {
      test     = "StringLike"
      variable = "s3:ExistingObjectTag/readers"
      values   = local.for_branches
    }
  }
  # Queries are for any reader group, so that which group may read what is told by the policy of the role; never what has none.
  statement {
    sid       = "QueriesReadWhatHasReaders"
    actions   = ["s3:GetObject"]
    resources = ["${local.data_arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.accounts.dev}:root"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = ["${local.dev_roles}-adhoc"]
    }
    condition {
      test     = "Null"
      variable = "s3:ExistingObjectTag/readers"
      values   = ["false"]
    }
  }
  # Without a listing S3 does not say whether something is absent or forbidden.
  statement {
    sid       = "DevLists"
    actions   = ["s3:ListBucket", "s3:GetBucketVersioning"]
    resources = [local.data_arn]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.accounts.dev}:root"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = ["${local.dev_roles}-adhoc", "${local.dev_roles}-branch", "${local.dev_roles}-engineer"]
    }
  }
}
