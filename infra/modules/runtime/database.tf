# Dagster's database. Its password is made and kept by AWS (Secrets Manager), so neither code nor state has it.

locals {
  database_logs = ["postgresql", "upgrade"]
}

resource "aws_db_subnet_group" "this" {
  name       = local.name
  subnet_ids = [for zone in var.network.zones : aws_subnet.private[zone].id]
}

resource "aws_security_group" "database" {
  name        = "${local.name}-database"
  description = "The database is reached from the machines of the cluster alone."
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  security_group_id            = aws_security_group.database.id
  description                  = "From the machines of the cluster."
  referenced_security_group_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  from_port                    = 5432
  to_port                      = 5432
  ip_protocol                  = "tcp"
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${local.name}-"
  family      = "postgres${split(".", var.database.version)[0]}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  parameter {
    name  = "log_statement"
    value = "ddl"
  }
  parameter {
    name  = "log_min_duration_statement"
    value = "1000" # ms
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_118: what is told of a second finer than a minute is of no use for records of runs
  #checkov:skip=CKV_AWS_157: whether a second zone stands by is said for each environment
  identifier     = local.name
  engine         = "postgres"
  engine_version = var.database.version
  instance_class = var.database.machine
  db_name        = "dagster"
  multi_az       = var.database.standby

  allocated_storage     = var.database.disk_gib
  max_allocated_storage = var.database.disk_gib_max
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.runtime.arn

  username                            = "postgres" # it makes the roles of deploy/postgres/roles.sql, and is none of them
  manage_master_user_password         = true
  iam_database_authentication_enabled = true

  db_subnet_group_name   = aws_db_subnet_group.this.name
  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]

  backup_retention_period   = var.backups_days
  copy_tags_to_snapshot     = true
  deletion_protection       = true
  delete_automated_backups  = false
  skip_final_snapshot       = false
  final_snapshot_identifier = "${local.name}-last"

  auto_minor_version_upgrade      = true
  enabled_cloudwatch_logs_exports = local.database_logs
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.runtime.arn

  depends_on = [aws_cloudwatch_log_group.this]
}
