"""When an area goes: what its record and what lies in it say, against the terms of the policy. Nothing is read or changed here.

Disuse counts from the last use, not from the making. An area that is pinned, that something alive works in, or of which
something is not known, is kept. Before it is moved it is looked at again, with whatever came in after it was marked.

Not here: how a step is done (`expiry`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dataops_assets.contract.retention import Area as AreaTerms
from dataops_assets.lifecycle.area import RENEWED_EVERY, Area, Stage

CLOCKS_DIFFER = timedelta(minutes=30)
"""Added to each term: so far apart may the clocks be of whoever used an area and whoever ends it."""


@dataclass(frozen=True)
class Terms:
    """How long areas of a kind last.

    Attributes:
        disuse: Unused for so long, an area is marked.
        notice: So long after its owner was told, it goes to the trash.
        trash: So long it can be brought back.
        record: So long after it is gone, its record says what became of it.
    """

    disuse: timedelta
    notice: timedelta
    trash: timedelta
    record: timedelta

    @classmethod
    def stated(cls, area: AreaTerms) -> "Terms":
        """As the policy states them."""
        return cls(area.disuse.length, area.notice.length, area.trash.length, area.record.length)


@dataclass(frozen=True)
class Facts:
    """What is known of an area beside its record.

    Attributes:
        written_at: When the newest thing that lies in it was written, by the store's clock; None if nothing does.
        alive: What works in it just now, in words; empty if nothing does.
        unknown: What is not known of it, in words; empty if all is.
        read_at: When it was last read as the store's access log says; None if it was not, or there is no log.
    """

    written_at: datetime | None = None
    alive: str = ""
    unknown: str = ""
    read_at: datetime | None = None


@dataclass(frozen=True)
class Step:
    """What is to become of an area now.

    Attributes:
        to: Its next stage; None if it stays as it is.
        why: The reason.
        used_at: When it was last used, where that is later than its record says.
    """

    to: Stage | None
    why: str
    used_at: datetime | None = None


def due_at(area: Area, recorded_at: datetime, terms: Terms) -> datetime:
    """The earliest moment at which something may have to be done, as far as the record says; from then on facts are asked.

    Args:
        area: The record.
        recorded_at: When it was written, by the store's clock: who wrote it may have slept since he looked at his own.
        terms: How long such areas last.
    """
    if area.stage == "living":
        return max(_unused(area.used_at, terms), _after(area.pin.until, CLOCKS_DIFFER) if area.pin else area.used_at)
    if area.stage == "marked" and area.told_at is None:
        return area.since
    if area.stage in ("marked", "trashed", "gone"):
        term = {"marked": terms.notice, "trashed": terms.trash, "gone": terms.record}[area.stage]
        return _after(max(area.since, area.told_at or area.since, recorded_at), term + CLOCKS_DIFFER)
    return datetime.min.replace(tzinfo=UTC)  # closed, or half done


def step(area: Area, recorded_at: datetime, facts: Facts, now: datetime, terms: Terms) -> Step:
    """What is to become of an area that may be due."""
    if area.stage in ("leaving", "returning", "ending"):
        return Step(_AFTER[area.stage], "to the end of what was begun")
    if area.stage in ("trashed", "gone") and facts.written_at:
        return Step(_BACK[area.stage], f"something was written there on {facts.written_at:%Y-%m-%d}, when all of it had left")
    if now < due_at(area, recorded_at, terms):
        return Step(None, "its term has not passed")
    if area.stage == "trashed":
        return Step("ending", f"in the trash for {_days(terms.trash)}")
    if area.stage == "gone":
        return Step(None, "gone for long: its record goes")
    last = max(filter(None, (area.used_at, facts.written_at, facts.read_at)))
    is_marked = area.stage == "marked"
    if area.pin and area.pinned(now):
        return Step("living", f"pinned until {area.pin.until:%Y-%m-%d} by {area.pin.by}: {area.pin.why}")
    if facts.alive:
        return Step("living" if is_marked else None, facts.alive)
    if facts.unknown:
        return Step(None, f"kept, since it is not known {facts.unknown}")
    if area.stage == "closed":
        return Step("leaving", area.history[-1].why)
    used = f"last used on {last:%Y-%m-%d}"
    if now < _unused(last, terms):
        return Step("living" if is_marked else None, used, last)
    if is_marked and area.told_at is None:
        return Step("marked", "its owner could not be told yet")
    if is_marked:
        return Step("leaving", f"{used}, and nobody wanted it within {_days(terms.notice)} of being told")
    return Step("marked", f"{used}, {_days(terms.disuse)} or more ago")


def ahead(area: Area, recorded_at: datetime, terms: Terms) -> str:
    """What becomes of an area next if nobody uses it, in words, and when."""
    if area.stage == "closed":
        return "moves to the trash with the next run"
    if area.stage in _AFTER:
        return "the next run finishes it"
    if area.stage == "marked" and area.told_at is None:
        return "the next run tells its owner"
    after = f"after {due_at(area, recorded_at, terms):%Y-%m-%d %H:%M} UTC"
    return f"{_AHEAD[area.stage]} {after}"


_AHEAD: dict[Stage, str] = {
    "living": "if unused, marked",
    "marked": "if still unused, moves to the trash",
    "trashed": "if not brought back, removed",
    "gone": "its record goes",
}
_BACK: dict[Stage, Stage] = {"trashed": "returning", "gone": "living"}
_AFTER: dict[Stage, Stage] = {"leaving": "trashed", "returning": "living", "ending": "gone"}


def _unused(last: datetime, terms: Terms) -> datetime:
    """When something is unused for long; a use within a day of the one that was noted was not."""
    return _after(last, terms.disuse + RENEWED_EVERY + CLOCKS_DIFFER)


def _after(moment: datetime, term: timedelta) -> datetime:
    """So long after a moment; the last moment that Python can tell, if that is later: no one record may stop a look at all."""
    try:
        return moment + term
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _days(term: timedelta) -> str:
    return f"{term.days:,} days" if term.days != 1 else "a day"
