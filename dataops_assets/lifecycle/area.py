"""An area: a part of a store that somebody works in for a while; and its record: whose it is, and what became of it.

`adhoc/<name>` is an experiment, `branch/pr-<n>` a pull request's, `dev/<person>` an engineer's. An area ends by disuse, never
by age: it is living, then marked and its owner told, then moved to the trash, from which it can be brought back, then gone.
Whoever changes a record has seen the one before (`registry`): of two who meet, one comes first, and the other looks again.

Here: the record, and which change may follow which. Not here: when one is due (`plan`), and how it is done (`expiry`).
"""

from datetime import datetime, timedelta
from typing import Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict

Kind = Literal["adhoc", "branch", "dev"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Stage = Literal["living", "marked", "closed", "leaving", "trashed", "returning", "ending", "gone"]

_NEXT: dict[Stage, tuple[Stage, ...]] = {
    "living": ("marked", "closed"),
    "marked": ("living", "closed", "leaving"),
    "closed": ("living", "leaving"),
    "leaving": ("trashed",),
    "trashed": ("returning", "ending"),
    "returning": ("living",),
    "ending": ("gone",),
    "gone": ("living",),
}
"""What may follow. From `leaving` the way back leads through the trash: two who moved against each other would lose things."""

RENEWED_EVERY = timedelta(days=1)
"""How often the use of an area is noted, at most."""


class AreaError(Exception):
    """An area is not such that this can be done with it. The message says what it is, and the way out."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Event(_Model):
    """A step in the life of an area.

    Attributes:
        at: When, by the clock of who did it.
        who: The identity.
        what: What happened, in a word: a stage, or `told`, `pinned`, `unpinned`.
        why: The reason.
    """

    at: AwareDatetime
    who: str
    what: str
    why: str


class Pin(_Model):
    """Why an area is kept though nobody uses it, and until when."""

    by: str
    until: AwareDatetime
    why: str


class Area(_Model):
    """The record of an area.

    Attributes:
        kind: What sort of area.
        name: Its name among those.
        owner: A team of `policy.yaml`, or who was seen to work in it.
        group: The reader group whose rights an ad-hoc area has; None for others.
        used_at: When it was last seen to be used, to a day.
        stage: Where it is in its life.
        since: Since when it is there.
        told_at: When its owner was told that it is marked; None until then.
        trashed: How often it was moved to the trash; each time into a folder of its own.
        pin: Why it is kept, if it is pinned.
        history: All that happened to it, the oldest first; uses are not among it.
    """

    kind: Kind
    name: str
    owner: str
    group: str | None = None
    used_at: AwareDatetime
    stage: Stage = "living"
    since: AwareDatetime
    told_at: AwareDatetime | None = None
    trashed: int = 0
    pin: Pin | None = None
    history: tuple[Event, ...] = ()

    @property
    def path(self) -> str:
        """The folder of the area, seen from where all areas lie."""
        return f"{self.kind}/{self.name}"

    @property
    def trash(self) -> str:
        """The folder that holds what was moved to the trash last."""
        return f"trash/{self.path}/{self.trashed:04}"

    @property
    def stands(self) -> str:
        """What has become of it, in words, and since when."""
        return f"{_WORDS[self.stage]} since {self.since:%Y-%m-%d %H:%M} UTC"

    def pinned(self, now: datetime) -> bool:
        """Whether it is kept at a moment, used or not."""
        return self.pin is not None and now < self.pin.until

    def become(self, stage: Stage, now: datetime, who: str, why: str) -> "Area":
        """The record with its next stage.

        Raises:
            AreaError: This stage does not follow the one that it is in.
        """
        if stage == "closed" and self.pinned(now):
            raise AreaError(f"{self.path} is pinned until {self.pin.until:%Y-%m-%d}: unpin it first" if self.pin else "")
        if stage not in _NEXT[self.stage]:
            raise AreaError(f"{self.path} is {self.stands}: it cannot be {_WORDS[stage]} now")
        changed = {
            "stage": stage,
            "since": now,
            "told_at": None,
            "history": (*self.history, Event(at=now, who=who, what=stage, why=why)),
            "trashed": self.trashed + (stage == "leaving"),
        }
        if stage == "living":
            changed["used_at"] = max(now, self.used_at)
        return self.model_copy(update=changed)

    def noted(self, what: str, now: datetime, who: str, why: str) -> "Area":
        """The record with something more in its history."""
        return self.model_copy(update={"history": (*self.history, Event(at=now, who=who, what=what, why=why))})

    def used(self, now: datetime, who: str) -> "Area":
        """The record after somebody has read or written in the area; itself, if it says so already.

        Raises:
            AreaError: It is not there to be used.
        """
        if self.stage in ("marked", "closed"):
            return self.become("living", now, who, f"it was used while it was {_WORDS[self.stage]}")
        if self.stage != "living":
            raise AreaError(f"{self.path} is {self.stands}: {_WAY_OUT[self.stage]}")
        return self if now - self.used_at < RENEWED_EVERY else self.model_copy(update={"used_at": now})

    def keep(self, pin: Pin, now: datetime) -> "Area":
        """The record of an area that is kept until a moment.

        Raises:
            AreaError: It is not there to be kept, nobody says why, the moment has passed, or somebody keeps it for longer.
        """
        if not pin.why.strip():
            raise AreaError("say why it is kept so long: --why")
        if pin.until <= now:
            raise AreaError(f"{self.path} cannot be kept until {pin.until:%Y-%m-%d %H:%M}, which has passed")
        if self.pin and self.pin.until > pin.until:
            raise AreaError(
                f"{self.path} is pinned for longer, until {self.pin.until:%Y-%m-%d} by {self.pin.by}: unpin it first"
            )
        living = self.used(now, pin.by)
        return living.noted("pinned", now, pin.by, f"until {pin.until:%Y-%m-%d}: {pin.why}").model_copy(update={"pin": pin})

    def unpinned(self, now: datetime, who: str) -> "Area":
        """The record of an area that is kept no longer than it is used.

        Raises:
            AreaError: It is not pinned.
        """
        if self.pin is None:
            raise AreaError(f"{self.path} is not pinned")
        why = f"it was until {self.pin.until:%Y-%m-%d}: {self.pin.why}"
        return self.noted("unpinned", now, who, why).model_copy(update={"pin": None})

    def told(self, now: datetime, who: str) -> "Area":
        """The record of a marked area whose owner has been told."""
        return self.noted("told", now, who, self.owner).model_copy(update={"told_at": now})


_WORDS: dict[Stage, str] = {
    "living": "in use",
    "marked": "marked as unused",
    "closed": "closed",
    "leaving": "on its way to the trash",
    "trashed": "in the trash",
    "returning": "on its way back from the trash",
    "ending": "being removed",
    "gone": "gone",
}
_WAY_OUT: dict[Stage, str] = {
    "leaving": "wait until it is there, then restore it",
    "trashed": "restore it first",
    "returning": "wait until it is back",
    "ending": "take another name",
    "gone": "make it anew",
}
