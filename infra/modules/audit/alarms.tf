# Who is told: one topic for all alarms, and what leads there.

resource "aws_sns_topic" "alarms" {
  name              = "${var.prefix}-alarms"
  kms_master_key_id = aws_kms_key.audit.arn
}

resource "aws_sns_topic_subscription" "email" {
  topic_arn = aws_sns_topic_policy.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_sns_topic_policy" "alarms" {
  arn        = local.topic_arn # by its name: what is planned says then whose policy it is, and where below alarms go
  policy     = data.aws_iam_policy_document.topic.json
  depends_on = [aws_sns_topic.alarms]
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "OurRulesTell"
    actions   = ["sns:Publish"]
    resources = [local.topic_arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:aws:events:${var.region}:${var.account}:rule/${var.prefix}-*"]
    }
  }
  statement {
    sid       = "OurAlarmsTell"
    actions   = ["sns:Publish"]
    resources = [local.topic_arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:aws:cloudwatch:${var.region}:${var.account}:alarm:${var.prefix}-*"]
    }
  }
}

locals {
  topic_arn = "arn:aws:sns:${var.region}:${var.account}:${var.prefix}-alarms"
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each      = local.patterns
  name          = "${var.prefix}-${each.key}"
  description   = "See infra/modules/audit/patterns.tf"
  event_pattern = each.value
  state         = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" # also what only looks, as AssumeRole does for CloudTrail
}

resource "aws_cloudwatch_event_target" "this" {
  for_each  = local.patterns
  rule      = aws_cloudwatch_event_rule.this[each.key].name
  target_id = "alarms"
  arn       = aws_sns_topic_policy.alarms.arn

  # A sentence, since somebody reads it at night. What is absent stays empty.
  input_transformer {
    input_paths = {
      at        = "$.detail.eventTime"
      event     = "$.detail.eventID"
      from      = "$.detail.sourceIPAddress"
      key       = "$.detail.requestParameters.key"
      principal = "$.detail.userIdentity.principalId"
      what      = "$.detail.eventName"
      who       = "$.detail.userIdentity.arn"
    }
    input_template = "\"${var.prefix}-${each.key}: <what> <key> in ${var.environment} by <who> (<principal>), from <from>, at <at>. Event <event> of the trail; what it means: infra/modules/audit/README.md\""
  }
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each       = local.filters
  name           = "${var.prefix}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.trail.name
  pattern        = each.value.pattern
  metric_transformation {
    namespace = var.prefix
    name      = each.key
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "found" {
  for_each            = local.filters
  alarm_name          = "${var.prefix}-${each.key}"
  alarm_description   = "${each.value.meaning} Look for it in the log group of the trail: ${each.value.pattern}"
  namespace           = var.prefix
  metric_name         = each.key
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic_policy.alarms.arn]
}

# Filters find nothing in a log group that nothing comes into: the role of the trail, its key or the trail itself may be why.
resource "aws_cloudwatch_metric_alarm" "silent" {
  alarm_name          = "${var.prefix}-trail-silent"
  alarm_description   = "For an hour the trail has written nothing into its log group, so no filter finds anything: look at the trail and its role."
  namespace           = "AWS/Logs"
  metric_name         = "IncomingLogEvents"
  dimensions          = { LogGroupName = aws_cloudwatch_log_group.trail.name }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching" # where nothing comes there is no metric
  alarm_actions       = [aws_sns_topic_policy.alarms.arn]
}

# An alarm that reaches nobody is none.
resource "aws_cloudwatch_metric_alarm" "untold" {
  for_each            = local.patterns
  alarm_name          = "${var.prefix}-${each.key}-untold"
  alarm_description   = "The rule found something, and could not tell it: look at what it found in the trail."
  namespace           = "AWS/Events"
  metric_name         = "FailedInvocations"
  dimensions          = { RuleName = aws_cloudwatch_event_rule.this[each.key].name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic_policy.alarms.arn]
}
