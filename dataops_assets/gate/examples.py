"""The proof that every rule bites: a good row, and for each rule the change that it must reject.

A change is a mapping of columns to values; for a rule that looks at several rows, a list of such, a row each.
Rules that follow from a type or from `nullable` alone are broken by a change made here; all others need one in `examples.yaml`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.gate.casting import read_as
from dataops_assets.gate.content import Judged, judge_delivery, judge_product
from dataops_assets.gate.functions import CodeError
from dataops_assets.gate.rules import STATISTICS, Rule, compile_rules

_UNREADABLE = "not of this type"


def failed_examples(dataset: Dataset) -> list[str]:
    """Run a dataset's examples.

    Returns:
        For every rule that has no example, or whose example it does not catch, a sentence that names it. Empty if all hold.
    """
    file = f"{dataset.folder}/examples.yaml"
    good = dataset.examples.get("good")
    if not isinstance(good, dict):
        return [f"{file}: `good` is missing: write one good row as a mapping of columns to values"]
    rules = compile_rules(dataset)
    try:
        found, nothing = (_judge(dataset, rules, rows, good) for rows in ([good], []))
    except CodeError as error:
        return [f"{file}: the good row, or an empty delivery, cannot be judged: {error}"]
    failures = [
        f"{file}: the good row breaks {result.rule}: {result.sentence}"
        for rule, result in zip(rules, found.rules, strict=True)
        if result.broken and rule.kind != "frame"
    ]
    failures += [
        f"{file}: the good row alone breaks {one.rule}, and so does an empty delivery: does it ever hold? ({one.sentence})"
        for rule, one, none in zip(rules, found.rules, nothing.rules, strict=True)
        if rule.kind == "frame" and one.broken and none.broken
    ]
    changes: dict[str, Any] = dataset.examples.get("reject") or {}
    known = {rule.name for rule in rules}
    caught = _caught_together(dataset, [rule for rule in rules if rule.name not in changes], good)
    failures += [f"{file}: example for the unknown rule `{name}`" for name in changes if name not in known]
    for rule in rules:
        if rule.kind == "key" and set(rule.columns) >= set(dataset.schema.columns):
            continue  # rows that share every column are merged, so none can break it
        if rule.name in caught or rule.name == STATISTICS:  # on that, the partitions before decide
            continue
        change = changes.get(rule.name) or _made(rule, good, dataset)
        if change is None:
            failures.append(
                f"{file}: rule `{rule.name}` has no example: add `{rule.name}: {{<column>: <bad value>}}` to `reject`"
            )
            continue
        several = change if isinstance(change, list) else [change]
        if not all(isinstance(row, dict) for row in several):
            failures.append(f"{file}: `{rule.name}` is {change}, no example: write `{{<column>: <bad value>}}` or several")
            continue
        changed = [{**good, **row} for row in several]
        asked = rules if rule.kind == "frame" else [rule]  # one on the whole delivery is asked of what the others leave
        try:
            judged = _judge(dataset, asked, [good, *changed] if rule.kind == "key" else changed, good)
        except CodeError as error:
            failures.append(f"{file}: the example {change} of `{rule.name}` cannot be judged: {error}")
            continue
        result = next(result for result in judged.rules if result.rule == rule.name)
        if result.detail or not result.broken:
            why = f": {result.detail}" if result.detail else ""
            failures.append(f"{file}: rule `{rule.name}` does not catch its example {change}{why}")
    return failures


def good_row(dataset: Dataset) -> dict[str, Any]:
    """The good row of a dataset's examples, as it is published; empty if there is none that passes."""
    good = dataset.examples.get("good")
    if not isinstance(good, dict):
        return {}
    published = _judge(dataset, compile_rules(dataset), [good], good).good.lazy().collect()
    return published.row(0, named=True) if published.height else {}


def broken_by(dataset: Dataset, change: Mapping[str, Any]) -> set[str]:
    """The rules that a change of the good row breaks, and that the good row keeps."""
    good, rules = dataset.examples["good"], compile_rules(dataset)
    as_it_is, changed = (_judge(dataset, rules, [{**good, **one}], good).rules for one in ({}, change))
    pairs = zip(as_it_is, changed, strict=True)
    return {after.rule for before, after in pairs if after.broken and not before.broken}


def _caught_together(dataset: Dataset, rules: list[Rule], good: dict[str, Any]) -> set[str]:
    """The rules that catch the change made for them, asked of one frame with a row for each: a table may have hundreds."""
    caught = set[str]()
    for kind in ("type", "not_null", "finite") if dataset.ingested else ():
        asked = [rule for rule in rules if rule.columns and rule.name == f"{rule.columns[0]}.{kind}"]
        rows = [{**good, **(_made(rule, good, dataset) or {})} for rule in asked]
        try:
            rejected = _judge(dataset, [replace(rule, severity="reject") for rule in asked], rows, good).rejected
        except CodeError:
            continue
        reasons = dict(rejected.select("row", "reasons").iter_rows())
        caught |= {rule.name for row, rule in enumerate(asked, 1) if rule.name in reasons.get(row, ())}
    return caught


def _made(rule: Rule, good: dict[str, Any], dataset: Dataset) -> dict[str, Any] | None:
    """The change that breaks a rule which follows from the declaration alone."""
    column = rule.columns[0] if rule.columns else ""
    if rule.kind == "type":
        return {column: _UNREADABLE}
    if rule.name == f"{column}.not_null":
        return {column: None}
    if rule.name == f"{column}.finite":
        return {column: "NaN" if dataset.ingested else float("nan")}
    if rule.kind == "key":
        return _differing(rule, good, dataset)
    if rule.kind == "reference" and all(dataset.schema.columns[c].dtype == pl.String for c in rule.columns):
        return dict.fromkeys(rule.columns, "∅")
    return None


def _differing(rule: Rule, good: dict[str, Any], dataset: Dataset) -> dict[str, Any] | None:
    """A change of one column that keeps the key, so that two rows share it and differ."""
    others = [name for name in dataset.schema.columns if name not in rule.columns and name in good]
    present = next((name for name in others if good[name] is not None), None)
    if present is not None:
        return {present: None}
    return {others[0]: _UNREADABLE} if others else None


def _judge(dataset: Dataset, rules: list[Rule], rows: list[dict[str, Any]], good: dict[str, Any]) -> Judged:
    tables = {rule.name: _only(dataset, rule, good) for rule in rules if rule.reference}
    columns = dataset.delivered.columns
    text = pl.DataFrame([{c: _as_text(row.get(c)) for c in columns} for row in rows], schema=dict.fromkeys(columns, pl.String))
    if dataset.ingested:
        return judge_delivery(dataset, rules, text, tables, public=True)
    made = text.lazy().select(read_as(pl.col(name), pl.String(), column.dtype) for name, column in columns.items())
    return judge_product(dataset, rules, made, tables, public=True)


def _only(dataset: Dataset, rule: Rule, good: dict[str, Any]) -> pl.DataFrame:
    """A table in which the good row's values exist and no others."""
    values = {c: [good.get(c)] for c in rule.columns}
    return pl.DataFrame(values, schema={c: dataset.schema.columns[c].dtype for c in rule.columns}, strict=False)


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
