environment = "dev"
prefix      = "company"
region      = "eu-central-1"
accounts    = { dev = "111111111111", prod = "222222222222" }
github      = { owner = "company", owner_id = "100000001", repository = "data", repository_id = "100000002" }
people      = { issuer = "people.example.com" }
alarm_email = "data-alarms@example.com"

# The ranges of the machines on which CI's jobs run, which roll out; as long as there is none, the cluster is reached from its own
# network alone.
reached_from = []
