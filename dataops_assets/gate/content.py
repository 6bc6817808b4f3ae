"""The content gate: every row is published, merged or rejected, and a rejected one has all its reasons.

The order is: cast (a value that cannot be read is a reason) → normalise → correct → merge equal rows → judge → split.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.contract.schema import Schema
from dataops_assets.gate.corrected import ORIGINAL, Corrected, Corrections, correct
from dataops_assets.gate.rules import MISCAST, Rule, with_references
from dataops_assets.gate.verdict import Rows, RuleResult, Status

ROW = "__row"
_WAS = "__was_"
_BROKEN = "__broken_"
_MEASURED = "__measured_"
_OFFENDERS = 10


class CodeError(Exception):
    """`normalise` or `transform` failed, or did not keep its promise. The message says which, and how to mend it."""


@contextmanager
def code_of(dataset: Dataset, step: str) -> Iterator[None]:
    """Run a function of a dataset's own: whatever it raises is told by its name.

    Raises:
        CodeError: In place of any exception but those of storage and memory, which may pass.
    """
    try:
        yield
    except (CodeError, OSError, MemoryError):
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        why = told(error, dataset.attributes.classification == "public")
        raise CodeError(f"{step} of {dataset.name} failed: {why}") from error


def told(error: BaseException, public: bool) -> str:
    """An exception in a line; polars puts values into its messages, which only public data may show."""
    text = next(iter(str(error).strip().splitlines()), "") if public else ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@dataclass(frozen=True)
class Judged:
    """What the content gate found.

    Attributes:
        rows: Where the rows went.
        rules: What each rule found.
        reasons: Why the partition is refused; empty if it passes.
        good: The rows to publish, in order of the key.
        rejected: Row number (from 1, as delivered) and reasons of every rejected row: columns `row` and `reasons`; for a
            product also its values, as text.
        corrected: What was corrected before.
    """

    rows: Rows
    rules: tuple[RuleResult, ...]
    reasons: tuple[str, ...]
    good: pl.DataFrame
    rejected: pl.DataFrame
    corrected: Corrected


def judge_delivery(
    dataset: Dataset,
    rules: list[Rule],
    text: pl.DataFrame,
    tables: dict[str, pl.LazyFrame],
    public: bool,
    corrections: Corrections | None = None,
) -> Judged:
    """Judge the rows of a delivery.

    Args:
        dataset: Whose delivery it is.
        rules: Its rules, compiled.
        text: The delivered columns as `read_text` gives them.
        tables: The values that references must exist among; see `with_references`.
        public: Whether offending values may be shown.
        corrections: The corrections of the partition, if there are any.

    Raises:
        CodeError: `normalise` failed, lost, added or reordered rows, or did not make the columns of the schema.
        CorrectionError: A correction does not fit the rows.
    """
    rows, corrected = correct(normalised(dataset, text, corrections.originals if corrections else ()), corrections)
    return _judge(dataset, rules, rows, corrected, tables, public)


def normalised(dataset: Dataset, text: pl.DataFrame, originals: Collection[str] = ()) -> pl.DataFrame:
    """The rows of a delivery, typed and normalised: the columns of the schema, row numbers, and what could not be read.

    Args:
        dataset: Whose delivery it is.
        text: The delivered columns as `read_text` gives them.
        originals: The columns whose delivered text is kept beside the value.

    Raises:
        CodeError: `normalise` failed, lost, added or reordered rows, or did not make the columns of the schema.
    """
    frame = _cast(text, dataset.delivered, originals)
    marks = [MISCAST + name for name, column in dataset.delivered.columns.items() if column.dtype != pl.String]
    marks += [ORIGINAL + name for name in originals]
    if not dataset.normalise:
        return frame.select(*dataset.schema.columns, ROW, *marks).collect()
    before = frame.collect()
    types = {name: column.dtype for name, column in dataset.delivered.columns.items()}
    kept = [name for name, column in dataset.schema.columns.items() if types.get(name) == column.dtype]
    with code_of(dataset, "normalise"):
        # It sees neither the marks nor the copies to compare with: `pl.col(pl.String)` would change them, too.
        made = dataset.normalise(before.lazy().drop(marks))
        _check_columns(made, dataset, "normalise")
        if ROW not in made.collect_schema():
            raise CodeError(f"normalise of {dataset.name} drops columns: use `with_columns` only")
        rows = made.select(*dataset.schema.columns, ROW).collect()
    if not rows[ROW].equals(before[ROW]):
        what = f"changed which rows there are or their order ({text.height} in, {rows.height} out)"
        raise CodeError(f"normalise of {dataset.name} {what}: use `with_columns` only")
    changed = pl.any_horizontal(pl.lit(False), *(pl.col(name).ne_missing(before[name]) for name in kept))
    return rows.with_columns(changed.alias(_WAS)).hstack(before.select(marks))


def judge_product(
    dataset: Dataset, rules: list[Rule], made: pl.LazyFrame, tables: dict[str, pl.LazyFrame], public: bool
) -> Judged:
    """Judge the rows that a transform made; as `judge_delivery`, but they are typed already.

    Raises:
        CodeError: The transform failed, or its columns or types differ from the schema.
    """
    columns = dataset.schema.columns
    # The result of a group_by comes in any order; row numbers must not.
    order = [*dataset.attributes.key, *(name for name, column in columns.items() if not column.dtype.is_nested())]
    with code_of(dataset, "transform"):
        _check_columns(made, dataset, "transform")
        rows = made.select(*columns).sort([*dict.fromkeys(order)]).with_row_index(ROW, 1).collect()
    found = _judge(dataset, rules, rows, Corrected(rows.height), tables, public)
    originals = _originals(rows[(found.rejected["row"] - 1).cast(pl.UInt32)].drop(ROW))
    return replace(found, rejected=found.rejected.hstack(originals))


def _check_columns(frame: pl.LazyFrame, dataset: Dataset, step: str) -> None:
    found = frame.collect_schema()
    missing = [name for name in dataset.schema.columns if name not in found]
    if missing:
        raise CodeError(f"{step} of {dataset.name} leaves out {', '.join(missing)}: make every column of schema.py")
    for name, column in dataset.schema.columns.items():
        if found[name] != column.dtype:
            message = f"{step} of {dataset.name} makes column `{name}` as {found[name]}, but schema.py says {column.dtype}"
            raise CodeError(f"{message}: cast it there")


def _cast(text: pl.DataFrame, delivered: Schema, originals: Collection[str]) -> pl.LazyFrame:
    """Give every delivered column its type, and rows their number; what cannot be read becomes null and is marked."""
    casts, marks = [], [as_text(pl.col(name), text.schema[name]).alias(ORIGINAL + name) for name in originals]
    for name, column in delivered.columns.items():
        value = read_as(pl.col(name), text.schema[name], column.dtype)
        casts.append(value.alias(name))
        if column.dtype != pl.String:
            marks.append((value.is_null() & pl.col(name).is_not_null()).alias(MISCAST + name))
    # Columns that nobody asked for are left behind first: they may be called anything.
    return text.lazy().select(*delivered.columns).with_row_index(ROW, 1).select(ROW, *casts, *marks)


def read_as(value: pl.Expr, given: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    """A delivered value as its type: null where it cannot be read.

    Args:
        value: The delivered value.
        given: The type that it was delivered as: text, unless the format is typed.
        wanted: The type of its column.
    """
    if given in (pl.Categorical, pl.Enum):
        value, given = value.cast(pl.String), pl.String()
    if given in (wanted, pl.Null):
        return value.cast(wanted)
    if wanted == pl.String:
        return as_text(value, given)
    if given == pl.String:
        return _parse(value.str.strip_chars(), wanted)
    if not _alike(given, wanted):
        return pl.lit(None, wanted)
    read = value.cast(wanted, strict=False)
    # What would lose something is not read: 1.5 as a whole number, noon as a day. A float is an approximation anyway.
    return read if wanted.is_float() else pl.when(read.cast(given, strict=False) == value).then(read)


_DAY, _TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2}", "[0-9]{2}:[0-9]{2}:[0-9]{2}"


def _parse(text: pl.Expr, wanted: pl.DataType) -> pl.Expr:
    """A text as its type; times are ISO 8601, with `T` or a space, and with an offset where the type has a time zone."""
    if wanted == pl.Boolean:
        words = {"true": True, "false": False, "1": True, "0": False}
        return text.str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Boolean)
    # Without the patterns, the year 13 is read where 2013 is meant.
    if wanted == pl.Date:
        return _matching(text, _DAY).str.to_date("%Y-%m-%d", strict=False)
    if wanted == pl.Time:
        return _matching(text, _TIME).str.to_time("%H:%M:%S%.f", strict=False)
    if isinstance(wanted, pl.Datetime):
        layout = "%Y-%m-%dT%H:%M:%S%.f" + ("%#z" if wanted.time_zone else "")
        whole = _matching(text, f"{_DAY}[T ]{_TIME}").str.replace("^(.{10}) ", "${1}T")
        return whole.str.to_datetime(layout, time_unit=wanted.time_unit, time_zone=wanted.time_zone, strict=False)
    return text.cast(wanted, strict=False)


def _matching(text: pl.Expr, beginning: str) -> pl.Expr:
    return pl.when(text.str.contains(f"^{beginning}")).then(text)


def _alike(given: pl.DataType, wanted: pl.DataType) -> bool:
    """Whether a typed value can mean the same in another type; a number is no date, a local time no moment."""
    if given.is_numeric():
        return wanted.is_numeric() or wanted == pl.Boolean
    local = [dtype == pl.Date or (isinstance(dtype, pl.Datetime) and not dtype.time_zone) for dtype in (given, wanted)]
    return all(local) or (not any(local) and given.base_type() == wanted.base_type())


def as_text(value: pl.Expr, given: pl.DataType) -> pl.Expr:
    """A value of any type as text."""
    if given.is_nested() or given in (pl.Binary, pl.Duration, pl.Object):
        return value.map_elements(lambda v: str(v.to_list() if isinstance(v, pl.Series) else v), return_dtype=pl.String)
    return value.cast(pl.String)


def _judge(
    dataset: Dataset,
    rules: list[Rule],
    rows: pl.DataFrame,
    corrected: Corrected,
    tables: dict[str, pl.LazyFrame],
    public: bool,
) -> Judged:
    columns = list(dataset.schema.columns)
    came = rows.height
    rewritten = int(rows[_WAS].sum()) if _WAS in rows.columns else 0
    if rows.select(columns).is_duplicated().any():
        rows = _merge(rows, columns)
    judged, of_frame, failed = _evaluate(with_references(rows.lazy(), rules, tables).collect(), rules, public)

    rejecting = [rule for rule in rules if rule.severity == "reject" and _BROKEN + rule.name in judged.columns]
    broken = pl.any_horizontal(pl.lit(False), *(pl.col(_BROKEN + rule.name) for rule in rejecting))
    bad = judged.filter(broken)
    good = judged.filter(~broken).select(columns).sort(dataset.attributes.key, maintain_order=True)
    reasons_of = pl.concat_list(
        pl.when(pl.col(_BROKEN + rule.name)).then(pl.lit(rule.name)) for rule in rejecting
    ).list.drop_nulls()
    rejected = bad.select(row=pl.col(ROW).cast(pl.UInt64), reasons=reasons_of) if bad.height else _NONE_REJECTED

    counts = judged.select(pl.col("^" + _BROKEN + ".*$").sum()).row(0, named=True)
    results = []
    for rule in rules:
        if rule.name in failed:
            detail = f"it cannot be evaluated on these rows: {failed[rule.name]}"
            results.append(_result(rule, max(came, 1), came, detail=detail))
        elif rule.kind == "frame":
            value = of_frame.get(_MEASURED + rule.name)
            told = value if public and value is not None and math.isfinite(value) else None
            results.append(_result(rule, int(not of_frame[rule.name]), 1, measured=told))
        else:
            count = counts[_BROKEN + rule.name]
            results.append(_result(rule, count, came, _offenders(judged, rule, dataset, public) if count else ()))
    reasons = [f"{r.rule}: {r.sentence}, but {r.found}" for r in results if r.status == "refused"]
    share = bad.height / came if came else 0.0
    if share > dataset.attributes.tolerance:
        worst = sorted((r for r in results if r.severity == "reject" and r.broken), key=lambda r: -r.broken)
        named = ", ".join(f"{r.rule} ({r.broken})" for r in worst[:3])
        reasons.append(
            f"{bad.height} of {came} rows rejected, {share:.1%}; {dataset.attributes.tolerance:.1%} tolerated: {named}"
        )
    where = Rows(
        delivered=corrected.delivered,
        published=good.height,
        rejected=bad.height,
        merged=came - judged.height,
        added=corrected.added.height,
        dropped=corrected.dropped,
        normalised=rewritten,
        corrected=corrected.corrected,
    )
    return Judged(where, tuple(results), tuple(reasons), good, rejected, corrected)


def _evaluate(frame: pl.DataFrame, rules: Sequence[Rule], public: bool) -> tuple[pl.DataFrame, dict[str, Any], dict[str, str]]:
    """Ask every rule.

    Returns:
        The rows with a column for each rule on rows, that tells which break it; whether each rule on the frame holds, and what
        it measured; and why rules could not be evaluated, because some cannot live with every value (a date with a 13th
        month): by their names.
    """
    try:
        return *_ask(frame, rules), {}
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        failed = {rule.name: why for rule in rules if (why := _why_not(frame, rule, public))}
        if not failed:
            raise
    return *_ask(frame, [rule for rule in rules if rule.name not in failed]), failed


def _ask(frame: pl.DataFrame, rules: Sequence[Rule]) -> tuple[pl.DataFrame, dict[str, Any]]:
    judged = frame.with_columns((~rule.passes).alias(_BROKEN + rule.name) for rule in rules if rule.kind != "frame")
    of_frame = [rule.passes.alias(rule.name) for rule in rules if rule.kind == "frame"]
    of_frame += [rule.measured.alias(_MEASURED + rule.name) for rule in rules if rule.measured is not None]
    return judged, frame.select(of_frame).row(0, named=True) if of_frame else {}


def _why_not(frame: pl.DataFrame, rule: Rule, public: bool) -> str:
    try:
        frame.select(rule.passes)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        return told(error, public)
    return ""


_NONE_REJECTED = pl.DataFrame(schema={"row": pl.UInt64, "reasons": pl.List(pl.String)})


def _merge(rows: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Keep the first of the rows that are equal in every column; rows with an unreadable value are never equal."""
    unreadable = pl.any_horizontal(pl.lit(False), *(name for name in rows.columns if name.startswith(MISCAST)))
    marked = rows.with_columns(pl.when(unreadable).then(pl.col(ROW)).alias("__apart"))
    return marked.unique([*columns, "__apart"], keep="first", maintain_order=True).drop("__apart")


