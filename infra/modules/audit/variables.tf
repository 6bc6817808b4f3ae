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
  description = "The region of the trail and of the alarms."
  type        = string
}

variable "account" {
  description = "The AWS account of the environment."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "An account is its 12 digits."
  }
}

variable "bucket" {
  description = "The bucket of the trail, whose policy lets CloudTrail deliver below `trail/`."
  type        = string
}

variable "logs_days" {
  description = "For how many days the log group keeps what the trail told; the bucket keeps it for as long as access logs."
  type        = number
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.logs_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days: state one of them as platform.logs in policy.yaml."
  }
}

variable "alarm_email" {
  description = "Who is told of alarms: the address of a group, which confirms it once by a link."
  type        = string
  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", var.alarm_email))
    error_message = "Write an address of e-mail."
  }
}
