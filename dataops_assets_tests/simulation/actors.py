"""Who acts in a simulated world: providers, runs that receive and stage, and readers; and what must be true at the end.

A delivery is a number. Some are refused, some have a row that is rejected, some come again: A, B, A. What a gate would take
milliseconds for is a rule of thumb here; how a verdict is said and a partition is published is the real thing.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from unittest import mock

import polars as pl

from dataops_assets.contract import Catalog
from dataops_assets.gate.content import Judged
from dataops_assets.gate.corrected import Corrected
from dataops_assets.gate.verdict import Rows
from dataops_assets.steps import content
from dataops_assets.steps.content import NotReady, Work, settle
from dataops_assets.steps.outcome import Outcome
from dataops_assets.storage import aws, deliveries, folder, landing, layout, leftovers, s3
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.store import Store, hash_file
from dataops_assets_tests.simulation.laws import Laws, follows
from dataops_assets_tests.simulation.stores import Disk, Kind, Server
from dataops_assets_tests.simulation.world import Weather, World

DATASET, DAYS = "readings", ("2024-01-05", "2024-01-06")


def refused(delivery: int) -> bool:
    """Whether the gate refuses a delivery."""
    return delivery % 5 == 3


def rejected(delivery: int) -> int:
    """How many of its rows the gate rejects."""
    return delivery % 3 == 1


@dataclass
class Simulation:
    """One run of a world.

    Attributes:
        world: What decides.
        laws: What must hold.
        lakes: Gives the lake as a process sees it that has just begun.
        catalog: The contracts.
        delivered: What the provider has dropped, by day, in order.
        ends: How runs ended.
    """

    world: World
    laws: Laws
    catalog: Catalog
    store: Server | Disk
    here: Path
    delivered: dict[str, list[int]] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)

    def lake(self, name: str) -> Lake:
        return Lake(self.catalog, self.store.open(name, self.here))

    def provide(self, name: str, day: str, many: int) -> None:
        """Deliver newer and newer numbers, and some that were delivered before."""
        lake, dataset, chance = self.lake(name), self.catalog[DATASET], self.world.chance
        given = self.delivered.setdefault(day, [])
        for _ in range(many):
            number = chance.choice(given) if given and chance.random() < 0.5 else len(given)
            # Before it is there: it may arrive although no answer does.
            given.append(number)
            with self._failing(name):
                lake.landing.write(f"{layout.landing(dataset)}/{day}.csv", f"{number}".encode(), {})

    def receive(self, name: str, times: int) -> None:
        """Receive what has arrived, again and again."""
        lake, dataset = self.lake(name), self.catalog[DATASET]
        for _ in range(times):
            with self._failing(name):
                for day, arrival in landing.arrivals(lake.store, dataset, self.world.now).items():
                    receipt = deliveries.newest_receipt(lake.store, dataset, day)
                    if not arrival.waiting_for and (receipt is None or receipt.landed != arrival.fingerprint):
                        deliveries.receive(lake.store, lake.landing, dataset, arrival, receipt, self.world.now)

    def stage(self, name: str, times: int) -> None:
        """Stage what was received, again and again, with a clock of its own."""
        lake, wrong = self.lake(name), timedelta(seconds=self.world.chance.randrange(-100_000, 100_000))
        for _ in range(times):
            for day in sorted(self.delivered):
                with self._failing(name):
                    self.settled(lake, day, name, wrong)
                    self.laws.returned(name)

    def settled(self, lake: Lake, day: str, run: str, wrong: timedelta = timedelta(0)) -> Outcome:
        """Stage a day."""
        dataset = self.catalog[DATASET]

        def look() -> Work:
            receipt = deliveries.newest_receipt(lake.store, dataset, day)
            if receipt is None:
                raise NotReady("nothing was delivered")

            def judge() -> tuple[Judged, Callable[[], pl.DataFrame]]:
                number = int(lake.delivered(dataset, day, receipt.sha256).read_text())
                reasons = ("too bad",) if refused(number) else ()
                good, bad = pl.DataFrame({"delivery": [number] * 3}), pl.DataFrame({"delivery": [number] * rejected(number)})
                rows = Rows(delivered=3 + bad.height, published=3, rejected=bad.height)
                return Judged(rows, (), reasons, good, bad, Corrected()), lambda: bad.cast(pl.Int64)

            return Work({"delivery": receipt.sha256}, {}, judge, str)

        outcome = settle(lake, dataset, day, look, run, self.world.now + wrong)
        self.ends[outcome.status] += 1
        if outcome.status == "done":
            assert outcome.version
            assert outcome.verdict
            self.laws.published(f"staged/{layout.folder(dataset, day)}", outcome.version, outcome.verdict.number)
        return outcome

    def sweep(self, name: str, times: int) -> None:
        """Sweep records while others write."""
        lake = self.lake(name)
        for _ in range(times):
            with self._failing(name):
                self.ends["swept"] += len(leftovers.sweep(lake, self.world.now, remove=True).orphans)

    def read(self, name: str, times: int) -> None:
        """Read what is published, whole."""
        lake, dataset, chance = self.lake(name), self.catalog[DATASET], self.world.chance
        had: dict[str, int] = {}
        for _ in range(times):
            day = chance.choice(sorted(self.delivered))
            windows = self.laws.windows
            with self._failing(name):
                made = lake.published(dataset, day)
                self.laws.must(made is not None or day not in had, f"{name} reads nothing of {day}")
                if made is None:
                    continue
                with self._gone():
                    path = lake.read("staged", dataset, day, made.sha256)
                    self.laws.must(hash_file(path) == made.sha256, f"{name} read other bytes of {day}")
                    [*numbers] = pl.read_parquet(path)["delivery"].unique()
                    self.laws.must(not refused(numbers[0]), f"{name} read what was refused")
                back = made.number < had.get(day, 0)
                self.laws.must(not back or windows > 0, f"{name} read number {made.number} of {day} after {had.get(day)}")
                had[day] = max(made.number, had.get(day, 0))

    @contextmanager
    def _failing(self, name: str) -> Iterator[None]:
        try:
            yield
        except (OSError, deliveries.ChangedWhileRead) as error:
            self.ends[type(error).__name__] += 1
            self.world.trace.append(f"{self.world.steps:5} {name} fails: {type(error).__name__}")

    @contextmanager
    def _gone(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:  # another version stands there by now
            self.ends["read again"] += 1

    def end(self) -> None:
        """Check what is left when all have ended, after one more run of which nobody disturbs anything; and after another."""
        lake, dataset = self.lake("last"), self.catalog[DATASET]
        self.world.steps += 1  # or the last file would not be still yet
        for day in self.delivered:
            self.receive("last", 1)
            if deliveries.newest_receipt(lake.store, dataset, day):
                self.settled(lake, day, "last")
                self._check(lake, day)
        before = self.store.contents()
        self.receive("idle", 1)
        for day in self.delivered:
            self.settled(self.lake("idle"), day, "idle")
        self.laws.must(self.store.contents() == before, "a second run did something")
        self.laws.sweeping = True
        leftovers.sweep(lake, self.world.now + timedelta(days=2) + timedelta(days=10_000), remove=True)
        self.laws.must(
            leftovers.sweep(lake, self.world.now + timedelta(days=10_000), remove=False).orphans == (), "a sweep left"
        )

    def _check(self, lake: Lake, day: str) -> None:
        dataset, must = self.catalog[DATASET], self.laws.must
        receipts = deliveries.all_receipts(lake.store, dataset, day)
        numbers = [int(lake.delivered(dataset, day, receipt.sha256).read_text()) for receipt in receipts]
        landed = [int(content) for content in self.laws.landed[f"{layout.landing(dataset)}/{day}.csv"]]
        must(follows(numbers, landed), f"{day} was received as {numbers}, delivered {landed}")
        must(numbers[-1] == landed[-1], f"{day} was received as {numbers}, delivered {landed}")
        said = lake.last_word("content", dataset, day)
        must(
            said is not None and said.depends_on == {"delivery": receipts[-1].sha256}, f"{day}: the last word is not the newest"
        )
        assert said
        must(said.passed != refused(numbers[-1]), f"{day}: the last word is wrong")
        made = lake.published(dataset, day)
        if said.passed:
            must(made is not None and made.number == said.number, f"{day}: what stands is not the last word")
        if made is None:
            return
        read = pl.read_parquet(lake.read("staged", dataset, day, made.sha256))["delivery"][0]
        must(not said.passed or read == numbers[-1], f"{day} reads {read}, delivered {numbers}")
        # Nothing is lost: every row that the published version, or the last word, rejected.
        expected = {(made.verdict, read)} if rejected(read) else set()
        expected |= {(said.id, numbers[-1])} if rejected(numbers[-1]) else set()
        lies = lake.provenance("quarantine", dataset, day)
        rows = pl.read_parquet(lake.read("quarantine", dataset, day, lies.sha256)).rows() if lies else []
        must(expected <= set(rows), f"{day}: in quarantine {rows}, expected {expected}")


def simulate(seed: int, kind: Kind, catalog: Catalog, weather: Weather | None = None, swept: bool = False) -> Simulation:
    """Live through a world.

    Args:
        seed: What decides everything.
        kind: The store.
        catalog: The contracts.
        weather: How bad it is; drawn, if it is not given.
        swept: Whether records are swept meanwhile, in a world in which four times as much is done by four times as many.
    """
    world = World(seed, Weather(0))
    chance = world.chance
    world.weather = weather or Weather.drawn(chance)
    laws = Laws(world, kind)
    top = Path(tempfile.mkdtemp())
    store = Disk(world, top / "data", laws.changed) if kind == "folder" else Server(world, kind, changed=laws.changed)
    simulation = Simulation(world, laws, catalog, store, top / "here")
    times_more = 4 if swept else 1
    for day in DAYS[: chance.choice((1, 1, 1, 2))]:
        simulation.delivered[day] = []
        many = chance.randint(2, 12) * times_more
        world.add(f"provider {day}", lambda day=day, many=many: simulation.provide(f"provider {day}", day, many))  # type: ignore[misc]
    for what, act in (("receiver", simulation.receive), ("stager", simulation.stage), ("reader", simulation.read)):
        for number in range(1, chance.randint(1, 4 if what == "stager" else 2) * times_more + 1):
            name, times = f"{what} {number}", chance.randint(2, 12) * times_more
            world.add(name, lambda act=act, name=name, times=times: act(name, times))  # type: ignore[misc]
    if swept:
        world.add("sweeper", lambda: simulation.sweep("sweeper", 30))
    try:
        # Nobody waits in a simulation, no disk loses power, and who acts is no thread.
        with (
            mock.patch.object(s3.S3, "each", Store.each),
            mock.patch.object(aws, "jitter_seconds", return_value=0),
            mock.patch.object(s3, "jitter_seconds", return_value=0),
            mock.patch.object(content, "jitter_seconds", return_value=0),
            mock.patch.object(folder, "_sync"),
        ):
            laws.sweeping = swept
            # No writer lives longer. What is being written lies on a machine that all share here, and is left alone.
            lives = timedelta(seconds=50 * world.weather.longest)
            with mock.patch.object(leftovers, "WRITER_LIVES", lives), mock.patch.object(s3.S3, "sweep", return_value=0):
                world.run()
            world.chance.seed("the end")
            simulation.end()
    finally:
        shutil.rmtree(top)
    return simulation
