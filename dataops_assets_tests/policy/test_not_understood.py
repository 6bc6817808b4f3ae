"""What is not understood is refused, by policy, statement and element; nothing of it is judged."""

from typing import Any

import pytest

from dataops_assets.policy.evaluate import Policies
from dataops_assets.policy.language import PolicyKind, read_policy
from dataops_assets.policy.refused import Refused
from dataops_assets_tests.policy.deciding import decision, policy, world

ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
ROLE = "arn:aws:iam::111122223333:role/prod-writer"
SESSION = "arn:aws:sts::111122223333:assumed-role/prod-writer/run-1"
ROOT = "arn:aws:iam::111122223333:root"


def given(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {**ALL, "Condition": {operator: {key: value}}}


def denies(**named: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "*", "Resource": "*", **named}


STATEMENTS: list[tuple[PolicyKind, dict[str, Any], str, str]] = [
    ("identity", {**ALL, "Comment": "x"}, "Comment", "no meaning"),
    ("identity", {**ALL, "Principal": "*"}, "Principal", "no meaning"),
    ("resource", ALL, "Principal", "0 of it"),
    ("trust", {**ALL, "Principal": "*"}, "Resource", "no meaning"),
    ("identity", {**ALL, "NotAction": "s3:*"}, "Action", "2 of it"),
    ("identity", {"Effect": "Allow", "Action": "*"}, "Resource", "0 of it"),
    ("identity", {**ALL, "Effect": "allow"}, "Effect", "no effect"),
    ("identity", {**ALL, "Action": []}, "Action", "no text"),
    ("identity", {**ALL, "Action": 7}, "Action", "no text"),
    ("identity", {**ALL, "Action": "GetObject"}, "Action", "no action"),
    ("identity", {**ALL, "Action": "s3*:Get"}, "Action", "no action"),
    ("identity", {**ALL, "Action": "s3:${aws:username}"}, "Action", "no action"),
    ("identity", {**ALL, "Resource": "prod/*"}, "Resource", "no ARN"),
    ("identity", {**ALL, "Resource": "arn:aws:s3"}, "Resource", "no ARN"),
    ("identity", {**ALL, "Resource": "arn:aws:s?:::prod"}, "Resource", "which service"),
    ("identity", {**ALL, "Resource": "arn:aws:iam::111122223333:u*/x"}, "Resource", "type of the resource"),
    ("identity", {**ALL, "Resource": "arn:aws:iam::111122223333:u*"}, "Resource", "type of the resource"),
    ("identity", {**ALL, "Resource": "arn:aws:iam::${aws:PrincipalAccount}:role/x"}, "Resource", "before the fifth colon"),
    ("identity", {**ALL, "Resource": "arn:aws:s3:::dev/${aws:PrincipalTag/}"}, "Resource", "no meaning"),
    ("identity", {**ALL, "Resource": "arn:aws:s3:::dev/${s3:usernam}"}, "Resource", "no meaning"),
    ("identity", {**ALL, "Resource": "arn:aws:s3:::dev/${aws:TagKeys}"}, "Resource", "many values"),
    ("identity", {**ALL, "Resource": "arn:aws:s3:::dev/${aws:username"}, "Resource", "not understood"),
    ("identity", {**ALL, "Resource": "arn:aws:s3:::dev/${aws:username,none}"}, "Resource", "not understood"),
    (
        "identity",
        {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::dev/${aws:username}"},
        "NotResource",
        "stay open",
    ),
    ("resource", denies(Principal={"AWS": "arn:aws:iam::111122223333:role/*"}), "Principal", "nobody known"),
    ("resource", denies(Principal={"AWS": "AROAEXAMPLE"}), "Principal", "nobody known"),
    ("resource", denies(Principal={"CanonicalUser": "79a5"}), "Principal", "kind of principal"),
    ("resource", denies(Principal={"Service": "*"}), "Principal", "nobody known"),
    ("resource", denies(Principal={"Federated": "arn:aws:iam::111122223333:saml-provider/x"}), "Principal", "nobody known"),
    ("resource", denies(Principal={}), "Principal", "names nobody"),
    ("resource", denies(Principal="arn:aws:iam::111122223333:root"), "Principal", "names nobody"),
    ("resource", {**ALL, "NotPrincipal": {"AWS": [ROLE, ROOT]}}, "NotPrincipal", "lets anybody in"),
    ("resource", denies(NotPrincipal={"AWS": ROLE}), "NotPrincipal", "alone"),
    ("resource", denies(NotPrincipal={"AWS": [SESSION, ROOT]}), "NotPrincipal", "alone"),
    ("identity", {**ALL, "Condition": []}, "Condition", "no conditions"),
    ("identity", {**ALL, "Condition": {"StringEquals": {}}}, "Condition", "no conditions"),
    ("identity", given("StringEqual", "aws:username", "x"), "Condition", "not known"),
    ("identity", given("stringequals", "aws:username", "x"), "Condition", "not known"),
    ("identity", given("BinaryEquals", "aws:username", "x"), "Condition", "not known"),
    ("identity", given("NullIfExists", "aws:username", "true"), "Condition", "not known"),
    ("identity", given("ForSomeValues:StringEquals", "aws:TagKeys", "x"), "Condition", "not known"),
    ("identity", given("StringEquals", "aws:PrincipalTeam", "x"), "Condition", "no meaning"),
    ("identity", given("StringEquals", "aws:PrincipalTag/", "x"), "Condition", "no meaning"),
    ("identity", given("StringEquals", "login.example.org:repository_id", "1"), "Condition", "no meaning"),
    ("identity", given("StringEquals", "aws:username", []), "Condition", "compares"),
    ("identity", given("Bool", "aws:SecureTransport", False), "Condition", "compares"),
    ("identity", given("Bool", "aws:SecureTransport", "no"), "Condition", "neither"),
    ("identity", given("Bool", "aws:SecureTransport", ["true", "false"]), "Condition", "2 values"),
    ("identity", given("Null", "aws:username", ["true", "false"]), "Condition", "2 values"),
    ("identity", given("StringEquals", "aws:SecureTransport", "true"), "Condition", "whose type is bool"),
    ("identity", given("ArnEquals", "aws:username", "arn:aws:iam::111122223333:user/x"), "Condition", "whose type is text"),
    ("identity", given("NumericEquals", "s3:max-keys", "ten"), "Condition", "no number"),
    ("identity", given("DateLessThan", "aws:CurrentTime", "2026-01-01"), "Condition", "no moment"),
    ("identity", given("DateLessThan", "aws:CurrentTime", "soon"), "Condition", "no moment"),
    ("identity", given("IpAddress", "aws:SourceIp", "10.0.0.1/24"), "Condition", "no range"),
    ("identity", given("StringEquals", "aws:TagKeys", "x"), "Condition", "does not fit"),
    ("identity", given("ForAllValues:StringEquals", "aws:username", "x"), "Condition", "does not fit"),
    ("identity", given("ForAnyValue:StringEqualsIfExists", "aws:TagKeys", "x"), "Condition", "says twice"),
    ("identity", given("StringNotEquals", "aws:username", "${aws:userid}"), "Condition", "stay open"),
]


@pytest.mark.parametrize(("kind", "statement", "element", "message"), STATEMENTS)
def test_a_statement_is_refused_by_its_place(kind: PolicyKind, statement: dict[str, Any], element: str, message: str):
    fine: dict[PolicyKind, dict[str, Any]] = {
        "identity": ALL,
        "resource": {**ALL, "Principal": "*"},
        "trust": {"Effect": "Allow", "Action": "*", "Principal": "*"},
    }
    with pytest.raises(Refused, match=message) as refused:
        read_policy(policy(fine[kind], {**statement, "Sid": "Bad"}), "bucket of prod", kind)
    error = refused.value
    assert (error.policy, error.statement, error.element) == ("bucket of prod", "statement 2 (Bad)", element)
    assert str(error).startswith(f"bucket of prod, statement 2 (Bad), {element}: ")
    assert error.remedy


@pytest.mark.parametrize(
    ("document", "element"),
    [
        ({"Statement": [ALL]}, "Version"),
        ({"Version": "2008-10-17", "Statement": [ALL]}, "Version"),
        ({**policy(ALL), "Statements": []}, "Statements"),
        ({"Version": "2012-10-17"}, ""),
        ({"Version": "2012-10-17", "Statement": ["Allow"]}, ""),
    ],
)
def test_a_policy_is_refused(document: dict[str, Any], element: str):
    with pytest.raises(Refused) as refused:
        read_policy(document, "boundary", "identity")
    assert (refused.value.policy, refused.value.element) == ("boundary", element)


@pytest.mark.parametrize(
    ("asked", "element"),
    [
        (world(principal=ROOT, identity=[ALL]), "principal"),
        (world(principal=ROLE, identity=[ALL]), "principal"),
        (world(principal="arn:aws:sts::111122223333:federated-user/bob", identity=[ALL]), "principal"),
        (world(principal="*", identity=[ALL]), "principal"),
        (world(principal="logging.s3.amazonaws.com", scp=[policy(ALL)]), "principal"),
        (world(identity=[ALL], session=policy(ALL)), "principal"),
        (world("s3:Get*", identity=[ALL]), "action"),
        (world(about="prod/raw/x", identity=[ALL]), "resource"),
        (world("kms:Decrypt", "arn:aws:kms:eu-central-1:111122223333:key/0a", identity=[ALL]), "resource"),
        (world("sts:AssumeRole", ROLE, identity=[ALL]), "resource"),
        (world(context={"aws:PrincipalTeam": "core"}), "context"),
        (world(context={"aws:username": "a", "AWS:UserName": "b"}), "context"),
        (world(context={"aws:username": ["a"]}), "context"),
        (world(context={"aws:TagKeys": "a"}), "context"),
        (world(context={"aws:TagKeys": []}), "context"),
        (world(context={"aws:SecureTransport": "yes"}), "context"),
        (world(context={"s3:max-keys": "many"}), "context"),
        (world(context={"aws:CurrentTime": "2026-01-01T00:00:00"}), "context"),
        (world(context={"aws:SourceIp": "10.0.0.0/24"}), "context"),
        (world(context={"aws:PrincipalArn": "prod-writer"}), "context"),
    ],
)
def test_a_request_is_refused(asked: dict[str, Any], element: str):
    with pytest.raises(Refused) as refused:
        decision(asked)
    assert (refused.value.policy, refused.value.element) == ("request", element)


def test_a_policy_where_it_cannot_stand_is_refused():
    bucket = read_policy(policy({**ALL, "Principal": "*"}), "bucket", "resource")
    own = read_policy(policy(ALL), "own", "identity")
    for placed in (
        {"identity": (bucket,)},
        {"boundary": bucket},
        {"session": bucket},
        {"control": (bucket,)},
        {"resource": own},
    ):
        with pytest.raises(Refused, match="cannot stand there"):
            Policies(**placed)
    trust = policy({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"})
    with pytest.raises(Refused, match="a trust policy is for"):
        decision(world("sts:GetCallerIdentity", "*", resource=trust))
