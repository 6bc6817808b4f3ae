output "name" {
  description = "The name of the bucket, once it is there and its policy counts."
  value       = aws_s3_bucket.this.bucket
  depends_on  = [aws_s3_bucket_policy.this]
}
