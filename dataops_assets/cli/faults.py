"""What a provider gets wrong, on demand: `dataops deliver DATASET PARTITION --fault NAME`.

Here: each fault as a change of one delivered csv, and what should become of it. Not here: how a delivery is packed (`sample`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

Text = bytes
"""A csv with a header, as the provider has written it."""


class NotBreakable(Exception):
    """A dataset cannot have a fault. The message says why."""


@dataclass(frozen=True)
class Fault:
    """One way in which a delivery can be wrong.

    Attributes:
        told: What is done to it, in words.
        text: The change of the csv, before it is packed and its rows are counted for the manifest.
        packed: The change of the packed file, of which the manifest does not know.
    """

    told: str
    text: Callable[[Text], Text] = lambda text: text
    packed: Callable[[bytes], bytes] = lambda data: data


NO_FAULT = Fault("nothing is wrong with it")


def _rows(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Text], Text]:
    """A change of the rows, all of them text."""

    def changed(text: Text) -> Text:
        import polars as pl

        return change(pl.read_csv(text, infer_schema=False)).write_csv().encode()

    return changed


def _header(change: Callable[[list[str]], list[str]]) -> Callable[[Text], Text]:
    return _rows(lambda rows: rows.rename(dict(zip(rows.columns, change(rows.columns), strict=True))))


def _a_number(rows: pl.DataFrame) -> str:
    """A column of whole numbers that is not among those of the date."""
    dates = ("year", "month", "day", "hour", "minute")
    numbers = [name for name in rows.columns if name not in dates and rows[name].str.contains(r"^-?\d+$").any()]
    if not numbers:
        raise NotBreakable("it has no column of whole numbers")
    return numbers[-1]


def _in_number(value: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """A value in a column of numbers, in every second row."""

    def change(rows: pl.DataFrame) -> pl.DataFrame:
        import polars as pl
        import polars.selectors as cs

        name = _a_number(rows)
        every_second = pl.int_range(pl.len()) % 2 == 0
        return rows.with_columns(pl.when(every_second).then(pl.lit(value)).otherwise(cs.by_name(name)).alias(name))

    return change


def _one_differs(rows: pl.DataFrame) -> pl.DataFrame:
    """The first tenth of the rows once more, with another value in the last column of numbers."""
    import polars as pl

    again = rows.head(max(1, rows.height // 10))
    return pl.concat([rows, again.with_columns(pl.lit("1").alias(_a_number(rows)))])


def _one_column_more(rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return rows.with_columns(remark=pl.lit("new"))


FAULTS = {
    "renamed-column": Fault("the last column has another name", _header(lambda names: [*names[:-1], names[-1] + "_new"])),
    "missing-column": Fault("the last column is left out", _rows(lambda rows: rows.drop(rows.columns[-1]))),
    "extra-column": Fault("there is a column more", _rows(_one_column_more)),
    "reordered-columns": Fault("the columns come in another order", _rows(lambda rows: rows.select(reversed(rows.columns)))),
    "header-only": Fault("there is a header, but no row", _rows(lambda rows: rows.clear())),
    "few-rows": Fault(
        "nine rows of ten are lost (found once the day, or seven before it, came whole)",
        _rows(lambda rows: rows.head(max(1, rows.height // 10))),
    ),
    "duplicate-rows": Fault("every row comes twice", _rows(lambda rows: rows.vstack(rows))),
    "duplicate-keys": Fault("a tenth of the rows comes twice, with another value", _rows(_one_differs)),
    "text-in-number": Fault("every second number is a word", _rows(_in_number("n/a"))),
    "huge-number": Fault("every second number is beyond its type", _rows(_in_number("99999999999"))),
    "wrong-delimiter": Fault("semicolons part the columns", lambda text: text.replace(b",", b";")),
    "wrong-encoding": Fault(
        "the text is Latin-1, with an umlaut in it", lambda text: text.replace(b"\n", "\xfc\n".encode("latin-1"), 2)
    ),
    "empty": Fault("there is not a single byte", packed=lambda _: b""),
    "truncated": Fault("the file ends in the middle", packed=lambda data: data[: len(data) // 2]),
    "rubbish": Fault("the bytes are no such file", packed=lambda data: bytes(255 - byte for byte in data)),
}
