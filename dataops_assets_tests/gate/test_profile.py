"""The statistics of columns are those that polars takes of each by itself."""

import math
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_assets.gate.profile import profile, short

_BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
_QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
_FLOATS = st.lists(st.none() | st.integers(-10_000, 10_000).map(lambda one: one / 100) | st.floats(-1e100, 1e100), min_size=1)


def _taken(columns: dict[str, list[float | None]], public: bool = True) -> dict[str, dict[str, float]]:
    rows = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64))
    return profile(rows, rows.height, 0, _BEGAN, public).columns


def _by_polars(values: list[float | None]) -> dict[str, float | None]:
    number = pl.Series(values, dtype=pl.Float64)
    steps = number.diff().drop_nulls()
    digits = [((number - number.round(digits)).abs() > 1e-9 * number.abs()).mean() for digits in range(4)]
    return {
        "decimals": None if digits[0] is None else sum(digits),
        "least": number.min(),
        "mean": number.mean(),
        "greatest": number.max(),
        "step": math.sqrt((steps * steps).mean()) if steps.len() else None,
    } | {name: number.quantile(share, "linear") for name, share in _QUANTILES.items()}


@given(several=st.lists(_FLOATS, min_size=1, max_size=4))
def test_statistics_of_numbers_are_those_that_polars_takes_one_by_one(several: list[list[float | None]]) -> None:
    height = max(map(len, several))
    columns = {f"c{place}": [*values, *[None] * (height - len(values))] for place, values in enumerate(several)}
    for name, found in _taken(columns).items():
        told = {what: one for what, one in _by_polars(columns[name]).items() if one is not None}
        # A mean of what cancels out is as exact as the largest value that went into it.
        exact = 1e-12 * max(abs(one or 0.0) for one in columns[name])
        known = {what: found[what] for what in found if what not in ("nulls", "distinct", "top")}
        assert known == {what: pytest.approx(short(one), rel=1e-5, abs=exact) for what, one in told.items()}


def test_columns_that_are_not_taken_at_once_are_taken_as_if_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {f"c{place}": [place / 4, None, float(place), None if place % 2 else 1.0] for place in range(5)}
    together = _taken(columns)
    monkeypatch.setattr("dataops_assets.gate.profile._MOST_AT_ONCE", 8)
    assert _taken(columns) == together


def test_of_data_that_is_not_public_only_digits_are_counted() -> None:
    assert _taken({"amount": [1.25, 2.5, None]}, public=False) == {
        "amount": {"nulls": 0.333333, "distinct": 3.0, "top": 0.333333, "decimals": 1.5}
    }


@pytest.mark.parametrize("dtype", [pl.Float16, pl.Float32, pl.Float64])
@pytest.mark.parametrize("digits", [0, 1, 2])
def test_digits_are_those_that_were_written_however_short_the_float(dtype: type[pl.DataType], digits: int) -> None:
    written = [f"{whole}.{'7' * digits}" for whole in range(-5, 5)]
    rows = pl.DataFrame({"amount": written}).select(pl.col("amount").str.strip_suffix(".").cast(pl.Float64).cast(dtype))
    assert profile(rows, rows.height, 0, _BEGAN, public=True).columns["amount"]["decimals"] == digits


@pytest.mark.parametrize(
    ("dtype", "number", "digits"), [(pl.Float32, 99999.99, 2), (pl.Float16, 1023.5, 1), (pl.Float64, 0.3, 1)]
)
def test_digits_are_told_as_far_as_a_float_holds_them(dtype: type[pl.DataType], number: float, digits: int) -> None:
    rows = pl.DataFrame({"amount": [number]}, schema={"amount": dtype})
    assert profile(rows, 1, 0, _BEGAN, public=True).columns["amount"]["decimals"] == digits
