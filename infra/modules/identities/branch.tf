# Branches: the pods of one pull request. They read prod where `branches` may, and do what they like below their own name.

locals {
  # What reads through to prod does there, and what it does below its own prefix.
  through_to_prod = [
    {
      Sid       = "ReadProdForBranches"
      Effect    = "Allow"
      Action    = "s3:GetObject"
      Resource  = "${local.prod}/*"
      Condition = { StringLike = { "s3:ExistingObjectTag/readers" = local.of_group["branches"] } }
    },
    {
      # Not limited to prefixes: without the right to list, a store does not say whether something is absent or forbidden.
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
  ]
  in_own_prefix = [
    {
      Sid      = "ListDev"
      Effect   = "Allow"
      Action   = concat(local.listing, ["s3:ListBucketVersions"])
      Resource = local.data
    },
    {
      Sid       = "UseKey"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = local.keys.dev
      Condition = local.via_s3
    },
  ]
  in_area = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject", "s3:PutObjectTagging"]

  branch = {
    for name in ["branch"] : name => {
      description = "Pods of a pull request: read prod for branches, and write below branch/<namespace>."
      trust = [{
        Sid       = "PodOfAPullRequest"
        Effect    = "Allow"
        Principal = { Service = "pods.eks.amazonaws.com" }
        Action    = ["sts:AssumeRole", "sts:TagSession"]
        Condition = {
          StringEquals = {
            "aws:RequestTag/eks-cluster-arn"            = local.cluster
            "aws:RequestTag/kubernetes-service-account" = "branch"
          }
          StringLike    = { "aws:RequestTag/kubernetes-namespace" = "pr-?*" }
          StringNotLike = { "aws:RequestTag/kubernetes-namespace" = local.of_more_names }
        }
      }]
      hours = 1
      rights = concat([
        {
          Sid      = "OwnPrefix"
          Effect   = "Allow"
          Action   = concat(local.in_area, ["s3:DeleteObject", "s3:GetObjectVersion"])
          Resource = "${local.data}/branch/$${aws:PrincipalTag/kubernetes-namespace}/*"
        },
      ], local.in_own_prefix, local.through_to_prod)
    } if !local.in_prod
  }
}
