"""`dataops grants` about what others decide by: EKS, S3, PostgreSQL, GitHub, and how long AWS lets a session last."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dataops_assets import catalog
from dataops_assets.cli.main import cli
from dataops_assets.policy.refused import Refused
from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.cli.granted import change, commit, told

PROD = "infra/access/prod.json"
RULES = "infra/github/rules.json"
TABLE = "dataops_assets/policy/webserver.yaml"
SQL = "deploy/postgres/roles.sql"
NAMESPACES = "deploy/namespaces.yaml"
CHANGES = ("INSERT", "UPDATE", "DELETE")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that is committed, with all of this one by which somebody may do something but the policies of AWS.

    Those are evaluated in other tests, and to evaluate them takes most of the time.
    """
    shutil.copytree(catalog.DEFS, tmp_path / "package" / "defs", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("infra/access", "infra/github", "deploy"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns(".terraform*"))
    (tmp_path / TABLE).parent.mkdir(parents=True)
    shutil.copy(PROJECT / TABLE, tmp_path / TABLE)
    for file in (tmp_path / "infra/access").glob("*.json"):
        change(file, without_policies)
    commit(tmp_path)
    monkeypatch.setattr(catalog, "DEFS", tmp_path / "package" / "defs")
    return tmp_path


def without_policies(said: Any) -> None:
    said["keys"] = {}
    for bucket in said["buckets"].values():
        bucket["policy"] = None
    for role in said["roles"].values():
        role["policies"] = {}


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new), encoding="utf-8")


def cluster(said: Any) -> Any:
    (found,) = said["clusters"].values()
    return found


def entry(said: Any, role: str) -> Any:
    (found,) = [one for arn, one in cluster(said)["entries"].items() if arn.endswith(f"-{role}")]
    return found


def bucket(said: Any, kind: str) -> Any:
    (found,) = [one for name, one in said["buckets"].items() if name == f"{said['prefix']}-{kind}"]
    return found


def of_role(said: Any, name: str) -> Any:
    (found,) = [one for role, one in said["roles"].items() if role.endswith(f"-{name}")]
    return found


def test_nothing_changed(project: Path):
    assert told() == (0, set(), set())


def longer(said: Any) -> None:
    of_role(said, "infra")["max_session_seconds"] *= 12


def shorter(said: Any) -> None:
    of_role(said, "infra")["max_session_seconds"] //= 2


def test_sessions_that_last_longer_are_access_gained_and_shorter_ones_lost(project: Path):
    before = of_role(json.loads((project / PROD).read_text()), "infra")["max_session_seconds"]
    change(project / PROD, longer)
    how = f"for {before * 12:,} seconds at most, {before:,} before"
    assert told() == (1, {("prod/infra", "role prod/infra", how)}, set())


def test_shorter_sessions_are_access_lost(project: Path):
    before = of_role(json.loads((project / PROD).read_text()), "infra")["max_session_seconds"]
    change(project / PROD, shorter)
    how = f"for {before // 2:,} seconds at most, {before:,} before"
    assert told() == (0, set(), {("prod/infra", "role prod/infra", how)})


def opened(said: Any) -> None:
    """Each way into the cluster, opened to somebody."""
    deployer = entry(said, "deployer")
    deployer["groups"].append("system:masters")
    deployer["policies"] = {"AmazonEKSEditPolicy": ["prod"], "AmazonEKSViewPolicy": ["*"]}
    arn = of_role(said, "analyst-analysts")["arn"]
    cluster(said)["entries"][arn] = {"groups": [], "policies": {}, "type": "STANDARD", "user": "ann"}
    cluster(said)["authentication_mode"] = "API_AND_CONFIG_MAP"
    cluster(said)["creator_is_admin"] = True


def webserver_is_the_pipeline(said: Any) -> None:
    cluster(said)["pods"]["prod/webserver"] = of_role(said, "pipeline")["arn"]


