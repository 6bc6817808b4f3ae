"""Counts over the partitions of a dataset, from its verdicts: what came in, what was published, what was found."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from dataops_assets.contract import Correction, Dataset, Partition
from dataops_assets.gate.verdict import Gate, RuleResult, Verdict
from dataops_assets.observe.awaited import Awaited, awaited
from dataops_assets.steps.pending import partitions_of, pending, zones_written
from dataops_assets.storage.deliveries import GAP
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.provenance import Provenance


@dataclass
class Tally:
    """Counts over some partitions of one dataset.

    Attributes:
        expected: Partitions that should be there by now, and those that are.
        published: Partitions that are.
        gaps: Partitions that are published empty, as they are declared to stay.
        missing: Expected partitions that are not published, in order.
        damaged: Partitions of which nothing can be told, because a record is damaged; and which one.
        good: Rows that are published.
        delivered_in_refused: Rows of deliveries that the content gate refused; they are among those that were delivered.
        good_before_refused: Rows that are published although a newer delivery was refused; they are among the good ones.
        delivered, rejected, merged, normalised, corrected, added, dropped: Rows, by the newest content verdicts.
        passed, warned, refused: Gates by their newest verdict; one that warned has passed, too.
        refusals: The newest verdicts that refused, by partition.
        accepted: The partitions that are unlike those before them and right all the same, and why.
        broken: Rows that broke each rule.
        rejecting, tolerated: Those of them that were rejected for it, and that the contract tolerates; as it was when they were
            judged, since a rule in shadow rejects none.
        warnings: The partitions in which each rule warned.
        worst: By rule, the partition in which it was broken worst, and what was found there.
        pending: The partitions of which something is new, but not run yet; known only where all were counted.
        expired: The corrections that have expired; known only where all were counted.
        awaited: The missing partitions that were never delivered; known only where all were counted.
    """

    expected: int = 0
    published: int = 0
    gaps: int = 0
    missing: list[Partition] = field(default_factory=list)
    damaged: dict[Partition, str] = field(default_factory=dict)
    delivered: int = 0
    good: int = 0
    delivered_in_refused: int = 0
    good_before_refused: int = 0
    rejected: int = 0
    merged: int = 0
    normalised: int = 0
    corrected: int = 0
    added: int = 0
    dropped: int = 0
    passed: int = 0
    warned: int = 0
    refused: int = 0
    refusals: dict[Partition, Verdict] = field(default_factory=dict)
    accepted: dict[Partition, str] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)
    rejecting: Counter[str] = field(default_factory=Counter)
    tolerated: Counter[str] = field(default_factory=Counter)
    warnings: dict[str, list[Partition]] = field(default_factory=lambda: defaultdict(list))
    worst: dict[str, tuple[Partition, RuleResult]] = field(default_factory=dict)
    pending: set[Partition] = field(default_factory=set)
    expired: list[Correction] = field(default_factory=list)
    awaited: Awaited = field(default_factory=Awaited)

    @property
    def absent(self) -> list[Partition]:
        """What is missing without having been refused."""
        return [partition for partition in self.missing if partition not in self.refusals]

    @property
    def is_old(self) -> bool:
        """Whether a newer delivery of a table is due."""
        return self.awaited.old_since is not None

    @property
    def unmade(self) -> list[Partition]:
        """What is absent although what it is made from may be there."""
        never_came = set(self.awaited.partitions)
        return [partition for partition in self.absent if partition not in never_came]


def tally(lake: Lake, dataset: Dataset, partitions: Iterable[Partition], now: datetime) -> Tally:
    """Count over partitions of a dataset; one that is not there, because it is not due yet or has expired, is not expected."""
    found = Tally()
    gates: tuple[Gate, ...] = ("envelope", "content") if dataset.ingested else ("content",)

    def look(partition: Partition) -> tuple[Provenance | None, list[Verdict | None]] | Damaged:
        try:
            return lake.published(dataset, partition), [lake.last_word(gate, dataset, partition) for gate in gates]
        except Damaged as error:
            return error

    wanted = list(partitions)
    for partition, seen in zip(wanted, lake.store.each(look, wanted), strict=True):
        if isinstance(seen, Damaged):
            found.expected += 1
            found.damaged[partition] = str(seen)
            continue
        published, words = seen
        if published is None and partition and dataset.deadline(partition) > now:
            continue
        if published is None and lake.has_expired(dataset.zone, dataset, partition, now):
            continue
        found.expected += 1
        if published is None:
            found.missing.append(partition)
        else:
            found.published += 1
            found.good += published.rows
            found.good_before_refused += published.rows if any(said and not said.passed for said in words) else 0
            found.gaps += published.depends_on.get("delivery") == GAP
        for said in filter(None, words):
            _count(found, said)
    return found


def _count(found: Tally, verdict: Verdict) -> None:
    if verdict.passed:
        found.passed += 1
    else:
        found.refused += 1
        found.refusals[verdict.partition] = verdict
    found.warned += bool(verdict.passed and verdict.warnings)
    if verdict.accepted:
        found.accepted[verdict.partition] = verdict.accepted
    for result in verdict.warnings:
        found.warnings[result.rule].append(verdict.partition)
    broken = [result for result in verdict.rules if result.broken and result.status != "accepted"]
    for result in broken:
        if result.rule not in found.worst or result.extent > found.worst[result.rule][1].extent:
            found.worst[result.rule] = (verdict.partition, result)
    if verdict.gate == "content" and verdict.rows:
        rows = verdict.rows
        found.delivered += rows.delivered
        found.delivered_in_refused += 0 if verdict.passed else rows.delivered
        found.rejected += rows.rejected
        found.merged += rows.merged
        found.normalised += rows.normalised
        found.corrected += rows.corrected
        found.added += rows.added
        found.dropped += rows.dropped
        found.broken.update({result.rule: result.broken for result in broken})
        found.rejecting.update({result.rule: result.broken for result in broken if result.severity == "reject"})
        found.tolerated.update({result.rule: result.broken for result in broken if result.effect == "tolerated"})


def tally_all(lake: Lake, dataset: Dataset, now: datetime) -> Tally:
    """Count over every partition that a dataset has by now, and say which of them wait for a run."""
    found = tally(lake, dataset, partitions_of(dataset, now), now)
    found.awaited = awaited(lake, dataset, now)
    found.pending = {key for zone in zones_written(dataset) for key in pending(lake, dataset, zone, now)}
    found.expired = [one for one in dataset.corrections if one.attributes.valid_until < now.date()]
    return found
