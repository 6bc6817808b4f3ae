output "subjects" {
  description = "The subject of the tokens of each environment."
  value       = local.subjects
}
