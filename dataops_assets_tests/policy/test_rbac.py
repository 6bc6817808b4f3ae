"""What Kubernetes' RBAC lets each of us do in prod: each verb of each resource, as docs/access.md says by hand."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dataops_assets.contract.parse import Document
from dataops_assets.policy.namespaces import read_levels
from dataops_assets.policy.rbac import VERBS, Request, Rights, Subject, judge, person, read_rights, service_account
from dataops_assets.policy.refused import Refused
from dataops_assets_tests.docs.tables import rows

RBAC = Path(__file__).parents[2] / "deploy/rbac"
WHO = {
    "viewers": person("ana@example.com", "viewers"),
    "operators": person("ben@example.com", "operators"),
    "deployers": person("ci", "deployers"),
    "webserver": service_account("prod", "webserver"),
    "daemon": service_account("prod", "daemon"),
    "code-server": service_account("prod", "code-server"),
    "pipeline": service_account("prod", "pipeline"),
    "sweeper": service_account("adhoc", "sweeper"),
    "anybody": person("eve@example.com"),
}
LOOK = {"get", "list", "watch"}
PEOPLE = ("viewers", "operators", "anybody")
CHANGES = {"create", "update", "patch", "delete", "deletecollection", "impersonate", "bind", "escalate"}
WITHOUT_A_NAME = {"list", "watch", "create", "deletecollection"}


@pytest.fixture(scope="module")
def rights() -> Rights:
    return read_rights(RBAC)


def test_pods_of_every_service_account_of_ours_may_ask_nothing_of_their_machine(rights: Rights) -> None:
    levels = read_levels(RBAC.parent / "namespaces.yaml")
    assert levels == {namespace: "restricted" for namespace, _ in rights.accounts}


def test_every_service_account_that_aws_gives_a_role_to_is_there_and_has_a_token_of_the_cluster_only_if_it_asks_that() -> None:
    """By the trust of each role; the namespaces of pull requests come and go."""
    said = "aws:RequestTag/kubernetes-"
    trusted = {
        (asked[f"{said}namespace"], asked[f"{said}service-account"])
        for file in (RBAC.parents[1] / "infra/access").glob("*.json")
        for role in json.loads(file.read_text())["roles"].values()
        for statement in role["trust"]["Statement"]
        if f"{said}namespace" in (asked := statement.get("Condition", {}).get("StringEquals", {}))
    }
    assert ("prod", "pipeline") in trusted
    accounts = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one.get("automountServiceAccountToken", True)
        for file in RBAC.glob("*.yaml")
        for one in yaml.safe_load_all(file.read_text())
        if one["kind"] == "ServiceAccount"
    }
    asking = {
        (one["namespace"], one["name"])
        for file in RBAC.glob("*.yaml")
        for binding in yaml.safe_load_all(file.read_text())
        for one in binding.get("subjects", ())
        if one["kind"] == "ServiceAccount"
    }
    assert asking <= accounts.keys()
    assert {account: accounts.get(account) for account in trusted} == {account: account in asking for account in trusted}


def test_whatever_leaves_the_files_is_removed_by_the_command_of_the_guide() -> None:
    guide = (RBAC.parents[1] / "infra/README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"kubectl apply -f deploy/rbac --prune(?:.*\\\n)*.*", guide)
    documents = [one for file in RBAC.glob("*.yaml") for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    kinds = {f"{one['apiVersion']}/{one['kind']}" for one in documents}
    assert set(re.findall(r"--prune-allowlist=(?:core/)?(\S+)", command)) == kinds


def expected() -> Iterator[tuple[str, str, str, set[str]]]:
    """Group, resource, subject and verbs of each cell."""
    for row in rows("access.md", "resource"):
        name, _, part = row["resource"].partition("/")
        resource, _, group = name.partition(".")
        for who in WHO:
            verbs = set(row[who].split())
            yield (
                group,
                f"{resource}/{part}" if part else resource,
                who,
                verbs - {"look"} | (LOOK if "look" in verbs else set()),
            )


def elsewhere() -> Iterator[tuple[str, str, str, set[str]]]:
    """The same resources in other groups, where nobody may do anything to them."""
    on_page = {(group, resource) for group, resource, _, _ in expected()}
    groups = {group for group, _ in on_page} | {"elsewhere.example.com"}
    for resource in sorted({resource for _, resource in on_page}):
        for group in sorted(groups):
            if (group, resource) not in on_page:
                yield from ((group, resource, who, set()) for who in WHO)


def requests(group: str, resource: str, namespace: str) -> Iterator[Request]:
    for verb in VERBS:
        yield Request(verb, group, resource, namespace, "" if verb in WITHOUT_A_NAME else "some-object")


def test_in_prod_each_may_do_what_the_page_says_and_elsewhere_nothing(rights: Rights):
    wrong, cells = [], 0
    for group, resource, who, verbs in (*expected(), *elsewhere()):
        for namespace in ("prod", "adhoc", "kube-system", ""):
            for asked in requests(group, resource, namespace):
                cells += 1
                should = namespace == "prod" and asked.verb in verbs
                if (rights.why(WHO[who], asked) is not None) != should:
                    wrong.append((who, asked, rights.why(WHO[who], asked)))
    assert wrong == []
    assert cells == 4 * len(VERBS) * (len(list(expected())) + len(list(elsewhere()))) > 90_000


def test_whatever_a_rule_names_stands_on_the_page():
    on_page = {(group, resource) for group, resource, _, _ in expected()}
    named = {
        (group, resource)
        for file in RBAC.glob("*.yaml")
        for document in yaml.safe_load_all(file.read_text())
        for rule in document.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert {one for one in named if "*" in "".join(one)} == set()
    assert named - on_page == set()


def test_no_person_changes_anything_or_enters_a_pod(rights: Rights):
    """The sentence itself, whatever the table says; to enter a pod, `get` is enough."""
    enters = ("pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "nodes/proxy", "secrets", "serviceaccounts/token")
    for group, resource, _, _ in expected():
        for who in PEOPLE:
            verbs = {asked.verb for asked in requests(group, resource, "prod") if rights.why(WHO[who], asked)}
            assert not verbs & CHANGES
            assert not (resource in enters and verbs)


def test_of_those_in_the_cluster_the_daemon_alone_makes_pods(rights: Rights):
    makers = {
        who
        for group, resource in (
            ("", "pods"),
            ("batch", "jobs"),
            ("batch", "cronjobs"),
            ("apps", "deployments"),
            ("apps", "daemonsets"),
        )
        for who, subject in WHO.items()
        if rights.why(subject, Request("create", group, resource, "prod"))
    }
    assert makers == {"daemon", "deployers"}


def documents() -> list[tuple[str, Any]]:
    return [(file.name, document) for file in sorted(RBAC.glob("*.yaml")) for document in yaml.safe_load_all(file.read_text())]


def mutants() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """The manifests with one thing more or less: a verb, a resource, a group, a subject."""
    for number, (file, document) in enumerate(documents()):

        def changed(
            told: str, *path: Any, to: Any, number: int = number, file: str = file
        ) -> tuple[str, list[tuple[str, Any]]]:
            every = documents()
            at = every[number][1]
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = to
            return f"{file} {every[number][1]['metadata']['name']}: {told}", every

        for index, rule in enumerate(document.get("rules", ())):
            for key in ("verbs", "resources"):
                for item in rule[key]:
                    left = [other for other in rule[key] if other != item]
                    if left:
                        yield changed(f"without {item}", "rules", index, key, to=left)
            for key in ("verbs", "resources", "apiGroups"):
                yield changed(f"any of {key}", "rules", index, key, to=["*"])
            yield changed("one object alone", "rules", index, "resourceNames", to=["another-object"])
            yield changed("a part of it", "rules", index, "resources", to=[*rule["resources"], "pods/exec"])
        for index, subject in enumerate(document.get("subjects", ())):
            yield changed(f"without {subject['name']}", "subjects", index, to={**subject, "name": "nobody"})
            everybody = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}
            yield changed(f"everybody for {subject['name']}", "subjects", index, to=everybody)


@pytest.mark.parametrize(("told", "changed"), [pytest.param(*one, id=one[0]) for one in mutants()])
def test_whatever_is_changed_in_the_manifests_turns_a_cell(told: str, changed: list[tuple[str, Any]]):
    rights = judge(Document(*one, {}) for one in changed)
    assert any(
        (rights.why(WHO[who], asked) is not None) != (asked.verb in verbs)
        for group, resource, who, verbs in (*expected(), *elsewhere())
        for asked in requests(group, resource, "prod")
    ), told


ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "r", "namespace": "prod"},
    "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
}
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "b", "namespace": "prod"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
    "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "viewers"}],
}


def rule(**changes: Any) -> dict[str, Any]:
    return {**ROLE, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], **changes}]}


def allowed(*manifests: dict[str, Any], who: Subject = WHO["viewers"], **asked: str) -> bool:
    request = Request(**{"verb": "get", "group": "", "resource": "pods", "namespace": "prod", "name": "p", **asked})
    return judge(Document("f.yaml", one, {}) for one in manifests).why(who, request) is not None


def test_what_matches_what():
    assert allowed(ROLE, BINDING)
    assert not allowed(ROLE, BINDING, resource="pods/log")
    assert not allowed(ROLE, BINDING, group="apps")
    assert not allowed(ROLE, BINDING, verb="list")
    assert not allowed(ROLE, BINDING, namespace="other")
    assert not allowed(ROLE, BINDING, who=WHO["operators"])
    assert allowed(rule(resources=["*"]), BINDING, resource="pods/exec")
    assert allowed(rule(resources=["*/exec"]), BINDING, resource="pods/exec")
    assert not allowed(rule(resources=["*/exec"]), BINDING)
    assert allowed(rule(verbs=["*"]), BINDING, verb="deletecollection")
    assert allowed(rule(apiGroups=["*"]), BINDING, group="apps")
    named = rule(resourceNames=["p"], verbs=["get", "list"])
    assert allowed(named, BINDING)
    assert not allowed(named, BINDING, name="q")
    assert not allowed(named, BINDING, verb="list", name="")


def test_a_role_of_the_cluster_holds_where_it_is_bound():
    of_cluster = {**ROLE, "kind": "ClusterRole", "metadata": {"name": "r"}}
    bound_here = {**BINDING, "roleRef": {**BINDING["roleRef"], "kind": "ClusterRole"}}  # type: ignore[dict-item]
    everywhere = {**bound_here, "kind": "ClusterRoleBinding", "metadata": {"name": "b"}}
    assert allowed(of_cluster, bound_here)
    assert not allowed(of_cluster, bound_here, namespace="other")
    assert allowed(of_cluster, everywhere, namespace="other")
    assert allowed(of_cluster, everywhere, namespace="")


def test_a_service_account_is_of_its_namespace_and_of_its_groups():
    account = {**BINDING, "subjects": [{"kind": "ServiceAccount", "name": "daemon", "namespace": "prod"}]}
    assert allowed(ROLE, account, who=WHO["daemon"])
    assert not allowed(ROLE, account, who=service_account("other", "daemon"))
    assert not allowed(ROLE, account, who=person("daemon"))
    for group, reaches in (
        ("system:serviceaccounts", True),
        ("system:serviceaccounts:adhoc", False),
        ("system:authenticated", True),
    ):
        everyone = {**BINDING, "subjects": [{**BINDING["subjects"][0], "name": group}]}  # type: ignore[index]
        assert allowed(ROLE, everyone, who=WHO["daemon"]) is reaches


@pytest.mark.parametrize(
    ("manifest", "element"),
    [
        ({**ROLE, "kind": "Rolle"}, "kind"),
        ({**ROLE, "aggregationRule": {}}, "aggregationRule"),
        ({**ROLE, "apiVersion": "rbac.authorization.k8s.io/v1beta1"}, "apiVersion"),
        ({**ROLE, "metadata": {"name": "r"}}, "metadata.namespace"),
        ({**ROLE, "kind": "ClusterRole"}, "metadata.namespace"),
        (
            {**ROLE, "metadata": {**ROLE["metadata"], "labels": {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}}},  # type: ignore[dict-item]
            "metadata.labels",
        ),
        ({**ROLE, "roleRef": BINDING["roleRef"]}, "rules"),
        ({**BINDING, "subjects": []}, "rules"),
        (rule(verbs=["gets"]), "rules.0.verbs.0"),
        (rule(verbs=[]), "rules.0.verbs"),
        (rule(nonResourceURLs=["/metrics"]), "rules.0.nonResourceURLs"),
        (rule(resources=["pods/*"]), "rules.0.resources"),
        (rule(resources=["*s"]), "rules.0.resources"),
        (rule(resourceNames=["p*"]), "rules.0"),
        (rule(resourceNames=["p"], verbs=["create"]), "rules.0.resourceNames"),
        ({**BINDING, "roleRef": {**BINDING["roleRef"], "name": "s"}}, "roleRef.name"),  # type: ignore[dict-item]
        ({**BINDING, "subjects": [{"kind": "Group", "name": "viewers"}]}, "subjects.0"),
        ({**BINDING, "subjects": [{"kind": "ServiceAccount", "name": "daemon"}]}, "subjects.0"),
        ({"kind": "Role"}, "apiVersion"),
        ("Role", "kind"),
    ],
)
def test_what_is_not_understood_is_refused(manifest: Any, element: str):
    with pytest.raises(Refused) as refused:
        judge([Document("f.yaml", manifest, {})])
    assert (refused.value.policy, refused.value.element) == ("f.yaml:1", element)
    assert refused.value.args[0].partition("remedy: ")[2]


@pytest.mark.parametrize("name", ["more.yml", "more.json", "more.YAML", ".more", "more", "more.yaml/more.yaml"])
def test_a_file_that_is_not_read_is_refused_whatever_it_says(tmp_path: Path, name: str):
    """A folder's files of other names are applied like the others."""
    (tmp_path / "people.yaml").write_text((RBAC / "people.yaml").read_text())
    assert read_rights(tmp_path).grants
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("kind: ClusterRoleBinding\n")
    with pytest.raises(Refused) as refused:
        read_rights(tmp_path)
    assert refused.value.policy == f"deploy/rbac/{name.partition('/')[0]}"


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "people.yaml",
            "kind: Role\nmetadata:",
            "kind: Rol\nmetadata:",
            "people.yaml:4, kind: `Rol` is none that is known here\n    remedy: did you mean `Role`?",
        ),
        (
            "people.yaml",
            "    verbs: [get, list, watch]\n  - apiGroups: [batch]",
            "    verbs: [get, lists]\n  - apiGroups: [batch]",
            "people.yaml:14, rules.1.verbs.1: `lists` is none that is known here\n    remedy: did you mean `list`?",
        ),
        (
            "people.yaml",
            "  name: viewer\nsubjects:",
            "  name: viewers\nsubjects:",
            "people.yaml:34, RoleBinding people, roleRef.name: there is no Role `viewers` in the namespace prod\n"
            "    remedy: did you mean `viewer`?",
        ),
        (
            "people.yaml",
            "kind: Group, name: operators}",
            "kind: Group, name: operators",
            "people.yaml:38: not readable as YAML: ",
        ),
        (
            "services.yaml",
            "metadata: {name: daemon, namespace: prod}",
            "metadata: {namespace: prod}",
            "services.yaml:10, metadata.name: it is missing\n    remedy: write `name: …`",
        ),
        (
            "deployer.yaml",
            "  name: deployer\n  namespace: prod\nroleRef:",
            "  name: deployer\n  namespace: dev\nroleRef:",
            "there is no Role `deployer` in the namespace dev\n    remedy: write one into deploy/rbac",
        ),
    ],
)
def test_a_mistake_is_told_with_its_file_its_line_and_the_way_to_mend_it(
    tmp_path: Path, file: str, old: str, new: str, told: str
):
    for path in RBAC.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert path.name != file or text.count(old) == 1
        (tmp_path / path.name).write_text(text.replace(old, new) if path.name == file else text, encoding="utf-8")
    with pytest.raises(Refused) as refused:
        read_rights(tmp_path)
    assert str(refused.value).startswith(f"deploy/rbac/{file}:")
    assert told in str(refused.value)
