"""Raw → staged and quarantine: type, normalise, correct, judge and publish a received delivery."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset, Partition
from dataops_assets.corrections import Plan, of_partition, version_of
from dataops_assets.gate.content import Judged, judge_delivery, quarantined
from dataops_assets.gate.query import Table
from dataops_assets.gate.rules import Rule, compile_rules
from dataops_assets.gate.verdict import Verdict, terms
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
from dataops_assets.steps.promises import keep_promises
from dataops_assets.steps.quarantine import with_released
from dataops_assets.steps.receiving import files_of, nothing, read_good, standing_verdict
from dataops_assets.storage import deliveries, layout
from dataops_assets.storage.deliveries import Receipt
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.provenance import Provenance, newest_arrivals


def stage(lake: Lake, dataset: Dataset, partitions: Sequence[Partition], run_id: str, now: datetime) -> Iterator[Outcome]:
    """Stage partitions, in order.

    Yields:
        An outcome for each: done if it passed its gate and is published.

    Raises:
        NotReady: A dataset that the rules refer to is not published, or the contract breaks with what prod has published.
    """
    keep_promises(lake, dataset, now)
    rules = compile_rules(dataset, now.date())
    referred = Referred(lake, dataset, rules)
    with Before(lake, dataset, rules) as before:
        for partition in partitions:
            with ExitStack() as scratch:

                def look(partition: Partition = partition, scratch: ExitStack = scratch) -> Work:
                    return _look(lake, dataset, partition, rules, before, *referred.now(), now, scratch)

                outcome = settle(lake, dataset, partition, look, run_id, now)
            yield outcome


def _look(
    lake: Lake,
    dataset: Dataset,
    partition: Partition,
    rules: list[Rule],
    before: Before,
    known: dict[str, Provenance],
    tables: dict[str, pl.DataFrame],
    now: datetime,
    scratch: ExitStack,
) -> Work:
    receipt, envelope, depends_on = grounds(lake, dataset, partition, versions_of(known))

    def judge() -> tuple[Judged, Callable[[], pl.DataFrame]]:
        text: Table = nothing(dataset)
        numbers: pl.LazyFrame | None = None
        if receipt and receipt.files:
            text, numbers = read_good(dataset, partition, files_of(lake, dataset, partition, receipt))
        compared = before if receipt and receipt.files else None
        accepted = depends_on.get("accepted", "")
        # Beside the drafts, where there is room for data, and what a killed process left is swept.
        large = isinstance(text, pl.LazyFrame)
        copy = scratch.enter_context(lake.store.draft(layout.data(dataset.zone, dataset, partition))) if large else None
        found = _judged(dataset, partition, text, rules, tables, compared, now, accepted, copy, numbers)
        if receipt and not found.reasons:
            found = with_released(lake, dataset, partition, receipt.sha256, found)
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
        envelope.file_rows,
    )


def try_rows(
    lake: Lake,
    dataset: Dataset,
    partition: Partition,
    text: Table,
    now: datetime,
    accepted: str,
    numbers: pl.LazyFrame | None = None,
) -> Judged:
    """What the content gate would find in rows if they were delivered now; nothing is written or kept.

    The good rows of what is large cannot be read any more.

    Args:
        lake: Where the partitions before it lie, and what the rules refer to.
        dataset: Whose rows.
        partition: Of which part.
        text: The delivered columns as `read_text` gives them.
        now: The time.
        accepted: Why they are right although they may be unlike those before; empty if nobody said so.
        numbers: The same rows as `read_good` gives them, if it does.

    Raises:
        NotReady: A dataset that the rules refer to is not published.
        CodeError: A function of the dataset's own fails.
        CorrectionError: A correction does not fit the rows.
    """
    rules = compile_rules(dataset, now.date())
    _, tables = Referred(lake, dataset, rules).now()
    with TemporaryDirectory(prefix="try-") as scratch:
        copy = Path(scratch) / "rows.parquet"
        return _judged(dataset, partition, text, rules, tables, Before(lake, dataset, rules), now, accepted, copy, numbers)


def _judged(
    dataset: Dataset,
    partition: Partition,
    text: Table,
    rules: list[Rule],
    tables: dict[str, pl.DataFrame],
    before: Before | None,
    now: datetime,
    accepted: str,
    copy: Path | None,
    numbers: pl.LazyFrame | None,
) -> Judged:
    corrections = Plan(dataset, partition, now.date()) if of_partition(dataset, partition) else None
    began = before.start_of(partition) if before else None
    found = judge_delivery(dataset, rules, text, tables, dataset.is_public, corrections, began, copy, numbers)
    return before.compared(partition, found, accepted) if before else found


def grounds(
    lake: Lake, dataset: Dataset, partition: Partition, referred: dict[str, str]
) -> tuple[Receipt | None, Verdict, dict[str, Any]]:
    """The delivery that counts (None for a declared gap), its envelope verdict, and all that a staged partition depends on.

    Raises:
        NotReady: There is none, or its envelope was not found good.
    """
    receipt = lake.receipt(dataset, partition)
    verdict = standing_verdict(lake, dataset, partition, receipt)
    if verdict is None or not verdict.passed:
        newest = lake.newest_verdict(dataset, partition)
        if verdict is None and newest and newest.passed and (receipt or dataset.gap_reason(partition)):
            new = "its delivery or contract is new, or the gate has changed"
            raise NotReady(f"{dataset.name} {partition or ''}: run raw/{dataset.name} first, {new}")
        raise NotReady(_refused(dataset, verdict) if verdict else lake.why_missing(dataset, [partition]))
    corrections = of_partition(dataset, partition)
    accepted = dataset.accepted_reason(partition, receipt.sha256) if receipt else ""
    return (
        receipt,
        verdict,
        {
            "delivery": receipt.sha256 if receipt else deliveries.GAP,
            **terms(dataset),
            "references": referred,
            # Only where there are any, so that the grounds of all other partitions stay as they are.
            **({"corrections": version_of(corrections)} if corrections else {}),
            **({"accepted": accepted} if accepted else {}),
        },
    )


def _refused(dataset: Dataset, verdict: Verdict) -> str:
    what = f"{dataset.name} {verdict.partition or ''}".strip()
    return f"{what}: its envelope gate refused the newest delivery at {moment(verdict.judged_at)}: {verdict.why}"
