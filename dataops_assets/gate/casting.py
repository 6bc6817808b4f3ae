"""Casting: a delivered value as its type, or null where it cannot be read; and any value as text.

Not here: what happens to a row with a value that cannot be read (`content`).
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from dataops_assets.contract.schema import Schema, has_text, is_text
from dataops_assets.gate.query import Table, select, with_columns
from dataops_assets.gate.rules import MISCAST, ORIGINAL, ROW

_PLAIN, _VALUE = "__plain_", "__value_"
_NUMBERS = {*pl.datatypes.group.INTEGER_DTYPES, pl.Float32, pl.Float64}


def cast(text: Table, delivered: Schema, originals: Collection[str] = (), nulls: Collection[str] = ()) -> Table:
    """Give every delivered column its type, and rows their number; what cannot be read becomes null and is marked.

    Args:
        text: The delivered columns.
        delivered: What they should be.
        originals: The columns whose delivered text is kept beside the value.
        nulls: The texts that mean "no value".
    """
    given = text.collect_schema()
    columns = tuple((name, given[name], column.dtype) for name, column in delivered.columns.items())
    *steps, typed = _casts(columns, tuple(originals), tuple(nulls))
    # Columns that nobody asked for are left behind first: they may be called anything. In one step, each value would be read
    # twice: once more for its mark.
    rows: Table = text.select(*delivered.columns).with_row_index(ROW, 1)
    for step in steps:
        rows = with_columns(rows, step) if step else rows
    return select(rows, typed)


@lru_cache(maxsize=1000)
def _casts(
    columns: tuple[tuple[str, pl.DataType, pl.DataType], ...], originals: tuple[str, ...], nulls: tuple[str, ...]
) -> tuple[list[pl.Expr], ...]:
    """How values are read, step by step: which texts are plain numbers, what all others say, these read, and what comes of all.

    Hardly a number is written with blanks around it, or as `3.0` where it is whole: only where it cannot be read at once is it
    looked at more closely, which takes several times as long. The steps are alike for each partition.

    Args:
        columns: The columns, their types as delivered and as wanted.
        originals: As of `cast`.
        nulls: As of `cast`.
    """
    plain, known, read, typed = [], [], [], [pl.col(ROW)]
    marks = [pl.col(ORIGINAL + name) for name in originals]
    for name, given, wanted in columns:
        value = pl.col(name)
        if name in originals:
            known.append(as_text(value, given).alias(ORIGINAL + name))
        as_read = read_as(value, pl.String() if is_text(given) else given, wanted)
        if is_text(given) and wanted.is_numeric() and not wanted.is_decimal():
            at_once = pl.col(_PLAIN + name)
            plain.append(_plain(value, wanted, nulls).alias(_PLAIN + name))
            known.append(said(pl.when(at_once.is_null()).then(value), given, wanted, nulls).alias(name))
            as_read = pl.coalesce(at_once, as_read)
        elif is_text(given):
            known.append(said(value, given, wanted, nulls))
        read.append(as_read.alias(_VALUE + name))
        typed.append(pl.col(_VALUE + name).alias(name))
        if wanted != pl.String:
            marks.append((pl.col(_VALUE + name).is_null() & value.is_not_null()).alias(MISCAST + name))
    return plain, known, read, [*typed, *marks]


def plain_numbers(delivered: Schema, nulls: Collection[str]) -> dict[str, pl.DataType]:
    """The columns of numbers that polars reads from csv as they are read here, each with its type.

    It passes over blanks before a number, so it takes blanks alone for no value, and where `-9` means none, ` -9` for a number.
    """
    if "" not in (null.strip() for null in nulls):
        return {}
    wanted = {name: column.dtype for name, column in delivered.columns.items() if column.dtype in _NUMBERS}
    return {name: dtype for name, dtype in wanted.items() if _meant(dtype, nulls).is_empty()}


def _plain(text: pl.Expr, wanted: pl.DataType, nulls: Collection[str]) -> pl.Expr:
    """A text as a number, where it is plainly one that no text means "no value" by."""
    number = text.cast(pl.String).cast(wanted, strict=False)
    meant = _meant(wanted, nulls)
    return pl.when(~number.is_in(meant.implode())).then(number) if meant.len() else number


def _meant(wanted: pl.DataType, nulls: Collection[str]) -> pl.Series:
    """The numbers that mean "no value"."""
    return pl.Series([null.strip() for null in nulls], dtype=pl.String).cast(wanted, strict=False).drop_nulls()


def said(value: pl.Expr, given: pl.DataType, wanted: pl.DataType, nulls: Collection[str]) -> pl.Expr:
    """A delivered value, or null where its text means that there is none; blanks around it count for texts and bytes alone."""
    if not is_text(given):
        return value
    text = value.cast(pl.String)
    if not nulls:
        return text
    # Streaming, `replace` would hold all rows.
    if not _has_blanks(wanted):
        return pl.when(~text.str.strip_chars().is_in([null.strip() for null in nulls])).then(text)
    return pl.when(~text.is_in(list(nulls))).then(text)


def _has_blanks(wanted: pl.DataType) -> bool:
    """Whether blanks around a value are part of it."""
    return is_text(wanted) or wanted == pl.Binary


def read_as(value: pl.Expr, given: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    """A delivered value as its type: null where it cannot be read.

    Args:
        value: The delivered value.
        given: The type that it was delivered as: text, unless the format is typed.
        wanted: The type of its column.
    """
    if given == pl.Null:
        return value.cast(wanted)
    if is_text(given):
        text = value.cast(pl.String)
        if is_text(wanted):
            return text.cast(wanted, strict=False)
        if wanted.is_nested() or wanted == pl.Duration:  # which nothing says how to write
            return pl.lit(None, wanted)
        return _in_python(_parse(text if _has_blanks(wanted) else text.str.strip_chars(), wanted), wanted)
    if wanted == pl.String:  # as what is missing is written by pandas, NaN is no text
        return as_text(value.fill_nan(None) if given.is_float() else value, given)
    if given.is_nested() or wanted.is_nested():
        return _nested(value, given, wanted)
    if given == wanted:
        return _in_python(value, wanted)
    if not _alike(given, wanted):
        return pl.lit(None, wanted)
    if wanted == pl.Boolean:
        return pl.when((value == 0) | (value == 1)).then(value == 1)
    if given.is_float() and wanted.is_decimal():  # polars would multiply it, and 0.07 become 0.0700000000000001
        return _parse(as_text(value, given), wanted)
    read = value.cast(wanted, strict=False)
    # What would lose something is not read: 1.5 as a whole number, noon as a day. A float is an approximation anyway.
    return read if wanted.is_float() else _in_python(pl.when(read.cast(given, strict=False) == value).then(read), wanted)


def _nested(value: pl.Expr, given: Any, wanted: Any) -> pl.Expr:
    """A list or an object as its type: null if one value in it cannot be read."""
    if isinstance(given, pl.Array) and isinstance(wanted, pl.Array) and given.shape[0] == wanted.shape[0]:
        return _nested(value, given, pl.List(wanted.inner)).list.to_array(wanted.shape[0])
    if isinstance(given, pl.Array) and isinstance(wanted, pl.List):
        value, given = value.arr.to_list(), pl.List(given.inner)
    if isinstance(given, pl.List) and isinstance(wanted, pl.List):
        inner: tuple[Any, Any] = given.inner, wanted.inner
        read = read_as(pl.element(), *inner)
        lost = value.list.eval(read.is_null() & pl.element().is_not_null()).list.any()
        return pl.when(~lost).then(value.list.eval(read))
    if isinstance(given, pl.Struct) and isinstance(wanted, pl.Struct):
        types: dict[str, Any] = {field.name: field.dtype for field in given.fields}
        to: dict[str, Any] = {field.name: field.dtype for field in wanted.fields}
        if types.keys() == to.keys():
            fields = {name: value.struct.field(name) for name in to}
            reads = {name: read_as(fields[name], types[name], to[name]) for name in to}
            lost = pl.any_horizontal(reads[name].is_null() & fields[name].is_not_null() for name in to)
            return pl.when(value.is_not_null() & ~lost).then(pl.struct(read.alias(name) for name, read in reads.items()))
    return pl.lit(None, wanted)


_FIRST, _EPOCH, _LAST = datetime.min.replace(tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_WRITABLE_DAYS = 95_000_000
_UNITS = {"ms": timedelta(milliseconds=1), "us": timedelta(microseconds=1)}


def _in_python(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A value, or null if Python has no such day or time, as in the year 0 or 12000: all that tells of it could not."""
    bounds = _bounds_in_python(dtype)
    return pl.when(value.to_physical().is_between(*bounds)).then(value) if bounds else value


