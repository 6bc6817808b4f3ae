"""Mistakes in the rules of a dataset, told when the contracts load: what cannot be judged by, and what nobody would ask.

Not here: the rules themselves (`rules`).
"""

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sized
from decimal import Decimal
from numbers import Real
from typing import Any

import pandera.polars as pa
import polars as pl

from dataops_assets.contract import Dataset, Problem
from dataops_assets.contract.errors import Mistake, choose
from dataops_assets.contract.model import RuleOptions
from dataops_assets.contract.partitions import known_zone
from dataops_assets.contract.schema import RESERVED, Schema, has_text, is_pattern, is_text, within
from dataops_assets.gate.capture import NotCompiled
from dataops_assets.gate.places import declared_at, rule_at
from dataops_assets.gate.rules import STATISTICS, compile_rules

_LONG = {
    "eq": "equal_to",
    "ne": "not_equal_to",
    "gt": "greater_than",
    "ge": "greater_than_or_equal_to",
    "lt": "less_than",
    "le": "less_than_or_equal_to",
}
"""What the rules are called that `pa.Field` makes of its short arguments."""
_DECIDED = "`normalise` makes columns, and the contract's tolerance decides on rows"
_FORMAT = "what is delivered is read as `source` says, and all is published as parquet"
_NOT_DONE = {
    "drop_invalid_rows": _DECIDED,
    "add_missing_columns": _DECIDED,
    "on_missing_columns": _DECIDED,
    "dtype": "each column has the type that it is declared with",
    "from_format": _FORMAT,
    "to_format": _FORMAT,
}
"""What the Config of a model can say, but the gate does not do, and what is so instead."""
_AS_FLOAT64 = {"isin", "notin", "unique_values_eq"}
"""The built-in checks that compare a Float32 as the Float64 that it is."""
_DEMANDS = {"isin", "unique_values_eq", "equal_to"}
"""The built-in checks that demand one of the values that they name."""
_UNREADABLE: dict[type[pl.DataType], str] = {
    pl.Object: "as what its values are, as `str` or `pl.Binary`",
    pl.Int128: "as `pl.Decimal(38, 0)`",
    pl.UInt128: "as `pl.Decimal(38, 0)`",
}
"""Types that cannot be written as parquet, or not so that pyarrow and DuckDB read them, and how else to declare them."""
_NO_COLUMN = re.compile('unable to find column "(.+?)"(.*)')
_NO_PATTERN = re.compile("regex error: (look-around|backreferences)?")
"""What polars says of a check."""


def rule_problems(dataset: Dataset) -> list[Problem]:
    """Mistakes in the rules of a dataset: checks that cannot be compiled, options for rules that do not exist."""
    mistakes = (_misnamed, _differing_in_capitals, _in_no_zone, _unreadable, _not_a_number)
    unusable = [problem for find in mistakes for problem in find(dataset)]
    if unusable:  # no rule can ask for them
        return unusable
    try:
        rules = compile_rules(dataset)
    except NotCompiled as error:
        return [_problem(dataset, error.rule, str(error), _mended(dataset, error))]
    problems = [*_type_problems(dataset), *_ignored(dataset), *_by_group(dataset), *_not_asked(dataset)]
    known = {rule.name: rule for rule in rules}
    for name, options in dataset.attributes.rules.items():
        softened = options.severity in ("warn", "fail") or options.shadow_until is not None
        if name not in known:
            message = f"options for the unknown rule `{name}`"
            column, dot, label = name.rpartition(".")
            meant = f"{column}{dot}{_LONG.get(label, label)}"
            problems.append(dataset.problem(("rules", name), message, choose(meant, known)))
        elif options.severity == "reject" and known[name].kind == "frame":
            message = f"rule `{name}` is about the whole delivery, so it cannot reject rows"
            problems.append(dataset.problem(("rules", name), message, "use `warn` or `fail`"))
        elif options.tolerance is not None and known[name].kind == "frame":
            message = f"rule `{name}` is about the whole delivery, so there is no share of rows that may break it"
            remedy = "remove `tolerance`; how much may be missing or wrong is said by the check itself"
            problems.append(dataset.problem(("rules", name), message, remedy))
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
        for column in (one for one in rule.columns if rule.kind == "key" and one not in dataset.schema.columns):
            if rule.name != "key.unique":  # of which `Catalog` tells it
                remedy = choose(column, dataset.schema.columns)
                problems.append(_problem(dataset, "", f"`unique` names the unknown column `{column}`", remedy))
        if not rule.sentence:
            message = f"rule `{rule.name}` has no sentence in words"
            problems.append(_problem(dataset, rule.name, message, "give the check a docstring or `description`"))
    reserved = [] if dataset.partitions else [STATISTICS]  # by which it is told apart everywhere
    for name, count in Counter([*(rule.name for rule in rules), *reserved]).items():
        same = [place for place, one in enumerate(dataset.attributes.references) if one.rule == name]
        if len(same) == count > 1:
            told = dataset.attributes.references[same[0]]
            message = f"{' and '.join(told.columns)} refers to {told.dataset} {count} times, which makes one rule, `{name}`"
            problems.append(dataset.problem(("references", same[-1]), message, "remove one of these references"))
        elif count > 1:
            problems.append(_problem(dataset, name, f"{count} rules are called `{name}`", "rename a check, or remove one"))
    return list(dict.fromkeys(problems))


