"""What `normalise` and `transform` may do, and how it is told when they break their promise."""

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dataops_assets.contract import Dataset
from dataops_assets.gate.content import Judged, judge_product
from dataops_assets.gate.functions import CodeError
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.gate.judging import MONTH, delivered, judge
from dataops_assets_tests.trees import Tree


def with_normalise(tree: Tree, body: str) -> Dataset:
    path = tree.defs / "readings/schema.py"
    tree.write("readings/schema.py", f"{path.read_text()}\n\ndef normalise(rows):\n    {body}\n")
    return tree["readings"]


def test_normalise_changes_rows_and_is_counted(tree: Tree) -> None:
    dataset = with_normalise(tree, 'return rows.with_columns(pl.col("hour").replace(24, 0))')
    found = judge(dataset, delivered(3).with_columns(hour=pl.Series(["1", "24", "x"])))
    assert found.good["hour"].to_list() == [0, 1]
    assert found.rows.normalised == 1
    assert found.rejected.to_dicts() == [{"row": 3, "reasons": ["hour.type"]}]


@pytest.mark.parametrize("columns", ["pl.col(pl.String)", "pl.col('station', 'note')"])
def test_whatever_normalise_asks_for_it_changes_what_is_delivered_only(tree: Tree, columns: str) -> None:
    dataset = with_normalise(tree, f"return rows.with_columns({columns}.str.strip_chars())")
    found = judge(dataset, delivered(3).with_columns(note=pl.Series(["a", " b", "c "]), hour=pl.Series(["1", "2", "x"])))
    assert found.good["note"].to_list() == ["a", "b"]
    assert found.rows.normalised == 2
    assert found.rejected.to_dicts() == [{"row": 3, "reasons": ["hour.type"]}]


def test_normalise_sees_what_is_delivered_and_the_number_of_the_row(tree: Tree) -> None:
    dataset = with_normalise(
        tree, "assert rows.collect_schema().names() == ['__row', *Schema.to_schema().columns]; return rows"
    )
    assert judge(dataset, delivered(3)).rows.published == 3


def test_rows_that_normalise_makes_equal_are_merged(tree: Tree) -> None:
    dataset = with_normalise(tree, 'return rows.with_columns(pl.col("hour").replace(24, 0))')
    found = judge(dataset, delivered(2).with_columns(hour=pl.Series(["0", "24"])))
    assert (found.rows.published, found.rows.merged, found.rows.normalised) == (1, 1, 1)


def test_normalise_makes_other_columns_from_what_is_delivered(tree: Tree) -> None:
    tree.edit(
        "stations/schema.py",
        "class Schema",
        "class Delivered(pa.DataFrameModel):\n    station: str\n    height: str\n\n\n"
        "def normalise(rows):\n    metres = pl.col('height').str.strip_suffix(' m')\n"
        "    return rows.with_columns(metres.cast(pl.Int16, strict=False))\n\n\n"
        "class Schema",
    )
    text = pl.DataFrame({"station": ["oslo", "oslo", "bergen"], "height": ["94 m", "94", "high"]})
    found = judge(tree["stations"], text)
    assert found.good.to_dicts() == [{"station": "oslo", "height": 94}]
    assert found.rejected.to_dicts() == [{"row": 3, "reasons": ["height.not_null"]}]
    assert found.rows.merged == 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('return rows.filter(pl.col("hour") != "1")', "normalise of readings failed: "),
        (
            'return rows.filter(pl.col("hour") != 1)',
            "changed which rows there are or their order (3 in, 2 out): use `with_columns` only",
        ),
        ("return rows.reverse()", "changed which rows there are or their order (3 in, 3 out): use `with_columns` only"),
        ("return pl.concat([rows, rows])", "changed which rows there are or their order (3 in, 6 out)"),
        ('return rows.drop("note")', "leaves out note: make every column of schema.py"),
        ('return rows.select("station", "day", "hour", "temperature", "note")', "drops columns: use `with_columns` only"),
        (
            'return rows.with_columns(pl.col("hour") + 0.5)',
            "makes column `hour` as Float64, but schema.py says Int8: cast it there",
        ),
        ("return None", "normalise of readings gives NoneType: return a LazyFrame, which a DataFrame becomes by `.lazy()`"),
        ("return rows.collect()", "normalise of readings gives DataFrame: return a LazyFrame"),
        ("raise KeyError('x')", "normalise of readings failed: KeyError: 'x'"),
        ("raise SystemExit(3)", "normalise of readings failed: SystemExit: 3"),
        (f"return rows.with_columns(pl.when({MONTH}).then(pl.col('note')))", "(defs/readings/schema.py)"),
    ],
)
def test_normalise_that_breaks_its_promise_is_refused(tree: Tree, body: str, says: str) -> None:
    dataset = with_normalise(tree, body)
    with pytest.raises(CodeError, match="normalise of readings") as caught:
        judge(dataset, delivered(3))
    assert says in str(caught.value)