def test_who_enters_the_cluster_is_told(project: Path):
    change(project / PROD, opened)
    (name,) = json.loads((project / PROD).read_text())["clusters"]
    expected = {
        ("prod/deployer", "as group system:masters"),
        ("prod/deployer", "as AmazonEKSEditPolicy in namespace prod"),
        ("prod/deployer", "as AmazonEKSViewPolicy in all of it"),
        ("prod/analyst-analysts", "as group system:authenticated"),
        ("prod/analyst-analysts", "as user ann"),
        ("whom its ConfigMap aws-auth names", "by API_AND_CONFIG_MAP"),
        ("who makes it", "as administrator"),
    }
    assert told() == (1, {(who, f"cluster {name}", how) for who, how in expected}, set())


def test_a_pod_that_leaves_the_cluster_as_another_role_is_told(project: Path):
    change(project / PROD, webserver_is_the_pipeline)
    code, gained, lost = told()
    assert (code, {place for _, place, _ in gained}) == (1, {"role prod/pipeline"})
    assert {place for _, place, _ in lost} == {"role prod/webserver"}
    assert {who for who, _, _ in gained | lost} == {"service account prod/webserver"}


def test_whom_the_cluster_lets_in_no_more_is_access_lost(project: Path):
    change(project / PROD, lambda said: entry(said, "infra")["policies"].clear())
    code, gained, lost = told()
    assert (code, gained) == (0, set())
    assert {(who, how) for who, _, how in lost} == {("prod/infra", "as AmazonEKSClusterAdminPolicy in all of it")}


def reached_from(*ranges: str) -> Callable[[Any], None]:
    return lambda said: cluster(said).update(reached_from=ranges)


@pytest.mark.parametrize(
    ("before", "now", "gained", "lost"),
    [
        ([], ["192.0.2.0/24"], {"192.0.2.0/24"}, set()),
        (["192.0.2.0/24"], ["192.0.0.0/16"], {"192.0.0.0/16"}, set()),
        (["192.0.2.0/24"], ["192.0.2.0/25", "192.0.2.200/32"], set(), {"192.0.2.0/24"}),
        (["192.0.2.0/24", "2001:db8::/32"], ["2001:db8:1::/48"], set(), {"192.0.2.0/24", "2001:db8::/32"}),
        (["192.0.2.0/24"], ["198.51.100.0/24"], {"198.51.100.0/24"}, {"192.0.2.0/24"}),
    ],
)
def test_addresses_that_reach_the_cluster_and_did_not_are_told(
    project: Path, before: list[str], now: list[str], gained: set[str], lost: set[str]
):
    change(project / PROD, reached_from(*before))
    commit(project)
    change(project / PROD, reached_from(*now))
    (name,) = json.loads((project / PROD).read_text())["clusters"]
    more, less = ({(f"whoever comes from {one}", f"cluster {name}", "its API") for one in ranges} for ranges in (gained, lost))
    assert told() == (int(bool(gained)), more, less)


def test_what_pods_may_ask_of_their_machine_is_told(project: Path):
    file = project / NAMESPACES
    written = file.read_text(encoding="utf-8")
    prod, others = written.split("---\n", 1)
    file.write_text(f"{prod.replace('enforce: restricted', 'enforce: baseline')}---\n{others}", encoding="utf-8")
    assert told() == (1, {("pods", "namespace prod", "as baseline, restricted before")}, set())
    file.write_text(others, encoding="utf-8")
    assert told() == (1, {("pods", "namespace prod", "as privileged, restricted before")}, set())
    commit(project)
    file.write_text(written, encoding="utf-8")
    assert told() == (0, set(), {("pods", "namespace prod", "as restricted, privileged before")})


def test_a_level_that_is_misspelt_is_refused(project: Path):
    file = project / NAMESPACES
    file.write_text(file.read_text(encoding="utf-8").replace("enforce: restricted", "enforce: restrict", 1), encoding="utf-8")
    done = CliRunner().invoke(cli, ["grants", "--diff", "HEAD"])
    assert "namespaces.yaml, Namespace prod, pod-security.kubernetes.io/enforce: `restrict` is no level" in str(done.exception)


