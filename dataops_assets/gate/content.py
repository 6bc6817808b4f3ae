"""The content gate: every row is published, merged or rejected, and a rejected one has all its reasons.

The order is: cast (a value that cannot be read is a reason) → normalise → merge equal rows → judge → split. Rows are known by
their numbers throughout. What is given as a LazyFrame is never held in memory: it is read once for the order of its rows, once
for the verdict, and once more by whoever writes what is good.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.gate import uniqueness
from dataops_assets.gate.casting import as_text, cast
from dataops_assets.gate.profile import Profile, profile
from dataops_assets.gate.rules import MISCAST, ROW, Rule, with_references
from dataops_assets.gate.verdict import Rows, RuleResult, Status, Unusual

_ROW_BEFORE = "__row_before"
_WAS = "__was_"
_CHANGED = "__changed"
_BROKEN = "__broken_"
_BAD = "__bad"
_LEFT = "__left"
_MEASURED = "__measured_"
_AMONG_BAD = "__among_bad_"
_OFFENDING = "__offending_"
_OFFENDERS = 10
_BROKEN_RULES = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


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
        good: The rows to publish, in order of the key; a LazyFrame, to be written as it is read, if the delivery was one.
        rejected: Row number (from 1, as delivered) and reasons of every rejected row: columns `row` and `reasons`; for a
            product also its values, as text.
        profile: What the good rows are like, if it was asked for.
        unusual: What of that is unlike the partitions before; see `drift`.
    """

    rows: Rows
    rules: tuple[RuleResult, ...]
    reasons: tuple[str, ...]
    good: pl.DataFrame | pl.LazyFrame
    rejected: pl.DataFrame
    profile: Profile | None = None
    unusual: tuple[Unusual, ...] = ()


