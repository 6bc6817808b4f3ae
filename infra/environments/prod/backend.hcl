bucket       = "company-state-prod"
key          = "prod.tfstate"
region       = "eu-central-1"
use_lockfile = true # a file beside the state keeps two from applying at once
encrypt      = true
