# The key of what is kept here: secrets in the cluster, the database, images, logs. Not that of the data, which is the module `storage`'s.

locals {
  key_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "InfraAloneAdministers"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${var.account}:root" }
        Action = [
          "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey",
          "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags", "kms:PutKeyPolicy",
          "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
        ]
        Resource  = "*"
        Condition = { ArnEquals = { "aws:PrincipalArn" = "${local.role_prefix}-infra" } }
      },
      {
        # Cluster, database and registry use the key by a grant of whoever makes them.
        Sid       = "InfraLetsServicesUseIt"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${var.account}:root" }
        Action    = "kms:CreateGrant"
        Resource  = "*"
        Condition = {
          ArnEquals = { "aws:PrincipalArn" = "${local.role_prefix}-infra" }
          Bool      = { "kms:GrantIsForAWSResource" = "true" }
        }
      },
      {
        Sid       = "DriftAndClusterLook"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${var.account}:root" }
        Action    = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]
        Resource  = "*"
        Condition = { ArnEquals = { "aws:PrincipalArn" = ["${local.role_prefix}-cluster", "${local.role_prefix}-drift"] } }
      },
      {
        Sid       = "LogsAreEncrypted"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
        Resource  = "*"
        Condition = {
          StringEquals = {
            "kms:EncryptionContext:aws:logs:arn" = [for name in local.log_groups : "arn:aws:logs:${var.region}:${var.account}:log-group:${name}"]
          }
        }
      },
    ]
  })
}

resource "aws_kms_key" "runtime" {
  description             = "Secrets of the cluster, database, images and logs of ${var.environment}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.key_policy

  lifecycle {
    prevent_destroy = true # what it encrypts is lost with it: database, backups, images
  }
}

resource "aws_kms_alias" "runtime" {
  name          = "alias/${var.prefix}-runtime"
  target_key_id = aws_kms_key.runtime.key_id
}