DELIVERED = """

class Delivered(pa.DataFrameModel):
    station: str
    day: {day}
    hour: pl.Int8
    temperature: float
    note: str


def normalise(rows):
    return rows.with_columns(day={made})
"""
TENTHS = "pl.Decimal(4, 1)"
UTC = 'pl.Datetime("us", "UTC")'


@pytest.mark.parametrize(
    ("was", "now", "made", "astray"),
    [
        ("pl.Date", "pl.Date", 'pl.col("day").dt.offset_by("1d")', 2),
        ("pl.Date", "pl.Date", 'pl.when(pl.col("hour") == 0).then("day")', 0),
        ("str", "pl.Date", 'pl.col("day").str.to_datetime().dt.date()', 0),
        ("str", "pl.Date", 'pl.col("day").str.to_datetime().dt.offset_by("1h").dt.date()', 1),
        ("pl.Datetime", UTC, 'pl.col("day").dt.replace_time_zone("Europe/Oslo").dt.convert_time_zone("UTC")', 0),
        ("pl.Datetime", UTC, 'pl.col("day").dt.replace_time_zone("UTC")', 1),
        ("pl.Datetime", "pl.Datetime", 'pl.col("day").dt.truncate("1d")', 0),
        ("pl.Datetime", "pl.Datetime", 'pl.col("day").dt.offset_by("1d")', 2),
        # Local times of another type may be of any zone.
        ("pl.Datetime", 'pl.Datetime("ms")', 'pl.col("day").dt.offset_by("-2h").dt.cast_time_unit("ms")', 0),
    ],
)
def test_normalise_moves_no_row_to_another_partition(tree: Tree, was: str, now: str, made: str, astray: int) -> None:
    schema = (tree.defs / "readings/schema.py").read_text().replace("day: pl.Date", f"day: {now}")
    tree.write("readings/schema.py", schema + DELIVERED.format(day=was, made=made))
    times = ["2024-01-01"] * 2 if was == "pl.Date" else ["2024-01-01 00:30:00", "2024-01-01 23:30:00"]
    text = delivered(2).with_columns(day=pl.Series(times), hour=pl.Series(["0", "23"]))
    if not astray:
        assert judge(tree["readings"], text).rows.delivered == 2
        return
    with pytest.raises(CodeError) as caught:
        judge(tree["readings"], text)
    told = f"normalise of readings moves {astray} rows to another partition, by `day`: leave what tells it as delivered"
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("was", "now", "kept", "moved"),
    [
        ("str", "str", 'pl.col("month").str.zfill(2)', 'pl.col("hour").cast(pl.String)'),
        ("str", "pl.Int8", 'pl.col("month").cast(pl.Int8)', 'pl.col("month").cast(pl.Int8) + pl.col("hour")'),
        ("pl.Int8", "pl.Int16", 'pl.col("month").cast(pl.Int16)', '(pl.col("month") + pl.col("hour")).cast(pl.Int16)'),
        ("float", "float", 'pl.col("month")', 'pl.col("month") + pl.col("hour")'),
        (TENTHS, TENTHS, 'pl.col("month")', f'(pl.col("month") + pl.col("hour")).cast({TENTHS})'),
    ],
)
def test_normalise_moves_no_row_to_another_partition_by_its_parts(
    tree: Tree, was: str, now: str, kept: str, moved: str
) -> None:
    tree.edit("readings/defs.yaml", "columns: [day]", "columns: [year, month, day]")
    tree.edit("readings/defs.yaml", "key: [station, day, hour]", "key: [station, hour]")
    columns = f"year: pl.Int16\n    month: {now}\n    day: pl.Int8"
    tree.edit("readings/schema.py", 'day: pl.Date = pa.Field(description="Local day")', columns)
    schema = (tree.defs / "readings/schema.py").read_text()
    text = delivered(3).with_columns(year=pl.lit("2024"), month=pl.lit("1"), day=pl.lit("1"))
    for made in (kept, moved):
        more = DELIVERED.format(day="pl.Int8", made="pl.col('day')").replace("day=pl.col('day')", f"month={made}")
        tree.write("readings/schema.py", schema + more.replace("    hour", f"    year: pl.Int16\n    month: {was}\n    hour"))
        if made == kept:
            assert judge(tree["readings"], text).rows.published == 3
    with pytest.raises(CodeError, match=r"moves [23] rows to another partition, by `year`, `month`, `day`"):
        judge(tree["readings"], text)


