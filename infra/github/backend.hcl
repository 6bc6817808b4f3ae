bucket       = "company-state-prod"
key          = "github.tfstate"
region       = "eu-central-1"
use_lockfile = true
encrypt      = true
