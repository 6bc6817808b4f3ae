output "state_bucket" {
  description = "The bucket that backend.hcl of the environment names."
  value       = module.state.name
}
