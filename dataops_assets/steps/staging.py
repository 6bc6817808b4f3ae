"""Raw → staged and quarantine: type, normalise, correct, judge and publish a received delivery."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset, Partition
from dataops_assets.corrections import Plan, of_partition, version_of
from dataops_assets.gate.content import Judged, judge_delivery, quarantined
from dataops_assets.gate.rules import Rule, compile_rules
from dataops_assets.gate.verdict import Verdict
from dataops_assets.gate.wording import moment
from dataops_assets.steps.content import (
    NotReady,
    Referred,
    Work,
    references_refused_since,
    settle,
    versions_of,
)
from dataops_assets.steps.history import Before
from dataops_assets.steps.outcome import Outcome
from dataops_assets.steps.receiving import read_delivery, standing_verdict
from dataops_assets.storage import deliveries
from dataops_assets.storage.deliveries import Receipt
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.provenance import Provenance, newest_arrivals


def stage(lake: Lake, dataset: Dataset, partitions: Sequence[Partition], run_id: str, now: datetime) -> Iterator[Outcome]:
    """Stage partitions, in order.

    Yields:
        An outcome for each: done if it passed its gate and is published.

    Raises:
        NotReady: A dataset that the rules refer to is not published.
    """
    rules = compile_rules(dataset, now.date())
    referred, before = Referred(lake, dataset, rules), Before(lake, dataset, rules)
    for partition in partitions:

        def look(partition: Partition = partition) -> Work:
            return _look(lake, dataset, partition, rules, before, *referred.now(), now)

        yield settle(lake, dataset, partition, look, run_id, now)


def _look(
    lake: Lake,
    dataset: Dataset,
    partition: Partition,
    rules: list[Rule],
    before: Before,
    known: dict[str, Provenance],
    tables: dict[str, pl.LazyFrame],
    now: datetime,
) -> Work:
    receipt, depends_on = grounds(lake, dataset, partition, versions_of(known))

    def judge() -> tuple[Judged, Callable[[], pl.DataFrame]]:
        text = read_delivery(lake, dataset, partition, receipt) if receipt else _empty(dataset)
        corrections = Plan(dataset, partition, now.date()) if of_partition(dataset, partition) else None
        began = before.start_of(partition) if receipt else None
        found = judge_delivery(dataset, rules, text, tables, dataset.is_public, corrections, began)
        found = before.compared(partition, found, depends_on.get("accepted", ""))
        if receipt and not found.reasons:
            released = _released(lake, dataset, partition, receipt.sha256, found.rejected)
            found = replace(found, rows=found.rows.model_copy(update={"released": released}))
        return found, lambda: quarantined(receipt.sha256 if receipt else deliveries.GAP, text, found)

    gap = dataset.gap_reason(partition)
    prods = "its delivery is prod's" if receipt and not receipt.number else ""
    gap_note = f"declared gap: {gap}" if gap and receipt is None else ""
    return Work(
        depends_on,
        newest_arrivals({dataset.name: receipt.received_at} if receipt else {}, *(made.arrived for made in known.values())),
        judge,
        lambda: "; ".join(filter(None, (prods, gap_note, *references_refused_since(lake, dataset)))),
        tuple(known.values()),
        receipt.names if receipt else (),
    )


def grounds(
    lake: Lake, dataset: Dataset, partition: Partition, referred: dict[str, str]
) -> tuple[Receipt | None, dict[str, Any]]:
    """The delivery that counts (None for a declared gap), and all that a staged partition depends on.

    Raises:
        NotReady: There is none, or its envelope was not found good.
    """
    receipt = lake.receipt(dataset, partition)
    verdict = standing_verdict(lake, dataset, partition, receipt)
    if verdict is None or not verdict.passed:
        newest = lake.newest_verdict(dataset, partition)
        if verdict is None and newest and newest.passed and (receipt or dataset.gap_reason(partition)):
            raise NotReady(f"{dataset.name} {partition or ''}: run raw/{dataset.name} first, its contract or delivery is new")
        raise NotReady(_refused(dataset, verdict) if verdict else lake.why_missing(dataset, [partition]))
    corrections = of_partition(dataset, partition)
    accepted = dataset.accepted_reason(partition, receipt.sha256) if receipt else ""
    return receipt, {
        "delivery": receipt.sha256 if receipt else deliveries.GAP,
        "contract": dataset.version,
        "references": referred,
        # Only where there are any, so that the grounds of all other partitions stay as they are.
        **({"corrections": version_of(corrections)} if corrections else {}),
        **({"accepted": accepted} if accepted else {}),
    }


def _released(lake: Lake, dataset: Dataset, partition: Partition, delivery: str, rejected: pl.DataFrame) -> int:
    """How many rows of a delivery lie in quarantine that are not rejected any more.

    Raises:
        FileNotFoundError: Another version is there by now.
    """
    lie = lake.provenance("quarantine", dataset, partition)
    if lie is None or not lie.rows:
        return 0
    rows = pl.read_parquet(lake.read("quarantine", dataset, partition, lie.sha256), columns=["delivery", "row"])
    numbers = rows.filter(pl.col("delivery") == delivery)["row"].unique()
    return int((~numbers.is_in(rejected["row"].implode())).sum())


def _refused(dataset: Dataset, verdict: Verdict) -> str:
    what = f"{dataset.name} {verdict.partition or ''}".strip()
    return f"{what}: its envelope gate refused the newest delivery at {moment(verdict.judged_at)}: {verdict.why}"


def _empty(dataset: Dataset) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(dataset.delivered.columns, pl.String))
