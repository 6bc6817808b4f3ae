"""The evaluation of all rules on the rows of a delivery, in as few queries as it takes.

Here: how often rows are read for it, and what becomes of a rule that cannot live with them. Not here: checks that have to be
called before (`called`), and what is done with rows that break a rule (`content`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.gate.functions import code_of, told
from dataops_assets.gate.query import Query, Table, with_columns
from dataops_assets.gate.rules import ROW, Rule, with_references

BROKEN = "__broken_"
"""Prefix of the columns that tell which rows break a rule, and how many do."""
LEFT = "__left"
"""How many rows there are."""
MEASURED = "__measured_"
"""Prefix of what rules on the whole delivery measure."""
_OFFENDERS = 10
_FAILURES = (Exception, pl.exceptions.PanicException)
"""What comes through an expression: errors of polars, and of functions in Python that it calls. A panic is no Exception."""
_PASSING = (OSError, MemoryError)
"""What no rule can help."""


@dataclass(frozen=True)
class Answers:
    """What the rules say of rows.

    Attributes:
        counts: How many there are, how many break each rule on rows, whether each rule on the frame holds, and what it
            measured.
        bad: The numbers of those that a rule rejects, and whether each such rule does.
        first: By rule, the numbers of the first rows that break it.
        failed: Why rules could not be evaluated, by their names: some cannot live with every value (a date with a 13th month).
    """

    counts: dict[str, Any]
    bad: pl.DataFrame
    first: dict[str, pl.Series]
    failed: dict[str, str]


def evaluate(
    dataset: Dataset, rows: Table, rules: Sequence[Rule], tables: dict[str, pl.DataFrame], withheld: str, query: Query
) -> Answers:
    """Ask every rule.

    Args:
        dataset: Whose rows.
        rows: The rows.
        rules: Its rules.
        tables: The values that references must exist among; see `with_references`.
        withheld: Why no value may be shown; empty if they may.
        query: How they are read.

    Raises:
        CodeError: They fail together, though none of them does by itself.
    """
    with code_of(dataset, "the rules", ""):
        try:
            return _ask(rows, rules, tables, query)
        except _PASSING:
            raise
        except _FAILURES:
            referring = with_references(rows, rules, tables)
            failed = {rule.name: why for rule in rules if (why := _why_not(referring, rule, query, withheld))}
            if not failed:
                raise
        return replace(_ask(rows, [rule for rule in rules if rule.name not in failed], tables, query), failed=failed)


def _ask(rows: Table, rules: Sequence[Rule], tables: dict[str, pl.DataFrame], query: Query) -> Answers:
    of_rows = [rule for rule in rules if rule.kind != "frame"]
    questions = [pl.len().alias(LEFT), pl.col([BROKEN + rule.name for rule in of_rows]).sum()]
    questions += [rule.passes.alias(rule.name) for rule in rules if rule.kind == "frame"]
    questions += [rule.measured.alias(MEASURED + rule.name) for rule in rules if rule.measured is not None]
    whole = _judged(rows, of_rows, rules, tables)
    counts = query.asked(whole, questions).row(0, named=True)
    # What is not held is asked again, by the rules that some rows break alone: nothing else is read for it.
    broken = [rule for rule in of_rows if counts[BROKEN + rule.name]]
    judged = _judged(rows, broken, broken, tables) if query.streamed else whole
    rejecting = [BROKEN + rule.name for rule in broken if rule.severity == "reject"]
    # They are filtered, not gathered by an expression, for which streaming would hold all rows.
    bad = judged.select(ROW, *rejecting).filter(pl.any_horizontal(rejecting)) if rejecting else None
    wrong = pl.DataFrame() if bad is None else query.collected(bad)
    few = []
    for rule in broken:  # the least of them, as a rule
        those, breaks = wrong if rule.severity == "reject" else judged, BROKEN + rule.name
        few.append(those.select(ROW, breaks).filter(breaks).head(_OFFENDERS))
    first = {rule.name: found[ROW] for rule, found in zip(broken, query.all_collected(few), strict=True)}
    return Answers(counts, wrong, first, {})


def _judged(rows: Table, asked: Sequence[Rule], known: Sequence[Rule], tables: dict[str, pl.DataFrame]) -> Table:
    """The rows, with a column for each rule that is asked: whether they break it."""
    broken = [(~rule.passes).alias(BROKEN + rule.name) for rule in asked]
    return with_columns(with_references(rows, known, tables), broken)


def _why_not(rows: Table, rule: Rule, query: Query, withheld: str) -> str:
    """Why a rule cannot be evaluated on rows, in words; empty if it can."""
    questions = [rule.passes] if rule.measured is None else [rule.passes, rule.measured.alias(MEASURED)]
    try:
        # By itself, a rule on rows may give any number of values; beside them, one for each.
        beside = rows if rule.kind == "frame" else rows.with_columns(rule.passes.alias(BROKEN))
        query.asked(beside, questions if rule.kind == "frame" else [pl.col(BROKEN).all()])
    except _PASSING:
        raise
    except _FAILURES as error:
        return told(error, withheld)
    return ""
