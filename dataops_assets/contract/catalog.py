"""All datasets together: what is made from what, and the rules that hold between them."""

import graphlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from dataops_assets.contract.dataset import Dataset
from dataops_assets.contract.duration import Duration
from dataops_assets.contract.erasure import Erasure
from dataops_assets.contract.errors import Problem, choose
from dataops_assets.contract.model import DerivedAttributes
from dataops_assets.contract.parse import Document, Path
from dataops_assets.contract.partitions import Partition, Partitions
from dataops_assets.contract.policy import TOLD, Policy, Zone
from dataops_assets.contract.retention import Retention
from dataops_assets.contract.schema import tells_days

_LONGEST_TAG = 256
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class Catalog:
    """The policy and every dataset, by name.

    Args:
        policy: What datasets refer to by name.
        datasets: Every dataset once.
        source: The policy as it was written, for whoever asks where something is stated.
        erasures: Every request that data goes for good.
    """

    def __init__(self, policy: Policy, datasets: Iterable[Dataset], source: Document, erasures: Iterable[Erasure] = ()):
        self.policy = policy
        self.source = source
        self.erasures = tuple(erasures)
        self.datasets = {dataset.name: dataset for dataset in datasets}

    def __getitem__(self, name: str) -> Dataset:
        return self.datasets[name]

    def __iter__(self) -> Iterator[Dataset]:
        return iter(self.datasets.values())

    @cached_property
    def in_order(self) -> list[Dataset]:
        """Every dataset after the ones that it reads.

        Raises:
            graphlib.CycleError: Two datasets are made from each other; `problems` tells it with file and line.
        """
        graph = {dataset.name: sorted(set(dataset.upstream) & set(self.datasets)) for dataset in self}
        return [self[name] for name in graphlib.TopologicalSorter(graph).static_order()]

    def keep(self, dataset: Dataset, zone: Zone) -> Duration:
        """How long a partition of the dataset is kept in the zone."""
        return self.retention(dataset, zone).keep

    def retention(self, dataset: Dataset, zone: Zone) -> Retention:
        """How long a partition of the dataset is kept in the zone, and where."""
        choice = dataset.attributes.lifecycle
        return choice.overrides.get(zone) or self.policy.lifecycles[choice.name].retention(zone)

    def ending(self, dataset: Dataset) -> str:
        """Until when a dataset is made, or was, and what to read in its place, in words; empty if it has no end."""
        ends = dataset.attributes.ends
        return f"made until {ends.after}: read {self[ends.instead].zone}/{ends.instead} in its place" if ends else ""

    def sharing(self, dataset: Dataset) -> list[Dataset]:
        """The datasets that are made from the same deliveries, itself among them; none of one that is made here."""
        return self._by_deliveries[dataset.deliveries] if dataset.ingested else []

    @cached_property
    def _by_deliveries(self) -> dict[str, list[Dataset]]:
        found: dict[str, list[Dataset]] = {}
        for dataset in self:
            if dataset.ingested:
                found.setdefault(dataset.deliveries, []).append(dataset)
        return found

    def erasures_of(self, dataset: Dataset) -> list[Erasure]:
        """The requests that are about a dataset's deliveries, in the order of the file."""
        sharing = {other.name for other in self.sharing(dataset)}
        return [erasure for erasure in self.erasures if erasure.attributes.dataset in sharing]

    def readers_of(self, dataset: Dataset) -> list[Dataset]:
        """The datasets that read this one."""
        return [other for other in self if dataset.name in other.upstream]

    def problems(self) -> list[Problem]:
        """Every mistake between the datasets and the policy, and among the datasets."""
        # What else is wrong with a dataset in which something stands twice may follow from that.
        found = [problem for dataset in self for problem in ([*_repeated(dataset)] or self._problems_of(dataset))]
        try:
            _ = self.in_order
        except graphlib.CycleError as error:
            circle: list[str] = error.args[1]
            reader = self[circle[1]]
            path: Path = ("inputs",) if circle[0] in (reader.derived.inputs if reader.derived else ()) else ("references",)
            found.append(reader.problem(path, f"made from itself: {' → '.join(circle)}", f"remove one of these {path[0]}"))
        return found

    def _problems_of(self, dataset: Dataset) -> Iterator[Problem]:
        yield from self._names(dataset)
        yield from self._columns(dataset)
        yield from self._since(dataset)
        yield from self._exceptions(dataset)
        yield from _astray(dataset)
        yield from self._lifecycle(dataset)
        yield from self._versions(dataset)
        if dataset.derived:
            yield from self._inputs(dataset, dataset.derived)

    def _names(self, dataset: Dataset) -> Iterator[Problem]:
        attributes, policy = dataset.attributes, self.policy
        named: list[tuple[Path, str, Iterable[str], str]] = [
            (("owner",), attributes.owner, policy.owners, "owner"),
            (("classification",), attributes.classification, policy.classifications, "classification"),
            (("lifecycle", "class"), attributes.lifecycle.name, policy.lifecycles, "lifecycle class"),
            *((("readers", i), reader, policy.readers, "reader group") for i, reader in enumerate(attributes.readers)),
        ]
        for path, name, known, kind in named:
            if name not in known:
                yield dataset.problem(path, f"unknown {kind} `{name}`", choose(name, known) + " (or name it in policy.yaml)")
        if len("+".join(attributes.readers)) > _LONGEST_TAG:
            message = f"the names of its {len(attributes.readers)} readers are longer than the tag of an object, {_LONGEST_TAG}"
            yield dataset.problem(("readers",), message, "name one group in policy.yaml for several of them")
        for i, reference in enumerate(attributes.references):
            path = ("references", i)
            if reference.dataset not in self.datasets:
                remedy = choose(reference.dataset, self.datasets)
                yield dataset.problem((*path, "dataset"), f"reference to the unknown dataset `{reference.dataset}`", remedy)
                continue
            other = self[reference.dataset]
            to = reference.to or other.attributes.key
            for column in reference.to or ():
                if column not in other.schema.columns:
                    message = f"reference to the unknown column `{column}` of `{other.name}`"
                    yield dataset.problem((*path, "to"), message, choose(column, other.schema.columns))
            for here, there in zip(reference.columns, to, strict=False):
                types = [found.schema.columns.get(name) for found, name in ((dataset, here), (other, there))]
                if types[0] and types[1] and types[0].dtype != types[1].dtype:
                    message = f"`{here}` is {types[0].dtype}, but `{there}` of `{other.name}` is {types[1].dtype}"
                    yield dataset.problem((*path, "columns"), message, "give both the same type in schema.py")
            if len(to) != len(reference.columns):
                message = f"{len(reference.columns)} columns refer to {len(to)} of `{other.name}`"
                yield dataset.problem((*path, "columns"), message, f"name one column for each of {', '.join(to)}")
            if dataset.ingested and other.derived:
                message = f"reference to `{other.name}`, which is curated: data flows from staged to curated only"
                yield dataset.problem((*path, "dataset"), message, "refer to a delivered dataset")
            if other.partitions:
                message = f"reference to `{other.name}`, which has partitions"
                yield dataset.problem((*path, "dataset"), message, "refer to a dataset without partitions")

    def _columns(self, dataset: Dataset) -> Iterator[Problem]:
        attributes, columns = dataset.attributes, dataset.schema.columns
        named: list[tuple[Path, str]] = [(("key", i), column) for i, column in enumerate(attributes.key)]
        for i, reference in enumerate(attributes.references):
            named += [(("references", i, "columns", j), column) for j, column in enumerate(reference.columns)]
        if dataset.derived and (chart := dataset.derived.chart):
            named += [(("chart", "x"), chart.x), (("chart", "y"), chart.y)]
        for path, column in named:
            if path == ("chart", "y") and column in columns and not columns[column].dtype.is_numeric():
                yield dataset.problem(path, f"column `{column}` is no number", "draw a column that is")
            if column not in columns:
                yield dataset.problem(path, f"column `{column}` is not in the schema", choose(column, columns))
        for i, column in enumerate(attributes.key):
            if column in columns and columns[column].nullable:
                remedy = "make it not nullable in schema.py, or choose another key"
                yield dataset.problem(("key", i), f"key column `{column}` may be without a value", remedy)
            if column in columns and columns[column].dtype.is_float():
                # Two that were delivered as different numbers may be read as one.
                remedy = "make it a whole number or a pl.Decimal in schema.py, or choose another key"
                yield dataset.problem(("key", i), f"key column `{column}` is a float, which is rounded when it is read", remedy)
        if attributes.partitions:
            every, telling, delivered = attributes.partitions.every, attributes.partitions.columns, dataset.delivered.columns
            for i, column in enumerate(telling):
                dtype = delivered[column].dtype if column in delivered else None
                if dtype is None:
                    message = f"column `{column}` is not delivered"
                    yield dataset.problem(("partitions", "columns", i), message, choose(column, delivered))
                elif len(telling) == 1 and every != "year" and not tells_days(dtype):
                    message = f"column `{column}` is {dtype}, which begins with no {every}"
                    yield dataset.problem(("partitions", "columns", i), message, "name one of dates, of moments or of text")
            hive = attributes.partitions.hive_name
            for name in (name for name in columns if name.lower() == hive):  # which DuckDB does not tell apart
                message = f"column `{name}` collides with the partition of that name in storage"
                yield dataset.problem(("partitions",), message, f"rename the column in schema.py, for instance to `{name}_`")

    def _since(self, dataset: Dataset) -> Iterator[Problem]:
        """The columns that were not always delivered."""
        delivered, partitions = dataset.delivered.columns, dataset.partitions
        for column, first in dataset.ingested.source.since.items() if dataset.ingested else ():
            path: Path = ("source", "since", column)
            if column not in delivered:
                yield dataset.problem(path, f"column `{column}` is not delivered", choose(column, delivered))
            elif not delivered[column].nullable:
                message = f"column `{column}` cannot be missing before {first}, since it is never without a value"
                yield dataset.problem(path, message, "make it nullable in schema.py; where the two differ, in `Delivered`")
            if not partitions:
                remedy = "take it out: the next delivery has the column for every row"
                yield dataset.problem(path, "this dataset has no partitions", remedy)
            elif not partitions.contains(first, _END_OF_TIME):
                remedy = _padded(partitions, first) or "name the first one that the provider delivers the column with"
                yield dataset.problem(path, f"`{first}` is no partition of this dataset", remedy)

    def _exceptions(self, dataset: Dataset) -> Iterator[Problem]:
        """Gaps, and what is accepted."""
        partitions, ingested = dataset.partitions, dataset.ingested
        named: list[tuple[Path, Partition]] = [
            (("gaps", i), gap.partition) for i, gap in enumerate(ingested.gaps if ingested else ())
        ]
        for i, one in enumerate(dataset.attributes.accepted):
            path: Path = ("accepted", i)
            if one.partition:
                named.append((path, one.partition))
            elif partitions:
                yield dataset.problem(path, "`partition` is missing", "name the partition that is accepted")
            if one.delivery and dataset.derived:
                yield dataset.problem(
                    (*path, "delivery"), "the dataset is made here, not delivered", "name the partition alone"
                )
        for path, key in named:
            if not (partitions and key and partitions.contains(key, _END_OF_TIME)):
                message = f"`{key}` is no partition of this dataset"
                remedy = _padded(partitions, key) or "name one between the first and the last partition"
                yield dataset.problem((*path, "partition"), message, remedy)

    def _versions(self, dataset: Dataset) -> Iterator[Problem]:
        """Between a dataset and the one that takes its place, or whose deliveries it shares."""
        if ends := dataset.attributes.ends:
            path: Path = ("ends", "instead")
            others = [name for name in self.datasets if name != dataset.name]
            if ends.instead == dataset.name:
                yield dataset.problem(path, f"`{dataset.name}` cannot take its own place", choose("", others))
            elif ends.instead not in self.datasets:
                yield dataset.problem(path, f"unknown dataset `{ends.instead}`", choose(ends.instead, others))
            elif later := self[ends.instead].attributes.ends:
                message = f"`{ends.instead}` has an end of its own, {later.after}"
                yield dataset.problem(path, message, f"name what takes the place of that: `{later.instead}`")
        if dataset.ingested:
            whose, first = self.datasets.get(dataset.deliveries), self.sharing(dataset)[0]
            if whose and whose.derived:
                message = f"`{whose.name}` is made here, not delivered"
                delivered = [other.name for other in self if other.ingested]
                yield dataset.problem(("source", "deliveries"), message, choose(whose.name, delivered))
            elif whose and whose.deliveries != whose.name:
                message = f"`{whose.name}` is made from the deliveries of another dataset itself"
                yield dataset.problem(("source", "deliveries"), message, f"name that: `{whose.deliveries}`")
            here, there = _shared(self, dataset), _shared(self, first)
            for path in (path for path in here if here[path] != there[path]):
                named = "`" + ".".join(map(str, path)) + "`"
                message = f"shares its deliveries with `{first.name}`, but {named} differs: {there[path]} there"
                yield dataset.problem(path, message, "say the same in both: the files are dropped and kept once")

    def _lifecycle(self, dataset: Dataset) -> Iterator[Problem]:
        if dataset.attributes.lifecycle.name not in self.policy.lifecycles:
            return
        if dataset.ingested:
            raw = self.keep(dataset, "raw")
            if self.keep(dataset, "landing").length > raw.length:
                message = f"landing is kept for {self.keep(dataset, 'landing')}, longer than raw ({raw})"
                yield dataset.problem(("lifecycle",), message, "raw holds every delivery: shorten landing")
        for teller, zones in TOLD.items():
            for zone in (zone for zone in zones if zone in dataset.attributes.lifecycle.overrides):
                if why := self.policy.told_too_short(teller, zone, self.keep(dataset, zone)):
                    remedy = f"shorten {zone}, or keep `{teller}` in policy.yaml at least as long"
                    yield dataset.problem(("lifecycle", zone), why, remedy)
        kept: tuple[Zone, ...] = ("staged", "quarantine") if dataset.ingested else ("curated", "quarantine")
        for source in self._ingested_sources(dataset):
            if source.attributes.lifecycle.name not in self.policy.lifecycles:
                continue
            raw = self.keep(source, "raw")
            named = "raw" if source is dataset else f"raw `{source.name}`"
            for zone in kept:
                if self.keep(dataset, zone).length > raw.length:
                    message = f"{named} ends after {raw}, before {zone} ({self.keep(dataset, zone)}), which is rebuilt from it"
                    yield dataset.problem(("lifecycle",), message, f"keep {named} at least as long, or shorten {zone}")

    def _inputs(self, dataset: Dataset, derived: DerivedAttributes) -> Iterator[Problem]:
        if dataset.partitions:
            yield from self._other_zones(dataset, dataset.partitions.timezone, derived)
        for i, name in enumerate(derived.inputs):
            path = ("inputs", i)
            if name not in self.datasets:
                yield dataset.problem(path, f"unknown input `{name}`", choose(name, self.datasets))
                continue
            other = self[name]
            wider = sorted(set(dataset.attributes.readers) - set(other.attributes.readers))
            misspelt = not self.policy.readers.keys() >= {*dataset.attributes.readers, *other.attributes.readers}
            if wider and not misspelt and not derived.declassified:
                message = f"readers are wider than those of the input `{name}`: {', '.join(wider)}"
                yield dataset.problem(("readers",), message, "remove them, or say `declassified: <reason>`")
            classes = (dataset.attributes.classification, other.attributes.classification)
            known = all(name in self.policy.classifications for name in classes)
            if known and not derived.declassified and self.policy.rank(classes[0]) < self.policy.rank(classes[1]):
                message = f"classification `{classes[0]}` is lower than `{classes[1]}` of the input `{name}`"
                yield dataset.problem(("classification",), message, f"use `{classes[1]}`, or say `declassified: <reason>`")
            # Those who read what has an end move to the one that takes its place in their own time, and wait if they do not.
            if dataset.partitions and (there := other.attributes.partitions):
                yield from self._beyond(dataset, dataset.partitions, name, there)
            if other.partitions and other.attributes.lifecycle.name in self.policy.lifecycles:
                yield from self._ends_too_soon(dataset, other, other.partitions)

    def _other_zones(self, dataset: Dataset, here: str, derived: DerivedAttributes) -> Iterator[Problem]:
        """Inputs whose days begin at other moments than those of the dataset, or than each other's."""
        inputs = [(name, self[name].partitions) for name in derived.inputs if name in self.datasets]
        zones = {name: partitions.timezone for name, partitions in inputs if partitions}
        name, there = next(iter(zones.items()), ("", here))
        if len(set(zones.values())) > 1:
            told = ", ".join(f"`{one}` in {zone}" for one, zone in zones.items())
            message = f"the time zones of its inputs differ from each other: {told}"
            yield dataset.problem(("inputs",), message, "give all of them, and this dataset, the same `timezone`")
        elif there != here:
            message = f"time zone {here} differs from {there} of the input `{name}`"
            yield dataset.problem(("partitions",), message, f"write `timezone: {there}`")

    def _ends_too_soon(self, dataset: Dataset, other: Dataset, partitions: Partitions) -> Iterator[Problem]:
        """The first part of what one partition is made from must still be there when the last one comes."""
        keep = self.keep(other, other.zone)
        needed = dataset.partitions.span if dataset.partitions else partitions.span_of_all
        if keep.length < needed:
            part = f"{needed.days} days of it" if needed < timedelta.max else "all of it, and more will come"
            message = f"{other.zone} `{other.name}` ends after {keep}, but a partition is made from {part}"
            yield dataset.problem(("inputs",), message, f"keep {other.zone} `{other.name}` longer, or make shorter partitions")

    def _beyond(self, dataset: Dataset, here: Partitions, name: str, there: Partitions) -> Iterator[Problem]:
        """Partitions that overlap none of an input: they would be made of nothing, and empty."""
        first, last = here.key_of(there.first), there.last
        if here.key_of(here.first) < first:
            message = f"starts before its input `{name}`, whose first partition is {there.key_of(there.first)}"
            yield dataset.problem(("partitions", "start"), message, f"write `start: {first}`")
        if last and (here.last is None or there.key_of(here.last) > there.key_of(last)):
            message = f"goes on after its input `{name}`, whose last partition is {there.key_of(last)}"
            path: Path = ("partitions", "end") if here.last else ("partitions",)
            yield dataset.problem(path, message, f"write an `end` that is not after {there.key_of(last)}")

    def _ingested_sources(self, dataset: Dataset, seen: frozenset[str] = frozenset()) -> list[Dataset]:
        """Every delivered dataset that this one is made from, however indirectly."""
        if dataset.ingested:
            return [dataset]
        inputs = [name for name in dataset.upstream if name in self.datasets and name not in seen]
        found = [source for name in inputs for source in self._ingested_sources(self[name], seen | {dataset.name})]
        return list({source.name: source for source in found}.values())


