# The deployer: CI's job that pushes an image and rolls it out. It has no right on data. In dev it binds the service account of a
# new branch's namespace to the role of branches, too.

locals {
  deployer = {
    for name in ["deployer"] : name => {
      description = "CI: pushes images and rolls them out. No data."
      trust       = local.from_github[local.in_prod ? "prod" : "branch"]
      hours       = 1
      rights = concat([
        {
          Sid      = "EnterRegistry"
          Effect   = "Allow"
          Action   = "ecr:GetAuthorizationToken"
          Resource = "*"
        },
        {
          Sid    = "PushImages"
          Effect = "Allow"
          Action = [
            "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
            "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
          ]
          Resource = local.registry
        },
        {
          # What it may do in there is said by the cluster: the module `runtime` lets it in as the group `deployers`.
          Sid      = "FindCluster"
          Effect   = "Allow"
          Action   = "eks:DescribeCluster"
          Resource = local.cluster
        },
      ], [for statement in local.binding_branches : statement if !local.in_prod])
    }
  }

  # IAM has no condition for whose service account is bound. What holds is that it may hand on this role alone, and that the role
  # trusts none but the service account `branch` of a namespace `pr-…`. It unbinds nobody: that changes what is there.
  binding_branches = [
    {
      Sid      = "BindServiceAccounts"
      Effect   = "Allow"
      Action   = "eks:CreatePodIdentityAssociation"
      Resource = local.cluster
    },
    {
      Sid       = "PassBranchToPods"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = "${local.role_prefix}-branch"
      Condition = { StringEquals = { "iam:PassedToService" = "pods.eks.amazonaws.com" } }
    },
  ]
}
