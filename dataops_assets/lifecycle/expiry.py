"""Ending areas: each that is due is looked at, and the step is taken that the plan says.

Each change of a record has seen the one before, so an area that somebody uses meanwhile stays. What was begun and not ended is
ended by the next run. A run takes a capped number of areas to the trash and out of it; the rest is due still.

Not here: when a step is due (`plan`), how owners are told, and Dagster.
"""

import errno
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from math import floor

from dataops_assets.lifecycle.area import Area, AreaError, Kind, Stage
from dataops_assets.lifecycle.plan import Facts, Step, Terms, due_at, step
from dataops_assets.lifecycle.registry import RECORD, Registry, Seen
from dataops_assets.storage.errors import BadRequest, Damaged, Lost, NotSignedIn, Unreachable, in_words
from dataops_assets.storage.store import WRITER_LIVES

_CAPPED: tuple[Stage, ...] = ("leaving", "ending")
_BEGUN: tuple[Stage, ...] = ("leaving", "returning", "ending")
_IN_TRASH: tuple[Stage, ...] = (*_BEGUN, "trashed")
_ADOPTED: tuple[Kind, ...] = ("branch", "dev")
"""Kinds whose areas tell by their names whose they are: they get a record if they have none."""
_log = logging.getLogger("dataops.areas")


@dataclass(frozen=True)
class Cap:
    """How much one run may take away.

    Attributes:
        areas: So many areas.
        share: So large a share of all that there are, one at least.
    """

    areas: int
    share: float

    def of(self, all_areas: int) -> int:
        """How many areas that is."""
        return min(self.areas, max(1, floor(self.share * all_areas)))


@dataclass(frozen=True)
class Taken:
    """What became of an area in a run, or would have.

    Attributes:
        path: The area.
        to: Its new stage; None if it stays as it is.
        why: The reason.
        owner: Whose it is.
        objects: How many objects were moved or removed.
        not_told: Why its owner could not be told that it is marked, in words; empty if he was, or was not to be.
        kept: Whether it stays though it is due, as the run has taken its share, or since it is not known whose it is.
    """

    path: str
    to: Stage | None
    why: str
    owner: str = ""
    objects: int = 0
    not_told: str = ""
    kept: bool = False


