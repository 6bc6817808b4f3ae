"""What lies in quarantine, in words and as rows: which rows were rejected, for which reasons, and what was delivered.

Not here: why a row is rejected (`gate.content`), and what is done with it (`steps.content`).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import polars as pl

from dataops_assets.contract import Dataset, Partition
from dataops_assets.gate.verdict import Rejection, Verdict
from dataops_assets.gate.wording import in_print, moment
from dataops_assets.observe.grounds import differing
from dataops_assets.steps.pending import partitions_of
from dataops_assets.storage.lake import Lake, name_of

_OURS: dict[str, pl.DataType] = {
    "partition": pl.String(),
    "verdict": pl.String(),
    "delivery": pl.String(),
    "row": pl.UInt64(),
    "reasons": pl.List(pl.String),
}
_EARLIER = "earlier"


def rejected(lake: Lake, dataset: Dataset, partitions: Iterable[Partition], rule: str | None = None) -> pl.DataFrame:
    """The rows of a dataset that lie in quarantine.

    Args:
        lake: Where they lie.
        dataset: Whose rows.
        partitions: Of which partitions.
        rule: Only those that this rule rejected; None for all.

    Returns:
        `partition`, `verdict` (the id of the one that rejected it), `delivery` (its SHA-256), `row` (its number there, from 1),
        `reasons`, and every column as it was delivered; and if any of them was rejected before, `earlier`: by which verdicts
        for which reasons, the oldest first. One row for each that was rejected, in order.

    Raises:
        Damaged: A file or its record is not what was written.
    """

    def look(partition: Partition) -> pl.DataFrame | None:
        made = lake.provenance("quarantine", dataset, partition)
        if made is None or not made.rows:
            return None
        rows = pl.read_parquet(lake.read("quarantine", dataset, partition, made.sha256), glob=False)
        rows = rows.rename({"partition": "partition_"}, strict=False)  # a delivered column of that name
        found = rows.select(pl.lit(partition, pl.String).alias("partition"), pl.all())
        return found if rule is None else found.filter(pl.col("reasons").list.contains(rule))

    found = [rows for rows in lake.store.each(look, partitions) if rows is not None]
    return pl.concat(found, how="diagonal") if found else pl.DataFrame(schema=_OURS)


def in_short(lake: Lake, datasets: Iterable[Dataset], rule: str | None, now: datetime) -> Iterator[str]:
    """Where rejected rows lie: for each partition, how many, and how often for which reason; the newest last.

    Args:
        lake: Where they lie.
        datasets: Whose rows.
        rule: Only rows that this rule rejected; None for all.
        now: The time, which decides which partitions there are.
    """
    for dataset in datasets:
        rows = rejected(lake, dataset, partitions_of(dataset, now), rule)
        for partition in rows["partition"].unique(maintain_order=True):
            of_it = _newest(rows.filter(pl.col("partition").eq_missing(partition)))
            reasons = of_it["reasons"].explode(empty_as_null=False, keep_nulls=False).value_counts()
            reasons = reasons.sort("count", "reasons", descending=[True, False])
            told = ", ".join(f"{name} {count:,}" for name, count in reasons.iter_rows())
            yield f"{name_of(dataset, partition):32} {of_it.height:>8,}  {told}"


def in_full(lake: Lake, dataset: Dataset, partition: Partition, rows: pl.DataFrame, most: int) -> Iterator[str]:
    """Rejected rows of a partition, one after the other: where from, why, and what was delivered.

    Args:
        lake: Where the verdicts on it lie.
        dataset: Whose rows.
        partition: Of which partition.
        rows: As `rejected` gives them.
        most: How many are told.
    """
    judged = {verdict.id: verdict for verdict in lake.verdicts("content", dataset, partition)} if rows.height else {}
    several, told = rows["verdict"].n_unique() > 1 if "verdict" in rows.columns else False, None
    for row in rows.head(most).iter_rows(named=True):
        if several and row["verdict"] != told:
            told = row["verdict"]
            yield _by(judged.get(told))
        delivered = ", ".join(f"{name} {in_print(str(value))}" for name, value in row.items() if name not in {*_OURS, _EARLIER})
        kind, _, correction = (row.get("delivery") or "").partition(":")
        of = f" added by the correction {correction[:12]}" if correction else f" of the delivery {kind[:12]}" if kind else ""
        by = judged.get(row.get("verdict", ""))
        yield f"row {by.place(row['row']) if by else row['row']}{of}: {', '.join(row['reasons'])}"
        yield f"    {delivered}"
    if rows.height > most:
        yield f"… and {rows.height - most:,} more: --limit {rows.height}, or --export FILE"


def _by(verdict: Verdict | None) -> str:
    """Which verdict it is that rejected the rows that follow: what is published has one, and what was refused since another."""
    if verdict is None:
        return "by a verdict that is not kept:"
    return (
        f"by the verdict of {moment(verdict.judged_at)}, {'which passed' if verdict.passed else 'which refused the delivery'}:"
    )


def history(lake: Lake, dataset: Dataset, partition: Partition, row: int) -> Iterator[str]:
    """What became of one row of a partition's deliveries: when it was rejected by which rules, and when and why released.

    Args:
        lake: Where the verdicts and rejected rows lie.
        dataset: Whose row.
        partition: Of which partition.
        row: Its number, from 1.

    Raises:
        LookupError: Nothing is known of it.
    """
    verdicts = lake.verdicts("content", dataset, partition)
    lines: list[str] = []
    for number, verdict in enumerate(verdicts):
        for one in (one for one in verdict.released if row in one.rows):
            told, _ = _rejected(row, [*one.earlier, one], verdicts[:number])
            place = _newest_place(one.verdict, verdicts[:number])
            why = "" if place is None else differing(verdicts[place].depends_on, verdict.depends_on)
            lines += [*told, f"    released {moment(verdict.judged_at)}" + (f": {why}" if why else "")]
    lie = _newest(rejected(lake, dataset, [partition]).filter(pl.col("row") == row))
    for found in lie.iter_rows(named=True):
        rejections = [Rejection.model_validate(one) for one in found.get(_EARLIER) or ()]
        rejections.append(Rejection(verdict=found.get("verdict") or "", reasons=found["reasons"]))
        told, first = _rejected(row, rejections, verdicts)
        since = f", first rejected {moment(first.judged_at)}" if first and len(rejections) > 1 else ""
        lines += [*told, f"    lies in quarantine{since}"]
    if not lines:
        unnamed = sum(said.rows.released - sum(len(one.rows) for one in said.released) for said in verdicts if said.rows)
        more = f"; of {unnamed:,} rows it is not known which they were" if unnamed else ""
        raise LookupError(f"row {row} of {name_of(dataset, partition)} does not lie in quarantine, and was not released{more}")
    yield from lines


def _newest(rows: pl.DataFrame) -> pl.DataFrame:
    """Of several verdicts on a row of a delivery, the newest, which stands last, and tells of those before."""
    return rows.unique([name for name in ("delivery", "row") if name in rows.columns], keep="last", maintain_order=True)


def _newest_place(verdict: str, said: Sequence[Verdict]) -> int | None:
    """Where a verdict was said last; None if it is not kept."""
    return next((place for place in range(len(said) - 1, -1, -1) if said[place].id == verdict), None)


def _rejected(row: int, rejections: Sequence[Rejection], said: Sequence[Verdict]) -> tuple[list[str], Verdict | None]:
    """When a row was rejected by which rules, the oldest first, and the verdict that did so first, if it is known.

    Args:
        row: Its number.
        rejections: What has rejected it, the oldest first.
        said: The verdicts until then. The same may have been said several times: the last of them before the next is meant.
    """
    lines: list[str] = []
    by: Verdict | None = None
    until = len(said)
    for one in reversed(rejections):
        place = _newest_place(one.verdict, said[:until])
        by, until = (None, until) if place is None else (said[place], place)
        when = f" {moment(by.judged_at)}" if by else ""
        sentences = {result.rule: result.sentence for result in by.rules} if by else {}
        told = (f"{name}: {sentences[name]}" if name in sentences else name for name in one.reasons)
        lines = [*(f"    rejected{when} by {reason}" for reason in told), *lines]
    delivery = by.depends_on.get("delivery") if by else None
    title = f"row {by.place(row) if by else row}" + (f" of the delivery {delivery[:12]}" if delivery else "")
    return [title, *lines], by
