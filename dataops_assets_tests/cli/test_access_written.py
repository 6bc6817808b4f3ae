"""`dataops grants` and `may` about rights of which no request is evaluated: these are told as the policies have them."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dataops_assets import catalog
from dataops_assets.cli.main import cli
from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.cli.granted import Told, answer, change, commit, told
from dataops_assets_tests.values import ACCOUNTS, PREFIX, REGION

PROD = "infra/access/prod.json"
ACCOUNT = f"arn:aws:iam::{ACCOUNTS['prod']}"
BUCKET = f"arn:aws:s3:::{PREFIX}-prod"
Said = dict[str, Any]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that is committed, with the contracts and policies of this one."""
    shutil.copytree(catalog.DEFS, tmp_path / "package" / "defs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "infra/access", tmp_path / "infra/access")
    commit(tmp_path)
    monkeypatch.setattr(catalog, "DEFS", tmp_path / "package" / "defs")
    return tmp_path


def statements(said: Said, role: str) -> list[Said]:
    (policy,) = said["roles"][f"{PREFIX}-{role}"]["policies"].values()
    return policy["Statement"]


def named(listed: list[Said], *sids: str) -> list[Said]:
    found = [one for one in listed if one["Sid"] in sids]
    assert len(found) == len(sids)
    return found


def gives(said: Said, role: str, action: str | list[str], resource: str = "*", **more: Any) -> Said:
    added = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    statements(said, role).append(added)
    return added


def within_boundaries(said: Said, statement: Said) -> None:
    for role in said["roles"].values():
        role["boundary"]["Statement"].append(statement)


def without(said: Said, bucket: str, *sids: str) -> None:
    policy = said["buckets"][f"{PREFIX}-{bucket}"]["policy"]
    gone = named(policy["Statement"], *sids)
    policy["Statement"] = [one for one in policy["Statement"] if one not in gone]


def analyst_is_dagster_in_the_database(said: Said) -> None:
    gives(said, "analyst-analysts", "rds-db:connect", f"arn:aws:rds-db:{REGION}:{ACCOUNTS['prod']}:dbuser:*/dagster")


def analyst_reads_results_of_others(said: Said) -> None:
    gives(said, "analyst-analysts", "s3:GetObject", f"arn:aws:s3:::{PREFIX}-athena-prod/operations/*")


def drift_silences_alarms(said: Said) -> None:
    services = ("cloudtrail", "cloudwatch", "events", "logs", "sns")
    within_boundaries(said, gives(said, "drift", [f"{service}:*" for service in services]))


def analyst_reads_the_trail(said: Said) -> None:
    gives(said, "analyst-analysts", "s3:GetObject", f"arn:aws:s3:::{PREFIX}-audit-prod/trail/*")


def bucket_of_prod_denies_less(said: Said) -> None:
    sids = ("ThePipelineAloneWrites", "BreakGlassAloneRemovesAndUnlocks", "InfraAloneConfigures", "NobodyDoesTheRest")
    without(said, "prod", *sids)


def trail_is_open_to_administrators(said: Said) -> None:
    without(said, "audit-prod", "NobodyWritesOrRemovesWhatIsTold")


def anybody_floods_the_alarms(said: Said) -> None:
    (rules, alarms) = said["topics"][f"{PREFIX}-alarms"]["policy"]["Statement"]
    rules["Condition"]["ArnLike"]["aws:SourceArn"] = "arn:aws:events:*:*:rule/*"
    said["topics"][f"{PREFIX}-alarms"]["policy"]["Statement"].append(
        {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": alarms["Resource"]}
    )


def deployer_hands_on_roles(said: Said) -> None:
    services = {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "pods.eks.amazonaws.com"]}}
    gives(said, "deployer", "iam:PassRole", f"{ACCOUNT}:role/*", Condition=services)
    gives(said, "deployer", "eks:CreatePodIdentityAssociation")
    within_boundaries(
        said, {"Effect": "Allow", "Action": ["iam:PassRole", "eks:CreatePodIdentityAssociation"], "Resource": "*"}
    )


def drift_makes_roles(said: Said) -> None:
    asked = {"ArnEquals": {"iam:PermissionsBoundary": f"{ACCOUNT}:policy/{PREFIX}-boundary"}}
    actions = ["iam:CreateRole", "iam:PutRolePolicy"]
    within_boundaries(said, gives(said, "drift", actions, f"{ACCOUNT}:role/{PREFIX}-*", Condition=asked))


