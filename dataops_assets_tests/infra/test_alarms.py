"""What alarms, by the patterns that the plan holds, on events of CloudTrail written by hand.

The events have the fields that the documentation says, which is what a pattern may get wrong: who is no role of the account
has no `sessionIssuer`. Source: CloudTrail User Guide, "CloudTrail userIdentity element"; Amazon S3 User Guide, "Amazon S3
CloudTrail events"; IAM User Guide, "Logging IAM and AWS STS API calls". They are matched as moto reads patterns.
"""

import json
from typing import Any

import pytest
from moto.events.models import EventPattern

from dataops_assets_tests.infra.terraform import ACCOUNTS, resources

pytestmark = pytest.mark.terraform

PROD = ACCOUNTS["prod"]
USER = {
    "type": "IAMUser",
    "arn": f"arn:aws:iam::{PROD}:user/company-pipeline",
    "accountId": PROD,
    "userName": "company-pipeline",
}
ROOT = {"type": "Root", "arn": f"arn:aws:iam::{PROD}:root", "accountId": PROD, "principalId": PROD}
SERVICE = {"type": "AWSService", "invokedBy": "s3.amazonaws.com"}
STRANGER = {"type": "AWSAccount", "principalId": "AROAEXAMPLE:company-pipeline", "accountId": ACCOUNTS["dev"]}
NOBODY = {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}
TOKEN = {"type": "WebIdentityUser", "principalId": "people.example.com:aud:sub", "identityProvider": "people.example.com"}


def role(name: str, account: str = PROD) -> dict[str, Any]:
    """A session of a role of the account, as its own trail tells of it."""
    issuer = {"type": "Role", "arn": f"arn:aws:iam::{account}:role/company-{name}", "accountId": account, "userName": name}
    return {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{account}:assumed-role/company-{name}/somebody",
        "accountId": account,
        "sessionContext": {"attributes": {"mfaAuthenticated": "false"}, "sessionIssuer": issuer},
    }


