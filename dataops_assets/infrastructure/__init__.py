"""What Terraform is told of the contracts: one file of variables, the same for every environment.

Here: the variables (`variables`), the tables that Athena reads (`tables`), and what AWS takes of it (`quotas`). Not here: the
resources, which are Terraform's, in `infra/` beside this package; the rules by which buckets end things (`lifecycle.rules`).
"""
