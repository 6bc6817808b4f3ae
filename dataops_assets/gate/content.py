"""The content gate: every row is published, merged or rejected, and a rejected one has all its reasons.

The order is: cast (a value that cannot be read is a reason) → normalise → correct → merge equal rows → judge → split. Rows are
known by their numbers throughout. What is given as a LazyFrame is never held in memory: it is read once for the order of its
rows, once for the verdict, once more for the rows that break a rule, if any do, and by whoever writes what is good. What is
text, and takes long to parse, is read for a typed copy, which all these read.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import polars.selectors as cs

from dataops_assets.contract import Dataset
from dataops_assets.gate import uniqueness
from dataops_assets.gate.called import with_answers
from dataops_assets.gate.casting import as_text, is_local, is_moment
from dataops_assets.gate.corrected import Corrected, Corrections, correct
from dataops_assets.gate.evaluation import BROKEN, LEFT, MEASURED, Answers, evaluate
from dataops_assets.gate.functions import CodeError, Normalised, check_made, code_of, normalised
from dataops_assets.gate.profile import Profile, profile, short
from dataops_assets.gate.query import Query, Table, select
from dataops_assets.gate.rules import ROW, STATISTICS, Rule
from dataops_assets.gate.verdict import Released, Rows, RuleResult, Status, Unusual
from dataops_assets.gate.wording import percent, some

_LOCAL_TIMES = (
    "{0} has {1:,} local times, which without an offset from UTC are no moments: deliver it with one, as in "
    "2024-02-17T08:00:00+01:00; or declare it without a time zone in a model `Delivered`, and set that in `normalise`"
)

_LONGEST = 200


@dataclass(frozen=True)
class Judged:
    """What the content gate found.

    Attributes:
        rows: Where the rows went.
        rules: What each rule found.
        reasons: Why the partition is refused; empty if it passes.
        good: The rows to publish, in order of the key; a LazyFrame, to be written as it is read, if the delivery was one.
        rejected: Row number (from 1, as delivered) and reasons of every rejected row: columns `row` and `reasons`; for a
            product also its values, as text.
        corrected: What was corrected before.
        profile: What the good rows are like, if it was asked for.
        unusual: What of that is unlike the partitions before; see `drift`.
        released: Which rows had been rejected before; it takes the quarantine to know.
        merged: The numbers of the rows that equal an earlier one.
    """

    rows: Rows
    rules: tuple[RuleResult, ...]
    reasons: tuple[str, ...]
    good: Table
    rejected: pl.DataFrame
    corrected: Corrected
    profile: Profile | None = None
    unusual: tuple[Unusual, ...] = ()
    released: tuple[Released, ...] = ()
    merged: pl.Series = field(default_factory=lambda: uniqueness.NO_ROWS)


def judge_delivery(
    dataset: Dataset,
    rules: list[Rule],
    text: Table,
    tables: dict[str, pl.DataFrame],
    public: bool,
    corrections: Corrections | None = None,
    began: datetime | None = None,
    copy: Path | None = None,
    numbers: pl.LazyFrame | None = None,
) -> Judged:
    """Judge the rows of a delivery.

    Args:
        dataset: Whose delivery it is.
        rules: Its rules, compiled.
        text: The delivered columns as `read_text` gives them.
        tables: The values that references must exist among; see `with_references`.
        public: Whether offending values may be shown.
        corrections: The corrections of the partition, if there are any.
        began: When the partition began; without it no profile is taken.
        copy: A file that stays until the good rows are written: text that is streamed is typed once, into this.
        numbers: The same rows as `read_whole` gives them, if it does. Without such a file, they are not asked.

    Raises:
        CodeError: `normalise` failed, lost, added or reordered rows, moved some to another partition, or did not make the
            columns of the schema.
        CorrectionError: A correction does not fit the rows.
    """
    is_text = dataset.ingested is not None and dataset.ingested.source.format != "parquet"
    query = Query(isinstance(text, pl.LazyFrame), copy if is_text else None)
    typed = normalised(dataset, text, query, corrections.originals if corrections else (), numbers if copy else None)
    rows, corrected = correct(typed.rows, corrections, query)
    in_order = typed.in_order and corrected.added.is_empty()
    typed = replace(typed, rows=rows, in_order=in_order)
    found = _judge(dataset, rules, typed, corrected, tables, public, query, began, text)
    told = _as_delivered(dataset, text, found.rules, query) if public else found.rules
    return replace(found, rules=_local_times(dataset, text, told, query))


def judge_product(
    dataset: Dataset,
    rules: list[Rule],
    made: pl.LazyFrame,
    tables: dict[str, pl.DataFrame],
    public: bool,
    began: datetime | None = None,
) -> Judged:
    """Judge the rows that a transform made; as `judge_delivery`, but they are typed already.

    Raises:
        CodeError: The transform failed, or its columns or types differ from the schema.
    """
    columns = dataset.schema.columns
    # The result of a group_by comes in any order; row numbers must not.
    order = [*dataset.attributes.key, *(name for name, column in columns.items() if not column.dtype.is_nested())]
    with code_of(dataset, "transform"):
        check_made(made, dataset, "transform")
        if more := [name for name in made.collect_schema() if name not in columns]:
            remedy = "declare them there, or leave them out in its last `select`"
            raise CodeError(f"transform of {dataset.name} makes {some(more)}, which schema.py has not: {remedy}")
        rows = made.select(*columns).sort([*dict.fromkeys(order)]).with_row_index(ROW, 1).collect()
    typed = Normalised(rows, 0, in_order=False)
    found = _judge(dataset, rules, typed, Corrected(), tables, public, Query(streamed=False), began)
    originals = _originals(rows[(found.rejected["row"] - 1).cast(pl.UInt32)].drop(ROW))
    return replace(found, rejected=found.rejected.hstack(originals))


def _judge(
    dataset: Dataset,
    rules: list[Rule],
    typed: Normalised,
    corrected: Corrected,
    tables: dict[str, pl.DataFrame],
    public: bool,
    query: Query,
    began: datetime | None,
    text: Table | None = None,
) -> Judged:
    together = uniqueness.find(typed.rows, dataset, rules, typed.in_order, query, text)
    left = together.marked(typed.rows)
    rules = with_answers(rules, left, dataset, query)
    withheld = "" if public else dataset.withheld or "values are withheld"
    answers = evaluate(dataset, left, rules, tables, withheld, query)
    found, failed = answers.counts, answers.failed
    # Copies would dilute every share: a row that comes twice is one.
    asked, merged = found[LEFT], together.equal.len()
    rejected = _rejected(answers.bad, rules)
    offenders = _offenders(dataset, left, rules, answers.first, public, query)

    good = select(left, [ROW, *dataset.schema.columns])
    good = uniqueness.among(good, rejected["row"].cast(pl.UInt32), negate=True)
    rest = _of_the_rest(dataset, good, rules, answers, withheld, query) if rejected.height else {}
    good = good.drop(ROW)
    ordered = good if typed.in_order else good.sort(dataset.attributes.key, maintain_order=True)
    published = ordered if query.streamed else query.collected(ordered)
    results = []
    for rule in rules:
        if rule.name in failed:
            detail = f"it cannot be evaluated on these rows: {failed[rule.name]}"
            results.append(_result(rule, max(asked, 1), asked, detail=detail))
        elif rule.kind == "frame":
            results.append(_of_frame(rule, found, rest, public))
        else:
            results.append(_result(rule, found[BROKEN + rule.name], asked, offenders.get(rule.name, ()), withheld=withheld))
    where = Rows(
        delivered=asked + merged + corrected.dropped - corrected.added.height,
        published=asked - rejected.height,
        rejected=rejected.height,
        merged=merged,
        added=corrected.added.height,
        dropped=corrected.dropped,
        normalised=typed.changed,
        corrected=corrected.corrected,
    )
    reasons = _reasons(dataset, results, where)
    taken = None
    if began:
        taken = profile(
            good if query.streamed else published, where.published, where.merged, began, public, dataset.attributes.key
        )
    return Judged(where, tuple(results), reasons, published, rejected, corrected, taken, merged=together.equal)


def _as_delivered(dataset: Dataset, text: Table, results: Sequence[RuleResult], query: Query) -> tuple[RuleResult, ...]:
    """The results, with the text of each value that could not be read beside the number of its row."""
    given = text.collect_schema()
    columns = {f"{name}.type": name for name in dataset.delivered.columns}
    unread = [result for result in results if result.rule in columns and result.offenders]
    numbers = pl.Series(sorted({row["row"] for result in unread for row in result.offenders}), dtype=pl.UInt32)
    if numbers.is_empty():
        return tuple(results)
    named = [_in_short(as_text(pl.col(name), given[name])) for name in (columns[result.rule] for result in unread)]
    texts = _by_number(text.select(named).with_row_index(ROW, 1), numbers, query)

    def told(result: RuleResult) -> RuleResult:
        name = columns[result.rule]
        beside = _beside(name, dataset.schema.columns)
        rows = tuple(row | {beside: texts[row["row"]][name]} for row in result.offenders if row["row"] in texts)
        return result.model_copy(update={"offenders": rows})

    return tuple(told(result) if result in unread else result for result in results)


def _in_short(text: pl.Expr) -> pl.Expr:
    """A text as a verdict may keep it; an unbalanced quote makes a value of all lines that follow."""
    return pl.when(text.str.len_chars() > _LONGEST).then(text.str.head(_LONGEST) + "…").otherwise(text)


def _local_times(dataset: Dataset, text: Table, results: Sequence[RuleResult], query: Query) -> tuple[RuleResult, ...]:
    """The results, with the way out where all that values lack is an offset from UTC."""
    given, broken = text.collect_schema(), {result.rule for result in results if result.broken}
    columns = {f"{name}.type": name for name, column in dataset.delivered.columns.items() if is_moment(column.dtype)}
    asked = [is_local(pl.col(name), given[name]).sum().alias(rule) for rule, name in columns.items() if rule in broken]
    if not asked:
        return tuple(results)
    counts = query.asked(text, asked).row(0, named=True)
    told = {rule: _LOCAL_TIMES.format(columns[rule], count) for rule, count in counts.items() if count}
    return tuple(result.model_copy(update={"remedy": told.get(result.rule, "")}) for result in results)


def _of_the_rest(
    dataset: Dataset, rows: Table, rules: Sequence[Rule], answers: Answers, withheld: str, query: Query
) -> dict[str, Any]:
    """What the rules on the whole delivery that hold give for the rows that are left, once some are rejected.

    Also what is published must keep them: of what was delivered, the share of something may be another.
    """
    holding = [rule for rule in rules if rule.kind == "frame" and rule.name != STATISTICS and answers.counts.get(rule.name)]
    if not holding:
        return {}
    found = evaluate(dataset, rows, with_answers(holding, rows, dataset, query), {}, withheld, query)
    return found.counts | dict.fromkeys(found.failed, False)


def _of_frame(rule: Rule, found: dict[str, Any], rest: dict[str, Any], public: bool) -> RuleResult:
    """What a rule on the whole delivery found, of all rows, or where it holds for these, of the rest."""
    breaks_later = not rest.get(rule.name, True)
    value = (rest if breaks_later else found).get(MEASURED + rule.name)
    # A float that is streamed differs from run to run in its last digits; a verdict that is said again does not.
    measured = short(value) if public and value is not None and math.isfinite(value) else None
    result = _result(rule, int(not found[rule.name] or breaks_later), 1, measured=measured)
    return result.model_copy(update={"detail": f"{result.found} without the rejected rows"}) if breaks_later else result


def _rejected(bad: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    if bad.is_empty():
        return pl.DataFrame(schema={"row": pl.UInt64, "reasons": pl.List(pl.String)})
    known = set(bad.columns)
    names = [rule.name for rule in rules if BROKEN + rule.name in known]
    reasons = pl.concat_list(pl.lit(None, pl.String), *(pl.when(BROKEN + name).then(pl.lit(name)) for name in names))
    return bad.select(row=pl.col(ROW).cast(pl.UInt64), reasons=reasons.list.drop_nulls())


def _offenders(
    dataset: Dataset, rows: Table, rules: Sequence[Rule], first: dict[str, pl.Series], public: bool, query: Query
) -> dict[str, tuple[dict[str, object], ...]]:
    """By rule, the first rows that break it: their numbers, and for public data the key and the values that it looks at."""
    numbers, shown = {}, {}
    for rule in (rule for rule in rules if rule.name in first):
        numbers[rule.name] = first[rule.name].to_list()
        looked_at = (column for column in rule.columns if column in dataset.schema.columns)
        shown[rule.name] = dict.fromkeys([*dataset.attributes.key, *looked_at] if public else [])
    wanted = pl.Series(sorted({number for each in numbers.values() for number in each}), dtype=pl.UInt32)
    if wanted.is_empty():
        return {}
    columns, known = dict.fromkeys(column for each in shown.values() for column in each), dataset.schema.columns
    values = _by_number(rows.select(ROW, *columns), wanted, query)
    return {
        rule: tuple({"row": number} | {_beside(c, known): _plain(values[number][c]) for c in shown[rule]} for number in each)
        for rule, each in numbers.items()
    }


def _by_number(rows: Table, numbers: pl.Series, query: Query) -> dict[int, dict[str, Any]]:
    """The rows with these numbers, which are in order, by number."""
    # They come in order of their numbers, so that none is behind as many rows.
    those = query.collected(uniqueness.among(rows.head(numbers[-1]), numbers))
    return {row[ROW]: row for row in those.iter_rows(named=True)}


def _beside(column: str, others: Collection[str]) -> str:
    """The name of a column beside the number of its row."""
    if column != "row":
        return column
    while column in others:
        column += "_"
    return column


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):  # JSON has no word for them
        return "NaN" if math.isnan(value) else str(value)
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _reasons(dataset: Dataset, results: Sequence[RuleResult], rows: Rows) -> tuple[str, ...]:
    refused = ((r, "" if r.detail else _tolerated(r.extent, r.tolerance)) for r in results if r.status == "refused")
    reasons = [f"{r.rule}: {r.sentence}, but {r.found}{allowed}" for r, allowed in refused]
    asked, tolerance = rows.published + rows.rejected, dataset.attributes.tolerance
    share = rows.rejected / asked if asked else 0.0
    if share > tolerance:
        worst = sorted((r for r in results if r.severity == "reject" and r.broken), key=lambda r: -r.broken)
        named = ", ".join(f"{r.rule} ({r.broken})" for r in worst[:3])
        allowed = _tolerated(share, tolerance) or "; 0.0% tolerated"
        reasons.append(f"{rows.rejected} of {asked} rows rejected, {percent(share)}{allowed}: {named}")
    return tuple(reasons)


def _tolerated(share: float, tolerance: float | None) -> str:
    """What share of rows is tolerated, in words; empty if none is."""
    if not tolerance:
        return ""
    tolerated = percent(tolerance)
    return f"; {tolerated} tolerated" if percent(share) != tolerated else ", more than tolerated"


def _result(
    rule: Rule,
    broken: int,
    checked: int,
    offenders: tuple[dict[str, object], ...] = (),
    detail: str = "",
    measured: float | None = None,
    withheld: str = "",
) -> RuleResult:
    """What a rule found; of a rule on the whole delivery, or one that could not be evaluated, nothing is tolerable."""
    status: Status = "passed"
    if broken and (rule.kind == "frame" or detail or broken / checked > rule.tolerance):
        status = "warned" if rule.severity == "warn" else "refused"
    elif broken:
        status = "tolerated"
    return RuleResult(
        rule=rule.name,
        sentence=rule.sentence,
        severity=rule.severity,
        checked=checked,
        broken=broken,
        status=status,
        detail=detail,
        tolerance=None if rule.kind == "frame" else rule.tolerance,
        measured=measured,
        bound=rule.bound,
        offenders=offenders,
        withheld=withheld if offenders else "",
    )


def quarantined(delivery: str, text: Table, found: Judged) -> pl.DataFrame:
    """The rejected rows of a delivery: row number, all reasons, and the original text of every column.

    A row that a correction added names that in place of the delivery, and has the values that stand there.

    Args:
        delivery: The SHA-256 of the delivery.
        text: The delivered rows.
        found: What the gate found.
    """
    delivered = found.rows.delivered
    came, added = (found.rejected.filter(side) for side in (pl.col("row") <= delivered, pl.col("row") > delivered))
    numbers = came["row"].cast(pl.UInt32)
    if isinstance(text, pl.DataFrame):
        originals = _originals(text[numbers - 1])
    else:
        rows = text.select(pl.struct(pl.all()).alias("__original")).with_row_index(ROW, 1)
        read = Query(streamed=True).collected(uniqueness.among(rows, numbers))
        originals = _originals(read["__original"].struct.unnest())
    lie = came.select(pl.lit(delivery).alias("delivery"), "row", "reasons").hstack(originals)
    if added.is_empty():
        return lie
    places = (added["row"] - 1 - delivered).cast(pl.UInt32)
    by = pl.Series("delivery", [f"correction:{found.corrected.added_by[place]}" for place in places])
    more = added.select(by, "row", "reasons").hstack(_originals(found.corrected.added[places]))
    return pl.concat([lie, more], how="diagonal")


_TAKEN = ("partition", "verdict", "delivery", "row", "reasons", "earlier")


def _originals(rows: pl.DataFrame) -> pl.DataFrame:
    """Every column as text, under its name; where that is taken in quarantine, with a `_` more."""
    columns = []
    for name, dtype in rows.schema.items():
        free = name
        while free in _TAKEN or (free != name and free in rows.columns):
            free += "_"
        # It may be called anything: to `pl.col`, `^id$` is a pattern, and `*` is all.
        columns.append(as_text(cs.by_name(name), dtype).alias(free))
    return rows.select(columns)
