"""Who may do what to which dataset, bucket, key and role: what the rendered policies come to with the contracts of a catalog.

Each answer is a decision of the evaluator about one request; nothing is told from the text of a policy. An object has its key
and the tags that it carries by its contract. Of the ways to ask for something, the best counts: if one is allowed, he may; a
way that is about no object of ours, since those have tags, comes last, and is told beside the action. What changes is told of
each way, since a condition that is gone opens one more. Not here: what changes between two versions
(`observe.compared`), how policies are read and decide (`dataops_assets.policy`), and how it is printed (`cli.access`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dataops_assets.contract import Catalog, Dataset
from dataops_assets.contract.policy import ZONES, Zone
from dataops_assets.policy.access import ANYBODY, Access, Caller, Resource, session
from dataops_assets.policy.actions import ACTIONS, Kind
from dataops_assets.policy.evaluate import Decision
from dataops_assets.storage import layout
from dataops_assets.storage.lake import BRANCHES

Context = Mapping[str, str | Sequence[str]]
_NEEDED = {"s3:GetObject": "kms:Decrypt", "s3:GetObjectVersion": "kms:Decrypt", "s3:PutObject": "kms:GenerateDataKey"}
"""What of the key of a bucket somebody needs beside, who reads or writes in it. Source: Amazon S3 User Guide, "Using
server-side encryption with AWS KMS keys (SSE-KMS)", Permissions."""
_NOT_ENCRYPTED = ("audit-", "state-")
"""How buckets are called that S3 encrypts with keys of its own: module `storage`, and the bootstrap."""

_ANALYST = "prod/analyst-"
"""How the roles of reader groups begin, but that of branches."""
_OF_BRANCHES = ("dev/branch", "dev/engineer")
"""The roles of the group `branches`. `dev/adhoc` is none: a query reads what has any readers."""
_TAGGING = ("s3:PutObjectTagging", "s3:PutObjectVersionTagging")
_UNTAGGED = "of what has no tags"
WITHOUT_TAGS = "without tags"
"""How a way is called in which something is written without tags: so our code writes no data."""


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
        action: The action; in what changes, also with the way in which it is asked for, as `s3:PutObject blindly`, and else
            where he may in no usual way, as `s3:PutObject without tags`.
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
        missing: What he may not do with the key of the bucket, and must, as `kms:Decrypt of key prod/data`; None if he may. So
            long as it is missing, AWS refuses the request all the same.
    """

    grant: Grant
    decision: Decision
    missing: str | None


@dataclass(frozen=True)
class Difference:
    """What changes for anybody between two versions.

    Attributes:
        gained: What somebody may do now and could not before.
        lost: What somebody could do before and may not now.
        new: What somebody may do with datasets that were not there before, which nobody could, as their contracts have it.
        left: What somebody may read of what no dataset puts there any more, until a rule ends it: objects keep their tags.
    """

    gained: tuple[Grant, ...]
    lost: tuple[Grant, ...]
    new: tuple[Grant, ...] = ()
    left: tuple[Grant, ...] = ()

    def __add__(self, other: "Difference") -> "Difference":
        return Difference(self.gained + other.gained, self.lost + other.lost, self.new + other.new, self.left + other.left)


UNCLEAR = "change"
"""The word of a grant of which it cannot be told whether it gives or takes: it counts as gained."""


def as_a_whole(what: str, before: object, after: object) -> Grant | None:
    """What is told of a file or folder that one side has and the other has not, in place of all that it says."""
    if bool(before) == bool(after):
        return None
    return Grant(what, "all that it says", UNCLEAR, "is gone" if before else "was not there before")


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
            for told, said in _told_ways(action, place):
                if (decision := access.may(caller, action, place.arn, said)).allowed:
                    grant = Grant(caller.name, place.name, word, f"{action} {told}".rstrip(), place.dataset or "")
                    yield Allowed(grant, decision, missing(access, caller, action, place))
                    break


def missing(access: Access, caller: Caller, action: str, place: Place) -> str | None:
    """What of the key of the bucket somebody needs beside, and may not do; None if there is nothing."""
    needed, key = _NEEDED.get(action), key_of(access, place)
    if needed is None or key is None or access.may(caller, needed, key.arn, _through_s3(key.arn)).allowed:
        return None
    return f"{needed} of {name_of(key)}"


def key_of(access: Access, place: Place) -> Resource | None:
    """The key by which what lies in a place is encrypted; None if none of ours is."""
    bucket = access.buckets.get(bucket_of(place))
    if bucket is None or bucket.kind.startswith(_NOT_ENCRYPTED):
        return None
    return next((one for one in access.keys.values() if (one.environment, one.kind) == (bucket.environment, "data")), None)


def bucket_of(place: Place) -> str:
    """The name of the bucket that a place is, or is in; of another place no bucket's."""
    return place.arn.rpartition(":::")[2].partition("/")[0]