@pytest.mark.parametrize("version", ["v1.20", "v1.99"])
def test_a_level_as_another_kubernetes_meant_it_is_refused(project: Path, version: str):
    file, level = project / NAMESPACES, "pod-security.kubernetes.io/enforce: restricted"
    written = file.read_text(encoding="utf-8")
    pinned = f"{level}\n    pod-security.kubernetes.io/enforce-version"
    file.write_text(written.replace(level, f"{pinned}: latest"), encoding="utf-8")
    assert told() == (0, set(), set())
    file.write_text(written.replace(level, f"{pinned}: {version}", 1), encoding="utf-8")
    done = CliRunner().invoke(cli, ["grants", "--diff", "HEAD"])
    assert done.exit_code == 1
    assert f"Namespace prod, pod-security.kubernetes.io/enforce-version: what `restricted` refused in `{version}`" in str(
        done.exception
    )


def locked(lock: Any) -> Callable[[Any], None]:
    return lambda said: bucket(said, "prod").update(lock=lock)


def test_a_lock_that_keeps_for_less_is_access_gained_and_one_that_keeps_for_longer_lost(project: Path):
    days = bucket(json.loads((project / PROD).read_text()), "prod")["lock"]["days"]
    whose, was = ("who may remove there", "bucket prod/prod"), f"locked for {days} days (GOVERNANCE) before"
    for lock, how in (
        ({"mode": "GOVERNANCE", "days": 1}, "locked for 1 day (GOVERNANCE)"),
        ({"mode": "COMPLIANCE", "days": days}, f"locked for {days} days (COMPLIANCE)"),  # nobody lifts it: for good or for bad
        (None, "not locked"),
    ):
        change(project / PROD, locked(lock))
        assert told() == (1, {(*whose, f"{how}, {was}")}, set())
    change(project / PROD, locked({"mode": "GOVERNANCE", "days": 2000}))
    assert told() == (0, set(), {(*whose, f"locked for 2,000 days (GOVERNANCE), {was}")})


def ends_otherwise(said: Any) -> None:
    ends = bucket(said, "prod")["ends"]
    ends["raw/ of lifecycle=operational"]["objects"] = 30
    ends["staged/ of lifecycle=operational"]["objects"] = 5000
    ends["_verdicts/"] = {"objects": 400}
    del ends["_doctor/"]["old versions"]


def test_what_ends_sooner_by_a_rule_is_told_as_gained_and_what_ends_later_as_lost(project: Path):
    change(project / PROD, ends_otherwise)
    rule = ("a rule of S3", "bucket prod/prod")
    assert told() == (
        1,
        {
            (*rule, "objects below raw/ of lifecycle=operational: after 30 days, after 2,555 days before"),
            (*rule, "objects below _verdicts/: after 400 days, never before"),
        },
        {
            (*rule, "objects below staged/ of lifecycle=operational: after 5,000 days, after 2,555 days before"),
            (*rule, "old versions below _doctor/: never, after 1 day before"),
        },
    )


def test_what_a_role_of_the_database_gains_is_told(project: Path):
    given = "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO dagster"
    edit(project / SQL, f"{given};", f"{given}, dataops_reader;")
    edit(project / SQL, "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM dagster;", "")
    edit(project / SQL, "COMMIT;", "GRANT dagster TO dataops_reader;\nCOMMIT;")
    edit(project / SQL, "%I LOGIN PASSWORD NULL", "%I LOGIN CREATEROLE PASSWORD NULL")
    code, gained, lost = told()
    assert (code, lost) == (1, set())
    assert gained == {
        *(("database role dataops_reader", "ALL TABLES IN SCHEMA public", f"GRANT {one}") for one in CHANGES),
        *(("database role dagster", "alembic_version", f"no REVOKE {one}") for one in CHANGES),
        ("database role dataops_reader", "role dagster", "GRANT dagster"),
        ("deploy/postgres", "EXECUTE format('ALTER ROLE %I LOGIN CREATEROLE PASSWORD NULL', one)", "is new"),
        ("deploy/postgres", "EXECUTE format('ALTER ROLE %I LOGIN PASSWORD NULL', one)", "is gone"),
    }


