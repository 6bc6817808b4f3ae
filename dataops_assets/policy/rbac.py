"""Who may do what in a Kubernetes cluster, by its RBAC: manifests are read and judged, and nothing is asked of a cluster.

RBAC only adds: there is no rule that denies, so whatever a rule of a bound role matches is allowed. A `*` is a verb, group or
resource of any name; `*/log` that part of any resource; of names there is none. A rule with names matches only what names an
object, so no `list` and no `create`.

Source: Kubernetes, "Using RBAC Authorization"; of what matches what, `VerbMatches` to `ResourceNameMatches` of its package
`k8s.io/component-helpers/auth/rbac/validation`.

Not known here, and refused: aggregated roles, paths that are no resources, kinds beside the five of `_KINDS`. What a cluster
has of its own (`system:…`, access entries of EKS) is in no manifest of ours: whoever runs it has to look there, too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dataops_assets.contract.errors import ContractError, choose
from dataops_assets.contract.parse import Document, parse_yaml
from dataops_assets.policy.refused import Refused

VERBS = (
    *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
    *("impersonate", "bind", "escalate"),
)
"""Those of requests, and those that RBAC asks for beside them."""
_NAME_NO_OBJECT = {"list", "watch", "create", "deletecollection"}
_GROUP = "rbac.authorization.k8s.io"
_KINDS = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ServiceAccount")
_AGGREGATES = f"{_GROUP}/aggregate-to-"
_FOLDER = "deploy/rbac"
_NEXT = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
"""Where the next document of a file begins, wherever a line does so. Source: YAML 1.1, "Document Boundary Markers"."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Metadata(_Model):
    name: str
    namespace: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Rule(_Model):
    """What a role allows.

    Attributes:
        apiGroups: The groups of the resources; `""` is the core.
        resources: As `pods` or `pods/log`.
        verbs: What may be done.
        resourceNames: To which objects; all, if there is none.
    """

    apiGroups: tuple[str, ...] = Field(min_length=1)
    resources: tuple[str, ...] = Field(min_length=1)
    verbs: tuple[Literal["*", *VERBS], ...] = Field(min_length=1)  # type: ignore[valid-type]
    resourceNames: tuple[str, ...] = ()

    def matches(self, asked: "Request") -> bool:
        """Whether it allows a request."""
        part = asked.resource.partition("/")[2]
        resources = {"*", asked.resource} | ({f"*/{part}"} if part else set())
        return bool(
            {"*", asked.verb} & set(self.verbs)
            and {"*", asked.group} & set(self.apiGroups)
            and resources & set(self.resources)
            and (not self.resourceNames or asked.name in self.resourceNames)
        )


class _RoleRef(_Model):
    apiGroup: Literal["rbac.authorization.k8s.io"]
    kind: Literal["Role", "ClusterRole"]
    name: str


class _Subject(_Model):
    kind: Literal["User", "Group", "ServiceAccount"]
    name: str
    apiGroup: str = ""
    namespace: str | None = None

    def is_one_of(self, who: "Subject") -> bool:
        if self.kind == "User":
            return self.name == who.user
        if self.kind == "Group":
            return self.name in who.groups
        return who.user == f"system:serviceaccount:{self.namespace}:{self.name}"


class _Manifest(_Model):
    apiVersion: str
    kind: str
    metadata: _Metadata
    rules: tuple[Rule, ...] = ()
    roleRef: _RoleRef | None = None
    subjects: tuple[_Subject, ...] = ()
    automountServiceAccountToken: bool = True


@dataclass(frozen=True)
class Subject:
    """Whoever asks.

    Attributes:
        user: The name.
        groups: All of them, `system:authenticated` too.
    """

    user: str
    groups: frozenset[str]


@dataclass(frozen=True)
class Request:
    """One thing that somebody asks to do.

    Attributes:
        verb: As `get`.
        group: Of the resource; `""` is the core.
        resource: As `pods` or `pods/exec`.
        namespace: Where; `""` for all of the cluster.
        name: Of the object; `""` where none is named, as in a `list`.
    """

    verb: str
    group: str
    resource: str
    namespace: str
    name: str = ""


@dataclass(frozen=True)
class _Grant:
    subjects: tuple[_Subject, ...]
    rules: tuple[Rule, ...]
    namespace: str | None
    told: str


