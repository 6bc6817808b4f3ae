"""What a sample tells of its dataset: types, the texts that mean "no value", and what could be the key.

The sample is read by the gate itself, so that what is inferred here is what the gate will find. Where it leaves a doubt, the
looser type is taken: a rule that is too strict rejects good rows tomorrow. Not here: what is declared (`scaffold`).
"""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import polars as pl
import polars.selectors as cs

from dataops_assets.contract import Partitions, Source
from dataops_assets.contract.model import Format, pattern_of
from dataops_assets.contract.schema import RESERVED, is_pattern, names_rows
from dataops_assets.gate.casting import is_moment, read_as
from dataops_assets.gate.reading import DeliveryError, read_text

_SEPARATORS = (",", ";", "\t", "|")
_NULL_WORDS = ("", "NA", "N/A", "NULL", "null", "None", r"\N")
"""Taken for "no value" wherever they stand."""
_NULL_SIGNS = ("n/a", "NaN", "nan", "-", "--", "?", ".")
"""Taken for "no value" if all else in a column of theirs is of a type; in a column of text they may be text."""

_MONTH = r"^[12][0-9]{3}-(0[1-9]|1[0-2])$"
_MOMENT = r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}(\.[0-9]+)?"
_PATTERNS: tuple[tuple[str, pl.DataType], ...] = (
    (r"(?i:true|false)", pl.Boolean()),
    # A number with a leading zero or a plus is a code or a telephone number.
    (r"-?(0|[1-9][0-9]{0,5})", pl.Int32()),  # two thousand times as much as was seen still fits
    (r"-?(0|[1-9][0-9]*)", pl.Int64()),
    (r"-?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?", pl.Float64()),
    (r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}", pl.Date()),
    (_MOMENT, pl.Datetime("us")),
    (_MOMENT + "(Z|[-+][0-9]{2}:?[0-9]{2})", pl.Datetime("us", "UTC")),
)
"""A column is of the first type whose pattern fits all its values, provided that the gate can read them; else it is text."""

_ID_LIKE = re.compile(r"(?i:(^|[_\W])(id|uuid|key|code|number|no|nr)$)|[a-z](Id|ID|Key|Code|Number|No|Nr)$")
_KEY_COLUMNS = 3
_COMBINED = 12
"""How many columns are combined: every three of a wide sample would take minutes."""


class InferenceError(Exception):
    """A sample does not tell what it is asked. The message says why, and what to do."""


