terraform {
  required_version = ">= 1.11"

  required_providers {
    github = {
      source  = "integrations/github"
      version = "~> 6.12" # has a resource for alerts, and knows whether actions must be pinned
    }
  }

  backend "s3" {}
}

# The token is taken from the environment: GITHUB_TOKEN.
provider "github" {
  owner = var.github.owner
}
