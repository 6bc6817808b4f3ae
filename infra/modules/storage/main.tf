# The buckets of an environment: its data, and what tells who did what there.
#
#   <prefix>-prod          prod's data, in the account of prod: written by the pipeline alone (prod.tf)
#   <prefix>-landing       what providers drop for prod, in the account of prod (landing.tf)
#   <prefix>-dev           areas of people, branches and experiments, in the account of dev (dev.tf)
#   <prefix>-audit-<env>   access logs and the trail (audit.tf)
#
# Not here: what each identity may do by its own policy (module identities). A policy here names roles by their ARNs in
# conditions, and never as principals: so a bucket can be made before the roles are, and a role that is made anew under its
# name is the same one.

locals {
  account     = var.accounts[var.environment]
  data        = "${var.prefix}-${var.environment}"
  landing     = "${var.prefix}-landing"
  audit       = "${var.prefix}-audit-${var.environment}"
  data_arn    = "arn:aws:s3:::${local.data}"
  landing_arn = "arn:aws:s3:::${local.landing}"
  audit_arn   = "arn:aws:s3:::${local.audit}"

  roles     = "arn:aws:iam::${local.account}:role/${var.prefix}"
  dev_roles = "arn:aws:iam::${var.accounts.dev}:role/${var.prefix}"

  # A tag `readers` holds names of groups, in order, with + in between.
  for_branches = ["branches", "branches+*", "*+branches", "*+branches+*"]
}

module "data" {
  source          = "./bucket"
  name            = local.data
  policy          = var.environment == "prod" ? data.aws_iam_policy_document.prod.json : data.aws_iam_policy_document.dev.json
  key_arn         = aws_kms_key.data.arn
  lock_days       = var.environment == "prod" ? var.lock_days : null
  access_logs     = module.audit.name
  lifecycle_rules = var.lifecycle_rules[var.environment]
}

# In dev, everybody drops into the own area.
module "landing" {
  count           = var.environment == "prod" ? 1 : 0
  source          = "./bucket"
  name            = local.landing
  policy          = data.aws_iam_policy_document.landing.json
  key_arn         = aws_kms_key.data.arn
  access_logs     = module.audit.name
  lifecycle_rules = var.lifecycle_rules.landing
}

module "audit" {
  source          = "./bucket"
  name            = local.audit
  policy          = data.aws_iam_policy_document.audit.json
  lifecycle_rules = var.lifecycle_rules.audit
}
