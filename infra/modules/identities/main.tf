# One role for each identity. Who they are, who becomes them and what they may do stands in a file of its own for each.
# Every ARN is built from names, so that a plan shows each policy as AWS will have it.

locals {
  account = var.accounts[var.environment]
  in_prod = var.environment == "prod"

  role_prefix = "arn:aws:iam::${local.account}:role/${var.prefix}"
  boundary    = "arn:aws:iam::${local.account}:policy/${var.prefix}-boundary"

  data  = "arn:aws:s3:::${var.prefix}-${var.environment}" # the bucket of this environment
  prod  = "arn:aws:s3:::${var.prefix}-prod"
  audit = "arn:aws:s3:::${var.prefix}-audit-${var.environment}"

  landing = "arn:aws:s3:::${var.prefix}-landing" # prod's

  state = "arn:aws:s3:::${coalesce(var.state_bucket, "${var.prefix}-state-${var.environment}")}"

  # All buckets of this account.
  buckets = concat(local.written_buckets, [local.audit, local.state])

  cluster  = "arn:aws:eks:${var.region}:${local.account}:cluster/${coalesce(var.runtime.cluster, "${var.prefix}-${var.environment}")}"
  registry = "arn:aws:ecr:${var.region}:${local.account}:repository/${coalesce(var.runtime.registry, var.prefix)}"

  # Keys have no names that a policy could go by. They are used through S3 alone, for what S3 allows.
  keys   = { for name, account in var.accounts : name => "arn:aws:kms:${var.region}:${account}:key/*" }
  via_s3 = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
  # Whoever writes looks for uploads of his that never ended; whoever reads does not.
  looking_around = ["s3:GetBucketVersioning", "s3:ListBucket"]
  listing        = concat(local.looking_around, ["s3:ListBucketMultipartUploads"])

  telling_rules = ["s3:GetLifecycleConfiguration"] # dataops lifecycle, where areas are looked after

  # `readers` is names of groups, sorted, with + in between.
  of_group = { for group in keys(var.reader_groups) : group => [group, "${group}+*", "*+${group}", "*+${group}+*"] }

  identities = {
    for name, identity in merge(
      local.pipeline, local.code_server, local.services_of_dagster, local.migration, local.provider, local.analyst, local.branch, local.engineer, local.adhoc,
      local.sweeper, local.deployer, local.infra, local.drift, local.break_glass
    ) :
    name => {
      description = identity.description
      trust       = jsonencode({ Version = "2012-10-17", Statement = identity.trust })
      rights      = jsonencode({ Version = "2012-10-17", Statement = identity.rights })
      hours       = identity.hours
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.identities

  name                 = "${var.prefix}-${each.key}"
  description          = each.value.description
  assume_role_policy   = each.value.trust
  permissions_boundary = local.boundary
  max_session_duration = each.value.hours * 3600

  # A boundary must be there before the role that has it.
  depends_on = [aws_iam_policy.boundary]

  lifecycle {
    precondition {
      condition     = length("${var.prefix}-${each.key}") <= 64
      error_message = "The role ${var.prefix}-${each.key} has a name of ${length("${var.prefix}-${each.key}")} characters, and AWS takes 64: shorten the prefix, or the name of the group or provider."
    }
    precondition {
      condition     = length(each.value.trust) <= 2048
      error_message = "The trust policy of ${var.prefix}-${each.key} has ${length(each.value.trust)} characters, and AWS takes 2,048."
    }
  }
}

resource "aws_iam_role_policy" "this" {
  for_each = local.identities

  name   = "rights"
  role   = aws_iam_role.this[each.key].name
  policy = each.value.rights

  lifecycle {
    precondition {
      condition     = length(each.value.rights) <= 10240
      error_message = "The rights of ${var.prefix}-${each.key} have ${length(each.value.rights)} characters, and AWS takes 10,240: let datasets share their readers and classes, or have fewer reader groups."
    }
  }
}
