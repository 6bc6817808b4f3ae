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

variable "accounts" {
  description = "The AWS account of each environment."
  type        = object({ dev = string, prod = string })

  validation {
    condition     = alltrue([for account in values(var.accounts) : can(regex("^[0-9]{12}$", account))])
    error_message = "An account is 12 digits, as text."
  }
  validation {
    condition     = var.accounts.dev != var.accounts.prod
    error_message = "dev and prod are two accounts: in one, who rules dev would rule prod."
  }
}

variable "github" {
  description = "The repository whose environments may act here."
  type        = object({ owner = string, owner_id = string, repository = string, repository_id = string })

  validation {
    # A wildcard or a colon in a name would make another subject of it.
    condition     = alltrue([for name in [var.github.owner, var.github.repository] : can(regex("^[A-Za-z0-9._-]+$", name))])
    error_message = "Write owner and repository by their names alone, as in owner/repository."
  }
  validation {
    condition     = alltrue([for id in [var.github.owner_id, var.github.repository_id] : can(regex("^[1-9][0-9]*$", id))])
    error_message = "An id is digits alone, as text: gh api repos/OWNER/REPOSITORY --jq '.owner.id, .id' tells both."
  }
}

variable "people" {
  # A role that is not named has the audience `<prefix>-<role>`.
  description = "Where people and providers sign in: an OIDC issuer without https://, and by the name of a role the audience (client id) whose tokens open it."
  type = object({
    issuer    = string
    audiences = optional(map(string), {})
  })

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?$", var.people.issuer))
    error_message = "Write the issuer as it stands in tokens, without https:// and without a slash at its end."
  }
  validation {
    condition     = length(distinct(values(var.people.audiences))) == length(var.people.audiences)
    error_message = "Two roles have one audience: a token for one of them would open the other."
  }
}

variable "reader_groups" {
  description = "The reader groups of defs/policy.yaml, each with what it says of them. Generated."
  type        = map(string)

  validation {
    # A group stands in patterns between plus signs: a wildcard or a plus in its name would match others.
    condition     = alltrue([for group in keys(var.reader_groups) : can(regex("^[A-Za-z0-9_.-]{1,39}$", group))])
    error_message = "A reader group is 1 to 39 letters, digits, -, _ and dots."
  }
  validation {
    condition     = contains(keys(var.reader_groups), "branches")
    error_message = "The group `branches` is missing, by which branches and engineers read prod."
  }
}

variable "readers_classes" {
  description = "The values of the tag `readers` that the pipeline may give. Generated."
  type        = list(string)

  validation {
    condition     = length(var.readers_classes) > 0 && alltrue([for class in var.readers_classes : can(regex("^[A-Za-z0-9_.+-]+$", class))])
    error_message = "A value of the tag `readers` is names of groups, sorted, with + in between; there must be one."
  }
}

variable "lifecycle_classes" {
  description = "The values of the tag `lifecycle` that the pipeline may give. Generated."
  type        = list(string)

  validation {
    condition     = length(var.lifecycle_classes) > 0 && alltrue([for class in var.lifecycle_classes : !can(regex("[*?$]", class))])
    error_message = "A value of the tag `lifecycle` holds no *, ? or $; there must be one."
  }
}

variable "data_providers" {
  description = "Who delivers, by a short name: the full name, and the folders of landing that are theirs. Generated."
  type        = map(object({ name = string, landing = list(string) }))

  validation {
    condition     = alltrue([for name in keys(var.data_providers) : can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", name))])
    error_message = "The short name of a provider is small letters and digits, with single hyphens in between."
  }
  validation {
    condition     = alltrue([for provider in values(var.data_providers) : length(provider.landing) > 0 && can([for folder in provider.landing : regex("^[A-Za-z0-9_-]+$", folder)])])
    error_message = "A provider has one folder of landing or more, each a single name without wildcards."
  }
}

variable "runtime" {
  description = "Names that the module `runtime` gives: of the cluster and the registry. The defaults are that module's."
  type        = object({ cluster = optional(string), registry = optional(string) })
  default     = {}
}

variable "state_bucket" {
  description = "The bucket of Terraform's states in this account. Default: <prefix>-state-<environment>."
  type        = string
  default     = null
}
