"""Typed values, as parquet delivers them: each is read as the type of its column without loss, or is a reason."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_assets.contract import Dataset, Source
from dataops_assets.gate import reading
from dataops_assets.gate.content import quarantined
from dataops_assets_tests.gate.judging import judge
from dataops_assets_tests.gate.test_casting import with_columns
from dataops_assets_tests.trees import Tree

ENDS = [0, 1, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)]
WHOLE = [0, 1, -1, 127, 128, 2**53 + 1, 2**63 - 1, -(2**63)]
DELIVERED: list[pl.Series] = [
    pl.Series(WHOLE, dtype=pl.Int64),
    pl.Series([0, 255], dtype=pl.UInt8),
    pl.Series([0, 2**64 - 1], dtype=pl.UInt64),
    pl.Series([0.0, -0.0, 1.5, 0.07, 1e8, 1e10, 1e38, 1e300, float("nan"), float("inf")], dtype=pl.Float64),
    pl.Series([0.1, 1e8, 1e38], dtype=pl.Float32),
    pl.Series([Decimal(1), Decimal("0.50"), Decimal("99999999.99")], dtype=pl.Decimal(10, 2)),
    pl.Series([Decimal(1), Decimal("9" * 38)], dtype=pl.Decimal(38, 0)),
    pl.Series([True, False], dtype=pl.Boolean),
    pl.Series(["1", "0.5", "2024-01-01", "[1]", ""], dtype=pl.String),
    pl.Series(["1", "2024-01-01", ""], dtype=pl.Categorical),
    pl.Series([b"1", b"\xff"], dtype=pl.Binary),
    pl.Series([0, -719528, 2932896, 2932897, *ENDS[3:5]], dtype=pl.Int32).cast(pl.Date),
    pl.Series([0, 1, 24 * 3600 * 10**9 - 1]).cast(pl.Time),
    *(pl.Series(ENDS).cast(pl.Duration(unit)) for unit in ("ms", "us", "ns")),
    *(pl.Series(ENDS).cast(pl.Datetime(unit)) for unit in ("ms", "us", "ns")),
    *(pl.Series(ENDS).cast(pl.Datetime(unit, "UTC")) for unit in ("ms", "us", "ns")),
    pl.Series([[1, 2**40], [], [None]], dtype=pl.List(pl.Int64)),
    pl.Series([[1e9], [0.5], [float("nan")]], dtype=pl.List(pl.Float64)),
    pl.Series([["1"], ["a"], []], dtype=pl.List(pl.String)),
    pl.Series([[0], [2**31 - 1]], dtype=pl.List(pl.Int32)).cast(pl.List(pl.Date)),
    pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2)),
    pl.Series([{"a": 1, "b": 1e9}, {"a": 2**40, "b": 0.5}, None], dtype=pl.Struct({"a": pl.Int64, "b": pl.Float64})),
    pl.Series([None, None], dtype=pl.Null),
]
WANTED = {
    "i8": "pl.Int8",
    "i64": "pl.Int64",
    "u64": "pl.UInt64",
    "f32": "pl.Float32",
    "f64": "pl.Float64",
    "price": "pl.Decimal(10, 2)",
    "large": "pl.Decimal(38, 0)",
    "fine": "pl.Decimal(38, 37)",
    "flag": "pl.Boolean",
    "text": "pl.String",
    "some": 'pl.Enum(["1", "a"])',
    "bytes": "pl.Binary",
    "day": "pl.Date",
    "clock": "pl.Time",
    "long": 'pl.Duration("ms")',
    "longer": 'pl.Duration("ns")',
    "ms": 'pl.Datetime("ms")',
    "ns": 'pl.Datetime("ns")',
    "utc": 'pl.Datetime("us", "UTC")',
    "ahead": 'pl.Datetime("us", "Asia/Tokyo")',
    "behind": 'pl.Datetime("ms", "America/New_York")',
    "whole": "pl.List(pl.Int8)",
    "prices": "pl.List(pl.Decimal(10, 2))",
    "days": "pl.List(pl.Date)",
    "two": "pl.Array(pl.Int8, 2)",
    "object": 'pl.Struct({"b": pl.Decimal(10, 2), "a": pl.Int8})',
}


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dataset with a column of every type."""
    return in_parquet(tmp_path_factory.mktemp("tree"), {"row": "pl.Int64", **WANTED})


def in_parquet(folder: Path, types: dict[str, str], nulls: str = '[""]') -> Dataset:
    """A dataset that is delivered as parquet."""
    tree = Tree(folder)
    tree.edit("stations/defs.yaml", "files: stations.csv", f"files: stations.parquet\n    null_values: {nulls}")
    return with_columns(tree, "row", types)


