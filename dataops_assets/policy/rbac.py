"""Who may do what in a Kubernetes cluster, by its RBAC: manifests are read and judged, and nothing is asked of a cluster.

RBAC only adds: there is no rule that denies, so whatever a rule of a bound role matches is allowed. A `*` is a verb, group or
resource of any name; `*/log` that part of any resource; of names there is none. A rule with names matches only what names an
object, so no `list` and no `create`.

Source: Kubernetes, "Using RBAC Authorization"; of what matches what, `VerbMatches` to `ResourceNameMatches` of its package
`k8s.io/component-helpers/auth/rbac/validation`.

Not known here, and refused: aggregated roles, paths that are no resources, kinds beside the five of `_KINDS`. What a cluster
has of its own (`system:…`, access entries of EKS) is in no manifest of ours: whoever runs it has to look there, too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dataops_assets.policy.refused import Refused

VERBS = (
    *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
    *("impersonate", "bind", "escalate"),
)
"""Those of requests, and those that RBAC asks for beside them."""
_GROUP = "rbac.authorization.k8s.io"
_KINDS = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ServiceAccount")
_AGGREGATES = f"{_GROUP}/aggregate-to-"


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
    """What manifests allow."""

    grants: tuple[_Grant, ...]

    def why(self, who: Subject, asked: Request) -> str | None:
        """The binding that allows a request; None if nothing does."""
        for grant in self.grants:
            here = grant.namespace is None or grant.namespace == asked.namespace
            if here and any(one.is_one_of(who) for one in grant.subjects) and any(rule.matches(asked) for rule in grant.rules):
                return grant.told
        return None

    def subjects(self) -> Iterator[tuple[str, "Subject"]]:
        """Everybody whom a binding names, by what people call him."""
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
        Refused: One says something that is not understood, or names a role that is not there.
    """
    found = [
        (file.name, document) for file in sorted(folder.glob("*.yaml")) for document in yaml.safe_load_all(file.read_text())
    ]
    return judge(found)


def judge(documents: Iterable[tuple[str, Any]]) -> Rights:
    """What manifests allow.

    Args:
        documents: Each with the name of the file that it is in.

    Raises:
        Refused: One says something that is not understood, or names a role that is not there.
    """
    read = [(file, _read(file, document)) for file, document in documents if document is not None]
    roles: dict[tuple[str, str | None, str], tuple[Rule, ...]] = {}
    for file, one in read:
        if one.kind in {"Role", "ClusterRole"}:
            key = (one.kind, one.metadata.namespace, one.metadata.name)
            if key in roles:
                raise Refused(file, _told(one), "metadata", "there are two of this name", "give each a name of its own")
            roles[key] = one.rules
    return Rights(tuple(_grants(read, roles)))


def _grants(
    read: Iterable[tuple[str, _Manifest]], roles: Mapping[tuple[str, str | None, str], tuple[Rule, ...]]
) -> Iterator[_Grant]:
    for file, one in read:
        if one.roleRef is None:
            continue
        namespace = one.metadata.namespace
        key = (one.roleRef.kind, namespace if one.roleRef.kind == "Role" else None, one.roleRef.name)
        if key not in roles:
            raise Refused(
                file, _told(one), "roleRef", f"there is no {one.roleRef.kind} `{one.roleRef.name}`", "name one of these files"
            )
        yield _Grant(one.subjects, roles[key], namespace, f"{file}: {_told(one)}")


def _read(file: str, document: Any) -> _Manifest:
    kind = document.get("kind") if isinstance(document, Mapping) else None
    if kind not in _KINDS:
        raise Refused(file, str(kind), "kind", "it is none that is known here", f"write one of {', '.join(_KINDS)}")
    try:
        one = _Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Refused(file, str(kind), where, first["msg"], "write what Kubernetes documents; see `rbac`") from error
    for element, message, remedy in _mistakes(one):
        raise Refused(file, _told(one), element, message, remedy)
    return one


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
    for rule in one.rules:
        for resource in rule.resources:
            if resource.endswith("/*") or (resource.startswith("*") and not (resource == "*" or resource.startswith("*/"))):
                yield "rules.resources", f"`{resource}` is no wildcard, and matches nothing", "name each, or `*/part`"
        if any("*" in name for name in (*rule.resourceNames, *(group for group in rule.apiGroups if group != "*"))):
            yield "rules", "a `*` in a name is no wildcard", "name each"
        if rule.resourceNames and not set(rule.verbs) & {
            "*",
            "get",
            "update",
            "patch",
            "delete",
            "impersonate",
            "bind",
            "escalate",
        }:
            yield "rules.resourceNames", "what the verbs ask names no object, so it matches nothing", "leave the names out"
    for subject in one.subjects:
        account = subject.kind == "ServiceAccount"
        if account == (subject.namespace is None) or subject.apiGroup != ("" if account else _GROUP):
            yield "subjects", f"`{subject.name}` is none", f"a person has apiGroup: {_GROUP}, a service account a namespace"


def _told(one: _Manifest) -> str:
    return f"{one.kind} {one.metadata.name}"
