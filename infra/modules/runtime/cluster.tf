# The cluster and its machines.

resource "aws_eks_cluster" "this" {
  #checkov:skip=CKV_AWS_38: from where it is reached is `reached_from`, which takes no range of everybody
  #checkov:skip=CKV_AWS_339: it is a value, and AWS refuses one that it does not support
  #checkov:skip=CKV_AWS_39: the same; by default it is reached from its network alone
  name                      = local.name
  version                   = var.cluster.version
  role_arn                  = aws_iam_role.service["cluster"].arn
  enabled_cluster_log_types = ["api", "audit", "authenticator", "controllerManager", "scheduler"]

  access_config {
    authentication_mode = "API"
    # Nobody is let in for having made it: access.tf says who is.
    bootstrap_cluster_creator_admin_permissions = false
  }
  encryption_config {
    resources = ["secrets"]
    provider {
      key_arn = aws_kms_key.runtime.arn
    }
  }
  vpc_config {
    subnet_ids              = [for zone in var.network.zones : aws_subnet.private[zone].id]
    endpoint_private_access = true
    endpoint_public_access  = length(var.reached_from) > 0
    public_access_cidrs     = length(var.reached_from) > 0 ? var.reached_from : null
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.service]
}

resource "aws_eks_addon" "before_machines" {
  for_each = toset(["eks-pod-identity-agent", "kube-proxy", "vpc-cni"])

  cluster_name = aws_eks_cluster.this.name
  addon_name   = each.key
}

resource "aws_eks_addon" "on_machines" {
  cluster_name = aws_eks_cluster.this.name
  addon_name   = "coredns"

  depends_on = [aws_eks_node_group.this]
}

resource "aws_launch_template" "machines" {
  name                   = "${local.name}-machines"
  update_default_version = true

  # Of one hop, so that no pod reaches the credentials of its machine.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size = 100 # what runs read of a bucket lies there meanwhile
      volume_type = "gp3"
      encrypted   = true
    }
  }
}

resource "aws_eks_node_group" "this" {
  cluster_name    = aws_eks_cluster.this.name
  node_group_name = "machines"
  node_role_arn   = aws_iam_role.service["nodes"].arn
  subnet_ids      = [for zone in var.network.zones : aws_subnet.private[zone].id]
  instance_types  = [var.cluster.machine]
  ami_type        = can(regex("^[a-z]+[0-9]+g[a-z]*\\.", var.cluster.machine)) ? "AL2023_ARM_64_STANDARD" : "AL2023_x86_64_STANDARD"

  launch_template {
    id      = aws_launch_template.machines.id
    version = aws_launch_template.machines.latest_version
  }
  scaling_config {
    min_size     = var.cluster.machines.least
    desired_size = var.cluster.machines.least
    max_size     = var.cluster.machines.most
  }
  update_config {
    max_unavailable = 1
  }

  lifecycle {
    ignore_changes = [scaling_config[0].desired_size] # an autoscaler's
  }
  depends_on = [aws_eks_addon.before_machines, aws_iam_role_policy.service]
}
