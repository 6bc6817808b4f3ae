"""The content gate: every row is published, rejected or merged, and what is rejected has all its reasons."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandera.errors
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dataops_assets.contract import Dataset
from dataops_assets.gate import uniqueness
from dataops_assets.gate.casting import read_as
from dataops_assets.gate.content import quarantined
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.gate.judging import TOWNS, delivered, judge
from dataops_assets_tests.trees import Tree

SCHEMA = '''
    import pandera.polars as pa
    import polars as pl


    class Schema(pa.DataFrameModel):
        k: pl.Int16 = pa.Field(ge=0, le=300)
        s: str = pa.Field(isin=["a", "b"])
        code: str = pa.Field(nullable=True, str_matches="^[A-Z][0-9]$")
        x: float = pa.Field(nullable=True, ge=-10, le=10)
        d: pl.Date = pa.Field(nullable=True)
        flag: bool = pa.Field(nullable=True)
        town: str = pa.Field(nullable=True)

        @pa.check("k")
        def lucky(cls, data: pa.PolarsData) -> pl.LazyFrame:
            """k is not 13"""
            return data.lazyframe.select(pl.col(data.key) != 13)

        @pa.dataframe_check
        def explained(cls, data: pa.PolarsData) -> pl.LazyFrame:
            """what is flagged has a code"""
            return data.lazyframe.select(~pl.col("flag") | pl.col("code").is_not_null())

        @pa.check("s", element_wise=True)
        def short(cls, value: str) -> bool:
            """s is one letter"""
            return len(value) == 1

        @pa.dataframe_check
        def few(cls, data: pa.PolarsData) -> pl.LazyFrame:
            """no k comes more than twice"""
            return data.lazyframe.collect().lazy().select(pl.len().over("k") <= 2)
    '''


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dataset with a rule of every kind."""
    tree = Tree(tmp_path_factory.mktemp("tree"))
    tree.write("sample/schema.py", SCHEMA)
    tree.write("sample/defs.yaml", (tree.defs / "stations/defs.yaml").read_text())
    tree.edit(
        "sample/defs.yaml",
        "key: [station]",
        "key: [k, s]\n  references: [{columns: [town], dataset: stations}]\n  tolerance: 1",
    )
    return tree["sample"]


# The law: every row goes to exactly one place, for exactly the reasons that a slow reader of the contract would give.

CELLS: dict[str, st.SearchStrategy[str | None]] = {
    "k": st.sampled_from(
        ["0", "1", "1", "2", " 2 ", "+1", "01", "13", "300", "301", "-1", "40000", "1.0", "1e2", "x", "", None]
    ),
    "s": st.sampled_from(["a", "a", "b", "c", "A", " a", "", None]),
    "code": st.sampled_from(["A1", "B2", "a1", "A12", None, None]),
    "x": st.sampled_from(["0", "0.0", "-10", "10", "10.5", "-11", "nan", "inf", "-inf", "1e400", "1e-400", "1,5", "x", None]),
    "d": st.sampled_from(["2024-02-29", "2024-02-29", "2023-02-29", "24-01-05", "2024-1-5", "2024-01-05T00:00:00", "x", None]),
    "flag": st.sampled_from(["true", "True", "false", "0", "1", "2", "yes", None]),
    "town": st.sampled_from(["oslo", "bergen", "Oslo", "paris", None]),
}
Row = tuple[str | None, ...]


@st.composite
def deliveries(draw: st.DrawFn) -> list[Row]:
    """Rows of which many are equal, or share a key."""
    some = draw(st.lists(st.tuples(*CELLS.values()), min_size=1, max_size=6))
    fine = ("1", "a", "A1", "0", "2024-02-29", "true", "oslo")
    return draw(st.lists(st.sampled_from([*some, fine, ("1", "a", *fine[2:6], "bergen"), ("2", *fine[1:])]), max_size=10))


UNREADABLE = object()


