github          = { owner = "company", owner_id = "100000001", repository = "data", repository_id = "100000002" }
infra_reviewers = ["infra"]
