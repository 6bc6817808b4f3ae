"""Rules that the cases leave out, each with the sentence of AWS's documentation that it comes from."""

from typing import Any

import pytest

from dataops_assets_tests.policy.deciding import decision, policy, world

OURS, THEIRS = "111122223333", "444455556666"
ALICE, ROOT = f"arn:aws:iam::{OURS}:user/alice", f"arn:aws:iam::{OURS}:root"
WRITER, SESSION = f"arn:aws:iam::{OURS}:role/prod-writer", f"arn:aws:sts::{OURS}:assumed-role/prod-writer/run-1"
KEY = f"arn:aws:kms:eu-central-1:{OURS}:key/0a1b"
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
NOTHING = policy({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"})


def to(principal: Any, action: str = "s3:*", **more: Any) -> dict[str, Any]:
    return policy({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more})


def under(condition: dict[str, Any], context: dict[str, Any], action: str = "s3:PutObject") -> bool:
    return decision(world(action, context=context, identity=[{**ALL, "Condition": condition}])).allowed


def of(arn: str, pattern: str, context: dict[str, Any] | None = None) -> bool:
    return decision(world(about=arn, context=context, identity=[{**ALL, "Resource": pattern}])).allowed


# KMS Developer Guide: "Without permission from the key policy, IAM policies that allow permissions have no effect."
@pytest.mark.parametrize(
    ("key_policy", "identity", "allowed", "why"),
    [
        (to({"AWS": ROOT}, "kms:*"), [ALL], True, "allowed"),
        (to({"AWS": OURS}, "kms:*"), [ALL], True, "allowed"),
        (to({"AWS": ROOT}, "kms:*"), [], False, "no statement allows it"),
        (to({"AWS": ROOT}, "kms:Encrypt"), [ALL], False, "the policy of the resource does not let it in"),
        (
            to({"AWS": f"arn:aws:iam::{OURS}:user/carol"}, "kms:*"),
            [ALL],
            False,
            "the policy of the resource does not let it in",
        ),
        (to({"AWS": ALICE}, "kms:*"), [], True, "allowed"),
    ],
)
def test_to_a_key_there_is_no_way_but_its_policy(key_policy: Any, identity: list[Any], allowed: bool, why: str):
    found = decision(world("kms:Decrypt", KEY, identity=identity, resource=key_policy))
    assert (found.allowed, found.why) == (allowed, why)


def test_an_action_of_kms_that_is_about_no_key_needs_no_key_policy():
    assert decision(world("kms:ListKeys", "*", identity=[ALL])).allowed


def test_a_role_is_passed_without_its_trust_policy():
    assert decision(world("iam:PassRole", WRITER, identity=[ALL])).allowed


# Session policies: "the resource-based policy permissions are not limited by the session policy", of a session that is named;
# of a role, they are "added to the role's identity-based policy" and limited.
@pytest.mark.parametrize(("named", "allowed"), [(SESSION, True), ("*", True), (WRITER, False), (ROOT, False)])
@pytest.mark.parametrize("limit", [{"boundary": [NOTHING]}, {"session": NOTHING}])
def test_who_is_named_himself_is_not_limited(named: str, allowed: bool, limit: dict[str, Any]):
    identity = [ALL] if named == ROOT else []
    found = decision(world(principal=SESSION, identity=identity, resource=to({"AWS": named}), **limit))
    assert found.allowed == allowed
    if not allowed:
        assert found.why == f"the {'boundary' if 'boundary' in limit else 'session policy'} does not allow it"


# A role in another account: both sides, and there is no exception from the boundary.
@pytest.mark.parametrize(
    "named", [f"arn:aws:sts::{THEIRS}:assumed-role/reader/r", f"arn:aws:iam::{THEIRS}:role/reader", THEIRS, "*"]
)
def test_between_accounts_both_sides_allow_and_limits_hold(named: str):
    reader = f"arn:aws:sts::{THEIRS}:assumed-role/reader/r"
    both = world(principal=reader, identity=[ALL], resource=to({"AWS": named}))
    assert decision(both).allowed
    assert {each.policy for each in decision(both).by} == {"identity 1", "resource"}
    assert decision(both | {"boundary": [NOTHING]}).why == "the boundary does not allow it"
    assert decision(both | {"identity": []}).why == "no statement allows it"
    assert decision(both | {"resource": None}).why == "the policy of the resource does not let it in"


# The ARN of a session has no path; the name of a role is unique in its account, whatever the case of its letters.
@pytest.mark.parametrize(
    ("named", "allowed"),
    [
        (f"arn:aws:iam::{OURS}:role/pipelines/prod/prod-writer", True),
        (f"arn:aws:iam::{OURS}:role/Prod-Writer", True),
        (f"arn:aws:iam::{OURS}:role/prod-writer/other", False),
        (f"arn:aws:iam::{OURS}:user/prod-writer", False),
        (f"arn:aws:iam::{THEIRS}:role/prod-writer", False),
        (f"arn:aws:sts::{OURS}:assumed-role/prod-writer/run-2", False),
    ],
)
def test_a_session_is_of_its_role_with_or_without_path(named: str, allowed: bool):
    assert decision(world(principal=SESSION, resource=to({"AWS": named}))).allowed == allowed


# "users and roles with a permissions boundary … always denied, regardless of the values specified in the NotPrincipal element."
# "… the assumed-role user ARN, the role ARN, and the ARN of the AWS account": a role named without its sessions excepts none.
def test_not_principal_excepts_whoever_is_named_whole_and_has_no_boundary():
    def asked(principal: str, *named: str, **more: Any) -> bool:
        kept = {"Effect": "Deny", "NotPrincipal": {"AWS": list(named)}, "Action": "s3:*", "Resource": "*"}
        return decision(world(principal=principal, identity=[ALL], resource=policy(kept), **more)).allowed

    assert asked(ALICE, ALICE, ROOT)
    assert asked(SESSION, SESSION, WRITER, ROOT)
    assert not asked(SESSION, WRITER, ROOT)
    assert not asked(SESSION.replace("run-1", "run-2"), SESSION, WRITER, ROOT)
    assert not asked(ALICE, WRITER, ROOT)
    assert not asked(SESSION.replace("prod-writer", "other"), WRITER, ROOT)
    assert not asked(SESSION, SESSION, WRITER, ROOT, boundary=[policy(ALL)])


# "For anonymous users, … are equivalent"; a service has no policies but those of the resource.
def test_whoever_has_no_policies_is_let_in_by_the_resource_alone():
    for everyone in ("*", {"AWS": "*"}):
        assert decision(world(principal="*", resource=to(everyone))).allowed
    assert not decision(world(principal="*", resource=to({"AWS": [ROOT, ALICE]}))).allowed
    logs = world(principal="logging.s3.amazonaws.com", resource=to({"Service": "logging.s3.amazonaws.com"}))
    assert decision(logs).allowed
    assert not decision(logs | {"resource": to({"Service": "cloudtrail.amazonaws.com"})}).allowed
    assert decision(logs | {"resource": None}).why == "no statement allows it"


# KMS, STS and IAM take no request that is not signed; S3 does.
def test_whoever_has_not_signed_in_gets_nowhere_but_at_s3():
    everyone = {"Effect": "Allow", "Principal": "*"}
    for action, about, resource in (
        ("kms:Decrypt", KEY, policy({**everyone, "Action": "kms:*", "Resource": "*"})),
        ("sts:AssumeRole", WRITER, policy({**everyone, "Action": "sts:AssumeRole"})),
    ):
        asked = world(action, about, "*", resource=resource)
        assert decision(asked).why == "it is asked without a signature"
        assert decision(asked | {"request": {**asked["request"], "principal": SESSION}}).allowed


def test_an_identity_provider_is_let_in_by_its_name_alone():
    provider = f"arn:aws:iam::{OURS}:oidc-provider/token.actions.githubusercontent.com"
    for named, allowed in (({"Federated": provider}, True), ("*", True), ({"AWS": ROOT}, False)):
        trust = policy({"Effect": "Allow", "Principal": named, "Action": "sts:AssumeRoleWithWebIdentity"})
        assert decision(world("sts:AssumeRoleWithWebIdentity", WRITER, provider, resource=trust)).allowed == allowed


def test_a_deny_to_an_account_is_one_to_everybody_in_it():
    for denied, who in ((ROOT, ALICE), (OURS, SESSION), (WRITER, SESSION), ("*", ALICE)):
        kept = policy({"Effect": "Deny", "Principal": {"AWS": denied}, "Action": "s3:*", "Resource": "*"})
        assert not decision(world(principal=who, identity=[ALL], resource=kept)).allowed


def test_control_policies_limit_and_grant_nothing():
    assert decision(world(identity=[ALL], scp=[NOTHING, policy(ALL)])).allowed
    assert decision(world(resource=to({"AWS": ALICE}), scp=[NOTHING])).why == "the service control policies do not allow it"
    assert not decision(world(scp=[policy(ALL)])).allowed
    assert not decision(world(identity=[ALL], scp=[])).allowed


# Variables: `${*}` is an asterisk; what fills in a variable is no pattern; missing, it matches nothing unless it has a default.
# "You can use wildcard characters (* and ?) within the individual segments of an ARN (the parts separated by colons)".
@pytest.mark.parametrize(
    ("arn", "pattern", "allowed"),
    [
        ("arn:aws:s3:::prod/a*", "arn:aws:s3:::prod/a${*}", True),
        ("arn:aws:s3:::prod/ab", "arn:aws:s3:::prod/a${*}", False),
        ("arn:aws:s3:::prod/a?", "arn:aws:s3:::prod/a${?}", True),
        ("arn:aws:s3:::prod/ab", "arn:aws:s3:::prod/a${?}", False),
        ("arn:aws:s3:::prod/${x}", "arn:aws:s3:::prod/${$}{x}", True),
        ("arn:aws:s3:::prod/raw", "arn:aws:s3:::prod/raw*", True),
        ("arn:aws:s3:::prod/raw", "arn:aws:s3:::prod/raw?", False),
        ("arn:aws:s3:::prod/a+b", "arn:aws:s3:::prod/a+b", True),
        ("arn:aws:s3:::prod/aab", "arn:aws:s3:::prod/a+b", False),
        ("arn:aws:s3:::prod/a\nb", "arn:aws:s3:::prod/a*", True),
        ("arn:aws:s3:::prod/RAW", "arn:aws:s3:::prod/raw", False),
        ("arn:aws:s3:::prod/x:y", "arn:aws:s3:::prod/*y", True),
        (f"arn:aws:s3:eu:{OURS}:accesspoint/x", "arn:aws:s3:*:accesspoint/x", None),
        (f"arn:aws:s3:eu:{OURS}:accesspoint/x", f"arn:aws:s3:*:{OURS}:accesspoint/x", True),
        (f"arn:aws:s3:eu:{OURS}:accesspoint/x", "arn:aws:s3:::*", False),
        ("arn:aws:iam::132:role/x", "arn:aws:iam::*2:role/x", True),
        ("arn:aws:iam::1:2:role/x", "arn:aws:iam::*2:role/x", False),
        ("arn:aws:iam::132:role/x", "arn:aws:iam::1?2:role/x", True),
        ("arn:aws:iam::1:2:role/x", "arn:aws:iam::1?2:role/x", False),
        ("arn:aws:s3:::prod/*/x", "arn:aws:s3:::prod/${s3:prefix}/x", True),
        ("arn:aws:s3:::prod/any/x", "arn:aws:s3:::prod/${s3:prefix}/x", False),
        ("arn:aws:s3:::prod//x", "arn:aws:s3:::prod/${aws:username}/x", False),
        ("arn:aws:s3:::prod//x", "arn:aws:s3:::prod/${aws:username, ''}/x", True),
        ("arn:aws:s3:::prod/*/x", "arn:aws:s3:::prod/${s3:prefix, 'none'}/x", True),
        ("arn:aws:s3:::prod/none/x", "arn:aws:s3:::prod/${s3:prefix, 'none'}/x", False),
    ],
)
def test_patterns_of_resources(arn: str, pattern: str, allowed: bool | None):
    if allowed is None:
        with pytest.raises(ValueError, match="no ARN"):
            of(arn, pattern)
    else:
        assert of(arn, pattern, {"s3:prefix": "*"}) == allowed


def test_a_request_about_no_resource_is_matched_by_all_alone():
    assert decision(world("s3:ListAllMyBuckets", "*", identity=[ALL])).allowed
    assert not decision(world("s3:ListAllMyBuckets", "*", identity=[{**ALL, "Resource": "arn:aws:s3:::*"}])).allowed


TAGS = "s3:RequestObjectTagKeys"


# Set operators: "ForAllValues … also returns true if there are no context keys in the request"; ForAnyValue: "returns false".
@pytest.mark.parametrize(
    ("operator", "given", "allowed"),
    [
        ("ForAllValues:StringNotEquals", ["b", "c"], True),
        ("ForAllValues:StringNotEquals", ["a", "b"], False),
        ("ForAllValues:StringNotEquals", None, True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], True),
        ("ForAnyValue:StringNotEquals", ["a"], False),
        ("ForAnyValue:StringNotEquals", None, False),
        ("ForAllValues:StringLike", ["a"], True),
        ("ForAllValues:StringLike", ["a", "b"], False),
    ],
)
def test_keys_with_many_values(operator: str, given: list[str] | None, allowed: bool):
    assert under({operator: {TAGS: "a"}}, {TAGS: given} if given else {}) == allowed


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringNotEquals": {"s3:prefix": ["x", "raw"]}}, False),
        ({"StringNotEquals": {"s3:prefix": ["x", "y"]}}, True),
        ({"StringNotEqualsIgnoreCase": {"s3:prefix": "RAW"}}, False),
        ({"StringNotLike": {"s3:prefix": "r*"}}, False),
        ({"StringLike": {"s3:prefix": "r?w"}}, True),
        ({"StringEquals": {"s3:prefix": "r?w"}}, False),
        ({"StringEqualsIfExists": {"aws:username": "x"}, "StringEquals": {"s3:prefix": "y"}}, False),
        ({"NumericEquals": {"s3:max-keys": "10.0"}}, True),
        ({"NumericNotEquals": {"s3:max-keys": "10"}}, False),
        ({"NumericLessThan": {"s3:max-keys": "10"}}, False),
        ({"NumericLessThan": {"s3:max-keys": "11"}}, True),
        ({"NumericGreaterThan": {"s3:max-keys": "9"}}, True),
        ({"NumericGreaterThan": {"s3:max-keys": "10"}}, False),
        ({"NumericGreaterThanEquals": {"s3:max-keys": "10"}}, True),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, True),
        ({"DateEquals": {"aws:CurrentTime": "2026-01-01T01:00:00+01:00"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2025-12-31T23:59:59Z"}}, True),
        ({"DateLessThanEquals": {"aws:CurrentTime": "2025-12-31T23:59:59Z"}}, False),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/24"}}, False),
        ({"IpAddress": {"aws:SourceIp": ["192.168.0.0/16", "10.0.0.5"]}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/prod-*"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*"}}, None),
        ({"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/prod-*"}}, False),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-central-1:*:raw"}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:eu-central-1:*:raw"}}, False),
        ({"ArnNotEquals": {"aws:SourceArn": "arn:aws:sns:eu-central-1:*:raw"}}, True),
        ({"ArnNotLike": {"aws:SourceArn": "arn:aws:sns:eu-central-1:*:raw"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"Bool": {"aws:ViaAWSService": "false"}}, False),
        ({"BoolIfExists": {"aws:ViaAWSService": "false"}}, True),
        ({"Null": {"aws:username": "true", "s3:prefix": "false"}}, True),
        ({"Null": {"aws:username": "true", "s3:max-keys": "true"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], allowed: bool | None):
    context = {
        "s3:prefix": "raw",
        "s3:max-keys": "10",
        "aws:CurrentTime": "2026-01-01T00:00:00Z",
        "aws:SourceIp": "10.0.0.5",
        "aws:PrincipalArn": WRITER,
        "aws:SourceArn": f"arn:aws:sns:eu-central-1:{OURS}:topic:raw",
        "aws:SecureTransport": "true",
    }
    if allowed is None:
        with pytest.raises(ValueError, match="no ARN"):
            under(condition, context)
    else:
        assert under(condition, context) == allowed


def test_the_statements_that_decide_are_told():
    reads, writes = {**ALL, "Sid": "Reads", "Action": "s3:Get*"}, {**ALL, "Action": "s3:Put*"}
    allowed = decision(world(identity=[writes, reads, ALL], boundary=[policy(ALL)]))
    assert (allowed.why, [str(each) for each in allowed.by]) == (
        "allowed",
        ["identity 1, statement 2 (Reads)", "identity 1, statement 3"],
    )
    denied = decision(world(identity=[ALL, {**reads, "Effect": "Deny"}], resource=to({"AWS": ALICE})))
    assert (denied.why, [str(each) for each in denied.by]) == ("a statement denies it", ["identity 1, statement 2 (Reads)"])
    key = decision(world("kms:Decrypt", KEY, identity=[ALL], resource=to({"AWS": ROOT}, "kms:*")))
    assert [str(each) for each in key.by] == ["identity 1, statement 1", "resource, statement 1"]
    role = decision(world(principal=SESSION, identity=[ALL], resource=to({"AWS": WRITER})))
    assert [str(each) for each in role.by] == ["identity 1, statement 1", "resource, statement 1"]
