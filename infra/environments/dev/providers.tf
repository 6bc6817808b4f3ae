provider "aws" {
  region              = var.region
  allowed_account_ids = [var.accounts[var.environment]] # with credentials of another account nothing happens

  default_tags {
    tags = {
      environment = var.environment
      made-by     = "terraform" # so that nobody edits it by hand
    }
  }
}