MADE = pl.DataFrame(
    {"station": ["oslo", "bergen"], "day": [date(2024, 1, 1)] * 2, "height": [94, 12], "warmest": [1.5, None]},
    schema={"station": pl.String, "day": pl.Date, "height": pl.Int16, "warmest": pl.Float64},
)


@pytest.fixture(scope="module")
def daily(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Tree(tmp_path_factory.mktemp("tree"))["daily"]


def judge_made(dataset: Dataset, made: pl.LazyFrame) -> Judged:
    return judge_product(dataset, compile_rules(dataset), made, {}, public=True)


def test_product_is_published_in_order_of_its_key(daily: Dataset) -> None:
    found = judge_made(daily, MADE.lazy().select("warmest", "height", "day", "station"))
    assert_frame_equal(found.good, MADE.reverse())
    assert (found.rows.published, found.reasons) == (2, ())


@settings(max_examples=30)
@given(order=st.permutations(range(6)))
def test_rejected_rows_of_a_product_are_the_same_in_whatever_order_they_are_made(daily: Dataset, order: list[int]) -> None:
    twice = pl.concat([MADE, MADE.with_columns(warmest=pl.col("height") / 2), MADE.with_columns(warmest=pl.lit(99.0))])
    found = judge_made(daily, twice[order].lazy())
    assert found.rejected.columns == ["row", "reasons", *MADE.columns]
    bad = ["warmest.less_than_or_equal_to", "key.unique"]
    assert found.rejected.select("row", "reasons", "station", "warmest").rows() == [
        (1, ["key.unique"], "bergen", None),
        (2, ["key.unique"], "bergen", "6.0"),
        (3, bad, "bergen", "99.0"),
        (4, ["key.unique"], "oslo", "1.5"),
        (5, ["key.unique"], "oslo", "47.0"),
        (6, bad, "oslo", "99.0"),
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda made: made.drop("height"), "leaves out height: make every column of schema.py"),
        (
            lambda made: made.cast({"height": pl.Int64}),
            "makes column `height` as Int64, but schema.py says Int16: cast it there",
        ),
        (
            lambda made: made.with_columns(coldest=pl.lit(0), day_2=pl.col("day")),
            "makes coldest, day_2, which schema.py has not: declare them there, or leave them out in its last `select`",
        ),
        (lambda made: made.with_columns(pl.col("nope")), "failed: ColumnNotFoundError"),
        (lambda made: made.with_columns(day=pl.date(2024, pl.col("height"), 1)), "(defs/daily/transform.py)"),
        (lambda made: None, "gives NoneType: return a LazyFrame"),
        (lambda made: made.collect(), "gives DataFrame: return a LazyFrame, which a DataFrame becomes by `.lazy()`"),
    ],
)
def test_transform_that_breaks_its_promise_is_refused(daily: Dataset, change: Callable[[pl.LazyFrame], Any], says: str) -> None:
    with pytest.raises(CodeError, match="transform of daily") as caught:
        judge_made(daily, change(MADE.lazy()))
    assert says in str(caught.value)
