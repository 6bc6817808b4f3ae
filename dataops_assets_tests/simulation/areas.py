"""Areas in a simulated world: people and jobs that work in them, other tools that write past us, and those who end them.

What people know for certain, whatever any clock or record says, is kept beside the store; against it every change is checked:

* What lies in an area goes only to the trash; what lies there goes only back, or after its term.
* An area leaves only if nobody used it for its term, its owner was told in time, and it is neither pinned nor worked in.
* What is brought back is all there.

Here: who acts, and the laws. Not here: time and faults (`world`), and what a store is (`stores`).
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock

from dataops_assets.lifecycle.area import Area, AreaError, Kind, Pin, Stage
from dataops_assets.lifecycle.expiry import Cap, Expiry
from dataops_assets.lifecycle.plan import Terms
from dataops_assets.lifecycle.registry import RECORD, Registry
from dataops_assets.storage import aws, folder, s3
from dataops_assets.storage.errors import Lost
from dataops_assets.storage.folder import Held
from dataops_assets.storage.store import Store
from dataops_assets_tests.simulation.stores import Disk, Server
from dataops_assets_tests.simulation.stores import Kind as StoreKind
from dataops_assets_tests.simulation.world import START, Weather, World

KIND: Kind = "adhoc"
TERMS = Terms(disuse=timedelta(days=20), notice=timedelta(days=5), trash=timedelta(days=10), record=timedelta(days=30))
CAP = Cap(areas=2, share=0.5)
STEP_SECONDS = 600
DAY = 24 * 3600 // STEP_SECONDS
SKEW = timedelta(minutes=10)
_TAGS = {"lifecycle": "area", "readers": "analysts"}


class Broken(AssertionError):
    """A law does not hold."""


@dataclass
class Known:
    """What is true of an area.

    Attributes:
        used: When somebody used it last, and was told that it was noted.
        written: When the last thing in it was written.
        looked: The same as each of those who end areas saw it last: what other tools write after that, nobody can know.
        pinned: Until when it is pinned.
        begun: How many jobs have begun to work in it.
        worked_in: How many of them were let in.
        told: When its owner was told last.
        stage: The stage that its record says.
        since: Since when, in truth.
        contents: What lies in it, by name.
        in_trash: What lies in its present trash.
    """

    used: datetime | None = None
    written: datetime | None = None
    looked: dict[str, datetime | None] = field(default_factory=dict)
    pinned: datetime | None = None
    begun: int = 0
    worked_in: int = 0
    told: datetime | None = None
    stage: Stage | None = None
    since: datetime | None = None
    contents: dict[str, bytes] = field(default_factory=dict)
    in_trash: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Areas:
    """One run of a world."""

    world: World
    kind: StoreKind
    top: Path
    known: dict[str, Known] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.store: Disk | Server
        if self.kind == "folder":
            self.store = Disk(self.world, self.top / "data", self.changed, dated=True)
        else:
            self.store = Server(self.world, self.kind, changed=self.changed)

    def must(self, holds: object, law: str) -> None:
        if not holds:
            raise Broken(f"{law}\n{self.world.told()}")

    # What changes, and whether it may.

    def changed(self, key: str, before: bytes | None, after: bytes | None) -> None:
        """Whatever stands at a key has changed."""
        top, *steps = key.split("/")
        if top == KIND and steps[1:] == [RECORD]:
            self._stage_changed(self.known.setdefault(steps[0], Known()), after)
        elif top == KIND:
            self._lies(self.known.setdefault(steps[0], Known()), "/".join(steps[1:]), before, after)
        elif top == "trash":
            self._in_trash(self.known[steps[1]], "/".join(steps[3:]), before, after)

    def _lies(self, area: Known, name: str, before: bytes | None, after: bytes | None) -> None:
        if after is not None:
            area.contents[name], area.written = after, self.world.now
            return
        self.must(area.stage == "leaving", f"{name} vanished from an area that is {area.stage}")
        self.must(before in area.in_trash.values(), f"{name} left, and is not in the trash")
        del area.contents[name]

    def _in_trash(self, area: Known, name: str, before: bytes | None, after: bytes | None) -> None:
        if after is not None:
            area.in_trash[name] = after
            return
        if area.stage == "returning":
            self.must(before in area.contents.values(), f"{name} left the trash, and is not back")
        else:  # else it came too late into a trash that was left
            late = before in area.contents.values() or area.stage in ("living", "marked", "closed", "gone", None)
            self.must(area.stage == "ending" or late, f"{name} vanished from the trash of an area that is {area.stage}")
        area.in_trash.pop(name, None)

    def _stage_changed(self, area: Known, record: bytes | None) -> None:
        held = Area.model_validate_json(record) if record else None
        stage = held.stage if held else None
        if stage == area.stage:
            return
        now = self.world.now
        if held and stage == "leaving":
            last = max(filter(None, (area.used, area.looked[held.history[-1].who])), default=START - TERMS.disuse)
            self.must(now - last >= TERMS.disuse, f"an area leaves that was used on {last}")
            self.must(not area.pinned or area.pinned <= now, "an area leaves that is pinned")
            self.must(not area.worked_in, "an area leaves that somebody works in")
            self.must(area.stage == "marked" and area.told and now - area.told >= TERMS.notice - SKEW * 2, "nobody was told")
        if stage == "ending":
            self.must(area.stage == "trashed" and area.since and now - area.since >= TERMS.trash, "the trash ends early")
        if stage == "living":
            area.told = None
        area.stage, area.since = stage, now
        self.taken[str(stage)] += 1

    # Who acts.

    def clock(self) -> datetime:
        """The time, as a clock tells it that is wrong."""
        wrong = self.world.chance.uniform(-1, 1) * SKEW.total_seconds()
        return self.world.now + timedelta(seconds=wrong)

    def registry(self, name: str) -> Registry:
        return Registry(self.store.open(name, self.top / "here" / name))

    def work(self, who: str, area: str, times: int) -> None:
        """Use an area now and then, by our ways; bring it back, or make it anew, if it went."""
        registry, chance = self.registry(who), self.world.chance
        for _ in range(times):
            self.world.pause(chance.choice((1, DAY // 4, DAY, 10 * DAY, 60 * DAY)))
            known = self.known.setdefault(area, Known())
            with self._failing(who):
                try:
                    registry.use(KIND, area, self.clock(), who)
                    known.used = self.world.now
                except AreaError:
                    self._come_back(registry, area, who)
                    continue
                if chance.random() < 0.7:
                    self._write(registry.store, area, who)
                if chance.random() < 0.1:
                    until = self.world.now + timedelta(days=chance.choice((1, 40)))
                    registry.change(
                        KIND,
                        area,
                        lambda held, until=until: held.keep(Pin(by=who, until=until, why="it is needed"), self.clock()),
                    )  # type: ignore[misc]
                    known.pinned = max(until - SKEW, known.pinned or until)
                    known.used = self.world.now

    def _come_back(self, registry: Registry, area: str, who: str) -> None:
        seen = registry.read(KIND, area)
        if seen and seen.area.stage == "trashed":
            registry.change(KIND, area, lambda held: held.become("returning", self.clock(), who, "it is wanted"))
            self.ends["brought back"] += 1
        elif seen and seen.area.stage == "gone":
            registry.make(Area(kind=KIND, name=area, owner=who, used_at=self.clock(), since=self.clock()), who, "anew")
            self.ends["made anew"] += 1

    def write_past_us(self, who: str, area: str, times: int) -> None:
        """Write into an area as other tools do, which ask nobody."""
        store = self.registry(who).store
        for _ in range(times):
            self.world.pause(self.world.chance.choice((DAY, 30 * DAY)))
            with self._failing(who):
                self._write(store, area, who)

    def job(self, who: str, area: str) -> None:
        """Use an area, work for long, and write at the end."""
        registry, known = self.registry(who), self.known.setdefault(area, Known())
        self.world.pause(self.world.chance.randrange(60 * DAY))
        known.begun += 1
        let_in = 0
        with self._failing(who):
            try:
                registry.use(KIND, area, self.clock(), who)
                known.used = self.world.now
                let_in = 1
                known.worked_in += let_in
                self.world.pause(self.world.chance.choice((DAY, 50 * DAY)))
                self._write(registry.store, area, who)
            except AreaError:
                self.ends["no work"] += 1
            finally:
                known.begun -= 1
                known.worked_in -= let_in

    def _write(self, store: Store, area: str, who: str) -> None:
        name = self.world.chance.choice(("data.parquet", "notes/a.txt", "notes/b.txt"))
        store.write(f"{KIND}/{area}/{name}", f"{who} {self.world.steps}".encode(), _TAGS)

    def expiry(self, who: str) -> Expiry:
        def tell(area: Area, goes_at: datetime) -> None:
            if self.world.chance.random() < 0.1:
                raise ConnectionError("nobody hears")
            self.known[area.name].told = self.world.now

        def alive(area: Area) -> str:
            return "a job works in it" if self.known[area.name].begun else ""

        def looked(area: Area) -> tuple[None, str]:
            known = self.known[area.name]
            known.looked[who] = known.written
            return None, ""

        return Expiry(self.registry(who), {KIND: TERMS}, CAP, who, tell, alive, looked)

    def sweep(self, who: str, day: int) -> None:
        """End what is due, once."""
        self.world.pause(day * DAY)
        capped = 0
        with self._failing(who):
            for taken in self.expiry(who).run(self.clock, act=True):
                capped += taken.to in ("trashed", "gone") and not taken.path.startswith("trash/") and "begun" not in taken.why
            self.must(capped <= CAP.of(len(self.known)), f"{who} took {capped} areas")

    @contextmanager
    def _failing(self, who: str) -> Iterator[None]:
        try:
            yield
        except (OSError, Lost, AreaError, Held) as error:
            self.ends[type(error).__name__] += 1
            self.world.trace.append(f"{self.world.steps:5} {who} fails: {type(error).__name__}: {error}")

    def end(self) -> None:
        """Nobody uses anything any more: one run after each term, everything is one stage further, and at last gone."""
        expiry = self.expiry("last")
        longest = max([known.pinned for known in self.known.values() if known.pinned], default=self.world.now)
        self.world.steps += max(0, (longest - self.world.now) // timedelta(seconds=STEP_SECONDS))
        for term in (timedelta(0), TERMS.disuse, TERMS.notice, TERMS.trash, TERMS.trash, TERMS.record, TERMS.record):
            self.world.steps += (term + timedelta(days=3)) // timedelta(seconds=STEP_SECONDS)
            for _ in range(2 * len(self.known) + 20):  # by the cap, and as often as nobody hears that he is told
                list(expiry.run(lambda: self.world.now, act=True))
        kept = {name for name, known in self.known.items() if known.stage is None}  # it is not known whose they are
        left = [key for key in self.store.contents() if not (key.startswith(f"{KIND}/") and key.split("/")[1] in kept)]
        self.must(left == [], f"something is left: {left}")


def simulate(seed: int, kind: StoreKind, weather: Weather | None = None, areas: int = 4) -> Areas:
    """Live through a world.

    Args:
        seed: What decides everything.
        kind: The store.
        weather: How bad it is; drawn, if it is not given.
        areas: How many areas there are.
    """
    world = World(seed, Weather(0), STEP_SECONDS)
    chance = world.chance
    world.weather = weather or Weather.drawn(chance)
    top = Path(tempfile.mkdtemp())
    one = Areas(world, kind, top)
    for number in range(areas):
        area = f"area-{number}"
        for person in range(chance.randint(1, 2)):
            who, times = f"person {number}.{person}", chance.randint(1, 12)
            world.add(who, lambda who=who, area=area, times=times: one.work(who, area, times))  # type: ignore[misc]
        for tool in range(chance.randint(0, 1)):
            who, times = f"tool {number}.{tool}", chance.randint(1, 5)
            world.add(who, lambda who=who, area=area, times=times: one.write_past_us(who, area, times))  # type: ignore[misc]
        for job in range(chance.randint(0, 2)):
            who = f"job {number}.{job}"
            world.add(who, lambda who=who, area=area: one.job(who, area))  # type: ignore[misc]
    for sweeper in range(chance.randint(20, 60)):
        who, day = f"sweeper {sweeper}", chance.randrange(200)
        world.add(who, lambda who=who, day=day: one.sweep(who, day))  # type: ignore[misc]
    try:
        with (
            mock.patch.object(s3.S3, "each", Store.each),
            mock.patch.object(aws, "jitter_seconds", return_value=0),
            mock.patch.object(s3, "jitter_seconds", return_value=0),
            mock.patch.object(folder, "_sync"),
            mock.patch.object(folder, "_TRIES", 1),
        ):
            world.run()
            world.chance.seed("the end")
            one.end()
    finally:
        shutil.rmtree(top)
    return one
