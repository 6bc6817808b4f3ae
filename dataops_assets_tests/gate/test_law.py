"""The law, whatever the columns: every row is published, rejected or merged, and what is published is good.

Each cell is made good or bad, so that nobody has to be asked which rows are to be published. Not here: why (`test_content`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dataops_assets.contract import Dataset
from dataops_assets.gate.content import quarantined
from dataops_assets_tests.gate.judging import judge, of_model, with_key_n
from dataops_assets_tests.trees import Tree

NAN, INF = float("nan"), float("inf")


class _Unreadable:
    """What a value means that cannot be read as its type: nothing else is equal to it."""


@dataclass(frozen=True)
class Kind:
    """A column.

    Attributes:
        given: The type that it is delivered as.
        wanted: The type that it is published as.
        good: Values as they are delivered, each with what it means.
        bad: The same, of such as must be rejected.
        check: What is asked of it.
    """

    given: Any
    wanted: Any
    good: list[tuple[Any, Any]]
    bad: list[tuple[Any, Any]] = field(default_factory=list)
    check: pa.Check | None = None


def _unread(*given: Any) -> list[tuple[Any, Any]]:
    return [(one, _Unreadable()) for one in given]


def _same(*values: Any) -> list[tuple[Any, Any]]:
    return [(value, value) for value in values]


NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
KINDS = [
    Kind(pl.String, pl.Int16, [("0", 0), (" 7", 7), ("+8", 8)], [("-1", -1), *_unread("40000", "1.5", "x")], pa.Check.ge(0)),
    Kind(pl.Int64, pl.Int16, _same(0, 300), [(-1, -1), *_unread(40000)], pa.Check.ge(0)),
    Kind(pl.Float64, pl.Int8, [(0.0, 0), (3.0, 3)], _unread(1.5, 1e9, NAN, -INF)),
    Kind(pl.Float64, pl.Float64, _same(0.0, -1e300), _same(NAN, INF, -INF)),
    Kind(
        pl.String,
        pl.Float64,
        [("1e0", 1.0), ("-2.5", -2.5)],
        [("nan", NAN), ("inf", INF), ("9", 9.0), *_unread("1,5")],
        pa.Check.le(5),
    ),
    Kind(pl.String, pl.Boolean, [("true", True), ("0", False)], _unread("yes")),
    Kind(pl.String, pl.String, _same("a", "b"), _same(" ", "c"), pa.Check.isin(["a", "b"])),
    Kind(pl.Int64, pl.String, [(1, "1")], [(2, "2")], pa.Check.eq("1")),
    Kind(pl.String, pl.Date, [("2024-02-29", date(2024, 2, 29))], _unread("2023-02-29", "24-01-05")),
    Kind(pl.Datetime("us"), pl.Date, [(NOON.replace(hour=0, tzinfo=None), NOON.date())], _unread(NOON.replace(tzinfo=None))),
    Kind(pl.String, pl.Datetime("us", "UTC"), [("2024-02-29T13:00:00+01:00", NOON)], _unread("2024-02-29T13:00:00")),
    Kind(
        pl.String, pl.Decimal(6, 2), [("1.50", Decimal("1.50"))], [("-1", Decimal(-1)), *_unread("x")], pa.Check.ge(Decimal(0))
    ),
    Kind(pl.String, pl.Enum(["b", "a"]), _same("a", "b"), _unread("c")),
    Kind(pl.Categorical, pl.Categorical, _same("a", "b")),
    Kind(pl.Null, pl.Int64, []),
    Kind(pl.List(pl.Float64), pl.List(pl.Float64), _same([], [1.0, None]), _same([1.0, NAN], [INF])),
    Kind(pl.List(pl.Int64), pl.List(pl.Int8), _same([1], []), _unread([300])),
    Kind(
        pl.Struct({"x": pl.Float64, "y": pl.List(pl.Float32)}),
        pl.Struct({"x": pl.Float64, "y": pl.List(pl.Float32)}),
        _same({"x": 1.0, "y": [1.5]}, {"x": None, "y": None}),
        _same({"x": INF, "y": None}, {"x": 1.0, "y": [NAN]}),
    ),
]
Cell = tuple[Any, Any, bool]
"""As it is delivered, what it means, and whether it is bad."""


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[pa.DataFrameSchema, pl.DataFrame, list[tuple[Cell, ...]]]:
    """A model, rows as they are delivered for it, and what is known of each cell; many rows are equal, or share a key."""
    width = draw(st.sampled_from([1, 3, 6, 0, 40]))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=width, max_size=width))
    nullable = [draw(st.booleans()) for _ in kinds]
    how_bad = draw(st.sampled_from(["in one column", "not", "all"]))
    one = draw(st.integers(0, max(width - 1, 0)))
    cells: list[st.SearchStrategy[Cell]] = [st.sampled_from([0, 1, 2, 3]).map(lambda n: (n, n, False))]
    for i, kind in enumerate(kinds):
        none = [(None, None), *([("", None)] if kind.given == pl.String else [])]  # as `null_values` say
        good = [(*cell, False) for cell in [*kind.good, *(none if nullable[i] else [])]]
        bad = [(*cell, True) for cell in [*kind.bad, *([] if nullable[i] else none)]]
        if how_bad == "in one column" and i == one:
            cells.append(st.sampled_from(good + bad))
        else:
            cells.append(st.sampled_from(bad or good if how_bad == "all" else good or bad))
    few = draw(st.lists(st.tuples(*cells), min_size=1, max_size=4))
    rows = draw(st.lists(st.sampled_from(few), min_size=draw(st.sampled_from([2, 0])), max_size=10))
    columns = {f"c{i}": pa.Column(kind.wanted, kind.check, nullable=nullable[i]) for i, kind in enumerate(kinds)}
    given = {"n": pl.Int64, **{f"c{i}": kind.given for i, kind in enumerate(kinds)}}
    values = {name: [row[i][0] for row in rows] for i, name in enumerate(given)}
    return pa.DataFrameSchema({"n": pa.Column(pl.Int64), **columns}), pl.DataFrame(values, schema=given), rows


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return with_key_n(Tree(tmp_path_factory.mktemp("tree")))


def _merged(rows: list[tuple[Cell, ...]]) -> Mapping[Any, tuple[int, tuple[Cell, ...]]]:
    """The first of all rows that are equal, by what they mean, and where that cannot be read, as delivered; with its number."""
    kept: dict[Any, tuple[int, tuple[Cell, ...]]] = {}
    for number, row in enumerate(rows, 1):
        told = [("unread", given) if isinstance(means, _Unreadable) else means for given, means, _ in row]
        kept.setdefault(repr(told), (number, row))
    return kept


@settings(max_examples=10_000 if settings().max_examples > 1000 else 150)  # by `make soak`
@given(delivery=deliveries())
def test_every_row_goes_to_one_place_whatever_the_columns_are(
    sample: Dataset, delivery: tuple[pa.DataFrameSchema, pl.DataFrame, list[tuple[Cell, ...]]]
) -> None:
    schema, text, rows = delivery
    dataset = of_model(sample, schema)
    found = judge(dataset, text)

    left = _merged(rows).values()
    keys = [row[0][1] for _, row in left]
    bad = {number for number, row in left if any(is_bad for *_, is_bad in row) or keys.count(row[0][1]) > 1}
    good = sorted(([means for _, means, _ in row] for number, row in left if number not in bad), key=lambda row: row[0])
    assert set(found.rejected["row"]) == bad
    assert found.rejected["row"].is_unique().all()
    assert found.rejected["reasons"].list.len().gt(0).all()
    assert_frame_equal(found.good, pl.DataFrame(good, schema=dataset.schema.polars, orient="row"))
    counts = found.rows
    assert (counts.delivered, counts.merged) == (len(rows), len(rows) - len(left))
    assert counts.delivered == counts.published + counts.rejected + counts.merged
    assert (counts.published, counts.rejected) == (len(good), len(bad))

    schema.validate(found.good, lazy=True)
    floats = found.good.select(pl.col(pl.Float64)).rows()
    assert all(value is None or math.isfinite(value) for row in floats for value in row)
    assert quarantined("d1", text, found).height == len(bad)


def test_there_is_a_bad_value_of_almost_every_kind() -> None:
    # Keeps the law above honest: a kind without one is never rejected but for what is missing.
    assert [kind.given for kind in KINDS if not kind.bad] == [pl.Categorical, pl.Null]
