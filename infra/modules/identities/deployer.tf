# The deployer: CI's job that pushes an image and rolls it out. It has no right on data.

locals {
  deployer = {
    for name in ["deployer"] : name => {
      description = "CI: pushes images and rolls them out. No data."
      trust       = local.from_github[local.in_prod ? "prod" : "branch"]
      hours       = 1
      rights = [
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
      ]
    }
  }
}
