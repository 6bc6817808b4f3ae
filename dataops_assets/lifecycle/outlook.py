"""What is known of all areas, without reading a record again that cannot have changed yet: for who looks every minute.

Not here: what is done about it (`expiry`).
"""

import random
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
_AT_ONCE = 2_000
"""So many records are read at one look at most, or one over a bucket would take longer than the pause between two."""


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
        for kind, terms in self.expiry.terms.items():
            paths = {name: f"{kind}/{name}" for name in self.expiry.registry.names(kind)}
            there.update(paths.values())
            waited = sorted((self._look_at.get(path, _NEVER), name) for name, path in paths.items())[:_AT_ONCE]
            asked = sorted(name for look_at, name in waited if look_at <= now)
            for name, seen in zip(asked, self.expiry.registry.store.each(partial(self.expiry.look, kind), asked), strict=True):
                due = due_at(seen.area, seen.at, terms) if isinstance(seen, Seen) else now
                pause = _LOOK_AGAIN.get(seen.area.stage if isinstance(seen, Seen) else None, _LOOK_AGAIN_ELSE)
                self.seen[paths[name]] = seen
                self._look_at[paths[name]] = min(max(due, now), now + pause * random.uniform(0.5, 1))
                if due <= now:
                    found.append(paths[name])
        for path in self.seen.keys() - there:
            del self.seen[path], self._look_at[path]
        return found

    def names(self, kind: Kind, *stages: Stage) -> set[str]:
        """The names of the areas of a kind that were at one of some stages when they were looked at last."""
        found = (seen.area for seen in self.seen.values() if isinstance(seen, Seen))
        return {area.name for area in found if area.kind == kind and area.stage in stages}
