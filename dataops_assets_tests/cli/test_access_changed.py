"""`dataops grants`: what pull requests are told of who may do more or less, by the policies, the contracts and the cluster."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.cli.granted import answer, ask, commit, edit, edited
from dataops_assets_tests.values import GITHUB, OWNER, PEOPLE, PREFIX


def test_nothing_changed(project: Path):
    done = ask("grants", "--diff", "HEAD")
    assert (done.exit_code, done.stdout) == (0, "everybody may do what he could in HEAD\n"), done.output


def test_a_pull_request_that_opens_raw_to_analysts_is_told_and_fails(project: Path):
    """A policy is widened: its text says one resource more, and what follows is told."""
    with edited(project / "infra" / "access" / "prod.json") as written:
        (rights,) = written["roles"][f"{PREFIX}-analyst-analysts"]["policies"].values()
        (statement,) = [one for one in rights["Statement"] if one["Sid"] == "ReadPublished"]
        statement["Resource"].append(f"arn:aws:s3:::{PREFIX}-prod/raw/*")

    done = ask("grants", "--diff", "HEAD")
    assert done.exit_code == 1
    assert "gained:" in done.stdout
    assert "lost:" not in done.stdout
    assert "access is wider: label the pull request" in done.stderr
    found = json.loads(ask("grants", "--diff", "HEAD", "--json").stdout)
    assert {(one["who"], one["place"], one["action"]) for one in found["gained"]} == {
        ("prod/analyst-analysts", f"{place}/{name}", "s3:GetObject")
        for place in ("raw", "receipts")
        for name in ("airlines", "airports", "flights", "planes", "weather")
    }
    assert ask("grants", "--diff", "HEAD", "--allow-wider").exit_code == 0


def test_a_denial_that_is_gone_is_access_gained_although_no_allow_was_touched(project: Path):
    with edited(project / "infra" / "access" / "prod.json") as written:
        policy = written["buckets"][f"{PREFIX}-prod"]["policy"]
        policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] != "NobodyChangesTags"]
    found = json.loads(ask("grants", "--diff", "HEAD", "--json").stdout)
    assert {(one["who"], one["action"]) for one in found["gained"]} == {("prod/pipeline", "s3:PutObjectTagging")}


def test_a_way_that_is_open_now_is_told_although_another_one_was_before(project: Path):
    opens = {
        "NothingIsOverwrittenUnseen": ("prod/pipeline", "s3:PutObject blindly"),
        "NothingIsCopiedThere": ("prod/pipeline", "s3:PutObject by a copy"),
        "NobodyChoosesTheEncryption": ("prod/pipeline", "s3:PutObject with a key of his"),
        "NobodyBringsAKey": ("prod/pipeline", "s3:PutObject with a key that he brings"),
        "NothingWithoutTls": ("prod/analyst-analysts", "s3:GetObject over plain HTTP"),
    }
    with edited(project / "infra" / "access" / "prod.json") as written:
        policy = written["buckets"][f"{PREFIX}-prod"]["policy"]
        policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] not in opens]
    done = ask("grants", "--diff", "HEAD", "--json")
    assert done.exit_code == 1
    assert set(opens.values()) <= {(one["who"], one["action"]) for one in json.loads(done.stdout)["gained"]}


def test_a_condition_on_the_tags_of_an_object_that_is_gone_is_told_although_each_dataset_was_readable(project: Path):
    with edited(project / "infra" / "access" / "prod.json") as written:
        (rights,) = written["roles"][f"{PREFIX}-analyst-analysts"]["policies"].values()
        (statement,) = [one for one in rights["Statement"] if one["Sid"] == "ReadPublished"]
        del statement["Condition"]
    gained = json.loads(ask("grants", "--diff", "HEAD", "--json").stdout)["gained"]
    assert {one["action"] for one in gained} == {"s3:GetObject of what has no tags"}
    assert {one["who"] for one in gained} == {"prod/analyst-analysts"}


def trust_of(role: str, written: dict[str, Any]) -> dict[str, Any]:
    (statement,) = written["roles"][f"{PREFIX}-{role}"]["trust"]["Statement"]
    return statement


def another_repository(written: dict[str, Any]) -> None:
    asked = trust_of("infra", written)["Condition"]
    asked["StringLike"] = {f"{GITHUB}:sub": f"repo:{OWNER}/*"}
    del asked["StringEquals"][f"{GITHUB}:sub"]


def one_factor(written: dict[str, Any]) -> None:
    del trust_of("break-glass", written)["Condition"]["StringEquals"]["aws:RequestTag/mfa"]


def any_pod(written: dict[str, Any]) -> None:
    del trust_of("pipeline", written)["Condition"]


def another_account_reads(written: dict[str, Any]) -> None:
    arn = f"arn:aws:s3:::{PREFIX}-prod/staged/*"
    stranger = {"AWS": "arn:aws:iam::999999999999:root"}
    allow = {"Sid": "Partner", "Effect": "Allow", "Principal": stranger, "Action": "s3:GetObject", "Resource": arn}
    written["buckets"][f"{PREFIX}-prod"]["policy"]["Statement"].append(allow)


def a_service_decrypts(written: dict[str, Any]) -> None:
    service = {"Service": "lambda.amazonaws.com"}
    allow = {"Sid": "Function", "Effect": "Allow", "Principal": service, "Action": "kms:Decrypt", "Resource": "*"}
    written["keys"][f"alias/{PREFIX}-data"]["policy"]["Statement"].append(allow)


@pytest.mark.parametrize(
    ("widen", "who", "place"),
    [
        (another_repository, f"repo:{OWNER}/*", "role prod/infra"),
        (one_factor, PEOPLE, "role prod/break-glass"),
        (any_pod, "pods.eks.amazonaws.com", "role prod/pipeline"),
        (another_account_reads, "999999999999", f"{PREFIX}-prod/staged/*"),
        (a_service_decrypts, "lambda.amazonaws.com", "key prod/data"),
    ],
)
def test_who_is_let_in_beside_our_roles_is_told_when_it_changes(
    project: Path, widen: Callable[[dict[str, Any]], None], who: str, place: str
):
    """Whoever comes with a token, from EKS or from another account is no role of ours before he is let in."""
    with edited(project / "infra" / "access" / "prod.json") as written:
        widen(written)
    done = ask("grants", "--diff", "HEAD", "--json")
    gained = [one for one in json.loads(done.stdout)["gained"] if one["word"] == "let in"]
    assert {one["place"] for one in gained} == {place}
    assert all(who in one["who"] for one in gained)
    assert done.exit_code == 1


def test_somebody_with_long_conditions_has_a_line_of_his_own_and_leaves_the_table_narrow(project: Path):
    with edited(project / "infra" / "access" / "prod.json") as written:
        another_repository(written)
    lines = ask("grants", "--diff", "HEAD").stdout.splitlines()
    who = next(n for n, line in enumerate(lines) if line.endswith(f"sub repo:{OWNER}/*"))
    assert lines[who + 1].split() == ["role", "prod/infra", "let", "in", "sts:AssumeRoleWithWebIdentity"]
    assert len(lines[who + 1]) < 100


def test_policies_of_readers_before_are_told_with_the_commands_that_make_them_anew(project: Path):
    """Narrower readers are a value of a tag that the pipeline may not write before Terraform is told of it."""
    edit(project / "package" / "defs" / "aviation" / "routes" / "defs.yaml", "operations, branches]", "branches]")
    done = ask("grants", "--diff", "HEAD")
    assert done.exit_code == 0
    assert "the pipeline could not write routes as the contracts are now: run `dataops export infra`" in done.stderr


def test_readers_of_a_contract_count_without_any_policy_being_touched(project: Path):
    contract = project / "package" / "defs" / "aviation" / "routes" / "defs.yaml"
    edit(contract, "readers: [analysts, operations, branches]", "readers: [analysts]")
    done = ask("grants", "--diff", "HEAD", "--json")
    assert done.exit_code == 0, done.output
    lost = json.loads(done.stdout)["lost"]
    assert {one["dataset"] for one in lost} == {"routes"}
    assert {one["who"] for one in lost if one["word"] == "read"} == {"dev/branch", "dev/engineer", "prod/analyst-operations"}

    for asked in (["add", "."], ["-c", "user.name=lab", "-c", "user.email=lab@example.com", "commit", "-q", "-m", "Narrower"]):
        subprocess.run(["git", "-C", str(project), *asked], check=True)
    edit(contract, "readers: [analysts]", "readers: [analysts, operations]")
    done = ask("grants", "--diff", "HEAD")
    assert done.exit_code == 1
    assert "prod/analyst-operations" in done.stdout


def for_operations_too(policy: dict[str, Any], sid: str) -> None:
    (statement,) = [one for one in policy["Statement"] if one["Sid"] == sid]
    statement["Condition"]["StringLike"]["s3:ExistingObjectTag/readers"].append("operations")


def analysts_read_for_operations(project: Path) -> None:
    with edited(project / "infra" / "access" / "prod.json") as written:
        for_operations_too(written["roles"][f"{PREFIX}-analyst-analysts"]["policies"]["rights"], "ReadPublished")


def branches_read_for_operations(project: Path) -> None:
    with edited(project / "infra" / "access" / "prod.json") as written:
        for_operations_too(written["buckets"][f"{PREFIX}-prod"]["policy"], "BranchesReadWhatIsForThem")
    with edited(project / "infra" / "access" / "dev.json") as written:
        for role in ("branch", "engineer"):
            for_operations_too(written["roles"][f"{PREFIX}-{role}"]["policies"]["rights"], "ReadProdForBranches")


@pytest.mark.parametrize(
    ("widen", "who"),
    [
        (lambda _: None, set[str]()),
        (analysts_read_for_operations, {"prod/analyst-analysts"}),
        (branches_read_for_operations, {"dev/branch", "dev/engineer"}),
    ],
)
def test_a_new_dataset_hides_no_policy_that_lets_in_whom_its_contract_does_not_name(
    project: Path, widen: Callable[[Path], None], who: set[str]
):
    defs = project / "package" / "defs" / "aviation"
    shutil.copytree(defs / "routes", defs / "lanes")
    edit(defs / "lanes" / "defs.yaml", "readers: [analysts, operations, branches]", "readers: [operations]")
    widen(project)
    code, found = answer()
    read = {
        name: {one["who"] for one in found[name] if (one["word"], one["place"]) == ("read", "curated/lanes")} for name in found
    }
    assert (code, read["gained"]) == (int(bool(who)), who)
    assert read["new"] == {"dev/adhoc", "prod/analyst-operations", "prod/code-server", "prod/pipeline"}


def test_a_new_dataset_is_read_by_all_groups_that_its_contract_names(project: Path):
    defs = project / "package" / "defs" / "aviation"
    shutil.copytree(defs / "routes", defs / "lanes")
    code, found = answer()
    read = {one["who"] for one in found["new"] if (one["word"], one["place"]) == ("read", "curated/lanes")}
    assert (code, found["gained"]) == (0, [])
    assert read >= {"dev/branch", "dev/engineer", "prod/analyst-analysts", "prod/analyst-operations"}


@pytest.mark.parametrize("renamed", [False, True])
def test_what_a_dataset_leaves_where_it_is_declared_no_more_is_not_lost(project: Path, renamed: bool):
    """Its objects keep their tags, and no policy has changed; what nobody may read any more is lost all the same."""
    routes = project / "package" / "defs" / "aviation" / "routes"
    routes.rename(routes.with_name("lanes")) if renamed else shutil.rmtree(routes)
    code, found = answer()
    readers = {"dev/adhoc", "dev/branch", "dev/engineer", "prod/analyst-analysts", "prod/analyst-operations"}
    read = {one["who"] for one in found["left"] if (one["word"], one["place"]) == ("read", "curated/routes")}
    assert (code, found["gained"], found["lost"]) == (0, [], [])
    assert read == {*readers, "prod/code-server", "prod/pipeline"}
    assert "declared no more: what is left is readable until a rule ends it:\n" in ask("grants", "--diff", "HEAD").stdout
    with edited(project / "infra" / "access" / "prod.json") as written:
        policy = written["roles"][f"{PREFIX}-analyst-analysts"]["policies"]["rights"]
        policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] != "ReadPublished"]
    _, found = answer()
    gone = {(one["who"], one["place"], one["action"]) for one in found["lost"]}
    assert ("prod/analyst-analysts", "curated/routes", "s3:GetObject") in gone
    assert "prod/analyst-analysts" not in {one["who"] for one in found["left"] if one["place"] == "curated/routes"}


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [("confidential", "public", "read"), ("internal", "public", "read"), ("confidential", "internal", "change")],
)
def test_a_lower_classification_is_gained_and_a_higher_one_lost(project: Path, before: str, after: str, word: str):
    """Values are told of public data alone, by messages and in the UI: no policy says who sees these."""
    contract = project / "package" / "defs" / "aviation" / "routes" / "defs.yaml"
    edit(contract, "classification: public", f"classification: {before}")
    commit(project)
    edit(contract, f"classification: {before}", f"classification: {after}")
    done = ask("grants", "--diff", "HEAD", "--json")
    assert done.exit_code == 1, done.output
    line = {"who": "everybody who sees the UI", "place": "values of routes", "word": word, "dataset": "routes"}
    assert json.loads(done.stdout) == {
        "gained": [{**line, "action": f"{after}, {before} before"}],
        "lost": [],
        "new": [],
        "left": [],
    }
    assert "everybody who sees the UI" in ask("grants", "--diff", "HEAD").stdout
    commit(project)
    edit(contract, f"classification: {after}", f"classification: {before}")
    done = ask("grants", "--diff", "HEAD", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {
        "gained": [],
        "lost": [{**line, "action": f"{before}, {after} before"}],
        "new": [],
        "left": [],
    }


def in_the_cluster(done: Result) -> tuple[set[tuple[str, ...]], ...]:
    """Who gains and who loses what where."""
    found = json.loads(done.stdout)
    return tuple({(one["who"], one["action"], one["place"]) for one in found[name]} for name in ("gained", "lost"))


def test_people_who_may_enter_pods_are_told(project: Path):
    edit(project / "deploy" / "rbac" / "people.yaml", "resources: [pods, pods/log,", "resources: [pods, pods/log, pods/exec,")
    done = ask("grants", "--diff", "HEAD", "--json")
    assert done.exit_code == 1
    gained, lost = in_the_cluster(done)
    assert gained == {
        (f"group {who}", verb, "pods/exec in namespace prod")
        for who in ("viewers", "operators")
        for verb in ("get", "list", "watch")
    }
    assert lost == set()


def test_a_role_that_holds_in_all_of_the_cluster_is_told_and_so_is_what_it_does_not_name(project: Path):
    (project / "deploy" / "rbac" / "more.yaml").write_text("""
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: everything}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: [delete]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: everything}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: everything}
subjects: [{kind: ServiceAccount, name: daemon, namespace: prod}]
""")
    gained, lost = in_the_cluster(ask("grants", "--diff", "HEAD", "--json"))
    assert {who for who, _, _ in gained} == {"service account prod/daemon"}
    assert {verb for _, verb, _ in gained} == {"delete"}
    places = {place for _, _, place in gained}
    assert {"pods in namespace prod", "pods in all of the cluster", "*.* in all of the cluster"} <= places
    assert "jobs.batch in namespace prod" not in places  # that it could before
    assert lost == set()


def test_what_the_cluster_does_not_allow_any_more_is_told(project: Path):
    (project / "deploy" / "rbac" / "people.yaml").unlink()
    done = ask("grants", "--diff", "HEAD", "--json")
    assert done.exit_code == 0, done.output
    gained, lost = in_the_cluster(done)
    assert gained == set()
    assert ("group viewers", "get", "pods in namespace prod") in lost


def test_all_roles_of_the_cluster_that_are_gone_or_new_are_one_line(project: Path):
    """Nobody loses what the cluster was given: whether that is taken from it, no file says any more."""
    shutil.rmtree(project / "deploy")
    done = ask("grants", "--diff", "HEAD")
    assert done.exit_code == 1
    title, _, line = done.stdout.splitlines()
    assert (title, " ".join(line.split())) == ("gained:", "deploy/rbac all that it says change is gone")
    commit(project)
    shutil.copytree(PROJECT / "deploy/rbac", project / "deploy/rbac")
    expected = {("deploy/rbac", "was not there before", "all that it says")}
    assert in_the_cluster(ask("grants", "--diff", "HEAD", "--json")) == (expected, set())


def test_a_commit_that_is_not_there_is_told(project: Path):
    done = ask("grants", "--diff", "no-such-commit")
    assert done.exit_code == 1
    assert "of no-such-commit cannot be read" in done.output
