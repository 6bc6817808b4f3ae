"""Uniqueness: which rows equal another one, and which share what no two may share.

Rows that come in strict order of their key share none, which is seen in passing. Otherwise the hashes of all keys are held, 12
bytes a row, and rows are compared by value only where their hashes are equal.

Not here: what becomes of such rows (`content`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.gate.casting import as_text
from dataops_assets.gate.query import Query, Table, select, with_columns
from dataops_assets.gate.rules import MISCAST, ROW, SHARED, Rule

_BEFORE = "__before_"
_TEXT = "__text_"
_FIRST_ROWS = 100_000
NO_ROWS = pl.Series(ROW, [], dtype=pl.UInt32)


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
        return with_columns(left, (is_in(found).alias(SHARED + name) for name, found in self.sharing.items()))


def among(rows: Table, numbers: pl.Series, negate: bool = False) -> Table:
    """The rows with these numbers, or all others."""
    if negate and numbers.is_empty():
        return rows
    return rows.filter(~is_in(numbers) if negate else is_in(numbers))


def is_in(numbers: pl.Series) -> pl.Expr:
    """Whether a row has one of these numbers."""
    # Where nothing is to be found, streaming would still hold all that is searched.
    return pl.col(ROW).is_in(numbers.implode()) if numbers.len() else pl.lit(False)


def in_order(rows: Table, dataset: Dataset, query: Query) -> bool:
    """Whether rows come in strict order of their key."""
    if not query.streamed or _has_nested_key(dataset):
        return bool(query.asked(rows, [out_of_order(dataset)]).item() <= 1)
    # Rows in no order show it soon, and then not all of them are read for that.
    key, some = dataset.attributes.key, (rows.head(_FIRST_ROWS), rows)
    return all(query.asked(_in_doubt(each, dataset), [(~_after(key, _beside)).sum()]).item() <= 1 for each in some)


def out_of_order(dataset: Dataset) -> pl.Expr:
    """How many rows do not come after the one before them, by their key: 1, the first, if all are in order."""
    if _has_nested_key(dataset):
        return pl.len()
    return (~_after(dataset.attributes.key, lambda column: pl.col(column).shift(1))).sum()


def _has_nested_key(dataset: Dataset) -> bool:
    return any(dataset.schema.columns[column].dtype.is_nested() for column in dataset.attributes.key)


def _after(columns: Sequence[str], before: Callable[[str], pl.Expr]) -> pl.Expr:
    """Whether a row comes after another, by some columns."""
    after = pl.lit(False)
    for column in reversed(columns):
        after = (before(column) < pl.col(column)) | ((before(column) == pl.col(column)) & after)
    return after.fill_null(False)


def _beside(column: str) -> pl.Expr:
    return pl.col(_BEFORE + column)


def _in_doubt(rows: Table, dataset: Dataset) -> Table:
    """Keys beside those before, but for rows that come after by what is no text, while all texts are the same.

    To tell which of two texts comes first takes longer than all else, and in order of the key few texts differ from row to row.
    """
    key = dataset.attributes.key
    texts = [column for column in key if dataset.schema.columns[column].dtype == pl.String]
    same = [pl.col(column) == _beside(column) for column in texts]
    after = _after([column for column in key if column not in texts], _beside)
    beside = rows.select(*key, *(pl.col(column).shift(1).alias(_BEFORE + column) for column in key))
    return beside.filter(~pl.all_horizontal(after, *same).fill_null(False))


def find(
    rows: Table, dataset: Dataset, rules: Sequence[Rule], in_order: bool, query: Query, text: Table | None = None
) -> Sharing:
    """Which rows are not alone; a row without a key shares none. Values that could not be read are equal if their text is.

    Args:
        rows: The rows, with their numbers and the marks of what could not be read.
        dataset: Whose rows.
        rules: Its rules.
        in_order: Whether they come in strict order of their key.
        query: How they are read.
        text: The delivered columns; without them, all values could be read.
    """
    columns, key = list(dataset.schema.columns), dataset.attributes.key
    equal = NO_ROWS
    alike = NO_ROWS if in_order else _alike(rows, key, query)
    if not alike.is_empty():
        marks = [name for name in rows.collect_schema() if name.startswith(MISCAST)]
        several = _with_unread(query.collected(among(rows, alike).select(ROW, *columns, *marks)), marks, text, query)
        alone = several.unique([*columns, *marks], keep="first", maintain_order=True)
        equal = several[ROW].filter(~several[ROW].is_in(alone[ROW].implode()))
        alike = alone[ROW]
    left = among(rows, equal, negate=True)
    sharing = {}
    for rule in (rule for rule in rules if rule.kind == "key"):
        suspected = alike if rule.columns == key else _alike(left, rule.columns, query)
        sharing[rule.name] = _sharing(left, suspected, rule.columns, query)
    return Sharing(equal, sharing)


def _with_unread(rows: pl.DataFrame, marks: Sequence[str], text: Table | None, query: Query) -> pl.DataFrame:
    """Rows with the delivered text of each value that could not be read, in place of its mark."""
    unread = {mark: mark.removeprefix(MISCAST) for mark in marks if rows[mark].any()}
    if text is None or not unread:
        return rows
    given = text.collect_schema()
    texts = (as_text(pl.col(name), given[name]).alias(_TEXT + name) for name in unread.values())
    those = query.collected(among(text.select(texts).with_row_index(ROW, 1), rows[ROW]))
    beside = rows.join(those, on=ROW, how="left", maintain_order="left")
    return beside.with_columns(pl.when(mark).then(_TEXT + name).alias(mark) for mark, name in unread.items())


def _alike(rows: Table, columns: Sequence[str], query: Query) -> pl.Series:
    """The numbers of the rows whose hash of some columns is that of another."""
    hashes = query.collected(select(rows, [ROW, pl.struct(*columns).hash().alias("hash")]))
    in_line = hashes["hash"].sort()
    several = in_line.filter(in_line == in_line.shift(1)).unique()
    return hashes[ROW].filter(hashes["hash"].is_in(several.implode())) if several.len() else NO_ROWS


def _sharing(rows: Table, alike: pl.Series, columns: Sequence[str], query: Query) -> pl.Series:
    if alike.is_empty():
        return NO_ROWS
    several = query.collected(among(rows, alike).select(ROW, *columns).drop_nulls(list(columns)))
    return several.filter(pl.len().over(*columns) > 1)[ROW]
