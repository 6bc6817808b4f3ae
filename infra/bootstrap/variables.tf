# The values are those of an environment: -var-file=../environments/<env>/terraform.tfvars

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
}

variable "accounts" {
  description = "The AWS account of each environment."
  type        = object({ dev = string, prod = string })
}
