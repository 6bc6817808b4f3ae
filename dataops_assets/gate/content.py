"""The content gate: every row is published, merged or rejected, and a rejected one has all its reasons.

The order is: cast (a value that cannot be read is a reason) → normalise → merge equal rows → judge → split.
"""

from dataclasses import dataclass, replace

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.contract.schema import Schema
from dataops_assets.gate.rules import MISCAST, Rule, with_references
from dataops_assets.gate.verdict import RuleResult, Rows, Status

ROW = "__row"
_WAS = "__was_"
_BROKEN = "__broken_"
_OFFENDERS = 10


class NormaliseError(Exception):
    """`normalise` or `transform` did not keep its promise. The message says which, and how to mend it."""


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
    """

    rows: Rows
    rules: tuple[RuleResult, ...]
    reasons: tuple[str, ...]
    good: pl.DataFrame
    rejected: pl.DataFrame


def judge_delivery(
    dataset: Dataset, rules: list[Rule], text: pl.DataFrame, tables: dict[str, pl.LazyFrame], public: bool
) -> Judged:
    """Judge the rows of a delivery.

    Args:
        dataset: Whose delivery it is.
        rules: Its rules, compiled.
        text: The delivered columns as `read_text` gives them.
        tables: The values that references must exist among; see `with_references`.
        public: Whether offending values may be shown.

    Raises:
        NormaliseError: `normalise` lost, added or reordered rows, or left out a column of the schema.
    """
    frame = _cast(text.lazy().with_row_index(ROW, 1), dataset.delivered)
    if dataset.normalise:
        kept = [name for name in dataset.schema.columns if name in dataset.delivered.columns]
        before = frame.with_columns(pl.col(name).alias(_WAS + name) for name in kept)
        frame = dataset.normalise(before)
        _check_columns(frame, dataset, "normalise")
        changed = pl.any_horizontal(pl.col(name).ne_missing(pl.col(_WAS + name)) for name in kept)
        frame = frame.with_columns((changed if kept else pl.lit(False)).alias(_WAS))
    flags = [MISCAST + name for name, column in dataset.delivered.columns.items() if column.dtype != pl.String]
    technical = [ROW, *flags] + ([_WAS] if dataset.normalise else [])
    rows = frame.select(*dataset.schema.columns, *technical).collect()
    if dataset.normalise and rows[ROW].to_list() != list(range(1, text.height + 1)):
        message = (
            f"normalise of {dataset.name} changed which rows there are or their order ({text.height} in, {rows.height} out)"
        )
        raise NormaliseError(f"{message}: use `with_columns` only")
    return _judge(dataset, rules, rows, tables, public, flags)


def judge_product(
    dataset: Dataset, rules: list[Rule], made: pl.LazyFrame, tables: dict[str, pl.LazyFrame], public: bool
) -> Judged:
    """Judge the rows that a transform made; as `judge_delivery`, but they are typed already.

    Raises:
        NormaliseError: The columns or types differ from the schema.
    """
    _check_columns(made, dataset, "transform")
    found = made.collect_schema()
    for name, column in dataset.schema.columns.items():
        if found[name] != column.dtype:
            message = f"transform of {dataset.name} makes column `{name}` as {found[name]}, but schema.py says {column.dtype}"
            raise NormaliseError(f"{message}: cast it in transform.py")
    # The result of a group_by comes in any order; row numbers must not.
    rows = made.select(*dataset.schema.columns).sort(dataset.attributes.key).with_row_index(ROW, 1).collect()
    found = _judge(dataset, rules, rows, tables, public, [])
    originals = rows[(found.rejected["row"] - 1).cast(pl.UInt32)].drop(ROW).select(pl.all().cast(pl.String).name.map(_beside))
    return replace(found, rejected=found.rejected.hstack(originals))


def _check_columns(frame: pl.LazyFrame, dataset: Dataset, step: str) -> None:
    missing = [name for name in dataset.schema.columns if name not in frame.collect_schema()]
    if missing:
        raise NormaliseError(f"{step} of {dataset.name} leaves out {', '.join(missing)}: make every column of schema.py")


def _cast(text: pl.LazyFrame, delivered: Schema) -> pl.LazyFrame:
    """Give every delivered column its type; what cannot be read becomes null and is marked."""
    given = text.collect_schema()
    casts, marks = [], []
    for name, column in delivered.columns.items():
        value = read_as(pl.col(name), given[name], column.dtype)
        casts.append(value.alias(name))
        if column.dtype != pl.String:
            marks.append((value.is_null() & pl.col(name).is_not_null()).alias(MISCAST + name))
    return text.select(ROW, *casts, *marks)


def read_as(value: pl.Expr, given: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    """A delivered value as its type: null where it cannot be read.

    Args:
        value: The delivered value.
        given: The type that it was delivered as: text, unless the format is typed.
        wanted: The type of its column.
    """
    if given == pl.String and wanted != pl.String:
        value = value.str.strip_chars()
        if wanted == pl.Boolean:
            return value.str.to_lowercase().replace_strict(
                {"true": True, "false": False, "1": True, "0": False}, default=None, return_dtype=pl.Boolean
            )
        if wanted == pl.Date:
            return value.str.to_date("%Y-%m-%d", strict=False)
        if wanted == pl.Time:
            return value.str.to_time("%H:%M:%S%.f", strict=False)
        if isinstance(wanted, pl.Datetime):
            layout = _datetime_format(wanted)
            return value.str.to_datetime(layout, time_unit=wanted.time_unit, time_zone=wanted.time_zone, strict=False)
        if wanted == pl.Date:
            return value.str.to_date("%Y-%m-%d", strict=False)
        if wanted == pl.Time:
            return value.str.to_time("%H:%M:%S%.f", strict=False)
    return value.cast(wanted, strict=False)


def _datetime_format(wanted: pl.Datetime) -> str:
    """ISO 8601, with an offset where the type has a time zone."""
    return "%Y-%m-%dT%H:%M:%S%.f%#z" if wanted.time_zone else "%Y-%m-%dT%H:%M:%S%.f"


def _judge(
    dataset: Dataset, rules: list[Rule], rows: pl.DataFrame, tables: dict[str, pl.LazyFrame], public: bool, flags: list[str]
) -> Judged:
    columns = list(dataset.schema.columns)
    delivered = rows.height
    normalised = int(rows[_WAS].sum()) if _WAS in rows.columns else 0
    if rows.select(columns).is_duplicated().any():
        rows = _merge(rows, columns, flags)
    judged = (
        with_references(rows.lazy(), rules, tables)
        .with_columns((~rule.passes).alias(_BROKEN + rule.name) for rule in rules if rule.kind != "frame")
        .collect()
    )
    frame_rules = [rule for rule in rules if rule.kind == "frame"]
    held = rows.select(rule.passes.alias(rule.name) for rule in frame_rules).row(0, named=True) if frame_rules else {}

    rejecting = [rule for rule in rules if rule.severity == "reject" and rule.kind != "frame"]
    broken = pl.any_horizontal(pl.col(_BROKEN + rule.name) for rule in rejecting) if rejecting else pl.lit(False)
    bad = judged.filter(broken)
    good = judged.filter(~broken).select(columns).sort(dataset.attributes.key)
    reasons_of = pl.concat_list(
        pl.when(pl.col(_BROKEN + rule.name)).then(pl.lit(rule.name)) for rule in rejecting
    ).list.drop_nulls()
    rejected = bad.select(row=pl.col(ROW).cast(pl.UInt64), reasons=reasons_of) if bad.height else _NONE_REJECTED

    counts = judged.select(pl.col("^" + _BROKEN + ".*$").sum()).row(0, named=True)
    results = []
    for rule in rules:
        count = int(not held[rule.name]) if rule.kind == "frame" else counts[_BROKEN + rule.name]
        offenders = _offenders(judged, rule, dataset, public) if count and rule.kind != "frame" else ()
        results.append(_result(rule, count, delivered, offenders))
    reasons = [f"{r.rule}: {r.sentence}, but {_in_words(r, delivered)}" for r in results if r.status == "refused"]
    share = bad.height / delivered if delivered else 0.0
    if share > dataset.attributes.tolerance:
        worst = sorted((r for r in results if r.severity == "reject" and r.broken), key=lambda r: -r.broken)
        named = ", ".join(f"{r.rule} ({r.broken})" for r in worst[:3])
        reasons.append(
            f"{bad.height} of {delivered} rows rejected, {share:.1%}; {dataset.attributes.tolerance:.1%} tolerated: {named}"
        )
    where = Rows(
        delivered=delivered,
        published=good.height,
        rejected=bad.height,
        merged=delivered - judged.height,
        normalised=normalised,
    )
    return Judged(where, tuple(results), tuple(reasons), good, rejected)


_NONE_REJECTED = pl.DataFrame(schema={"row": pl.UInt64, "reasons": pl.List(pl.String)})


def _merge(rows: pl.DataFrame, columns: list[str], flags: list[str]) -> pl.DataFrame:
    """Keep the first of the rows that are equal in every column; rows with an unreadable value are never equal."""
    unreadable = pl.any_horizontal(flags) if flags else pl.lit(False)
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


def _result(rule: Rule, broken: int, checked: int, offenders: tuple[dict[str, object], ...]) -> RuleResult:
    allowed = 0.0 if rule.kind == "frame" else rule.tolerance * checked
    status: Status = "passed"
    if broken > allowed:
        status = "warned" if rule.severity == "warn" else "refused"
    elif broken:
        status = "tolerated"
    return RuleResult(
        rule=rule.name, sentence=rule.sentence, severity=rule.severity, broken=broken, status=status, offenders=offenders
    )


def _in_words(result: RuleResult, delivered: int) -> str:
    if result.broken == 1 and not result.offenders:
        return "the delivery breaks it"
    return f"{result.broken} of {delivered} rows break it"


def quarantined(delivery: str, text: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """The rejected rows with delivery, row number, all reasons, and the original text of every column.

    Args:
        delivery: The SHA-256 of the delivery.
        text: The delivered rows.
        rejected: As `Judged.rejected`.
    """
    originals = text[(rejected["row"] - 1).cast(pl.UInt32)].select(pl.all().cast(pl.String).name.map(_beside))
    return rejected.select(pl.lit(delivery).alias("delivery"), "row", "reasons").hstack(originals)


def _beside(column: str) -> str:
    """A delivered column's name in quarantine, where three names are taken."""
    return f"{column}_" if column in ("delivery", "row", "reasons") else column
