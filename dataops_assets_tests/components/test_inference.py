"""What a sample tells: its format, types, texts for no value, and keys; whatever it holds is published to the last row."""

import csv
import gzip
import io
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataops_assets.components.inference import InferenceError, infer
from dataops_assets_tests.components.scaffolding import TRAINS, published, sample, scaffold, written
from dataops_assets_tests.trees import Tree


def zipped(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("trains.csv", text)
    return buffer.getvalue()


def parquet() -> bytes:
    buffer = io.BytesIO()
    columns = {
        "id": pl.Series([1, 2, 3], dtype=pl.UInt64),
        "kind": pl.Series(["a", "b", None], dtype=pl.Categorical),
        "fare": pl.Series(["1.50", "2.25", "3.00"]).cast(pl.Decimal(10, 2)),
        "at": [datetime(2024, 1, 5, 10, minute, tzinfo=UTC) for minute in range(3)],
        "tags": [["x"], [], None],
    }
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("trains.csv", TRAINS.replace(",", ";").replace("Oslo; west", "Oslo, west").encode()),
        ("trains.csv", "\ufefftrain\tline\n1\tA\n".encode()),
        ("trains.csv.gz", gzip.compress(TRAINS.encode())),
        ("trains.csv.zip", zipped(TRAINS)),
        ("trains.ndjson", b'{"id": 1, "late": true, "speed": null}\n{"id": 2, "speed": 1.5, "more": {"a": [1]}}\n'),
        ("trains.parquet", parquet()),
    ],
)
def test_every_format_can_be_a_sample(tree: Tree, file: str, content: bytes):
    path = sample(tree, content, file)
    name = scaffold(tree, "trains", sample=path)
    rows = published(tree, name, path)
    assert rows.height == len(rows.unique()) == infer(Path(path)).rows.height


def test_a_column_that_no_rule_can_judge_is_left_out_and_named(tree: Tree):
    scaffold(tree, "trains", sample=sample(tree, parquet(), "trains.parquet"))
    schema = written(tree, "trains")["schema.py"]
    assert "# Left out, because no rule can judge them: tags." in schema
    assert "    tags" not in schema
    with pytest.raises(InferenceError, match=r"`tags` of trains\.parquet is left out, since no rule can judge it"):
        infer(Path(sample(tree, parquet(), "trains.parquet"))).key(["tags"])


