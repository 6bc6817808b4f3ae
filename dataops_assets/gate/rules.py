"""Rules: a dataset's pandera model, key and references, compiled to polars expressions.

pandera runs check after check, each over the whole frame, and on a LazyFrame looks at no value at all. Here the expression of
every check is captured instead where it has one (`capture`), and all are evaluated together.
"""

import inspect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any, Literal

import polars as pl
from pandera.api.checks import Check

from dataops_assets.contract import Dataset, Problem, Reference, Severity
from dataops_assets.contract.errors import choose
from dataops_assets.contract.model import RuleOptions
from dataops_assets.gate.capture import Called, NotCompiled, compiled
from dataops_assets.gate.query import Table

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
    "in_range": "is between {min_value} and {max_value}",
    "isin": "is one of {allowed_values}",
    "notin": "is none of {forbidden_values}",
    "str_matches": "matches {pattern}",
    "str_contains": "contains {pattern}",
    "str_startswith": "begins with {string}",
    "str_endswith": "ends with {string}",
    "str_length": "is {min_value} to {max_value} characters long",
}


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


def rule_problems(dataset: Dataset) -> list[Problem]:
    """Mistakes in the rules of a dataset: checks that cannot be compiled, options for rules that do not exist."""
    try:
        rules = compile_rules(dataset)
    except NotCompiled as error:
        remedy = (
            "write it as `return data.lazyframe.select(<boolean expression>)`; where that cannot be, return a LazyFrame with"
        )
        return [_problem(dataset, error.rule, str(error), f"{remedy} one true or false for each row, or one bool for all")]
    problems = [*_type_problems(dataset), *_ignored(dataset)]
    known = {rule.name: rule for rule in rules}
    for name, options in dataset.attributes.rules.items():
        softened = options.severity in ("warn", "fail") or options.shadow_until is not None
        if name not in known:
            message = f"options for the unknown rule `{name}`"
            problems.append(dataset.problem(("rules", name), message, choose(name, known)))
        elif options.severity == "reject" and known[name].kind == "frame":
            message = f"rule `{name}` is about the whole delivery, so it cannot reject rows"
            problems.append(dataset.problem(("rules", name), message, "use `warn` or `fail`"))
        elif softened and name == "key.unique":
            # A warning, or a tolerated failure, would publish rows that nobody can tell apart.
            message = "rule `key.unique` must reject, since the key is what tells rows apart"
            remedy = "name more columns as the `key`; `{tolerance: 0}` refuses all where one row is rejected"
            problems.append(dataset.problem(("rules", name), message, remedy))
        elif softened and name.endswith(".finite"):
            message = f"rule `{name}` must reject, since no sum and no mean over NaN or infinity means anything"
            problems.append(
                dataset.problem(("rules", name), message, "make it none in `normalise`, or leave the rule as it is")
            )
        elif softened and name.endswith(".not_null"):
            # A warning, or a tolerated failure, would publish what the schema says cannot be there.
            message = f"rule `{name}` must reject, since the schema says that the column always has a value"
            remedy = "make the column nullable in schema.py, or leave the rule as it is"
            problems.append(dataset.problem(("rules", name), message, remedy))
        elif known[name].kind == "type" and (softening := _softening(options)):
            what, remedy = softening
            message = f"rule `{name}` cannot {what}, since a value that cannot be read would be published as none"
            problems.append(dataset.problem(("rules", name), message, remedy))
    for rule in rules:
        if not rule.sentence:
            message = f"rule `{rule.name}` has no sentence in words"
            problems.append(_problem(dataset, rule.name, message, "give the check a docstring or `description`"))
    for name, count in Counter(rule.name for rule in rules).items():
        if count > 1:
            problems.append(_problem(dataset, name, f"{count} rules are called `{name}`", "rename a check, or remove one"))
    return problems


def _softening(options: RuleOptions) -> tuple[str, str] | None:
    """What lets rows through that break a rule, and how to mend it; None if none come through."""
    if options.shadow_until:
        return "be in shadow", "remove `shadow_until`"
    if options.severity == "warn":
        return "only warn", "use `reject` or `fail`, or declare the column as text"
    if options.severity == "fail" and options.tolerance:
        return "fail beyond a share alone", "use `reject`, or remove `tolerance`"
    return None


