# The sweeper: ends areas. It moves and removes versions below four prefixes of the dev bucket, and knows nothing of prod.

locals {
  areas = [for top in ["adhoc", "branch", "dev", "trash"] : "${local.data}/${top}/*"]

  sweeper = {
    for name in ["sweeper"] : name => {
      description = "Ends areas: moves and removes what lies below adhoc, branch, dev and trash."
      trust       = local.from_pods[name]
      hours       = 1
      rights = [
        {
          # To move is to copy each version with its tags, and to remove it by its id.
          Sid    = "MoveAndEndAreas"
          Effect = "Allow"
          Action = concat(local.in_area, [
            "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionTagging",
          ])
          Resource = local.areas
        },
        {
          Sid      = "ListDev"
          Effect   = "Allow"
          Action   = concat(local.listing, local.telling_rules, ["s3:ListBucketVersions"])
          Resource = local.data
        },
        {
          Sid       = "UseKey"
          Effect    = "Allow"
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = local.keys.dev
          Condition = local.via_s3
        },
        {
          # By which it is seen that an area is read by others than us.
          Sid      = "ReadAccessLogs"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = "${local.audit}/${local.access_logs}*"
        },
        {
          Sid       = "ListAccessLogs"
          Effect    = "Allow"
          Action    = "s3:ListBucket"
          Resource  = local.audit
          Condition = { StringLike = { "s3:prefix" = "${local.access_logs}*" } }
        },
        local.sign_in["dagster"],
      ]
    } if !local.in_prod
  }

  access_logs = "access/${var.prefix}-dev/" # as the module `storage` has them delivered
}
