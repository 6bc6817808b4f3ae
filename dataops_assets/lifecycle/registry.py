"""The records of areas in a store, each in its own area: `<kind>/<name>/_area.json`.

Here: finding, reading and changing them. Not here: what they say (`area`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from dataops_assets.lifecycle.area import Area, AreaError, Kind
from dataops_assets.storage.errors import Damaged, Lost
from dataops_assets.storage.store import Entry, Store

RECORD = "_area.json"
"""The name of a record, from the top of its area."""
_TAGS = {"lifecycle": "area", "readers": "branches"}
_TRIES = 5


@dataclass(frozen=True)
class Seen:
    """A record as it was read.

    Attributes:
        area: What it says.
        entry: The object.
    """

    area: Area
    entry: Entry

    @property
    def at(self) -> datetime:
        """When it was written, by the store's clock."""
        return datetime.fromtimestamp(self.entry.modified_ns / 1e9, UTC)


@dataclass(frozen=True)
class Registry:
    """The areas of a store.

    Attributes:
        store: Where they lie: the top that they share, or just one of them.
        own: Of a store that is just one area, its kind and name.
    """

    store: Store
    own: tuple[Kind, str] | None = None

    def names(self, kind: Kind) -> Iterator[str]:
        """The names of all areas of a kind, whether they have a record or not."""
        return self.store.folders(kind)

    def key(self, kind: Kind, name: str) -> str:
        """Where a record lies."""
        return RECORD if self.own == (kind, name) else f"{kind}/{name}/{RECORD}"

    def read(self, kind: Kind, name: str) -> Seen | None:
        """The record of an area; None if it has none.

        Raises:
            Damaged: It cannot be read, or is that of another area: who may write in one must not have another one ended.
        """
        key = self.key(kind, name)
        try:
            found = self.store.load(key)
        except IsADirectoryError as error:
            raise Damaged(self.store.address(key), "it is a folder, where the record of an area is: move it away") from error
        if found is None:
            return None
        entry, text = found
        try:
            area = Area.model_validate_json(text)
        except ValidationError as error:
            told = f"it is no record of an area any more ({error.errors()[0]['msg']}): bring that version of it back"
            raise Damaged(self.store.address(entry.key), told) from error
        if (area.kind, area.name) != (kind, name):
            raise Damaged(self.store.address(entry.key), f"it is the record of {area.path}: bring back the one that was there")
        return Seen(area, entry)

    def write(self, area: Area, seen: Seen | None) -> None:
        """Write a record in place of the one that was seen, or the first one.

        Raises:
            Lost: Somebody else has written it meanwhile.
        """
        key = self.key(area.kind, area.name)
        with self.store.draft(key) as draft:
            draft.write_text(area.model_dump_json(indent=1))
            self.store.replace(key, draft, seen.entry if seen else None, _TAGS)

    def change(self, kind: Kind, name: str, change: Callable[[Area], Area]) -> Area:
        """Change a record, looking again if somebody else came first.

        Raises:
            AreaError: There is no such area, or it is not such that this can be done.
        """
        for _ in range(_TRIES):
            seen = self.read(kind, name)
            if seen is None:
                raise AreaError(f"there is no area {kind}/{name}")
            changed = change(seen.area)
            if changed == seen.area:
                return changed
            try:
                self.write(changed, seen)
            except Lost:
                continue
            return changed
        raise AreaError(f"{kind}/{name} is being changed by others: try again")

    def make(self, new: Area, who: str, why: str) -> Area:
        """Make an area, or one that is gone anew.

        Args:
            new: Its record.
            who: The identity that makes it.
            why: The reason.

        Raises:
            AreaError: There is one of this name.
        """
        seen = self.read(new.kind, new.name)
        if seen and seen.area.stage != "gone":
            raise AreaError(f"there is an area {new.path} already, of {seen.area.owner}: take another name")
        made = new.noted("living", new.since, who, why)
        if seen:
            before = seen.area
            made = made.model_copy(update={"trashed": before.trashed, "history": (*before.history, *made.history)})
        try:
            self.write(made, seen)
        except Lost as lost:
            raise AreaError(f"somebody else is making {new.path} just now: take another name") from lost
        return made

    def use(self, kind: Kind, name: str, now: datetime, who: str) -> Area:
        """Note that an area is used, at most once a day; one that has no record yet gets one.

        Raises:
            AreaError: It is in the trash, or gone.
        """
        if self.read(kind, name) is None:
            try:
                return self.make(Area(kind=kind, name=name, owner=who, used_at=now, since=now), who, "it was used first")
            except AreaError:  # another process of the same area did
                pass
        return self.change(kind, name, lambda area: area.used(now, who))