def _mended(dataset: Dataset, error: NotCompiled) -> str:
    """How to mend a check that cannot be compiled."""
    column, _, label = error.rule.rpartition(".")
    argument = _argument(label)
    if (found := _NO_COLUMN.search(str(error))) and found[1] not in dataset.schema.columns:
        return choose(found[1], re.findall('"(.+?)"', found[2]) or dataset.schema.columns)
    if found := _NO_PATTERN.search(str(error)):
        return f"write a pattern without {found[1]}" if found[1] else "write a pattern that polars can read"
    method = getattr(dataset.schema.model, label, None)
    if inspect.ismethod(method):
        try:
            inspect.signature(method.__func__).bind(None, None)
        except TypeError:
            return f"write `def {label}(cls, data)`"
    elif column and argument in inspect.signature(pa.Field).parameters:
        if argument.startswith("str_") and not is_text(dataset.schema.columns[column].dtype):
            return f"remove `{argument}`, which is for text, or declare the column as text"
        takes = "whole numbers" if argument == "str_length" else "a value of the column's type"
        return f"give `{argument}` {takes}, or remove it"
    remedy = "write it as `return data.lazyframe.select(<boolean expression>)`; where that cannot be, return a LazyFrame with"
    return f"{remedy} one true or false for each row, or one bool for all"


def _argument(label: str) -> str:
    """What `pa.Field` calls a check."""
    return next((short for short, long in _LONG.items() if long == label), label)


def _softening(options: RuleOptions) -> tuple[str, str] | None:
    """What lets rows through that break a rule, and how to mend it; None if none come through."""
    if options.shadow_until:
        return "be in shadow", "remove `shadow_until`"
    if options.severity == "warn":
        return "only warn", "use `reject` or `fail`, or declare the column as text"
    if options.severity == "fail" and options.tolerance:
        return "fail beyond a share alone", "use `reject`, or remove `tolerance`"
    return None


def _misnamed(dataset: Dataset) -> Iterator[Problem]:
    """Columns whose names mean something else to the gate, or to polars."""
    remedy = "give it another name; if it is delivered as this one, leave it out"
    for schema in dict.fromkeys((dataset.schema, dataset.delivered)):
        for name in schema.columns:
            if name.startswith(RESERVED):
                message = f"column `{name}` begins with `{RESERVED}`, as the columns do that the gate has beside it"
                yield _written(dataset, schema, name, message, remedy)
            elif is_pattern(name):
                message = f"column `{name}` is called as a pattern is written, which to polars stands for many columns"
                yield _written(dataset, schema, name, message, remedy)


def _differing_in_capitals(dataset: Dataset) -> Iterator[Problem]:
    """Published columns that differ in capitals alone: DuckDB, Athena and Spark take them for one."""
    first: dict[str, str] = {}
    for name in dataset.schema.columns:
        if (other := first.setdefault(name.lower(), name)) != name:
            message = (
                f"columns `{other}` and `{name}` differ in capitals alone, which DuckDB, Athena and Spark do not tell apart"
            )
            yield _written(
                dataset, dataset.schema, name, message, "give one of them another name, in `normalise` if both are delivered"
            )


def _in_no_zone(dataset: Dataset) -> Iterator[Problem]:
    """Columns of moments in a time zone that there is not."""
    for schema in dict.fromkeys((dataset.schema, dataset.delivered)):
        zones = {name: getattr(column.dtype, "time_zone", None) for name, column in schema.columns.items()}
        for name, zone in zones.items():
            try:
                _ = zone and known_zone(zone)
            except Mistake as error:
                yield _written(dataset, schema, name, f"column `{name}`: {error.message}", error.remedy)


