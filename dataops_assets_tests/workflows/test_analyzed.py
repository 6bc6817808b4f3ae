"""What AWS is asked of the policies, and what becomes of its answers. botocore holds requests against its model of the API."""

import importlib.util
import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from dataops_assets_tests.infra.terraform import INFRA
from dataops_assets_tests.values import PREFIX, REGION

PASS = {"result": "PASS", "message": "The policy grants nothing of that."}
FAIL = {
    "result": "FAIL",
    "message": "The policy grants new access.",
    "reasons": [{"description": "New access in the statement with sid: ReadPublished.", "statementId": "ReadPublished"}],
}
NOTHING: dict[str, Any] = {"roles": {}, "buckets": {}, "keys": {}}


@pytest.fixture
def analyze() -> Any:
    script = importlib.util.spec_from_file_location("analyze", INFRA / "analyze.py")
    assert script
    assert script.loader
    module = importlib.util.module_from_spec(script)
    sys.modules[script.name] = module  # dataclasses look their module up
    script.loader.exec_module(module)
    return module


@pytest.fixture
def client() -> Any:
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    return boto3.client("accessanalyzer", region_name=REGION, **keys)


@pytest.fixture
def access() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((INFRA / "access/prod.json").read_text())
    return found


def public(stubber: Stubber, analyze: Any, access: dict[str, Any], answer: dict[str, Any] = PASS) -> int:
    """Expect a question about each policy that could be open, in order; the last gets this answer."""
    asked = [one for one in analyze.policies(access) if one.of in analyze.PUBLIC]
    for one in asked:
        words = {"policyDocument": json.dumps(one.document), "resourceType": analyze.PUBLIC[one.of]}
        stubber.add_response("check_no_public_access", answer if one is asked[-1] else PASS, words)
    return len(asked)


def test_every_policy_is_asked_about(analyze: Any, access: dict[str, Any]) -> None:
    asked = [one.document for one in analyze.policies(access)]
    for role in access["roles"].values():
        assert role["trust"] in asked
        assert all(document in asked for document in [*role["policies"].values(), role["boundary"]])
    for resource in [*access["buckets"].values(), *access["keys"].values()]:
        assert resource["policy"] is None or resource["policy"] in asked


def test_what_could_be_open_is_something_that_access_analyzer_knows(analyze: Any, client: Any) -> None:
    shape = client.meta.service_model.operation_model("CheckNoPublicAccess").input_shape
    assert set(analyze.PUBLIC.values()) <= set(shape.members["resourceType"].enum)


def test_what_has_not_changed_is_asked_about_everybody_alone(analyze: Any, client: Any, access: dict[str, Any]) -> None:
    with Stubber(client) as stubber:
        count = public(stubber, analyze, access)
        told = list(analyze.ask(client, access, deepcopy(access)))
        stubber.assert_no_pending_responses()
    assert [(one.asked, one.holds) for one in told] == [(analyze.CLOSED, True)] * count
    assert f"{count} questions: none is open to everybody" in "\n".join(analyze.table("prod", told))


def test_a_policy_that_has_changed_is_held_against_what_it_was(analyze: Any, client: Any, access: dict[str, Any]) -> None:
    role = {"roles": {f"{PREFIX}-analyst-analysts": access["roles"][f"{PREFIX}-analyst-analysts"]}, "buckets": {}, "keys": {}}
    before, now = role, deepcopy(role)
    was = before["roles"][f"{PREFIX}-analyst-analysts"]["policies"]["rights"]
    becomes = now["roles"][f"{PREFIX}-analyst-analysts"]["policies"]["rights"]
    becomes["Statement"][0]["Resource"] = "*"
    with Stubber(client) as stubber:
        public(stubber, analyze, now)
        asked = {"newPolicyDocument": json.dumps(becomes), "existingPolicyDocument": json.dumps(was)}
        stubber.add_response("check_no_new_access", FAIL, asked | {"policyType": "IDENTITY_POLICY"})
        told = list(analyze.ask(client, before, now))
        stubber.assert_no_pending_responses()
    (row,) = [line for line in analyze.table("prod", told) if line.startswith("| role ")]
    assert row.startswith(
        f"| role {PREFIX}-analyst-analysts/rights | allows no more than before | The policy grants new access."
    )
    assert "(ReadPublished)" in row


def test_what_is_new_is_held_against_nothing(analyze: Any, client: Any, access: dict[str, Any]) -> None:
    now = {"roles": {}, "buckets": {f"{PREFIX}-prod": access["buckets"][f"{PREFIX}-prod"]}, "keys": {}}
    policy = access["buckets"][f"{PREFIX}-prod"]["policy"]
    with Stubber(client) as stubber:
        public(stubber, analyze, now)
        deny = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
        existing = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        asked = {"newPolicyDocument": json.dumps(policy), "existingPolicyDocument": existing}
        stubber.add_response("check_no_new_access", FAIL, asked | {"policyType": "RESOURCE_POLICY"})
        told = list(analyze.ask(client, NOTHING, now))
        stubber.assert_no_pending_responses()
    assert [(one.asked, one.holds) for one in told] == [(analyze.CLOSED, True), (analyze.NO_MORE, False)]


@pytest.mark.parametrize(("answer", "code"), [(PASS, 0), (FAIL, 1)])
def test_what_is_open_to_everybody_fails_and_more_for_somebody_is_told(
    analyze: Any, client: Any, access: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], answer: dict[str, Any], code: int,
) -> None:  # fmt: skip
    """The command, in a repository in which a commit has changed a role's rights."""
    now = {"roles": {f"{PREFIX}-pipeline": access["roles"][f"{PREFIX}-pipeline"]}, "buckets": {}, "keys": {}}
    before = deepcopy(now)
    before["roles"][f"{PREFIX}-pipeline"]["policies"]["rights"]["Statement"].pop()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=lab", "-c", "user.email=lab@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    for number, content in enumerate((before, now)):
        (tmp_path / "prod.json").write_text(json.dumps(content))
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", str(number)], check=True)
    monkeypatch.setattr(analyze, "ACCESS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["analyze.py", "prod", "--diff", "HEAD^"])
    monkeypatch.setattr(analyze.boto3, "client", lambda service: {"accessanalyzer": client}[service])
    with Stubber(client) as stubber:
        public(stubber, analyze, now, answer)
        stubber.add_response("check_no_new_access", FAIL)
        if code:
            with pytest.raises(SystemExit) as ended:
                analyze.main()
            assert ended.value.code == code
        else:
            analyze.main()
        stubber.assert_no_pending_responses()
    assert f"| role {PREFIX}-pipeline/rights | allows no more than before |" in capsys.readouterr().out


def test_a_commit_that_is_not_there_is_an_error_and_not_all_new(analyze: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["analyze.py", "prod", "--diff", "no-such-commit"])
    with pytest.raises(subprocess.CalledProcessError):
        analyze.main()
