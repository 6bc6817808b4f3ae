# Drift: the plans that tell what differs from the code, by night and before a change is applied. It reads how things are set up,
# and no data.

locals {
  # What Terraform asks of what is there.
  looking = {
    Sid    = "ReadConfiguration"
    Effect = "Allow"
    Action = [
      "athena:GetWorkGroup", "athena:ListTagsForResource",
      "cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors", "cloudtrail:GetInsightSelectors", "cloudtrail:GetTrail",
      "cloudtrail:GetTrailStatus", "cloudtrail:ListTags",
      "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
      "ec2:Describe*",
      "ecr:Describe*", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource",
      "eks:Describe*", "eks:List*",
      "events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule",
      "glue:GetDatabase", "glue:GetPartitionIndexes", "glue:GetTable", "glue:GetTables", "glue:GetTags",
      "iam:GetOpenIDConnectProvider", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListOpenIDConnectProviders",
      "iam:ListPolicyVersions", "iam:ListRolePolicies",
      "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases", "kms:ListResourceTags",
      "logs:DescribeLogGroups", "logs:DescribeMetricFilters", "logs:ListTagsForResource",
      "rds:Describe*", "rds:ListTagsForResource",
      "s3:GetAccountPublicAccessBlock",
      "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource",
    ]
    Resource = "*"
  }
  looking_at_buckets = {
    Sid    = "ReadConfigurationOfBuckets"
    Effect = "Allow"
    Action = [
      "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration",
      "s3:GetReplicationConfiguration", "s3:ListBucket",
    ]
    Resource = local.buckets
  }

  # What AWS itself thinks of policies that it is shown.
  analyzing = {
    Sid      = "AskAccessAnalyzer"
    Effect   = "Allow"
    Action   = ["access-analyzer:CheckNoNewAccess", "access-analyzer:CheckNoPublicAccess"]
    Resource = "*"
  }

  drift = {
    for name in ["drift"] : name => {
      description = "Plans, by night and before a change: reads configuration, no data."
      trust       = local.from_github["drift"]
      hours       = 1
      rights = [
        local.looking,
        local.looking_at_buckets,
        local.analyzing,
        {
          Sid      = "ReadState"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = "${local.state}/*"
        },
      ]
    }
  }
}
