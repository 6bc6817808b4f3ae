# Break-glass: people with a second factor, for an hour, when something must go that nobody else can remove. It lifts locks in
# governance mode, and removes objects and versions; what lay there before stands again then. It reads no data and writes none,
# and does not touch what is told of it. Every use raises an alarm (module `audit`).

locals {
  break_glass = {
    for name in ["break-glass"] : name => {
      description = "People in an emergency: removes versions and lifts locks. Every use raises an alarm."
      trust       = local.from_people[name]
      hours       = 1
      rights = [
        {
          Sid    = "RemoveAndUnlock"
          Effect = "Allow"
          Action = [
            "s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectRetention",
          ]
          Resource = [for bucket in local.data_buckets : "${bucket}/*"]
        },
        {
          # Landing locks nothing, and its policy tells this role of nothing that lies there.
          Sid      = "SeeLocks"
          Effect   = "Allow"
          Action   = "s3:GetObjectRetention"
          Resource = "${local.data}/*"
        },
        {
          Sid      = "ListData"
          Effect   = "Allow"
          Action   = concat(local.looking_around, ["s3:ListBucketVersions"])
          Resource = local.data_buckets
        },
      ]
    }
  }
}
