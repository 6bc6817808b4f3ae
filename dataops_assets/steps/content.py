"""What staging and deriving share: references, verdicts under their grounds, and publishing what passed."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset, Partition
from dataops_assets.gate.content import CodeError, Judged
from dataops_assets.gate.reading import DeliveryError
from dataops_assets.gate.rules import Rule
from dataops_assets.gate.verdict import Verdict, digest
from dataops_assets.steps.outcome import Outcome
from dataops_assets.storage import layout
from dataops_assets.storage.lake import Lake, NotPublished, Provenance, name_of

_MEND_DELIVERY = "Deliver it again, mended, or change the rule; what was rejected lies in quarantine"
_MEND_PRODUCT = "Mend transform.py or its inputs, or change the rule; what was rejected lies in quarantine"


class NotReady(Exception):
    """A partition cannot be made yet. The message says what is missing and why."""


def reference_versions(lake: Lake, dataset: Dataset) -> dict[str, str]:
    """The data versions of the datasets that a dataset's rules refer to.

    Raises:
        NotReady: One of them is not published.
    """
    versions: dict[str, str] = {}
    for reference in dataset.attributes.references:
        [versions[reference.dataset]] = input_versions(lake, reference.dataset, [None])
    return versions


def references_refused_since(lake: Lake, dataset: Dataset) -> list[str]:
    """What to know of the references: that something newer was refused, so that the version before is looked up in."""
    names = dict.fromkeys(reference.dataset for reference in dataset.attributes.references)
    return [note for name in names if (note := lake.refused_since(lake.catalog[name], None))]


def input_versions(lake: Lake, name: str, partitions: Sequence[Partition]) -> list[str]:
    """The data versions of partitions of another dataset.

    Raises:
        NotReady: One of them cannot be read.
    """
    try:
        return lake.versions(lake.catalog[name], partitions)
    except NotPublished as error:
        raise NotReady(str(error)) from error


def reference_tables(lake: Lake, dataset: Dataset, rules: list[Rule]) -> dict[str, pl.LazyFrame]:
    """The values that references must exist among, by rule; see `gate.rules.with_references`."""
    tables = {}
    for rule in rules:
        if rule.reference:
            other = lake.catalog[rule.reference.dataset]
            to = rule.reference.to or other.attributes.key
            renamed = [pl.col(there).alias(here) for here, there in zip(rule.columns, to, strict=True)]
            tables[rule.name] = lake.scan(other, [None]).select(renamed).unique().collect().lazy()
    return tables


def settled(
    lake: Lake, dataset: Dataset, partition: Partition, depends_on: dict[str, Any]
) -> tuple[Verdict, Provenance | None] | None:
    """The verdict on these grounds and what it published, if nothing is left to do: it was the last, and if yes, published.

    A delivery that was judged before and comes again is judged again: what was said meanwhile was about another one.
    """
    given = lake.verdicts("content", dataset, partition)
    if not given or given[-1].id != digest(depends_on):
        return None
    published = lake.provenance(dataset.zone, dataset, partition)
    done = not given[-1].passed or (published is not None and published.verdict == given[-1].id)
    return (given[-1], published) if done else None


def settle(
    lake: Lake,
    dataset: Dataset,
    partition: Partition,
    depends_on: dict[str, Any],
    judge: Callable[[], tuple[Judged, Callable[[], pl.DataFrame]]],
    run_id: str,
    now: datetime,
    note: str = "",
    files: tuple[str, ...] = (),
) -> Outcome:
    """Judge a partition unless that was done on the same grounds, and publish it if it passes.

    Quarantine is written first, then the verdict, then the partition: once a verdict is there, all that it tells of is.

    Args:
        lake: Where it lies.
        dataset: What it is.
        partition: Which part.
        depends_on: All that the result depends on.
        judge: Gives what the gate found, and a function that gives the quarantined rows.
        run_id: The run that asks.
        now: The time.
        note: What is worth knowing beside the partition.
        files: The names of the delivered files that it is made from.
    """
    before = settled(lake, dataset, partition, depends_on)
    if before:
        return _outcome(lake, dataset, partition, *before, note)
    try:
        found, quarantine = judge()
    except (CodeError, DeliveryError) as error:
        # No verdict: the gate was not asked. The partition stays pending, and those after it go on.
        reason = f"{name_of(dataset, partition)}: {error}{kept(lake, dataset, partition)}"
        return Outcome(partition, "refused", reason, facts={"note": note})
    verdict = Verdict(
        gate="content",
        dataset=dataset.name,
        partition=partition,
        depends_on=depends_on,
        passed=not found.reasons,
        files=files,
        reasons=found.reasons,
        remedy=(_MEND_DELIVERY if dataset.ingested else _MEND_PRODUCT) if found.reasons else "",
        judged_at=now,
        rows=found.rows,
        rules=found.rules,
    )
    if found.rows.rejected or lake.version("quarantine", dataset, partition):
        rejected = _with_those_of_what_stays(lake, dataset, partition, quarantine(), verdict)
        lake.publish("quarantine", dataset, partition, rejected, verdict, run_id, now)
    verdict = lake.save(verdict)
    published = None
    if verdict.passed:
        published = lake.publish(dataset.zone, dataset, partition, found.good, verdict, run_id, now)
    return _outcome(lake, dataset, partition, verdict, published, note)


def _with_those_of_what_stays(
    lake: Lake, dataset: Dataset, partition: Partition, rejected: pl.DataFrame, verdict: Verdict
) -> pl.DataFrame:
    """The rows that a verdict rejected, named by it; and where it refuses, those that the published version left behind."""
    rows = rejected.select(pl.lit(verdict.id).alias("verdict"), pl.all())
    stays = None if verdict.passed else lake.published(dataset, partition)
    if stays is None or stays.verdict == verdict.id or not lake.version("quarantine", dataset, partition):
        return rows
    before = pl.read_parquet(lake.store.path(layout.data("quarantine", dataset, partition)))
    left_behind = before.filter(pl.col("verdict") == stays.verdict) if "verdict" in before.columns else before.clear()
    return pl.concat([left_behind, rows], how="diagonal")


def _outcome(
    lake: Lake, dataset: Dataset, partition: Partition, verdict: Verdict, published: Provenance | None, note: str
) -> Outcome:
    rows = verdict.rows
    assert rows
    facts: dict[str, Any] = {"note": note}
    if rows.rejected:
        facts["quarantine"] = str(lake.store.path(layout.data("quarantine", dataset, partition)))
    if not verdict.passed:
        reason = f"{name_of(dataset, partition)}: {verdict.why}{kept(lake, dataset, partition)}"
        return Outcome(partition, "refused", reason, None, verdict, facts, rows.rejected)
    assert published
    facts |= {
        "rows": published.rows,
        "bytes": published.bytes,
        "nulls": published.nulls,
        "rejected": rows.rejected,
        "merged": rows.merged,
        "normalised": rows.normalised,
        "path": str(lake.store.path(layout.data(dataset.zone, dataset, partition))),
    }
    return Outcome(partition, "done", "", published.sha256, verdict, facts, rows.rejected)


def kept(lake: Lake, dataset: Dataset, partition: Partition) -> str:
    """What to add to a refusal: that the version before it can still be read. Empty if there is none."""
    return "; what was published before stays" if lake.published(dataset, partition) else ""


def is_public(dataset: Dataset) -> bool:
    """Whether values of offending rows may be shown."""
    return dataset.attributes.classification == "public"
