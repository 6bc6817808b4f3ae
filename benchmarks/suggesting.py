"""What suggested rules are worth: `python benchmarks/suggesting.py`.

Of each daily dataset of the sample, every rule is forgotten: its columns have types, and nothing else. The first half of the
year is learned from, as `dataops suggest` does it. Then each rule is asked of the second half: how many rows break it?
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandera.polars as pa
import polars as pl

from dataops_assets.catalog import load_catalog
from dataops_assets.cli import sample
from dataops_assets.components.patching import in_python
from dataops_assets.contract import Dataset
from dataops_assets.contract.schema import Schema
from dataops_assets.gate.content import judge_delivery
from dataops_assets.gate.learning import Learner, Suggestion
from dataops_assets.gate.reading import read_text
from dataops_assets.gate.rules import compile_rules
from dataops_assets.steps.pending import partitions_of


def good_rows(dataset: Dataset) -> Iterator[pl.DataFrame]:
    """What the gate publishes of each day; references are not asked."""
    assert dataset.ingested
    rules = [rule for rule in compile_rules(dataset) if rule.kind != "reference"]
    with TemporaryDirectory() as folder:
        for day in partitions_of(dataset, datetime.now(UTC)):
            paths = []
            for name, content in sample.deliveries(dataset.name, day) if not dataset.gap_reason(day) else ():
                path = Path(folder) / Path(name).name
                path.write_bytes(content)
                paths += [path] if path.suffix != ".json" else []
            if paths:
                text = read_text(paths, [path.name for path in paths], dataset.ingested.source)
                yield judge_delivery(dataset, rules, text, {}, public=True).good.lazy().collect()


def forgotten(dataset: Dataset) -> Dataset:
    """The same dataset, whose columns have types and nothing else."""
    fields: dict[str, Any] = {name: pa.Field(nullable=True) for name in dataset.schema.columns}
    types = {name: column.dtype for name, column in dataset.schema.columns.items()}
    schema = Schema(type("Schema", (pa.DataFrameModel,), fields | {"__annotations__": types, "__module__": __name__}))
    attributes = dataset.attributes.model_copy(update={"references": (), "rules": {}})
    return replace(dataset, schema=schema, delivered=schema, attributes=attributes, corrections=(), normalise=None)


def broken(rows: pl.DataFrame, one: Suggestion) -> int:
    """How many rows break a suggested rule."""
    value = pl.col(one.columns[0])
    if one.compares:
        other = pl.col(one.columns[1])
        return int(rows.select((value > other if one.compares == "<=" else value != other).sum()).item())
    [(argument, wanted)] = one.arguments.items()
    breaks = {
        "ge": lambda: value < wanted,
        "le": lambda: value > wanted,
        "isin": lambda: ~value.is_in(wanted),
        "str_matches": lambda: ~value.str.contains(wanted),
        "str_length": lambda: value.str.len_chars() != wanted["min_value"],
        "nullable": lambda: value.is_null(),
        "unique": lambda: value.is_duplicated(),
    }
    return int(rows.select(breaks[argument]().sum()).item())


def main() -> None:
    """Learn, and ask."""
    catalog = load_catalog()
    for name in sample.DAILY:
        days = [rows for rows in good_rows(catalog[name]) if rows.height]
        half = len(days) // 2
        learner, began = Learner(forgotten(catalog[name]), "day"), time.perf_counter()
        for rows in days[:half]:
            learner.add(rows.lazy())
        found = learner.suggestions()
        seconds = time.perf_counter() - began
        later = {one.rule: sum(broken(rows, one) for rows in days[half:]) for one in found}
        height = sum(rows.height for rows in days[half:])
        kept = sum(not count for count in later.values())
        print(f"{name}: {len(found)} rules from {half} days in {seconds:.1f} s; {kept} of them kept by {height:,} rows after")
        for one in found:
            print(f"    {later[one.rule]:>6,} rows break {one.rule}: {in_python(one)}")


if __name__ == "__main__":
    main()
