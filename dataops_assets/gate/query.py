"""How rows are asked: at once where they fit into memory, else as they come. Not here: what is asked."""

from collections.abc import Iterable, Iterator
from typing import Literal

import polars as pl

FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What polars raises where an expression cannot live with a value. A panic is no Exception."""


class Query:
    """A way to read rows.

    Args:
        streamed: Whether they may be more than fit into memory. If so, they are read again for each question.
    """

    def __init__(self, streamed: bool):
        self.streamed = streamed
        self.engine: Literal["in-memory", "streaming"] = "streaming" if streamed else "in-memory"

    def kept(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The same rows; made only once, if they fit."""
        return rows if self.streamed else self.collected(rows).lazy()

    def asked(self, rows: pl.LazyFrame, questions: Iterable[pl.Expr]) -> pl.DataFrame:
        """What expressions give that are each a single value: one row."""
        return self.collected(rows.select(questions))

    def collected(self, rows: pl.LazyFrame) -> pl.DataFrame:
        """The rows themselves, where they are known to be few."""
        return rows.collect(engine=self.engine)

    def batches(self, rows: pl.LazyFrame) -> Iterator[pl.DataFrame]:
        """The rows themselves, some at a time."""
        yield from rows.collect_batches(engine=self.engine) if self.streamed else (self.collected(rows),)
