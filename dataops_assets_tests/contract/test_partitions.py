"""Laws of partitions: what is a key, when it is over, and how coarser and finer keys fit together."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_assets.contract import Grain, Partitions
from dataops_assets.contract.duration import Duration, parse_duration
from dataops_assets.contract.errors import Mistake

GRAINS: tuple[Grain, ...] = ("day", "month", "year")
# Some change their clocks at midnight, and Apia once left out a whole day.
ZONES = (
    "UTC",
    "Europe/Oslo",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
)
LONGEST = {"day": 500, "month": 5_000, "year": 20_000}


@st.composite
def partitions(draw: st.DrawFn, every: Grain | None = None) -> tuple[Partitions, datetime]:
    """Partitions, open or closed, and a moment around the time that they cover."""
    grain = every or draw(st.sampled_from(GRAINS))
    start = draw(st.dates(date(1995, 1, 1), date(2030, 1, 1)))
    length = timedelta(days=draw(st.integers(0, LONGEST[grain])))
    now = datetime(start.year, start.month, start.day, tzinfo=UTC) + length + timedelta(hours=draw(st.integers(-40, 40)))
    end = draw(st.none() | st.integers(0, LONGEST[grain]).map(lambda days: start + timedelta(days=days)))
    return Partitions(every=grain, start=start, end=end, timezone=draw(st.sampled_from(ZONES))), now


def finer_and_coarser() -> st.SearchStrategy[tuple[Partitions, Partitions, datetime]]:
    """Two partitionings of the same time, and a moment."""

    def beside(pair: tuple[Partitions, datetime], grain: Grain) -> tuple[Partitions, Partitions, datetime]:
        finer, now = pair
        early = finer.start.replace(month=1, day=1)
        return finer, Partitions(every=grain, start=early, timezone=finer.timezone), now

    pairs = {"day": GRAINS, "month": GRAINS[1:], "year": GRAINS[2:]}
    return st.sampled_from([(f, c) for f in GRAINS for c in pairs[f]]).flatmap(
        lambda grains: partitions(grains[0]).map(lambda pair: beside(pair, grains[1]))
    )


@given(partitions(), st.data())
def test_keys_in_a_row_are_all_keys_and_a_row_ends_where_one_is_left_out(
    given_: tuple[Partitions, datetime], data: st.DataObject
) -> None:
    parts, now = given_
    keys = parts.keys(now)
    left_out = set(data.draw(st.lists(st.sampled_from(keys), max_size=5))) if keys else set()
    kept = [key for key in keys if key not in left_out]
    rows = parts.in_a_row(kept[::-1])
    assert [key for row in rows for key in row] == kept
    place = {key: number for number, key in enumerate(keys)}
    assert all(place[b] == place[a] + 1 for row in rows for a, b in pairwise(row))
    assert all(place[b[0]] > place[a[-1]] + 1 for a, b in pairwise(rows))


@given(partitions())
def test_keys_are_in_order_without_a_hole(given_: tuple[Partitions, datetime]) -> None:
    parts, now = given_
    keys = parts.keys(now)
    assert keys == sorted(set(keys))
    assert all(parts.first_day(after) == parts._next(parts.first_day(before)) for before, after in pairwise(keys))
    if keys:
        assert keys[0] == parts.key_of(parts.start)
    if parts.end:
        assert parts.keys(datetime(2200, 1, 1, tzinfo=UTC))[-1] == parts.key_of(parts.end)


@given(partitions(), st.integers(-800, 800))
def test_contains_tells_the_same_as_keys(given_: tuple[Partitions, datetime], days: int) -> None:
    parts, now = given_
    keys = set(parts.keys(now))
    key = parts.key_of(parts.start + timedelta(days=days))
    assert parts.contains(key, now) == (key in keys)
    assert all(parts.contains(key, now) for key in keys)


@given(partitions())
def test_partition_is_there_from_the_moment_it_is_over(given_: tuple[Partitions, datetime]) -> None:
    parts, now = given_
    for key in parts.keys(now)[-3:]:
        over = parts.end_of(key)
        assert parts.contains(key, over)
        assert not parts.contains(key, over - timedelta(microseconds=1))


@given(finer_and_coarser())
def test_finer_keys_are_dealt_out_to_the_coarser_ones_each_once(given_: tuple[Partitions, Partitions, datetime]) -> None:
    finer, coarser, now = given_
    later = now + timedelta(days=800)
    dealt = [key for other in coarser.keys(later) for key in finer.keys_within(coarser, other, now)]
    assert dealt == finer.keys(now)


@given(finer_and_coarser())
def test_coarser_keys_within_a_finer_one_hold_it(given_: tuple[Partitions, Partitions, datetime]) -> None:
    finer, coarser, now = given_
    for key in finer.keys(now)[:20]:
        held = coarser.keys_within(finer, key, now + timedelta(days=800))
        assert held == [coarser.key_of(finer.first_day(key))]


@pytest.mark.parametrize(
    ("every", "key"),
    [
        *(
            ("day", key)
            for key in ("2024-02-30", "2024-1-5", "2024-01", "2024", "", "soon", "2024-01-05T00", "20240105", "../..")
        ),
        *(("day", key) for key in ("9999-12-31", "0000-01-01", "２０２４-01-05")),
        *(("month", key) for key in ("2024-13", "2024-01-05", "2024", "9999-12")),
        *(("year", key) for key in ("24", "2024-01", "9999", "0000")),
    ],
)
def test_what_is_no_key_is_not_contained(every: Grain, key: str) -> None:
    # Such names lie in landing; none may do more than be ignored.
    assert not Partitions(every=every, start=date(2024, 1, 1)).contains(key, datetime.max.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "key", "over"),
    [
        ("America/New_York", "2024-03-10", "2024-03-11T04:00:00+00:00"),  # a day of 23 hours
        ("America/New_York", "2024-11-03", "2024-11-04T05:00:00+00:00"),  # one of 25
        ("America/Sao_Paulo", "2018-11-03", "2018-11-04T03:00:00+00:00"),  # the next one begins at 1:00
        ("Pacific/Kiritimati", "2024-01-01", "2024-01-01T10:00:00+00:00"),
    ],
)
def test_day_is_over_at_the_local_midnight(zone: str, key: str, over: str) -> None:
    parts = Partitions(every="day", start=date(2010, 1, 1), timezone=zone)
    assert parts.end_of(key) == datetime.fromisoformat(over)


@pytest.mark.parametrize(
    ("start", "expected"), [(2024, date(2024, 1, 1)), ("2024", date(2024, 1, 1)), ("2024-05", date(2024, 5, 1))]
)
def test_start_may_be_a_year_or_a_month(start: int | str, expected: date) -> None:
    assert Partitions.model_validate({"every": "month", "start": start}).start == expected


@given(st.integers(1, 1000), st.sampled_from(["hour", "day", "week", "month", "year"]), st.booleans())
def test_duration_is_read_as_it_is_written(amount: int, unit: str, plural: bool) -> None:
    text = f"{amount} {unit}{'s' * plural}"
    duration = parse_duration(text)
    assert str(duration) == text
    hours = {"hour": 1, "day": 24, "week": 168, "month": 720, "year": 8760}
    assert duration.length == timedelta(hours=amount * hours[unit])


@pytest.mark.parametrize(
    "text", ["", "7", "days", "7 yrs", "-7 days", "0 days", "7.5 days", "7  days", "7 days ago", 7, None, {"forever": ""}]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(Mistake):
        parse_duration(text)


def test_forever_is_longer_than_anything() -> None:
    forever = parse_duration({"forever": "we were told to"})
    assert (forever.reason, str(forever)) == ("we were told to", "forever")
    assert forever.length > Duration(text="10000 years", hours=10_000 * 365 * 24).length


@given(partitions())
def test_the_partitions_before_one_are_the_keys_before_it(given_: tuple[Partitions, datetime]) -> None:
    parts, now = given_
    keys = parts.keys(now)
    for index in {0, len(keys) // 2, len(keys) - 1} if keys else ():
        assert list(parts.before(keys[index])) == keys[:index][::-1]
