# Analysts: the people of one reader group. They read what is published for that group, and write nothing.

locals {
  # The group `branches` is that of branches and engineers.
  analyst_groups = [for group in keys(var.reader_groups) : group if local.in_prod && group != "branches"]

  analyst = {
    for group in local.analyst_groups : "analyst-${group}" => {
      description = "Reads what is published for ${group}."
      trust       = local.from_people["analyst-${group}"]
      hours       = 8
      rights = [
        {
          Sid       = "ReadPublished"
          Effect    = "Allow"
          Action    = "s3:GetObject"
          Resource  = [for zone in ["staged", "curated", "gate_results"] : "${local.prod}/${zone}/*"]
          Condition = { StringLike = { "s3:ExistingObjectTag/readers" = local.of_group[group] } }
        },
        {
          Sid      = "ListData"
          Effect   = "Allow"
          Action   = "s3:ListBucket"
          Resource = local.prod
        },
        {
          Sid       = "UseKey"
          Effect    = "Allow"
          Action    = "kms:Decrypt"
          Resource  = local.keys.prod
          Condition = local.via_s3
        },
        {
          Sid      = "ReadCatalog"
          Effect   = "Allow"
          Action   = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
          Resource = local.catalog
        },
      ]
    }
  }

  catalog = [for what in ["catalog", "database/*", "table/*"] : "arn:aws:glue:${var.region}:${local.account}:${what}"]
}
