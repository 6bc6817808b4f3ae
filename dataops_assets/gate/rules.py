"""Rules: a dataset's pandera model, key and references, compiled to polars expressions.

pandera runs check after check, each over the whole frame, and on a LazyFrame looks at no value at all. Here the expression of
every check is captured instead where it has one (`capture`), and all are evaluated together (`evaluation`).

Not here: mistakes in them (`problems`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any, Literal

import polars as pl
from pandera.api.checks import Check
from polars.datatypes import DataTypeClass

from dataops_assets.contract import Dataset, Reference, Severity
from dataops_assets.gate.capture import Called, NotCompiled, compiled
from dataops_assets.gate.query import Table, are_few, with_columns

ROW = "__row"
"""The column with the number of a row, from 1, as it was delivered."""
MISCAST = "__miscast_"
"""Prefix of the boolean columns that tell which values could not be read as their type."""
ORIGINAL = "__original_"
"""Prefix of the columns with the delivered text of values, where a correction asks for it."""
SHARED = "__shared_"
"""Prefix of the boolean columns that tell which rows share with another what no two may share, by rule."""
STATISTICS = "statistics.usual"
"""The rule on the statistics of a partition, which those before decide: `drift` finds whether it holds, no expression."""

Kind = Literal["type", "value", "key", "reference", "frame"]

_DEFAULT_TOLERANCE = {"reject": 1.0, "warn": 0.0, "fail": 0.0}

_SENTENCES = {
    "equal_to": "is {value}",
    "not_equal_to": "is not {value}",
    "greater_than": "is more than {min_value}",
    "greater_than_or_equal_to": "is at least {min_value}",
    "less_than": "is less than {max_value}",
    "less_than_or_equal_to": "is at most {max_value}",
    "isin": "is one of {allowed_values}",
    "notin": "is none of {forbidden_values}",
    "str_matches": "matches {pattern}",
    "str_contains": "contains {pattern}",
    "str_startswith": "begins with {string}",
    "str_endswith": "ends with {string}",
    "unique_values_eq": "has the values {values}, each at least once, and no others",
}
"""Of the built-in checks that take no more than a value."""


@dataclass(frozen=True)
class Rule:
    """One thing that must hold.

    Attributes:
        name: Its stable name: `<column>.<check>`, or the name of the check's method for rules over several columns.
        sentence: What it demands, in words.
        kind: `frame` is about the whole delivery, everything else about a row.
        severity: What it does when broken.
        tolerance: The share of rows that may break it before a `warn` or `fail` bites (for `reject`, before all is refused).
        columns: The columns it looks at.
        passes: A boolean expression, never null: for a row rule by row, for a frame rule a single value.
        reference: The other dataset, for a rule of kind `reference`.
        measured: What a frame rule compares with `bound`; None if it is no comparison with a number.
        bound: The number.
        called: The check, where no expression can be captured of it; `passes` stands for what it answers (`called`).
    """

    name: str
    sentence: str
    kind: Kind
    severity: Severity
    tolerance: float
    columns: tuple[str, ...]
    passes: pl.Expr
    reference: Reference | None = None
    measured: pl.Expr | None = None
    bound: float | None = None
    called: Called | None = None


def compile_rules(dataset: Dataset, today: date | None = None) -> list[Rule]:
    """Every rule of a dataset, in a stable order.

    Args:
        dataset: The dataset.
        today: The day, which decides what is still in shadow; None for the rules as they are after that.

    Raises:
        NotCompiled: A check can be neither captured nor called.
    """
    return [_with_options(rule, dataset, today) for rule in (*_column_rules(dataset), *_table_rules(dataset))]


def _with_options(rule: Rule, dataset: Dataset, today: date | None) -> Rule:
    options = dataset.attributes.rules.get(rule.name)
    if options and options.shadow_until and today and today <= options.shadow_until:
        sentence = f"{rule.sentence} (until {options.shadow_until} it only warns)"
        return replace(rule, severity="warn", tolerance=0.0, sentence=sentence)
    severity = (options.severity if options else None) or rule.severity
    tolerance = options.tolerance if options and options.tolerance is not None else _DEFAULT_TOLERANCE[severity]
    return replace(rule, severity=severity, tolerance=tolerance)


def _rule(
    name: str, sentence: str, kind: Kind, columns: tuple[str, ...], passes: pl.Expr, severity: Severity = "reject"
) -> Rule:
    return Rule(name, sentence, kind, severity, 1.0, columns, passes)


def _column_rules(dataset: Dataset) -> list[Rule]:
    rules = []
    for name, column in dataset.delivered.columns.items():
        if dataset.ingested and column.dtype != pl.String:
            passes = ~pl.col(MISCAST + name)
            rules.append(_rule(f"{name}.type", f"{name} can be read as {_in_words(column.dtype)}", "type", (name,), passes))
    for name, column in dataset.schema.columns.items():
        value = pl.col(name)
        if not column.nullable:
            present = value.is_not_null()
            delivered = dataset.delivered.columns.get(name)
            if dataset.ingested and delivered and delivered.dtype != pl.String and _rejects_miscast(name, dataset):
                present |= pl.col(MISCAST + name)  # the type rule has rejected it
            rules.append(_rule(f"{name}.not_null", f"{name} has a value", "value", (name,), present))
        if (finite := _finite(value, column.dtype)) is not None:
            sentence = f"{name} is a finite number" if column.dtype.is_float() else f"all numbers in {name} are finite"
            rules.append(_rule(f"{name}.finite", sentence, "value", (name,), finite.fill_null(True)))
        pandera_column = dataset.schema.pandera.columns[name]
        for check in pandera_column.checks:
            rules.append(_check_rule(check, name, dataset))
        if pandera_column.unique:
            rules.append(_unique_rule(f"{name}.unique", (name,)))
    return rules


def _finite(value: pl.Expr, dtype: pl.DataType | DataTypeClass) -> pl.Expr | None:
    """Whether all floats in a value are finite numbers; None where there are none."""
    if dtype.is_float():
        return value.is_finite()
    if isinstance(dtype, pl.Struct):
        fields = (_finite(value.struct.field(field.name), field.dtype) for field in dtype.fields)
        several = [each for each in fields if each is not None]
        return pl.all_horizontal(several) if several else None
    if isinstance(dtype, pl.List | pl.Array):
        each = _finite(pl.element(), dtype.inner)
        values = value.arr.to_list() if isinstance(dtype, pl.Array) else value
        return None if each is None else values.list.eval(each).list.all()
    return None


def _rejects_miscast(column: str, dataset: Dataset) -> bool:
    options = dataset.attributes.rules.get(f"{column}.type")
    return options is None or options.severity in (None, "reject")


def _table_rules(dataset: Dataset) -> list[Rule]:
    schema, attributes = dataset.schema, dataset.attributes
    rules = [_check_rule(check, None, dataset) for check in schema.pandera.checks]
    unique: Any = schema.pandera.unique or ()
    several = [[unique]] if isinstance(unique, str) else [unique] if all(isinstance(one, str) for one in unique) else unique
    for columns in filter(None, several):
        rules.append(_unique_rule("unique" if len(several) == 1 else f"{'_'.join(columns)}.unique", tuple(columns)))
    rules.append(_unique_rule("key.unique", attributes.key))
    for reference in attributes.references:
        sentence = f"{' and '.join(reference.columns)} exists in {reference.dataset}"
        passes = pl.col(_reference_column(reference))
        rules.append(Rule(reference.rule, sentence, "reference", "reject", 1.0, reference.columns, passes, reference))
    if attributes.partitions:
        rules.append(_rule(STATISTICS, "it is like the partitions before it", "frame", (), pl.lit(True), "warn"))
    return rules


def _unique_rule(name: str, columns: tuple[str, ...]) -> Rule:
    return _rule(name, f"no two different rows share {', '.join(columns)}", "key", columns, ~pl.col(SHARED + name))


def _check_rule(check: Check, column: str | None, dataset: Dataset) -> Rule:
    label = check.name or "check"
    name = label if column is None else f"{column}.{label}"
    try:
        found = compiled(check, column, name, dataset.schema)
    except NotCompiled:
        raise
    # It is somebody's own code.
    except Exception as error:
        raise NotCompiled(f"check `{name}` fails: {type(error).__name__}: {error}", name) from error
    severity: Severity = "warn" if check.raise_warning else "fail" if found.of_frame else "reject"
    rule = _rule(name, _sentence(check, column), "frame" if found.of_frame else "value", (), pl.lit(True), severity)
    if isinstance(found, Called):
        return replace(rule, columns=found.columns, called=found)
    columns = (column,) if column else found.columns
    return replace(rule, columns=columns, passes=found.passes, measured=found.measured, bound=found.bound)


def _sentence(check: Check, column: str | None) -> str:
    if written := " ".join((check.description or _error(check)).split()):
        return written
    said = {name: _told(value) for name, value in (check.statistics or {}).items() if value is not None}
    name = check.name or ""
    told = {"in_range": _between, "str_length": _long}.get(name) or _SENTENCES.get(name, "").format_map
    try:
        found = told(said) if column else ""
    except KeyError:  # it is another check with that name
        found = ""
    return f"{column} {found}" if found else ""


def _error(check: Check) -> str:
    """The `error` that a check was given; empty if pandera made it, which begins with the name of the check."""
    made = str(check.error).startswith(f"{check.name}(")
    return "" if made or not check.error else str(check.error)


def _told(value: Any) -> Any:
    """What a check compares with, alike in every process."""
    if isinstance(value, set | frozenset):
        try:
            return sorted(value)
        except TypeError:  # of several types
            return sorted(value, key=repr)
    return value.pattern if isinstance(value, re.Pattern) else value


def _between(said: Mapping[str, Any]) -> str:
    if said["include_min"] and said["include_max"]:
        return f"is between {said['min_value']} and {said['max_value']}"
    least = f"{'at least' if said['include_min'] else 'more than'} {said['min_value']}"
    return f"is {least} and {'at most' if said['include_max'] else 'less than'} {said['max_value']}"


def _long(said: Mapping[str, Any]) -> str:
    if "exact_value" in said:
        return f"is {said['exact_value']} characters long"
    if "max_value" not in said:
        return f"is at least {said['min_value']} characters long"
    if "min_value" not in said:
        return f"is at most {said['max_value']} characters long"
    return f"is {said['min_value']} to {said['max_value']} characters long"


@cache
def _in_words(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.datatypes.IntegerType):
        lower, upper = pl.select(dtype.min().alias("l"), dtype.max().alias("u")).row(0)
        return f"a whole number from {lower:,} to {upper:,}"
    if dtype.is_float():
        return "a number"
    if isinstance(dtype, pl.Datetime):
        return "a date and time" + (" with its offset from UTC" if dtype.time_zone else "")
    return {pl.Date: "a date", pl.Boolean: "true or false", pl.Time: "a time"}.get(dtype.base_type(), str(dtype))


def _reference_column(reference: Reference) -> str:
    return f"__exists_{reference.rule}"


def with_references(frame: Table, rules: Sequence[Rule], tables: dict[str, pl.DataFrame]) -> Table:
    """Add the boolean column that each reference rule looks at.

    Args:
        frame: The rows to judge.
        rules: All rules; others than references are left alone.
        tables: The values of each reference rule by its name, distinct, under the names of the rule's columns.
    """
    exists: list[pl.Expr | pl.Series] = []
    for rule in rules:
        if rule.reference is None:
            continue
        found, known = _reference_column(rule.reference), tables[rule.name]
        nothing = pl.any_horizontal(pl.col(column).is_null() for column in rule.columns)
        if isinstance(frame, pl.DataFrame) and known.width == 1 and are_few(known):
            [values] = known.get_columns()
            exists.append((pl.col(values.name).is_in(values.implode()) | nothing).alias(found))
            continue
        beside = known.with_columns(pl.lit(True).alias(found))
        is_there = pl.col(found).fill_null(False) | nothing
        how: dict[str, Any] = {"on": list(rule.columns), "how": "left", "maintain_order": "left", "coalesce": True}
        if isinstance(frame, pl.DataFrame):  # all columns that it has would be gathered anew
            exists.append(frame.select(rule.columns).join(beside, **how).select(is_there).to_series())
        else:
            frame = frame.join(beside.lazy(), **how)
            exists.append(is_there)
    return with_columns(frame, exists) if exists else frame
