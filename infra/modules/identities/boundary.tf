# The boundary of every role: what any of them may do at most, whatever its own policy says. A role that infra makes beside
# those here can do no more than this: no infrastructure, no removal outside of areas, no write beyond this environment.

locals {
  cluster_roles = ["cluster", "nodes"] # the module `runtime` makes them

  boundary_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          # Logs among them, by which the sweeper sees who reads. Not Terraform's state.
          Sid    = "ReadData"
          Effect = "Allow"
          Action = [
            "s3:GetBucketLocation", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketVersioning", "s3:GetLifecycleConfiguration",
            "s3:GetObject", "s3:GetObjectRetention", "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionTagging",
            "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListBucketVersions",
          ]
          Resource = flatten([for bucket in distinct(concat(local.written_buckets, [local.prod, local.audit])) : [bucket, "${bucket}/*"]])
        },
        {
          Sid      = "WriteData"
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectTagging"]
          Resource = [for bucket in local.written_buckets : "${bucket}/*"]
        },
        {
          Sid      = "QueryData"
          Effect   = "Allow"
          Action   = concat(local.querying, ["glue:Get*"])
          Resource = "*"
        },
        {
          Sid       = "UseKeys"
          Effect    = "Allow"
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = "*"
          Condition = local.via_s3
        },
      ],
      [for statement in [
        {
          Sid      = "EndAreas"
          Effect   = "Allow"
          Action   = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
          Resource = local.areas
        },
        {
          Sid       = "DeployerPassesBranch"
          Effect    = "Allow"
          Action    = "iam:PassRole"
          Resource  = "${local.role_prefix}-branch"
          Condition = { ArnEquals = { "aws:PrincipalArn" = "${local.role_prefix}-deployer" } }
        },
      ] : statement if !local.in_prod],
      [
        {
          Sid       = "BreakGlassAlone"
          Effect    = "Allow"
          Action    = ["s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectRetention"]
          Resource  = [for bucket in local.data_buckets : "${bucket}/*"]
          Condition = { ArnEquals = { "aws:PrincipalArn" = "${local.role_prefix}-break-glass" } }
        },
        {
          Sid       = "DeployerAlone"
          Effect    = "Allow"
          Action    = concat(["ecr:*", "eks:DescribeCluster"], local.in_prod ? [] : ["eks:CreatePodIdentityAssociation"])
          Resource  = "*"
          Condition = { ArnEquals = { "aws:PrincipalArn" = "${local.role_prefix}-deployer" } }
        },
        {
          # Their own policies say it in full; in full there is no room for it here, but for what data hangs on.
          Sid    = "WhoReadsConfiguration"
          Effect = "Allow"
          Action = concat(
            [for service in ["athena", "cloudtrail", "ecr", "iam", "sns"] : "${service}:Get*"],
            [for service in ["cloudtrail", "cloudwatch", "ec2", "ecr", "eks", "events", "logs", "rds"] : "${service}:Describe*"],
            [for service in ["athena", "cloudtrail", "cloudwatch", "ecr", "eks", "events", "iam", "logs", "rds", "sns"] : "${service}:List*"],
            [for action in local.looking.Action : action if can(regex("^(kms|s3):", action))],
            local.looking_at_buckets.Action,
            local.analyzing.Action,
          )
          Resource  = "*"
          Condition = { ArnEquals = { "aws:PrincipalArn" = ["${local.role_prefix}-drift", "${local.role_prefix}-infra"] } }
        },
        {
          Sid    = "InfraAlone"
          Effect = "Allow"
          Action = concat(
            [
              "athena:*", "cloudtrail:*", "cloudwatch:*", "ec2:*", "ecr:*", "eks:*", "events:*", "glue:*", "logs:*", "rds:*", "sns:*",
              "iam:CreateServiceLinkedRole", "iam:PassRole", "kms:CreateGrant", "kms:CreateKey", "secretsmanager:CreateSecret",
              "secretsmanager:TagResource",
              "iam:*OpenIDConnectProvider*", # by a pattern, as a boundary takes no more characters: beside changes, to look at them
            ],
            local.bucket_actions, local.key_actions, local.role_actions, local.plain_role_actions, local.boundary_actions,
          )
          Resource  = "*"
          Condition = { ArnEquals = { "aws:PrincipalArn" = "${local.role_prefix}-infra" } }
        },
        {
          Sid       = "WhoReadsState"
          Effect    = "Allow"
          Action    = "s3:GetObject"
          Resource  = "${local.state}/*"
          Condition = { ArnEquals = { "aws:PrincipalArn" = ["${local.role_prefix}-drift", "${local.role_prefix}-infra"] } }
        },
        {
          Sid       = "InfraAloneWritesState"
          Effect    = "Allow"
          Action    = ["s3:DeleteObject", "s3:PutObject"]
          Resource  = "${local.state}/*"
          Condition = { ArnEquals = { "aws:PrincipalArn" = "${local.role_prefix}-infra" } }
        },
        {
          # What the policies of these roles in the module `runtime` say in full; a boundary takes no more characters.
          Sid    = "ClusterAlone"
          Effect = "Allow"
          Action = [
            "ec2:*NetworkInterface", "ec2:*PrivateIpAddresses", "ec2:CreateTags", "ec2:Describe*", "ec2:ModifyNetworkInterfaceAttribute",
            "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:Get*",
            "eks:DescribeCluster", "eks-auth:AssumeRoleForPodIdentity", "kms:DescribeKey",
          ]
          Resource  = "*"
          Condition = { ArnEquals = { "aws:PrincipalArn" = [for name in local.cluster_roles : "${local.role_prefix}-${name}"] } }
        },
        {
          Sid      = "SignIn"
          Effect   = "Allow"
          Action   = "rds-db:connect"
          Resource = local.sign_in["dagster"].Resource
        },
        {
          Sid       = "MigrationAlone"
          Effect    = "Allow"
          Action    = ["rds-db:connect", "secretsmanager:GetSecretValue"]
          Resource  = "*"
          Condition = { ArnEquals = { "aws:PrincipalArn" = "${local.role_prefix}-migration" } }
        },
        {
          Sid      = "WriteLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "*"
        },
      ]
    )
  })
  data_buckets    = concat([local.data], [for landing in [local.landing] : landing if local.in_prod])
  written_buckets = concat(local.data_buckets, [for results in [local.results] : results if local.in_prod])
}

resource "aws_iam_policy" "boundary" {
  name        = "${var.prefix}-boundary"
  description = "What any role may do at most."
  policy      = local.boundary_policy

  lifecycle {
    precondition {
      condition     = length(local.boundary_policy) <= 6144
      error_message = "The boundary has ${length(local.boundary_policy)} characters, and AWS takes 6,144."
    }
  }
}
