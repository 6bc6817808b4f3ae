"""A world in which one seed decides everything: who goes on, and what becomes of each request to a store.

Actors are greenlets. Each request to a store is a point at which a random generator says which actor goes on, and whether the
request is lost, is answered in vain, comes late or twice, is refused for now, or is the last one of its actor. The same seed
gives the same run, request by request.

Here: time, chance and requests. Not here: what a store is (`stores`), what actors do and which laws hold (`actors`, `laws`).
"""

import random
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

import greenlet

_Answer = TypeVar("_Answer")
Fate = Literal["well", "lost", "unheard", "late", "twice", "refused", "dies before", "dies after"]

START = datetime(2024, 3, 1, 12, tzinfo=UTC)


class Died(BaseException):
    """An actor is gone, as by SIGKILL: nothing handles it."""


class Silence(Exception):
    """There is no answer to a request."""


class Busy(Exception):
    """A store refuses a request for now."""


class No(Exception):
    """A store refuses a request, and says why.

    Args:
        code: Why, as S3 says it.
    """

    def __init__(self, code: str):
        self.code = code
        super().__init__(code)


READS: tuple[Fate, ...] = ("lost", "refused", "dies before")
CHANGES: tuple[Fate, ...] = (*READS, "unheard", "dies after", "late", "twice")
IN_ORDER: tuple[Fate, ...] = (*READS, "unheard", "dies after")
"""Of what is written without a condition: if it came late, nobody could tell what was written last."""
ON_THIS_MACHINE: tuple[Fate, ...] = ("dies before", "dies after")


@dataclass(frozen=True)
class Weather:
    """How bad the world is: the chance of each fate of a request that changes something, and of sleep.

    Attributes:
        lost: It never arrives.
        unheard: It is done, and the answer is lost.
        late: It arrives after its actor gave up waiting, and has asked again or gone on.
        twice: It arrives a second time, later.
        refused: The store asks to try again.
        dies: The actor ends, before or after it.
        sleeps: The actor does nothing for long before it.
        longest: The most steps that others do meanwhile.
    """

    lost: float = 0
    unheard: float = 0
    late: float = 0
    twice: float = 0
    refused: float = 0
    dies: float = 0
    sleeps: float = 0
    longest: int = 400

    def chances(self) -> dict[Fate, float]:
        """How likely each fate is."""
        return {
            "lost": self.lost,
            "refused": self.refused,
            "unheard": self.unheard,
            "late": self.late,
            "twice": self.twice,
            "dies before": self.dies,
            "dies after": self.dies,
        }

    @classmethod
    def drawn(cls, chance: random.Random) -> "Weather":
        """Some faults often, others never: runs that mix everything evenly seldom get far."""

        def rate(most: float) -> float:
            return chance.choice((0, 0, most / 4, most))

        return cls(*(rate(most) for most in (0.15, 0.2, 0.15, 0.15, 0.15, 0.02, 0.4)), longest=chance.choice((30, 200, 1000)))


