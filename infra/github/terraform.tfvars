github          = { owner = "company", repository = "data" }
infra_reviewers = ["infra"]