@cache
def _bounds_in_python(dtype: pl.DataType) -> tuple[int, int] | None:
    """The least and the greatest value of a type that Python has, as the numbers that they are kept as; None if it has all."""
    if dtype == pl.Date:
        return (_FIRST - _EPOCH).days, (_LAST - _EPOCH).days
    if dtype == pl.Time:
        return 0, 24 * 3600 * 10**9 - 1
    unit = _UNITS.get(getattr(dtype, "time_unit", ""))
    if unit is None:
        return None
    if dtype == pl.Duration:
        return timedelta.min // unit, timedelta.max // unit
    # By the clock of its zone, too.
    zone = ZoneInfo(getattr(dtype, "time_zone", None) or "UTC")
    behind, ahead = (end.replace(tzinfo=zone).utcoffset() or timedelta() for end in (_FIRST, _LAST))
    return (_FIRST + max(-behind, timedelta()) - _EPOCH) // unit, (_LAST - max(ahead, timedelta()) - _EPOCH) // unit


_MONTH_AND_DAY, _TIME = "-[0-9]{2}-[0-9]{2}", "[0-9]{2}:[0-9]{2}:[0-5][0-9]"
_YEAR = "[0-9]{4}"
_YEAR_IN_NANOSECONDS = "(167[89]|16[89][0-9]|1[7-9][0-9]{2}|2[01][0-9]{2}|22[0-5][0-9]|226[01])"
"""They count from 1677 to 2262; polars takes any other year for one of these."""
_DIGITS = {"ms": 3, "us": 6, "ns": 9}


