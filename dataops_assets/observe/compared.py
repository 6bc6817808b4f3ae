"""What changes for anybody between two versions of the policies and contracts.

Each request of each side is decided by the evaluator, once for all datasets about which no policy of either side tells anything
apart, and not at all where nothing that decides about it differs. What no request is an example of is told by the text
(`written`). What lies where a dataset is declared no more is asked about on both sides, since it is still there. What messages
and the UI show of a dataset follows from its classification alone. Not here: which requests there are (`access`), and what
others than AWS's policies decide (`beside`, `cluster`).
"""

from collections.abc import Iterable, Iterator, Mapping

from dataops_assets.contract import Catalog
from dataops_assets.observe import written
from dataops_assets.observe.access import (
    UNCLEAR,
    Context,
    Difference,
    Grant,
    Place,
    beside_datasets,
    bucket_of,
    callers,
    each_way,
    is_reader,
    key_of,
    missing,
    of_dataset,
    ways,
)
from dataops_assets.observe.written import Example, Examples
from dataops_assets.policy.access import Access, Caller
from dataops_assets.policy.actions import ACTIONS
from dataops_assets.policy.keys import read_context
from dataops_assets.policy.language import Policy
from dataops_assets.policy.pattern import Arn, at_most, has_variable

_Rows = Mapping[tuple[str, str], Context]
"""What somebody may do in a place: the action and the way, empty for any usual one, and what the request says."""
_Class = tuple[object, ...]
"""What is the same of places about which every policy decides alike."""


def difference(before: tuple[Access, Catalog], after: tuple[Access, Catalog]) -> Difference:
    """What changes for anybody, by the policies and contracts of two versions.

    Raises:
        Refused: A policy of one of them is not understood.
    """
    patterns = _patterns([before[0], after[0]])
    was, now = _Side(*before, patterns), _Side(*after, patterns)
    left = now.keep(was)
    gained, lost = list[Grant](), list[Grant]()
    widening, narrowing = list[Example](), list[Example]()
    for widens, grants, examples in _changes(was, now):
        (gained if widens else lost).extend(grants)
        (widening if widens else narrowing).extend(examples)
    for widens, grant in _classified(before[1], after[1]):
        (gained if widens else lost).append(grant)
    told = written.difference(
        was.access,
        now.access,
        Examples(widening, now.tags - was.tags, was.arns()),
        Examples(narrowing, was.tags - now.tags, now.arns()),
    )
    known = {"", *was.catalog.datasets}
    new = {grant for grant in gained if grant.dataset not in known and is_reader(now.catalog[grant.dataset], grant.who)}
    return Difference(
        gained=tuple(sorted([*(grant for grant in gained if grant not in new), *told.gained])),
        lost=tuple(sorted([*lost, *told.lost])),
        new=tuple(sorted(new)),
        left=tuple(sorted(_readable(now, left))),
    )


def _readable(side: "_Side", places: Iterable[Place]) -> Iterator[Grant]:
    for caller in side.callers.values():
        for place in places:
            for action, way in side.rows(caller, place, side.datasets[place.name][1]):
                if not way and (word := ACTIONS[place.kind][action]) == "read":
                    yield Grant(caller.name, place.name, word, action, place.dataset or "")


def _classified(before: Catalog, after: Catalog) -> Iterator[tuple[bool, Grant]]:
    """Datasets of another classification, each with whether it is lower: values are shown of public data alone.

    The order is that of policy.yaml now, or before if it does not have both; where neither has, it counts as lower.
    """
    for now in after:
        was = before.datasets.get(now.name)
        if was is None or was.attributes.classification == now.attributes.classification:
            continue
        here, there = was.attributes.classification, now.attributes.classification
        policy = next((one for one in (after.policy, before.policy) if {here, there} <= one.classifications.keys()), None)
        shows = was.is_public != now.is_public
        lower = now.is_public if shows else policy is None or policy.rank(there) < policy.rank(here)
        word = "read" if shows else UNCLEAR
        yield lower, Grant("everybody who sees the UI", f"values of {now.name}", word, f"{there}, {here} before", now.name)


class _Side:
    """One version: everybody, and where datasets lie, each place with the class that it is of."""

    def __init__(self, access: Access, catalog: Catalog, patterns: list[Arn]) -> None:
        self.access, self.catalog, self._patterns = access, catalog, patterns
        self._at_most = [at_most((pattern,)) for pattern in patterns]
        self.callers = {one.name: one for one in callers(access)}
        found = [place for dataset in catalog for place in of_dataset(access, dataset)]
        self.datasets = {place.name: (place, self._class(place)) for place in found}
        self.tags = {tag for place in found for tag in place.tags.items()}
        self._asks, self._rows = "", dict[_Class, _Rows]()

    def keep(self, before: "_Side") -> list[Place]:
        """Count in what lies where a dataset is declared no more, or elsewhere: it has its tags until a rule ends it."""
        left = [place for name, (place, _) in before.datasets.items() if name not in self.datasets]
        self.datasets |= {place.name: (place, self._class(place)) for place in left}
        self.tags |= {tag for place in left for tag in place.tags.items()}
        return left

    def arns(self) -> list[str]:
        """What there is: one place of each class, and all that are of no dataset."""
        beside = (place for caller in self.callers.values() for place in beside_datasets(self.access, caller))
        of_datasets = {known: place for place, known in self.datasets.values()}.values()
        return list(dict.fromkeys(place.arn for place in (*of_datasets, *beside)))

    def _class(self, place: Place) -> _Class:
        matching = [number for number, each in enumerate(self._at_most) if each.fullmatch(place.arn)]
        itself = place.arn if any(has_variable(self._patterns[number]) for number in matching) else ""
        return (place.kind, bucket_of(place), *matching, itself, *sorted(place.tags.items()))

    def rows(self, caller: Caller, place: Place, known: _Class) -> _Rows:
        """What somebody may do in a place: for as long as the same one asks, decided once for a class."""
        if self._asks != caller.name:
            self._asks, self._rows = caller.name, {}
        if known not in self._rows:
            self._rows[known] = dict(_rows(self.access, caller, place))
        return self._rows[known]

    def decides(self, place: Place) -> tuple[object, ...]:
        """What decides about a place beside who asks."""
        itself = self.access.keys.get(place.arn) or next((one for one in self.access.roles if one.arn == place.arn), None)
        return self.access.buckets.get(bucket_of(place)), key_of(self.access, place), itself


