"""Who may do what, judged here, and nothing asked elsewhere: by AWS's IAM, Kubernetes' RBAC, and in Dagster's webserver."""