def _offenders(judged: pl.DataFrame, rule: Rule, dataset: Dataset, public: bool) -> tuple[dict[str, object], ...]:
    shown = dict.fromkeys([*dataset.attributes.key, *(c for c in rule.columns if public and c in dataset.schema.columns)])
    found = (
        judged.lazy().filter(pl.col(_BROKEN + rule.name)).head(_OFFENDERS).select(pl.col(ROW).alias("row"), *shown).collect()
    )
    return tuple({key: _plain(value) for key, value in row.items()} for row in found.iter_rows(named=True))


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _result(
    rule: Rule,
    broken: int,
    checked: int,
    offenders: tuple[dict[str, object], ...] = (),
    detail: str = "",
    measured: float | None = None,
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
        measured=measured,
        bound=rule.bound,
        offenders=offenders,
    )


def quarantined(delivery: str, text: pl.DataFrame, found: Judged) -> pl.DataFrame:
    """The rejected rows of a delivery: row number, all reasons, and the original text of every column.

    A row that a correction added names that in place of the delivery, and has the values that stand there.

    Args:
        delivery: The SHA-256 of the delivery.
        text: The delivered rows.
        found: What the gate found.
    """
    came, added = (found.rejected.filter(side) for side in (pl.col("row") <= text.height, pl.col("row") > text.height))
    originals = _originals(text[(came["row"] - 1).cast(pl.UInt32)])
    rows = came.select(pl.lit(delivery).alias("delivery"), "row", "reasons").hstack(originals)
    if added.is_empty():
        return rows
    numbers = (added["row"] - 1 - text.height).cast(pl.UInt32)
    by = pl.Series("delivery", [f"correction:{found.corrected.added_by[number]}" for number in numbers])
    more = added.select(by, "row", "reasons").hstack(_originals(found.corrected.added[numbers]))
    return pl.concat([rows, more], how="diagonal")


_TAKEN = ("verdict", "delivery", "row", "reasons")


def _originals(rows: pl.DataFrame) -> pl.DataFrame:
    """Every column as text, under its name; where that is taken in quarantine, with a `_` more."""
    columns = []
    for name, dtype in rows.schema.items():
        free = name
        while free in _TAKEN or (free != name and free in rows.columns):
            free += "_"
        columns.append(as_text(pl.col(name), dtype).alias(free))
    return rows.select(columns)
