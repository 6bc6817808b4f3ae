"""The profile of a partition: what its good rows are like, in a few numbers for each column.

Here: which statistics there are, and how they are taken. Most partitions are small, and there a query takes longer than what
it asks: so what a column can tell by itself is asked of the column, and all that is asked of numbers, of all of them at once.

Not here: which of them are unusual (`drift`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import BaseModel, ConfigDict

from dataops_assets.contract.schema import is_text
from dataops_assets.gate.query import select
from dataops_assets.gate.relations import NULL, Moments, Numbers, moments

_MOST_ROWS = 1_000_000
_SAMPLED_ROWS = 250_000
_MOST_CATEGORIES = 128
_MOST_NUMBERS = 48
_MOST_RELATED = 24
_MOST_RELATED_ROWS = 100_000
_DIGITS = 6
_MOST_AT_ONCE = 1_000_000
_QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
_EXACT = {"Float16": 2.0**-11, "Float32": 2.0**-24, "Float64": 1e-9}
"""To which part of a float its digits can be told: 0.1 of 32 bits is 0.10000000149."""
_OF_ALL_ROWS = ("distinct", "step")
_COUNT = "\ncount"
_BEGAN = "\nbegan"
_ROW = "__row"
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Profile(BaseModel):
    """What the rows of a partition are like. Every number has six significant digits.

    Attributes:
        rows: How many there are.
        every: Every which of them was looked at: 1 for all, more where they do not fit into memory.
        merged: The share of delivered rows that equalled another one.
        repeated: The share of rows that equal another one in all but the key.
        columns: By column, each statistic by its name: `nulls` and `top`, the share of rows without a value and with the most
            frequent one; `distinct`, how many values there are; `least`, `mean`, `greatest` and the quantiles `q05` to `q95`,
            in the unit of the column, of dates and times in minutes since the partition began, by the clock of its time zone;
            `step`, the root mean square of the difference to the row before; `decimals`, how many digits are behind the point
            in the mean, up to four; of texts `length`, the mean in characters, `lower` and `padded`, the share of those
            with a small letter, and with a blank at an end.
        categories: By column of texts, flags, or numbers with few values, how many rows have each.
        relations: What the first 24 columns are like together; of data that is not public, only where they have no value.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    every: int = 1
    merged: float = 0.0
    repeated: float | None = None
    columns: dict[str, dict[str, float]]
    categories: dict[str, dict[str, int]] = {}
    relations: Moments | None = None