@pytest.mark.parametrize("values", DELIVERED, ids=lambda values: str(values.dtype))
def test_what_any_type_is_read_as_means_the_same_or_is_a_reason(typed: Dataset, values: pl.Series) -> None:
    cells = [(column, place) for column in WANTED for place in range(len(values))]
    alone = [pl.DataFrame({column: values}) for column in WANTED]
    delivered = pl.concat(alone, how="diagonal").with_row_index("row", 1)
    found = judge(typed, delivered)
    assert found.rows.published + found.rows.rejected == len(cells)
    read = dict(zip(found.good["row"], found.good.to_dicts(), strict=True))  # Python can hold whatever was read
    reasons = dict(found.rejected.rows())
    quarantined("d1", delivered, found)
    for number, (column, place) in enumerate(cells, 1):
        if number in reasons:
            assert {*reasons[number]} <= {f"{column}.type", f"{column}.finite"}
        elif column not in ("text", "f32", "f64") and (values.dtype.is_numeric() or values.dtype.is_nested()):
            delivered_as = values.cast(pl.String)[place] if values.dtype.is_numeric() else values[place]
            assert _meant(read[number][column]) == _meant(delivered_as), column


def _meant(value: Any) -> Any:
    """A value by what it means, whatever its type."""
    if isinstance(value, list | pl.Series):
        return [_meant(item) for item in value]
    if isinstance(value, dict):
        return {name: _meant(item) for name, item in value.items()}
    return (
        Decimal(str(int(value) if isinstance(value, bool) else value))
        if isinstance(value, int | float | Decimal | str)
        else value
    )


@given(cents=st.lists(st.integers(-(10**13), 10**13), max_size=30))
def test_an_amount_is_the_same_as_a_float_and_as_text(tmp_path_factory: pytest.TempPathFactory, cents: list[int]) -> None:
    dataset = in_parquet(tmp_path_factory.mktemp("tree"), {"row": "pl.Int64", "price": "pl.Decimal(38, 10)"})
    amounts, rows = [cent / 100 for cent in cents], [*range(len(cents))]
    of_floats = judge(dataset, pl.DataFrame({"row": rows, "price": amounts}, schema={"row": pl.Int64, "price": pl.Float64}))
    texts = pl.DataFrame({"row": map(str, rows), "price": map(str, amounts)}, schema={"row": pl.String, "price": pl.String})
    assert of_floats.good.equals(judge(dataset, texts).good)
    assert of_floats.good["price"].to_list() == [Decimal(cent) / 100 for cent in cents]


def test_null_values_with_blanks_are_none(tmp_path: Path) -> None:
    dataset = in_parquet(tmp_path, {"row": "pl.Int8", "count": "pl.Int8"}, '[" ", " NA"]')
    found = judge(dataset, pl.DataFrame({"row": range(5), "count": [" ", "", " NA", "NA", "7"]}))
    assert found.good["count"].to_list() == [None, None, None, None, 7]


@pytest.mark.parametrize("dtype", [pl.String(), pl.Categorical(), pl.Enum([" NA", "NA", "", "  ", "x", "3"])])
def test_what_means_no_value_is_none_in_text_of_any_kind(tmp_path: Path, dtype: pl.DataType) -> None:
    dataset = in_parquet(tmp_path, {"row": "pl.Int8", "count": "pl.Int8", "code": "str"}, '["", NA]')
    texts = pl.Series(["NA", " NA", "", "  ", "3", "x"], dtype=dtype)
    found = judge(dataset, pl.DataFrame({"row": range(6), "count": texts, "code": texts}))
    assert found.good.rows() == [(0, None, None), (1, None, " NA"), (2, None, None), (3, None, "  "), (4, 3, "3")]
    assert found.rejected.rows() == [(6, ["count.type"])]


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("wanted", ["pl.Categorical", 'pl.Enum(["x", " x", "x "])'])
def test_text_in_categories_keeps_its_blanks(tmp_path: Path, wanted: str, as_text: bool) -> None:
    dataset = in_parquet(tmp_path, {"row": "pl.Int8", "code": wanted})
    texts = pl.Series(["x", " x", "x "], dtype=pl.String if as_text else pl.Enum(["x", " x", "x ", "y"]))
    assert judge(dataset, pl.DataFrame({"row": range(3), "code": texts})).good["code"].to_list() == ["x", " x", "x "]


def test_a_day_that_python_does_not_have_is_a_reason_and_stands_in_quarantine(tmp_path: Path) -> None:
    types = {"row": "pl.Int8", "day": "pl.Date", "until": 'pl.Datetime("us", "Asia/Tokyo")'}
    dataset = in_parquet(tmp_path, types)
    days = pl.Series([2932896, 2932897, 0]).cast(pl.Int32).cast(pl.Date)
    ends = pl.Series([datetime(9999, 12, 31, tzinfo=UTC)] * 2 + [datetime(9999, 12, 31, 23, tzinfo=UTC)])
    delivered = pl.DataFrame({"row": [1, 2, 3], "day": days, "until": ends})
    found = judge(dataset, delivered)
    assert found.good["day"].to_list() == [date(9999, 12, 31)]
    assert found.rejected.rows() == [(2, ["day.type"]), (3, ["until.type"])]
    assert quarantined("d1", delivered, found)["day"].to_list() == ["+10000-01-01", "1970-01-01"]


