"""What alarms, by the patterns that the plan holds, on events of CloudTrail written by hand.

The events have the fields that the documentation says, which is what a pattern may get wrong: who is no role of the account
has no `sessionIssuer`. Source: CloudTrail User Guide, "CloudTrail userIdentity element"; Amazon S3 User Guide, "Amazon S3
CloudTrail events"; IAM User Guide, "Logging IAM and AWS STS API calls". They are matched as moto reads patterns; filters of the
log group are read here.
"""

import re
from typing import Any

import pytest
from moto.events.models import EventPattern

from dataops_assets_tests.infra.terraform import resources
from dataops_assets_tests.values import ACCOUNTS, PEOPLE, PREFIX, REGION

pytestmark = pytest.mark.terraform

PROD = ACCOUNTS["prod"]
USER = {
    "type": "IAMUser",
    "arn": f"arn:aws:iam::{PROD}:user/{PREFIX}-pipeline",
    "accountId": PROD,
    "userName": f"{PREFIX}-pipeline",
}
ROOT = {"type": "Root", "arn": f"arn:aws:iam::{PROD}:root", "accountId": PROD, "principalId": PROD}
SERVICE = {"type": "AWSService", "invokedBy": "s3.amazonaws.com"}
STRANGER = {"type": "AWSAccount", "principalId": f"AROAEXAMPLE:{PREFIX}-pipeline", "accountId": ACCOUNTS["dev"]}
NOBODY = {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}
TOKEN = {"type": "WebIdentityUser", "principalId": f"{PEOPLE}:aud:sub", "identityProvider": PEOPLE}


def role(name: str, account: str = PROD) -> dict[str, Any]:
    """A session of a role of the account, as its own trail tells of it."""
    issuer = {"type": "Role", "arn": f"arn:aws:iam::{account}:role/{PREFIX}-{name}", "accountId": account, "userName": name}
    return {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{account}:assumed-role/{PREFIX}-{name}/somebody",
        "accountId": account,
        "sessionContext": {"attributes": {"mfaAuthenticated": "false"}, "sessionIssuer": issuer},
    }