def _parse(text: pl.Expr, wanted: pl.DataType) -> pl.Expr:
    """A text as its type; times are ISO 8601, with `T` or a space, and with an offset where the type has a time zone.

    As of typed values, what would lose something is not read: polars rounds a decimal to its scale, and a time to its unit.
    """
    if wanted == pl.Boolean:
        words = {"true": True, "false": False, "1": True, "0": False}
        return text.str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Boolean)
    if isinstance(wanted, pl.Decimal):
        return pl.when(_fits(text, wanted.scale)).then(text.cast(wanted, strict=False))
    # Without the patterns, the year 13 is read where 2013 is meant, and the second 60 as the next minute.
    if wanted == pl.Date:
        return _matching(text, _YEAR + _MONTH_AND_DAY).str.to_date("%Y-%m-%d", strict=False)
    if wanted == pl.Time:
        return _matching(text, _TIME + _fraction("ns")).str.to_time("%H:%M:%S%.f", strict=False)
    if isinstance(wanted, pl.Datetime):
        layout = "%Y-%m-%dT%H:%M:%S%.f" + ("%#z" if wanted.time_zone else "")
        day = (_YEAR_IN_NANOSECONDS if wanted.time_unit == "ns" else _YEAR) + _MONTH_AND_DAY
        whole = _matching(text, f"{day}[T ]{_TIME}{_fraction(wanted.time_unit)}").str.replace("^(.{10}) ", "${1}T")
        return whole.str.to_datetime(layout, time_unit=wanted.time_unit, time_zone=wanted.time_zone, strict=False)
    # As pandas writes the whole numbers of a column with gaps: 3.0.
    return (text.str.strip_suffix(".0") if wanted.is_integer() else text).cast(wanted, strict=False)


def is_moment(wanted: pl.DataType) -> bool:
    """Whether a type has a time zone, so that its values are moments."""
    return isinstance(wanted, pl.Datetime) and wanted.time_zone is not None


def is_local(value: pl.Expr, given: pl.DataType) -> pl.Expr:
    """Whether a delivered value is a date and time without an offset from UTC, which tells no moment."""
    if given == pl.String:
        return _parse(value.str.strip_chars(), pl.Datetime("us")).is_not_null()
    return value.is_not_null() if isinstance(given, pl.Datetime) and not given.time_zone else pl.lit(False)