def drift_makes_users_and_policies(said: Said) -> None:
    actions = ["iam:CreateUser", "iam:CreateAccessKey", "iam:CreatePolicyVersion", "iam:CreateOpenIDConnectProvider"]
    within_boundaries(said, gives(said, "drift", actions))


def drift_grants_a_key(said: Said) -> None:
    asked = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    added = gives(said, "drift", "kms:CreateGrant", Condition=asked)
    within_boundaries(said, added)
    key = said["keys"][f"alias/{PREFIX}-data"]["policy"]["Statement"]
    key.append({**added, "Principal": {"AWS": f"{ACCOUNT}:root"}})


def pipeline_tags_as_it_likes(said: Said) -> None:
    for one in named(statements(said, "pipeline"), "WriteData", "TagData"):
        del one["Condition"]


BREAK_GLASS = f"ArnNotEquals aws:PrincipalArn {ACCOUNT}:role/{PREFIX}-break-glass"
BOUNDED = f"ArnEquals iam:PermissionsBoundary {ACCOUNT}:policy/{PREFIX}-boundary"
HANDED = "StringEquals iam:PassedToService ec2.amazonaws.com|pods.eks.amazonaws.com"
EVERY = "boundary of every role of prod"
WIDER: dict[Callable[[Said], None], Told] = {
    analyst_is_dagster_in_the_database: {
        ("prod/analyst-analysts", f"arn:aws:rds-db:{REGION}:{ACCOUNTS['prod']}:dbuser:*/dagster", "rds-db:connect")
    },
    analyst_reads_results_of_others: {("prod/analyst-analysts", f"{PREFIX}-athena-prod/operations/*", "s3:GetObject")},
    drift_silences_alarms: {("prod/drift", "*", "cloudtrail:*"), ("prod/drift", "*", "events:*"), (EVERY, "*", "sns:*")},
    analyst_reads_the_trail: {("prod/analyst-analysts", f"{PREFIX}-audit-prod/trail/*", "s3:GetObject")},
    bucket_of_prod_denies_less: {
        ("*", f"{PREFIX}-prod/*", "s3:PutObjectA*"),
        (f"*, {BREAK_GLASS}", f"{PREFIX}-prod/*", "s3:Delete*"),
        (f"*, {BREAK_GLASS.replace('break-glass', 'pipeline')}", f"{PREFIX}-prod/*", "s3:PutObject"),
        (f"*, {BREAK_GLASS.replace('break-glass', 'infra')}", f"{PREFIX}-prod", "s3:Put*"),
    },
    trail_is_open_to_administrators: {
        ("*, BoolIfExists aws:PrincipalIsAWSService false", f"{PREFIX}-audit-prod/*", "s3:Delete*")
    },
    anybody_floods_the_alarms: {
        ("events.amazonaws.com, ArnLike aws:SourceArn arn:aws:events:*:*:rule/*", "topic prod/alarms", "sns:Publish"),
        ("*", "topic prod/alarms", "sns:Publish"),
    },
    deployer_hands_on_roles: {
        (f"prod/deployer, {HANDED}", f"{ACCOUNT}:role/*", "iam:PassRole"),
        ("prod/deployer", "*", "eks:CreatePodIdentityAssociation"),
        (EVERY, "*", "iam:PassRole"),
    },
    drift_makes_roles: {
        (f"prod/drift, {BOUNDED}", f"{ACCOUNT}:role/{PREFIX}-*", action) for action in ("iam:CreateRole", "iam:PutRolePolicy")
    },
    drift_makes_users_and_policies: {("prod/drift", "*", "iam:CreateUser"), ("prod/drift", "*", "iam:CreatePolicyVersion")},
    drift_grants_a_key: {
        (f"{who}, Bool kms:GrantIsForAWSResource true", place, "kms:CreateGrant")
        for who, place in (("prod/drift", "*"), (f"{ACCOUNT}:root", "key prod/data"), (EVERY, "*"))
    },
    pipeline_tags_as_it_likes: {
        ("prod/pipeline", f"{PREFIX}-prod/_deployment", "s3:PutObject with other tags"),
        ("prod/pipeline", f"{PREFIX}-prod/_provenance/*", "s3:PutObjectTagging"),
    },
}


@pytest.mark.parametrize("widen", WIDER, ids=lambda widen: widen.__name__)
def test_rights_beyond_what_is_evaluated_are_gained_and_fail(project: Path, widen: Callable[[Said], None]):
    change(project / PROD, widen)
    code, gained, lost = told()
    assert (code, lost) == (1, set())
    assert WIDER[widen] <= gained


