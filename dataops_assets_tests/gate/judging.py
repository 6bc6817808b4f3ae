"""How the tests of the content gate judge: with the towns that references may exist among."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pandera.polars as pa
import polars as pl
from polars.testing import assert_frame_equal

from dataops_assets.contract import Dataset
from dataops_assets.contract.schema import Schema
from dataops_assets.gate.content import Judged, judge_delivery, quarantined
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.trees import Tree

TOWNS = {"oslo", "bergen"}
MONTH = 'pl.date(2024, pl.col("hour"), 1).is_not_null()'
"""No hour is a month from 13 on, so polars cannot evaluate it on every row."""


class Held(Judged):
    """What was found in rows that fit into memory."""

    good: pl.DataFrame


def judge(dataset: Dataset, text: pl.DataFrame, public: bool = True) -> Held:
    """Judge a delivery in memory, and streamed: the same must be found."""
    rules = compile_rules(dataset)
    towns = pl.DataFrame({"town": sorted(TOWNS)})
    tables = {rule.name: towns.rename({"town": rule.columns[0]}) for rule in rules if rule.reference}
    found = judge_delivery(dataset, rules, text, tables, public)
    assert [result.rule for result in found.rules] == [rule.name for rule in rules]
    with TemporaryDirectory() as scratch:
        streamed = judge_delivery(dataset, rules, text.lazy(), tables, public, copy=Path(scratch) / "rows")
        said = [repr((each.rows, each.rules, each.reasons)) for each in (found, streamed)]  # NaN equals NaN
        assert said[0] == said[1]
        assert isinstance(found.good, pl.DataFrame)
        assert isinstance(streamed.good, pl.LazyFrame)
        assert_frame_equal(streamed.good.collect(engine="streaming"), found.good)
    assert_frame_equal(streamed.rejected, found.rejected)
    assert_frame_equal(quarantined("d1", text.lazy(), streamed), quarantined("d1", text, found))
    return Held(**vars(found))


class _Model(Schema):
    """A schema without a class."""

    def __init__(self, schema: pa.DataFrameSchema):
        self.pandera = schema
        self.model = pa.DataFrameModel


def as_schema(schema: pa.DataFrameSchema) -> Schema:
    """The columns and rules of a model that has no class."""
    return _Model(schema)


def with_key_n(tree: Tree) -> Dataset:
    """A dataset whose key is `n`, that tolerates any row; its columns are for `of_model` to say."""
    tree.write("sample/schema.py", "import pandera.polars as pa\n\n\nclass Schema(pa.DataFrameModel):\n    n: int\n")
    tree.write("sample/defs.yaml", (tree.defs / "stations/defs.yaml").read_text())
    tree.edit("sample/defs.yaml", "key: [station]", "key: [n]\n  tolerance: 1")
    return tree["sample"]


def of_model(dataset: Dataset, schema: pa.DataFrameSchema) -> Dataset:
    """The dataset with other columns and rules, whatever it is delivered as."""
    return replace(dataset, schema=_Model(schema), delivered=_Model(schema))


def delivered(rows: int, without_note: int = 0) -> pl.DataFrame:
    """Readings, the last of which break `noted`."""
    columns = {
        "station": ["oslo"] * rows,
        "day": [str(date(2024, 1, 1).replace(day=i // 24 + 1)) for i in range(rows)],
        "hour": [str(i % 24) for i in range(rows)],
        "temperature": ["1.5"] * (rows - without_note) + [None] * without_note,
        "note": [None] * rows,
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def with_options(tree: Tree, options: str, edit: tuple[str, str] = ("", "")) -> Dataset:
    tree.edit("readings/defs.yaml", "tolerance: 0.5", options)
    if edit[0]:
        tree.edit("readings/schema.py", *edit)
    return tree["readings"]
