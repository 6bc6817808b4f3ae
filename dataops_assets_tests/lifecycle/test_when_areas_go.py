"""When an area goes, case by case; what becomes of all of them together is simulated."""

from datetime import UTC, datetime, timedelta

import pytest

from dataops_assets.lifecycle.area import Area, AreaError, Pin, Stage
from dataops_assets.lifecycle.plan import CLOCKS_DIFFER, Facts, Step, Terms, due_at, step

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TERMS = Terms(disuse=timedelta(days=30), notice=timedelta(days=7), trash=timedelta(days=14), record=timedelta(days=365))
DAY = timedelta(days=1)


def area(stage: Stage = "living", days_ago: float = 100, told_days_ago: float | None = None, pin: Pin | None = None) -> Area:
    since = NOW - days_ago * DAY
    told = None if told_days_ago is None else NOW - told_days_ago * DAY
    made = Area(
        kind="adhoc", name="one", owner="team", used_at=NOW - 100 * DAY, stage=stage, since=since, told_at=told, pin=pin
    )
    return made.noted(stage, since, "somebody", "because")


def decided(of: Area, facts: Facts | None = None, recorded_at: datetime | None = None) -> Step:
    return step(of, recorded_at or of.since, facts or Facts(), NOW, TERMS)


def pin(days: int) -> Pin:
    return Pin(by="team", until=NOW + days * DAY, why="the report is due")


@pytest.mark.parametrize(
    ("of", "facts", "to", "why"),
    [
        (area(), Facts(), "marked", "last used on 2025-11-21, 30 days or more ago"),
        (area(), Facts(written_at=NOW - 5 * DAY), None, "last used on 2026-02-24"),
        (area(), Facts(read_at=NOW - 5 * DAY), None, "last used on 2026-02-24"),
        (area(), Facts(alive="run 12 works in it"), None, "run 12 works in it"),
        (area(), Facts(unknown="when it was read"), None, "kept, since it is not known when it was read"),
        (area(pin=pin(3)), Facts(), None, "its term has not passed"),
        (area(pin=pin(-3)), Facts(), "marked", "last used on 2025-11-21, 30 days or more ago"),
        (area("marked", 8), Facts(), "marked", "its owner could not be told yet"),
        (area("marked", 8, 6), Facts(), None, "its term has not passed"),
        (area("marked", 9, 8), Facts(), "leaving", "last used on 2025-11-21, and nobody wanted it within 7 days of being told"),
        (area("marked", 9, 8), Facts(written_at=NOW - DAY), "living", "last used on 2026-02-28"),
        (area("marked", 9, 8), Facts(alive="run 12 works in it"), "living", "run 12 works in it"),
        (area("marked", 9, 8), Facts(unknown="when it was read"), None, "kept, since it is not known when it was read"),
        (area("closed", 0), Facts(written_at=NOW - DAY), "leaving", "because"),
        (area("closed", 0), Facts(alive="run 12 works in it"), None, "run 12 works in it"),
        (area("leaving", 0), Facts(), "trashed", "to the end of what was begun"),
        (area("returning", 0), Facts(), "living", "to the end of what was begun"),
        (area("ending", 0), Facts(), "gone", "to the end of what was begun"),
        (area("trashed", 13), Facts(), None, "its term has not passed"),
        (area("trashed", 15), Facts(), "ending", "in the trash for 14 days"),
        (
            area("trashed", 15),
            Facts(NOW - DAY),
            "returning",
            "something was written there on 2026-02-28, when all of it had left",
        ),
        (area("gone", 15), Facts(NOW - DAY), "living", "something was written there on 2026-02-28, when all of it had left"),
        (area("gone", 15), Facts(), None, "its term has not passed"),
        (area("gone", 366), Facts(), None, "gone for long: its record goes"),
    ],
)
def test_what_becomes_of_an_area(of: Area, facts: Facts, to: Stage | None, why: str) -> None:
    found = decided(of, facts)
    assert (found.to, found.why) == (to, why)


def test_what_was_used_later_than_its_record_says_is_told() -> None:
    assert decided(area(), Facts(written_at=NOW - 5 * DAY)).used_at == NOW - 5 * DAY