@pytest.mark.parametrize("name", ["*", "^x$", "__row"])
def test_a_column_that_is_called_as_no_column_of_a_schema_may_be_is_left_out_and_named(tree: Tree, name: str):
    path = sample(tree, TRAINS.replace("line", name, 1).encode(), "trains.csv")
    scaffold(tree, "trains", sample=path)
    assert infer(Path(path)).left_out == (name,)
    (told,) = (line for line in written(tree, "trains")["schema.py"].splitlines() if "# Left out, because" in line)
    assert name in told
    assert published(tree, "trains", path).height == infer(Path(path)).rows.height


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ("1 -2 0", pl.Int32()),
        ("1 1000000", pl.Int64()),
        ("1 99999999999999999999", pl.String()),
        ("007 1", pl.String()),
        ("+4712345678", pl.String()),
        ("1 1.5 -.5 1e3", pl.Float64()),
        ("1e999", pl.String()),
        ("inf 1", pl.String()),
        ("True false", pl.Boolean()),
        ("true 1", pl.String()),
        ("2024-01-05 2024-02-29", pl.Date()),
        ("2024-01-05 2023-02-29", pl.String()),
        ("2024-01-05T10:00:00.5Z 2024-01-05T10:00:00+0100", pl.Datetime("us", "UTC")),
        ("2024-01-05T10:00:00 2024-01-05T10:00:00.5", pl.Datetime("us")),
        ("2024-01-05T10:00:00 2024-01-05T10:00:00Z", pl.String()),
        ("2024-01-05T24:00:00", pl.String()),
        ("05.01.2024", pl.String()),
    ],
)
def test_types_are_those_that_every_value_can_be_read_as(tree: Tree, values: str, dtype: pl.DataType):
    path = sample(tree, "id,value\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values.split())))
    assert infer(Path(path)).rows.schema["value"] == dtype
    published(tree, scaffold(tree, "trains", sample=path), path)


@pytest.mark.parametrize(("offset", "zone"), [("", None), ("Z", "UTC"), ("+0100", "UTC")])
def test_a_moment_may_be_written_with_a_space(tree: Tree, offset: str, zone: str | None):
    path = sample(tree, f"id,seen\n1,2024-01-05 10:00:00{offset}\n2,2024-01-05T11:30:00.5{offset}\n")
    rows = published(tree, scaffold(tree, "trains", sample=path), path)
    assert rows.schema["seen"] == pl.Datetime("us", zone)
    assert rows["seen"].null_count() == 0


@pytest.mark.parametrize(
    ("text", "null_values"),
    [
        ("id,a,b\n1,-,x\n2,5,-\n", {"-": ["a", "b"]}),  # what makes a number of `a` holds for `b`, as the gate has it
        ("id,a,b\n1,-,x\n2,y,-\n", {}),
        ("id,a\n1,NA\n2,Oslo\n", {"NA": ["a"]}),
        ("id,a\n1,nan\n2,1.5\n", {"nan": ["a"]}),
        ('id,a\n1,""\n2,NULL\n3,7\n', {"": ["a"], "NULL": ["a"]}),
        ("id,a\n1,\n2,7\n", {}),
    ],
)
def test_null_values_are_words_for_nothing_or_stand_in_the_way_of_a_type(
    tree: Tree, text: str, null_values: dict[str, list[str]]
):
    path = sample(tree, text)
    assert infer(Path(path)).null_values == null_values
    rows = published(tree, scaffold(tree, "trains", sample=path), path)
    assert set(rows.to_series(1).to_list()).isdisjoint(null_values)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("name,train_id\na,1\nb,2\n", [("train_id",), ("name",)]),
        ("name,trainId\na,1\nb,2\n", [("trainId",), ("name",)]),
        ("name,paid\na,1\nb,2\n", [("name",), ("paid",)]),
        ("speed,ok,line\n1.5,true,A\n2.5,false,B\n", [("line",)]),
        ("a,b,c\n1,1,1\n1,2,1\n2,1,1\n", [("a", "b")]),
        ("a,b,c\n1,1,1\n1,1,1\n2,1,1\n", [("a",)]),  # equal rows are merged
        ("a,b\n,1\n2,2\n", [("b",)]),
    ],
)
def test_key_candidates_are_small_complete_and_called_like_keys(tree: Tree, text: str, keys: list[tuple[str, ...]]):
    assert infer(Path(sample(tree, text))).keys() == keys


TEXTS = st.one_of(
    st.sampled_from(
        ["no", "yes", "1e3", "2013-01-05", "~", "null", "=", "- a", "a: b", "#", "{x}", "[", "'", '"', "a\nb", "007", " x "]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8),
)
# polars does not read a quote in a header as csv has it, so the gate refuses such a file.
NAMES = TEXTS.filter(lambda text: not set(text) & set('"\n\r'))
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "whole": st.integers(-(2**70), 2**70),
    "small": st.integers(-100, 100),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "flag": st.booleans(),
    "day": st.dates(),
    "text": TEXTS,
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, int]:
    """A table as csv, and how many rows it has."""
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5))
    height = draw(st.integers(1, 6))
    marker = draw(st.sampled_from(["", "NA", "null", r"\N", "-"]))
    columns = [draw(st.lists(st.none() | KINDS[kind], min_size=height, max_size=height)) for kind in kinds]
    names = ["row_id", *(draw(NAMES) + str(i) for i in range(len(kinds)))]
    buffer = io.StringIO()
    rows = [[i, *(marker if value is None else value for value in row)] for i, row in enumerate(zip(*columns, strict=True))]
    csv.writer(buffer, lineterminator="\n").writerows([names, *rows])
    return buffer.getvalue(), height


@settings(max_examples=40)
@given(table=tables())
def test_any_table_gives_a_dataset_that_publishes_it(table: tuple[str, int]):
    text, height = table
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder))
        path = sample(tree, text)
        rows = published(tree, scaffold(tree, "trains", sample=path), path)
        assert rows.height == height
        assert rows["row_id"].to_list() == list(range(height))
