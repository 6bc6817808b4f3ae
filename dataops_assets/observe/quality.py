"""Quality over time in words: by rule and month, what share of the rows broke it, the worst first.

Not here: the table that it is told from (`storage.results`).
"""

from collections.abc import Iterator, Sequence

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.gate.verdict import EFFECTS
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.results import results

_MONTHS = 13
"""A year, and the month that the newest is compared with."""
_MOST = 20
_MARKS = "x-!   "
"""How each of `EFFECTS` is drawn."""
_CELL = 4
_RULE = ("dataset", "gate", "rule")


def over_time(lake: Lake, datasets: Sequence[Dataset]) -> str:
    """The rules of datasets that were broken in the newest months, the worst first.

    A cell is the share of the rows of a month that break the rule; of a rule on the whole delivery, the share of deliveries.
    Of each partition the newest verdict counts; of a dataset without partitions, the last one in each month.

    Args:
        lake: Where the verdicts lie.
        datasets: Whose rules.
    """
    tables, damages = zip(*lake.store.each(lambda dataset: results(lake, dataset), datasets), strict=True)
    given = pl.concat(tables).with_columns(month=_month())
    last = pl.col("judged_at") == pl.col("judged_at").max().over("dataset", "gate", "month")
    counted = given.filter(pl.when(pl.col("partition").is_null()).then(last).otherwise("newest"))
    if counted.is_empty():
        return "no gate has judged anything yet"
    months = counted["month"].unique().sort().to_list()[-_MONTHS:]
    seen = counted.filter(pl.col("month").is_in(months))
    left_out = [f"left out: {damage}" for several in damages for damage in several]
    return "\n".join([*_told(seen, _worst_first(seen), months, several=len(datasets) > 1), *left_out])


def _month() -> pl.Expr:
    """The month of a partition (of a yearly one the year); of a dataset without partitions, that of the verdict."""
    return pl.coalesce(pl.col("partition").str.head(7), pl.col("judged_at").dt.strftime("%Y-%m"))


def _worst_first(seen: pl.DataFrame) -> pl.DataFrame:
    """A row for each rule that was broken: its worst status, and by month the share of rows that break it."""
    rank = pl.col("status").replace_strict(EFFECTS, range(len(EFFECTS)), return_dtype=pl.Int8)
    asked = seen.filter(pl.col("checked") > 0).with_columns(rank=rank).group_by(*_RULE, "month")
    by_month = asked.agg(pl.col("rank").min(), share=pl.col("broken").sum() / pl.col("checked").sum())
    cells = pl.struct("month", "share", "rank").alias("cells")
    by_rule = by_month.group_by(_RULE).agg(pl.col("rank").min(), pl.col("share").max(), cells)
    return by_rule.filter(pl.col("share") > 0).sort("rank", "share", *_RULE, descending=[False, True, False, False, False])


def _told(seen: pl.DataFrame, worst: pl.DataFrame, months: Sequence[str], several: bool) -> Iterator[str]:
    deliveries = seen.unique(["dataset", "gate", "partition", "number"])
    refused = deliveries.filter(~pl.col("passed")).height
    span = " to ".join(dict.fromkeys((months[0], months[-1])))
    yield f"{span}: {deliveries.height:,} verdicts, {refused:,} refused; what share of the rows broke a rule, the worst first"
    yield ""
    shown = worst.head(_MOST).to_dicts()
    names = [f"{row['dataset']} {row['rule']}" if several else row["rule"] for row in shown]
    width = max(map(len, names), default=0)
    if shown:
        yield f"{'':{width}} " + "".join(f" {month[2:]:>{_CELL + 1}}" for month in months)
    for name, row in zip(names, shown, strict=True):
        cells = {one["month"]: _cell(one["share"], one["rank"]) for one in row["cells"]}
        yield f"{name:{width}} " + "".join(f" {cells.get(month, ''):{_CELL + 1}}" for month in months).rstrip()
    rules = seen.drop_nulls("rule").unique(_RULE).height
    yield ""
    if worst.height > _MOST:
        yield f"… and {worst.height - _MOST:,} more" + (": dataops quality DATASET" if several else "")
    yield f"{rules - worst.height:,} of {rules:,} rules always held. x refused a delivery, - rejected rows, ! warned; · held"


def _cell(share: float | None, rank: int) -> str:
    if not share:
        return f"{'·':>{_CELL}}"
    percent = f"{share:.0%}" if share >= 0.0995 else f"{share:.1%}" if share >= 0.001 else "<.1%"
    return f"{percent:>{_CELL}}{_MARKS[rank]}"
