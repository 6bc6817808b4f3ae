"""Access as it is rendered: roles, buckets, keys and topics of both environments, each with its policies; who may do what.

`infra/access/<environment>.json` holds what a plan of Terraform comes to: of each role its trust, policies and boundary, of
all else its policy. Both environments are read together: who asks is in one account, what he asks for may be in the
other. Here: reading these files, finding the policies that count for a request, and the session that a role's trust demands.
Not here: how policies decide (`evaluate`), how the files are made (`infra/render.py`), which datasets lie where
(`observe.access`).
"""

import itertools
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dataops_assets.contract.errors import choose
from dataops_assets.policy.condition import Condition, holds
from dataops_assets.policy.evaluate import Decision, Policies, Request, decide
from dataops_assets.policy.language import Policy, read_policy
from dataops_assets.policy.pattern import Template, Variable, Wildcard
from dataops_assets.policy.refused import Refused
from dataops_assets.policy.rendered import (
    Cluster,
    Lock,
    Written,
    WrittenBucket,
    WrittenKey,
    WrittenRole,
    WrittenTopic,
    read_rendered,
)

_TAGGED = "aws:requesttag/"


@dataclass(frozen=True)
class Role:
    """A role.

    Attributes:
        environment: Whose it is.
        name: What people call it: its name in AWS without the prefix.
        arn: Its ARN.
        trust: Who may become it.
        policies: What it may do.
        boundary: What limits that.
        max_session_seconds: How long a session of it lasts at most.
    """

    environment: str
    name: str
    arn: str
    trust: Policy
    policies: tuple[Policy, ...]
    boundary: Policy | None
    max_session_seconds: int

    @property
    def full_name(self) -> str:
        """With its environment: `prod/pipeline`."""
        return f"{self.environment}/{self.name}"


@dataclass(frozen=True)
class Resource:
    """A bucket, a key or a topic.

    Attributes:
        environment: Whose it is.
        name: The name of a bucket or topic, the alias of a key.
        kind: What people call it: its name without the prefix, as `audit-prod` or `data`.
        arn: Its ARN.
        account: Its account.
        policy: Its policy; None if it has none.
        lock: What a bucket locks.
        ends: What ends in a bucket by itself, and after how many days, as the access file has it.
    """

    environment: str
    name: str
    kind: str
    arn: str
    account: str
    policy: Policy | None
    lock: Lock | None = None
    ends: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Caller:
    """Whoever asks.

    Attributes:
        name: What people call him.
        principal: As a request names him: the ARN of a session or an OIDC provider, the name of a service, or `*`.
        context: What AWS puts into each of his requests.
        role: Whose session it is; None if he has no policies of his own.
    """

    name: str
    principal: str
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    role: Role | None = None


ANYBODY = Caller("anybody", "*", {"aws:SecureTransport": "true"})
"""Whoever has not signed in."""


