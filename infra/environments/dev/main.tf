# One environment, whose values stand in terraform.tfvars. The .tf files of dev and prod are the same, byte for byte: what is
# tried in dev is what comes to prod.

module "storage" {
  source          = "../../modules/storage"
  environment     = var.environment
  prefix          = var.prefix
  region          = var.region
  accounts        = var.accounts
  lock_days       = var.retention.lock_days
  lifecycle_rules = var.lifecycle_rules
}

module "audit" {
  source      = "../../modules/audit"
  environment = var.environment
  prefix      = var.prefix
  region      = var.region
  account     = var.accounts[var.environment]
  bucket      = module.storage.audit_bucket
  logs_days   = var.retention.logs_days
  alarm_email = var.alarm_email
}

module "identities" {
  source            = "../../modules/identities"
  environment       = var.environment
  prefix            = var.prefix
  region            = var.region
  accounts          = var.accounts
  github            = var.github
  people            = var.people
  reader_groups     = var.reader_groups
  readers_classes   = var.readers_classes
  lifecycle_classes = var.lifecycle_classes
  data_providers    = var.data_providers
}

module "catalog" {
  source             = "../../modules/catalog"
  count              = var.environment == "prod" ? 1 : 0
  prefix             = var.prefix
  account            = var.accounts[var.environment]
  audit_bucket       = module.storage.audit_bucket
  kms_key_arn        = module.storage.key_arn
  tables             = var.tables
  reader_groups      = var.reader_groups
  query_results_days = var.retention.query_results_days
}

module "runtime" {
  source       = "../../modules/runtime"
  environment  = var.environment
  prefix       = var.prefix
  region       = var.region
  account      = var.accounts[var.environment]
  roles        = module.identities.roles
  pods         = module.identities.pods
  reached_from = var.reached_from
  database     = { standby = var.environment == "prod" }
  backups_days = var.retention.backups_days
  images_days  = var.retention.images_days
  logs_days    = var.retention.logs_days
}