def _astray(dataset: Dataset) -> Iterator[Problem]:
    """A pattern of files that begins at the landing folder, and is looked for inside of it."""
    if dataset.ingested and dataset.ingested.source.files.startswith(way := f"landing/{dataset.deliveries}/"):
        message = f"`{dataset.ingested.source.files}` would be waited for below `{way}`"
        yield dataset.problem(("source", "files"), message, f"leave out `{way}`")


def _padded(partitions: Partitions | None, key: Partition) -> str:
    """The remedy for a key in which zeros are left out; empty if they are not."""
    meant = "-".join(part.zfill(2) for part in (key or "").split("-"))
    return f"write `{meant}`" if partitions and partitions.contains(meant, _END_OF_TIME) else ""


def _shared(catalog: Catalog, dataset: Dataset) -> dict[Path, Any]:
    """What is about the files that were delivered, and not about what is read from them."""
    assert dataset.ingested
    attributes, source, policy = dataset.attributes, dataset.ingested.source, catalog.policy
    zones: tuple[Zone, ...] = ("landing", "raw") if attributes.lifecycle.name in policy.lifecycles else ()
    return {
        ("source", "provider"): source.provider,
        ("source", "files"): source.files,
        ("source", "complete"): source.complete,
        ("partitions", "every"): attributes.partitions and attributes.partitions.every,
        ("partitions", "timezone"): attributes.partitions and attributes.partitions.timezone,
        ("readers",): sorted(attributes.readers),
        ("classification",): attributes.classification,
        **{("lifecycle", zone): str(catalog.retention(dataset, zone)) for zone in zones},
    }


def _repeated(dataset: Dataset) -> Iterator[Problem]:
    """What stands twice where each is named once."""
    attributes, ingested, derived = dataset.attributes, dataset.ingested, dataset.derived
    listed: dict[str, Iterable[Partition]] = {
        "key": attributes.key,
        "readers": attributes.readers,
        "inputs": derived.inputs if derived else (),
        "gaps": (gap.partition for gap in ingested.gaps) if ingested else (),
    }
    for field, names in listed.items():
        seen = set[Partition]()
        for i, name in enumerate(names):
            if name in seen:
                yield dataset.problem((field, i), f"`{name}` stands twice in `{field}`", "remove it once")
            seen.add(name)
