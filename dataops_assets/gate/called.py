"""Calling the checks that no expression can be captured of, through pandera, on the rows of a delivery.

A check of each value is called with some of the rows at a time, so none of a large delivery are held but the numbers of those
that break it. Any other is called once with all rows, and polars reads just the columns that it looks at: these are held in
memory while it runs.

Not here: which checks these are (`capture`), and what becomes of rows that break one (`content`).
"""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.gate.capture import is_no_answer
from dataops_assets.gate.functions import CodeError, code_of
from dataops_assets.gate.places import rule_at
from dataops_assets.gate.query import Query, Table
from dataops_assets.gate.rules import ROW, Rule
from dataops_assets.gate.uniqueness import is_in


def with_answers(rules: Sequence[Rule], rows: Table, dataset: Dataset, query: Query) -> list[Rule]:
    """The rules, those that are called with what they answered in place of an expression.

    Args:
        rules: All rules; those with an expression are left alone.
        rows: The rows to judge, with their numbers.
        dataset: Whose rows.
        query: How they are read.

    Raises:
        CodeError: A check failed, or gave neither a value for each row nor a single one, as it did when it was loaded.
    """
    by_value = [rule for rule in rules if rule.called and rule.called.by_value]
    broken: dict[str, list[pl.Series]] = {rule.name: [] for rule in by_value}
    columns = dict.fromkeys(column for rule in by_value for column in rule.columns)
    for some in query.batches(rows.select(ROW, *columns)) if by_value else ():
        for rule in by_value:
            holds = _answer(rule, some.lazy().select(rule.columns), some.height, dataset)
            broken[rule.name].append(some[ROW].filter(~holds))
    found = {name: ~is_in(pl.concat(numbers)) for name, numbers in broken.items() if numbers}
    others = [rule for rule in rules if rule.called and not rule.called.by_value]
    numbers = query.collected(rows.select(ROW))[ROW] if others else pl.Series()
    for rule in others:
        holds = _answer(rule, rows.lazy().select(*dataset.schema.columns), numbers.len(), dataset)
        found[rule.name] = pl.lit(bool(holds.all())) if rule.kind == "frame" else ~is_in(numbers.filter(~holds))
    return [replace(rule, passes=found[rule.name]) if rule.name in found else rule for rule in rules]


def _answer(rule: Rule, rows: pl.LazyFrame, height: int, dataset: Dataset) -> pl.Series:
    assert rule.called
    what = f"check `{rule.name}`"
    with code_of(dataset, what, rule.name):
        holds = rule.called.answer(rows)
    if wrong := is_no_answer(holds, holds.len() if rule.kind == "frame" else height, height):
        raise CodeError(f"{what} of {dataset.name} {wrong} ({rule_at(dataset, rule.name)})")
    return holds