def profile(
    rows: pl.DataFrame | pl.LazyFrame, height: int, merged: int, began: datetime, public: bool, key: Sequence[str] = ()
) -> Profile:
    """Take the statistics of rows.

    Args:
        rows: The good rows, a frame in the order of the key; of a LazyFrame, which may be more than fits into memory, every
            so many of more than a million are looked at, an eighth to a quarter of a million in all.
        height: How many they are.
        merged: How many more were delivered that equal one of them.
        began: When the partition began, with its time zone.
        public: Whether values may be shown. Else only shares, counts and lengths are taken: a profile outlives its rows, and a
            quantile is the value of a row.
        key: The columns that tell rows apart.
    """
    if not height:
        return Profile(rows=0, merged=float(merged > 0), columns={})
    # A power of two, so that partitions of about the same size are looked at in the same way.
    few = isinstance(rows, pl.DataFrame) or height <= _MOST_ROWS
    every = 1 if few else 1 << math.ceil(math.log2(height / _SAMPLED_ROWS))
    # The sample is held in memory; what is asked of it is no more exact for being streamed.
    held = _every(rows, every).collect(engine="streaming") if isinstance(rows, pl.LazyFrame) else rows
    # Only the step from row to row asks for their order, and of a part of them it tells nothing.
    held = held.sort(key, maintain_order=True) if key and held is not rows and every == 1 else held
    types = held.schema
    shown = tuple(types.items())
    since = pl.lit(began.replace(tzinfo=UTC).timestamp()).alias(_BEGAN)
    numbers = select(held.with_columns(since), _numbers(shown, str(began.tzinfo)))
    rest = [name for name, dtype in types.items() if name not in key and not _is_opaque(dtype)]
    repeated = None
    if rest and every == 1:
        repeated = short(1 - select(held, [pl.struct(rest).hash().n_unique()]).item() / held.height)
    answers = next(select(held, _asked(shown)).iter_rows(named=True), {})
    measured = _measured(numbers, {name: _EXACT[str(dtype)] for name, dtype in types.items() if dtype.is_float()})
    columns, categories = {}, {}
    for name, dtype in types.items():
        column = held[name]
        found: dict[str, Any] = {"nulls": column.null_count() / held.height}
        if not _is_opaque(dtype):
            values, counts = column.value_counts(sort=True, name=_COUNT).get_columns()
            known = counts[int(values[0] is None) :]
            found |= {"distinct": values.len(), "top": known[0] / held.height if known.len() else None}
            # A column of keys has as many values as rows: only where they are few do they tell anything.
            most = _MOST_NUMBERS if dtype.is_numeric() else _MOST_CATEGORIES if has_categories(dtype) else 0
            if public and values.len() <= most:
                pairs = zip(values.to_list(), counts.to_list(), strict=True)
                categories[name] = {str(value): count for value, count in pairs if value is not None}
        found |= {what: answers[label] for what in _QUESTIONS if (label := f"{name}\n{what}") in answers}
        found |= {what: one for what, one in measured.get(name, {}).items() if public or what not in _MEASURES}
        for what in _OF_ALL_ROWS if every > 1 else ():
            found.pop(what, None)  # of a part of the rows, it depends on how large the part is
        columns[name] = {what: short(one) for what, one in found.items() if one is not None and math.isfinite(one)}
    thin = -(-held.height // _MOST_RELATED_ROWS)
    if thin > 1:
        held, numbers = held.gather_every(thin), numbers.gather_every(thin)
    nulls = select(held, [pl.all().is_null().cast(pl.Float64).name.suffix(NULL)])
    return Profile(
        rows=height,
        every=every,
        merged=short(merged / (height + merged)),
        repeated=repeated,
        columns=columns,
        categories=categories,
        relations=moments(nulls.hstack(numbers)[[name for name in related_of(types) if public or name.endswith(NULL)]]),
    )


def _every(rows: pl.LazyFrame, every: int) -> pl.LazyFrame:
    return rows.with_row_index(_ROW).filter(pl.col(_ROW) % every == 0).drop(_ROW) if every > 1 else rows


def statistics_of(schema: Mapping[str, pl.DataType]) -> list[tuple[str, str]]:
    """Every statistic that a profile has of rows with these columns, as column and name."""
    found = []
    for name, dtype in schema.items():
        asked = ["nulls", *(() if _is_opaque(dtype) else ("distinct", "top"))]
        asked += [what for what, (of, _) in _QUESTIONS.items() if of(dtype)]
        asked += ["decimals"] if dtype.is_float() else []
        found += [(name, what) for what in (*asked, *(_MEASURES if _is_number(dtype) else ()))]
    return found


def related_of(schema: Mapping[str, pl.DataType]) -> list[str]:
    """The numbers of a row that relations may be between; see `relations`."""
    first = list(schema.items())[:_MOST_RELATED]
    several = ((name, name + NULL) if _is_number(dtype) else (name + NULL,) for name, dtype in first)
    return [one for names in several for one in names]


def _is_opaque(dtype: pl.DataType) -> bool:
    return dtype.is_nested() or dtype in (pl.Binary, pl.Object, pl.Null)


def has_categories(dtype: pl.DataType) -> bool:
    """Whether the values of a column tell kinds of rows apart, and nothing lies between two of them."""
    return is_text(dtype) or dtype == pl.Boolean


def _is_number(dtype: pl.DataType) -> bool:
    """Whether a column has a mean."""
    return dtype.is_numeric() or dtype.is_temporal() or dtype == pl.Boolean


_QUESTIONS: dict[str, tuple[Callable[[pl.DataType], bool], Callable[[pl.Expr], pl.Expr]]] = {
    "length": (is_text, lambda value: value.cast(pl.String).str.len_chars().mean()),
    "lower": (is_text, lambda value: value.cast(pl.String).str.contains("[a-z]").mean()),
    "padded": (is_text, lambda value: value.cast(pl.String).str.contains(r"^\s|\s$").mean()),
}
"""What is asked of columns by expressions: of which types, and how."""


@cache
def _asked(types: tuple[tuple[str, pl.DataType], ...]) -> list[pl.Expr]:
    """Each question, to all columns at once: there are hundreds of answers."""
    names = {what: [name for name, dtype in types if of(dtype)] for what, (of, _) in _QUESTIONS.items()}
    return [how(pl.col(names[what])).name.suffix(f"\n{what}") for what, (_, how) in _QUESTIONS.items() if names[what]]


_MEASURES = ("least", "mean", "greatest", "step", *_QUANTILES)


def _measured(numbers: pl.DataFrame, exact: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """What is asked of columns of floats, by their names; of those that are `exact` to a part of a value, also their digits.

    A column without a value is left out. What cannot be told is NaN.
    """
    several = [name for name in numbers.columns if numbers[name].null_count() < numbers.height]
    at_once = max(1, _MOST_AT_ONCE // max(1, numbers.height))
    found: dict[str, dict[str, float]] = {}
    for place in range(0, len(several), at_once):
        names = several[place : place + at_once]
        values = numbers[names].to_numpy().T
        with np.errstate(all="ignore"):
            is_none = np.isnan(values)
            count = values.shape[1] - is_none.sum(axis=1)
            squares = np.square(np.diff(values))
            no_step = np.isnan(squares)
            steps = np.where(no_step, 0.0, squares).sum(axis=1) / (squares.shape[1] - no_step.sum(axis=1))
            measures = {
                "mean": np.where(is_none, 0.0, values).sum(axis=1) / count,
                "step": np.sqrt(steps),
                **_quantiles(values, count),
            }
            finer = np.full(len(names), np.nan)
            is_float = [number for number, name in enumerate(names) if name in exact]
            parts = np.array([exact[names[number]] for number in is_float]).reshape(-1, 1)
            finer[is_float] = _decimals(values[is_float], parts) / count[is_float]
        for number, name in enumerate(names):
            found[name] = {"decimals": finer[number]} | {what: measures[what][number] for what in _MEASURES}
    return found


def _quantiles(values: Numbers, count: npt.NDArray[np.int64]) -> dict[str, Numbers]:
    """By name, of each row of values: linear between the two that are nearest. What is NaN does not count; `count` are not."""
    shares = {"least": 0.0, "greatest": 1.0} | _QUANTILES
    ordered = np.sort(values)  # with what is none at its end
    place = np.outer(count - 1, list(shares.values()))
    below, above = (np.take_along_axis(ordered, end(place).astype(np.int64), axis=1) for end in (np.floor, np.ceil))
    found = np.where(below == above, below, below + (above - below) * (place % 1))
    return dict(zip(shares, found.T, strict=True))


def _decimals(values: Numbers, exact: Numbers) -> Numbers:
    """How many digits are behind the point, up to four: the sum over each row of values, exact to a part of each."""
    least = exact * np.abs(values)
    finer = [(np.abs(values - np.round(values, digits)) > least).sum(axis=1) for digits in range(4)]
    total: Numbers = np.sum(finer, axis=0, dtype=np.float64)
    return total


@cache
def _numbers(types: tuple[tuple[str, pl.DataType], ...], zone: str) -> list[pl.Expr]:
    """The columns that have a mean, as floats: beside the rows stands when the partition began, in its time zone."""
    return [_number(name, dtype, zone) for name, dtype in types if _is_number(dtype)]


def _number(name: str, dtype: pl.DataType, zone: str) -> pl.Expr:
    value = pl.col(name)
    if dtype.is_float():
        return pl.when(value.is_finite()).then(value).cast(pl.Float64)
    if dtype == pl.Time:
        return value.dt.hour().cast(pl.Float64) * 60 + value.dt.minute()
    if dtype == pl.Duration:
        return value.dt.total_seconds().cast(pl.Float64) / 60
    if dtype in (pl.Datetime, pl.Date):
        seconds = value.dt.epoch("s") - pl.col(_BEGAN)
        if isinstance(dtype, pl.Datetime) and dtype.time_zone:
            # What people do follows the clock on the wall. No zone is known far from today, and polars panics there.
            there = value.clip(_EARLIEST, _LATEST).dt.convert_time_zone(zone).dt
            seconds += (there.base_utc_offset() + there.dst_offset()).dt.total_seconds()
        return seconds.cast(pl.Float64) / 60
    return value.cast(pl.Float64)


def short(value: float) -> float:
    """A number with six significant digits."""
    return float(f"{value:.{_DIGITS}g}")
