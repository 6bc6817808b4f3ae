output "topic_arn" {
  description = "The topic that leads alarms to people."
  value       = aws_sns_topic.alarms.arn
}