@dataclass(frozen=True)
class Sample:
    """What a delivered file tells.

    Attributes:
        file: Its name.
        separator: What parts its columns; empty if it is no csv.
        null_values: The texts that mean "no value", each with the columns where it stands.
        rows: Its rows, typed.
        left_out: Columns that no rule can judge: of a type such as lists, or of a name that means something else.
    """

    file: str
    separator: str
    null_values: dict[str, list[str]]
    rows: pl.DataFrame
    left_out: tuple[str, ...]

    @cached_property
    def different(self) -> pl.DataFrame:
        """Its rows, each once, as the gate publishes them."""
        return self.rows.unique()

    @property
    def good(self) -> dict[str, Any]:
        """The first of its rows that have the most values."""
        fullest = self.rows.select(pl.sum_horizontal(pl.all().is_null())).to_series().arg_min()
        return self.rows.row(fullest or 0, named=True)

    def nullable(self, column: str) -> bool:
        """Whether a row is without a value in the column."""
        return self.rows[column].null_count() > 0

    def key(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The columns that were asked for as a key.

        Raises:
            InferenceError: They are no key of the rows.
        """
        for column in columns:
            self._check_complete(column)
        if not self._tells_apart(columns):
            raise InferenceError(f"different rows of {self.file} share {', '.join(columns)}: add a column to the key")
        return tuple(columns)

    def partitions(self, column: str) -> Partitions:
        """The partitions that a column tells: every month, where it has months; else every day.

        Raises:
            InferenceError: It is no column of dates, moments or months, or has no value in some row.
        """
        self._check_complete(column)
        values = self.rows[column]
        first = values.min()
        if values.dtype == pl.String and values.str.contains(_MONTH).all():
            return Partitions.model_validate({"every": "month", "start": first, "columns": [column]})
        if isinstance(first, datetime):
            first = first.astimezone(UTC).date() if first.tzinfo else first.date()
        if not isinstance(first, date):
            known = "dates as in 2013-01-05, moments as in 2013-01-05T10:00:00Z, or months as in 2013-01"
            raise InferenceError(f"`{column}` of {self.file} is no column of {known}: choose another, or none")
        return Partitions(every="day", start=first, columns=(column,))

    def has_moments(self, column: str) -> bool:
        """Whether the values of a column are moments, whose day depends on the time zone."""
        return is_moment(self.rows.schema[column])

    def parts(self, column: str) -> int:
        """Of how many partitions its rows are, by a column that tells them; see `partitions`."""
        values = self.rows[column]
        return values.n_unique() if values.dtype in (pl.String, pl.Date) else values.dt.date().n_unique()

    def keys(self) -> list[tuple[str, ...]]:
        """The smallest sets of columns that tell the rows apart, the likeliest first.

        Raises:
            InferenceError: There is none of up to three columns.
        """
        types = self.rows.schema
        named = [column for column in types if names_rows(types[column]) and not self.nullable(column)]
        named.sort(key=lambda column: _ID_LIKE.search(column) is None)
        distinct = {column: self.different[column].n_unique() for column in named}
        for size in range(1, _KEY_COLUMNS + 1):
            tried = itertools.combinations(named if size == 1 else named[:_COMBINED], size)
            possible = (c for c in tried if math.prod(distinct[column] for column in c) >= self.different.height)
            if found := [columns for columns in possible if self._tells_apart(columns)]:
                return found
        raise InferenceError(
            f"up to {_KEY_COLUMNS} columns of {self.file} do not tell its rows apart: say which do, with `--key <column>,…`"
        )

    def _tells_apart(self, columns: Sequence[str]) -> bool:
        return self.different.n_unique(subset=columns) == self.different.height

    def _check_complete(self, column: str) -> None:
        if column in self.left_out:
            raise InferenceError(f"`{column}` of {self.file} is left out, since no rule can judge it: choose another")
        if column not in self.rows.columns:
            raise InferenceError(f"{self.file} has no column `{column}`; it has {', '.join(self.rows.columns)}")
        if self.nullable(column):
            count = self.rows[column].null_count()
            raise InferenceError(f"`{column}` of {self.file} is without a value in {count} of {self.rows.height} rows")


def infer(path: Path) -> Sample:
    """Read a sample.

    Raises:
        InferenceError: It is not there, its ending is unknown, or it has no row.
        DeliveryError: It cannot be read to its last byte.
    """
    endings = [f".{name}" for name in get_args(Format)]
    if not path.is_file():
        raise InferenceError(f"there is no file {path}")
    if not path.name.endswith(tuple(endings)):
        raise InferenceError(f"{path.name} has no known ending: use one of {', '.join(endings)}")
    text, separator = _read(path)
    if not text.height:
        raise InferenceError(f"{path.name} has no row: take a sample that has some")
    delivered = text.columns
    text = text.select(
        cs.by_index([at for at, name in enumerate(delivered) if not is_pattern(name) and not name.startswith(RESERVED)])
    )
    null_values = _null_values(text.select(pl.col(pl.String)))
    text = text.with_columns(pl.col(pl.String).replace(dict.fromkeys(null_values)))
    types = {values.name: _type_of(values) for values in text}
    judged = {name: dtype for name, dtype in types.items() if _is_judged(dtype)}
    rows = text.select(read_as(pl.col(name), text.schema[name], dtype).alias(name) for name, dtype in judged.items())
    return Sample(path.name, separator, null_values, rows, tuple(name for name in delivered if name not in judged))


def _read(path: Path) -> tuple[pl.DataFrame, str]:
    """The sample, and what parts its columns: the separator that gives most of them; empty if it is no csv."""
    source = Source(provider="", files=pattern_of(path.name), null_values=())
    if not source.format.startswith("csv"):
        return read_text([path], [path.name], source).lazy().collect(), ""
    found: list[tuple[pl.DataFrame, str]] = []
    errors: list[DeliveryError] = []
    for separator in _SEPARATORS:
        try:
            text = read_text([path], [path.name], source.model_copy(update={"separator": separator})).lazy().collect()
            found.append((text, separator))
        except DeliveryError as error:
            errors.append(error)
    best = max(found, key=lambda one: one[0].width, default=None)
    if best is None or (best[0].width == 1 and best[1] != _SEPARATORS[0]):
        raise errors[0]
    return best


def _null_values(text: pl.DataFrame) -> dict[str, list[str]]:
    seen = {marker: [values.name for values in text if marker in values] for marker in (*_NULL_WORDS, *_NULL_SIGNS)}
    typed = {values.name for values in text if _type_of(values.filter(~values.is_in([*seen]))) != pl.String}
    return {
        marker: columns
        for marker, columns in seen.items()
        if columns and (marker in _NULL_WORDS or typed.intersection(columns))
    }


def _type_of(values: pl.Series) -> pl.DataType:
    if values.dtype != pl.String:
        return pl.String() if values.dtype in (pl.Categorical, pl.Enum, pl.Null) else values.dtype
    texts = values.drop_nulls().unique()
    for pattern, dtype in _PATTERNS if texts.len() else ():
        if texts.str.strip_chars().str.contains(f"^(?:{pattern})$").all():
            read = pl.select(read_as(pl.lit(texts), pl.String(), dtype)).to_series()
            readable = read.null_count() == 0 and not (read.dtype.is_float() and read.is_infinite().any())
            return dtype if readable else pl.String()
    return pl.String()


def _is_judged(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype in (pl.String, pl.Boolean, pl.Date, pl.Datetime, pl.Time)
