"""What Athena is told of a column is what our writer makes of it, and what cannot be told is refused with file and line."""

from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet
import pytest

from dataops_assets.contract import ContractError
from dataops_assets.contract.errors import Mistake
from dataops_assets.infrastructure.tables import athena_type
from dataops_assets.infrastructure.variables import variables
from dataops_assets.storage.publishing import write_parquet
from dataops_assets_tests.contract.broken import SCHEMA
from dataops_assets_tests.trees import Tree

READ = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "UTINYINT": "smallint",
    "USMALLINT": "int",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "BLOB": "binary",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "DECIMAL(12,3)": "decimal(12,3)",
    "DECIMAL(38,0)": "decimal(38,0)",
    "BIGINT[]": "array<bigint>",
    "TINYINT[]": "array<tinyint>",
    "STRUCT(a TINYINT, b VARCHAR[])[]": "array<struct<a:tinyint,b:array<string>>>",
    "STRUCT(Warm FLOAT)": "struct<warm:float>",
}
"""The name of Athena for each type that DuckDB reads in a file, by the documentation of both."""
TYPES: list[pl.DataType] = [
    pl.Boolean(),
    *(kind() for kind in (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.Float32, pl.Float64)),
    pl.String(),
    pl.Categorical(),
    pl.Enum(["a", "b"]),
    pl.Binary(),
    pl.Date(),
    *(pl.Datetime(unit) for unit in ("ms", "us", "ns")),
    pl.Datetime("us", "UTC"),
    pl.Datetime("us", "Europe/Oslo"),
    pl.Decimal(12, 3),
    pl.Decimal(),
    pl.List(pl.Int64),
    pl.Array(pl.Int8, 2),
    pl.List(pl.Struct({"a": pl.Int8, "b": pl.List(pl.String)})),
    pl.Struct({"Warm": pl.Float32}),
]
NOT_READ = [pl.UInt32(), pl.UInt64(), pl.Float16(), pl.Time(), pl.Duration("us"), pl.List(pl.Time), pl.Null()]


def written(dtype: pl.DataType, path: Path) -> Path:
    write_parquet(pl.DataFrame({"x": [None, None]}, schema={"x": dtype}), path)
    return path


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_what_athena_is_told_is_what_the_file_holds(tmp_path: Path, dtype: pl.DataType) -> None:
    file = written(dtype, tmp_path / "x.parquet")
    [(_, found, *_)] = duckdb.sql(f"DESCRIBE SELECT * FROM '{file}'").fetchall()
    assert athena_type(dtype) == READ[found]


@pytest.mark.parametrize("unsigned", [pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64])
def test_an_unsigned_number_is_taken_if_its_highest_bit_is_free_where_it_is_stored(
    tmp_path: Path, unsigned: type[pl.DataType]
) -> None:
    """Athena takes what is stored for a signed number."""
    file = written(unsigned(), tmp_path / "x.parquet")
    bits = {"INT32": 31, "INT64": 63}[pyarrow.parquet.ParquetFile(file).schema.column(0).physical_type]
    largest = pl.select(unsigned.max()).item()
    assert (largest < 2**bits) == (unsigned() not in NOT_READ)


@pytest.mark.parametrize("dtype", NOT_READ, ids=str)
def test_what_athena_cannot_tell_is_refused_with_what_to_write_instead(dtype: pl.DataType) -> None:
    with pytest.raises(Mistake, match="Athena has no type for") as caught:
        athena_type(dtype)
    assert caught.value.remedy.startswith("make it ")


def test_every_type_of_polars_is_taken_or_refused() -> None:
    known = {type(dtype) for dtype in (*TYPES, *NOT_READ)}
    not_stored = {pl.Int128, pl.UInt128, pl.Object, pl.Unknown}  # the writer, or pandera, refuses them first
    every = {kind for kind in vars(pl.datatypes).values() if isinstance(kind, type) and issubclass(kind, pl.DataType)}
    concrete = {kind for kind in every if not kind.__subclasses__() and kind.__module__ == "polars.datatypes.classes"}
    assert {kind.__name__ for kind in concrete - known - not_stored} <= {"Extension", "BaseExtension", "Map", "DataType"}


@pytest.mark.parametrize(
    ("old", "new", "told", "remedy"),
    [
        ("hour: pl.Int8", "hour: pl.UInt32", "column `hour`: Athena has no type for UInt32", "make it pl.Int64 in schema.py"),
        (
            'note: str = pa.Field(description="In words", nullable=True)',
            'note: str = pa.Field(description="In words", nullable=True, alias="a note")',
            "column `a note`: Athena takes no name as `a note`",
            "call it by letters, digits and `_`",
        ),
    ],
    ids=["type", "name"],
)
def test_a_column_that_athena_does_not_take_is_told_with_its_line(
    tree: Tree, old: str, new: str, told: str, remedy: str
) -> None:
    tree.edit(SCHEMA, old, new)
    if "a note" in new:
        tree.edit(SCHEMA, 'pl.col("note")', 'pl.col("a note")')
        tree.edit("readings/examples.yaml", "note: null", '"a note": null')
    catalog = tree.catalog()
    with pytest.raises(ContractError) as caught:
        variables(catalog)
    [problem] = caught.value.problems
    assert (problem.file, problem.line) == (f"defs/{SCHEMA}", tree.line(SCHEMA, new))
    assert problem.message.startswith(told)
    assert problem.remedy.startswith(remedy)


def test_long_descriptions_are_cut_where_glue_takes_no_more(tree: Tree) -> None:
    tree.edit(SCHEMA, "In words", f"In words: {'ø' * 200}")
    tree.edit("readings/defs.yaml", "One hour at one station.", f"One hour. {'x' * 3000}")
    table = variables(tree.catalog())["tables"]["staged"]["readings"]
    comment = table["columns"][-1]["comment"]
    assert comment.startswith("In words: øøø")
    assert comment.endswith("ø…")
    assert 250 < len(comment.encode()) <= 255
    assert len(table["description"].encode()) == 2048
