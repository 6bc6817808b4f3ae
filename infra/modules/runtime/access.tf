# Who is let into the cluster: pods into their roles, the deployer and infra into the cluster. People come by its own rules, not by
# these roles.

resource "aws_eks_pod_identity_association" "this" {
  for_each = var.pods

  cluster_name    = aws_eks_cluster.this.name
  namespace       = each.value.namespace
  service_account = each.value.service_account
  role_arn        = var.roles[each.key]
}

# What the group may do, and in which namespaces, is said in the cluster: deploy/rbac.
resource "aws_eks_access_entry" "deployer" {
  cluster_name      = aws_eks_cluster.this.name
  principal_arn     = var.roles["deployer"]
  kubernetes_groups = ["deployers"]
}

# Somebody has to say so in there, and make namespaces. After a review, like everything that infra does.
resource "aws_eks_access_entry" "infra" {
  cluster_name  = aws_eks_cluster.this.name
  principal_arn = var.roles["infra"]
}

resource "aws_eks_access_policy_association" "infra" {
  cluster_name  = aws_eks_cluster.this.name
  principal_arn = aws_eks_access_entry.infra.principal_arn
  policy_arn    = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

  access_scope {
    type = "cluster"
  }
}
