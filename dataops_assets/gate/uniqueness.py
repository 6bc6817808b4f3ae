"""Uniqueness: which rows equal another one, and which share what no two may share.

Rows that come in strict order of their key share none, which is seen in passing. Otherwise the hashes of all keys are held, 12
bytes a row, and rows are compared by value only where their hashes are equal.

Not here: what becomes of such rows (`content`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.gate.query import Query, Table
from dataops_assets.gate.rules import MISCAST, ROW, SHARED, Rule

_FIRST_ROWS = 100_000
_NO_ROWS = pl.Series(ROW, [], dtype=pl.UInt32)


@dataclass(frozen=True)
class Sharing:
    """Rows that are not alone.

    Attributes:
        equal: The numbers of the rows that equal an earlier one in every column.
        sharing: Among all others, by rule: the numbers of the rows that share its columns with another.
    """

    equal: pl.Series
    sharing: dict[str, pl.Series]

    def marked(self, rows: Table) -> Table:
        """The rows without those that equal an earlier one, with a column that each rule of uniqueness looks at."""
        left = among(rows, self.equal, negate=True)
        return left.with_columns(is_in(found).alias(SHARED + name) for name, found in self.sharing.items())


def among(rows: Table, numbers: pl.Series, negate: bool = False) -> Table:
    """The rows with these numbers, or all others."""
    return rows.filter(~is_in(numbers) if negate else is_in(numbers))


def is_in(numbers: pl.Series) -> pl.Expr:
    """Whether a row has one of these numbers."""
    # Where nothing is to be found, streaming would still hold all that is searched.
    return pl.col(ROW).is_in(numbers.implode()) if numbers.len() else pl.lit(False)


def in_order(rows: Table, dataset: Dataset, query: Query) -> bool:
    """Whether rows come in strict order of their key."""
    # Rows in no order show it soon, and then not all of them are read for that.
    asked = (rows.head(_FIRST_ROWS), rows) if query.streamed else (rows,)
    return all(query.asked(some, [out_of_order(dataset)]).item() <= 1 for some in asked)


def out_of_order(dataset: Dataset) -> pl.Expr:
    """How many rows do not come after the one before them, by their key: 1, the first, if all are in order."""
    key = dataset.attributes.key
    if any(dataset.schema.columns[column].dtype.is_nested() for column in key):
        return pl.len()
    after = pl.lit(False)
    for column in reversed(key):
        value, before = pl.col(column), pl.col(column).shift(1)
        after = (before < value) | ((before == value) & after)
    return (~after.fill_null(False)).sum()


def find(rows: Table, dataset: Dataset, rules: Sequence[Rule], in_order: bool, query: Query) -> Sharing:
    """Which rows are not alone; a row with a value that could not be read equals no other, and without a key shares none.

    Args:
        rows: The rows, with their numbers and the marks of what could not be read.
        dataset: Whose rows.
        rules: Its rules.
        in_order: Whether they come in strict order of their key.
        query: How they are read.
    """
    columns, key = list(dataset.schema.columns), dataset.attributes.key
    equal = _NO_ROWS
    alike = _NO_ROWS if in_order else _alike(rows, key, query)
    if not alike.is_empty():
        marks = [name for name in rows.collect_schema() if name.startswith(MISCAST)]
        apart = pl.when(pl.any_horizontal(pl.lit(False), *marks)).then(ROW).alias("__apart")
        several = query.collected(among(rows, alike).select(ROW, *columns, apart))
        alone = several.unique([*columns, "__apart"], keep="first", maintain_order=True)
        equal = several[ROW].filter(~several[ROW].is_in(alone[ROW].implode()))
        alike = alone[ROW]
    left = among(rows, equal, negate=True)
    sharing = {}
    for rule in (rule for rule in rules if rule.kind == "key"):
        suspected = alike if rule.columns == key else _alike(left, rule.columns, query)
        sharing[rule.name] = _sharing(left, suspected, rule.columns, query)
    return Sharing(equal, sharing)


def _alike(rows: Table, columns: Sequence[str], query: Query) -> pl.Series:
    """The numbers of the rows whose hash of some columns is that of another."""
    hashes = query.collected(rows.select(ROW, pl.struct(*columns).hash().alias("hash")))
    in_line = hashes["hash"].sort()
    several = in_line.filter(in_line == in_line.shift(1)).unique()
    return hashes[ROW].filter(hashes["hash"].is_in(several.implode())) if several.len() else _NO_ROWS


def _sharing(rows: Table, alike: pl.Series, columns: Sequence[str], query: Query) -> pl.Series:
    if alike.is_empty():
        return _NO_ROWS
    several = query.collected(among(rows, alike).select(ROW, *columns).drop_nulls(list(columns)))
    return several.filter(pl.len().over(*columns) > 1)[ROW]