class _Reading:
    """How rows are read: all at once where they fit into memory, else as they come, again for each question.

    Args:
        streamed: Whether they may be more than fit into memory.
    """

    def __init__(self, streamed: bool):
        self.streamed = streamed
        self.engine: uniqueness.Engine = "streaming" if streamed else "in-memory"

    def kept(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The same rows; made only once, if they fit."""
        return rows if self.streamed else rows.collect(engine=self.engine).lazy()

    def asked(self, rows: pl.LazyFrame, questions: Iterable[pl.Expr]) -> pl.DataFrame:
        """What expressions give that are each a single value: one row."""
        return rows.select(questions).collect(engine=self.engine)


def judge_delivery(
    dataset: Dataset,
    rules: list[Rule],
    text: pl.DataFrame | pl.LazyFrame,
    tables: dict[str, pl.LazyFrame],
    public: bool,
    began: datetime | None = None,
) -> Judged:
    """Judge the rows of a delivery.

    Args:
        dataset: Whose delivery it is.
        rules: Its rules, compiled.
        text: The delivered columns as `read_text` gives them.
        tables: The values that references must exist among; see `with_references`.
        public: Whether offending values may be shown.
        began: When the partition began; without it no profile is taken.

    Raises:
        CodeError: `normalise` failed, lost, added or reordered rows, or did not make the columns of the schema.
    """
    reading = _Reading(isinstance(text, pl.LazyFrame))
    rows = cast(text.lazy(), dataset.delivered)
    marks = [MISCAST + name for name, column in dataset.delivered.columns.items() if column.dtype != pl.String]
    rows = _normalised(dataset, rows, marks) if dataset.normalise else rows.select(*dataset.schema.columns, ROW, *marks)
    return _judge(dataset, rules, rows, tables, public, reading, began)


def _normalised(dataset: Dataset, before: pl.LazyFrame, marks: list[str]) -> pl.LazyFrame:
    """Normalised rows, beside the numbers that they had before, and whether they were changed."""
    assert dataset.normalise
    types = {name: column.dtype for name, column in dataset.delivered.columns.items()}
    kept = [name for name, column in dataset.schema.columns.items() if types.get(name) == column.dtype]
    with code_of(dataset, "normalise"):
        # It sees neither the marks nor the copies to compare with: `pl.col(pl.String)` would change them, too.
        made = dataset.normalise(before.drop(marks))
        _check_columns(made, dataset, "normalise")
        if ROW not in made.collect_schema():
            raise CodeError(f"normalise of {dataset.name} drops columns: use `with_columns` only")
    was = before.select(pl.col(ROW).alias(_ROW_BEFORE), *marks, *(pl.col(name).alias(_WAS + name) for name in kept))
    beside = pl.concat([was, made.select(*dataset.schema.columns, ROW)], how="horizontal_extend")
    changed = pl.any_horizontal(pl.lit(False), *(pl.col(name).ne_missing(pl.col(_WAS + name)) for name in kept))
    return beside.select(*dataset.schema.columns, ROW, *marks, _ROW_BEFORE, changed.alias(_CHANGED))


def judge_product(
    dataset: Dataset,
    rules: list[Rule],
    made: pl.LazyFrame,
    tables: dict[str, pl.LazyFrame],
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
        _check_columns(made, dataset, "transform")
        rows = made.select(*columns).sort([*dict.fromkeys(order)]).with_row_index(ROW, 1).collect()
    found = _judge(dataset, rules, rows.lazy(), tables, public, _Reading(streamed=False), began)
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


def _judge(
    dataset: Dataset,
    rules: list[Rule],
    rows: pl.LazyFrame,
    tables: dict[str, pl.LazyFrame],
    public: bool,
    reading: _Reading,
    began: datetime | None,
) -> Judged:
    rows, normalised, in_order = _looked_over(dataset, rows, reading)
    together = uniqueness.find(rows, dataset, rules, in_order, reading.engine)
    left = together.marked(rows)
    found, failed = _evaluate(reading.kept(with_references(left, rules, tables)), rules, public, reading)
    delivered = found[_LEFT][0] + together.equal.len()
    rejected = _rejected(rules, found)
    offenders = _offenders(dataset, left, rules, found, public, reading)

    good = uniqueness.among(left, rejected["row"].cast(pl.UInt32), negate=True).select(*dataset.schema.columns)
    ordered = good if in_order else good.sort(dataset.attributes.key, maintain_order=True)
    published = ordered if reading.streamed else ordered.collect()
    results = []
    for rule in rules:
        if rule.name in failed:
            detail = f"it cannot be evaluated on these rows: {failed[rule.name]}"
            results.append(_result(rule, max(delivered, 1), delivered, detail=detail))
        elif rule.kind == "frame":
            value = found[_MEASURED + rule.name][0] if rule.measured is not None else None
            measured = value if public and value is not None and math.isfinite(value) else None
            results.append(_result(rule, int(not found[rule.name][0]), 1, measured=measured))
        else:
            results.append(_result(rule, found[_BROKEN + rule.name][0], delivered, offenders.get(rule.name, ())))
    where = Rows(
        delivered=delivered,
        published=delivered - together.equal.len() - rejected.height,
        rejected=rejected.height,
        merged=together.equal.len(),
        normalised=normalised,
    )
    reasons = _reasons(dataset, results, where)
    taken = None
    if began:
        taken = profile(good if reading.streamed else published, where.published, where.merged, began)
    return Judged(where, tuple(results), reasons, published, rejected, taken)


def _looked_over(dataset: Dataset, rows: pl.LazyFrame, reading: _Reading) -> tuple[pl.LazyFrame, int, bool]:
    """The rows, how many of them `normalise` changed, and whether they are in strict order of the key.

    Raises:
        CodeError: `normalise` failed, lost, added or reordered rows.
    """
    unordered = uniqueness.out_of_order(dataset).alias("unordered")
    if not dataset.normalise or _CHANGED not in rows.collect_schema():  # a product has none
        rows = reading.kept(rows)
        return rows, 0, reading.asked(rows, [unordered]).item() <= 1
    was, now = pl.col(_ROW_BEFORE), pl.col(ROW)
    moved = was.ne_missing(now).any().alias("moved")
    with code_of(dataset, "normalise"):
        rows = reading.kept(rows)
        seen = reading.asked(rows, [unordered, moved, was.count(), now.count(), pl.col(_CHANGED).sum()])
    if seen["moved"][0]:
        what = f"changed which rows there are or their order ({seen[_ROW_BEFORE][0]} in, {seen[ROW][0]} out)"
        raise CodeError(f"normalise of {dataset.name} {what}: use `with_columns` only")
    return rows, seen[_CHANGED][0], seen["unordered"][0] <= 1


def _evaluate(
    rows: pl.LazyFrame, rules: Sequence[Rule], public: bool, reading: _Reading
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Ask every rule.

    Returns:
        One row: how many rows break each rule on rows, which do, whether each rule on the frame holds, and what it measured;
        and why rules could not be evaluated, because some cannot live with every value (a date with a 13th month): by their
        names.
    """
    try:
        return _ask(rows, rules, reading), {}
    except _BROKEN_RULES:
        failed = {rule.name: why for rule in rules if (why := _why_not(rows, rule, reading, public))}
        if not failed:
            raise
    return _ask(rows, [rule for rule in rules if rule.name not in failed], reading), failed


def _ask(rows: pl.LazyFrame, rules: Sequence[Rule], reading: _Reading) -> pl.DataFrame:
    of_rows = [rule for rule in rules if rule.kind != "frame"]
    bad = pl.any_horizontal(pl.lit(False), *(_BROKEN + rule.name for rule in of_rows if rule.severity == "reject"))
    marked = rows.with_columns((~rule.passes).alias(_BROKEN + rule.name) for rule in of_rows)
    judged = reading.kept(marked.with_columns(bad.alias(_BAD)))
    questions = [pl.len().alias(_LEFT), *(pl.col(_BROKEN + rule.name).sum() for rule in of_rows)]
    questions += [rule.passes.alias(rule.name) for rule in rules if rule.kind == "frame"]
    questions += [rule.measured.alias(_MEASURED + rule.name) for rule in rules if rule.measured is not None]
    if reading.streamed:
        return reading.asked(judged, (*questions, *_which(of_rows)))
    found = reading.asked(judged, questions)
    broken = [rule for rule in of_rows if found[_BROKEN + rule.name][0]]  # the least of them, as a rule
    return found.hstack(reading.asked(judged, _which(broken))) if broken else found


def _which(rules: Sequence[Rule]) -> Iterator[pl.Expr]:
    """Which rows are bad, which of these break each rule; and for each rule, the first rows that break it."""
    yield pl.col(ROW).filter(_BAD).implode().alias(_BAD)
    for rule in rules:
        broken = pl.col(_BROKEN + rule.name)
        if rule.severity == "reject":
            yield broken.filter(_BAD).implode().alias(_AMONG_BAD + rule.name)
        yield pl.col(ROW).filter(broken).head(_OFFENDERS).implode().alias(_OFFENDING + rule.name)


def _why_not(rows: pl.LazyFrame, rule: Rule, reading: _Reading, public: bool) -> str:
    try:
        rows.select(rule.passes).collect(engine=reading.engine)
    except _BROKEN_RULES as error:
        return told(error, public)
    return ""


def _rejected(rules: Sequence[Rule], found: pl.DataFrame) -> pl.DataFrame:
    numbers = found[_BAD][0] if _BAD in found.columns else pl.Series([], dtype=pl.UInt32)
    broken = {rule.name: found[_AMONG_BAD + rule.name][0] for rule in rules if _AMONG_BAD + rule.name in found.columns}
    rows = pl.DataFrame({ROW: numbers, **broken})
    reasons = pl.concat_list(pl.lit(None, pl.String), *(pl.when(name).then(pl.lit(name)) for name in broken))
    return rows.select(row=pl.col(ROW).cast(pl.UInt64), reasons=reasons.list.drop_nulls())


def _offenders(
    dataset: Dataset, rows: pl.LazyFrame, rules: Sequence[Rule], found: pl.DataFrame, public: bool, reading: _Reading
) -> dict[str, tuple[dict[str, object], ...]]:
    """By rule, the first rows that break it: number and key, and for public data the values that it looks at."""
    numbers, shown = {}, {}
    for rule in (rule for rule in rules if _OFFENDING + rule.name in found.columns):
        numbers[rule.name] = found[_OFFENDING + rule.name][0].to_list()
        looked_at = (column for column in rule.columns if public and column in dataset.schema.columns)
        shown[rule.name] = dict.fromkeys([*dataset.attributes.key, *looked_at])
    wanted = pl.Series(sorted({number for each in numbers.values() for number in each}), dtype=pl.UInt32)
    if wanted.is_empty():
        return {}
    columns = dict.fromkeys(column for each in shown.values() for column in each)
    told = uniqueness.among(rows, wanted).select(ROW, *columns).collect(engine=reading.engine)
    values = {row[ROW]: row for row in told.iter_rows(named=True)}
    return {
        rule: tuple({"row": number} | {column: _plain(values[number][column]) for column in shown[rule]} for number in each)
        for rule, each in numbers.items()
    }


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _reasons(dataset: Dataset, results: Sequence[RuleResult], rows: Rows) -> tuple[str, ...]:
    reasons = [f"{r.rule}: {r.sentence}, but {r.found}" for r in results if r.status == "refused"]
    share, tolerance = rows.rejected / rows.delivered if rows.delivered else 0.0, dataset.attributes.tolerance
    if share > tolerance:
        worst = sorted((r for r in results if r.severity == "reject" and r.broken), key=lambda r: -r.broken)
        named = ", ".join(f"{r.rule} ({r.broken})" for r in worst[:3])
        found = f"{rows.rejected} of {rows.delivered} rows rejected, {share:.1%}"
        reasons.append(f"{found}; {tolerance:.1%} tolerated: {named}")
    return tuple(reasons)


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


def quarantined(delivery: str, text: pl.DataFrame | pl.LazyFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """The rejected rows of a delivery: row number, all reasons, and the original text of every column.

    Args:
        delivery: The SHA-256 of the delivery.
        text: The delivered rows.
        rejected: As `Judged.rejected`.
    """
    numbers = rejected["row"].cast(pl.UInt32)
    if isinstance(text, pl.DataFrame):
        originals = _originals(text[numbers - 1])
    else:
        delivered = text.select(pl.struct(pl.all()).alias("__original")).with_row_index(ROW, 1)
        read = uniqueness.among(delivered, numbers).collect(engine="streaming")
        originals = _originals(read["__original"].struct.unnest())
    return rejected.select(pl.lit(delivery).alias("delivery"), "row", "reasons").hstack(originals)


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
