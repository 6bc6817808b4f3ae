# Values of the environment: terraform.tfvars.

variable "environment" {
  description = "Which one this is."
  type        = string
  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "An environment is dev or prod."
  }
}

variable "prefix" {
  description = "What every name begins with, as the name of the company."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}[a-z0-9]$", var.prefix))
    error_message = "A prefix is 3 to 16 small letters, digits and hyphens, a letter first: names of buckets and roles begin with it."
  }
}

variable "region" {
  description = "The region that everything lies in."
  type        = string
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region is written as eu-central-1."
  }
}

variable "accounts" {
  description = "The AWS account of each environment."
  type        = object({ dev = string, prod = string })
  validation {
    condition     = alltrue([for account in values(var.accounts) : can(regex("^[0-9]{12}$", account))])
    error_message = "An account is its 12 digits, as text."
  }
  validation {
    condition     = var.accounts.dev != var.accounts.prod
    error_message = "Dev and prod are two accounts: in one, who rules dev would rule prod."
  }
}

variable "github" {
  description = "The repository whose environments may act here."
  type        = object({ owner = string, owner_id = string, repository = string, repository_id = string })
  validation {
    condition     = alltrue([for name in [var.github.owner, var.github.repository] : can(regex("^[A-Za-z0-9._-]+$", name))])
    error_message = "Owner and repository are written by their names alone."
  }
  validation {
    condition     = alltrue([for id in [var.github.owner_id, var.github.repository_id] : can(regex("^[1-9][0-9]*$", id))])
    error_message = "An id is digits alone, as text: gh api repos/OWNER/REPOSITORY --jq '.owner.id, .id' tells both."
  }
}

variable "people" {
  description = "Where people sign in: an OIDC issuer without https://, and by role the audience whose tokens open it, if it is not <prefix>-<role>."
  type        = object({ issuer = string, audiences = optional(map(string), {}) })
  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?$", var.people.issuer))
    error_message = "An issuer is written as it stands in tokens, without https:// and without a slash at its end."
  }
}

variable "alarm_email" {
  description = "Who is told of alarms: the address of a group."
  type        = string
  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", var.alarm_email))
    error_message = "Write an address of e-mail."
  }
}

variable "reached_from" {
  description = "The ranges of addresses from which the cluster's API is reached beside its own network. Empty: from nowhere else."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for range in var.reached_from : can(cidrnetmask(range)) && try(tonumber(split("/", range)[1]) >= 8, false)])
    error_message = "Ranges are written as 192.0.2.0/24, of /8 or smaller: larger ones are near to everybody."
  }
}

# From the contracts: contracts.auto.tfvars.json, which `dataops export infra` writes. Not to be edited by hand.

variable "lifecycle_rules" {
  description = "By bucket, what ends when."
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
}

variable "reader_groups" {
  description = "Each reader group, and who that is."
  type        = map(string)
  validation {
    condition     = contains(keys(var.reader_groups), "branches")
    error_message = "The group `branches` is missing, by which branches and engineers read prod."
  }
}

variable "readers_classes" {
  description = "The values of the tag `readers` that are in use: names of groups, in order, with + in between."
  type        = list(string)
  validation {
    condition     = length(var.readers_classes) > 0 && alltrue([for class in var.readers_classes : can(regex("^[a-z0-9_+-]+$", class))])
    error_message = "There is at least one, and each is names of groups with + in between."
  }
}

variable "lifecycle_classes" {
  description = "The values of the tag `lifecycle` that are in use."
  type        = list(string)
  validation {
    condition     = length(var.lifecycle_classes) > 0 && alltrue([for class in var.lifecycle_classes : !can(regex("[*?$]", class))])
    error_message = "There is at least one, and none holds *, ? or $."
  }
}

variable "data_providers" {
  description = "Who delivers, by a short name: the full name, and the folders of landing that are theirs."
  type        = map(object({ name = string, landing = list(string) }))
}

variable "tables" {
  description = "By zone and dataset, what its table looks like."
  type = map(map(object({
    description    = string
    classification = string
    owner          = string
    readers        = list(string)
    columns        = list(object({ name = string, type = string, comment = optional(string) }))
    partition      = optional(object({ name = string, every = string, start = string, end = optional(string) }))
  })))
  validation {
    condition     = alltrue([for zone in keys(var.tables) : contains(["staged", "curated"], zone)])
    error_message = "Tables are of the zones staged and curated."
  }
}

variable "retention" {
  description = "For how many days things beside the data are kept."
  type = object({
    lock_days          = number
    logs_days          = number
    images_days        = number
    backups_days       = number
    query_results_days = number
  })
  validation {
    condition     = alltrue([for days in values(var.retention) : days >= 1 && days == floor(days)])
    error_message = "Each is in whole days, at least one."
  }
}