def told(who: dict[str, Any], service: str, name: str, asked: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An event, as EventBridge gets it from CloudTrail."""
    detail = {"eventSource": f"{service}.amazonaws.com", "eventName": name, "userIdentity": who, "requestParameters": asked}
    return {"detail-type": "AWS API Call via CloudTrail", "source": f"aws.{service}", "detail": {**detail, **more}}


def in_prod(who: dict[str, Any], name: str, key: str | None, bucket: str = "company-prod", **more: Any) -> dict[str, Any]:
    asked = {"bucketName": bucket, "Host": f"{bucket}.s3.eu-central-1.amazonaws.com"} | ({"key": key} if key else {})
    return told(who, "s3", name, asked, **{"readOnly": False, **more})


def in_landing(who: dict[str, Any], name: str, key: str | None) -> dict[str, Any]:
    return in_prod(who, name, key, "company-landing")


def taken(who: dict[str, Any], name: str, of: str, account: str = PROD, **more: Any) -> dict[str, Any]:
    asked = {"roleArn": f"arn:aws:iam::{account}:role/company-{of}", "roleSessionName": "somebody"}
    return told(who, "sts", name, asked, **{"readOnly": True, **more})


PIPELINE, PROVIDER, INFRA = role("pipeline"), role("provider-openflights"), role("infra")
GLASS = role("break-glass")
NONE: set[str] = set()
WRITTEN, LANDING, TAKEN, ACTS = {"prod-written"}, {"prod-landing-written"}, {"break-glass-taken"}, {"break-glass-acts"}
UNGUARDED = {"prod-unguarded"}
ROW = "staged/flights/date=2013-01-01/data.parquet"
DROP = "landing/airports/airports.csv"

EVENTS = {
    # The daily work.
    "the pipeline publishes": (in_prod(PIPELINE, "PutObject", ROW), NONE),
    "the pipeline publishes in parts": (in_prod(PIPELINE, "CompleteMultipartUpload", ROW), NONE),
    "the pipeline drops what it fetched": (in_landing(PIPELINE, "PutObject", DROP), NONE),
    "a provider drops": (in_landing(PROVIDER, "PutObject", DROP), NONE),
    "a provider drops in parts": (in_landing(PROVIDER, "UploadPart", DROP), NONE),
    "an analyst reads": (in_prod(role("analyst-analysts"), "GetObject", ROW, readOnly=True), NONE),
    "root reads": (in_prod(ROOT, "GetObject", ROW, readOnly=True), NONE),
    "somebody writes elsewhere": (in_prod(USER, "PutObject", ROW, bucket="company-dev"), NONE),
    "a branch asks whether it may write": (in_prod(STRANGER, "UploadPart", "_doctor/x", errorCode="AccessDenied"), NONE),
    "the pipeline signs in": (taken(SERVICE, "AssumeRoleForPodIdentity", "pipeline"), NONE),
    "an analyst signs in": (taken(TOKEN, "AssumeRoleWithWebIdentity", "analyst-analysts"), NONE),
    # Somebody else.
    "root removes": (in_prod(ROOT, "DeleteObject", ROW), WRITTEN),
    "root removes many": (in_prod(ROOT, "DeleteObjects", None), WRITTEN),
    "a user with the pipeline's name writes": (in_prod(USER, "PutObject", ROW), WRITTEN),
    "a user in a session with MFA writes": (
        in_prod({**USER, "sessionContext": {"attributes": {"mfaAuthenticated": "true"}}}, "PutObject", ROW),
        WRITTEN,
    ),
    "another role writes": (in_prod(role("analyst-analysts"), "PutObject", ROW), WRITTEN),
    "a role whose name begins like the pipeline's writes": (in_prod(role("pipeline-2"), "PutObject", ROW), WRITTEN),
    "the pipeline of another account writes": (in_prod(STRANGER, "PutObject", ROW), WRITTEN),
    "a role of the same name elsewhere writes": (in_prod(role("pipeline", ACCOUNTS["dev"]), "PutObject", ROW), WRITTEN),
    "nobody signed in writes": (in_prod(NOBODY, "PutObject", ROW), WRITTEN),
    "a service writes": (in_prod(SERVICE, "PutObject", ROW), WRITTEN),
    "infra writes": (in_prod(INFRA, "PutObject", ROW), WRITTEN),
    "a copy is put over": (in_prod(role("deployer"), "CopyObject", ROW), WRITTEN),
    "tags are changed": (in_prod(role("deployer"), "PutObjectTagging", ROW), WRITTEN),
    "a lock is shortened": (in_prod(ROOT, "PutObjectRetention", ROW), WRITTEN),
    "infra changes the rules": (in_prod(INFRA, "PutBucketLifecycle", None), WRITTEN),
    "root changes the policy": (in_prod(ROOT, "PutBucketPolicy", None), WRITTEN),
    "a provider writes outside": (in_prod(PROVIDER, "PutObject", "raw/airports/x.csv"), WRITTEN),
    "a provider writes where landing was": (in_prod(PROVIDER, "PutObject", DROP), WRITTEN),
    "a provider configures": (in_prod(PROVIDER, "PutBucketPolicy", None), WRITTEN),
    "infra changes the rules of landing": (in_landing(INFRA, "PutBucketLifecycle", None), LANDING),
    "a provider configures landing": (in_landing(PROVIDER, "PutBucketPolicy", None), LANDING),
    "a provider removes many": (in_landing(PROVIDER, "DeleteObjects", None), LANDING),
    "root changes the policy of landing": (in_landing(ROOT, "PutBucketPolicy", None), LANDING),
    "a user drops": (in_landing(USER, "PutObject", DROP), LANDING),
    "root removes what was dropped": (in_landing(ROOT, "DeleteObject", DROP), LANDING),
    "another role drops": (in_landing(role("deployer"), "PutObject", DROP), LANDING),
    "a provider of another account drops": (in_landing(STRANGER, "PutObject", DROP), LANDING),
    "a provider's name elsewhere drops": (in_landing(role("provider-x", ACCOUNTS["dev"]), "PutObject", DROP), LANDING),
    # What ends or hides all of it at once.
    "infra lets a key go": (told(INFRA, "kms", "ScheduleKeyDeletion", {"keyId": "1", "pendingWindowInDays": 7}), UNGUARDED),
    "infra disables a key": (told(INFRA, "kms", "DisableKey", {"keyId": "1"}), UNGUARDED),
    "infra lets others use a key": (told(INFRA, "kms", "PutKeyPolicy", {"keyId": "1", "policyName": "default"}), UNGUARDED),
    "root stops the trail": (told(ROOT, "cloudtrail", "StopLogging", {"name": "company-prod"}), UNGUARDED),
    "infra has the trail tell less": (told(INFRA, "cloudtrail", "PutEventSelectors", {"trailName": "company-prod"}), UNGUARDED),
    "root silences an alarm": (told(ROOT, "events", "DisableRule", {"name": "company-prod-written"}), UNGUARDED),
    "a user may not let a key go": (told(USER, "kms", "ScheduleKeyDeletion", {"keyId": "1"}, errorCode="AccessDenied"), NONE),
    "the pipeline uses a key": (told(PIPELINE, "kms", "GenerateDataKey", {"keyId": "1"}, readOnly=True), NONE),
    # Break-glass.
    "break-glass is taken on": (taken(TOKEN, "AssumeRoleWithWebIdentity", "break-glass"), TAKEN),
    "break-glass is taken on by a role": (taken(INFRA, "AssumeRole", "break-glass"), TAKEN),
    "break-glass is refused": (taken(USER, "AssumeRole", "break-glass", errorCode="AccessDenied"), TAKEN),
    "break-glass looks": (in_prod(GLASS, "GetObject", ROW, readOnly=True), ACTS),
    "break-glass removes": (in_prod(GLASS, "DeleteObject", ROW), ACTS | WRITTEN),
    "break-glass removes what was dropped": (in_landing(GLASS, "DeleteObject", DROP), ACTS | LANDING),
    "break-glass lists roles": (told(GLASS, "iam", "ListRoles", {}, readOnly=True), ACTS),
    "break-glass of dev is taken on": (taken(TOKEN, "AssumeRoleWithWebIdentity", "break-glass", ACCOUNTS["dev"]), NONE),
}


def rules(plan: dict[str, Any]) -> dict[str, EventPattern]:
    found = [one for one in resources(plan["planned_values"]["root_module"]) if one["type"] == "aws_cloudwatch_event_rule"]
    ours = [one["values"] for one in found if one["address"].startswith("module.audit.")]
    return {one["name"].removeprefix("company-"): EventPattern.load(one["event_pattern"]) for one in ours}


def alarms(plan: dict[str, Any], event: dict[str, Any]) -> set[str]:
    return {name for name, pattern in rules(plan).items() if pattern.matches_event(event)}


@pytest.mark.parametrize("what", EVENTS)
def test_in_prod_whatever_is_not_the_daily_work_alarms(planned, what: str) -> None:
    event, expected = EVENTS[what]
    assert alarms(planned["prod"], event) == expected


def test_in_dev_break_glass_alone_alarms(planned) -> None:
    dev = ACCOUNTS["dev"]
    assert alarms(planned["dev"], in_prod(role("engineer", dev), "PutObject", "dev/me/x", bucket="company-dev")) == NONE
    assert alarms(planned["dev"], taken(TOKEN, "AssumeRoleWithWebIdentity", "break-glass", dev)) == TAKEN
    assert alarms(planned["dev"], in_prod(role("break-glass", dev), "DeleteObject", "dev/me/x", bucket="company-dev")) == ACTS


def test_what_is_done_in_other_regions_is_found_in_the_log_group(planned) -> None:
    """No stand-in reads such filters: only that they name the role, by both fields, is looked at."""
    for environment, plan in planned.items():
        found = resources(plan["planned_values"]["root_module"])
        [pattern] = [one["values"]["pattern"] for one in found if one["type"] == "aws_cloudwatch_log_metric_filter"]
        arn = json.dumps(f"arn:aws:iam::{ACCOUNTS[environment]}:role/company-break-glass")
        assert pattern.count(arn) == 2
        assert f"$.requestParameters.roleArn = {arn}" in pattern
        assert f"$.userIdentity.sessionContext.sessionIssuer.arn = {arn}" in pattern
