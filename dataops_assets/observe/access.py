"""Who may do what to which dataset, bucket, key and role: what the rendered policies come to with the contracts of a catalog.

Each answer is a decision of the evaluator about one request; nothing is told from the text of a policy. An object has its key
and the tags that it carries by its contract. Of the ways to ask for something, the best counts: if one is allowed, he may. Not
here: how policies are read and decide (`dataops_assets.policy`), and how it is printed (`cli.access`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dataops_assets.contract import Catalog, Dataset
from dataops_assets.contract.policy import ZONES
from dataops_assets.policy.access import ANYBODY, Access, Caller, session
from dataops_assets.policy.actions import ACTIONS, Kind
from dataops_assets.policy.evaluate import Decision
from dataops_assets.policy.pattern import as_written
from dataops_assets.storage import layout

_Context = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Place:
    """Something that can be done something to.

    Attributes:
        kind: What it is.
        name: What people call it: `staged/flights`, the name of a bucket or role, the alias of a key.
        arn: Its ARN; of objects that of one of them.
        dataset: The dataset that lies there; None if it is not one's.
        tags: Those of an object.
    """

    kind: Kind
    name: str
    arn: str
    dataset: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, order=True)
class Grant:
    """Somebody may do something.

    Attributes:
        who: What people call him.
        place: Where.
        word: What it comes to, as `read`.
        action: The action.
        dataset: The dataset that it is about; empty if it is about none.
    """

    who: str
    place: str
    word: str
    action: str
    dataset: str = ""


@dataclass(frozen=True)
class Allowed:
    """A grant, and what it follows from.

    Attributes:
        grant: Who may do what.
        decision: What decided so.
    """

    grant: Grant
    decision: Decision


def callers(access: Access) -> list[Caller]:
    """Everybody: a session of each role as its trust demands it, and whoever has not signed in."""
    return [ANYBODY, *sorted((session(role) for role in access.roles), key=lambda one: one.name)]


def allowed(access: Access, caller: Caller, places: Iterable[Place]) -> Iterator[Allowed]:
    """What somebody may do in some places.

    Raises:
        Refused: A policy is not understood.
    """
    for place in places:
        for action, word in ACTIONS[place.kind].items():
            if not access.names(caller, action, place.arn):
                continue
            decisions = (access.may(caller, action, place.arn, way) for way in _ways(action, place))
            if decision := next((one for one in decisions if one.allowed), None):
                yield Allowed(Grant(caller.name, place.name, word, action, place.dataset or ""), decision)


def everything(access: Access, catalog: Catalog, caller: Caller) -> list[Place]:
    """Every place that there is: of each dataset, of the areas, and all buckets, keys and roles.

    Args:
        access: The rendered policies.
        catalog: The contracts.
        caller: Who asks: of the areas, those that are named like one of his session tags are his own.
    """
    found = [place for dataset in catalog for place in of_dataset(access, dataset)]
    for bucket in access.buckets.values():
        folders = _folders(bucket.kind, caller)
        found += [Place("object", f"{bucket.name}/{folder}", f"{bucket.arn}/{folder}/x") for folder in folders]
        found.append(Place("bucket", bucket.name, bucket.arn))
    found += [Place("key", f"key {key.environment}/{key.kind}", key.arn) for key in access.keys.values()]
    return [*found, *(Place("role", f"role {role.full_name}", role.arn) for role in access.roles)]


def of_dataset(access: Access, dataset: Dataset, zone: str | None = None) -> list[Place]:
    """Where a dataset lies in prod and its landing, and what is told of it there.

    Args:
        access: The rendered policies.
        dataset: The dataset.
        zone: One place alone, as `staged`; None for all.
    """
    buckets = {bucket.kind: bucket.arn for bucket in access.buckets.values()}
    tags = layout.tags(dataset, dataset.zone)
    found = []
    for name, key in _keys(dataset).items():
        arn = buckets.get("landing" if name == "landing" else "prod")
        if arn and zone in (None, name):
            place = f"{name}/{dataset.name}"
            found.append(Place("object", place, f"{arn}/{key}", dataset.name, {} if name == "landing" else tags))
    return found


def zones_of(dataset: Dataset) -> list[str]:
    """Where a dataset lies in prod, from left to right."""
    return list(_keys(dataset))


def _keys(dataset: Dataset) -> dict[str, str]:
    """An object of a dataset in each place where it has some."""
    delivered = ("landing", "raw") if dataset.ingested else ()
    zones = [zone for zone in ZONES if zone in (dataset.zone, "quarantine", *delivered)]
    below = {"landing": layout.landing(dataset), "raw": layout.raw(dataset, None)}
    keys: dict[str, str] = {zone: f"{below[zone]}/x" if zone in below else layout.data(zone, dataset, None) for zone in zones}
    keys["gate_results"] = layout.gate_results(dataset)
    keys["verdicts"] = f"{layout.verdicts('content', dataset, None)}/1.json"
    keys["provenance"] = f"{layout.provenance(dataset.zone, dataset, None)}/1.json"
    return keys


def _folders(kind: str, caller: Caller) -> list[str]:
    """Folders of a kind of bucket that belong to no dataset."""
    if kind == "prod":
        return ["_deployment", "_doctor", "_erasures", "_sha256", "elsewhere"]
    if kind != "dev":
        return ["anywhere"]
    tags = [str(value) for key, value in caller.context.items() if key.startswith("aws:PrincipalTag/")]
    own, others = [tag for tag in tags if "/" not in tag], ["another"]
    areas = [f"{kind}/{name}" for kind in ("adhoc", "branch", "dev") for name in dict.fromkeys([*own, *others])]
    return [*areas, "trash/any", "elsewhere"]


def _ways(action: str, place: Place) -> list[_Context]:
    """The requests by which something can be done; the first that is allowed counts."""
    carried = {f"s3:ExistingObjectTag/{tag}": value for tag, value in place.tags.items()}
    tags = place.tags or {"lifecycle": "operational", "readers": "branches"}
    asked = {f"s3:RequestObjectTag/{tag}": value for tag, value in tags.items()} | {"s3:RequestObjectTagKeys": sorted(tags)}
    if action == "s3:PutObject":
        created = {"s3:ObjectCreationOperation": "true"}
        return [
            {**asked, **created, "s3:if-none-match": "*"},
            {**asked, **created, "s3:if-match": "etag"},
            {**asked, **created},
            {**created, "s3:if-none-match": "*"},
            created,
        ]
    if action in ("s3:PutObjectTagging", "s3:PutObjectVersionTagging"):
        return [{**carried, **asked}]
    if place.kind == "key":
        region = place.arn.split(":")[3]
        return [{"kms:ViaService": f"s3.{region}.amazonaws.com"}, {}]
    return [carried]


@dataclass(frozen=True)
class Difference:
    """What changes for anybody between two versions.

    Attributes:
        gained: What somebody may do now and could not before.
        lost: What somebody could do before and may not now.
        new: What somebody may do with datasets that were not there before: nobody could do anything with them.
    """

    gained: tuple[Grant, ...]
    lost: tuple[Grant, ...]
    new: tuple[Grant, ...]


def grants(access: Access, catalog: Catalog) -> set[Grant]:
    """Everything that anybody may do.

    Raises:
        Refused: A policy is not understood.
    """
    evaluated = {
        found.grant for caller in callers(access) for found in allowed(access, caller, everything(access, catalog, caller))
    }
    return evaluated | set(let_in(access))


def let_in(access: Access) -> Iterator[Grant]:
    """Whom roles, buckets and keys let in who is none of our roles: tokens, pods, services, other accounts.

    As it is written, with its conditions: what such a one brings along is known to nobody here, so each change counts.
    """
    ours = {role.arn.split(":")[4] for role in access.roles}
    policies = [(f"role {role.full_name}", role.trust) for role in access.roles]
    policies += [(bucket.name, bucket.policy) for bucket in access.buckets.values() if bucket.policy]
    policies += [(f"key {key.environment}/{key.kind}", key.policy) for key in access.keys.values() if key.policy]
    for place, policy in policies:
        for statement in policy.statements:
            if statement.effect == "Deny":
                continue
            asked = "".join(f", {condition}" for condition in sorted(map(str, statement.conditions)))
            for principal in statement.principals:
                if policy.kind == "trust" or principal.account not in ours:
                    for action in statement.actions:
                        yield Grant(f"{principal.name}{asked}", place, "let in", as_written(action))


def difference(before: tuple[Access, Catalog], after: tuple[Access, Catalog]) -> Difference:
    """What changes for anybody, by the policies and contracts of two versions.

    Raises:
        Refused: A policy of one of them is not understood.
    """
    was, now = grants(*before), grants(*after)
    known = {"", *before[1].datasets}
    gained = sorted(now - was)
    return Difference(
        gained=tuple(grant for grant in gained if grant.dataset in known),
        lost=tuple(sorted(was - now)),
        new=tuple(grant for grant in gained if grant.dataset not in known),
    )