@dataclass(frozen=True)
class Expiry:
    """Whoever ends areas.

    Attributes:
        registry: The areas.
        terms: How long they last, by kind.
        cap: How much one run may take away.
        who: The identity that does it.
        tell: Tells the owner of an area that it is marked, and when it will go; raises an OSError if that cannot be done.
        alive: What works in an area just now, in words; empty if nothing does.
        read_at: When an area was last read by what does not ask us, and what is not known of that, in words.
    """

    registry: Registry
    terms: Mapping[Kind, Terms]
    cap: Cap
    who: str
    tell: Callable[[Area, datetime], None]
    alive: Callable[[Area], str] = lambda area: ""
    read_at: Callable[[Area], tuple[datetime | None, str]] = lambda area: (None, "")

    def run(self, now: Callable[[], datetime], act: bool) -> Iterator[Taken]:
        """Take every step that is due.

        Args:
            now: Tells the time.
            act: Whether steps are taken; else they are only told.

        Yields:
            What became of each area that was due, and what is not known.

        Raises:
            Held: Another process of this machine does it just now.
            BadRequest: The bucket keeps no versions; nothing was done.
            OSError: What went wrong with an area, after all others were looked at; if the store does not answer, at once.
            AreaError: Likewise.
        """
        if act:
            self._check_moves()
        wrong: list[OSError | AreaError] = []
        # In a bucket, two who do this do no harm; in a folder they would.
        with self.registry.store.here.held("expiry") if act else nullcontext():
            for kind in self.terms:
                yield from self._of_kind(kind, now, act, wrong)
                yield from self._left_in_trash(kind, now, act)
        if wrong:
            raise wrong[0]

    def finish(self, kind: Kind, name: str, now: Callable[[], datetime]) -> Taken | None:
        """Do to the end what was begun with one area, as the next run would; None if nothing was.

        Raises:
            BadRequest: The bucket keeps no versions; nothing was done.
            Held: Another process of this machine ends areas just now.
        """
        self._check_moves()
        with self.registry.store.here.held("expiry"):
            seen = self.registry.read(kind, name)
            if seen is None or seen.area.stage not in _BEGUN:
                return None
            return self._finished(seen.area, now, Taken(seen.area.path, None, "to the end of what was begun", seen.area.owner))

    def _check_moves(self) -> None:
        store = self.registry.store
        if why := store.why_not_moved():
            raise BadRequest(errno.ENOTSUP, why, store.where)

    def _of_kind(self, kind: Kind, now: Callable[[], datetime], act: bool, wrong: list[OSError | AreaError]) -> Iterator[Taken]:
        names = list(self.registry.names(kind))
        left = self.cap.of(len(names))
        for name, found in zip(names, self.registry.store.each(partial(self.look, kind), names), strict=True):
            if not isinstance(found, Seen):
                yield from self._without_record(kind, name, found, now(), act)
                continue
            if now() < due_at(found.area, found.at, self.terms[kind]):
                continue
            decided = step(found.area, found.at, self._facts(found.area), now(), self.terms[kind])
            told = Taken(found.area.path, decided.to, decided.why, found.area.owner)
            left -= decided.to in _CAPPED
            if decided.to in _CAPPED and left < 0:
                why = f"{told.why}; a later run takes it, since this one has taken its share"
                yield replace(told, to=None, why=why, kept=True)
            elif act:
                yield self._taken(found, decided, now, told, wrong)
            else:
                yield told

    def look(self, kind: Kind, name: str) -> Seen | str:
        """The record of an area, or why it is not known."""
        try:
            return self.registry.read(kind, name) or "it has no record"
        except NotSignedIn:
            raise
        except (Damaged, PermissionError) as error:
            return str(error)

    def _without_record(self, kind: Kind, name: str, why: str, now: datetime, act: bool) -> Iterator[Taken]:
        path, store = f"{kind}/{name}", self.registry.store
        if next(store.list(path), None) is None:
            return  # an empty folder
        told = _not_known(path, why)
        if kind in _ADOPTED and store.entry(self.registry.key(kind, name)) is None:
            told = Taken(path, None, "it had no record: its disuse counts from now", name)
            if act:
                new = Area(kind=kind, name=name, owner=name, used_at=now, since=now)
                with suppress(AreaError):  # whoever uses it came first
                    self.registry.make(new, self.who, "it had no record")
        yield told

    def _facts(self, area: Area) -> Facts:
        entries = self.registry.store.list(area.path)
        written_ns = max((entry.modified_ns for entry in entries if entry.key != f"{area.path}/{RECORD}"), default=None)
        read_at, unknown = self.read_at(area)
        return Facts(
            written_at=datetime.fromtimestamp(written_ns / 1e9, UTC) if written_ns is not None else None,
            alive=self.alive(area),
            unknown=unknown,
            read_at=read_at,
        )

    def _taken(
        self, seen: Seen, decided: Step, now: Callable[[], datetime], told: Taken, wrong: list[OSError | AreaError]
    ) -> Taken:
        """Take a step, and what follows from it at once."""
        area = seen.area
        try:
            if area.stage in _BEGUN:
                return self._finished(area, now, told)
            if decided.to is None:
                self._noted(seen, decided)
                return told
            if decided.to != area.stage:
                area = area.become(decided.to, now(), self.who, decided.why)
                self.registry.write(area, seen)
                self._log(area)
            if area.stage == "marked":
                told = replace(told, not_told=self._tell(area, now))
            return self._finished(area, now, told) if area.stage in _BEGUN else told
        except Lost:
            return replace(told, to=None, why="somebody else has changed its record meanwhile")
        except (Unreachable, NotSignedIn):
            raise
        except (OSError, AreaError) as error:  # about this area; the others go on
            wrong.append(error)
            return replace(told, to=None, why=in_words(error) if isinstance(error, OSError) else str(error))

    def _noted(self, seen: Seen, decided: Step) -> None:
        if seen.area.stage == "gone":
            if next(self.registry.store.folders(f"trash/{seen.area.path}"), None) is None:
                self.registry.store.withdraw(seen.entry.key, seen.entry)
        elif decided.used_at and decided.used_at > seen.area.used_at:
            self.registry.write(seen.area.model_copy(update={"used_at": decided.used_at}), seen)

    def _tell(self, area: Area, now: Callable[[], datetime]) -> str:
        """Tell its owner that an area is marked; why that could not be done, in words, or nothing.

        Looked at just before, so that the notice counts from no earlier than the last time that he was told, whoever else did.
        """
        seen = self.registry.read(area.kind, area.name)
        if seen is None or (seen.area.stage, seen.area.since, seen.area.told_at) != (area.stage, area.since, None):
            return ""
        try:
            self.tell(area, now() + self.terms[area.kind].notice)
        except OSError as error:
            _log.error("owner not told: %s of %s: %s", area.path, area.owner, error, extra={"event": "area_owner_not_told"})
            return str(error)  # not where: the address of the webhook is a secret
        self._change(area, lambda held: held.told(now(), self.who))
        return ""

    def _finished(self, area: Area, now: Callable[[], datetime], told: Taken) -> Taken:
        """Do what the stage of an area has begun, and say that it is done."""
        store, to = self.registry.store, _DONE[area.stage]
        if area.stage == "leaving":
            moved = store.move(area.path, area.trash, RECORD, partial(self._is_as_seen, area))
        else:
            moved = store.move(area.trash, area.path) if area.stage == "returning" else store.purge(area.trash)
        objects = sum(moved)
        self._change(area, lambda held: held.become(to, now(), self.who, f"{objects:,} objects"))
        return replace(told, to=to, objects=objects)

    def _is_as_seen(self, area: Area) -> None:
        """Look whether an area is still on its way: another run may have ended that meanwhile, and somebody brought it back.

        Raises:
            Lost: It is not.
        """
        seen = self.registry.read(area.kind, area.name)
        if seen is None or (seen.area.stage, seen.area.since) != (area.stage, area.since):
            raise Lost(area.path)

    def _change(self, area: Area, change: Callable[[Area], Area]) -> None:
        """Change the record of an area if it is still at the stage that it was seen at."""
        as_seen = (area.stage, area.since)
        changed = self.registry.change(
            area.kind, area.name, lambda held: change(held) if (held.stage, held.since) == as_seen else held
        )
        self._log(changed)

    def _left_in_trash(self, kind: Kind, now: Callable[[], datetime], act: bool) -> Iterator[Taken]:
        """What came into the trash when its area had left that: copies that arrived late, and nobody brings back."""
        store = self.registry.store
        for name in store.folders(f"trash/{kind}"):
            seen = self.look(kind, name)
            for number in store.folders(f"trash/{kind}/{name}"):
                place = f"trash/{kind}/{name}/{number}"
                if not isinstance(seen, Seen):
                    yield _not_known(place, seen)
                elif not (seen.area.stage in _IN_TRASH and seen.area.trash == place) and self._is_old(place, now()):
                    objects = sum(store.purge(place)) if act else 0
                    yield Taken(place, "gone", "it came when its area had left the trash", seen.area.owner, objects)

    def _is_old(self, prefix: str, now: datetime) -> bool:
        newest = max((entry.modified_ns for entry in self.registry.store.list(prefix)), default=0)
        return now - datetime.fromtimestamp(newest / 1e9, UTC) > WRITER_LIVES

    def _log(self, area: Area) -> None:
        last = area.history[-1]
        told = {"event": f"area_{last.what}", "area": area.path, "owner": area.owner, "identity": last.who, "why": last.why}
        _log.info("%s %s: %s", area.path, last.what, last.why, extra=told)


def _not_known(path: str, why: str) -> Taken:
    return Taken(path, None, f"kept, since it is not known whose it is: {why}", kept=True)


_DONE: dict[Stage, Stage] = {"leaving": "trashed", "returning": "living", "ending": "gone"}
