"""One partition in words: what arrived, what each gate said and why, what lies where.

Not here: a dataset as a whole (`status`).
"""

from collections.abc import Iterator
from datetime import datetime

from dataops_assets.contract import Dataset, Partition
from dataops_assets.gate.verdict import EFFECTS, Gate, RuleResult, Verdict
from dataops_assets.gate.wording import moment
from dataops_assets.observe.awaited import since
from dataops_assets.observe.corrections import applied
from dataops_assets.steps.deriving import why_missing
from dataops_assets.steps.pending import not_whole
from dataops_assets.storage.lake import Lake, name_of

_MOST = 5


def describe_partition(lake: Lake, dataset: Dataset, partition: Partition, now: datetime) -> str:
    """Everything that is known of one partition, the newest last.

    Args:
        lake: Where it lies.
        dataset: The dataset.
        partition: The partition; None for a dataset without.
        now: The time, which decides whether what lies in landing is still.
    """
    arrivals, verdicts = _arrivals(lake, dataset, partition, now), _verdicts(lake, dataset, partition, now)
    return "\n".join([name_of(dataset, partition), *arrivals, *verdicts])


def _arrivals(lake: Lake, dataset: Dataset, partition: Partition, now: datetime) -> Iterator[str]:
    if not dataset.ingested:
        return
    receipts = lake.receipts(dataset, partition)
    gap = dataset.gap_reason(partition)
    yield ""
    if not receipts:
        late = since(dataset, partition) if partition and dataset.deadline(partition) <= now else ""
        yield f"a declared gap: {gap}" if gap else f"nothing was received{late and f', {late}'}"
    for receipt in receipts:
        files = ", ".join(f"{file.name} ({file.bytes:,} bytes)" for file in receipt.files)
        where = "" if receipt.number else " in prod"
        counts = " · this one counts" if receipt is receipts[-1] else ""
        yield f"received{where} {moment(receipt.received_at)} · {files or 'no row is left'} · sha256 {receipt.sha256}{counts}"
        for one in receipt.erased:
            rows = "all" if one.rows is None else f"{one.rows:,} rows"
            yield f"  {rows} of {one.name} erased {moment(one.erased_at)}, as asked by {one.request} · was sha256 {one.sha256}"
    for lying in (one for one in not_whole(lake, dataset, now) if one.partition == partition):
        yield f"a delivery lies in landing, waiting for {lying.waiting_for}"


def _verdicts(lake: Lake, dataset: Dataset, partition: Partition, now: datetime) -> Iterator[str]:
    gates: tuple[Gate, ...] = ("envelope", "content") if dataset.ingested else ("content",)
    given = [verdict for gate in gates for verdict in lake.verdicts(gate, dataset, partition)]
    for verdict in sorted(given, key=lambda verdict: verdict.judged_at):
        yield ""
        yield from _verdict(verdict)
    published = lake.published(dataset, partition)
    yield ""
    rejected = lake.provenance("quarantine", dataset, partition)
    if rejected and rejected.rows:
        yield f"rejected rows lie in {lake.address('quarantine', dataset, partition)}"
    if published is None:
        yield why_missing(lake, dataset, partition, now)
        return
    path = lake.address(dataset.zone, dataset, partition)
    yield f"published {moment(published.published_at)} · {published.rows:,} rows · {published.bytes:,} bytes · {path}"
    yield f"          sha256 {published.sha256} · run {published.run_id}"
    refused = lake.refused_since(dataset, partition)
    if refused:
        yield refused


def _verdict(verdict: Verdict) -> Iterator[str]:
    said = "passed" if verdict.passed else "refused"
    delivery = verdict.depends_on.get("delivery")
    of = f" the delivery {delivery[:12]}" if delivery else ""
    where = "" if verdict.number else " in prod"
    yield f"the {verdict.gate} gate {said}{of}{where} at {moment(verdict.judged_at)}"
    yield from told(verdict)


def told(verdict: Verdict) -> Iterator[str]:
    """What a gate found, in words: why it refused, where the rows went, and which of them broke which rule."""
    if verdict.why:
        yield f"    {verdict.why}"
    rows = verdict.rows
    if rows and verdict.gate == "content":
        counts = {name: count for name, count in rows.model_dump().items() if count or name == "delivered"}
        if not verdict.passed:
            counts["good"] = counts.pop("published", 0)
        yield "    rows: " + ", ".join(f"{name} {count:,}" for name, count in counts.items())
    for one in verdict.released:
        more = f" and {len(one.rows) - _MOST:,} more" if len(one.rows) > _MOST else ""
        which = ", ".join(map(verdict.place, one.rows[:_MOST]))
        yield f"    released row {which}{more}, rejected before by {', '.join(one.reasons)}"
    yield from (f"    {applied(correction)}" for correction in verdict.corrections)
    broken = [result for result in verdict.rules if result.effect != "passed"]
    for result in sorted(broken, key=lambda result: (EFFECTS.index(result.effect), -result.extent)):
        yield f"    {result.effect:9} {result.rule}: {result.sentence}, but {result.found}"
        if verdict.passed and result.remedy:  # else it is part of why it was refused
            yield f"              {result.remedy}"
        yield from _offenders(verdict, result)
    holding = len(verdict.rules) - len(broken)
    yield f"    {holding} {'rule holds' if holding == 1 else 'rules hold'}"


def _offenders(verdict: Verdict, result: RuleResult) -> Iterator[str]:
    for row in result.offenders[:_MOST]:
        yield f"              row {verdict.place(row['row'])}: {result.values(row)}"
    if result.broken > _MOST and result.offenders:
        yield f"              … and {result.broken - min(_MOST, len(result.offenders)):,} more"
