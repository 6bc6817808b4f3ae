# Who did what: a trail of all that is asked of AWS in the account, and of each object that is read or written in prod.
#
# Here: the trail and where it goes. Not here: what alarms (alarms.tf, patterns.tf), its key (key.tf), its bucket (module storage).

locals {
  name      = "${var.prefix}-${var.environment}"
  data_arn  = "arn:aws:s3:::${local.name}"
  landing   = "${var.prefix}-landing"
  trail_arn = "arn:aws:cloudtrail:${var.region}:${var.account}:trail/${local.name}"
  log_group = "/${var.prefix}/trail"
  log_arn   = "arn:aws:logs:${var.region}:${var.account}:log-group:${local.log_group}"
  role      = "arn:aws:iam::${var.account}:role/${var.prefix}"
}

resource "aws_cloudtrail" "this" {
  #checkov:skip=CKV_AWS_252: alarms go by events, minutes after them; a message for each delivered file says nothing more
  name                          = local.name
  s3_bucket_name                = var.bucket
  s3_key_prefix                 = "trail"
  is_multi_region_trail         = true # who signs in elsewhere is seen, too
  include_global_service_events = true
  enable_log_file_validation    = true # a log that somebody changed does not match its digest
  kms_key_id                    = aws_kms_key.audit.arn
  cloud_watch_logs_group_arn    = "${local.log_arn}:*"
  cloud_watch_logs_role_arn     = aws_iam_role.trail.arn

  advanced_event_selector {
    name = "What is asked of AWS"
    field_selector {
      field  = "eventCategory"
      equals = ["Management"]
    }
  }
  dynamic "advanced_event_selector" {
    for_each = var.environment == "prod" ? ["prod"] : [] # areas of dev are told by access logs, which cost nothing
    content {
      name = "Objects of prod"
      field_selector {
        field  = "eventCategory"
        equals = ["Data"]
      }
      field_selector {
        field  = "resources.type"
        equals = ["AWS::S3::Object"]
      }
      field_selector {
        field       = "resources.ARN"
        starts_with = ["${local.data_arn}/", "arn:aws:s3:::${local.landing}/"]
      }
    }
  }
  depends_on = [aws_cloudwatch_log_group.trail, aws_iam_role_policy.trail]

  lifecycle {
    prevent_destroy = true # what is done while it is gone is told nowhere
  }
}

resource "aws_cloudwatch_log_group" "trail" {
  #checkov:skip=CKV_AWS_338: how long is stated in policy.yaml; the bucket keeps it for longer
  name              = local.log_group
  retention_in_days = var.logs_days
  kms_key_id        = aws_kms_key.audit.arn
}

# CloudTrail writes into the log group as this role.
resource "aws_iam_role" "trail" {
  name                 = "${var.prefix}-trail"
  assume_role_policy   = data.aws_iam_policy_document.trail_trust.json
  permissions_boundary = "arn:aws:iam::${var.account}:policy/${var.prefix}-boundary"
}

resource "aws_iam_role_policy" "trail" {
  name   = "trail"
  role   = aws_iam_role.trail.name
  policy = data.aws_iam_policy_document.trail.json
}

data "aws_iam_policy_document" "trail_trust" {
  statement {
    sid     = "OurTrailAlone"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.trail_arn]
    }
  }
}

data "aws_iam_policy_document" "trail" {
  statement {
    sid       = "WritesLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_arn}:log-stream:${var.account}_CloudTrail_${var.region}*"]
  }
}
