output "roles" {
  description = "The ARN of each role, by its name without the prefix."
  value       = { for name in keys(aws_iam_role.this) : name => "${local.role_prefix}-${name}" } # from names: who is let in where is known before
}

output "boundary" {
  description = "The ARN of the boundary that every role has."
  value       = local.boundary
}

output "pods" {
  description = "The service account of each role that is for pods, by the name of the role. A namespace for each pull request comes and goes: those are not among them."
  value       = local.pods
}

output "subjects" {
  description = "The subject of GitHub's tokens that each role for CI trusts, by the environment of the repository."
  value       = local.subjects
}

output "audiences" {
  description = "The audience whose tokens open each role for people and providers."
  value       = local.audiences
}
