"""Statistics over time: what is said of a partition in the light of those before, for any rows at all."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_assets.gate.drift import CALIBRATED, USUAL, History
from dataops_assets.gate.profile import Profile, profile
from dataops_assets.gate.relations import moments

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
NAN, INF = float("nan"), float("inf")
SCHEMA: dict[str, Any] = {
    "number": pl.Float64(),
    "count": pl.Int16(),
    "text": pl.String(),
    "yes": pl.Boolean(),
    "at": pl.Datetime("us", "UTC"),
    "day": pl.Date(),
    "long": pl.Duration(),
    "clock": pl.Time(),
    "several": pl.List(pl.Int8()),
    "raw": pl.Binary(),
}
VALUES: dict[str, Any] = {
    "number": st.sampled_from([0.0, 1.5, -1e300, 1e300, NAN, INF, -INF]),
    "count": st.integers(-32768, 32767),
    "text": st.text(max_size=5),
    "yes": st.booleans(),
    "at": st.timedeltas(timedelta(-40_000), timedelta(40_000)).map(lambda since: BEGAN + since),
    "day": st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    "long": st.timedeltas(timedelta(-9), timedelta(9)),
    "clock": st.times(),
    "several": st.lists(st.integers(-9, 9), max_size=2),
    "raw": st.binary(max_size=3),
}
ROWS = st.lists(st.fixed_dictionaries({name: st.none() | value for name, value in VALUES.items()}), max_size=6)


def calm(number: int, factor: float = 1.0, rows: int = 200) -> pl.DataFrame:
    """A day of readings around 20, each a little different from the one before."""
    random = np.random.default_rng(number)
    value, cold = random.normal(20, 3, rows) * factor, random.random(rows) < 0.3
    return pl.DataFrame(
        {
            "value": value,
            "half": [None if gone else one / 2 for one, gone in zip(value + random.normal(0, 0.3, rows), cold, strict=True)],
            "third": [None if gone else one for one, gone in zip(random.normal(0, 1, rows), cold, strict=True)],
            "slow": np.sin(np.arange(rows) / 20 + number) * 10 + random.normal(0, 0.1, rows),
            "tens": random.integers(0, 36, rows) * 10,
            "whole": (18 + number / 8 + random.normal(0, 3, rows)).round(),
            "kind": random.choice(["a", "b", "c"], rows),
            "at": [BEGAN + timedelta(days=number, minutes=7 * minute) for minute in range(rows)],
        },
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )


def taken(rows: pl.DataFrame, number: int = 0, merged: int = 0) -> Profile:
    return profile(rows, rows.height, merged, BEGAN + timedelta(days=number), public=True, key=["at"])


@cache
def calm_day(number: int) -> Profile:
    return taken(calm(number), number)


def twice(rows: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([rows, rows.with_columns(pl.col("at") + timedelta(minutes=1))]).sort("at")


def after(days: int) -> History:
    history = History(calm(0).schema)
    for number in range(days):
        history.add(str(number), calm_day(number))
    return history


def unusual(history: History, found: Profile) -> set[str]:
    return {".".join(history.names[place]) for place in np.flatnonzero(history.surprises(found) > 1)}


@given(st.lists(ROWS, min_size=1, max_size=3), st.integers(0, 40))
def test_whatever_the_rows_are_there_is_an_answer_and_the_same_day_again_is_never_unusual(days: list[Any], more: int):
    frames = [pl.DataFrame(rows, schema=SCHEMA) for rows in days]
    history = History(SCHEMA)
    profiles = [found for rows in frames if (found := profile(rows, rows.height, 0, BEGAN, public=True))]
    assert [Profile.model_validate_json(found.model_dump_json()) for found in profiles] == profiles
    for found in profiles:
        history.add("before", found)
    for found in profiles[-1:] * (more + 28):
        history.add("the same", found)
        assert unusual(history, found) == set()


@pytest.mark.filterwarnings("error")
def test_numbers_as_large_as_a_float_can_be_are_compared_as_any():
    days = [taken(calm(number).with_columns(pl.col("value") / 20 * 1e308), number) for number in range(30)]
    both = calm(30).with_columns(value=pl.when(pl.col("value") < 20).then(-1e308).otherwise(1e308))
    history = History(calm(0).schema)
    for number, day in enumerate(days):
        history.add(str(number), day)
    assert unusual(history, days[0]) == set()
    assert "value.q05" in unusual(history, taken(both, 30))


@given(ROWS)
def test_rows_that_do_not_fit_into_memory_have_the_same_profile(rows: list[Any]):
    frame = pl.DataFrame(rows, schema=SCHEMA)
    assert profile(frame, frame.height, 1, BEGAN, public=True) == profile(frame.lazy(), frame.height, 1, BEGAN, public=True)


def test_of_more_than_a_million_rows_every_so_many_are_looked_at(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dataops_assets.gate.profile._MOST_ROWS", 100)
    monkeypatch.setattr("dataops_assets.gate.profile._SAMPLED_ROWS", 50)
    rows = pl.DataFrame({"number": range(1000)})
    sampled = profile(rows.lazy(), 1000, 0, BEGAN, public=True)
    assert sampled
    assert (sampled.rows, sampled.every, "distinct" in sampled.columns["number"]) == (1000, 32, False)
    assert taken(rows).every == profile(rows.head(100).lazy(), 100, 0, BEGAN, public=True).every == 1


def test_nothing_is_said_as_long_as_too_few_came_before():
    strange = taken(calm(27, factor=1000), 27)
    assert not unusual(after(27), strange)
    assert unusual(after(28), strange)


@given(st.integers(28, 60), st.sampled_from([1000.0, 1 / 1000]))
def test_another_unit_is_always_found(days: int, factor: float):
    assert {"value.mean", "value.q50"} & unusual(after(days), taken(calm(days, factor), days))


def test_a_calm_history_is_calm():
    history = after(28)
    for number in range(28, 200):
        found = taken(calm(number), number)
        assert unusual(history, found) == set()
        history.add(str(number), found)


@pytest.mark.parametrize(
    ("named", "day"),
    [
        ("rows", taken(calm(50, rows=100), 50)),
        (".merged", taken(calm(50), 50, merged=100)),
        ("value.nulls", taken(calm(50).with_columns(value=pl.when(pl.col("kind") != "a").then("value")), 50)),
        ("value.distinct", taken(calm(50).with_columns(pl.col("value").round()), 50)),
        ("value.top", taken(calm(50).with_columns(pl.col("value").first()), 50)),
        ("kind.new", taken(calm(50).with_columns(pl.col("kind").replace("a", "d")), 50)),
        ("kind.length", taken(calm(50).with_columns(pl.col("kind") + " "), 50)),
        (
            "kind.padded",
            taken(calm(50).with_columns(kind=pl.when(pl.col("tens") < 30).then(pl.col("kind") + " ").otherwise("kind")), 50),
        ),
        ("kind.lower", taken(calm(50).with_columns(pl.col("kind").str.to_uppercase()), 50)),
        ("value.decimals", taken(calm(50).with_columns(pl.col("value").round(1)), 50)),
        (
            "value.least",
            taken(calm(50).with_columns(value=pl.when(pl.col("at") == pl.col("at").min()).then(-99.0).otherwise("value")), 50),
        ),
        (
            "value.greatest",
            taken(calm(50).with_columns(value=pl.when(pl.col("at") == pl.col("at").max()).then(99.0).otherwise("value")), 50),
        ),
        (
            "tens.new",
            taken(calm(50).with_columns(pl.col("tens") + 5), 50),
        ),
        ("whole.new", taken(calm(50).with_columns(pl.col("whole") + 0.5), 50)),
        ("at.mean", taken(calm(50), 49)),
        ("kind.mix", taken(calm(50).with_columns(kind=pl.lit("a")), 50)),
        (
            "slow.step",
            taken(
                calm(50).with_columns(
                    pl.when(pl.col("at").dt.minute() % 2 == 0).then(-3 * pl.col("slow")).otherwise("slow").alias("slow")
                ),
                50,
            ),
        ),
        ("half.residual", taken(calm(50).with_columns(pl.col("half") * -3), 50)),
        ("half.bias", taken(calm(50).with_columns(pl.col("half") + 3), 50)),
        ("third\nnull.residual", taken(calm(50).with_columns(pl.col("third").shuffle(1)), 50)),
        (".repeated", taken(twice(calm(50, rows=100)), 50)),
    ],
)
def test_each_statistic_tells_of_its_fault(named: str, day: Profile):
    assert any(name.endswith(named) for name in unusual(after(50), day))


def far(number: int, unit: float = 1.0) -> pl.DataFrame:
    """Places that are the same to six digits, a number that is one for weeks or none, and ids that begin with a day."""
    random = np.random.default_rng(number)
    day = int(f"{BEGAN + timedelta(days=number + 300):%Y%m%d}")
    return pl.DataFrame(
        {
            "northing": (5934568 + random.random(200)) / unit,
            "number": pl.Series([1.0 + number // 50 if one else None for one in random.random(200) < 0.9], dtype=pl.Float64),
            "id": day * 1000 + random.permutation(200),
            "at": [BEGAN + timedelta(days=number, minutes=minute) for minute in range(200)],
        },
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )


@pytest.mark.parametrize("sampled", [False, True])
def test_another_unit_of_values_that_differ_by_less_than_a_profile_holds_is_told(
    sampled: bool, monkeypatch: pytest.MonkeyPatch
):
    if sampled:
        monkeypatch.setattr("dataops_assets.gate.profile._MOST_ROWS", 0)
        monkeypatch.setattr("dataops_assets.gate.profile._SAMPLED_ROWS", 150)
    types = {"northing": pl.Float64(), "number": pl.Float64(), "id": pl.Int64(), "at": pl.Datetime("us", "UTC")}
    history = History(types)

    def day(number: int, unit: float = 1.0) -> Profile:
        rows = far(number, unit).lazy() if sampled else far(number, unit)
        return profile(rows, 200, 0, BEGAN + timedelta(days=number), public=True, key=["at"])

    for number in range(100):
        assert number < 60 or not unusual(history, day(number))
        history.add(str(number), day(number))
    assert {"northing.least", "northing.mean", "northing.q50"} <= {*unusual(history, day(100, unit=0.3048))}


def test_a_profile_from_before_there_were_relations_tells_what_it_can():
    history = History(calm(0).schema)
    for number in range(50):
        kept = calm_day(number).model_dump(exclude={"relations", "repeated"})
        history.add(str(number), Profile.model_validate(kept))
    strange = taken(calm(50, factor=1000), 50)
    assert {what.rpartition(".")[2] for what in unusual(history, strange)} >= {"mean"}
    assert not {what for what in unusual(history, strange) if what.endswith(("residual", "bias", "repeated"))}


def test_what_a_column_differs_from_is_named():
    history = after(50)
    assert history.told(history.names.index(("half", "residual")), "4") == (
        "half is 4 off what the other columns tell of it, most of all value"
    )
    assert history.told(history.names.index(("third\nnull", "residual")), "0.4") == (
        "whether third has a value is 0.4 off what the other columns tell of it, most of all half"
    )


def test_the_hour_that_a_clock_leaves_out_is_no_shift():
    began = datetime(2024, 3, 10, tzinfo=ZoneInfo("America/New_York"))
    hours = pl.DataFrame({"at": [datetime(2024, 3, 10, 5, tzinfo=UTC) + timedelta(hours=hour) for hour in range(23)]})
    on_the_clock = hours["at"].dt.convert_time_zone("America/New_York").dt.hour().cast(pl.Float64) * 60
    assert profile(hours, 23, 0, began, public=True).columns["at"]["mean"] == pytest.approx(on_the_clock.mean(), rel=1e-5)


@given(st.lists(st.tuples(*[st.none() | st.integers(-99, 99).map(float)] * 2), min_size=2, max_size=9))
def test_moments_are_those_of_numpy_with_the_mean_where_there_is_none(rows: list[tuple[float | None, float | None]]):
    frame = pl.DataFrame(rows, schema={"one": pl.Float64, "other": pl.Float64}, orient="row")
    found = moments(frame)
    whole = frame.with_columns(pl.all().fill_null(pl.all().mean())).to_numpy()
    for name, mean, deviation in zip(found.of, found.means, found.deviations, strict=True):
        column = whole[:, frame.columns.index(name)]
        assert (mean, deviation) == (pytest.approx(column.mean(), 1e-5, 1e-5), pytest.approx(column.std(), 1e-5))
    if len(found.of) == 2:
        assert found.correlations[0] == pytest.approx(np.corrcoef(whole.T)[0, 1], abs=1e-4)


def test_what_came_twice_is_still_unusual_the_second_time():
    history = after(50)
    for number in (50, 51):
        strange = taken(calm(number, factor=1000), number)
        assert "value.mean" in unusual(history, strange)
        history.add(str(number), strange)


@pytest.mark.parametrize("bad", [2, 13, 14, 20, 27])
def test_a_fault_in_the_first_weeks_is_still_a_break_later(bad: int):
    def faulty(number: int) -> Profile:
        return taken(calm(number).with_columns(whole=pl.lit(None, pl.Float64), value=pl.lit(20.0), kind=pl.lit("a")), number)

    history = History(calm(0).schema)
    for number in range(45):
        found = faulty(number) if number == bad else calm_day(number)
        assert number == bad or not history.breaks(found).any()
        history.add(str(number), found)
    again = {".".join(history.names[place]) for place in np.flatnonzero(history.breaks(faulty(45)))}
    assert {"whole.nulls", "value.top", "kind.mix"} <= again


@pytest.mark.parametrize(("every", "which", "alarms"), [(2, 1, []), (5, 4, []), (7, 6, []), (14, 6, [34])])
def test_a_rhythm_of_the_first_weeks_is_what_is_usual(every: int, which: int, alarms: list[int]):
    history, broken = History({"value": pl.Float64()}), []
    for number in range(200):
        random = np.random.default_rng(number)
        rows = int(random.normal(100_000, 800)) // (5 if number % every == which else 1)
        found = Profile(rows=rows, columns={"value": {"nulls": abs(random.normal(0.02, 0.004))}})
        if history.breaks(found).any():
            broken.append(number)
        history.add(str(number), found)
    assert broken == alarms, "what came once in the first weeks may have been a fault, until it comes back"


def test_a_column_that_the_contract_has_gained_begins_its_own_history():
    wider = calm(50).with_columns(new=pl.lit(1000.0) * pl.col("value"))
    history = History(wider.schema)
    for number in range(50):
        history.add(str(number), taken(calm(number), number))
    assert unusual(history, taken(wider, 50)) == set()


def test_a_day_without_rows_is_unlike_those_before():
    nothing = profile(calm(0).clear(), 0, 0, BEGAN, public=True)
    assert ".rows" in unusual(after(60), nothing)


def test_a_category_is_known_as_long_as_the_history_reaches():
    rare = taken(calm(0).with_columns(pl.col("kind").replace("a", "d")), 0)
    history = History(calm(0).schema)
    history.add("first", rare)
    for number in range(USUAL + CALIBRATED - 1):
        history.add(str(number), calm_day(number % 30))
    assert history.new_categories(rare, "kind") == []
    history.add("one more", calm_day(1))
    assert history.new_categories(rare, "kind") == ["d"]


def test_a_number_is_new_where_others_are_known_or_beyond_what_none_ever_passed():
    history = after(60)

    def new(column: str, *numbers: float) -> list[str] | None:
        return history.new_categories(
            taken(pl.DataFrame({"at": [BEGAN] * len(numbers), column: [*numbers]}, strict=False)), column
        )

    assert new("tens", 40, 45, 360, -40) == ["45", "360", "-40"]
    assert new("whole", 20, 20.5, 60) == ["20.5"], "hotter than any before is for other statistics"
    assert new("value", 20, 20.5) is None, "too many different ones"


def flags(number: int, share: float) -> Profile:
    """A day of 300 flags, of which a share is set."""
    return taken(pl.DataFrame({"at": range(300), "flag": np.random.default_rng(number).random(300) < share}), number)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_a_flag_that_gets_stuck_is_unusual_and_one_that_goes_on_is_no_break(share: float):
    history = History({"at": pl.Int64(), "flag": pl.Boolean()})
    for number in range(90):
        found = flags(number, share)
        assert not history.breaks(found).any()
        history.add(str(number), found)
    for stuck in {0.0, 1.0} - {round(share)}:
        assert "flag.mix" in unusual(history, flags(90, stuck))


def test_a_flag_of_the_whole_day_may_be_either_once_both_were_seen():
    history = History({"at": pl.Int64(), "flag": pl.Boolean()})
    for number in range(60):
        history.add(str(number), flags(number, 0))
    holiday = flags(60, 1)
    assert unusual(history, holiday) == set()
    history.add("60", holiday)
    assert unusual(history, flags(61, 1)) == set()


def test_rows_of_texts_alone_have_statistics_like_any_other():
    def day(rows: int) -> Profile:
        texts = pl.DataFrame({"name": [f"n{number % 7}" for number in range(rows)], "note": [None] * rows}).cast(pl.String)
        return profile(texts, rows, 0, BEGAN, public=True)

    history = History({"name": pl.String(), "note": pl.String()})
    for number in range(USUAL):
        history.add(str(number), day(5000 + number))
    assert unusual(history, day(5010)) == set()
    assert ".rows" in unusual(history, day(500))
