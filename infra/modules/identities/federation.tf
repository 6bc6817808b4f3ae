# Who becomes a role: an environment of the repository, a person or provider who has signed in at the company's, a pod.
# Nobody else: no role trusts another role, an account or a user, so there are no chains.

locals {
  github = "token.actions.githubusercontent.com"
  issuer = var.people.issuer

  federated = {
    github = "arn:aws:iam::${local.account}:oidc-provider/${local.github}"
    people = "arn:aws:iam::${local.account}:oidc-provider/${local.issuer}"
  }

  # The whole subject: GitHub writes it, and a pull request from a fork has another one. That of a repository which was made,
  # renamed or moved since 15 July 2026 has the ids in it, that of an older one as a rule not; so either opens a role.
  repositories = [
    "${var.github.owner}/${var.github.repository}",
    "${var.github.owner}@${var.github.owner_id}/${var.github.repository}@${var.github.repository_id}",
  ]
  subjects = {
    for name in ["branch", "drift", "infra", "prod"] :
    name => [for repository in local.repositories : "repo:${repository}:environment:${name}"]
  }
  from_github = {
    for name, subjects in local.subjects :
    name => [{
      Sid       = "EnvironmentOfTheRepository"
      Effect    = "Allow"
      Principal = { Federated = local.federated.github }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.github}:aud"           = "sts.amazonaws.com"
          "${local.github}:sub"           = subjects
          "${local.github}:repository_id" = var.github.repository_id # whoever takes a name that is free has another
        }
      }
    }]
  }

  # What names a prefix is one name: with a slash or `..` in it, it would be another prefix.
  of_more_names = ["*/*", "*..*"]

  # The tags of people and what they must be. They are the issuer's word, signed with the token.
  people = merge(
    { for group in local.analyst_groups : "analyst-${group}" => {} },
    { for name in ["engineer"] : name => {} if !local.in_prod },
    { for name in ["break-glass"] : name => { "aws:RequestTag/mfa" = "true" } },
  )
  audiences = {
    for role in concat(keys(local.people), keys(local.provider_folders)) : role => lookup(var.people.audiences, role, "${var.prefix}-${role}")
  }
  unknown_roles = setsubtract(keys(var.people.audiences), concat(
    ["break-glass", "engineer"],
    [for group in keys(var.reader_groups) : "analyst-${group}"],
    [for name in keys(var.data_providers) : "provider-${name}"],
  ))
  from_people = {
    for role, tags in local.people :
    role => [{
      Sid       = "PersonWhoSignedIn"
      Effect    = "Allow"
      Principal = { Federated = local.federated.people }
      Action    = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]
      Condition = {
        StringEquals  = merge({ "${local.issuer}:aud" = local.audiences[role] }, tags)
        StringLike    = { "aws:RequestTag/person" = "?*" }
        StringNotLike = { "aws:RequestTag/person" = local.of_more_names }
        # No other tag, above all none by which pods are known.
        "ForAllValues:StringEquals" = { "aws:TagKeys" = concat(["person"], [for tag in keys(tags) : trimprefix(tag, "aws:RequestTag/")]) }
      }
    }]
  }

  # The tags are EKS's word. The service account is bound to its role by the module `runtime`.
  pods = {
    for role, pod in {
      pipeline    = { namespace = "prod", service_account = "pipeline", environment = "prod" }
      code-server = { namespace = "prod", service_account = "code-server", environment = "prod" }
      webserver   = { namespace = "prod", service_account = "webserver", environment = "prod" }
      daemon      = { namespace = "prod", service_account = "daemon", environment = "prod" }
      migration   = { namespace = "migration", service_account = "migration", environment = var.environment }
      adhoc       = { namespace = "adhoc", service_account = "adhoc", environment = "dev" }
      sweeper     = { namespace = "adhoc", service_account = "sweeper", environment = "dev" }
    } :
    role => { namespace = pod.namespace, service_account = pod.service_account } if pod.environment == var.environment
  }
  from_pods = {
    for role, pod in local.pods :
    role => [{
      Sid       = "PodOfTheServiceAccount"
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Condition = {
        StringEquals = {
          "aws:RequestTag/eks-cluster-arn"            = local.cluster
          "aws:RequestTag/kubernetes-namespace"       = pod.namespace
          "aws:RequestTag/kubernetes-service-account" = pod.service_account
        }
      }
    }]
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.github}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_openid_connect_provider" "people" {
  url            = "https://${local.issuer}"
  client_id_list = sort(values(local.audiences))

  lifecycle {
    precondition {
      condition     = length(local.audiences) <= 100
      error_message = "${length(local.audiences)} roles are signed in for, each with an audience of its own, and AWS takes 100: have fewer reader groups or providers."
    }
    precondition {
      condition     = length(distinct(values(local.audiences))) == length(local.audiences)
      error_message = "Two roles have one audience: a token for one of them would open the other."
    }
    precondition {
      condition     = length(local.unknown_roles) == 0
      error_message = "people.audiences names ${join(", ", local.unknown_roles)}, and nobody signs in for that: name engineer, break-glass, analyst-<group> or provider-<name>."
    }
  }
}