@dataclass
class World:
    """What happens, step by step.

    Attributes:
        seed: What decides.
        weather: How bad it is.
        step_seconds: How much time passes with each step.
        steps: What time it is: one more with each request, and as many as all sleep.
        requests: How many there were, also of those that nobody heard an answer to.
        trace: What each of them was, and what became of it.
        faults: How often each fate was dealt.
    """

    seed: int
    weather: Weather
    step_seconds: int = 10
    steps: int = 0
    requests: int = 0
    trace: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    acting: str = ""
    _actors: dict[str, greenlet.greenlet] = field(default_factory=dict)
    _asleep: dict[str, int] = field(default_factory=dict)
    _doing: bool = False
    _under_way: list[tuple[str, Callable[[], object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"world {self.seed}")
        self._main = greenlet.getcurrent()

    @property
    def now(self) -> datetime:
        """The time, which goes on with each step."""
        return START + timedelta(seconds=self.step_seconds * self.steps)

    def add(self, name: str, act: Callable[[], None]) -> None:
        """Let somebody act."""

        def live() -> None:
            try:
                act()
            except Died:
                self.trace.append(f"{self.steps:5} {name} is dead")

        self._actors[name] = greenlet.greenlet(live, self._main)

    def run(self) -> None:
        """Let all act, in an order of chance, until each of them has ended or died, and nothing is under way."""
        while self._actors:
            awake = [name for name in self._actors if self._asleep.get(name, 0) <= self.steps]
            if not awake:
                self.steps = min(self._asleep[name] for name in self._actors)
                continue
            if self._under_way and self.chance.random() < 0.1:
                self._arrive()
            self.acting = self.chance.choice(awake)
            actor = self._actors[self.acting]
            actor.switch()
            if actor.dead:
                del self._actors[self.acting]
        while self._under_way:
            self._arrive()

    def pause(self, steps: int) -> None:
        """Let the actor that acts do nothing for some steps."""
        self._asleep[self.acting] = self.steps + steps
        self._main.switch()

    def _arrive(self) -> None:
        what, late = self._under_way.pop(self.chance.randrange(len(self._under_way)))
        self.trace.append(f"{self.steps:5} {what} arrives late")
        self.acting = "nobody"
        with suppress(No):  # nobody hears it
            self._do(late)

    def request(self, what: str, act: Callable[[], _Answer], fates: Collection[Fate]) -> _Answer:
        """Do something to a store, if chance lets it.

        Args:
            what: How the trace names it.
            act: Does it, and gives the answer.
            fates: What may become of it.

        Raises:
            No: The store does not do it.
            Silence: No answer is heard.
            Busy: The store refuses it for now.
            Died: The actor is dead.
        """
        if self._doing:  # a part of it
            return act()
        self.requests += 1
        if greenlet.getcurrent() is self._main:  # after all others: undisturbed
            self.steps += 1
            self.trace.append(f"{self.steps:5} {what}")
            return self._do(act)
        seldom = 1 if "dies after" in fates else 0.2  # there are many more requests that only read
        self._wait(seldom)
        name, fate = self.acting, self._fate(fates, seldom)
        self.trace.append(f"{self.steps:5} {name} {what}" + (f": {fate}" if fate != "well" else ""))
        self.faults[fate] += 1
        if fate == "dies before":
            raise Died
        if fate == "lost":
            raise Silence
        if fate == "refused":
            raise Busy
        if fate == "late":
            self._under_way.append((f"{name} {what}", act))
            raise Silence
        if fate == "twice":
            self._under_way.append((f"{name} {what}", act))
        try:
            answer = self._do(act)
        except AssertionError:  # a law that is broken is told, whatever becomes of who broke it
            raise
        except Exception:
            self._kept_from(fate)
            raise
        self._kept_from(fate)
        return answer

    def _kept_from(self, fate: Fate) -> None:
        """Let an answer not be heard."""
        if fate == "dies after":
            raise Died
        if fate == "unheard":
            raise Silence

    def _do(self, act: Callable[[], _Answer]) -> _Answer:
        self._doing = True
        try:
            return act()
        finally:
            self._doing = False

    def _wait(self, seldom: float) -> None:
        self.steps += 1
        if self.chance.random() < self.weather.sleeps * seldom:
            self._asleep[self.acting] = self.steps + self.chance.randrange(self.weather.longest)
        self._main.switch()

    def _fate(self, fates: Collection[Fate], seldom: float) -> Fate:
        chances = self.weather.chances()
        draw = self.chance.random()
        for fate, chance in chances.items():
            if fate in fates:
                if draw < chance * seldom:
                    return fate
                draw -= chance * seldom
        return "well"

    def told(self, last: int = 400) -> str:
        """The end of the trace, for whoever looks for what went wrong."""
        return "\n".join([f"seed {self.seed}, {self.weather}", *self.trace[-(last if last else 0) :]])
