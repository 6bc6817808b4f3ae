environment = "prod"
prefix      = "company"
region      = "eu-central-1"
accounts    = { dev = "111111111111", prod = "222222222222" }
github      = { owner = "company", repository = "data" }
people      = { issuer = "people.example.com" }
alarm_email = "data-alarms@example.com"
