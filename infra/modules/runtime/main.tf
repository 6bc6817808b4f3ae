# What runs: registry (registry.tf), cluster (cluster.tf), who is let in there (access.tf), database (database.tf), network
# (network.tf), and the key of all of it (key.tf).

locals {
  name        = "${var.prefix}-${var.environment}"
  role_prefix = "arn:aws:iam::${var.account}:role/${var.prefix}"
  boundary    = "arn:aws:iam::${var.account}:policy/${var.prefix}-boundary"

  # CloudWatch takes only some numbers of days: the next one that is no shorter.
  log_days      = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
  log_retention = min([for days in local.log_days : days if days >= min(var.logs_days, 3653)]...)
  log_groups    = concat(["/aws/eks/${local.name}/cluster"], [for log in local.database_logs : "/aws/rds/instance/${local.name}/${log}"])
}

# Before what writes there, or AWS makes each itself, and keeps it for ever.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338: how long logs are kept is stated once, in defs/policy.yaml
  for_each = toset(local.log_groups)

  name              = each.key
  retention_in_days = local.log_retention
  kms_key_id        = aws_kms_key.runtime.arn
}
