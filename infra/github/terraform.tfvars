github          = { owner = "company", repository = "data" }
infra_reviewers = [1234567]
