"""What is known of all areas, without reading a record again that cannot have changed yet: for who looks every minute.

Not here: what is done about it (`expiry`).
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from dataops_assets.lifecycle.area import Kind, Stage
from dataops_assets.lifecycle.expiry import Expiry
from dataops_assets.lifecycle.plan import due_at
from dataops_assets.lifecycle.registry import Seen

_LOOK_AGAIN: dict[Stage | None, timedelta] = {
    "marked": timedelta(minutes=5),
    "trashed": timedelta(minutes=5),
    "gone": timedelta(hours=1),
}
"""How long a record is taken for what it was; what somebody may wait for is looked at more often."""
_LOOK_AGAIN_ELSE = timedelta(hours=6)
_NEVER = datetime.min.replace(tzinfo=UTC)
_AT_ONCE = 100
_READ_FOR_SECONDS = 0.4
"""When a look has read for so long, it leaves what is left to the next one: it holds up the daemon, which has other sensors."""


@dataclass
class Outlook:
    """Which areas there are, at what stage, and which of them may be due.

    What was closed, or shortened by hand, is seen within six hours.
    """

    expiry: Expiry
    seen: dict[str, Seen | str] = field(default_factory=dict)
    """By path: the record, as it was read last, or why it cannot be."""
    _look_at: dict[str, datetime] = field(default_factory=dict)

    def due(self, now: datetime) -> list[str]:
        """Look again; the paths of areas that are due, or whose records cannot be read."""
        found: list[str] = []
        there: set[str] = set()
        began = time.monotonic()
        for kind in self.expiry.terms:
            names = list(self.expiry.registry.names(kind))
            there.update(f"{kind}/{name}" for name in names)
            waited = sorted((self._look_at.get(f"{kind}/{name}", _NEVER), name) for name in names)
            asked = [name for look_at, name in waited if look_at <= now]
            for start in range(0, len(asked), _AT_ONCE):
                found += self._look(kind, sorted(asked[start : start + _AT_ONCE]), now)
                if time.monotonic() - began > _READ_FOR_SECONDS:  # of each kind some are read
                    break
        for path in self.seen.keys() - there:
            del self.seen[path], self._look_at[path]
        return found

    def _look(self, kind: Kind, names: list[str], now: datetime) -> Iterator[str]:
        """Read records; the paths of those that are due, or cannot be read."""
        for name, seen in zip(names, self.expiry.registry.store.each(partial(self.expiry.look, kind), names), strict=True):
            path, due = f"{kind}/{name}", due_at(seen.area, seen.at, self.expiry.terms[kind]) if isinstance(seen, Seen) else now
            pause = _LOOK_AGAIN.get(seen.area.stage if isinstance(seen, Seen) else None, _LOOK_AGAIN_ELSE)
            self.seen[path] = seen
            self._look_at[path] = min(max(due, now), now + pause * random.uniform(0.5, 1))
            if due <= now:
                yield path

    def names(self, kind: Kind, *stages: Stage) -> set[str]:
        """The names of the areas of a kind that were at one of some stages when they were looked at last."""
        found = (seen.area for seen in self.seen.values() if isinstance(seen, Seen))
        return {area.name for area in found if area.kind == kind and area.stage in stages}
