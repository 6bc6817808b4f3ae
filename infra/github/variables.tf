variable "github" {
  description = "The repository, as the environments know it: their roles trust its environments."
  type        = object({ owner = string, owner_id = string, repository = string, repository_id = string })

  validation {
    condition     = alltrue([for name in [var.github.owner, var.github.repository] : can(regex("^[A-Za-z0-9._-]+$", name))])
    error_message = "Write owner and repository by their names alone, as in owner/repository."
  }
  validation {
    condition     = alltrue([for id in [var.github.owner_id, var.github.repository_id] : can(regex("^[1-9][0-9]*$", id))])
    error_message = "An id is digits alone, as text: gh api repos/OWNER/REPOSITORY --jq '.owner.id, .id' tells both."
  }
}

variable "checks" {
  description = "The names of the checks that must pass before a change comes to main."
  type        = list(string)
  default     = ["access", "check", "services", "test"]

  validation {
    condition     = length(var.checks) > 0 && alltrue([for check in var.checks : check != ""])
    error_message = "Name at least one check: without any, an untested change comes to main."
  }
}

variable "infra_reviewers" {
  description = "The teams, as their addresses name them, of which one person must agree before infrastructure is changed."
  type        = list(string)

  validation {
    # GitHub takes six; without any, the environment asks nobody.
    condition     = length(var.infra_reviewers) >= 1 && length(var.infra_reviewers) <= 6
    error_message = "Name one to six teams: they are what holds whoever may change every policy."
  }
}
