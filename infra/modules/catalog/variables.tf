variable "prefix" {
  description = "Begins the name of everything, as `company`. At most 16 characters, which the names of roles leave for it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}[a-z0-9]$", var.prefix))
    error_message = "A prefix is 3 to 16 small letters, digits and hyphens, a letter first: names of buckets and roles begin with it."
  }
}

variable "account" {
  description = "The AWS account of the bucket of results, whose roles its policy names."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "An account is 12 digits, as text."
  }
}

variable "audit_bucket" {
  description = "The bucket of access logs, once S3 may deliver there."
  type        = string
}

variable "kms_key_arn" {
  description = "The key by which results are encrypted: that of the environment, by which the data is."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/.+$", var.kms_key_arn))
    error_message = "Name the key by its ARN, as arn:aws:kms:<region>:<account>:key/<id>."
  }
}

variable "tables" {
  description = "The published datasets by zone and name. Written by `dataops export infra` from the contracts."
  type = map(map(object({
    description    = string
    columns        = list(object({ name = string, type = string, comment = string }))
    partition      = optional(object({ name = string, every = string, start = string, end = optional(string) }))
    classification = string
    owner          = string
    readers        = list(string)
  })))

  validation {
    condition     = alltrue([for zone in keys(var.tables) : contains(["staged", "curated"], zone)])
    error_message = "Tables are those of staged and curated: nothing else is published."
  }

  validation {
    condition = alltrue(flatten([
      for tables in var.tables : [
        for table in tables : table.partition == null ? true : contains(["day", "month", "year"], table.partition.every)
      ]
    ]))
    error_message = "A partition is a day, a month or a year."
  }

  validation {
    condition     = alltrue(flatten([for tables in var.tables : [for name in keys(tables) : can(regex("^[a-z][a-z0-9_]{0,62}$", name))]]))
    error_message = "A table is called by small letters, digits and _, a letter first, as the dataset is."
  }
}

variable "reader_groups" {
  description = "Reader groups by name, with who they are. Written by `dataops export infra` from the contracts."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.reader_groups) : can(regex("^[A-Za-z0-9_.-]{1,39}$", name))])
    error_message = "A group is called by at most 39 letters, digits, -, _ or .: a workgroup and a role are named after it."
  }
}

variable "query_results_days" {
  description = "For how many days results of queries are kept. Written by `dataops export infra` from the contracts."
  type        = number

  validation {
    condition     = var.query_results_days >= 1 && floor(var.query_results_days) == var.query_results_days
    error_message = "Results are kept for whole days, at least one."
  }
}

variable "most_bytes_scanned" {
  description = "How much one query may read: more, and it is ended. AWS bills what is read; 100 GB were 0.50 USD in 2025."
  type        = number
  default     = 100000000000

  validation {
    condition     = var.most_bytes_scanned >= 10000000
    error_message = "Athena takes no limit below 10 MB."
  }
}
