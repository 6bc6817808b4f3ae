# The migration: a job that prepares Dagster's database, and runs deploy/postgres/roles.sql. It works in a namespace of its own,
# in which infra alone makes pods: so it is started after a review, like all that infra does, and the password of whoever made the
# database is seen by no other role, also not by infra, whose jobs run outside.

locals {
  migration = {
    for name in ["migration"] : name => {
      description = "Prepares Dagster's database: its tables, and who may do what there."
      trust       = local.from_pods[name]
      hours       = 1
      rights = [
        local.sign_in["dagster_owner"],
        {
          # RDS makes it, keeps it and changes it; it opens the database as the one that may make roles.
          Sid      = "ReadPasswordOfTheMaster"
          Effect   = "Allow"
          Action   = "secretsmanager:GetSecretValue"
          Resource = "arn:aws:secretsmanager:${local.with_account}:secret:rds!db-*"
        },
      ]
    }
  }

  # As whom one signs in to Dagster's database, of the users of deploy/postgres/roles.sql. The id of a database is known when it is
  # there; there is one in an account.
  sign_in = {
    for user in ["dagster", "dagster_owner"] : user => {
      Sid      = "SignIn"
      Effect   = "Allow"
      Action   = "rds-db:connect"
      Resource = "arn:aws:rds-db:${local.with_account}:dbuser:*/${user}"
    }
  }
}
