# Which events alarm: patterns of EventBridge on what CloudTrail tells.
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

    # What ends all of it at once without touching an object, or has nobody told of it: also when infra does it, after a review.
    prod-unguarded = {
      detail = {
        eventSource = ["kms.amazonaws.com", "cloudtrail.amazonaws.com", "events.amazonaws.com"]
        eventName = [
          "DisableKey", "ScheduleKeyDeletion", "PutKeyPolicy", "StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors",
          "DisableRule", "DeleteRule", "RemoveTargets",
        ]
        errorCode = [{ exists = false }]
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
}
