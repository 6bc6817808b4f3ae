"""Values as `corrections.yaml` has them, read as the values of a column: just as the gate reads what a provider wrote."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.contract.errors import Mistake
from dataops_assets.contract.parse import Unquoted
from dataops_assets.contract.repeatable import in_sql
from dataops_assets.contract.schema import has_text
from dataops_assets.gate.casting import is_moment, read_as
from dataops_assets.gate.rules import MISCAST

_WORDS = (pl.Categorical, pl.Enum)


def as_written(value: Any, dtype: pl.DataType) -> str | None:
    """A value as a provider would write it.

    Raises:
        Mistake: It is a list or a mapping; or it is not quoted, where the column is text.
    """
    if value is None:
        return None
    if not isinstance(value, str | bool | float | Unquoted):  # a float that is not finite
        raise Mistake(f"{value!r} is no single value", "write one value, or `null` for none")
    if not isinstance(value, str) and (dtype == pl.String or (isinstance(value, bool) and dtype in _WORDS)):
        raise Mistake(f"{value!r} is no text", "put it in quotes: the column is text")
    return str(value).lower() if isinstance(value, bool) else str(value)


def column_of(texts: Sequence[str | None], dtype: pl.DataType) -> pl.Series:
    """Texts as the values of a column; null where one cannot be read."""
    read = read_as(pl.col("text"), pl.String(), dtype)
    return pl.Series("text", texts, pl.String).to_frame().select_seq(read).to_series()


def is_readable(text: str | None, dtype: pl.DataType) -> bool:
    """Whether a text can be read as a value of a type; no value always can."""
    return text is None or dtype == pl.String or column_of([text], dtype)[0] is not None


def checked(value: Any, dtype: pl.DataType) -> str | None:
    """As `as_written`, of a value that the column can hold.

    Raises:
        Mistake: It cannot.
    """
    text = as_written(value, dtype)
    if text is not None and not has_text(dtype):
        raise Mistake(f"values of type {dtype} cannot be written here", "leave the column out, or name the row by `where`")
    if is_readable(text, dtype):
        return text
    remedy = "write it as the provider would, in quotes if it looks like a number or a date"
    if is_moment(dtype):
        remedy = "write it in quotes and with its offset from UTC, as '2024-01-31T12:00:00+01:00'"
    raise Mistake(f"{value!r} cannot be read as {dtype}", remedy)


_WITH_TIMES = (
    ", days as DATE '2024-01-31' and times as TIMESTAMP '2024-01-31 12:00:00'; "
    "what has a time zone is compared as text, as STRFTIME(column, '%Y-%m-%dT%H:%M') = '2024-01-31T12:00'"
)


def condition(where: str, dataset: Dataset) -> pl.Expr:
    """A condition in SQL as an expression over the columns of a dataset, never null.

    Of a value that could not be read, none is true: it is not there, but it is not none either.

    Raises:
        Mistake: It cannot be evaluated, or is not true or false of a row.
    """
    if moody := in_sql(where):
        remedy = "write a condition over the columns, which is true of the same rows at any time"
        raise Mistake(f"`where` asks for `{moody}`, which is not the same whenever it is asked", remedy)
    try:
        expression = pl.sql_expr(where)
        found = dataset.schema.two_rows.select(expression)
    # Some of what SQL can say makes polars panic, which is no Exception.
    except (Exception, pl.exceptions.PanicException) as error:
        why = next(iter(str(error).strip().splitlines()), type(error).__name__)
        remedy = _WITH_TIMES if any(dtype.is_temporal() for dtype in dataset.schema.two_rows.dtypes) else ""
        raise Mistake(
            f"`where` cannot be evaluated: {why}", "write a condition over the columns of schema.py" + remedy
        ) from error
    if found.dtypes != [pl.Boolean] or found.height != 2:
        raise Mistake("`where` is not true or false of each row", "write a condition over the columns, as `seats = 379`")
    looked_at = {*expression.meta.root_names()} & {*dataset.delivered.columns}
    marks = [MISCAST + name for name in sorted(looked_at) if dataset.delivered.columns[name].dtype != pl.String]
    return expression.fill_null(False) & ~pl.any_horizontal(pl.lit(False), *marks)
