output "data_bucket" {
  description = "The name of the bucket of the data."
  value       = module.data.name
}

output "landing_bucket" {
  description = "The name of the bucket that providers drop into; null in dev, which has none."
  value       = one(module.landing[*].name)
}

output "audit_bucket" {
  description = "The name of the bucket of access logs and trail, once CloudTrail may deliver there."
  value       = module.audit.name
}

output "key_arn" {
  description = "The ARN of the key of the data."
  value       = aws_kms_key.data.arn
}
