variable "name" {
  description = "The name of the bucket."
  type        = string
}

variable "policy" {
  description = "The policy of the bucket, as JSON."
  type        = string
}

variable "key_arn" {
  description = "The KMS key of what lies there; null for the keys of S3 itself."
  type        = string
  default     = null
}

variable "lock_days" {
  description = "For how many days a version cannot be removed but by break-glass; null for none."
  type        = number
  default     = null
}

variable "access_logs" {
  description = "The bucket of the access logs, which lie there below `access/<name>/`; null for none."
  type        = string
  default     = null
}

variable "lifecycle_rules" {
  description = "What ends when: blocks `rule` of `aws_s3_bucket_lifecycle_configuration`."
  type = list(object({
    id     = string
    status = string
    filter = object({
      prefix = optional(string)
      and    = optional(object({ prefix = string, tags = map(string) }))
    })
    expiration                        = optional(object({ days = optional(number), expired_object_delete_marker = optional(bool) }))
    transition                        = optional(object({ days = number, storage_class = string }))
    noncurrent_version_expiration     = optional(object({ noncurrent_days = number }))
    abort_incomplete_multipart_upload = optional(object({ days_after_initiation = number }))
  }))
}
