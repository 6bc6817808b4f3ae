"""What holds in every world, at every moment: checked whenever anything in the store has changed.

* An object that people read has a record, and the number of what stands there only grows.
* What is kept (deliveries, receipts, verdicts, records) never changes, and journals have neither gaps nor a number twice.
* What a run said that it published is there, or something newer is.

The first law has one exception, the window of A, B, A. A store compares what stands with what was seen by its ETag. A write of
B that was sent while A stood under one number, and arrives after A was confirmed under a higher one, cannot be told from one
that arrives in time: where ETags are hashes of the bytes, whenever A stands again; where they change with every write, if A
stood all the time. Whoever opens the window and lives closes it before its run ends; else the next run does.

Here: the laws. Not here: who acts (`actors`).
"""

from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from dataops_assets.gate.verdict import Verdict
from dataops_assets.storage.deliveries import Receipt
from dataops_assets.storage.provenance import Provenance
from dataops_assets_tests.simulation.stores import Kind
from dataops_assets_tests.simulation.world import World

ZONES = ("staged", "quarantine", "curated")


@dataclass
class _Place:
    """One partition of a zone.

    Attributes:
        numbers: By the hash of bytes, the numbers of their records.
        stands: The hash of what stands there.
        put_as: The number under which that was put there.
        highest: The highest number that ever stood there.
        seen: The hashes of all that ever stood there.
        opened_by: Who put something older back, if it still stands there.
    """

    numbers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    stands: str = ""
    put_as: int = 0
    highest: int = 0
    seen: set[str] = field(default_factory=set)
    opened_by: str = ""

    @property
    def number(self) -> int:
        return max(self.numbers[self.stands], default=0)


@dataclass
class Laws:
    """Watches a store.

    Attributes:
        world: Where.
        kind: Of the store.
        windows: How often something older was put back.
        sweeping: Whether what is left over may go.
        landed: What providers have written, by key, in order.
    """

    world: World
    kind: Kind
    windows: int = 0
    sweeping: bool = False
    places: dict[str, _Place] = field(default_factory=lambda: defaultdict(_Place))
    landed: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    _last: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def changed(self, key: str, before: bytes | None, after: bytes | None) -> None:
        """Check what a change did."""
        top, _, rest = key.partition("/")
        folder, _, name = rest.rpartition("/")
        if top in ZONES:
            self._read_by_people(self.places[f"{top}/{folder}"], key, after)
            return
        if top == "landing":
            self.landed[key].append(after or b"")
            return
        if after is None:
            self.must(self.sweeping and top in ("_provenance", "_sha256"), f"{key} was removed")
        else:
            self.must(before in (None, after), f"{key} was changed")
        if top == "_provenance":
            zone, _, where = folder.partition("/")
            self._recorded(self.places[f"{zone}/{where}"], name, after)
        elif before is None and (top == "_verdicts" or folder.endswith("/_deliveries")):
            number = int(name.partition(".")[0])
            kept = (Verdict if top == "_verdicts" else Receipt).model_validate_json(after or b"")
            self.must(number == kept.number == self._last[f"{top}/{folder}"] + 1, f"{key} does not follow the last")
            self._last[f"{top}/{folder}"] = number

    def _recorded(self, place: _Place, name: str, after: bytes | None) -> None:
        digest, number = name.rpartition("-")[2].removesuffix(".json"), int(name.partition("-")[0])
        if after is None:
            place.numbers[digest].discard(number)
            self.must(bool(place.numbers[digest]) or digest not in place.seen, f"what tells of {digest} was swept")
            return
        made = Provenance.model_validate_json(after)
        place.numbers[made.sha256].add(made.number)
        self._look(place)

    def _read_by_people(self, place: _Place, key: str, after: bytes | None) -> None:
        self.must(after is not None, f"{key} is there no more")
        digest, number, put_as = sha256(after or b"").hexdigest(), place.number, place.put_as
        place.stands = digest
        self.must(place.number > 0, f"{key} has no record")
        place.seen.add(digest)
        place.put_as = place.number
        if place.number < number:
            unseen = put_as < place.number or self.kind == "md5"
            self.must(unseen, f"{key} went back from number {number} to {place.number}")
            self.windows += 1
            place.opened_by = self.world.acting
            self.world.trace.append(f"{self.world.steps:5} {place.opened_by} opens a window at {key}")
        self._look(place)

    def _look(self, place: _Place) -> None:
        if place.number >= place.highest:
            place.highest, place.opened_by = place.number, ""
        else:
            self.must(bool(place.opened_by), f"number {place.number} stands, and {place.highest} did")

    def published(self, place: str, digest: str, number: int) -> None:
        """Check what a run says that it has published."""
        here = self.places[place]
        self.must(number in here.numbers[digest], f"{place} is not recorded as number {number}")
        self.must(here.number >= number or bool(here.opened_by), f"{place} was published as {number}, and {here.number} stands")

    def returned(self, name: str) -> None:
        """Check what a run leaves that has come to its end."""
        left = [place for place, here in self.places.items() if here.opened_by == name]
        self.must(not left, f"{name} put something older back at {left}, and left it there")

    def must(self, holds: bool, else_told: str) -> None:
        """Fail if a law does not hold."""
        assert holds, f"{else_told}\n{self.world.told()}"


def follows(these: list[Any], those: list[Any]) -> bool:
    """Whether some things came in the order of others, of which some may have been passed over."""
    left = iter(those)
    return all(any(one == other for other in left) for one in these)