def everything(access: Access, catalog: Catalog, caller: Caller) -> list[Place]:
    """Every place that there is: of each dataset, of the areas, and all buckets, keys and roles.

    Args:
        access: The rendered policies.
        catalog: The contracts.
        caller: Who asks: of the areas, those that are named like one of his session tags are his own.
    """
    return [*(place for dataset in catalog for place in of_dataset(access, dataset)), *beside_datasets(access, caller)]


def beside_datasets(access: Access, caller: Caller) -> list[Place]:
    """Every place that is none of a dataset; `everything` has the rest."""
    found = []
    for bucket in access.buckets.values():
        folders = _folders(bucket.kind, caller)
        found += [Place("object", f"{bucket.name}/{folder}", f"{bucket.arn}/{folder}/x") for folder in folders]
        found.append(Place("bucket", bucket.name, bucket.arn))
    found += [Place("key", name_of(key), key.arn) for key in access.keys.values()]
    return [*found, *(Place("role", f"role {role.full_name}", role.arn) for role in access.roles)]


def of_dataset(access: Access, dataset: Dataset, zone: str | None = None) -> list[Place]:
    """Where a dataset lies in prod and its landing, and what is told of it there.

    Args:
        access: The rendered policies.
        dataset: The dataset.
        zone: One place alone, as `staged`; None for all.
    """
    buckets = {bucket.kind: bucket.arn for bucket in access.buckets.values()}
    found = []
    for name, (key, terms) in _keys(dataset).items():
        arn = buckets.get("landing" if name == "landing" else "prod")
        if arn and zone in (None, name):
            tags = {} if name == "landing" else layout.tags(dataset, terms)  # providers give none
            found.append(Place("object", f"{name}/{dataset.name}", f"{arn}/{key}", dataset.name, tags))
    return found


def zones_of(dataset: Dataset) -> list[str]:
    """Where a dataset lies in prod, from left to right."""
    return list(_keys(dataset))


def where(dataset: Dataset, zone: str) -> str:
    """What people call the place of a dataset: deliveries lie where they come in, of whatever dataset that has the name."""
    return f"{zone}/{dataset.deliveries if zone in ('landing', 'raw', 'receipts') else dataset.name}"


def in_place(catalog: Catalog, name: str) -> tuple[str, str] | None:
    """The dataset and the zone that a place is of, as `where` calls it; None if there is no such place.

    Deliveries that datasets share are told of the one that has their name, or of the first.
    """
    datasets = sorted(catalog, key=lambda one: (not name.endswith(f"/{one.name}"), one.name))
    return next(((one.name, zone) for one in datasets for zone in zones_of(one) if where(one, zone) == name), None)


def is_reader(dataset: Dataset, who: str) -> bool:
    """Whether somebody is not of a reader group, or of one that the contract of a dataset names."""
    _, is_analyst, of = who.partition(_ANALYST)
    group = of if is_analyst else BRANCHES if who in _OF_BRANCHES else None
    return group is None or group in dataset.attributes.readers


def unrendered_readers(access: Access, dataset: Dataset) -> list[str]:
    """The reader groups of a dataset that have no role yet: nothing tells what they may do."""
    roles = {role.full_name for role in access.roles}
    groups = [group for group in dataset.attributes.readers if group != BRANCHES]  # whose roles are those of dev
    return [group for group in groups if _ANALYST + group not in roles]


