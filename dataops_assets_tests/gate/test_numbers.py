"""Numbers that polars reads from csv by itself: the same as are read from text, or none at all."""

from pathlib import Path
from typing import Any
from unittest import mock

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dataops_assets.contract import Source
from dataops_assets.gate import query, reading
from dataops_assets.gate.casting import cast, plain_numbers
from dataops_assets.gate.content import judge_delivery, quarantined
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.gate.judging import as_schema, delivered
from dataops_assets_tests.trees import Tree

NUMBERS = [pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.Float32, pl.Float64]
EXAMPLES = 20_000 if settings().max_examples > 1000 else 400  # by `make soak`
DISK_FULL = "(os error 28)"
"""Told by polars among what it cannot read, as if the system had said so."""
WRITTEN = st.one_of(
    st.text("0123456789+-.eE_ \tnaifNAIFx\xa0٣", max_size=8),
    st.integers(-(2**70), 2**70).map(str),
    st.integers(-200, 300).map(str),
    st.floats().map(repr),
    st.just(DISK_FULL),
    st.sampled_from(["", " ", "\t", "NA", " NA", "NA ", "-9", "-9.0", "007", "3.0", "inf", "nan", "Infinity", "1e400", "-0"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=EXAMPLES)
@given(
    dtype=st.sampled_from(NUMBERS),
    files=st.lists(st.lists(WRITTEN, min_size=1, max_size=4), min_size=1, max_size=2),
    others=st.lists(st.sampled_from(["v", "s", "unasked"]), min_size=1, max_size=3, unique=True),
    nulls=st.sampled_from([("",), ("", "NA"), (" ", "NA "), ("", "-9"), ("NA",)]),
    end=st.sampled_from(["\n", "\r\n"]),
)
@example(dtype=pl.Int16, files=[["7", "", "-8"], ["1", "2"]], others=["s"], nulls=("", "NA"), end="\r\n")
@example(dtype=pl.Int16, files=[["7", "8"], ["1", "2"]], others=["unasked", "v"], nulls=("", "NA"), end="\n")
@example(dtype=pl.Int16, files=[[" ", "7"]], others=["v"], nulls=("NA",), end="\n")
@example(dtype=pl.Float64, files=[["-9.0", "-9", " -9"]], others=["v"], nulls=("", "-9"), end="\n")
def test_number_that_is_read_at_once_is_the_one_that_its_text_is(
    tmp_path: Path, dtype: pl.DataType, files: list[list[str]], others: list[str], nulls: tuple[str, ...], end: str
) -> None:
    schema = as_schema(pa.DataFrameSchema({"v": pa.Column(dtype), "s": pa.Column(pl.String)}))
    paths = [tmp_path / str(number) for number in range(len(files))]
    for path, values, columns in zip(paths, files, [["s", "v"], others], strict=False):
        rows = [columns, *([value if column == "v" else "NA" for column in columns] for value in values)]
        path.write_text("".join(",".join(row) + end for row in rows), encoding="utf-8", newline="")
    source = Source(provider="them", files="*.csv", null_values=nulls)
    with mock.patch.object(reading, "LARGE_BYTES", -1):
        text, numbers = reading.read_whole(paths, [path.name for path in paths], source, plain_numbers(schema, nulls))
    if numbers is None:  # where blanks are no value, or a number means that there is none; and a line may be blank
        assert nulls not in [("",), ("", "NA"), (" ", "NA ")] or len(others) == 1
        return
    told = cast(text, schema, (), nulls).lazy().collect(engine="streaming")
    try:
        read = query.Query(True, tmp_path / "copy").written(cast(numbers, schema, (), nulls)).lazy().collect()
    except pl.exceptions.ComputeError:
        assert not all(value.isdecimal() and value.isascii() and len(value) < 3 for values in files for value in values)
    else:
        assert_frame_equal(read, told, check_exact=True)


@pytest.mark.parametrize(("hour", "copies"), [("7", 1), ("noon", 2), ("7.0", 2), (DISK_FULL, 2)])
def test_where_one_is_no_plain_number_the_text_of_all_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hour: str, copies: int
) -> None:
    sink, copied = query.sink, list[Path]()

    def seen(rows: pl.LazyFrame, place: Path, **how: Any) -> None:
        copied.append(place)
        sink(rows, place, **how)

    path = tmp_path / "0.csv"
    hours, temperatures = [hour, *map(str, range(1, 10))], ["NA", *["1.5"] * 9]
    frame = delivered(10, without_note=2).with_columns(hour=pl.Series(hours), temperature=pl.Series(temperatures))
    frame.write_csv(path)
    tree = Tree(tmp_path)
    tree.edit("readings/defs.yaml", "source:\n", 'source:\n    null_values: ["", NA]\n')
    dataset = tree["readings"]
    assert dataset.ingested
    rules = [rule for rule in compile_rules(dataset) if not rule.reference]
    source = dataset.ingested.source
    monkeypatch.setattr(reading, "LARGE_BYTES", -1)
    monkeypatch.setattr(query, "sink", seen)
    text, numbers = reading.read_whole([path], [path.name], source, plain_numbers(dataset.delivered, source.null_values))
    found = judge_delivery(dataset, rules, text, {}, public=True, copy=tmp_path / "rows", numbers=numbers)
    held = judge_delivery(dataset, rules, frame, {}, public=True)
    assert len(copied) == copies
    assert (found.rows, found.rules, found.reasons) == (held.rows, held.rules, held.reasons)
    assert_frame_equal(quarantined("d", text, found), quarantined("d", frame, held))
    assert_frame_equal(found.good.lazy().collect(), held.good.lazy().collect())
