"""What is most worth a look: refusals, what is missing, and the rules that were broken farthest.

Here: how findings are told and ranked. Not here: counting (`tally`), and what else a dataset is (`status`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.gate.rules import compile_rules
from dataops_assets.observe import awaited
from dataops_assets.observe.corrections import expired
from dataops_assets.observe.tally import Tally
from dataops_assets.steps.deriving import why_missing
from dataops_assets.storage.lake import Lake, name_of

Check = Literal["arrivals", "envelope", "content"]
_DAMAGED, _REFUSED, _MISSING, _EXPIRED, _ENDING = 3.0, 2.0, 1.0, 0.9, 0.8


@dataclass(frozen=True)
class Finding:
    """One thing that is worth a look.

    Attributes:
        dataset: Where.
        partition: In which part, or in the worst of several.
        told: What, in words.
        check: The check that has it.
        unmet: Whether the contract demands that it be otherwise.
        weight: How much it matters: the more, the sooner it is told.
    """

    dataset: Dataset
    partition: Partition
    told: str
    check: Check
    unmet: bool
    weight: float

    @property
    def page(self) -> str:
        """The page of its check in the Dagster UI, below the address of that."""
        zones: dict[Check, Zone] = {"arrivals": "landing", "envelope": "raw", "content": self.dataset.zone}
        zone = zones[self.check]
        name = self.dataset.deliveries if zone == "landing" else self.dataset.name
        return f"/assets/{zone}/{name}?view=checks&checkDetail={self.check}"


def findings(lake: Lake, counted: Iterable[tuple[Dataset, Tally]], now: datetime) -> list[Finding]:
    """Everything that is worth a look, the worst first; each rule of a dataset once, where it is broken worst."""
    found = [finding for dataset, tally in counted for finding in _of(lake, dataset, tally, now)]
    return sorted(found, key=lambda finding: (not finding.unmet, -finding.weight))


def _of(lake: Lake, dataset: Dataset, tally: Tally, now: datetime) -> Iterator[Finding]:
    for partition, damage in tally.damaged.items():
        yield Finding(dataset, partition, f"{name_of(dataset, partition)}: {damage}", "content", True, _DAMAGED)
    for partition, verdict in tally.refusals.items():
        stays = "" if partition in tally.missing else "; the version before stays published"
        told = f"{name_of(dataset, partition)} refused by its {verdict.gate} gate: {verdict.why}{stays}"
        yield Finding(dataset, partition, told, verdict.gate, True, _REFUSED)
    yield from _awaited(dataset, tally)
    if tally.unmade:
        why = why_missing(lake, dataset, tally.unmade[0], now)
        told = f"{name_of(dataset, None)}: {len(tally.unmade):,} of {tally.expected:,} partitions missing, the first: {why}"
        # What is made of something that is missing is missing for that reason.
        yield Finding(dataset, tally.unmade[0], told, "content", True, _MISSING if dataset.ingested else _MISSING / 2)
    for other in (lake.catalog[name] for name in dataset.upstream if not dataset.attributes.ends):
        if other.attributes.ends:
            told = f"{name_of(dataset, None)} reads {name_of(other, None)}, which is {lake.catalog.ending(other)}"
            yield Finding(dataset, None, told, "content", False, _ENDING)
    for correction in tally.expired:
        told = f"{name_of(dataset, correction.partition)}: {expired(correction)}"
        yield Finding(dataset, correction.partition, told, "content", False, _EXPIRED)
    rules = {rule.name: rule for rule in compile_rules(dataset)}
    for name, (partition, result) in tally.worst.items():
        if result.severity == "reject":
            rows = f"{result.broken:,} of {result.checked:,} rows"
            told = f"{name_of(dataset, partition)}: {rows} rejected by the rule that {result.sentence}"
            yield Finding(dataset, partition, told, "content", False, result.extent)
        elif name in tally.warnings:
            others = len(tally.warnings[name]) - 1
            more = f" ({others} more {'partition' if others == 1 else 'partitions'})" if others else ""
            told = f"{name_of(dataset, partition)}: {result.sentence}, but {result.found}{more}"
            check: Check = "content" if name in rules else "envelope"
            allowed = rules[name].tolerance if name in rules and result.measured is None else 0.0
            yield Finding(dataset, partition, told, check, False, result.extent - allowed)


def _awaited(dataset: Dataset, tally: Tally) -> Iterator[Finding]:
    what = "; ".join(awaited.sentences(dataset, tally.awaited))
    if dataset.ingested and what:
        missing = tally.awaited.partitions
        count = f"{len(missing):,} of {tally.expected:,} partitions{':' * tally.awaited.of_both} " if missing else ""
        who = f"{dataset.attributes.owner} owns it, {dataset.ingested.source.provider} delivers it"
        told = f"{name_of(dataset, None)}: {count}{what}; {who}"
        yield Finding(dataset, missing[0] if missing else None, told, "arrivals", True, _MISSING)
