"""What statements of policies say that no request that is decided is an example of.

The evaluator decides about requests that somebody has thought of: about data, keys and roles. For all else the text counts. The
statements of both sides are compared in their parts: **what one side says and the other does not cover is told as it is
written, unless a decision that differs is an example of it**. How a statement is called, and where it stands among the
others, is no change. An Allow that is more and a Deny that is less is gained; the other way round it is lost.

What is new is an example of no more than its own: of a resource that held nothing before. And a value of a tag that nothing
carried before, beside others, is for what carries it now. Not here: which decisions differ (`compared`).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from dataops_assets.observe.access import Difference, Grant, Place, name_of, ways
from dataops_assets.policy.access import Access, Caller
from dataops_assets.policy.actions import ACTIONS
from dataops_assets.policy.condition import Condition
from dataops_assets.policy.keys import Context, read_context
from dataops_assets.policy.language import Policy, Statement, read_policy
from dataops_assets.policy.parts import as_arn, beyond, parts
from dataops_assets.policy.pattern import as_written
from dataops_assets.policy.principal import Reach, asking, reaches

UNEVALUATED = "not evaluated"
_UNLIMITED = read_policy(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, "no boundary", "identity"
)
_S3 = "arn:aws:s3:::"


@dataclass(frozen=True)
class Example:
    """A request that is allowed on one side.

    Attributes:
        caller: Who asks.
        action: The action.
        arn: Of what.
        context: All that it says.
        alone: Whether it is about what the other side has not at all.
    """

    caller: Caller
    action: str
    arn: str
    context: Context
    alone: bool


class Examples:
    """The requests of one side that are examples of what it has beyond the other one."""

    def __init__(self, examples: Iterable[Example], tags: Collection[tuple[str, str]], other: Collection[str]) -> None:
        """Keep them.

        Args:
            examples: The requests.
            tags: The tags, each with its value, that only something on this side carries.
            other: The ARNs of what there is on the other side.
        """
        self._by_action: dict[str, list[Example]] = {}
        for each in examples:
            self._by_action.setdefault(each.action.lower(), []).append(each)
        self._tags, self._other = tags, other

    def has_one(self, source: "_Source", part: Statement, value: Condition | None) -> bool:
        """Whether there is one of a part, which differs by one value of a condition if that is given."""
        if value and _tag(value) in self._tags:
            return True
        if part.excepted & {"Action", "Principal"}:
            return False
        action = as_written(part.actions[0]).lower()  # what stands for more than one has never enough examples
        found = [each for each in self._by_action.get(action, ()) if _is_about(each, source, part)]
        return any(not each.alone for each in found) or (bool(found) and not any(part.may_be_about(arn) for arn in self._other))


def _tag(condition: Condition) -> tuple[str, str] | None:
    """The tag of an object, with its value, that a condition with one value asks for; None if it stands for several."""
    about, _, tag = condition.key.name.partition("/")
    value = condition.values[0]
    if about not in ("s3:requestobjecttag", "s3:existingobjecttag") or not all(isinstance(piece, str) for piece in value):
        return None
    return tag, as_written(value)


@dataclass(frozen=True)
class _Source:
    """A policy, or several that count as one.

    Attributes:
        kind: What it is of.
        name: Of whom or what, as people call it.
        arn: Its ARN.
        policies: What it says.
    """

    kind: Literal["role", "boundary", "trust", "bucket", "key", "topic"]
    name: str
    arn: str
    policies: tuple[Policy, ...]

    def of(self, effect: str) -> list[Statement]:
        return [each for policy in self.policies for each in policy.statements if each.effect == effect]


def difference(before: Access, after: Access, widening: Examples, narrowing: Examples) -> Difference:
    """What only the text tells.

    Args:
        before: The policies of one side.
        after: Those of the other.
        widening: What of the side after is allowed there alone.
        narrowing: What of the side before was.
    """
    was, now = ({(one.kind, one.name): one for one in _sources(access)} for access in (before, after))
    accounts = {role.arn.split(":")[4] for access in (before, after) for role in access.roles}
    gained, lost = list[Grant](), list[Grant]()
    boundaries: dict[tuple[bool, Grant], list[str]] = {}
    bounded = {name for kind, name in was.keys() & now.keys() if kind == "boundary"}
    for kind, name in was.keys() | now.keys():
        if kind == "boundary" and name not in bounded:
            continue  # it gives nothing by itself to whoever is new
        for widens, effect, one, two in (
            (True, "Allow", now, was),
            (True, "Deny", was, now),
            (False, "Allow", was, now),
            (False, "Deny", now, was),
        ):
            source, other = one.get((kind, name)), two.get((kind, name))
            if source is None or (other is None and effect == "Deny" and not widens):
                continue  # to what is new there was no right that is denied now
            for part, value in beyond(source.of(effect), other.of(effect) if other else ()):
                if (widening if widens else narrowing).has_one(source, part, value):
                    continue
                grant = _grant(source, part, accounts)
                if source.kind == "boundary":
                    boundaries.setdefault((widens, grant), []).append(source.name)
                else:
                    (gained if widens else lost).append(grant)
    for (widens, grant), names in boundaries.items():
        (gained if widens else lost).extend(replace(grant, who=f"{who}{grant.who}") for who in _together(names, bounded))
    return Difference(gained=tuple(gained), lost=tuple(lost))


def unevaluated(access: Access, caller: Caller, places: Iterable[Place]) -> Iterator[tuple[Grant, Statement]]:
    """What statements let somebody do of which no request is decided, each with its statement; a boundary may hold less.

    Args:
        access: The rendered policies.
        caller: Who asks.
        places: Where requests are decided.
    """
    if caller.role is None:
        return
    who, listed = asking(caller.principal), list(places)
    for source in _sources(access):
        if source.kind in ("boundary", "trust") or (source.kind == "role" and source.arn != caller.role.arn):
            continue
        inside = [place for place in listed if source.kind == "role" or _within(place.arn, source.arn)]
        for statement in source.of("Allow"):
            named = [reaches(one, who) for one in statement.principals]
            if source.kind != "role" and not {Reach.ROLE, Reach.DIRECT} & set(named):
                continue
            for part in parts(statement):
                if not any(_is_asked(caller, place, part) for place in inside):
                    yield replace(_grant(source, part, ()), who=caller.name, word=UNEVALUATED), statement


def _is_asked(caller: Caller, place: Place, part: Statement) -> bool:
    """Whether a request for what is in a place is decided by a part."""
    action = "" if "Action" in part.excepted else as_written(part.actions[0])
    return (
        action in ACTIONS[place.kind]
        and part.may_be_about(place.arn)
        and any(
            part.is_about(action, place.arn, read_context({**caller.context, **said})) for said in ways(action, place).values()
        )
    )


def _is_about(example: Example, source: _Source, part: Statement) -> bool:
    """Whether a part of a policy decides about a request."""
    if source.kind in ("role", "boundary"):
        concerned = example.caller.role is not None and example.caller.role.arn == source.arn
    else:
        who = asking(example.caller.principal)
        concerned = _within(example.arn, source.arn) and any(reaches(one, who) for one in part.principals)
    return concerned and part.is_about(example.action, example.arn, example.context)


def _within(arn: str, source: str) -> bool:
    return arn == source or arn.startswith(f"{source}/")


def _sources(access: Access) -> Iterator[_Source]:
    for role in access.roles:
        yield _Source("role", role.full_name, role.arn, role.policies)
        yield _Source("boundary", role.full_name, role.arn, (role.boundary or _UNLIMITED,))
        yield _Source("trust", role.full_name, role.arn, (role.trust,))
    for bucket in access.buckets.values():
        yield _Source("bucket", bucket.name, bucket.arn, (bucket.policy,) if bucket.policy else ())
    for key in access.keys.values():
        yield _Source("key", name_of(key), key.arn, (key.policy,) if key.policy else ())
    for topic in access.topics.values():
        yield _Source("topic", f"topic {topic.environment}/{topic.kind}", topic.arn, (topic.policy,) if topic.policy else ())


def _grant(source: _Source, part: Statement, accounts: Collection[str]) -> Grant:
    """A part for people; of whoever has a boundary, his name is left out."""
    names = _listed(part, "Principal", [one.name for one in part.principals]) if part.principals else source.name
    resource = _listed(part, "Resource", [as_arn(one).removeprefix(_S3) for one in part.resources])
    place = f"role {source.name}" if source.kind == "trust" else source.name if source.kind in ("key", "topic") else resource
    strange = source.kind == "trust" or any(one.account not in accounts for one in part.principals)
    word = "no Deny" if part.effect == "Deny" else "let in" if part.principals and strange else UNEVALUATED
    who = "" if source.kind == "boundary" else names
    return Grant(f"{who}{_conditions(part)}", place, word, _listed(part, "Action", list(map(as_written, part.actions))))


def _conditions(part: Statement) -> str:
    return "".join(f", {condition}" for condition in part.conditions)


def _listed(part: Statement, element: str, values: list[str]) -> str:
    return f"all but {', '.join(values)}" if element in part.excepted else ", ".join(values)


def _together(names: Collection[str], bounded: Collection[str]) -> Iterator[str]:
    """Whose boundaries they are, of all that are compared: those of an environment together, where they are most."""
    for environment in sorted({name.partition("/")[0] for name in names}):
        everybody = {name for name in bounded if name.startswith(f"{environment}/")}
        some = everybody & set(names)
        if len(some) * 2 <= len(everybody):
            yield from (f"boundary of {name}" for name in sorted(some))
        else:
            but = f" but {', '.join(sorted(everybody - some))}" if some < everybody else ""
            yield f"boundary of every role of {environment}{but}"