def test_a_revocation_that_comes_before_its_grant_is_told(project: Path):
    revoked = "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM dagster;"
    granted = "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO dagster;"
    edit(project / SQL, revoked, "")
    edit(project / SQL, granted, revoked + granted)
    assert told() == (1, {("deploy/postgres", "what stands there as before", "in another order")}, set())


def test_what_a_role_of_the_database_loses_passes_and_a_comment_is_no_change(project: Path):
    edit(project / SQL, "GRANT INSERT, UPDATE, DELETE ON ALL TABLES", "GRANT INSERT, UPDATE ON ALL TABLES")
    edit(project / SQL, "COMMIT;", "-- GRANT DELETE ON runs TO dataops_reader;\nCOMMIT;")
    assert told() == (0, set(), {("database role dagster", "ALL TABLES IN SCHEMA public", "no GRANT DELETE")})


def test_a_grant_on_a_table_that_becomes_one_on_a_schema_of_its_name_is_told(project: Path):
    edit(
        project / SQL,
        "SCHEMA public TO dagster, dataops_reader, dataops_pruner;\nGRANT INS",
        "SCHEMA public, runs TO dagster;\nGRANT INS",
    )
    code, gained, _ = told()
    assert (code, gained) == (1, {("database role dagster", "ALL TABLES IN SCHEMA runs", "GRANT SELECT")})


def test_a_grant_behind_what_only_looks_like_a_comment_is_told(project: Path):
    edit(project / SQL, "COMMIT;", "/*\n-- */ GRANT dagster TO dataops_reader; /*\n*/\nCOMMIT;")
    code, gained, _ = told()
    assert code == 1
    assert ("database role dataops_reader", "role dagster", "GRANT dagster") in gained


@pytest.mark.parametrize("name", ["z.psql", "z.SQL", "z", ".z.sql/z.sql"])
def test_a_file_of_the_database_that_is_not_read_is_refused_whatever_it_says(project: Path, name: str):
    file = project / "deploy/postgres" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("GRANT dagster TO dataops_reader;\n", encoding="utf-8")
    done = CliRunner().invoke(cli, ["grants", "--diff", "HEAD"])
    assert done.exit_code == 1
    assert f"deploy/postgres/{name.partition('/')[0]}: it is not read here" in str(done.exception)


def at(path: str, value: Any) -> Callable[[Any], None]:
    """Sets a value of the rules."""

    def put(said: Any) -> None:
        *steps, last = path.split(".")
        inside = said["values"]
        for step in steps:
            inside = inside[step]
        assert inside[last] != value
        inside[last] = value

    return put


PUSHED = ("+ .github/workflows", "- .github/actions/**", "- .github/workflows/**")
OPENED: dict[str, tuple[Any, list[str]]] = {
    "ruleset.pull_request.required_approving_review_count": (0, ["0, 1 before"]),
    "ruleset.required_status_checks.checks": (["check", "test"], ["- access", "- services"]),
    "ruleset.enforcement": ("evaluate", ["evaluate, active before"]),
    "ruleset.rules.non_fast_forward": (False, ["False, True before"]),
    "workflows.can_approve_pull_request_reviews": (True, ["True, False before"]),
    "environments.prod.branch": (None, ["None, main before"]),
    "environments.drift.reviewers": (["everybody"], ["+ everybody"]),
    "environments.infra.reviewers": ([], ["- infra"]),
    "push_ruleset.enforcement": ("evaluate", ["evaluate, active before"]),
    "push_ruleset.passed_by": (["infra", "everybody"], ["+ everybody"]),
    "push_ruleset.restricted_file_paths": ([".github/workflows/*"], [f"{one}/*" for one in PUSHED]),
}
CLOSED = {
    "ruleset.pull_request.required_approving_review_count": 2,
    "ruleset.required_status_checks.checks": ["access", "another", "check", "services", "test"],
    "actions.patterns_allowed": ["actions/checkout@*"],
    "push_ruleset.passed_by": [],
    "push_ruleset.restricted_file_paths": [".ci/**/*", ".github/actions/**/*", ".github/workflows/**/*"],
}


