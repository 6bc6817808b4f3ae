variable "environment" {
  description = "Which one this is."
  type        = string
  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "An environment is dev or prod."
  }
}

variable "prefix" {
  description = "What every name begins with."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}[a-z0-9]$", var.prefix))
    error_message = "A prefix is 3 to 16 small letters, digits and hyphens, a letter first: names of buckets and roles begin with it."
  }
}

variable "region" {
  description = "The region of all that is made."
  type        = string
}

variable "accounts" {
  description = "The AWS account of each environment."
  type        = object({ dev = string, prod = string })
  validation {
    condition     = alltrue([for account in values(var.accounts) : can(regex("^[0-9]{12}$", account))])
    error_message = "An account is its 12 digits."
  }
  validation {
    condition     = var.accounts.dev != var.accounts.prod
    error_message = "Dev and prod are two accounts: else who is admitted to the one is admitted to the other."
  }
}

variable "lock_days" {
  description = "For how many days nothing that was written in prod can be removed but by break-glass."
  type        = number
  validation {
    condition     = var.lock_days >= 1 && var.lock_days == floor(var.lock_days)
    error_message = "Object lock counts in whole days, at least one."
  }
}

variable "lifecycle_rules" {
  description = "By bucket, what ends when, as `dataops export infra` writes it."
  type = map(list(object({
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
  })))
  validation {
    condition     = toset(keys(var.lifecycle_rules)) == toset(["audit", "dev", "landing", "prod"])
    error_message = "There are rules for the buckets audit, dev, landing and prod."
  }
  validation {
    condition     = alltrue([for rules in values(var.lifecycle_rules) : length(rules) >= 1 && length(rules) <= 1000])
    error_message = "S3 takes 1 to 1,000 rules for a bucket."
  }
  validation {
    condition     = alltrue([for rules in values(var.lifecycle_rules) : anytrue([for rule in rules : rule.abort_incomplete_multipart_upload != null && rule.noncurrent_version_expiration != null && rule.filter.prefix == ""])])
    error_message = "Each bucket has a rule for all of it, without a prefix, that ends old versions and interrupted uploads."
  }
}