def _unreadable(dataset: Dataset) -> Iterator[Problem]:
    """Columns of types that others could not read."""
    for schema in dict.fromkeys((dataset.schema, dataset.delivered)):
        for name, column in schema.columns.items():
            for kind in dict.fromkeys(part.base_type() for part in within(column.dtype) if part.base_type() in _UNREADABLE):
                message = f"column `{name}` is of pl.{kind.__name__}, which is not kept in parquet for others to read"
                yield _written(dataset, schema, name, message, f"declare it {_UNREADABLE[kind]}")


def _not_a_number(dataset: Dataset) -> Iterator[Problem]:
    """Checks that compare with NaN, to which nothing compares."""
    for schema in dict.fromkeys((dataset.schema, dataset.delivered)):
        for name, column in schema.pandera.columns.items():
            for check in (check for check in column.checks if any(map(_is_nan, _values(check.statistics)))):
                message = f"`{_argument(check.name or '')}` of column `{name}` names NaN, with which no number compares"
                remedy = "write a number in its place, or leave it out: NaN is refused without a check"
                yield _written(dataset, schema, name, message, remedy)


def _is_nan(value: Any) -> bool:
    return value.is_nan() if isinstance(value, Decimal) else isinstance(value, Real) and value != value


def _values(statistics: dict[str, Any] | None) -> list[Any]:
    """What a check compares with, one by one."""
    found: list[Any] = []
    for value in (statistics or {}).values():
        found += value if isinstance(value, Iterable) and not isinstance(value, str | bytes | pl.Expr) else [value]
    return found


def _ignored(dataset: Dataset) -> Iterator[Problem]:
    """What a pandera model can say, but the gate does not do: silence would promise what is not kept."""
    for schema in dict.fromkeys((dataset.schema, dataset.delivered)):
        for name, column in schema.pandera.columns.items():
            said = {
                "is optional": not column.required,
                "stands for many by a pattern": column.regex,
                "has a default": column.default is not None,
            }
            for what in (what for what, is_said in said.items() if is_said):
                remedy = "declare every column by its name, without a default; fill in and change values in `normalise`"
                yield _written(dataset, schema, name, f"column `{name}` {what}, which the gate does not do", remedy)
            for message, remedy in (*_no_list(column), *_of_no_row(column, schema.columns[name].dtype), *_by_element(column)):
                yield _written(dataset, schema, name, message, remedy)
        for name in schema.decimals_without_scale:
            message = f"column `{name}` is a decimal of no scale, which has no digit behind the point"
            yield _written(dataset, schema, name, message, "write `pl.Decimal(precision, scale)`")
        for name in schema.columns_of_several_types:
            message = f"column `{name}` is declared with several types, of which only the first would count"
            yield _written(dataset, schema, name, message, "declare it with one")
        for name in schema.checks_of_no_column:
            message = f"the check `{name}` names no column, and so is asked of none"
            remedy = 'write `@pa.check("<column>")`, or `@pa.dataframe_check` for a rule over several'
            yield _written(dataset, schema, name, message, remedy)
        for name in schema.methods_of_no_use:
            message = f"`{name}` is no rule: nothing makes a check of it"
            remedy = 'write `@pa.dataframe_check` or `@pa.check("<column>")` above it; or begin its name with `_`'
            remedy = remedy if schema is dataset.schema else f"remove it: rules stand in `Schema`; there, {remedy}"
            yield _written(dataset, schema, name, message, remedy)
        for setting in (setting for setting in _NOT_DONE if getattr(schema.model.__config__, setting)):
            message = f"`{setting}` of the model's Config is not what decides here"
            yield _written(dataset, schema, setting, message, f"remove it: {_NOT_DONE[setting]}")


def _by_group(dataset: Dataset) -> Iterator[Problem]:
    """Checks that are to look at groups of rows, which pandera does not do for polars."""
    schema = dataset.schema.pandera
    checks = [(f"{name}.{check.name}", check) for name, column in schema.columns.items() for check in column.checks]
    for name, check in (*checks, *((check.name or "", check) for check in schema.checks)):
        if check.groupby is not None:
            remedy = "remove `groupby`; an expression looks at the rows of each group with `.over(…)`"
            yield _problem(dataset, name, f"check `{name}` has a `groupby`, which is not done", remedy)


def _no_list(column: pa.Column) -> Iterator[tuple[str, str]]:
    """What is wrong with the values that a column may have or may not, and how to mend it."""
    for argument, values in ((check.name, values) for check in column.checks for values in (check.statistics or {}).values()):
        if argument in ("isin", "notin") and isinstance(values, str):
            message = f"`{argument}` of column `{column.name}` is the text {values!r}, which would be taken letter by letter"
            yield message, f"write a list: `{argument}=[{values!r}]`"
        if argument == "isin" and isinstance(values, Sized) and not len(values):
            yield f"`isin` of column `{column.name}` takes no value", "name those that it may have, or remove it"


