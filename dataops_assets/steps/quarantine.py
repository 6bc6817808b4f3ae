"""What quarantine held before: which of its rows are released, which stay, and what had rejected them earlier.

Not here: which rows a verdict rejects (`gate.content`), and when they are written (`content`).
"""

from dataclasses import replace

import polars as pl

from dataops_assets.contract import Dataset, Partition
from dataops_assets.gate.content import Judged
from dataops_assets.gate.verdict import Released, Verdict
from dataops_assets.storage.lake import Lake

_NAMED = 1000
_EARLIER = pl.List(pl.Struct({"verdict": pl.String, "reasons": pl.List(pl.String)}))


def with_released(lake: Lake, dataset: Dataset, partition: Partition, delivery: str, found: Judged) -> Judged:
    """What was found, with the rows of the delivery that lie in quarantine and are not rejected any more, nor merged.

    Raises:
        FileNotFoundError: Another version is there by now.
    """
    lie = lake.provenance("quarantine", dataset, partition)
    if lie is None or not lie.rows or "verdict" not in lie.columns:  # the last: from before rows named theirs
        return found
    path = lake.read("quarantine", dataset, partition, lie.sha256)
    columns = ["verdict", "delivery", "row", "reasons", *(["earlier"] if "earlier" in lie.columns else [])]
    before = pl.read_parquet(path, columns=columns, glob=False)
    # Of several verdicts on a row, the newest stands last.
    before = before.filter(pl.col("delivery") == delivery).unique("row", keep="last", maintain_order=True)
    stays = pl.concat([found.rejected["row"], found.merged.cast(pl.UInt64)])
    free = before.filter(~pl.col("row").is_in(stays.implode()))
    rows: dict[Released, list[int]] = {}
    for one in free.head(_NAMED).iter_rows(named=True):
        of_it = Released(verdict=one["verdict"], reasons=one["reasons"], rows=(), earlier=one.get("earlier") or ())
        rows.setdefault(of_it, []).append(one["row"])
    released = tuple(one.model_copy(update={"rows": tuple(numbers)}) for one, numbers in rows.items())
    return replace(found, rows=found.rows.model_copy(update={"released": free.height}), released=released)


def with_those_of_what_stays(
    lake: Lake, dataset: Dataset, partition: Partition, rejected: pl.DataFrame, verdict: Verdict
) -> pl.DataFrame:
    """The rows that a verdict rejected, named by it; and where it refuses, those that the published version left behind.

    A version whose rows lie in quarantine already may be just about to be published, so they stay, too.
    """
    rows = rejected.select(pl.lit(verdict.id).alias("verdict"), pl.all())
    lie = lake.provenance("quarantine", dataset, partition)
    if lie is None:
        return rows
    # Where nothing of it stays, what rejected its rows is all that is asked of it.
    history: list[str] = [name for name in ("verdict", "delivery", "row", "reasons", "earlier") if name in lie.columns]
    path = lake.read("quarantine", dataset, partition, lie.sha256)
    before = pl.read_parquet(path, columns=history if verdict.passed else None, glob=False)
    rows = _with_history(rows, before, verdict)
    if verdict.passed:
        return rows
    stays, comes = lake.published(dataset, partition), lake.verdict_of(lie)
    good = {stays.verdict} if stays else set()
    good |= {lie.verdict} if comes and comes.passed else set()
    left_behind = before.filter(pl.col("verdict").is_in(good - {verdict.id})) if "verdict" in before.columns else before.clear()
    return pl.concat([left_behind, rows], how="diagonal")


def _with_history(rows: pl.DataFrame, before: pl.DataFrame, verdict: Verdict) -> pl.DataFrame:
    """Rejected rows, with what had rejected them before, as far as they lie in quarantine already.

    Args:
        rows: The rows that a verdict rejects.
        before: What lies in quarantine.
        verdict: The verdict. Of one that is said again, what lies there is its own.
    """
    if not {"verdict", "delivery", "row"} <= {*before.columns} & {*rows.columns}:  # those of products have no lasting numbers
        return rows
    if "earlier" not in before.columns:
        before = before.with_columns(earlier=pl.lit(None, _EARLIER))
    once_more = pl.concat_list(pl.col("earlier").fill_null([]), pl.struct("verdict", "reasons"))
    before = before.with_columns(earlier=pl.when(pl.col("verdict") == verdict.id).then("earlier").otherwise(once_more))
    # Of several verdicts on a row, the newest stands last.
    before = before.select("delivery", "row", "earlier").unique(["delivery", "row"], keep="last")
    found = rows.join(before, on=["delivery", "row"], how="left", maintain_order="left")
    return found if found["earlier"].count() else rows