@pytest.mark.parametrize("widen", WIDER, ids=lambda widen: widen.__name__)
def test_the_same_rights_taken_back_are_lost_and_pass(project: Path, widen: Callable[[Said], None]):
    change(project / PROD, widen)
    for asked in (["add", "."], ["-c", "user.name=lab", "-c", "user.email=lab@example.com", "commit", "-q", "-m", "Wider"]):
        subprocess.run(["git", "-C", str(project), *asked], check=True)
    shutil.copy(PROJECT / PROD, project / PROD)
    code, gained, lost = told()
    assert (code, gained) == (0, set())
    assert WIDER[widen] <= lost


def test_a_role_without_its_boundary_has_gained_what_the_boundary_held(project: Path):
    change(project / PROD, lambda said: said["roles"][f"{PREFIX}-webserver"].update(boundary=None))
    code, gained, _ = told()
    assert (code, gained) == (1, {("boundary of prod/webserver", "*", "*")})


def test_boundaries_of_most_roles_are_told_together_without_those_of_the_others(project: Path):
    def widen(said: Said) -> None:
        added = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{PREFIX}-state-prod/*"}
        within_boundaries(said, added)
        statements(said, "webserver").append(added)

    change(project / PROD, widen)
    code, gained, lost = told()
    assert (code, lost) == (1, set())
    assert gained == {
        ("prod/webserver", f"{PREFIX}-state-prod/anywhere", "s3:GetObject"),
        ("boundary of every role of prod but prod/webserver", f"{PREFIX}-state-prod/*", "s3:GetObject"),
    }


def test_what_is_denied_about_a_bucket_that_is_new_is_no_right_lost(project: Path):
    file = project / "infra/access/dev.json"

    def another(said: Said) -> None:
        text = json.dumps(said["buckets"][f"{PREFIX}-audit-dev"]).replace(f"{PREFIX}-audit-dev", f"{PREFIX}-logs-dev")
        said["buckets"][f"{PREFIX}-logs-dev"] = json.loads(text)

    change(file, another)
    _, _, lost = told()
    assert lost == set()


def otherwise_written(said: Said) -> None:
    """The same rights: other names, another order, one statement in two, and two in one."""
    for role in said["roles"].values():
        for policy in (*role["policies"].values(), role["boundary"], role["trust"]):
            policy["Statement"].reverse()
            for number, one in enumerate(policy["Statement"]):
                one["Sid"] = f"Statement{number}"
    for thing in (*said["buckets"].values(), *said["keys"].values()):
        policy = thing["policy"]
        policy["Statement"] = [
            {**one, "Action": action}
            for one in policy["Statement"]
            for action in (one["Action"] if isinstance(one["Action"], list) else [one["Action"]])
        ]
    role = said["roles"][f"{PREFIX}-pipeline"]
    role["policies"] = {
        str(number): {"Version": "2012-10-17", "Statement": [one]} for number, one in enumerate(statements(said, "pipeline"))
    }


def test_policies_that_are_written_otherwise_give_nobody_anything(project: Path):
    change(project / PROD, otherwise_written)
    assert told() == (0, set(), set())


def narrower(said: Said) -> None:
    (passed,) = named(statements(said, "infra"), "PassToCluster")
    passed["Condition"]["StringEquals"]["iam:PassedToService"] = ["eks.amazonaws.com"]
    (looked,) = named(statements(said, "infra"), "ReadConfiguration")
    looked["Action"] = ["ec2:DescribeInstances" if one == "ec2:Describe*" else one for one in looked["Action"]]
    (made,) = named(statements(said, "infra"), "MakeKeys")
    made["Condition"] = {"StringEquals": {"aws:PrincipalAccount": ACCOUNTS["prod"]}}


def test_what_is_narrower_is_lost_and_nothing_is_gained(project: Path):
    change(project / PROD, narrower)
    code, gained, lost = told()
    assert (code, gained) == (0, set())
    passed = {
        ("prod/infra, StringEquals iam:PassedToService ec2.amazonaws.com", f"{ACCOUNT}:role/{PREFIX}-{role}", "iam:PassRole")
        for role in ("cluster", "nodes")
    }
    assert lost == {*passed, ("prod/infra", "*", "ec2:Describe*"), ("prod/infra", "*", "kms:CreateKey")}


def copy_of(project: Path, dataset: str, name: str, readers: str) -> None:
    """A dataset like another one, for other readers."""
    folder = project / "package" / "defs" / "aviation"
    shutil.copytree(folder / dataset, folder / name)
    file = folder / name / "defs.yaml"
    text = file.read_text(encoding="utf-8")
    assert "readers: [analysts, operations, branches]" in text
    file.write_text(text.replace("readers: [analysts, operations, branches]", f"readers: [{readers}]"), encoding="utf-8")


def tags_may_be(said: Said, *readers: str) -> None:
    """What `dataops export infra` and `make access` come to, for datasets with other readers."""
    for one in named(statements(said, "pipeline"), "WriteData", "TagData"):
        for keys in one["Condition"].values():
            if "s3:RequestObjectTag/readers" in keys:
                keys["s3:RequestObjectTag/readers"] += readers


def provider_may_drop(said: Said, feed: str) -> None:
    (deliver,) = named(statements(said, "provider-openflights"), "Deliver")
    deliver["Resource"].append(f"arn:aws:s3:::{PREFIX}-landing/landing/{feed}/*")


def test_what_a_new_dataset_needs_is_no_access_gained(project: Path):
    copy_of(project, "airports", "airfields", "operations")
    change(project / PROD, lambda said: (tags_may_be(said, "operations"), provider_may_drop(said, "airfields")))  # type: ignore[arg-type, return-value]
    code, found = answer()
    assert (code, found["gained"], found["lost"]) == (0, [], [])
    assert {one["dataset"] for one in found["new"]} == {"airfields"}
    assert {"prod/pipeline", "prod/provider-openflights"} <= {one["who"] for one in found["new"]}


def test_other_readers_of_a_dataset_are_no_access_gained_for_the_pipeline(project: Path):
    file = project / "package" / "defs" / "aviation" / "routes" / "defs.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("[analysts, operations, branches]", "[operations, branches]"), encoding="utf-8")
    change(project / PROD, lambda said: tags_may_be(said, "branches+operations"))
    code, gained, _ = told()
    assert (code, gained) == (0, set())


@pytest.mark.parametrize("tag", ["*", "operation*", "restricted"])
def test_behind_a_new_dataset_no_other_right_hides(project: Path, tag: str):
    """What the new one does not need, or what more than it needs, is gained as without it."""
    copy_of(project, "routes", "paths", "operations")
    change(project / PROD, lambda said: tags_may_be(said, "operations", tag))
    code, gained, _ = told()
    assert code == 1
    assert {who.rsplit(" ", 1)[-1] for who, _, action in gained if action == "s3:PutObjectTagging"} == {tag}


def test_a_policy_that_names_one_of_several_datasets_alike_tells_them_apart(project: Path):
    change(project / PROD, lambda said: gives(said, "analyst-analysts", "s3:GetObject", f"{BUCKET}/raw/airports/*"))  # type: ignore[arg-type, return-value]
    code, gained, _ = told()
    assert code == 1
    assert {place for _, place, _ in gained} == {"raw/airports", "receipts/airports"}


@pytest.mark.parametrize(
    ("who", "action", "asked"),
    [
        ("prod/infra", "iam:PassRole", "StringEquals iam:PassedToService pods.eks.amazonaws.com"),
        ("prod/infra", "iam:CreateRole", BOUNDED),
        ("prod/infra", "iam:PutRolePolicy", BOUNDED),
        ("prod/infra", "iam:CreatePolicy*", None),
        ("prod/infra", "iam:CreateOpenIDConnectProvider", None),
        ("prod/infra", "kms:CreateGrant", "Bool kms:GrantIsForAWSResource true"),
        ("prod/infra", "kms:CreateKey", None),
        ("prod/infra", "s3:DeleteObject", None),
        ("dev/deployer", "iam:PassRole", "StringEquals iam:PassedToService pods.eks.amazonaws.com"),
        ("pipeline", "rds-db:connect", None),
    ],
)
def test_may_leaves_out_no_right_of_which_no_request_is_evaluated(who: str, action: str, asked: str | None):
    found = json.loads(CliRunner().invoke(cli, ["may", who, "--json"]).stdout)
    ones = [one for one in found if (one["action"], one["word"]) == (action, "not evaluated")]
    assert ([asked] if asked else []) in [one["if"] for one in ones]
    text = CliRunner().invoke(cli, ["may", who]).stdout
    lines = [line for line in text[text.index("not evaluated") :].splitlines() if f"{action}" in line]
    assert any(line.endswith(f" if {asked}") if asked else " if " not in line for line in lines)


def test_may_does_not_say_nothing_where_only_that_is_left():
    lines = CliRunner().invoke(cli, ["may", "dev/deployer"]).stdout.splitlines()
    assert "  nothing of what is evaluated" in lines
    assert "  nothing" not in lines
