# The pipeline: the runs of prod, in pods. It alone writes prod's data, and it removes nothing.

locals {
  # As in dataops_assets/storage/layout.py.
  written = [
    "raw", "staged", "quarantine", "curated", "gate_results",
    "_verdicts", "_provenance", "_sha256", "_erasures", "_deployment", "_doctor",
  ]
  tags_in_use = {
    "s3:RequestObjectTag/lifecycle" = sort(var.lifecycle_classes)
    "s3:RequestObjectTag/readers"   = sort(var.readers_classes)
  }

  pipeline = {
    for name in ["pipeline"] : name => {
      description = "Runs of prod: reads and writes its data, and removes nothing."
      trust       = local.from_pods[name]
      hours       = 1
      rights = [
        {
          # Older versions, locks and tags are looked at for erasures, by dataops lifecycle, and to bring back what is damaged.
          Sid    = "ReadData"
          Effect = "Allow"
          Action = [
            "s3:GetObject", "s3:GetObjectRetention", "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionTagging",
          ]
          Resource = "${local.prod}/*"
        },
        {
          Sid      = "Receive"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:GetObjectVersion"]
          Resource = "${local.landing}/*"
        },
        {
          # What it fetches for providers who drop nothing.
          Sid      = "DropWhatIsFetched"
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:PutObject"]
          Resource = "${local.landing}/landing/*"
        },
        {
          # The parts of a large object carry no tags, hence IfExists; what has tags needs the next statement, too.
          Sid       = "WriteData"
          Effect    = "Allow"
          Action    = ["s3:AbortMultipartUpload", "s3:PutObject"]
          Resource  = [for top in local.written : "${local.prod}/${top}/*"]
          Condition = { StringEqualsIfExists = local.tags_in_use }
        },
        {
          # Rules of the bucket end things by `lifecycle`, and who reads them goes by `readers`.
          Sid      = "TagData"
          Effect   = "Allow"
          Action   = "s3:PutObjectTagging"
          Resource = [for top in local.written : "${local.prod}/${top}/*"]
          Condition = {
            StringEquals                = local.tags_in_use
            "ForAllValues:StringEquals" = { "s3:RequestObjectTagKeys" = ["lifecycle", "readers"] }
          }
        },
        {
          Sid    = "ListData"
          Effect = "Allow"
          Action = concat(local.listing, [
            "s3:GetBucketObjectLockConfiguration", "s3:GetLifecycleConfiguration", "s3:ListBucketVersions",
          ])
          Resource = [local.prod, local.landing]
        },
        {
          Sid       = "UseKey"
          Effect    = "Allow"
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = local.keys.prod
          Condition = local.via_s3
        },
        local.sign_in["dagster"],
      ]
    } if local.in_prod
  }
}