def parsed(column: str, text: str | None) -> Any:
    """A value as the contract means it."""
    if not text or column in ("s", "code", "town"):
        return text or None
    text = text.strip()
    if column == "k":
        return int(float(text)) if re.fullmatch(r"[+-]?[0-9]+(\.0)?", text) and abs(float(text)) < 2**15 else UNREADABLE
    if column == "x":
        return float(text) if re.fullmatch(r"-?([0-9.]+(e-?[0-9]+)?|inf|nan)", text) else UNREADABLE
    if column == "flag":
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), UNREADABLE)
    try:
        return date.fromisoformat(text)
    except ValueError:
        return UNREADABLE


def readable(value: Any) -> Any:
    return None if value is UNREADABLE else value


def reasons(row: dict[str, Any], rows: Iterable[dict[str, Any]]) -> set[str]:
    """Every rule that a row breaks among those that are left after merging."""
    found = {f"{column}.type" for column, value in row.items() if value is UNREADABLE}
    k, s, code, x, _, flag, town = map(readable, row.values())
    found |= {f"{column}.not_null" for column in ("k", "s") if row[column] is None}
    if k is not None:
        found |= {"k.greater_than_or_equal_to"} if k < 0 else set()
        found |= {"k.less_than_or_equal_to"} if k > 300 else set()
        found |= {"k.lucky"} if k == 13 else set()
    found |= {"s.short"} if s is not None and len(s) != 1 else set()
    found |= {"few"} if [readable(other["k"]) for other in rows].count(k) > 2 else set()
    found |= {"s.isin"} if s is not None and s not in ("a", "b") else set()
    found |= {"code.str_matches"} if code is not None and not re.fullmatch("[A-Z][0-9]", code) else set()
    if x is not None:
        found |= {"x.finite"} if not math.isfinite(x) else set()
        found |= {"x.greater_than_or_equal_to"} if x < -10 else set()
        found |= {"x.less_than_or_equal_to"} if not x <= 10 else set()  # no number is more than any
    found |= {"explained"} if flag and code is None else set()
    found |= {"town.in_stations"} if town is not None and town not in TOWNS else set()
    same = [other for other in rows if (other["k"], other["s"]) == (row["k"], row["s"])]
    found |= {"key.unique"} if k is not None and s is not None and len(same) > 1 else set()
    return found


def comparable(row: dict[str, Any], cells: Row) -> tuple[Any, ...]:
    """What tells a row from others: its values, and the text of those that cannot be read."""
    read = ("nan" if isinstance(value, float) and math.isnan(value) else value for value in row.values())
    return tuple(("unread", cell) if value is UNREADABLE else value for value, cell in zip(read, cells, strict=True))


@settings(max_examples=10_000 if settings().max_examples > 1000 else 200)  # by `make soak`
@given(rows=deliveries())
def test_every_row_goes_to_one_place_for_all_its_reasons(sample: Dataset, rows: list[Row]) -> None:
    text = pl.DataFrame(rows, schema=dict.fromkeys(CELLS, pl.String), orient="row")
    found = judge(sample, text)

    kept: dict[Any, tuple[int, dict[str, Any]]] = {}
    for number, cells in enumerate(rows, 1):
        row = {column: parsed(column, cell) for column, cell in zip(CELLS, cells, strict=True)}
        kept.setdefault(comparable(row, cells), (number, row))
    left = [row for _, row in kept.values()]
    expected = {number: reasons(row, left) for number, row in kept.values()}

    assert {row["row"]: row["reasons"] for row in found.rejected.to_dicts()} == {
        number: [rule.name for rule in compile_rules(sample) if rule.name in why] for number, why in expected.items() if why
    }
    good = [row for number, row in kept.values() if not expected[number]]
    assert found.good.to_dicts() == sorted(good, key=lambda row: (row["k"], row["s"]))
    counts = found.rows
    assert (counts.delivered, counts.published, counts.merged) == (len(rows), len(good), len(rows) - len(kept))
    assert counts.delivered == counts.published + counts.rejected + counts.merged
    assert {result.rule: result.broken for result in found.rules if result.broken} == Counter(
        rule for why in expected.values() for rule in why
    )
    assert found.reasons == ()  # all is tolerated here
    sample.schema.model.validate(found.good, lazy=True)

    kept_text = quarantined("d1", text, found)
    assert kept_text.select(list(CELLS)).rows() == [rows[number - 1] for number in found.rejected["row"]]
    assert kept_text.columns == ["delivery", "row", "reasons", *CELLS]


