"""How rows are asked: at once where they fit into memory, else as they come. Not here: what is asked.

What fits is a DataFrame throughout, each step of which is done at once: of a day's few hundred rows, a query that is planned as
a whole takes longer to plan than to answer.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeGuard, overload

import polars as pl

_OF_THE_SYSTEM = re.compile(r"\(os error (\d{1,4})\)$", re.MULTILINE)
"""How a line of a message ends that the system said; a value that could not be read may say so, too, but amid its line."""
Table = pl.DataFrame | pl.LazyFrame
"""Rows: a LazyFrame if they may be more than fit into memory."""
_FEW_ROWS = 10_000
FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What polars raises where an expression cannot live with a value. A panic is no Exception."""


class Query:
    """A way to read rows.

    Args:
        streamed: Whether they may be more than fit into memory. If so, they are read again for each question.
        copy: A file for what takes longer to make than to read; without one, it is made again for each question.
    """

    def __init__(self, streamed: bool, copy: Path | None = None):
        self.streamed, self._copy = streamed, copy
        self.engine: Literal["in-memory", "streaming"] = "streaming" if streamed else "in-memory"

    def kept(self, rows: Table) -> Table:
        """The same rows; made only once, if they fit."""
        return rows if self.streamed else self.collected(rows)

    def written(self, rows: Table) -> Table:
        """The same rows; made only once, if they fit or there is a file for them."""
        if self._copy is None or isinstance(rows, pl.DataFrame):
            return rows
        sink(rows, self._copy, compression="lz4", statistics=False)
        return pl.scan_parquet(self._copy, glob=False)

    def asked(self, rows: Table, questions: Iterable[pl.Expr]) -> pl.DataFrame:
        """What expressions give that are each a single value: one row."""
        return self.collected(select(rows, questions))

    def collected(self, rows: Table) -> pl.DataFrame:
        """The rows themselves, where they are known to be few."""
        return rows if isinstance(rows, pl.DataFrame) else rows.collect(engine=self.engine)

    def all_collected(self, several: Iterable[Table]) -> list[pl.DataFrame]:
        """Several of which each is known to be few; what they are made from is read once for all of them."""
        if not self.streamed:
            return [self.collected(rows) for rows in several]
        return pl.collect_all([rows.lazy() for rows in several], engine=self.engine)

    def batches(self, rows: Table) -> Iterator[pl.DataFrame]:
        """The rows themselves, some at a time."""
        yield from (rows,) if isinstance(rows, pl.DataFrame) else rows.collect_batches(engine=self.engine)


@overload
def select(rows: pl.DataFrame, columns: Iterable[pl.Expr | str]) -> pl.DataFrame: ...
@overload
def select(rows: Table, columns: Iterable[pl.Expr | str]) -> Table: ...
def select(rows: Table, columns: Iterable[pl.Expr | str]) -> Table:
    """Columns of rows; of few rows one after another, since to share them among threads takes longer than to make them."""
    return rows.select_seq(columns) if are_few(rows) else rows.select(columns)


def with_columns(rows: Table, columns: Iterable[pl.Expr | pl.Series]) -> Table:
    """Rows with more columns, as `select` makes them."""
    return rows.with_columns_seq(columns) if are_few(rows) else rows.with_columns(columns)


def are_few(rows: Table) -> TypeGuard[pl.DataFrame]:
    """Whether what is asked of rows takes less than to share it among threads."""
    return isinstance(rows, pl.DataFrame) and rows.height < _FEW_ROWS


def sink(rows: pl.LazyFrame, path: Path, **how: Any) -> None:
    """Write rows as parquet.

    Raises:
        OSError: A file of the system's cannot be written, as on a full disk: polars tells that as a fault of the rows.
    """
    try:
        rows.sink_parquet(path, **how)
    except pl.exceptions.ComputeError as error:
        code = _OF_THE_SYSTEM.search(str(error))
        if code is None:
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1])), str(path)) from error