def told(who: dict[str, Any], service: str, name: str, asked: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An event, as EventBridge gets it from CloudTrail."""
    detail = {"eventSource": f"{service}.amazonaws.com", "eventName": name, "userIdentity": who, "requestParameters": asked}
    detail |= {"eventType": "AwsApiCall", "eventCategory": "Management"}
    return {"detail-type": "AWS API Call via CloudTrail", "source": f"aws.{service}", "detail": {**detail, **more}}


def in_prod(who: dict[str, Any], name: str, key: str | None, bucket: str = f"{PREFIX}-prod", **more: Any) -> dict[str, Any]:
    asked = {"bucketName": bucket, "Host": f"{bucket}.s3.{REGION}.amazonaws.com"} | ({"key": key} if key else {})
    category = "Data" if key or name == "DeleteObjects" else "Management"
    return told(who, "s3", name, asked, **{"readOnly": False, "eventCategory": category, **more})


def changed(who: dict[str, Any], name: str, service: str = "iam", **more: Any) -> dict[str, Any]:
    """Something beside data, as no bucket or role of the alarms names it."""
    return told(who, service, name, {"roleName": f"{PREFIX}-pipeline"}, **{"readOnly": False, **more})


def of_trail(who: dict[str, Any], name: str, of: str = PREFIX, **more: Any) -> dict[str, Any]:
    """Something about the role by which the trail writes its log group."""
    return told(who, "iam", name, {"roleName": f"{of}-trail"}, **{"readOnly": False, **more})


def in_landing(who: dict[str, Any], name: str, key: str | None) -> dict[str, Any]:
    return in_prod(who, name, key, f"{PREFIX}-landing")


def taken(who: dict[str, Any], name: str, of: str, account: str = PROD, **more: Any) -> dict[str, Any]:
    asked = {"roleArn": f"arn:aws:iam::{account}:role/{PREFIX}-{of}", "roleSessionName": "somebody"}
    return told(who, "sts", name, asked, **{"readOnly": True, **more})


PIPELINE, PROVIDER, INFRA = role("pipeline"), role("provider-openflights"), role("infra")
GLASS = role("break-glass")
NONE: set[str] = set()
WRITTEN, LANDING, UNGUARDED = {"prod-written"}, {"prod-landing-written"}, {"unguarded"}
RULES = UNGUARDED | {"rules-changed"}
TAKEN, ACTS = {"break-glass-taken", "break-glass"}, {"break-glass-acts", "break-glass"}
CONFIGURED, IDENTITIES, USED = {"configured-by-others"}, {"identities-changed-by-others"}, {"root-used"}
TRAIL = {"trail-role-changed"}
SILENCE = {
    "events": "DeleteRule DisableRule PutRule PutTargets RemoveTargets",
    "monitoring": "DeleteAlarms DisableAlarmActions PutAlarmMuteRule PutMetricAlarm SetAlarmState",
    "logs": "DeleteLogGroup DeleteLogStream DeleteMetricFilter PutMetricFilter PutRetentionPolicy DisassociateKmsKey",
    "sns": "DeleteTopic SetSubscriptionAttributes SetTopicAttributes Unsubscribe",
    "cloudtrail": "DeleteTrail PutEventSelectors StopLogging UpdateTrail",
}
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
    "root reads": (in_prod(ROOT, "GetObject", ROW, readOnly=True), USED),
    "somebody writes elsewhere": (in_prod(USER, "PutObject", ROW, bucket=f"{PREFIX}-dev"), NONE),
    "a branch asks whether it may write": (in_prod(STRANGER, "UploadPart", "_doctor/x", errorCode="AccessDenied"), NONE),
    "the pipeline signs in": (taken(SERVICE, "AssumeRoleForPodIdentity", "pipeline"), NONE),
    "an analyst signs in": (taken(TOKEN, "AssumeRoleWithWebIdentity", "analyst-analysts"), NONE),
    # Somebody else.
    "root removes": (in_prod(ROOT, "DeleteObject", ROW), WRITTEN | USED),
    "root removes many": (in_prod(ROOT, "DeleteObjects", None), WRITTEN | USED),
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
    "a lock is shortened": (in_prod(ROOT, "PutObjectRetention", ROW), WRITTEN | USED),
    "infra changes the rules": (in_prod(INFRA, "PutBucketLifecycle", None), WRITTEN),
    "root changes the policy": (in_prod(ROOT, "PutBucketPolicy", None), WRITTEN | CONFIGURED | USED),
    "a provider writes outside": (in_prod(PROVIDER, "PutObject", "raw/airports/x.csv"), WRITTEN),
    "a provider writes where landing was": (in_prod(PROVIDER, "PutObject", DROP), WRITTEN),
    "a provider configures": (in_prod(PROVIDER, "PutBucketPolicy", None), WRITTEN | CONFIGURED),
    "infra changes the rules of landing": (in_landing(INFRA, "PutBucketLifecycle", None), LANDING),
    "a provider configures landing": (in_landing(PROVIDER, "PutBucketPolicy", None), LANDING | CONFIGURED),
    "a provider removes many": (in_landing(PROVIDER, "DeleteObjects", None), LANDING),
    "root changes the policy of landing": (in_landing(ROOT, "PutBucketPolicy", None), LANDING | CONFIGURED | USED),
    "a user drops": (in_landing(USER, "PutObject", DROP), LANDING),
    "root removes what was dropped": (in_landing(ROOT, "DeleteObject", DROP), LANDING | USED),
    "another role drops": (in_landing(role("deployer"), "PutObject", DROP), LANDING),
    "a provider of another account drops": (in_landing(STRANGER, "PutObject", DROP), LANDING),
    "a provider's name elsewhere drops": (in_landing(role("provider-x", ACCOUNTS["dev"]), "PutObject", DROP), LANDING),
    # What ends or hides all of it at once.
    "infra lets a key go": (told(INFRA, "kms", "ScheduleKeyDeletion", {"keyId": "1", "pendingWindowInDays": 7}), UNGUARDED),
    "infra disables a key": (told(INFRA, "kms", "DisableKey", {"keyId": "1"}), UNGUARDED),
    "infra lets others use a key": (told(INFRA, "kms", "PutKeyPolicy", {"keyId": "1", "policyName": "default"}), UNGUARDED),
    "root stops the trail": (told(ROOT, "cloudtrail", "StopLogging", {"name": f"{PREFIX}-prod"}), UNGUARDED | USED),
    "infra has the trail tell less": (
        told(INFRA, "cloudtrail", "PutEventSelectors", {"trailName": f"{PREFIX}-prod"}),
        UNGUARDED,
    ),
    "root silences an alarm": (told(ROOT, "events", "DisableRule", {"name": f"{PREFIX}-prod-written"}), RULES | USED),
    "a user may not silence it": (told(USER, "events", "DisableRule", {"name": "x"}, errorCode="AccessDenied"), NONE),
    **{
        f"{who} silences by {name}": (told(by, service, name, {}, readOnly=False), RULES if service == "events" else UNGUARDED)
        for who, by in (("infra", INFRA), ("a user", USER))
        for service, names in SILENCE.items()
        for name in names.split()
    },
    **{
        f"drift looks by {name}": (told(role("drift"), service, name, {}, readOnly=True), NONE)
        for service, name in (
            *(("events", "DescribeRule"), ("monitoring", "DescribeAlarms"), ("logs", "DescribeMetricFilters")),
            *(("sns", "GetTopicAttributes"), ("cloudtrail", "GetTrail")),
        )
    },
    "the trail begins a stream": (told(SERVICE, "logs", "CreateLogStream", {}, readOnly=False), NONE),
    "a user may not let a key go": (told(USER, "kms", "ScheduleKeyDeletion", {"keyId": "1"}, errorCode="AccessDenied"), NONE),
    "the pipeline uses a key": (told(PIPELINE, "kms", "GenerateDataKey", {"keyId": "1"}, readOnly=True), NONE),
    # Who may do what, and what keeps data, changed by others than infra.
    "infra gives a role rights": (changed(INFRA, "PutRolePolicy"), NONE),
    "infra changes the boundary": (changed(INFRA, "CreatePolicyVersion"), NONE),
    **{
        f"infra changes the role of the trail by {name}": (of_trail(INFRA, name), TRAIL)
        for name in ("DeleteRole", "DeleteRolePolicy", "PutRolePermissionsBoundary", "PutRolePolicy", "UpdateAssumeRolePolicy")
    },
    "a user changes the role of the trail": (of_trail(USER, "DeleteRolePolicy"), TRAIL | IDENTITIES),
    "a user may not change the role of the trail": (of_trail(USER, "DeleteRolePolicy", errorCode="AccessDenied"), NONE),
    "drift looks at the role of the trail": (of_trail(role("drift"), "GetRolePolicy", readOnly=True), NONE),
    "infra changes a role that is called alike": (of_trail(INFRA, "PutRolePolicy", f"{PREFIX}-2"), NONE),
    "a user gives a role rights": (changed(USER, "PutRolePolicy"), IDENTITIES),
    "a role lets others in": (changed(role("deployer"), "UpdateAssumeRolePolicy"), IDENTITIES),
    "a role whose name begins like infra's takes a boundary away": (
        changed(role("infra-2"), "DeleteRolePermissionsBoundary"),
        IDENTITIES,
    ),
    "infra of another account trusts an issuer": (
        changed(role("infra", ACCOUNTS["dev"]), "CreateOpenIDConnectProvider"),
        IDENTITIES,
    ),
    "a service changes a policy": (changed(SERVICE, "CreatePolicyVersion"), IDENTITIES),
    "a user may not give a role rights": (changed(USER, "PutRolePolicy", errorCode="AccessDenied"), NONE),
    "drift looks at roles": (changed(role("drift"), "GetRole", readOnly=True), NONE),
    "root makes a user": (changed(ROOT, "CreateUser"), IDENTITIES | USED),
    "root signs in": (told(ROOT, "signin", "ConsoleLogin", {}, eventType="AwsConsoleSignIn", readOnly=False), USED),
    "AWS does something for the account": (
        told(ROOT | {"invokedBy": "AWS Internal"}, "s3", "ListBuckets", {}, readOnly=True),
        NONE,
    ),
    "infra configures the bucket of the trail": (
        in_prod(INFRA, "PutBucketLifecycle", None, f"{PREFIX}-audit-prod"),
        UNGUARDED,
    ),
    "a user configures it": (in_prod(USER, "PutBucketPolicy", None, f"{PREFIX}-audit-prod"), CONFIGURED | UNGUARDED),
    "drift looks at it": (in_prod(role("drift"), "GetBucketPolicy", None, f"{PREFIX}-audit-prod", readOnly=True), NONE),
    "infra configures the bucket of states": (in_prod(INFRA, "PutBucketPolicy", None, f"{PREFIX}-state-prod"), NONE),
    "a role turns off versions of states": (
        in_prod(role("drift"), "PutBucketVersioning", None, f"{PREFIX}-state-prod"),
        CONFIGURED,
    ),
    "a user opens the account to the public": (
        told(USER, "s3", "DeleteAccountPublicAccessBlock", {}, readOnly=False),
        CONFIGURED,
    ),
    "a user makes another way into a bucket": (
        told(USER, "s3", "CreateAccessPoint", {"name": "x"}, readOnly=False),
        CONFIGURED,
    ),
    "infra names a key": (changed(INFRA, "CreateAlias", "kms"), NONE),
    "a user names a key": (changed(USER, "CreateAlias", "kms"), CONFIGURED),
    "a user lets a key go": (changed(USER, "ScheduleKeyDeletion", "kms"), CONFIGURED | UNGUARDED),
    "the database uses a key": (changed(SERVICE, "CreateGrant", "kms"), NONE),
    # Break-glass.
    "break-glass is taken on": (taken(TOKEN, "AssumeRoleWithWebIdentity", "break-glass"), TAKEN),
    "break-glass is taken on by a role": (taken(INFRA, "AssumeRole", "break-glass"), TAKEN),
    "break-glass is refused": (taken(USER, "AssumeRole", "break-glass", errorCode="AccessDenied"), TAKEN),
    "break-glass looks": (in_prod(GLASS, "GetObject", ROW, readOnly=True), ACTS),
    "break-glass removes": (in_prod(GLASS, "DeleteObject", ROW), ACTS | WRITTEN),
    "break-glass removes what was dropped": (in_landing(GLASS, "DeleteObject", DROP), ACTS | LANDING),
    "break-glass lists roles": (told(GLASS, "iam", "ListRoles", {}, readOnly=True), ACTS),
    "break-glass gives a role rights": (changed(GLASS, "PutRolePolicy"), ACTS | IDENTITIES),
    "break-glass of dev is taken on": (taken(TOKEN, "AssumeRoleWithWebIdentity", "break-glass", ACCOUNTS["dev"]), NONE),
}


def ours(plan: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found = [one for one in resources(plan["planned_values"]["root_module"]) if one["type"] == kind]
    return [one["values"] for one in found if one["address"].startswith("module.audit.")]


def alarms(plan: dict[str, Any], event: dict[str, Any]) -> set[str]:
    rules = {one["name"]: EventPattern.load(one["event_pattern"]) for one in ours(plan, "aws_cloudwatch_event_rule")}
    filters = {one["name"]: one["pattern"] for one in ours(plan, "aws_cloudwatch_log_metric_filter")}
    found = {name for name, pattern in rules.items() if pattern.matches_event(event)}
    found |= {name for name, pattern in filters.items() if is_found(pattern, event["detail"])}
    return {name.removeprefix(f"{PREFIX}-") for name in found}


_TERM = re.compile(r'\$\.([\w.]+) (?:(NOT EXISTS)|(IS FALSE)|(=|!=) "([^"]*)")')


def is_found(pattern: str, told: dict[str, Any]) -> bool:
    """Whether a filter of a log group finds an event: as much of the language as our filters need.

    A field that is absent equals nothing, and differs from nothing. Source: CloudWatch Logs User Guide, "Filter pattern syntax
    for metric filters", on JSON.
    """

    def holds(term: re.Match[str]) -> str:
        value: Any = told
        for name in term[1].split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if term[2] or term[3]:
            return str(value is None if term[2] else value is False)
        return str(value is not None and (value == term[5]) == (term[4] == "="))

    text = _TERM.sub(holds, pattern.removeprefix("{").removesuffix("}"))
    assert re.fullmatch(r"(True|False|&&|\|\||[() ])+", text), text
    while "(" in text:
        text = re.sub(r"\(([^()]*)\)", lambda inner: str(_is_true(inner[1])), text)
    return _is_true(text)


def _is_true(text: str) -> bool:
    return any(all(part.strip() == "True" for part in each.split("&&")) for each in text.split("||"))


@pytest.mark.parametrize("what", EVENTS)
def test_in_prod_whatever_is_not_the_daily_work_alarms(planned, what: str) -> None:
    event, expected = EVENTS[what]
    assert alarms(planned["prod"], event) == expected


def test_in_dev_break_glass_alone_alarms(planned) -> None:
    dev = ACCOUNTS["dev"]
    assert alarms(planned["dev"], in_prod(role("engineer", dev), "PutObject", "dev/me/x", bucket=f"{PREFIX}-dev")) == NONE
    assert alarms(planned["dev"], taken(TOKEN, "AssumeRoleWithWebIdentity", "break-glass", dev)) == TAKEN
    assert alarms(planned["dev"], in_prod(role("break-glass", dev), "DeleteObject", "dev/me/x", bucket=f"{PREFIX}-dev")) == ACTS


@pytest.mark.parametrize(("service", "name"), [(service, name) for service in SILENCE for name in SILENCE[service].split()])
def test_what_silences_an_alarm_of_dev_alarms_there(planned, service: str, name: str) -> None:
    expected = RULES if service == "events" else UNGUARDED
    assert alarms(planned["dev"], told(role("infra", ACCOUNTS["dev"]), service, name, {}, readOnly=False)) == expected


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_log_group_that_filters_read_and_nothing_comes_into_alarms(planned, environment: str) -> None:
    read = {one["log_group_name"] for one in ours(planned[environment], "aws_cloudwatch_log_metric_filter")}
    below_one = ("AWS/Logs", "IncomingLogEvents", "Sum", "LessThanThreshold", 1, "breaching")
    about = ("namespace", "metric_name", "statistic", "comparison_operator", "threshold", "treat_missing_data")
    silent = [one for one in ours(planned[environment], "aws_cloudwatch_metric_alarm") if one["namespace"] == "AWS/Logs"]
    assert [tuple(one[name] for name in about) for one in silent] == [below_one]
    assert {one["dimensions"]["LogGroupName"] for one in silent} == read


def test_what_is_done_to_roles_and_buckets_of_dev_alarms_there(planned) -> None:
    dev = ACCOUNTS["dev"]
    assert alarms(planned["dev"], changed(role("engineer", dev), "PutRolePolicy")) == IDENTITIES
    assert alarms(planned["dev"], changed(role("infra", dev), "PutRolePolicy")) == NONE
    assert alarms(planned["dev"], of_trail(role("infra", dev), "DeleteRolePolicy")) == TRAIL
    assert alarms(planned["dev"], in_prod(role("engineer", dev), "PutBucketPolicy", None, f"{PREFIX}-dev")) == CONFIGURED
    assert alarms(planned["dev"], in_prod(role("infra", dev), "PutBucketPolicy", None, f"{PREFIX}-dev")) == NONE
    assert alarms(planned["dev"], in_prod(role("infra", dev), "PutBucketLifecycle", None, f"{PREFIX}-audit-dev")) == UNGUARDED
