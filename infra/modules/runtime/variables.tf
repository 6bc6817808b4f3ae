variable "environment" {
  description = "Which of the two environments this account is: `dev` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "Write dev or prod."
  }
}

variable "prefix" {
  description = "What the name of everything begins with, as the name of the company."
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
    error_message = "Write a region, as eu-central-1."
  }
}

variable "account" {
  description = "The AWS account of this environment."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "An account is 12 digits, as text."
  }
}

variable "roles" {
  description = "The ARN of each role, by its name: what the module `identities` tells."
  type        = map(string)

  validation {
    condition     = length(setsubtract(["deployer", "infra"], keys(var.roles))) == 0
    error_message = "The roles deployer and infra are missing, which are let into the cluster."
  }
}

variable "pods" {
  description = "The service account of each role that is for pods, by the name of the role: what the module `identities` tells."
  type        = map(object({ namespace = string, service_account = string }))

  validation {
    condition     = length(setsubtract(keys(var.pods), keys(var.roles))) == 0
    error_message = "There is a service account for a role that `roles` does not name."
  }
  validation {
    condition     = length(distinct(values(var.pods))) == length(var.pods)
    error_message = "Two roles have one service account, and EKS takes one role for each."
  }
}

variable "network" {
  description = "The addresses of the network, a /16 that meets no other of the company's, and its zones of availability by their letters."
  type        = object({ cidr = optional(string, "10.64.0.0/16"), zones = optional(list(string), ["a", "b"]) })
  default     = {}

  validation {
    condition     = can(cidrsubnet(var.network.cidr, 4, 15)) && endswith(var.network.cidr, "/16")
    error_message = "Write a /16, as 10.64.0.0/16."
  }
  validation {
    condition     = length(var.network.zones) >= 2 && length(var.network.zones) <= 4 && length(distinct(var.network.zones)) == length(var.network.zones)
    error_message = "Cluster and database need two to four zones, each by its letter, as [\"a\", \"b\"]."
  }
}

variable "reached_from" {
  description = "The ranges of addresses from which the cluster's API is reached beside its own network. Empty: from nowhere else."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.reached_from : can(cidrnetmask(range)) && try(tonumber(split("/", range)[1]) >= 8, false)])
    error_message = "Write ranges as 192.0.2.0/24, of /8 or smaller: larger ones are near to everybody."
  }
}

variable "cluster" {
  description = "The version of Kubernetes, the kind of machine, and how many there are at least and at most."
  type = object({
    version  = optional(string, "1.33")
    machine  = optional(string, "m7g.large")
    machines = optional(object({ least = number, most = number }), { least = 2, most = 6 })
  })
  default = {}

  validation {
    condition     = var.cluster.machines.least >= 1 && var.cluster.machines.most >= var.cluster.machines.least
    error_message = "There is at least one machine, and at most no fewer than at least."
  }
}

variable "database" {
  description = "The version of PostgreSQL, the kind of machine, its disk in GiB at first and at most, and whether a second zone stands by."
  type = object({
    version      = optional(string, "17")
    machine      = optional(string, "db.t4g.small")
    disk_gib     = optional(number, 20)
    disk_gib_max = optional(number, 200)
    standby      = bool
  })

  validation {
    condition     = var.database.disk_gib >= 20 && var.database.disk_gib_max > var.database.disk_gib
    error_message = "The disk has 20 GiB or more, and may grow."
  }
}

variable "backups_days" {
  description = "For how many days the database can be brought back as it was. Generated from `platform.backups`."
  type        = number

  validation {
    # AWS: 0 to 35; 0 turns backups off.
    condition     = var.backups_days >= 1 && var.backups_days <= 35 && floor(var.backups_days) == var.backups_days
    error_message = "RDS keeps backups for 1 to 35 days: state that for `backups` in defs/policy.yaml, and copy them elsewhere to keep them longer."
  }
}

variable "images_days" {
  description = "For how many days an image is kept after it was pushed. Generated from `platform.images`."
  type        = number

  validation {
    condition     = var.images_days >= 1 && floor(var.images_days) == var.images_days
    error_message = "Write whole days, one at least."
  }
}

variable "logs_days" {
  description = "For how many days logs are kept. Generated from `platform.logs`."
  type        = number

  validation {
    condition     = var.logs_days >= 1 && floor(var.logs_days) == var.logs_days
    error_message = "Write whole days, one at least."
  }
}