def _matching(text: pl.Expr, beginning: str) -> pl.Expr:
    return pl.when(text.str.contains(f"^{beginning}")).then(text)


def _fraction(unit: str) -> str:
    """The pattern of a fraction of a second, of which a unit holds all digits but zeros."""
    return rf"(\.[0-9]{{0,{_DIGITS[unit]}}}0*)?($|[^0-9.])"


_NUMBER = r"^[+-]?0*(?<whole>[0-9]*)\.?(?<fraction>[0-9]*?)0*(?:[eE](?<exponent>[+-]?[0-9]+))?$"


def _fits(number: pl.Expr, scale: int) -> pl.Expr:
    """Whether a written number has no more digits behind the point than a scale holds, zeros at its end not counted."""
    # Only what is not plain is taken apart, which takes several times as long: 1e5, 0E-8, 1.005.
    plain = number.str.contains(rf"^[^.eE]*(\.[0-9]{{0,{scale}}}0*)?$")
    whole, fraction, exponent = (pl.field(name) for name in ("whole", "fraction", "exponent"))
    digits = (whole + fraction).str.strip_chars_end("0").str.len_bytes().cast(pl.Float64)
    behind = digits - whole.str.len_bytes() - exponent.cast(pl.Float64).fill_null(0)
    parts = pl.when(~plain).then(number).str.extract_groups(_NUMBER)
    return parts.struct.with_fields(fits=(digits == 0) | (behind <= scale)).struct.field("fits").fill_null(True)


def _alike(given: pl.DataType, wanted: pl.DataType) -> bool:
    """Whether a typed value can mean the same in another type; a number is no date, a local time no moment."""
    if given.is_numeric():
        return wanted.is_numeric() or wanted == pl.Boolean
    local = [dtype == pl.Date or (isinstance(dtype, pl.Datetime) and not dtype.time_zone) for dtype in (given, wanted)]
    return all(local) or (not any(local) and given.base_type() == wanted.base_type())


def as_text(value: pl.Expr, given: pl.DataType) -> pl.Expr:
    """A value of any type as text."""
    if isinstance(given, pl.Array):
        value, given = value.arr.to_list(), pl.List(given.inner)
    if bounds := _writable(given):
        written = _written(pl.when(value.to_physical().is_between(*bounds)).then(value), given)
        return pl.coalesce(written, value.to_physical().cast(pl.String) + f" ({given})")
    if has_text(given) or given == pl.Duration:
        return _written(value, given)
    told = _times_as_text(value, given)
    return told.map_elements(lambda v: str(v.to_list() if isinstance(v, pl.Series) else v), return_dtype=pl.String)


def _writable(dtype: pl.DataType) -> tuple[int, int] | None:
    """The least and the greatest value of a type that polars can write, as numbers; None if it can write all."""
    if dtype == pl.Time:
        return _bounds_in_python(dtype)
    if dtype == pl.Date:
        return -_WRITABLE_DAYS, _WRITABLE_DAYS
    if isinstance(dtype, pl.Datetime) and dtype.time_unit in _UNITS:
        most = timedelta(days=1) // _UNITS[dtype.time_unit] * _WRITABLE_DAYS
        return -most, most
    return None


def _written(value: pl.Expr, given: pl.DataType) -> pl.Expr:
    # A cast would leave out fractions of a second.
    return value.dt.to_string("iso") if given in (pl.Time, pl.Duration) else value.cast(pl.String)


def _times_as_text(value: pl.Expr, given: Any) -> pl.Expr:
    """A value with the days and times in it as text, since those of Python have no nanoseconds."""
    if isinstance(given, pl.Array):
        value, given = value.arr.to_list(), pl.List(given.inner)
    if isinstance(given, pl.List):
        return value.list.eval(_times_as_text(pl.element(), given.inner))
    if isinstance(given, pl.Struct):
        return value.struct.with_fields(_times_as_text(pl.field(field.name), field.dtype) for field in given.fields)
    return as_text(value, given) if given.is_temporal() else value


def local_day(value: pl.Expr, timezone: str) -> pl.Expr:
    """The day that a moment is in, in a time zone, as 2024-01-05."""
    return value.dt.convert_time_zone(timezone).dt.to_string("%Y-%m-%d")
