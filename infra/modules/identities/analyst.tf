# Analysts: the people of one reader group. They read what is published for that group, by themselves or through Athena, and write
# nothing but the results of their queries, which are for the group alone.

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
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = local.keys.prod
          Condition = local.via_s3
        },
        {
          Sid      = "ReadCatalog"
          Effect   = "Allow"
          Action   = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
          Resource = local.catalog
        },
        {
          Sid      = "Query"
          Effect   = "Allow"
          Action   = local.querying
          Resource = "arn:aws:athena:${var.region}:${local.account}:workgroup/${var.prefix}-${group}"
        },
        {
          # Athena writes and reads them with the rights of whoever asks.
          Sid      = "KeepResults"
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
          Resource = "${local.results}/${group}/*"
        },
        {
          Sid      = "FindResults"
          Effect   = "Allow"
          Action   = "s3:GetBucketLocation"
          Resource = local.results
        },
      ]
    }
  }

  # As the module `catalog` names them.
  catalog = [
    for what in ["catalog", "database/${local.database}", "table/${local.database}/*"] : "arn:aws:glue:${var.region}:${local.account}:${what}"
  ]
  database = "${replace(var.prefix, "-", "_")}_*"
  results  = "arn:aws:s3:::${var.prefix}-athena-prod"
  querying = [
    "athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetWorkGroup", "athena:StartQueryExecution", "athena:StopQueryExecution",
  ]
}