def test_pandera_would_tell_if_a_published_row_were_bad(sample: Dataset) -> None:
    # Keeps the law above honest: it asks pandera, which must be able to say no.
    bad = pl.DataFrame({"k": [13], "s": ["a"], "code": [None], "x": [None], "d": [None], "flag": [None], "town": [None]})
    with pytest.raises(pandera.errors.SchemaErrors, match="lucky"):
        sample.schema.model.validate(bad.cast(sample.schema.polars), lazy=True)  # type: ignore[arg-type]


def test_empty_delivery_is_judged(sample: Dataset) -> None:
    found = judge(sample, pl.DataFrame(schema=dict.fromkeys(CELLS, pl.String)))
    assert found.rows.delivered == found.rows.published == 0
    assert found.good.schema == sample.schema.polars
    assert found.reasons == ()


# Typed deliveries: a value is read as its type only if nothing of it is lost.


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        (1.0, pl.Int8, 1),
        (1.5, pl.Int8, None),
        (300, pl.Int8, None),
        (-1, pl.UInt8, None),
        (float("nan"), pl.Int64, None),
        (1e300, pl.Int64, None),
        (Decimal("2.0"), pl.Int8, 2),
        (Decimal("2.5"), pl.Int8, None),
        (1, pl.Float64, 1.0),
        (1, pl.Boolean, True),
        (2, pl.Boolean, None),
        (True, pl.Boolean, True),
        (True, pl.Int8, None),
        (1, pl.Date, None),
        (date(2024, 1, 5), pl.Int32, None),
        (date(2024, 1, 5), pl.Datetime("us"), datetime(2024, 1, 5)),  # noqa: DTZ001
        (datetime(2024, 1, 5), pl.Date, date(2024, 1, 5)),  # noqa: DTZ001
        (datetime(2024, 1, 5, 12), pl.Date, None),  # noqa: DTZ001
        (datetime(2024, 1, 5, 12), pl.Datetime("us", "UTC"), None),  # noqa: DTZ001
        (time(12), pl.Datetime("us"), None),
        ([1], pl.Int8, None),
        (b"1", pl.Int8, None),
        ("1", pl.Int8, 1),
        ("2024-01-05", pl.Date, date(2024, 1, 5)),
        ("13-01-05", pl.Date, None),
        ("12:30:00", pl.Time, time(12, 30)),
        ("9:30:00", pl.Time, None),
        ("2024-01-05T12:00:00", pl.Datetime("us"), datetime(2024, 1, 5, 12)),  # noqa: DTZ001
        ("2024-01-05T12:00:00", pl.Datetime("us", "UTC"), None),
        ("2024-01-05 12:00:00", pl.Datetime("us"), datetime(2024, 1, 5, 12)),  # noqa: DTZ001
        ("2024-01-05 12:00:00.5", pl.Datetime("ms"), datetime(2024, 1, 5, 12, microsecond=500000)),  # noqa: DTZ001
        ("2024-01-05 12:00:00+02:00", pl.Datetime("us", "UTC"), datetime(2024, 1, 5, 10, tzinfo=UTC)),
        ("2024-01-05 12:00:00", pl.Datetime("us", "UTC"), None),
        ("2024-01-05  12:00:00", pl.Datetime("us"), None),
        ("2024-01-05_12:00:00", pl.Datetime("us"), None),
        ("13-01-05T12:00:00Z", pl.Datetime("us", "UTC"), None),
        (1, pl.String, "1"),
        (date(2024, 1, 5), pl.String, "2024-01-05"),
        ([1, 2], pl.String, "[1, 2]"),
        (b"\xff", pl.String, r"b'\xff'"),
    ],
)
def test_value_is_read_only_if_nothing_is_lost(value: object, wanted: Any, expected: object) -> None:
    frame = pl.DataFrame({"v": [value]})
    dtype = wanted if isinstance(wanted, pl.DataType) else wanted()
    found = frame.select(v=read_as(pl.col("v"), frame.schema["v"], dtype))
    assert found.dtypes == [dtype]
    assert found["v"].to_list() == [expected]


