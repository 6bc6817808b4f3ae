output "cluster" {
  description = "The name of the cluster, and where its API is."
  value       = { name = aws_eks_cluster.this.name, endpoint = aws_eks_cluster.this.endpoint }
}

output "registry" {
  description = "Where images are pushed to and pulled from."
  value       = aws_ecr_repository.this.repository_url
}

output "database" {
  description = "Where the database is, its name, and the secret that holds its password."
  value = {
    address = aws_db_instance.this.address
    name    = aws_db_instance.this.db_name
    secret  = one(aws_db_instance.this.master_user_secret[*].secret_arn)
  }
}

output "key" {
  description = "The ARN of the key of cluster, database, images and logs."
  value       = aws_kms_key.runtime.arn
}
