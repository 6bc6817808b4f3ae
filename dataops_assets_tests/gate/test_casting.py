"""A text is read as its type only if nothing of it is lost: what was read, written again, means the same, or it is a reason."""

import json
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_assets.contract import Dataset
from dataops_assets.gate.casting import as_text
from dataops_assets.gate.content import quarantined
from dataops_assets_tests.gate.judging import judge
from dataops_assets_tests.trees import Tree

TYPES = {
    "whole": "pl.Int16",
    "flag": "pl.Boolean",
    "price": "pl.Decimal(10, 2)",
    "large": "pl.Decimal(38, 0)",
    "fine": "pl.Decimal(38, 38)",
    "day": "pl.Date",
    "clock": "pl.Time",
    "ms": 'pl.Datetime("ms")',
    "us": 'pl.Datetime("us")',
    "ns": 'pl.Datetime("ns")',
    "moment": 'pl.Datetime("ms", "America/New_York")',
    "moment_ns": 'pl.Datetime("ns", "UTC")',
}
NUMBER = st.from_regex(r"[+-]?[0-9]{0,12}(\.[0-9]{0,3}0?[0-9]?(0{30,40}[0-9])?)?([eE][+-]?[0-9]{1,2})?", fullmatch=True).filter(
    bool
)
YEAR_AND_DAY = "[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
DAY = f"(1[0-9]|20|22){YEAR_AND_DAY}"
CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{0,11})?"
OFFSET = "(Z|[+-]0[0-9]:[03]0)"
CELLS: dict[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(("whole", "price", "large", "fine"), NUMBER),
    "flag": st.sampled_from(["true", "FALSE", "1", "0", "1.0", "2"]),
    "day": st.from_regex(f"{DAY}([T ]{CLOCK})?", fullmatch=True),
    "clock": st.from_regex(CLOCK, fullmatch=True),
    **dict.fromkeys(("ms", "us", "ns"), st.from_regex(f"{DAY}[T ]{CLOCK}", fullmatch=True)),
    "moment_ns": st.from_regex(f"{DAY}[T ]{CLOCK}{OFFSET}", fullmatch=True),
    # Offsets of old are of seconds, which polars does not write.
    "moment": st.from_regex(f"20{YEAR_AND_DAY}[T ]{CLOCK}{OFFSET}", fullmatch=True),
}


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dataset with a column of every type."""
    return with_columns(Tree(tmp_path_factory.mktemp("tree")), "row", {"row": "pl.Int64", **TYPES})


def with_columns(tree: Tree, key: str, types: dict[str, str]) -> Dataset:
    lines = [f"    {name}: {dtype}" + (" = pa.Field(nullable=True)" if name != key else "") for name, dtype in types.items()]
    text = ["import pandera.polars as pa", "import polars as pl", "", "", "class Schema(pa.DataFrameModel):", *lines, ""]
    tree.write("sample/schema.py", "\n".join(text))
    tree.write("sample/defs.yaml", (tree.defs / "stations/defs.yaml").read_text())
    tree.edit("sample/defs.yaml", "key: [station]", f"key: [{key}]\n  tolerance: 1")
    return tree["sample"]


def meaning(column: str, text: str) -> Any:
    """What a text means, to the last digit, as Python has it."""
    if column in ("price", "large", "fine", "whole"):
        return Decimal(text).normalize()
    if column == "flag":
        return text.lower() in ("true", "1")
    if column == "day":
        return date.fromisoformat(text)
    found = re.fullmatch(r"(.*?:\d\d:\d\d)(?:\.(\d+))?(Z|[+-].*)?", text)
    assert found
    fraction = Fraction(int(found[2]), 10 ** len(found[2])) if found[2] else Fraction(0)
    if column == "clock":
        return time.fromisoformat(found[1]), fraction
    at = datetime.fromisoformat(found[1] + (found[3] or ""))
    return at.astimezone(UTC) if found[3] else at, fraction


@given(cells=st.lists(st.sampled_from(sorted(CELLS)).flatmap(lambda name: st.tuples(st.just(name), CELLS[name])), max_size=40))
def test_what_is_read_means_what_was_written_or_is_a_reason(typed: Dataset, cells: list[tuple[str, str]]) -> None:
    found = judge(typed, rows_of(*cells))
    as_read = found.good.select("row", *(as_text(pl.col(name), found.good.schema[name]).alias(name) for name in TYPES))
    written = {row["row"]: row for row in as_read.to_dicts()}
    reasons = dict(found.rejected.rows())
    for number, (column, text) in enumerate(cells, 1):
        if number in written:
            assert meaning(column, written[number][column]) == meaning(column, text)
        else:
            assert reasons[number] == [f"{column}.type"]


def rows_of(*cells: tuple[str, str]) -> pl.DataFrame:
    """A row for each of some values, all else in it none."""
    rows = [{"row": str(number), name: text} for number, (name, text) in enumerate(cells, 1)]
    return pl.DataFrame(rows, schema=dict.fromkeys(["row", *TYPES], pl.String))


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("whole", "3.0", 3),
        ("whole", " -30.0 ", -30),
        ("whole", "40000.0", None),
        ("whole", "3.5", None),
        ("whole", "3.0.0", None),
        ("whole", ".0", None),
        ("price", "1.5", Decimal("1.50")),
        ("price", "1.500", Decimal("1.50")),
        ("price", "1.005", None),
        ("price", "1." + "0" * 40, Decimal("1.00")),
        ("price", "1." + "0" * 40 + "1", None),
        ("price", "1.2345e2", Decimal("123.45")),
        ("price", "1e5", Decimal("100000.00")),
        ("price", "1250e-3", Decimal("1.25")),
        ("price", "1255e-3", None),
        ("price", "0E-8", Decimal("0.00")),
        ("price", "1e-99999999999999999999", None),
        ("large", "1.0", Decimal(1)),
        ("large", "1.5", None),
        ("large", "9" * 38, Decimal("9" * 38)),
        ("clock", "12:00:00.50000000000", time(12, 0, 0, 500000)),
        ("clock", "12:00:00.1234567891", None),
        ("ms", "2024-01-01T00:00:00.1230", datetime(2024, 1, 1, 0, 0, 0, 123000)),  # noqa: DTZ001
        ("ms", "2024-01-01T00:00:00.1231", None),
        ("us", "2024-01-01 00:00:00.1231", datetime(2024, 1, 1, 0, 0, 0, 123100)),  # noqa: DTZ001
        ("us", "2024-01-01T00:00:60", None),
        ("us", "1500-01-01T00:00:00", datetime(1500, 1, 1)),  # noqa: DTZ001
        ("ns", "1500-01-01T00:00:00", None),
        ("ns", "2024-01-01T00:00:00", datetime(2024, 1, 1)),  # noqa: DTZ001
        ("moment", "2024-01-01T00:00:00.120Z", datetime(2024, 1, 1, 0, 0, 0, 120000, tzinfo=UTC)),
        ("moment", "2024-01-01T00:00:00.1201Z", None),
    ],
)
def test_zeros_at_the_end_lose_nothing_and_other_digits_do(typed: Dataset, column: str, text: str, value: object) -> None:
    found = judge(typed, rows_of((column, text)))
    if value is None:
        assert found.rejected["reasons"].to_list() == [[f"{column}.type"]]
    else:
        assert found.good[column].to_list() == [value]


@pytest.mark.parametrize(
    ("dtype", "texts"),
    [
        ("pl.Decimal(10, 2)", ("1.001", "1.004")),
        ('pl.Datetime("ms")', ("2024-01-01T00:00:00.1231", "2024-01-01T00:00:00.1239")),
        ("pl.Time", ("12:00:00.1234567891", "12:00:00.1234567892")),
    ],
)
def test_rows_that_differ_behind_what_their_type_holds_are_not_merged(
    tmp_path: Path, dtype: str, texts: tuple[str, str]
) -> None:
    found = judge(with_columns(Tree(tmp_path), "at", {"at": dtype}), pl.DataFrame({"at": texts}))
    assert (found.rows.merged, found.rows.published, found.rows.rejected) == (0, 0, 2)
    assert found.rejected["reasons"].to_list() == [["at.type"]] * 2


def test_a_float_takes_the_nearest_number(tmp_path: Path) -> None:
    dataset = with_columns(Tree(tmp_path), "row", {"row": "pl.Int8", "x": "float"})
    found = judge(dataset, pl.DataFrame({"row": ["1", "2"], "x": ["0.1", "9007199254740993"]}))
    assert found.good["x"].to_list() == [0.1, 9007199254740992.0]


def test_the_fraction_of_a_time_stands_in_quarantine(tmp_path: Path) -> None:
    dataset = with_columns(Tree(tmp_path), "row", {"row": "pl.Int8", "at": "pl.Time"})
    typed = pl.DataFrame({"row": [1000], "at": pl.Series([1]).cast(pl.Time)})
    assert quarantined("d1", typed, judge(dataset, typed))["at"].to_list() == ["00:00:00.000000001"]


@pytest.mark.parametrize(
    ("values", "dtype", "text"),
    [
        ([[1, None]], pl.Array(pl.Int64, 2), "[1, None]"),
        ([[["a"], ["b"]]], pl.Array(pl.Array(pl.String, 1), 2), "[['a'], ['b']]"),
        ([[[1, 2]]], pl.List(pl.Array(pl.Int8, 2)), "[[1, 2]]"),
        ([{"a": [0.5]}], pl.Struct({"a": pl.Array(pl.Float64, 1)}), "{'a': [0.5]}"),
        ([400 * 86_400 * 10**9 + 1], pl.Duration("ns"), "P400DT0.000000001S"),
        ([[1, None]], pl.List(pl.Datetime("ns")), "['1970-01-01 00:00:00.000000001', None]"),
        (
            [[{"t": 1, "d": -1}]],
            pl.List(pl.Struct({"t": pl.Time, "d": pl.Duration("ns")})),
            "[{'t': '00:00:00.000000001', 'd': '-PT0.000000001S'}]",
        ),
        ([{"a": [[1], None]}], pl.Struct({"a": pl.List(pl.Array(pl.Time, 1))}), "{'a': [['00:00:00.000000001'], None]}"),
    ],
)
def test_what_has_no_one_text_stands_in_quarantine_as_its_values(
    tmp_path: Path, values: list[object], dtype: pl.DataType, text: str
) -> None:
    typed = pl.DataFrame({"row": [1000], "some": pl.Series(values, dtype=dtype)})
    dataset = with_columns(Tree(tmp_path), "row", {"row": "pl.Int8"})
    assert quarantined("d1", typed, judge(dataset, typed))["some"].to_list() == [text]


def test_a_text_that_means_no_value_is_none_and_stands_in_quarantine(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.edit("stations/defs.yaml", "files: stations.csv", "files: stations.csv\n    null_values: [NA]")
    tree.edit("stations/defs.yaml", "key: [station]", "key: [station]\n  tolerance: 1")
    tree.drop("stations", "stations.csv", "station,height\noslo,NA\nbergen,\nmoss,5\n")
    tree.run("stations")
    assert tree.read("stations")["station"].to_list() == ["moss"]
    kept = tree.quarantine("stations").select("station", "height", "reasons").rows()
    assert kept == [("oslo", "NA", ["height.not_null"]), ("bergen", None, ["height.not_null"])]


MEANT = ("-999", " 7", "0", "3.0", "1e2", "NA", "")
"""Texts that mean no value, some of them numbers."""
PLAIN = st.from_regex(r" {0,2}[+-]?0{0,2}[0-9]{1,5}(\.0|\.5)? ?", fullmatch=True) | st.sampled_from(MEANT).map(" {} ".format)


@pytest.fixture(scope="module")
def with_null_values(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    tree = Tree(tmp_path_factory.mktemp("tree"))
    tree.edit("stations/defs.yaml", "files: stations.csv", f"files: stations.csv\n    null_values: {json.dumps(MEANT)}")
    return with_columns(tree, "row", {"row": "pl.Int64", "whole": "pl.Int16", "share": "pl.Float64"})


@given(texts=st.lists(PLAIN, max_size=20))
def test_a_number_is_read_from_its_text_unless_that_means_no_value(with_null_values: Dataset, texts: list[str]) -> None:
    rows = pl.DataFrame({"row": [f"1{place:02}" for place in range(len(texts))], "whole": texts, "share": texts})
    found = judge(with_null_values, rows.cast(pl.String))
    read = {row["row"] - 100: (row["whole"], row["share"]) for row in found.good.iter_rows(named=True)}
    for place, text in enumerate(map(str.strip, texts)):
        none = text in map(str.strip, MEANT)
        whole = text.removesuffix(".0")
        if none or ("." not in whole and -(2**15) <= int(whole) < 2**15):
            assert read[place] == ((None, None) if none else (int(whole), float(text)))
        else:
            assert place not in read
    assert found.rejected["reasons"].to_list() == [["whole.type"]] * (len(texts) - len(read))


def test_nan_is_no_text(tmp_path: Path) -> None:
    """So pandas writes what is missing."""
    dataset = with_columns(Tree(tmp_path), "row", {"row": "pl.Int8", "code": "str"})
    found = judge(dataset, pl.DataFrame({"row": [1, 2, 3], "code": [7.5, float("nan"), None]}))
    assert found.good["code"].to_list() == ["7.5", None, None]
