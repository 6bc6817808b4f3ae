"""A pandera check as an expression, or as what has to be called.

A check that selects one boolean expression is captured: it is handed a recorder in place of the frame. One that does more, or
is element-wise, is called through pandera; two rows without any value are what it is tried on first. So is one that selects
columns by a type or a pattern: where it would be evaluated, columns of the gate's own stand beside those of the dataset.

Not here: rules and their options (`rules`), and calling a check on rows that came (`called`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
from pandera.api.checks import Check
from pandera.api.polars.types import PolarsData
from pandera.backends.polars.checks import PolarsCheckBackend
from pandera.backends.polars.register import register_polars_backends
from polars.io.plugins import register_io_source

from dataops_assets.contract.schema import RESERVED, Schema
from dataops_assets.gate.query import FAILURES

register_polars_backends()  # with them the built-in checks; pandera itself does so once it validates something


@dataclass(frozen=True)
class Captured:
    """What a check demands, as an expression.

    Attributes:
        passes: A boolean expression, never null: by row, or a single value.
        columns: The columns that it looks at.
        of_frame: Whether it is a single value, for a frame of any height.
        measured: What is compared with `bound`; None if it is no comparison with a number.
        bound: The number.
    """

    passes: pl.Expr
    columns: tuple[str, ...]
    of_frame: bool
    measured: pl.Expr | None = None
    bound: float | None = None


@dataclass(frozen=True)
class Called:
    """A check that no expression can be captured of, so that pandera calls it.

    Attributes:
        check: The check.
        column: The column that it is a check of; None if it is one of the frame.
        columns: The columns that it looks at.
        of_frame: Whether it is about the frame: all that it gives must hold, however many that are.
        why: What makes it more than an expression, in words.
    """

    check: Check
    column: str | None
    columns: tuple[str, ...]
    of_frame: bool
    why: str

    @property
    def by_value(self) -> bool:
        """Whether it looks at each value by itself, so that some of the rows are enough to call it."""
        return bool(self.check.element_wise)

    def answer(self, rows: pl.LazyFrame) -> pl.Series:
        """Whether it holds: for each row, or for the frame. Whatever the check raises comes through."""
        output: pl.LazyFrame = self.check(rows, self.column).check_output
        return output.collect().to_series()


def is_no_answer(holds: pl.Series, *heights: int) -> str:
    """What is wrong with what a check gives, in words; empty if nothing is.

    Args:
        holds: What it gives.
        heights: How many values it may give, the number of rows last.
    """
    if holds.dtype != pl.Boolean:
        return f"gives {holds.dtype}, not true or false"
    return "" if holds.len() in heights else f"gives {holds.len()} values for {heights[-1]} rows"


class NotCompiled(Exception):
    """A check that can be neither captured nor called.

    Args:
        message: What is wrong with it.
        rule: The rule that it should become.
    """

    def __init__(self, message: str, rule: str):
        super().__init__(message)
        self.rule = rule


def compiled(check: Check, column: str | None, name: str, schema: Schema) -> Captured | Called:
    """What a check demands.

    Args:
        check: The check.
        column: The column that it is a check of; None if it is one of the frame.
        name: The rule that it becomes.
        schema: The columns that there are.

    Raises:
        NotCompiled: It cannot be evaluated on the columns, or gives something else than true and false.
    """
    if check.element_wise:
        looked_at = (column,) if column else tuple(schema.columns)
        return Called(check, column, looked_at, of_frame=False, why="element-wise: Python is called for each value")
    selected = _selected(check, column)
    if isinstance(selected, str):
        return _tried(check, column, name, schema, selected)
    of_frame = _is_aggregate(selected, schema.two_rows, name)
    columns = _named(selected, schema)
    if columns is None:
        return _tried(check, column, name, schema, "it selects columns by a type or a pattern, not by their names")
    passes = pl.all_horizontal(selected).fill_null(bool(check.ignore_na))
    if not of_frame:
        return Captured(passes, columns, of_frame)
    # One value for two rows without any may be more for others: `unique`, `mode`.
    return Captured(passes.all(), columns, of_frame, **_comparison(selected, schema.two_rows.clear()))


class _Selection:
    """What a check selects from the frame."""

    def __init__(self, expressions: Iterable[pl.Expr]):
        self.expressions = list(expressions)


class _Recorder:
    """Stands in for the frame in a check of the form `data.lazyframe.select(<expression>)`, and keeps the expression.

    Attributes:
        missed: What else a check asks of the frame; it may decide by that, even if it selects an expression at last.
    """

    missed = ""

    def __getattr__(self, name: str) -> Any:
        self.missed = name
        raise AttributeError(f"there are no rows to ask for `{name}`", name=name, obj=self)

    def select(self, *selected: Any, **named: Any) -> _Selection:
        several = len(selected) == 1 and isinstance(selected[0], Iterable) and not isinstance(selected[0], str | pl.Series)
        expressions = map(_as_expression, selected[0] if several else selected)
        return _Selection([*expressions, *(_as_expression(value).alias(name) for name, value in named.items())])


def _as_expression(value: Any) -> pl.Expr:
    """What polars makes of something that is selected."""
    if isinstance(value, pl.Expr):
        return value
    return pl.col(value) if isinstance(value, str) else pl.lit(value)


def _selected(check: Check, column: str | None) -> list[pl.Expr] | str:
    """The expressions that a check selects, or why it does more than that."""
    recorder, found, why = _Recorder(), None, ""
    try:
        found = PolarsCheckBackend(check).check_fn(PolarsData(recorder, column or "*"))  # type: ignore[arg-type]
    # Whatever a check does that a recorder cannot, it is more than a selection.
    except Exception as error:
        ours = isinstance(error, AttributeError) and isinstance(error.obj, _Recorder | _Selection)
        why = f"`{getattr(error, 'name', '')}`" if ours else _in_one_line(error)
    if why or recorder.missed:
        return f"it does more than select an expression ({why or f'`{recorder.missed}`'})"
    if not isinstance(found, _Selection) or not found.expressions:
        return f"it gives {type(found).__name__}, no selection"
    return found.expressions


def _tried(check: Check, column: str | None, name: str, schema: Schema, why: str) -> Called:
    """A check that is called, with what a call on two rows without any value tells of it.

    Raises:
        NotCompiled: The call fails, or gives neither one value nor two.
    """
    found = Called(check, column, (), False, why)
    answers: list[pl.Series] = []
    try:
        looked_at = _asked_for(schema.two_rows, lambda rows: answers.append(found.answer(rows)))
    # It is somebody's own code, which may raise anything.
    except (Exception, pl.exceptions.PanicException) as error:
        raise NotCompiled(f"check `{name}` fails on two rows without any value: {_in_one_line(error)}", name) from error
    [holds] = answers
    if wrong := is_no_answer(holds, 1, 2):
        raise NotCompiled(f"check `{name}` {wrong}", name)
    columns = tuple(one for one in schema.columns if one in looked_at or one == column)
    return Called(check, column, columns, holds.len() == 1, why)


def _named(selected: list[pl.Expr], schema: Schema) -> tuple[str, ...] | None:
    """The columns that expressions look at; None if others of other names, beside them, would be looked at as well."""
    if not any(one.meta.has_multiple_outputs() for one in selected):
        names = {name for one in selected for name in one.meta.root_names()}
        return tuple(name for name in schema.columns if name in names)
    rows = schema.two_rows
    # Of each type that columns of the gate have, and with the names of the others at their ends, as `__miscast_<column>`.
    types = pl.UInt32, pl.Boolean, pl.String
    others = pl.DataFrame(schema={f"{RESERVED}{i}_{name}": dtype for name in rows.columns for i, dtype in enumerate(types)})
    others = others.clear(rows.height)
    both = (rows, pl.concat([others[:, :1], rows, others[:, 1:]], how="horizontal"))
    try:
        alone, beside = (_asked_for(each, lambda frame: frame.select(selected).collect()) for each in both)
    except FAILURES:  # with some of those others they cannot live
        return None
    return tuple(name for name in schema.columns if name in alone) if alone == beside else None


def _asked_for(rows: pl.DataFrame, ask: Callable[[pl.LazyFrame], object]) -> set[str]:
    """The columns that polars reads of some rows to answer a question."""
    columns: set[str] = set()

    def read(names: list[str] | None, predicate: pl.Expr | None, most: int | None, _: int | None) -> Iterator[pl.DataFrame]:
        """A source of rows, which polars asks for just the columns that it needs."""
        columns.update(rows.columns if names is None else names)
        found = rows if predicate is None else rows.filter(predicate)
        found = found if most is None else found.head(most)
        yield found if names is None else found.select(names)

    ask(register_io_source(read, schema=rows.schema))
    return columns


def _is_aggregate(selected: list[pl.Expr], two_rows: pl.DataFrame, name: str) -> bool:
    """Whether the expressions are about the frame as a whole; that they give one value for two rows tells."""
    try:
        found = two_rows.select_seq(selected)
    except FAILURES as error:
        raise NotCompiled(f"check `{name}` cannot be evaluated on the schema: {_in_one_line(error)}", name) from error
    if wrong := next(filter(None, (is_no_answer(holds, 1, 2) for holds in found)), ""):
        raise NotCompiled(f"check `{name}` {wrong}", name)
    return found.height == 1


def _in_one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    # polars shows a pattern that it cannot read before it says why.
    reasons = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return f"regex error: {reasons[0]}" if reasons and lines[0].startswith("regex error") else lines[0]


def _comparison(selected: list[pl.Expr], no_rows: pl.DataFrame) -> dict[str, Any]:
    """What a selection compares with a number, and the number, as attributes of `Captured`.

    Of no rows, only what is a single value whatever there is gives one: `mean`, but not `unique`.
    """
    operands = selected[0].meta.pop() if len(selected) == 1 else []
    bounds = [operand for operand in operands if operand.meta.is_literal()]
    values = [operand for operand in operands if not operand.meta.is_literal()]
    if (len(bounds), len(values)) != (1, 1):
        return {}
    try:
        found = no_rows.select_seq(measured=values[0], bound=bounds[0])
    except FAILURES:  # it asks for the first row, say; what it compares is not told
        return {}
    if found.height != 1 or not all(dtype.is_numeric() for dtype in found.dtypes) or found["bound"][0] is None:
        return {}
    return {"measured": values[0].cast(pl.Float64), "bound": float(found["bound"][0])}