def _ignored(dataset: Dataset) -> Iterator[Problem]:
    """What a pandera model can say, but the gate does not do: silence would promise what is not kept."""
    for schema in dict.fromkeys((dataset.schema, dataset.delivered)):
        model = schema.pandera
        for name, column in model.columns.items():
            said = {
                "is optional": not column.required,
                "stands for many by a pattern": column.regex,
                "has a default": column.default is not None,
            }
            for what in (what for what, is_said in said.items() if is_said):
                remedy = "declare every column by its name, without a default; fill in and change values in `normalise`"
                yield _problem(dataset, "", f"column `{name}` {what}, which the gate does not do", remedy)
        settings = ("strict", "ordered", "drop_invalid_rows", "add_missing_columns")
        for setting in (setting for setting in settings if getattr(model, setting)):
            remedy = "remove it: the envelope compares the columns, and the contract's tolerance decides on rows"
            yield _problem(dataset, "", f"`{setting}` of the model's Config is not what decides here", remedy)


def _type_problems(dataset: Dataset) -> Iterator[Problem]:
    source = dataset.ingested.source if dataset.ingested else None
    for column in dataset.delivered.columns.values() if source and source.format != "parquet" else ():
        if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Duration, pl.Object):
            message = f"column `{column.name}` is {column.dtype}, which cannot be read from text"
            yield _problem(dataset, "", message, "deliver it as a plain value, or as parquet")
    lost = [name for name in dataset.schema.columns if name not in dataset.delivered.columns]
    if lost and not dataset.normalise:
        message = f"`Schema` has {', '.join(lost)}, which `Delivered` has not, and there is no `normalise` to make it"
        yield _problem(dataset, "", message, "write `normalise`, or remove `Delivered`")


def _problem(dataset: Dataset, rule: str, message: str, remedy: str) -> Problem:
    """A mistake in `schema.py`: at the method that makes the rule, if there is one."""
    file, _, line = written_at(dataset, rule).partition(":")
    return Problem(file, int(line), message, remedy)


def written_at(dataset: Dataset, rule: str) -> str:
    """Where a rule is written, as file and line: the method that makes it, if there is one, or the top of `schema.py`."""
    method = getattr(dataset.schema.model, rule.rpartition(".")[2], None)
    line = method.__code__.co_firstlineno if inspect.ismethod(method) else 1
    return f"{dataset.folder}/schema.py:{line}"


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
        if column.dtype.is_float():
            finite = value.is_finite().fill_null(True)
            rules.append(_rule(f"{name}.finite", f"{name} is a finite number", "value", (name,), finite))
        pandera_column = dataset.schema.pandera.columns[name]
        for check in pandera_column.checks:
            rules.append(_check_rule(check, name, dataset))
        if pandera_column.unique:
            rules.append(_unique_rule(f"{name}.unique", (name,)))
    return rules


def _rejects_miscast(column: str, dataset: Dataset) -> bool:
    options = dataset.attributes.rules.get(f"{column}.type")
    return options is None or options.severity in (None, "reject")


def _table_rules(dataset: Dataset) -> list[Rule]:
    schema, attributes = dataset.schema, dataset.attributes
    rules = [_check_rule(check, None, dataset) for check in schema.pandera.checks]
    unique = schema.pandera.unique
    if unique:
        rules.append(_unique_rule("unique", (unique,) if isinstance(unique, str) else tuple(unique)))
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
    found = compiled(check, column, name, dataset.schema)
    severity: Severity = "warn" if check.raise_warning else "fail" if found.of_frame else "reject"
    rule = _rule(name, _sentence(check, column), "frame" if found.of_frame else "value", (), pl.lit(True), severity)
    if isinstance(found, Called):
        return replace(rule, columns=found.columns, called=found)
    looked_at = [column] if column else [one for one in found.passes.meta.root_names() if one in dataset.schema.columns]
    columns = tuple(dict.fromkeys(looked_at))
    return replace(rule, columns=columns, passes=found.passes, measured=found.measured, bound=found.bound)


def _sentence(check: Check, column: str | None) -> str:
    if check.description:
        return check.description
    template = _SENTENCES.get(check.name or "")
    if template is None or column is None:
        return ""
    return f"{column} {template.format(**(check.statistics or {}))}"


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
    exists = []
    for rule in rules:
        if rule.reference is None:
            continue
        found = _reference_column(rule.reference)
        known = tables[rule.name].with_columns(pl.lit(True).alias(found))
        other: Any = known if isinstance(frame, pl.DataFrame) else known.lazy()
        frame = frame.join(other, on=list(rule.columns), how="left", maintain_order="left", coalesce=True)
        nothing = pl.any_horizontal(pl.col(column).is_null() for column in rule.columns)
        exists.append(pl.col(found).fill_null(False) | nothing)
    return frame.with_columns(exists) if exists else frame
