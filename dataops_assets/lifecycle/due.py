"""What lies in a store, held against the table: what is past its term, and what no policy is about.

Nothing is changed. A store is listed once, of a bucket a thousand objects for each request; a bucket is asked for its rules,
and for the tags of one object of each dataset and zone: the oldest, which was written under the oldest contract. Of each area
its record is read.

Not here: how it ends. That is done by the rules of a bucket; in a folder, by whoever has it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, cast

from dataops_assets.contract import Catalog
from dataops_assets.contract.duration import Duration
from dataops_assets.contract.policy import ZONES
from dataops_assets.lifecycle.area import Kind
from dataops_assets.lifecycle.making import is_name
from dataops_assets.lifecycle.registry import RECORD, Registry, Seen
from dataops_assets.lifecycle.rules import rules
from dataops_assets.lifecycle.table import AREAS, BUCKETS, TRASH, Term, table
from dataops_assets.storage import bucket, layout
from dataops_assets.storage.errors import Damaged, NotSignedIn, in_words
from dataops_assets.storage.s3 import S3
from dataops_assets.storage.store import Entry, Store

_LOCK = re.compile(rf"({TRASH}/)?_\w+\.lock")
"""Of a folder: empty, and there for as long as it is. `dataops doctor` tries below the trash what a store of areas can."""

_AWAY = "move what lies there into one that has a record, or remove it"


@dataclass
class Heap:
    """What lies in one place.

    Attributes:
        place: The zone and the name of a dataset, or what comes before the first slash of other keys.
        term: The term that is about it; None if none is.
        oldest: The object that was written first.
        objects, bytes: How much it is.
        due, due_bytes: How much of it is past its term.
        strays: How many of the objects are called like nothing that is written there.
        stray: The key of the first of them.
    """

    place: str
    term: Term | None
    oldest: Entry
    objects: int = 0
    bytes: int = 0
    due: int = 0
    due_bytes: int = 0
    strays: int = 0
    stray: str = ""


@dataclass(frozen=True)
class Violation:
    """What lies or stands against a policy.

    Attributes:
        told: What, and where.
        remedy: The way out.
    """

    told: str
    remedy: str


@dataclass(frozen=True)
class Findings:
    """What a look found.

    Attributes:
        heaps: What lies there, by place.
        violations: What is against a policy.
        unknown: What could not be told, and why.
    """

    heaps: list[Heap] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def look(catalog: Catalog, store: Store, now: datetime, holds: Sequence[str] = ("landing", "prod")) -> Findings:
    """Hold what lies in a store against the table.

    Args:
        catalog: The contracts.
        store: The store.
        now: The time.
        holds: For which buckets, of `BUCKETS`, it holds things: `dev` is what dev and branches share; `landing` and `prod` may
            be one store, as on this machine, or two.
    """
    areas = _Areas()
    heaps = _heaps(catalog, store, now, areas, holds)
    without = _without_a_term(store, heaps, holds)
    found = Findings(heaps, [*without, *_strays(store, heaps)])
    areas.look_at_records(store, found)
    if isinstance(store, S3):
        if "prod" in holds:
            _look_at_tags(catalog, store, heaps, found)
        _look_at_rules(catalog, store, found, holds)
    return found


@dataclass
class _Areas:
    """The areas of a store, as they come by in a listing.

    Attributes:
        lying: How many objects lie in each but its record, by kind and name.
        trashed: How many lie in its trash.
    """

    lying: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    trashed: Counter[tuple[Kind, str]] = field(default_factory=Counter)

    def pass_by(self, key: str) -> None:
        kind, name, rest = key.removeprefix(f"{TRASH}/").split("/", 2)
        (self.trashed if key.startswith(f"{TRASH}/") else self.lying)[cast(Kind, kind), name] += rest != RECORD

    def look_at_records(self, store: Store, found: Findings) -> None:
        """Whether each has a record, and one that can be read."""
        areas = sorted(self.lying.keys() | self.trashed.keys())
        for area, record in zip(areas, store.each(partial(_record, Registry(store)), areas), strict=True):
            if isinstance(record, Damaged):
                found.violations.append(_damaged(store, record, *area))
            elif isinstance(record, PermissionError):
                found.unknown.append(in_words(record))
            elif record is None:
                found.violations.extend(self._without_a_record(store, *area))

    def _without_a_record(self, store: Store, kind: Kind, name: str) -> Iterator[Violation]:
        lying, trashed = self.lying[kind, name], self.trashed[kind, name]
        path, count = f"{kind}/{name}", lying + trashed
        remedy = f"give it one: `{_new(name)}`; or remove it"
        if kind != "adhoc":
            path, remedy = f"{TRASH}/{path}", f"move what is wanted to {path}, and remove the rest"
        elif not is_name(name):
            remedy = f"no area can be called so: {_AWAY}"
        # That of a branch or a person gets one when it is used, or by the next run of who ends areas.
        if count and (kind == "adhoc" or not lying):
            yield Violation(f"{store.address(path)}: {_objects(count)} of an area without a record, so nothing ends it", remedy)


def _record(registry: Registry, area: tuple[Kind, str]) -> Seen | OSError | None:
    try:
        return registry.read(*area)
    except NotSignedIn:
        raise
    except (Damaged, PermissionError) as error:
        return error


def _damaged(store: Store, record: Damaged, kind: Kind, name: str) -> Violation:
    anew = f"run `{_new(name)}`" if is_name(name) else _AWAY
    if kind != "adhoc":
        anew = "the next use of the area, or `dataops expire --act`, writes it anew"
    kept = "if no version of it is kept" if isinstance(store, S3) else "a folder keeps no versions of it"
    return Violation(f"{record}; till then nothing ends the area", f"{kept}: remove it, and {anew}")


def _new(name: str) -> str:
    return f"dataops adhoc new {name} --owner TEAM --group READERS"


def _objects(count: int) -> str:
    return f"{count:,} object{'s' * (count != 1)}"


def _heaps(catalog: Catalog, store: Store, now: datetime, areas: _Areas, holds: Sequence[str]) -> list[Heap]:
    terms = _by_place(catalog, holds)
    # On this machine, ad-hoc areas lie beside the zones; they end by disuse.
    if "dev" in holds or ("prod" in holds and not isinstance(store, S3)):
        terms |= dict.fromkeys(("adhoc/", f"{TRASH}/"), next(term for term in table(catalog) if term.prefix == "adhoc/"))
    found: dict[str, Heap] = {}
    for entry in store.list(""):
        top, _, rest = entry.key.partition("/")
        if _LOCK.fullmatch(entry.key):
            continue
        place = f"{top}/{rest.partition('/')[0]}" if top in ZONES else f"{top}/" if rest else top
        heap = found.get(place) or found.setdefault(place, Heap(place, terms.get(place), entry))
        heap.objects += 1
        heap.bytes += entry.bytes
        if layout.is_stray(entry.key):
            heap.strays += 1
            heap.stray = heap.stray or entry.key
        elif heap.term and top in (*AREAS, TRASH):
            areas.pass_by(entry.key)
        heap.oldest = min(heap.oldest, entry, key=lambda one: one.modified_ns)
        keep = heap.term.keep if heap.term else None
        if isinstance(keep, Duration) and now.timestamp() - entry.modified_ns / 1e9 > keep.length.total_seconds():
            heap.due += 1
            heap.due_bytes += entry.bytes
    return sorted(found.values(), key=lambda heap: heap.place)


def _by_place(catalog: Catalog, holds: Sequence[str]) -> dict[str, Term]:
    """The term of every place where something may lie."""
    places = {"any folder", *(BUCKETS[name] for name in holds)}
    terms = [term for term in table(catalog) if term.place in places and term.prefix is not None]
    by_rule = {(term.prefix, term.tags.get("lifecycle")): term for term in terms}
    found = {str(term.prefix): term for term in terms if not term.tags}
    for dataset in catalog:
        for zone in ZONES[1:] if "prod" in holds else ():
            name = dataset.deliveries if zone == "raw" else dataset.name
            found[f"{zone}/{name}"] = by_rule[f"{zone}/", layout.tags(dataset, zone)["lifecycle"]]
        if dataset.ingested and "landing" in holds:
            place = layout.landing(dataset)
            found[place] = by_rule.get((f"{place}/", None)) or by_rule[f"{layout.LANDING}/", None]
    return found


def _without_a_term(store: Store, heaps: Sequence[Heap], holds: Sequence[str]) -> Iterator[Violation]:
    zones = [zone for zone in ZONES if ("landing" if zone == layout.LANDING else "prod") in holds]
    for heap in heaps:
        in_zone = heap.place.split("/")[0] in zones
        # In a bucket the tags of an object say how long it is kept, whether or not its dataset is still declared.
        if heap.term is None and not (isinstance(store, S3) and in_zone):
            such = "of no dataset that is declared" if in_zone else "that no policy is about"
            told = f"{store.address(heap.place)}: {_objects(heap.objects)} {such}, as {heap.oldest.key}"
            yield Violation(told, "move them to where a policy is about them, or remove them: nothing ends them there")


def _strays(store: Store, heaps: Sequence[Heap]) -> Iterator[Violation]:
    for heap in heaps:
        if heap.strays and heap.term:
            told = f"{store.address(heap.place)}: {_objects(heap.strays)} that nothing of ours is called like, as {heap.stray}"
            yield Violation(told, "nobody reads them there: move them to an area of your own, or remove them")


def _look_at_tags(catalog: Catalog, store: S3, heaps: Sequence[Heap], found: Findings) -> None:
    known = {(term.prefix, term.tags["lifecycle"]) for term in table(catalog) if term.tags}
    # By tags go all zones but landing, where providers write.
    asked = [heap for heap in heaps if heap.place.split("/")[0] in ZONES[1:]]
    for heap, answer in zip(asked, store.each(lambda heap: bucket.tags(store, heap.oldest.key), asked), strict=True):
        if answer.code:
            found.unknown.append(f"the tags of {store.address(heap.oldest.key)}: {answer.told}")
            continue
        lifecycle = {tag["Key"]: tag["Value"] for tag in answer.found["TagSet"]}.get("lifecycle")
        if (f"{heap.place.split('/')[0]}/", lifecycle) not in known:
            said = f"its tag lifecycle={lifecycle} is of no class" if lifecycle else "it has no tag `lifecycle`"
            told = f"{store.address(heap.oldest.key)}: {said}, so no rule ends it"
            remedy = "state the class in policy.yaml until it has ended, or have its tags set by whoever may (PutObjectTagging)"
            found.violations.append(Violation(told, remedy))


def _look_at_rules(catalog: Catalog, store: S3, found: Findings, holds: Sequence[str]) -> None:
    """Whether the bucket ends what the policies say; rules about what is not ours are left alone."""
    answer = bucket.lifecycle(store)
    if answer.code:
        found.unknown.append(f"the rules of the bucket {store.bucket}: {answer.told}")
        return
    below = store.where.removeprefix(f"s3://{store.bucket}").strip("/")
    wanted = {rule.name: _said(rule.as_s3()) for rule in rules(catalog, *holds, below=below)}
    there = {rule.get("ID", ""): _said(rule) for rule in answer.found.get("Rules", ())}
    differing = sorted(name for name in wanted if there.get(name) != wanted[name])
    others = sorted(name for name, rule in there.items() if name not in wanted and rule["Prefix"].startswith(below))
    if differing or others:
        parts = [f"{len(differing)} of {len(wanted)} rules are missing or differ, as `{differing[0]}`" if differing else ""]
        parts += [f"{len(others)} are of no policy, as `{others[0]}`" if others else ""]
        told = f"the bucket {store.bucket}: " + "; ".join(filter(None, parts))
        asked = "".join(f" --bucket {name}" for name in holds)
        found.violations.append(Violation(told, f"have it set anew from `dataops export lifecycle{asked}`"))


def _said(rule: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule of S3's says, in whichever of the ways that S3 has for it."""
    chosen = rule.get("Filter", {})
    chosen = chosen.get("And", chosen)
    tags = chosen.get("Tags", [chosen["Tag"]] if "Tag" in chosen else [])
    said = {key: value for key, value in rule.items() if key != "Filter"}
    prefix = chosen.get("Prefix", rule.get("Prefix", ""))
    return {**said, "Prefix": prefix, "Tags": sorted((tag["Key"], tag["Value"]) for tag in tags)}