@pytest.mark.parametrize("wanted", [pl.Int8(), pl.Int64(), pl.UInt32(), pl.Boolean(), pl.Date(), pl.String()])
@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["1", "true", "2024-01-05"])])
def test_categories_are_read_as_their_text(dtype: pl.DataType, wanted: pl.DataType) -> None:
    frame = pl.DataFrame({"v": pl.Series(["1", "true", "2024-01-05", None], dtype=pl.String)})
    as_text = frame.select(read_as(pl.col("v"), pl.String(), wanted))
    assert_frame_equal(frame.cast(dtype).select(read_as(pl.col("v"), dtype, wanted)), as_text)


def test_column_without_any_value_is_read_as_its_type(sample: Dataset) -> None:
    nothing = pl.DataFrame({column: [None] for column in CELLS})
    assert judge(sample, nothing).rejected["reasons"].to_list() == [["k.not_null", "s.not_null"]]


@pytest.mark.parametrize("swapped", [None, 0, 5])
def test_first_rows_in_order_do_not_speak_for_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: int | None
) -> None:
    monkeypatch.setattr(uniqueness, "_FIRST_ROWS", 3)
    rows = delivered(10)
    if swapped is not None:
        rows = pl.concat([rows[:swapped], rows[swapped : swapped + 2].reverse(), rows[swapped + 2 :]])
    again = rows[[9]].with_columns(note=pl.lit("shares the key of the row before"))
    found = judge(Tree(tmp_path)["readings"], pl.concat([rows, again]))
    assert found.good["hour"].to_list() == list(range(9))
    assert found.rejected["reasons"].to_list() == [["key.unique"], ["key.unique"]]


@pytest.mark.parametrize("stations", [("bergen", "oslo"), ("oslo", "bergen"), ("oslo", None), (None, "oslo")])
@pytest.mark.parametrize("later", [False, True])
def test_texts_of_the_key_are_in_order_or_put_in_order(
    tmp_path: Path, stations: tuple[str | None, str | None], later: bool
) -> None:
    half = [delivered(12 * number)[-12:] for number in ((1, 2) if later else (2, 1))]
    rows = pl.concat(each.with_columns(station=pl.lit(name, pl.String)) for each, name in zip(half, stations, strict=True))
    found = judge(Tree(tmp_path)["readings"], rows)
    key = found.good["station", "day", "hour"].rows()
    assert key == sorted(key)
    assert (len(key), found.rows.rejected) == (24 - 12 * stations.count(None), 12 * stations.count(None))


PATTERNS = {"^k$": "a", "*": "b", "^x.*$": "c", "^none$": "d"}
"""By these names, polars would look for other columns."""


def test_rows_that_cannot_be_read_are_equal_if_their_text_is(tree: Tree) -> None:
    said = pl.Series(["hot", "hot", "warm", "hot"])
    text = pl.concat([delivered(1)] * said.len()).with_columns(temperature=said)
    found = judge(tree["readings"], text)
    assert found.rejected.to_dicts() == [{"row": n, "reasons": ["temperature.type", "noted", "key.unique"]} for n in (1, 3)]
    assert (found.rows.delivered, found.rows.merged) == (4, 2)
    alone = judge(tree["readings"], text.filter(pl.col("temperature") == "hot"))
    assert alone.rejected.to_dicts() == [{"row": 1, "reasons": ["temperature.type", "noted"]}]


def test_quarantine_keeps_what_no_table_would_hold(sample: Dataset) -> None:
    row = {"k": [1], "s": "a", "code": b"\xff", "x": 1.5, "d": datetime(2024, 1, 5), "flag": {"a": 1}, "town": None}  # noqa: DTZ001
    text = pl.DataFrame([{**row, "row": "taken", "row_": "too", "delivery": "x", "__row": 1, "__was_k": 1, **PATTERNS}])
    found = judge(sample, text)
    assert found.rejected["reasons"].to_list() == [["k.type", "flag.type", "code.str_matches"]]
    [kept] = quarantined("d1", text, found).to_dicts()
    assert (kept["delivery"], kept["row"], kept["row__"], kept["row_"], kept["delivery_"]) == ("d1", 1, "taken", "too", "x")
    assert (kept["k"], kept["code"], kept["flag"]) == ("[1]", r"b'\xff'", "{'a': 1}")
    assert {name: kept[name] for name in PATTERNS} == PATTERNS