@dataclass(frozen=True)
class Rights:
    """What manifests allow.

    Attributes:
        grants: What each binding gives.
        accounts: The service accounts that they make, by namespace and name.
    """

    grants: tuple[_Grant, ...]
    accounts: tuple[tuple[str, str], ...] = ()

    def of(self, who: Subject) -> "Rights":
        """What is given to somebody, whomever else it is given to."""
        return Rights(tuple(grant for grant in self.grants if any(one.is_one_of(who) for one in grant.subjects)))

    def why(self, who: Subject, asked: Request) -> str | None:
        """The binding that allows a request; None if nothing does."""
        for grant in self.grants:
            here = grant.namespace is None or grant.namespace == asked.namespace
            if here and any(one.is_one_of(who) for one in grant.subjects) and any(rule.matches(asked) for rule in grant.rules):
                return grant.told
        return None

    def subjects(self) -> Iterator[tuple[str, "Subject"]]:
        """Every service account, and everybody whom a binding names, by what people call him."""
        for namespace, name in self.accounts:
            yield f"service account {namespace}/{name}", service_account(namespace, name)
        for one in (one for grant in self.grants for one in grant.subjects):
            if one.kind == "ServiceAccount":
                yield f"service account {one.namespace}/{one.name}", service_account(str(one.namespace), one.name)
            elif one.kind == "Group":
                yield f"group {one.name}", person("", one.name)
            else:
                yield one.name, person(one.name)

    def requests(self) -> Iterator[Request]:
        """Every verb on everything that a rule names, where it holds; a `*` is a name like others."""
        for namespace, rule in ((grant.namespace or "", rule) for grant in self.grants for rule in grant.rules):
            for named in product(VERBS, rule.apiGroups, rule.resources, [namespace], rule.resourceNames or ("",)):
                yield Request(*named)


def service_account(namespace: str, name: str) -> Subject:
    """What runs under a service account."""
    groups = {"system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}"}
    return Subject(f"system:serviceaccount:{namespace}:{name}", frozenset(groups))


def person(name: str, *groups: str) -> Subject:
    """Somebody who has signed in."""
    return Subject(name, frozenset({"system:authenticated", *groups}))


def read_rights(folder: Path) -> Rights:
    """What the manifests of a folder allow.

    Raises:
        Refused: One says something that is not understood, or names a role that is not there; something else is in the folder.
    """
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    for file in files:
        # `kubectl apply` takes *.yml and *.json too, and with --recursive whatever is below.
        if file.suffix != ".yaml" or not file.is_file():
            message = "it is not read here, and `kubectl apply` may take it"
            raise Refused(f"{_FOLDER}/{file.name}", "", "", message, "say it in a file that is called *.yaml, or take it away")
    return judge(document for file in files for document in _documents(file))


def judge(documents: Iterable[Document]) -> Rights:
    """What manifests allow.

    Args:
        documents: Each by itself; empty ones are passed over.

    Raises:
        Refused: One says something that is not understood, or names a role that is not there.
    """
    read = [(document, _read(document)) for document in documents if document.data]
    roles: dict[tuple[str, str | None, str], tuple[Rule, ...]] = {}
    for document, one in read:
        if one.kind in {"Role", "ClusterRole"}:
            key = (one.kind, one.metadata.namespace, one.metadata.name)
            if key in roles:
                raise _refused(document, one, "metadata.name", "there are two of this name", "give each a name of its own")
            roles[key] = one.rules
    accounts = [(str(one.metadata.namespace), one.metadata.name) for _, one in read if one.kind == "ServiceAccount"]
    return Rights(tuple(_grants(read, roles)), tuple(accounts))


def _documents(file: Path) -> Iterator[Document]:
    """The manifests of a file, each with its lines."""
    text, name = file.read_text(encoding="utf-8"), f"{_FOLDER}/{file.name}"
    ends = [*(found.start() for found in _NEXT.finditer(text)), len(text)]
    for start, end in zip([0, *ends], ends, strict=False):
        try:
            yield parse_yaml("\n" * text.count("\n", 0, start) + text[start:end], name)
        except ContractError as error:
            [problem] = error.problems
            raise Refused(f"{name}:{problem.line}", "", "", problem.message, problem.remedy) from error