def test_what_the_repository_asks_for_less_or_otherwise_is_access_gained(project: Path):
    for path, (value, _) in OPENED.items():
        change(project / RULES, at(path, value))
    assert told() == (1, {("repository", path, how) for path, (_, hows) in OPENED.items() for how in hows}, set())


def test_values_that_hold_commas_are_told_line_by_line(project: Path):
    paths = [".ci/{a, b}/*", ".github/{c, d}/*"]
    change(project / RULES, at("push_ruleset.restricted_file_paths", paths))
    change(project / PROD, ends_otherwise)
    lines = CliRunner().invoke(cli, ["grants", "--diff", "HEAD"]).stdout.splitlines()
    told = [line.split("  ")[-1].strip() for line in lines]
    assert [line for line in told if "{" in line] == [f"+ {path}" for path in paths]
    assert "objects below raw/ of lifecycle=operational: after 30 days, after 2,555 days before" in told
    assert "objects below _verdicts/: after 400 days, never before" in told


def test_what_the_repository_asks_for_beside_is_access_lost(project: Path):
    for path, value in CLOSED.items():
        change(project / RULES, at(path, value))
    code, gained, lost = told()
    assert (code, gained, {place for _, place, _ in lost}) == (0, set(), set(CLOSED))


def test_who_may_pass_by_the_ruleset_is_told_although_no_value_says_it(project: Path):
    def bypass(said: Any) -> None:
        said["written"]["resource github_repository_ruleset main"] += ["bypass_actors {", 'actor_type = "OrganizationAdmin"']

    change(project / RULES, bypass)
    place = "resource github_repository_ruleset main"
    added = {"+ bypass_actors {", '+ actor_type = "OrganizationAdmin"'}
    assert told() == (1, {("repository", place, line) for line in added}, set())


@pytest.mark.parametrize("what", [RULES, TABLE, "deploy/postgres", "deploy/rbac"])
def test_what_is_gone_or_new_as_a_whole_is_one_line(project: Path, what: str):
    path = project / what
    path.rename(project / "away")
    assert told() == (1, {(what, "all that it says", "is gone")}, set())
    commit(project)
    (project / "away").rename(path)
    assert told() == (1, {(what, "all that it says", "was not there before")}, set())


def test_rules_of_another_form_are_named_with_the_way_to_mend_them(project: Path):
    (project / RULES).write_text("{}}")
    done = CliRunner().invoke(cli, ["grants", "--diff", "HEAD"])
    assert done.exit_code == 1
    assert "rules.json: it is no JSON" in str(done.exception)
    assert "make access" in str(done.exception)


def test_a_cluster_does_not_hide_another_of_its_name(project: Path) -> None:
    def as_in_dev(said: Any) -> None:
        of_dev = json.loads((project / "infra/access/dev.json").read_text(encoding="utf-8"))
        said["clusters"] |= of_dev["clusters"]

    change(project / PROD, as_in_dev)
    with pytest.raises(Refused, match="two environments have a cluster"):
        CliRunner().invoke(cli, ["grants", "--diff", "HEAD"], catch_exceptions=False)


def test_whoever_may_ask_more_of_the_webserver_may_do_more(project: Path) -> None:
    """By the tag `dagster-k8s/config` a launch would choose the account of its pod."""
    text = (project / TABLE).read_text(encoding="utf-8")
    wider = text.replace("wipeAssets:                   {who: nobody", "wipeAssets:                   {who: operators")
    wider = wider.replace("    - dagster/from_ui\n", "    - dagster-k8s/config\n")
    (project / TABLE).write_text(wider, encoding="utf-8")
    code, gained, lost = told()
    assert code == 1
    assert gained == {("operators", "webserver", "wipeAssets"), ("operators", "webserver", "tags: dagster-k8s/config")}
    assert lost == {("operators", "webserver", "tags: dagster/from_ui")}