def test_a_day_of_any_year_is_its_text(tmp_path: Path) -> None:
    dataset = in_parquet(tmp_path, {"row": "pl.Int8", "day": "str", "until": "str"})
    days = pl.Series([2932897, 0, 2**31 - 1]).cast(pl.Int32).cast(pl.Date)
    ends = pl.Series([253402300800000, 0, 2**63 - 1]).cast(pl.Datetime("ms"))
    found = judge(dataset, pl.DataFrame({"row": [1, 2, 3], "day": days, "until": ends}))
    assert found.good["day"].to_list() == ["+10000-01-01", "1970-01-01", "2147483647 (Date)"]
    assert found.good["until"].to_list()[:2] == ["+10000-01-01 00:00:00.000", "1970-01-01 00:00:00.000"]


@pytest.mark.parametrize(("zone", "kept"), [("America/New_York", [2]), ("UTC", [1, 2]), ("Asia/Tokyo", [1, 2])])
def test_the_first_day_is_that_of_the_clock_of_its_zone(tmp_path: Path, zone: str, kept: list[int]) -> None:
    dataset = in_parquet(tmp_path, {"row": "pl.Int8", "at": f'pl.Datetime("us", "{zone}")'})
    moments = pl.Series([datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)])
    assert judge(dataset, pl.DataFrame({"row": [1, 2], "at": moments})).good["row"].to_list() == kept


def test_a_zero_day_in_text_is_a_reason(tmp_path: Path) -> None:
    dataset = with_columns(Tree(tmp_path), "row", {"row": "pl.Int8", "day": "pl.Date"})
    found = judge(dataset, pl.DataFrame({"row": ["1", "2", "3"], "day": ["0000-01-01", "0000-00-00", "0001-01-01"]}))
    assert found.rejected.rows() == [(1, ["day.type"]), (2, ["day.type"])]
    assert found.good["day"].to_list() == [date(1, 1, 1)]


def test_a_list_of_a_fixed_size_is_a_list(tmp_path: Path) -> None:
    dataset = in_parquet(tmp_path, {"row": "pl.Int8", "some": "pl.List(pl.Int8)", "two": "pl.Array(pl.Int8, 2)"})
    pairs = pl.Series([[1, 2], [3, 400]], dtype=pl.Array(pl.Int64, 2))
    found = judge(dataset, pl.DataFrame({"row": [1, 2], "some": pairs, "two": pairs}))
    assert found.good.rows() == [(1, [1, 2], [1, 2])]
    assert found.rejected.rows() == [(2, ["some.type", "two.type"])]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("within", ["itself", "a list", "an object"])
@pytest.mark.parametrize("year", [1, 1677, 2263, 9999])
def test_an_int96_that_nanoseconds_do_not_reach_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year: int, within: str, large: bool
) -> None:
    monkeypatch.setattr(reading, "LARGE_BYTES", -1 if large else 2**20)
    file, source = tmp_path / "0.parquet", Source(provider="them", files="0.parquet")

    def read(*days: datetime | None) -> pl.DataFrame:
        time = pa.timestamp("us")
        column = {
            "itself": lambda: pa.array(days, time),
            "a list": lambda: pa.array([[None, one] for one in days], pa.list_(time)),
            "an object": lambda: pa.array([{"at": one} for one in days], pa.struct([("at", time)])),
        }[within]()
        # As Spark and Hive do.
        pq.write_table(pa.table({"^at$": column}), file, use_deprecated_int96_timestamps=True, store_schema=False)
        return reading.read_text([file], [file.name], source).lazy().collect()

    assert read(datetime(2024, 1, 1, tzinfo=UTC), None).height == 2
    with pytest.raises(reading.DeliveryError, match=re.escape("^at$ holds times before 1677-09-21 or after 2262")):
        read(datetime(2024, 1, 1, tzinfo=UTC), None, datetime(year, 1, 1, tzinfo=UTC))


def test_the_last_nanosecond_may_be_delivered_as_such(tmp_path: Path) -> None:
    file = tmp_path / "[0]*.parquet"
    last = pa.array([2**63 - 1, 0], pa.timestamp("ns"))
    pq.write_table(pa.table({"until": last}), file)
    read = reading.read_text([file], [file.name], Source(provider="them", files="0.parquet")).lazy().collect()
    assert read["until"].to_physical().to_list() == [2**63 - 1, 0]


def test_blanks_are_bytes_like_any_others(tmp_path: Path) -> None:
    dataset = in_parquet(tmp_path, {"row": "pl.Int8", "key": "pl.Binary"}, '["NA"]')
    found = judge(dataset, pl.DataFrame({"row": range(3), "key": ["  x ", " NA", "NA"]}))
    assert found.good["key"].to_list() == [b"  x ", b" NA", None]


def test_a_text_is_no_duration(tmp_path: Path) -> None:
    dataset = in_parquet(tmp_path, {"row": "pl.Int8", "took": 'pl.Duration("ms")'})
    found = judge(dataset, pl.DataFrame({"row": range(3), "took": ["7", "PT1S", "1h"]}))
    assert found.rejected["reasons"].to_list() == [["took.type"]] * 3
