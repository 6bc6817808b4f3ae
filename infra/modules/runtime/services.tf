# The roles of the cluster and of its machines. What they may do is written out: a policy of AWS's own may grow without anybody
# here looking. Sources: EKS User Guide, "Amazon EKS cluster IAM role", the custom policy; AWS Managed Policy Reference,
# AmazonEKSWorkerNodePolicy, AmazonEKS_CNI_Policy, AmazonEC2ContainerRegistryPullOnly.

locals {
  services = {
    cluster = {
      service = "eks.amazonaws.com"
      rights = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid       = "TagMachines"
            Effect    = "Allow"
            Action    = "ec2:CreateTags"
            Resource  = "arn:aws:ec2:${var.region}:${var.account}:instance/*"
            Condition = { "ForAnyValue:StringLike" = { "aws:TagKeys" = "kubernetes.io/cluster/*" } }
          },
          {
            Sid    = "SeeMachines"
            Effect = "Allow"
            Action = [
              "ec2:DescribeAvailabilityZones", "ec2:DescribeDhcpOptions", "ec2:DescribeInstanceTopology", "ec2:DescribeInstances",
              "ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcs", "kms:DescribeKey",
            ]
            Resource = "*"
          },
        ]
      })
    }
    nodes = {
      service = "ec2.amazonaws.com"
      rights = jsonencode({
        Version = "2012-10-17"
        Statement = [
          {
            Sid    = "JoinCluster"
            Effect = "Allow"
            Action = [
              "ec2:DescribeInstanceTypes", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeRouteTables",
              "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeTags", "ec2:DescribeVolumes",
              "ec2:DescribeVolumesModifications", "ec2:DescribeVpcs", "eks:DescribeCluster", "eks-auth:AssumeRoleForPodIdentity",
            ]
            Resource = "*"
          },
          {
            Sid    = "GivePodsAddresses"
            Effect = "Allow"
            Action = [
              "ec2:AssignPrivateIpAddresses", "ec2:AttachNetworkInterface", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
              "ec2:DetachNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute", "ec2:UnassignPrivateIpAddresses",
            ]
            Resource = "*"
          },
          {
            Sid      = "TagAddresses"
            Effect   = "Allow"
            Action   = "ec2:CreateTags"
            Resource = "arn:aws:ec2:${var.region}:${var.account}:network-interface/*"
          },
          {
            # Also images of AWS's own, of the add-ons, which lie in its registries.
            Sid      = "PullImages"
            Effect   = "Allow"
            Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer"]
            Resource = "*"
          },
        ]
      })
    }
  }
}

resource "aws_iam_role" "service" {
  for_each = local.services

  name                 = "${var.prefix}-${each.key}"
  permissions_boundary = local.boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TheService"
      Effect    = "Allow"
      Principal = { Service = each.value.service }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "service" {
  #checkov:skip=CKV_AWS_290: machines and addresses have names that AWS chooses; AWS's own policies for these roles name none either
  #checkov:skip=CKV_AWS_355: the same
  for_each = local.services

  name   = "rights"
  role   = aws_iam_role.service[each.key].name
  policy = each.value.rights
}
