# Prod's bucket: who may do what there, whatever a policy of his own says.
#
# Each statement says which actions, and who alone is left out of the ban. `aws:PrincipalArn` is the ARN of the role behind a
# session. Whoever has none (nobody signed in, a service of AWS) is banned as well, since a negated condition holds for what
# is missing. Actions are written with wildcards where what AWS may add must be banned, too.

data "aws_iam_policy_document" "prod" {
  source_policy_documents = [data.aws_iam_policy_document.every["data"].json]

  # The sentence that all else is for. Providers are let in here, and kept to landing by the next statement.
  statement {
    sid       = "ThePipelineAloneWrites"
    effect    = "Deny"
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${local.data_arn}/*"]
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

  # Which folder of landing is whose stands in the policy of each provider.
  statement {
    sid           = "ProvidersWriteToLandingAlone"
    effect        = "Deny"
    actions       = ["s3:PutObject", "s3:AbortMultipartUpload"]
    not_resources = ["${local.data_arn}/landing/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:PrincipalArn"
      values   = ["${local.roles}-provider-*"]
    }
  }

  # Rules of the bucket and of access go by tags. A tag that comes with an object needs this right, too.
  statement {
    sid       = "ThePipelineAloneTags"
    effect    = "Deny"
    actions   = ["s3:PutObjectTagging"]
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
  # Providers know no conditions. The parts of a large object come without; what completes it has them.
  statement {
    sid           = "NothingIsOverwrittenUnseen"
    effect        = "Deny"
    actions       = ["s3:PutObject"]
    not_resources = ["${local.data_arn}/landing/*"]
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

  # A copy takes bytes, tags and metadata from elsewhere, past every gate.
  statement {
    sid       = "NothingIsCopiedThere"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${local.data_arn}/*"]
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
    resources = ["${local.data_arn}/*"]
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
    resources = ["${local.data_arn}/*"]
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
    resources = ["${local.data_arn}/*"]
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
    resources = ["${local.data_arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
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
