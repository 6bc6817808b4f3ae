output "databases" {
  description = "The databases of Glue by zone."
  value       = local.databases
}

output "workgroups" {
  description = "The workgroups of Athena by reader group."
  value       = { for group in keys(local.groups) : group => "${var.prefix}-${group}" }
}

output "results_bucket" {
  description = "The bucket of results, in which each group has a folder of its own."
  value       = local.results
}