@dataclass(frozen=True)
class Access:
    """What of both environments says who may do what.

    Attributes:
        roles: Every role.
        buckets: By name.
        keys: By ARN.
        topics: By ARN; no request about one is decided.
        clusters: Of Kubernetes, by name.
    """

    roles: tuple[Role, ...]
    buckets: Mapping[str, Resource]
    keys: Mapping[str, Resource]
    topics: Mapping[str, Resource]
    clusters: Mapping[str, Cluster]

    def may(
        self, caller: Caller, action: str, resource: str, context: Mapping[str, str | Sequence[str]] | None = None
    ) -> Decision:
        """Whether somebody may do something.

        Args:
            caller: Who asks.
            action: As `s3:PutObject`.
            resource: Its ARN; `*` for an action that is about none.
            context: What this request says beside what all of his say.

        Raises:
            Refused: Nothing is known of the resource, or a policy or the request is not understood.
        """
        account, policy = self._of(resource, action, caller)
        said = {**caller.context, **(context or {})}
        return decide(Request(caller.principal, action, resource, account, said), self._counting(caller.role, policy, action))

    def names(self, caller: Caller, action: str, resource: str) -> bool:
        """Whether any statement that counts for a request allows the action there, whatever else it asks: else it is denied."""
        _, policy = self._of(resource, action, caller)
        own = caller.role.policies if caller.role else ()
        given = (*own, *((policy,) if policy else ()))
        return any(
            each.effect == "Allow" and each.may_be_about(resource)
            for one in given
            for each in self._about(one, action).statements
        )

    def role(self, name: str) -> Role:
        """A role by the name that people call it, with its environment or without.

        Raises:
            LookupError: There is none, or one in each environment.
        """
        found = [role for role in self.roles if name in (role.name, role.full_name, role.arn)]
        if len(found) == 1:
            return found[0]
        if found:
            raise LookupError(f"there is a {name} in each environment: write {' or '.join(one.full_name for one in found)}")
        raise LookupError(f"there is no `{name}`; there are: {', '.join(sorted(role.full_name for role in self.roles))}")

    @cached_property
    def _roles_by_arn(self) -> dict[str, Role]:
        return {role.arn: role for role in self.roles}

    @cached_property
    def _narrowed(self) -> dict[tuple[int, str], tuple[Policy, Policy]]:
        return {}

    @cached_property
    def _counted(self) -> dict[tuple[int, int, str], tuple[Role | None, Policy | None, Policies]]:
        return {}

    def _counting(self, role: Role | None, policy: Policy | None, action: str) -> Policies:
        """What counts where a role does something to what has a policy: requests differ in what they say, over and over."""
        known = self._counted.get((id(role), id(policy), action))
        if known and known[0] is role and known[1] is policy:  # an id may come again
            return known[2]
        own, boundary = (role.policies, role.boundary) if role else ((), None)
        policies = Policies(
            identity=tuple(self._about(each, action) for each in own),
            resource=self._about(policy, action) if policy else None,
            boundary=self._about(boundary, action) if boundary else None,
        )
        self._counted[id(role), id(policy), action] = role, policy, policies
        return policies

    def _about(self, policy: Policy, action: str) -> Policy:
        # Most statements are about other actions: to look at each of them for each request takes most of the time.
        known, narrowed = self._narrowed.get((id(policy), action), (None, policy))
        if known is not policy:  # an id may come again
            narrowed = policy.about(action)
            self._narrowed[id(policy), action] = policy, narrowed
        return narrowed

    def _of(self, resource: str, action: str, caller: Caller) -> tuple[str, Policy | None]:
        """The account of a resource, and the policy that it has itself."""
        service, _, rest = resource.removeprefix("arn:aws:").partition(":")
        if resource == "*":
            return (caller.principal.split(":")[4] if caller.principal.startswith("arn:") else "", None)
        if service == "s3" and (bucket := self.buckets.get(rest.removeprefix("::").partition("/")[0])):
            return bucket.account, bucket.policy
        if key := self.keys.get(resource):
            return key.account, key.policy
        if role := self._roles_by_arn.get(resource):
            return role.arn.split(":")[4], role.trust if action.startswith("sts:") else None
        if account := resource.split(":")[4]:
            return account, None
        raise Refused("request", "", "resource", f"nothing is known of {resource}", "name a bucket of the access files")


def load(folder: Path) -> Access:
    """Read the access files of a folder; without any, nobody has access to anything.

    Args:
        folder: `infra/access`.

    Raises:
        Refused: One is not as it must be, or says something that is not understood.
    """
    return combine(read_rendered(path, Written) for path in sorted(folder.glob("*.json")))


def combine(files: Iterable[Written]) -> Access:
    """The access that some files come to together.

    Raises:
        Refused: A policy in them is not understood, or two are of the same account or have a cluster of the same name.
    """
    listed = list(files)
    if len({one.account for one in listed}) < len(listed):
        raise Refused(
            "infra/access", "", "account", "two environments have the same account", "give each an account of its own"
        )
    roles: list[Role] = []
    buckets: dict[str, Resource] = {}
    keys: dict[str, Resource] = {}
    topics: dict[str, Resource] = {}
    for one in listed:
        try:
            roles += [_role(one, name, role) for name, role in one.roles.items()]
            buckets |= {name: _bucket(one, name, bucket) for name, bucket in one.buckets.items()}
            keys |= {key.arn: _key(one, alias, key) for alias, key in one.keys.items()}
            topics |= {topic.arn: _topic(one, name, topic) for name, topic in one.topics.items()}
        except Refused as error:
            where = f"infra/access/{one.environment}.json, {error.policy}"
            raise Refused(where, error.statement, error.element, error.message, error.remedy) from None
    clusters: dict[str, Cluster] = {}
    for one in listed:
        if twice := clusters.keys() & one.clusters.keys():
            message = f"two environments have a cluster `{min(twice)}`"
            raise Refused("infra/access", "", "clusters", message, "give each a name of its own")
        clusters |= one.clusters
    return Access(tuple(roles), buckets, keys, topics, clusters)