@pytest.mark.parametrize("of", [area("marked", 50, 40), area("trashed", 50), area("gone", 500)])
def test_a_term_counts_from_when_the_record_was_written(of: Area) -> None:
    assert decided(of).to is not None or of.stage == "gone"
    assert decided(of, recorded_at=NOW - DAY) == Step(None, "its term has not passed")


def test_to_the_minute() -> None:
    marked = area("marked", 9, 8)
    assert due_at(marked, marked.since, TERMS) == NOW - DAY + CLOCKS_DIFFER
    living = area()
    assert due_at(living, NOW, TERMS) == living.used_at + 31 * DAY + CLOCKS_DIFFER  # a use is noted once a day


def test_a_use_is_noted_once_a_day() -> None:
    used = area().used(NOW, "somebody")
    assert used.used_at == NOW
    assert used.used(NOW + DAY / 2, "somebody") is used
    assert used.used(NOW + DAY, "somebody").used_at == NOW + DAY
    assert len(used.history) == 1


def test_marked_or_closed_it_lives_when_it_is_used() -> None:
    for stage, words in (("marked", "marked as unused"), ("closed", "closed")):
        used = area(stage, 3, 2).used(NOW, "ann")  # type: ignore[arg-type]
        assert (used.stage, used.used_at, used.told_at) == ("living", NOW, None)
        assert used.history[-1].model_dump() == {
            "at": NOW,
            "who": "ann",
            "what": "living",
            "why": f"it was used while it was {words}",
        }


@pytest.mark.parametrize(
    ("stage", "way_out"),
    [
        ("leaving", "on its way to the trash since 2026-02-28 12:00 UTC: wait until it is there, then restore it"),
        ("trashed", "in the trash since 2026-02-28 12:00 UTC: restore it first"),
        ("returning", "on its way back from the trash since 2026-02-28 12:00 UTC: wait until it is back"),
        ("ending", "being removed since 2026-02-28 12:00 UTC: take another name"),
        ("gone", "gone since 2026-02-28 12:00 UTC: make it anew"),
    ],
)
def test_what_is_not_there_is_not_used(stage: Stage, way_out: str) -> None:
    with pytest.raises(AreaError, match=f"^adhoc/one is {way_out}$"):
        area(stage, 1).used(NOW, "ann")


def test_a_pin_has_an_end_that_is_to_come() -> None:
    kept = area("marked", 3).keep(pin(5), NOW)
    assert (kept.stage, kept.pin, kept.pinned(NOW), kept.pinned(NOW + 5 * DAY)) == ("living", pin(5), True, False)
    assert (kept.history[-1].what, kept.history[-1].why) == ("pinned", "until 2026-03-06: the report is due")
    with pytest.raises(AreaError, match="cannot be kept until 2026-03-01 12:00, which has passed"):
        area().keep(pin(0), NOW)


def test_a_pin_does_not_shorten_another() -> None:
    kept = area().keep(pin(5), NOW)
    with pytest.raises(AreaError, match="adhoc/one is pinned for longer, until 2026-03-06 by team: unpin it first"):
        kept.keep(pin(4), NOW)
    assert kept.keep(pin(6), NOW).pin == pin(6)


def test_what_is_pinned_is_not_closed() -> None:
    with pytest.raises(AreaError, match=r"^adhoc/one is pinned until 2026-03-06: unpin it first$"):
        area(pin=pin(5)).become("closed", NOW, "ann", "done")
    assert area(pin=pin(-5)).become("closed", NOW, "ann", "done").stage == "closed"


def test_each_time_into_a_trash_of_its_own() -> None:
    first = area("marked", 3).become("leaving", NOW, "us", "unused")
    assert first.trash == "trash/adhoc/one/0001"
    back = first.become("trashed", NOW, "us", "").become("returning", NOW, "ann", "").become("living", NOW, "us", "")
    assert back.used_at == NOW
    assert back.become("closed", NOW, "ann", "").become("leaving", NOW, "us", "").trash == "trash/adhoc/one/0002"


def test_from_leaving_the_way_back_is_through_the_trash() -> None:
    with pytest.raises(AreaError, match="adhoc/one is on its way to the trash since 2026-02-28 12:00 UTC: it cannot be"):
        area("leaving", 1).become("returning", NOW, "ann", "")
