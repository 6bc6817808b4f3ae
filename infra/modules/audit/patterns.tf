# Which events alarm: patterns of EventBridge on what CloudTrail tells, and filters of the trail's log group.
#
# EventBridge tells who and what, but sees the events of its own region alone. IAM's are told in us-east-1, as is root's signing
# in, and whoever takes on break-glass chooses at which region's door he asks: those are found in the log group, which has all.
#
# Who has no role is told without the field `sessionIssuer`: an IAM user, root, a service, whoever has not signed in, and
# everybody of another account. A field that is absent matches no `anything-but`, so each pattern asks for its absence, too.
# What was refused was not done, and does not alarm: `errorCode` is there then. To take on break-glass alarms either way.

locals {
  told_by_trail = { "detail-type" = ["AWS API Call via CloudTrail"] }
  done = {
    eventSource = ["s3.amazonaws.com"]
    readOnly    = [false]
    errorCode   = [{ exists = false }]
  }

  all = {
    break-glass-taken = {
      detail = {
        eventSource       = ["sts.amazonaws.com"]
        eventName         = [{ prefix = "AssumeRole" }]
        requestParameters = { roleArn = ["${local.role}-break-glass"] }
      }
    }

    break-glass-acts = {
      detail = { userIdentity = { sessionContext = { sessionIssuer = { arn = ["${local.role}-break-glass"] } } } }
    }

    # Also whatever has no key: the configuration of the bucket, and removing many at once.
    prod-written = {
      detail = merge(local.done, {
        requestParameters = { bucketName = [local.name] }
        userIdentity = { sessionContext = { sessionIssuer = { arn = [
          { exists = false }, { anything-but = ["${local.role}-pipeline"] },
        ] } } }
      })
    }

    # Policies of buckets and keys, lifecycle, versions, locks, who is let in: what infra does after a review is expected. Services
    # of AWS use keys by grants.
    configured-by-others = {
      detail = {
        eventSource   = ["s3.amazonaws.com", "kms.amazonaws.com"]
        eventCategory = ["Management"]
        eventName     = [{ anything-but = ["CreateGrant", "RetireGrant"] }]
        readOnly      = [false]
        errorCode     = [{ exists = false }]
        userIdentity  = { sessionContext = { sessionIssuer = { arn = [{ exists = false }, { anything-but = ["${local.role}-infra"] }] } } }
      }
    }

    # What ends all of it at once without touching an object, or has nobody told of it: also when infra does it, after a review.
    unguarded = {
      detail = {
        errorCode = [{ exists = false }]
        "$or" = [
          { eventSource = ["kms.amazonaws.com"], eventName = ["DisableKey", "PutKeyPolicy", "ScheduleKeyDeletion"] },
          { eventSource = ["cloudtrail.amazonaws.com"], eventName = ["DeleteTrail", "PutEventSelectors", "StopLogging", "UpdateTrail"] },
          { eventSource = ["events.amazonaws.com"], eventName = local.of_rules },
          {
            eventSource = ["monitoring.amazonaws.com"]
            eventName   = ["DeleteAlarms", "DisableAlarmActions", "PutAlarmMuteRule", "PutMetricAlarm", "SetAlarmState"]
          },
          {
            eventSource = ["logs.amazonaws.com"]
            eventName = [
              "DeleteLogGroup", "DeleteLogStream", "DeleteMetricFilter", "PutMetricFilter", "PutRetentionPolicy",
              "AssociateKmsKey", "DisassociateKmsKey",
            ]
          },
          {
            eventSource = ["sns.amazonaws.com"]
            eventName = [
              "AddPermission", "DeleteTopic", "RemovePermission", "SetSubscriptionAttributes", "SetTopicAttributes", "Subscribe",
              "Unsubscribe",
            ]
          },
          # What the bucket of the trail keeps, and for how long; CloudTrail itself configures nothing.
          { eventSource = ["s3.amazonaws.com"], readOnly = [false], requestParameters = { bucketName = [var.bucket] } },
        ]
      }
    }

    # Where providers drop, and the pipeline drops what it fetches itself. Nobody else does, and a provider does nothing that has
    # no key: he configures nothing, and removes nothing.
    prod-landing-written = {
      detail = merge(local.done, {
        requestParameters = { bucketName = [local.landing] }
        "$or" = [
          {
            userIdentity = { sessionContext = { sessionIssuer = { arn = [
              { exists = false }, { anything-but = { wildcard = ["${local.role}-pipeline", "${local.role}-provider-*"] } },
            ] } } }
          },
          {
            requestParameters = { key = [{ exists = false }] }
            userIdentity      = { sessionContext = { sessionIssuer = { arn = [{ anything-but = ["${local.role}-pipeline"] }] } } }
          },
        ]
      })
    }
  }

  patterns = {
    for name, pattern in local.all : name => jsonencode(merge(local.told_by_trail, pattern))
    if var.environment == "prod" || !startswith(name, "prod-")
  }

  of_rules  = ["DeleteRule", "DisableRule", "PutRule", "PutTargets", "RemoveTargets"]
  of_issuer = "$.userIdentity.sessionContext.sessionIssuer.arn"
  filters = {
    break-glass = {
      pattern = "{ ($.requestParameters.roleArn = \"${local.role}-break-glass\") || (${local.of_issuer} = \"${local.role}-break-glass\") }"
      meaning = "Break-glass was taken on, or did something, in any region. Who, and what for?"
    }

    # A rule that is disabled does not tell of that. What is done to the filters and alarms here is told by a rule.
    rules-changed = {
      pattern = "{ ($.errorCode NOT EXISTS) && (${join(" || ", [for name in local.of_rules : "($.eventName = \"${name}\")"])}) }"
      meaning = "Somebody has changed what alarms: a rule of EventBridge, or whom it tells. Who, and what for?"
    }

    # Roles, policies, the boundary, who is trusted, issuers of tokens; also users and keys, of which there are none.
    identities-changed-by-others = {
      pattern = join(" && ", [
        "{ ($.eventSource = \"iam.amazonaws.com\")", "($.readOnly IS FALSE)", "($.errorCode NOT EXISTS)",
        "((${local.of_issuer} NOT EXISTS) || (${local.of_issuer} != \"${local.role}-infra\")) }",
      ])
      meaning = "Somebody but infra has changed a role, a policy, the boundary, or who is trusted. Who, and what for?"
    }

    # Also infra. A change after which nothing can be written here may not be found here either: that is told by `trail-silent`.
    trail-role-changed = {
      pattern = join(" && ", [
        "{ ($.eventSource = \"iam.amazonaws.com\")", "($.readOnly IS FALSE)", "($.errorCode NOT EXISTS)",
        "($.requestParameters.roleName = \"${var.prefix}-trail\") }",
      ])
      meaning = "Somebody has changed the role by which the trail writes its log group, from which alarms are read. Who, and what for?"
    }

    root-used = {
      pattern = "{ ($.userIdentity.type = \"Root\") && ($.userIdentity.invokedBy NOT EXISTS) && ($.eventType != \"AwsServiceEvent\") }"
      meaning = "The root of the account signed in, or did something. No policy holds it. Who, and what for?"
    }
  }
}