def _grants(
    read: Iterable[tuple[Document, _Manifest]], roles: Mapping[tuple[str, str | None, str], tuple[Rule, ...]]
) -> Iterator[_Grant]:
    for document, one in read:
        if one.roleRef is None:
            continue
        kind, namespace, name = one.roleRef.kind, one.metadata.namespace, one.roleRef.name
        there = {key[2]: rules for key, rules in roles.items() if key[:2] == (kind, namespace if kind == "Role" else None)}
        if name not in there:
            message = f"there is no {kind} `{name}`" + (f" in the namespace {namespace}" if kind == "Role" else "")
            remedy = choose(name, there) if there else f"write one into {_FOLDER}"
            raise _refused(document, one, "roleRef.name", message, remedy)
        yield _Grant(one.subjects, there[name], namespace, f"{document.file}: {_told(one)}")


def _read(document: Document) -> _Manifest:
    kind = document.data.get("kind") if isinstance(document.data, Mapping) else None
    if kind not in _KINDS:
        raise _refused(document, None, "kind", f"`{kind}` is none that is known here", choose(str(kind), _KINDS))
    try:
        one = _Manifest.model_validate(document.data)
    except ValidationError as error:
        first = error.errors()[0]
        raise _refused(document, None, ".".join(map(str, first["loc"])), *_in_words(first)) from error
    for element, message, remedy in _mistakes(one):
        raise _refused(document, one, element, message, remedy)
    return one


def _refused(document: Document, one: _Manifest | None, element: str, message: str, remedy: str) -> Refused:
    line = document.line(tuple(int(step) if step.isdigit() else step for step in element.split(".")))
    return Refused(f"{document.file}:{line}", _told(one) if one else "", element, message, remedy)


def _in_words(entry: Mapping[str, Any]) -> tuple[str, str]:
    """What pydantic found, and the way to mend it."""
    if known := re.findall(r"'([^']*)'", entry.get("ctx", {}).get("expected", "")):
        return f"`{entry['input']}` is none that is known here", choose(str(entry["input"]), known)
    if entry["type"] == "missing":
        return "it is missing", f"write `{entry['loc'][-1]}: …`"
    if entry["type"] == "extra_forbidden":
        return "it is not known here, nor what it would allow", "leave it out"
    return entry["msg"], 'write it as Kubernetes documents it, "Using RBAC Authorization"'


def _mistakes(one: _Manifest) -> Iterator[tuple[str, str, str]]:
    """What Kubernetes takes or drops without a word, or means something else than it looks like."""
    binds, grants = one.kind.endswith("Binding"), one.kind.endswith("Role")
    if one.apiVersion != ("v1" if one.kind == "ServiceAccount" else f"{_GROUP}/v1"):
        yield "apiVersion", f"`{one.apiVersion}` has no {one.kind}", "take the current one"
    if one.kind.startswith("Cluster") == (one.metadata.namespace is not None):
        yield "metadata.namespace", "a role of the cluster has none, and every other has one", "say in which namespace it holds"
    if any(label.startswith(_AGGREGATES) for label in one.metadata.labels):
        yield "metadata.labels", "it would be aggregated into roles that do not stand here", "leave the label out"
    if (one.rules and not grants) or ((one.roleRef is not None) != binds) or (bool(one.subjects) != binds):
        yield "rules", f"a {one.kind} has either rules, or a roleRef and subjects", "write the one that fits"
    if one.kind == "ClusterRoleBinding" and one.roleRef and one.roleRef.kind == "Role":
        yield "roleRef.kind", "a Role does not hold in all of the cluster", "bind a ClusterRole"
    for number, rule in enumerate(one.rules):
        for resource in rule.resources:
            if resource.endswith("/*") or (resource.startswith("*") and not (resource == "*" or resource.startswith("*/"))):
                yield f"rules.{number}.resources", f"`{resource}` is no wildcard, and matches nothing", "name each, or `*/part`"
        if any("*" in name for name in (*rule.resourceNames, *(group for group in rule.apiGroups if group != "*"))):
            yield f"rules.{number}", "a `*` in a name is no wildcard", "name each"
        if rule.resourceNames and set(rule.verbs) <= _NAME_NO_OBJECT:
            yield (
                f"rules.{number}.resourceNames",
                "what the verbs ask names no object, so it matches nothing",
                "leave the names out",
            )
    for number, subject in enumerate(one.subjects):
        account = subject.kind == "ServiceAccount"
        if account == (subject.namespace is None) or subject.apiGroup != ("" if account else _GROUP):
            yield (
                f"subjects.{number}",
                f"`{subject.name}` is none",
                f"a person has apiGroup: {_GROUP}, a service account a namespace",
            )


def _told(one: _Manifest) -> str:
    return f"{one.kind} {one.metadata.name}"
