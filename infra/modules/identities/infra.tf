# Infra: CI's job that applies this code, after a review. It alone changes buckets, keys, roles and the boundary. It reads
# no data and writes none, makes no user, and no role without the boundary.

locals {
  roles        = "${local.role_prefix}-*"
  with_account = "${var.region}:${local.account}"

  # The boundary lets it do just these, too.
  bucket_actions = [
    "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucketLogging", "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging",
    "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
  ]
  key_actions = [
    "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DisableKey", "kms:EnableKey*",
    "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
  ]
  role_actions = ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
  plain_role_actions = [
    "iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
    "iam:UpdateRoleDescription", # Terraform asks for a new description by this, not by UpdateRole
  ]
  boundary_actions = [
    "iam:CreatePolicy*", "iam:DeletePolicy*", "iam:TagPolicy", "iam:UntagPolicy",
  ]
  federation_actions = [
    "iam:AddClientIDToOpenIDConnectProvider", "iam:CreateOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider",
    "iam:RemoveClientIDFromOpenIDConnectProvider", "iam:TagOpenIDConnectProvider", "iam:UntagOpenIDConnectProvider",
    "iam:UpdateOpenIDConnectProviderThumbprint",
  ]

  infra = {
    for name in ["infra"] : name => {
      description = "CI after a review: applies the infrastructure. No data."
      trust       = local.from_github["infra"]
      hours       = 1
      rights = [
        local.looking,
        local.looking_at_buckets,
        {
          Sid      = "Buckets"
          Effect   = "Allow"
          Action   = local.bucket_actions
          Resource = local.buckets
        },
        {
          Sid      = "State"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:PutObject"]
          Resource = "${local.state}/*"
        },
        {
          Sid      = "UnlockState"
          Effect   = "Allow"
          Action   = "s3:DeleteObject"
          Resource = "${local.state}/*.tflock"
        },
        {
          # No role is made, given rights, or given another boundary, unless it has this one.
          Sid       = "RolesWithBoundary"
          Effect    = "Allow"
          Action    = local.role_actions
          Resource  = local.roles
          Condition = { ArnEquals = { "iam:PermissionsBoundary" = local.boundary } }
        },
        {
          Sid      = "Roles"
          Effect   = "Allow"
          Action   = local.plain_role_actions
          Resource = local.roles
        },
        {
          Sid      = "Boundary"
          Effect   = "Allow"
          Action   = local.boundary_actions
          Resource = local.boundary
        },
        {
          Sid      = "Federation"
          Effect   = "Allow"
          Action   = local.federation_actions
          Resource = values(local.federated)
        },
        {
          Sid      = "RolesOfServices"
          Effect   = "Allow"
          Action   = "iam:CreateServiceLinkedRole"
          Resource = [for service in ["eks", "eks-nodegroup", "rds"] : "arn:aws:iam::${local.account}:role/aws-service-role/${service}.amazonaws.com/*"]
        },
        {
          Sid       = "PassToPods"
          Effect    = "Allow"
          Action    = "iam:PassRole"
          Resource  = [for role in keys(local.pods) : "${local.role_prefix}-${role}"]
          Condition = { StringEquals = { "iam:PassedToService" = "pods.eks.amazonaws.com" } }
        },
        {
          Sid       = "PassToCluster"
          Effect    = "Allow"
          Action    = "iam:PassRole"
          Resource  = [for name in local.cluster_roles : "${local.role_prefix}-${name}"]
          Condition = { StringEquals = { "iam:PassedToService" = ["ec2.amazonaws.com", "eks.amazonaws.com"] } }
        },
        {
          Sid       = "PassToTrail"
          Effect    = "Allow"
          Action    = "iam:PassRole"
          Resource  = "${local.role_prefix}-trail"
          Condition = { StringEquals = { "iam:PassedToService" = "cloudtrail.amazonaws.com" } }
        },
        {
          Sid      = "MakeKeys"
          Effect   = "Allow"
          Action   = "kms:CreateKey"
          Resource = "*"
        },
        {
          Sid      = "Keys"
          Effect   = "Allow"
          Action   = local.key_actions
          Resource = [local.keys[var.environment], "arn:aws:kms:${local.with_account}:alias/${var.prefix}-*"]
        },
        {
          # The database and the cluster use their key by a grant of whoever makes them.
          Sid       = "KeysForServices"
          Effect    = "Allow"
          Action    = "kms:CreateGrant"
          Resource  = local.keys[var.environment]
          Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" } }
        },
        {
          Sid    = "Registry"
          Effect = "Allow"
          Action = [
            "ecr:CreateRepository", "ecr:DeleteLifecyclePolicy", "ecr:DeleteRepository", "ecr:PutImageScanningConfiguration",
            "ecr:PutImageTagMutability", "ecr:PutLifecyclePolicy", "ecr:TagResource", "ecr:UntagResource",
          ]
          Resource = local.registry
        },
        {
          Sid    = "Runtime"
          Effect = "Allow"
          Action = [
            "ec2:Allocate*", "ec2:Associate*", "ec2:Attach*", "ec2:Authorize*", "ec2:Create*", "ec2:Delete*", "ec2:Detach*",
            "ec2:Disassociate*", "ec2:Modify*", "ec2:Release*", "ec2:ReplaceRoute*", "ec2:Revoke*",
            "ec2:RunInstances", # EKS asks whether whoever makes a node group may use its template
            "eks:Associate*", "eks:Create*", "eks:Delete*", "eks:Disassociate*", "eks:TagResource", "eks:UntagResource", "eks:Update*",
            "rds:AddTagsToResource", "rds:CreateDBInstance", "rds:CreateDBParameterGroup", "rds:CreateDBSubnetGroup",
            "rds:DeleteDBInstance", "rds:DeleteDBParameterGroup", "rds:DeleteDBSubnetGroup", "rds:ModifyDBInstance",
            "rds:ModifyDBParameterGroup", "rds:ModifyDBSubnetGroup", "rds:RemoveTagsFromResource",
            "secretsmanager:CreateSecret", "secretsmanager:TagResource",
          ]
          Resource = "*"
        },
        {
          Sid    = "AuditAndCatalog"
          Effect = "Allow"
          Action = [
            "athena:CreateWorkGroup", "athena:DeleteWorkGroup", "athena:TagResource", "athena:UntagResource", "athena:UpdateWorkGroup",
            "cloudtrail:AddTags", "cloudtrail:CreateTrail", "cloudtrail:DeleteTrail", "cloudtrail:PutEventSelectors",
            "cloudtrail:RemoveTags", "cloudtrail:StartLogging", "cloudtrail:UpdateTrail",
            "cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource",
            "events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:TagResource", "events:UntagResource",
            "glue:CreateDatabase", "glue:CreateTable", "glue:DeleteDatabase", "glue:DeleteTable", "glue:TagResource", "glue:UntagResource",
            "glue:UpdateDatabase", "glue:UpdateTable",
            "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:PutMetricFilter",
            "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource",
            "sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource",
            "sns:Unsubscribe", "sns:UntagResource",
          ]
          Resource = "*"
        },
      ]
    }
  }
}
