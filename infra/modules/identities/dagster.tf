# Dagster's services in prod, beside the runs, which are the pipeline. They look, and write no data.
#
# The code server holds our code, and evaluates sensors: they look at what has arrived, and compare storage with what Dagster
# knows. Webserver and daemon ask it and the database, and no bucket. What they may do in the cluster is in deploy/rbac.

locals {
  services_of_dagster = {
    for name, description in {
      webserver = "Dagster's webserver: its database, no data."
      daemon    = "Dagster's daemon, which launches runs: its database, no data."
    } :
    name => {
      description = description
      trust       = local.from_pods[name]
      hours       = 1
      rights      = [local.sign_in["dagster"]]
    } if local.in_prod
  }

  code_server = {
    for name in ["code-server"] : name => {
      description = "Dagster's code server: its sensors look at what has arrived and is published."
      trust       = local.from_pods[name]
      hours       = 1
      rights = [
        {
          # Manifests and markers of what was dropped, which each contract names as it likes.
          Sid      = "ReadLanding"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = "${local.landing}/landing/*"
        },
        {
          # Receipts, verdicts, records; and of what is published its hash, which S3 tells to nobody who may not read the object.
          Sid    = "ReadWhatIsTold"
          Effect = "Allow"
          Action = "s3:GetObject"
          Resource = [
            for below in ["raw/*/_deliveries", "staged", "curated", "gate_results", "_verdicts", "_provenance"] : "${local.prod}/${below}/*"
          ]
        },
        {
          Sid      = "ListData"
          Effect   = "Allow"
          Action   = "s3:ListBucket"
          Resource = [local.landing, local.prod]
        },
        {
          Sid       = "UseKey"
          Effect    = "Allow"
          Action    = "kms:Decrypt"
          Resource  = local.keys.prod
          Condition = local.via_s3
        },
        local.sign_in["dagster"],
      ]
    } if local.in_prod
  }
}