def _rows(access: Access, caller: Caller, place: Place) -> Iterator[tuple[tuple[str, str], Context]]:
    for action in ACTIONS[place.kind]:
        if not access.names(caller, action, place.arn):
            continue
        let = {
            way: said for way, said in each_way(action, place).items() if access.may(caller, action, place.arn, said).allowed
        }
        if not let or missing(access, caller, action, place):
            continue
        if usual := [way for way in ways(action, place) if way in let]:
            yield (action, ""), let[usual[0]]
        yield from (((action, way), said) for way, said in let.items() if way)


_Placed = tuple[Place, _Class] | None
"""A place of one side; None if it has none of that name."""
_Pairs = list[tuple[_Placed, _Placed]]
"""The same place on both sides, together with those about which both decide alike."""


def _changes(was: _Side, now: _Side) -> Iterator[tuple[bool, list[Grant], list[Example]]]:
    """What differs: each with whether it widens, who may what where, and the requests that are examples of it."""
    unchanged = dict[str, bool]()

    def is_unchanged(pairs: _Pairs) -> bool:
        one, two = pairs[0]
        if one is None or two is None or one[1] != two[1]:
            return False
        if one[0].arn not in unchanged:
            unchanged[one[0].arn] = was.decides(one[0]) == now.decides(two[0])
        return unchanged[one[0].arn]

    of_datasets = [(pairs, is_unchanged(pairs)) for pairs in _together(was.datasets, now.datasets)]
    for name in sorted(was.callers.keys() | now.callers.keys()):
        old, new = was.callers.get(name), now.callers.get(name)
        asks = [caller for caller in (old or new, new or old) if caller]
        places = (beside_datasets(side.access, caller) for side, caller in zip((was, now), asks, strict=True))
        beside = _together(*({place.name: (place, (place.arn,)) for place in each} for each in places))
        same = old is not None and new is not None and _alike(old, new)
        for pairs, as_before in [*of_datasets, *((pairs, is_unchanged(pairs)) for pairs in beside)]:
            if not (same and as_before):
                first, second = pairs[0]
                could = was.rows(old, *first) if old and first else {}
                may = now.rows(new, *second) if new and second else {}
                if new:
                    yield (True, *_beyond(new, may, could, [two for _, two in pairs], first is not None))
                if old:
                    yield (False, *_beyond(old, could, may, [one for one, _ in pairs], second is not None))


def _together(before: Mapping[str, tuple[Place, _Class]], after: Mapping[str, tuple[Place, _Class]]) -> list[_Pairs]:
    found: dict[object, _Pairs] = {}
    for name in sorted(before.keys() | after.keys()):
        one, two = before.get(name), after.get(name)
        found.setdefault((one and one[1], two and two[1]), []).append((one, two))
    return list(found.values())


def _beyond(
    caller: Caller, rows: _Rows, others: _Rows, placed: list[_Placed], there: bool
) -> tuple[list[Grant], list[Example]]:
    """What somebody may do on one side and not on the other, where the other has the same places or has them not."""
    places = [one[0] for one in placed if one]
    grants, examples = list[Grant](), list[Example]()
    for (action, way), said in rows.items():
        if (action, way) not in others:
            word, asked = ACTIONS[places[0].kind][action], f"{action} {way}".rstrip()
            grants += [Grant(caller.name, place.name, word, asked, place.dataset or "") for place in places]
            context = read_context({**caller.context, **said})
            examples.append(Example(caller, action, places[0].arn, context, alone=not there))
    return grants, examples


def _alike(one: Caller, other: Caller) -> bool:
    """Whether two callers have the same rights."""
    return (one.principal, one.context, *_own(one)) == (other.principal, other.context, *_own(other))


def _own(caller: Caller) -> tuple[Policy | None, ...]:
    return (*caller.role.policies, caller.role.boundary) if caller.role else ()


def _patterns(sides: Iterable[Access]) -> list[Arn]:
    """Every resource that a policy names."""
    policies: list[Policy | None] = []
    for access in sides:
        policies += [policy for role in access.roles for policy in (*role.policies, role.boundary)]
        policies += [one.policy for one in (*access.buckets.values(), *access.keys.values())]
    return list({pattern: None for one in policies if one for statement in one.statements for pattern in statement.resources})