def _of_no_row(column: pa.Column, dtype: pl.DataType) -> Iterator[tuple[str, str]]:
    """Values that a check names, though the column can have none of them, and how to mend it."""
    for check in (check for check in column.checks if check.name in _AS_FLOAT64 | _DEMANDS):
        said = f"`{_argument(check.name or '')}` of column `{column.name}` names"
        values = _values(check.statistics)
        if isinstance(dtype, pl.Enum) and check.name in _DEMANDS and values and not {*values} & {*dtype.categories}:
            told = ", ".join(map(repr, values))
            yield f"{said} {told}, of which none is among its categories", choose(str(values[0]), dtype.categories)
        for value in values:
            if dtype == pl.Float32 and check.name in _AS_FLOAT64 and isinstance(value, Real) and not _is_float32(value):
                yield f"{said} {value!r}, which no pl.Float32 is", "declare the column as `float`"


def _by_element(column: pa.Column) -> Iterator[tuple[str, str]]:
    """Built-in checks that are to be called for each value, which pandera cannot do, and how to mend it."""
    for check in (check for check in column.checks if check.element_wise and check.statistics):
        if check.name in pa.Check.CHECK_FUNCTION_REGISTRY:
            argument = _argument(check.name)
            message = f"`{argument}` of column `{column.name}` is `element_wise`, which only a check of one's own can be"
            yield message, f"remove `element_wise`: `{argument}` looks at each value as it is"


def _is_float32(value: Real) -> bool:
    return bool(pl.Series([value], dtype=pl.Float32, strict=False).cast(pl.Float64)[0] == value)


def _not_asked(dataset: Dataset) -> Iterator[Problem]:
    """Rules that `Delivered` alone has: of that, names and types count; rows are judged once they are as `Schema` says."""
    asked, said = dataset.schema.pandera, dataset.delivered.pandera
    all_asked = set(_rules_of(asked)).union(*map(_rules_of, asked.columns.values()))
    for name, column in said.columns.items():
        of = set(_rules_of(asked.columns[name])) if name in asked.columns else all_asked
        for rule in (rule for rule in _rules_of(column) if rule not in of):
            message = f"column `{name}` of `Delivered` has the rule `{rule[0]}`, which is not asked"
            yield _written(dataset, dataset.delivered, name, message, "say it in `Schema`")
    for rule in (rule for rule in _rules_of(said) if rule not in all_asked):
        message = f"`Delivered` has the rule `{rule[0]}`, which is not asked"
        yield _written(dataset, dataset.delivered, rule[0], message, "say it in `Schema`")


def _rules_of(said: pa.DataFrameSchema | pa.Column) -> list[tuple[str, str]]:
    """The rules of a model or a column: what they are called, and what else they say."""
    unique = [("unique", str(said.unique))] if said.unique else []
    return [*unique, *((check.name or "check", str(check.statistics)) for check in said.checks)]


def _type_problems(dataset: Dataset) -> Iterator[Problem]:
    source = dataset.ingested.source if dataset.ingested else None
    for column in dataset.delivered.columns.values() if source and source.format != "parquet" else ():
        if not has_text(column.dtype):
            message = f"column `{column.name}` is {column.dtype}, which cannot be read from text"
            yield _written(dataset, dataset.delivered, column.name, message, "deliver it as a plain value, or as parquet")
    lost = [name for name in dataset.schema.columns if name not in dataset.delivered.columns]
    if lost and not dataset.normalise:
        message = f"`Schema` has {', '.join(lost)}, which `Delivered` has not, and there is no `normalise` to make it"
        yield _problem(dataset, "", message, "write `normalise`, or remove `Delivered`")
    for name, column in dataset.delivered.columns.items() if not dataset.normalise else ():
        wanted = dataset.schema.columns.get(name, column).dtype
        if column.dtype != wanted:
            message = (
                f"`Delivered` has `{name}` as {column.dtype}, `Schema` as {wanted}, and there is no `normalise` to make it that"
            )
            yield _written(dataset, dataset.delivered, name, message, "write `normalise`, or give both the same type")


def _problem(dataset: Dataset, rule: str, message: str, remedy: str) -> Problem:
    """A mistake at what makes the rule."""
    return _at(rule_at(dataset, rule), message, remedy)


def _written(dataset: Dataset, schema: Schema, name: str, message: str, remedy: str) -> Problem:
    """A mistake at the column or method of that name."""
    return _at(declared_at(dataset, schema, name), message, remedy)


def _at(place: str, message: str, remedy: str) -> Problem:
    file, _, line = place.rpartition(":")
    return Problem(file, int(line), message, remedy)