def _is_of_tags(character: str) -> bool:
    """Whether STS takes it in the value of a session tag. Source: AWS Security Token Service API Reference, "Tag"."""
    return character in "_.:/=+-@" or unicodedata.category(character)[0] in "LNZ"


def session(role: Role, tags: Mapping[str, str] | None = None) -> Caller:
    """A session of a role as its trust demands it.

    Args:
        role: The role.
        tags: The session tags that are known. What the trust demands beside, and leaves open, is written `<tag>`: a `pr-*`
            becomes `pr-<tag>`.

    Raises:
        LookupError: The trust asks for no tag of that name, or STS or the trust take no session with these: so there is none.
    """
    account, name = role.arn.split(":")[4], role.arn.rpartition("/")[2]
    carried = _demanded(role.trust)
    for tag, value in (tags or {}).items():
        if tag.lower() not in carried:  # names of tags have no case
            remedy = choose(tag, carried) if carried else "its sessions have none"
            raise LookupError(f"the trust of {role.full_name} knows no session tag `{tag}`: {remedy}")
        if strange := sorted({each for each in value if not _is_of_tags(each)}):
            raise LookupError(f"no session has a tag with `{strange[0]}`: letters, digits, blanks and _.:/=+-@ are taken")
        carried[tag.lower()] = value
    if refusing := _refusing(role.trust, tags or {}):
        raise LookupError(f"the trust of {role.full_name} takes no session with that tag: it asks for {refusing}")
    return Caller(
        name=" ".join([role.full_name, *(tags or {}).values()]),
        principal=f"arn:aws:sts::{account}:assumed-role/{name}/session",
        context={
            "aws:PrincipalArn": role.arn,
            "aws:PrincipalAccount": account,
            "aws:SecureTransport": "true",
            **{f"aws:PrincipalTag/{tag}": value for tag, value in carried.items()},
        },
        role=role,
    )


def _demanded(trust: Policy) -> dict[str, str]:
    """The session tags that a trust policy asks for, each with a value that it takes."""
    asked = [one for statement in trust.statements if statement.effect == "Allow" for one in statement.conditions]
    return {
        one.key.name.removeprefix(_TAGGED): _example(one)
        for one in reversed(asked)
        if one.key.name.startswith(_TAGGED) and not (one.operator and one.operator.negated)
    }


def _refusing(trust: Policy, tags: Mapping[str, str]) -> Condition | None:
    """The condition that keeps session tags from every statement of a trust policy; None if one takes them."""
    said = {_TAGGED + tag.lower(): (value,) for tag, value in tags.items()}
    failing = [
        next((one for one in statement.conditions if one.key.name in said and not holds(one, said)), None)
        for statement in trust.statements
        if statement.effect == "Allow"
    ]
    return failing[0] if failing and all(failing) else None


def _example(condition: Condition) -> str:
    stands_for = f"<{condition.key.name.removeprefix(_TAGGED)}>"
    if condition.operator is None:
        return stands_for
    pattern: Template = condition.values[0]
    parts = [stands_for if isinstance(part, Wildcard | Variable) else part for part in pattern]
    return "".join(part for part, _ in itertools.groupby(parts))  # `?*` is one text, too


def _role(written: Written, name: str, role: WrittenRole) -> Role:
    return Role(
        environment=written.environment,
        name=name.removeprefix(f"{written.prefix}-"),
        arn=role.arn,
        trust=read_policy(role.trust, f"trust of {name}", "trust"),
        policies=tuple(read_policy(policy, f"{name}/{label}", "identity") for label, policy in role.policies.items()),
        boundary=read_policy(role.boundary, f"boundary of {name}", "identity") if role.boundary else None,
        max_session_seconds=role.max_session_seconds,
    )


def _bucket(written: Written, name: str, bucket: WrittenBucket) -> Resource:
    policy = read_policy(bucket.policy, name, "resource") if bucket.policy else None
    kind = name.removeprefix(f"{written.prefix}-")
    return Resource(written.environment, name, kind, f"arn:aws:s3:::{name}", written.account, policy, bucket.lock, bucket.ends)


def _key(written: Written, alias: str, key: WrittenKey) -> Resource:
    kind = alias.removeprefix(f"alias/{written.prefix}-")
    return Resource(written.environment, alias, kind, key.arn, written.account, read_policy(key.policy, alias, "resource"))


def _topic(written: Written, name: str, topic: WrittenTopic) -> Resource:
    policy = read_policy(topic.policy, name, "resource")
    return Resource(written.environment, name, name.removeprefix(f"{written.prefix}-"), topic.arn, written.account, policy)
