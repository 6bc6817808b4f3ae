# Ad-hoc areas: the pods that run people's queries. They read prod where any reader group may, and write below adhoc/ alone.

locals {
  adhoc = {
    for name in ["adhoc"] : name => {
      description = "Runs queries in ad-hoc areas: reads prod for reader groups, and writes below adhoc."
      trust       = local.from_pods[name]
      hours       = 1
      rights = [
        {
          Sid      = "Areas"
          Effect   = "Allow"
          Action   = local.in_area
          Resource = "${local.data}/adhoc/*"
        },
        {
          Sid      = "ListDev"
          Effect   = "Allow"
          Action   = concat(local.listing, local.telling_rules)
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
          # Which of them may be read for which area is up to the code: dataops_assets/areas/query.py.
          Sid       = "ReadProdForGroups"
          Effect    = "Allow"
          Action    = "s3:GetObject"
          Resource  = "${local.prod}/*"
          Condition = { StringLike = { "s3:ExistingObjectTag/readers" = flatten(values(local.of_group)) } }
        },
        {
          Sid      = "ListProd"
          Effect   = "Allow"
          Action   = local.looking_around
          Resource = local.prod
        },
        {
          Sid       = "UseKeyOfProd"
          Effect    = "Allow"
          Action    = "kms:Decrypt"
          Resource  = local.keys.prod
          Condition = local.via_s3
        },
        local.sign_in["dagster"],
      ]
    } if !local.in_prod
  }
}
