"""A pandera check as an expression, or as what has to be called.

A check that selects one boolean expression is captured: it is handed a recorder in place of the frame. One that does more, or
is element-wise, is called through pandera; two rows without any value are what it is tried on first.

Not here: rules and their options (`rules`), and calling a check on rows that came (`called`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
from pandera.api.checks import Check
from pandera.api.polars.types import PolarsData
from pandera.backends.polars.checks import PolarsCheckBackend
from pandera.backends.polars.register import register_polars_backends
from polars.io.plugins import register_io_source

from dataops_assets.contract.schema import Schema
from dataops_assets.gate.query import FAILURES

register_polars_backends()  # with them the built-in checks; pandera itself does so once it validates something


@dataclass(frozen=True)
class Captured:
    """What a check demands, as an expression.

    Attributes:
        passes: A boolean expression, never null: by row, or a single value.
        of_frame: Whether it is a single value, for a frame of any height.
        measured: What is compared with `bound`; None if it is no comparison with a number.
        bound: The number.
    """

    passes: pl.Expr
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
        of_frame: Whether it gives a single value.
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
        """Whether it holds: for each row, or a single value. Whatever the check raises comes through."""
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
        columns = (column,) if column else tuple(schema.columns)
        return Called(check, column, columns, of_frame=False, why="element-wise: Python is called for each value")
    selected = _selected(check, column)
    if isinstance(selected, str):
        return _tried(check, column, name, schema, selected)
    of_frame = _is_aggregate(selected, schema.two_rows, name)
    passes = pl.all_horizontal(selected).fill_null(bool(check.ignore_na))
    return Captured(passes, of_frame, **(_comparison(selected, schema.two_rows) if of_frame else {}))


class _Selection:
    """What a check selects from the frame."""

    def __init__(self, expressions: Iterable[pl.Expr]):
        self.expressions = list(expressions)


class _Recorder:
    """Stands in for the frame in a check of the form `data.lazyframe.select(<expression>)`, and keeps the expression."""

    def select(self, *expressions: Any, **named: Any) -> _Selection:
        return _Selection([*expressions, *(value.alias(key) for key, value in named.items())])


def _selected(check: Check, column: str | None) -> list[pl.Expr] | str:
    """The expressions that a check selects, or why it does more than that."""
    data = PolarsData(_Recorder(), column or "*")  # type: ignore[arg-type]
    try:
        found = PolarsCheckBackend(check).check_fn(data)
    # Whatever a check does that a recorder cannot, it is more than a selection.
    except Exception as error:
        ours = isinstance(error, AttributeError) and isinstance(error.obj, _Recorder | _Selection)
        what = f"`{getattr(error, 'name', '')}`" if ours else _first_line(error)
        return f"it does more than select an expression ({what})"
    if not isinstance(found, _Selection) or not found.expressions:
        return f"it gives {type(found).__name__}, no selection"
    return found.expressions


def _tried(check: Check, column: str | None, name: str, schema: Schema, why: str) -> Called:
    """A check that is called, with what a call on two rows without any value tells of it.

    Raises:
        NotCompiled: The call fails, or gives neither one value nor two.
    """
    looked_at: dict[str, None] = {}
    nothing = schema.two_rows

    def read(columns: list[str] | None, predicate: pl.Expr | None, most: int | None, _: int | None) -> Iterator[pl.DataFrame]:
        """A source of rows, which polars asks for just the columns that it needs."""
        looked_at.update(dict.fromkeys(nothing.columns if columns is None else columns))
        rows = nothing if predicate is None else nothing.filter(predicate)
        rows = rows if most is None else rows.head(most)
        yield rows if columns is None else rows.select(columns)

    found = Called(check, column, (), False, why)
    try:
        holds = found.answer(register_io_source(read, schema=nothing.schema))
    # It is somebody's own code, which may raise anything.
    except (Exception, pl.exceptions.PanicException) as error:
        raise NotCompiled(f"check `{name}` fails on two rows without any value: {_first_line(error)}", name) from error
    if wrong := is_no_answer(holds, 1, 2):
        raise NotCompiled(f"check `{name}` {wrong}", name)
    columns = tuple(one for one in schema.columns if one in looked_at or one == column)
    return Called(check, column, columns, holds.len() == 1, why)


def _is_aggregate(selected: list[pl.Expr], two_rows: pl.DataFrame, name: str) -> bool:
    """Whether the expressions give one value for a frame of any height; two rows without values tell."""
    try:
        found = two_rows.select(selected)
    except FAILURES as error:
        raise NotCompiled(f"check `{name}` cannot be evaluated on the schema: {_first_line(error)}", name) from error
    if wrong := next(filter(None, (is_no_answer(holds, 1, 2) for holds in found)), ""):
        raise NotCompiled(f"check `{name}` {wrong}", name)
    return found.height == 1


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _comparison(selected: list[pl.Expr], two_rows: pl.DataFrame) -> dict[str, Any]:
    """What a selection compares with a number, and the number, as attributes of `Captured`."""
    operands = selected[0].meta.pop() if len(selected) == 1 else []
    bounds = [operand for operand in operands if operand.meta.is_literal()]
    values = [operand for operand in operands if not operand.meta.is_literal()]
    if (len(bounds), len(values)) != (1, 1):
        return {}
    found = two_rows.select(measured=values[0], bound=bounds[0])
    if not all(dtype.is_numeric() for dtype in found.dtypes) or found["bound"][0] is None:
        return {}
    return {"measured": values[0].cast(pl.Float64), "bound": float(found["bound"][0])}