def _keys(dataset: Dataset) -> dict[str, tuple[str, Zone]]:
    """An object of a dataset in each place where it has some, and the zone by whose terms that is kept."""
    delivered = ("landing", "raw") if dataset.ingested else ()
    zones = [zone for zone in ZONES if zone in (dataset.zone, "quarantine", *delivered)]
    below = {"landing": layout.landing(dataset), "raw": layout.raw(dataset, None)}
    keys: dict[str, tuple[str, Zone]] = {}
    for zone in zones:
        keys[zone] = f"{below[zone]}/x" if zone in below else layout.data(zone, dataset, None), zone
        if zone == "raw":
            keys["receipts"] = f"{layout.receipts(dataset, None)}/1.json", zone
    keys["gate_results"] = layout.gate_results(dataset), dataset.zone
    keys["verdicts"] = f"{layout.verdicts('content', dataset, None)}/1.json", dataset.zone
    keys["provenance"] = f"{layout.provenance(dataset.zone, dataset, None)}/1.json", dataset.zone
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


def ways(action: str, place: Place) -> dict[str, Context]:
    """The requests by which something can be done, by what people call them; the first that is allowed counts."""
    carried = {f"s3:ExistingObjectTag/{tag}": value for tag, value in place.tags.items()}
    tags = place.tags or {"lifecycle": "operational", "readers": "branches"}
    asked = {f"s3:RequestObjectTag/{tag}": value for tag, value in tags.items()} | {"s3:RequestObjectTagKeys": sorted(tags)}
    if action == "s3:PutObject":
        created = {"s3:ObjectCreationOperation": "true"}
        new = {**asked, **created, "s3:if-none-match": "*"}
        return {
            "of what is new": new,
            "in place of what was seen": {**asked, **created, "s3:if-match": "etag"},
            "blindly": {**asked, **created},
            f"of what is new, {WITHOUT_TAGS}": {**created, "s3:if-none-match": "*"},
            f"blindly, {WITHOUT_TAGS}": created,
            "by a copy": {**new, "s3:x-amz-copy-source": "elsewhere/x"},
            "with a key of his": {**new, "s3:x-amz-server-side-encryption": "aws:kms"},
            "with a key that he brings": {**new, "s3:x-amz-server-side-encryption-customer-algorithm": "AES256"},
        }
    if action in _TAGGING:
        return {"": {**carried, **asked}}
    if place.kind == "key":
        return {"through S3": _through_s3(place.arn), "itself": {}}
    return {"": carried}


def _told_ways(action: str, place: Place) -> list[tuple[str, Context]]:
    """The same, each with what is told of it: last those without the tags that our code gives to what lies in a place."""
    if not place.tags:
        return [("", said) for said in ways(action, place).values()]
    told = [(WITHOUT_TAGS if way.endswith(WITHOUT_TAGS) else "", said) for way, said in ways(action, place).items()]
    if action in _TAGGING:
        told.append((_UNTAGGED, each_way(action, place)[_UNTAGGED]))
    return sorted(told, key=lambda one: one[0])


def each_way(action: str, place: Place) -> dict[str, Context]:
    """The same, and those by which nobody asks who has nothing to hide."""
    found = ways(action, place)
    usual = next(iter(found.values()))
    if place.kind in ("object", "bucket"):  # all other services take nothing in the open
        found["over plain HTTP"] = {**usual, "aws:SecureTransport": "false"}
    untagged = {key: value for key, value in usual.items() if not key.startswith("s3:ExistingObjectTag/")}
    if untagged != usual:
        found[_UNTAGGED] = untagged
    otherwise = {key: "another" if key.startswith("s3:RequestObjectTag/") else value for key, value in usual.items()}
    if otherwise != usual:
        found["with other tags"] = otherwise
    return found


def _through_s3(key: str) -> Context:
    return {"kms:ViaService": f"s3.{key.split(':')[3]}.amazonaws.com"}


def name_of(key: Resource) -> str:
    """What people call a key."""
    return f"key {key.environment}/{key.kind}"
