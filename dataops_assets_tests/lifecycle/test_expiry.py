"""Ending areas in a folder, with a clock of the test's own. Crashes, races and buckets are simulated (`simulation/areas`)."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataops_assets.lifecycle import outlook
from dataops_assets.lifecycle.area import Area, AreaError, Kind
from dataops_assets.lifecycle.expiry import Cap, Expiry, Taken
from dataops_assets.lifecycle.outlook import Outlook
from dataops_assets.lifecycle.plan import Terms
from dataops_assets.lifecycle.registry import RECORD, Registry
from dataops_assets.storage.errors import BadRequest, in_words
from dataops_assets.storage.folder import Folder, Held
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.s3_server import ONCE, Bucket

DAY = timedelta(days=1)
TERMS = Terms(disuse=30 * DAY, notice=7 * DAY, trash=14 * DAY, record=30 * DAY)
TAGS = {"lifecycle": "adhoc", "readers": "analysts"}


@dataclass
class Place:
    """A folder with areas, and a clock."""

    store: Folder
    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    told: list[tuple[str, datetime]] = field(default_factory=list)
    deaf: bool = False

    @property
    def registry(self) -> Registry:
        return Registry(self.store)

    def make(self, name: str, kind: Kind = "adhoc") -> None:
        self.registry.make(Area(kind=kind, name=name, owner="team", used_at=self.now, since=self.now), "team", "for a test")
        self.write(f"{kind}/{name}/data.parquet")
        self._date(f"{kind}/{name}/{RECORD}")

    def write(self, key: str) -> None:
        self.store.write(key, key.encode(), TAGS)
        self._date(key)

    def _date(self, key: str) -> None:
        os.utime(self.store.path(key), (self.now.timestamp(), self.now.timestamp()))

    def expiry(self, cap: Cap | None = None, alive: str = "") -> Expiry:
        def tell(area: Area, goes_at: datetime) -> None:
            if self.deaf:
                raise ConnectionError("nobody hears")
            self.told.append((area.path, goes_at))

        terms: dict[Kind, Terms] = dict.fromkeys(("adhoc", "branch", "dev"), TERMS)
        return Expiry(self.registry, terms, cap or Cap(100, 1), "sweeper", tell, lambda _: alive)

    def run(self, act: bool = True, cap: Cap | None = None) -> list[Taken]:
        before = self._records()
        taken = list(self.expiry(cap).run(lambda: self.now, act))
        for path, written in self._records().items():
            if written != before.get(path):  # by the clock of this machine
                self._date(str(path.relative_to(self.store.root)))
        return taken

    def _records(self) -> dict[Path, float]:
        return {path: path.stat().st_mtime for path in self.store.root.rglob(RECORD)}

    def after(self, days: int, act: bool = True, cap: Cap | None = None) -> list[tuple[str, str | None]]:
        self.now += days * DAY
        return [(one.path, one.to) for one in self.run(act, cap)]

    def lies(self) -> list[str]:
        tops = ("adhoc", "branch", "dev", "trash")
        return [entry.key for top in tops for entry in self.store.list(top)]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(Folder(tmp_path))


def test_from_disuse_to_the_end(place: Place) -> None:
    place.make("one")
    assert place.after(30) == []
    assert place.after(2) == [("adhoc/one", "marked")]
    assert place.told == [("adhoc/one", place.now + 7 * DAY)]
    assert place.after(7) == []
    assert place.after(1) == [("adhoc/one", "trashed")]
    assert place.lies() == ["adhoc/one/_area.json", "trash/adhoc/one/0001/data.parquet"]
    assert place.after(15) == [("adhoc/one", "gone")]
    assert place.lies() == ["adhoc/one/_area.json"]
    place.now += 31 * DAY
    assert [(one.to, one.why) for one in place.run()] == [(None, "gone for long: its record goes")]
    assert place.lies() == []
    assert place.after(1) == []
    assert place.told[1:] == []


def test_each_step_says_who_what_and_why(place: Place) -> None:
    place.make("one")
    place.after(32)
    place.after(8)
    seen = place.registry.read("adhoc", "one")
    assert seen
    assert [(event.who, event.what, event.why) for event in seen.area.history] == [
        ("team", "living", "for a test"),
        ("sweeper", "marked", "last used on 2026-03-01, 30 days or more ago"),
        ("sweeper", "told", "team"),
        ("sweeper", "leaving", "last used on 2026-03-01, and nobody wanted it within 7 days of being told"),
        ("sweeper", "trashed", "1 objects"),
    ]


def test_brought_back_it_is_as_it_was(place: Place) -> None:
    place.make("one")
    place.write("adhoc/one/deep/er.txt")
    place.after(32)
    place.after(8)
    place.registry.change("adhoc", "one", lambda area: area.become("returning", place.now, "team", "it is wanted"))
    assert place.after(1) == [("adhoc/one", "living")]
    assert place.lies() == ["adhoc/one/_area.json", "adhoc/one/data.parquet", "adhoc/one/deep/er.txt"]
    assert place.store.read("adhoc/one/deep/er.txt") == b"adhoc/one/deep/er.txt"
    assert place.after(29) == []
    assert place.after(3) == [("adhoc/one", "marked")]


def test_without_act_it_is_told_and_nothing_changes(place: Place) -> None:
    for days, stage in ((32, "marked"), (8, "leaving"), (15, "ending")):
        if stage == "marked":
            place.make("one")
        before = {key: place.store.read(key) for key in place.lies()}
        assert place.after(days, act=False) == [("adhoc/one", stage)]
        assert {key: place.store.read(key) for key in place.lies()} == before
        place.after(0)


def test_a_run_takes_its_share_and_the_next_one_the_rest(place: Place) -> None:
    for number in range(5):
        place.make(f"area-{number}")
    assert len(place.after(32)) == 5
    place.now += 8 * DAY
    taken = place.run(cap=Cap(areas=3, share=0.4))
    assert [one.to for one in taken] == ["trashed", "trashed", None, None, None]
    assert taken[2].why.endswith("; a later run takes it, since this one has taken its share")
    assert [to for _, to in place.after(0, cap=Cap(areas=1, share=1))] == ["trashed", None, None]
    assert [to for _, to in place.after(0, cap=Cap(areas=9, share=0.01))] == ["trashed", None]  # one may go in any case


def test_an_owner_who_cannot_be_told_is_told_by_the_next_run(place: Place) -> None:
    place.make("one")
    place.deaf = True
    assert place.after(32) == [("adhoc/one", "marked")]
    assert place.after(30) == [("adhoc/one", "marked")]
    place.deaf = False
    assert place.after(1) == [("adhoc/one", "marked")]
    assert place.told == [("adhoc/one", place.now + 7 * DAY)]
    assert place.after(7) == []
    assert place.after(1) == [("adhoc/one", "trashed")]


def test_what_is_not_known_is_kept_and_told(place: Place) -> None:
    place.write("adhoc/nobodys/data.parquet")
    place.make("damaged")
    place.store.path("adhoc/damaged/_area.json").write_text("{")
    place.write("adhoc/folder/_area.json/x")
    place.now += 1000 * DAY
    told = [one.why for one in place.run()]
    assert told[0].startswith("kept, since it is not known whose it is: ")
    assert "/adhoc/damaged/_area.json: it is no record of an area any more" in told[0]
    assert "/adhoc/folder/_area.json: it is a folder, where the record of an area is: move it away" in told[1]
    assert told[2] == "kept, since it is not known whose it is: it has no record"
    assert place.lies() == [
        "adhoc/damaged/_area.json",
        "adhoc/damaged/data.parquet",
        "adhoc/folder/_area.json/x",
        "adhoc/nobodys/data.parquet",
    ]


@pytest.mark.parametrize("name", ["ann", "../../outside"])
def test_a_record_of_another_area_moves_nothing(name: str, tmp_path: Path) -> None:
    place = Place(Folder(tmp_path / "shared"))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").touch()
    place.make("ann", "dev")
    stray = Area(kind="dev", name=name, owner="bob", used_at=place.now, since=place.now, stage="leaving", trashed=1)
    place.store.write("dev/bob/_area.json", stray.model_dump_json().encode(), TAGS)
    before = place.lies()
    [told] = place.run()
    assert (told.path, told.to, told.why.endswith(f"it is the record of dev/{name}: bring back the one that was there")) == (
        "dev/bob",
        None,
        True,
    )
    assert place.lies() == before
    assert (tmp_path / "outside/file").exists()


def test_what_cannot_be_moved_holds_no_other_area_up(place: Place) -> None:
    for name in ("locked", "other"):
        place.make(name)
        place.registry.change("adhoc", name, lambda area: area.become("closed", place.now, "team", "it is done"))
    (place.store.path("trash/adhoc/locked")).mkdir(parents=True)
    place.store.path("trash/adhoc/locked/0001").touch()
    told: list[Taken] = []
    with pytest.raises(NotADirectoryError):
        told.extend(place.expiry().run(lambda: place.now, act=True))
    assert place.registry.read("adhoc", "other").area.stage == "trashed"  # type: ignore[union-attr]
    place.store.path("trash/adhoc/locked/0001").unlink()
    assert place.after(0) == [("adhoc/locked", "trashed")]


def test_a_branch_without_a_record_gets_one_and_goes_in_its_time(place: Place) -> None:
    place.write("branch/pr-7/staged/flights/date=2013-01-01/data.parquet")
    assert place.after(100, act=False) == [("branch/pr-7", None)]
    assert place.registry.read("branch", "pr-7") is None
    assert place.after(0) == [("branch/pr-7", None)]
    assert [place.after(days) for days in (31, 1, 8, 15)] == [
        [],
        [("branch/pr-7", "marked")],
        [("branch/pr-7", "trashed")],
        [("branch/pr-7", "gone")],
    ]


def test_whoever_gives_an_area_its_record_is_not_taken_for_its_owner(place: Place) -> None:
    place.write("dev/ann/staged/flights/date=2013-01-01/data.parquet")
    place.after(1)
    seen = place.registry.read("dev", "ann")
    assert seen
    assert (seen.area.owner, seen.area.used_at) == ("ann", place.now)
    assert [(event.who, event.what, event.why) for event in seen.area.history] == [("sweeper", "living", "it had no record")]


def test_what_was_closed_goes_at_once_and_can_be_brought_back(place: Place) -> None:
    place.make("pr-8", "branch")
    place.registry.change("branch", "pr-8", lambda area: area.become("closed", place.now, "ci", "the pull request was merged"))
    taken = place.run()
    assert [(one.to, one.why) for one in taken] == [("trashed", "the pull request was merged")]
    place.registry.change("branch", "pr-8", lambda area: area.become("returning", place.now, "ann", "it is wanted"))
    assert place.after(0) == [("branch/pr-8", "living")]


def test_what_was_written_into_an_area_that_is_in_the_trash_brings_it_back(place: Place) -> None:
    place.make("one")
    place.after(32)
    place.after(8)
    place.write("adhoc/one/late.txt")
    assert place.after(15) == [("adhoc/one", "living")]
    assert place.lies() == ["adhoc/one/_area.json", "adhoc/one/data.parquet", "adhoc/one/late.txt"]


def test_what_came_late_into_a_trash_is_removed_when_nobody_can_be_writing_it(place: Place) -> None:
    place.make("one")
    place.write("trash/adhoc/one/0001/late.txt")
    place.write("trash/adhoc/nobodys/0001/late.txt")
    assert place.after(1) == [("trash/adhoc/nobodys/0001", None)]
    assert place.after(1) == [("trash/adhoc/nobodys/0001", None), ("trash/adhoc/one/0001", "gone")]
    assert place.lies() == ["adhoc/one/_area.json", "adhoc/one/data.parquet", "trash/adhoc/nobodys/0001/late.txt"]


def test_two_do_not_end_areas_of_one_folder_at_once(place: Place) -> None:
    place.make("one")
    running = place.expiry().run(lambda: place.now + 32 * DAY, act=True)
    next(running)
    with pytest.raises(Held):
        list(place.expiry().run(lambda: place.now, act=True))
    assert list(place.expiry().run(lambda: place.now, act=False)) == []


def test_a_name_is_taken_until_it_is_gone(place: Place) -> None:
    place.make("one")
    new = Area(kind="adhoc", name="one", owner="others", used_at=place.now, since=place.now)
    with pytest.raises(AreaError, match="there is an area adhoc/one already, of team: take another name"):
        place.registry.make(new, "ann", "")
    for days in (32, 8, 15):
        place.after(days)
    made = place.registry.make(new.model_copy(update={"since": place.now, "used_at": place.now}), "ann", "once more")
    assert (made.owner, made.stage, made.trashed) == ("others", "living", 1)
    assert [event.what for event in made.history] == [
        "living",
        "marked",
        "told",
        "leaving",
        "trashed",
        "ending",
        "gone",
        "living",
    ]


def test_an_outlook_does_not_read_again_what_cannot_be_due(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        place.make(name)
    looking = Outlook(place.expiry())
    assert looking.due(place.now) == []
    read = []
    load = Folder.load
    monkeypatch.setattr(Folder, "load", lambda store, key: read.append(key) or load(store, key))  # type: ignore[func-returns-value]
    assert (looking.due(place.now + DAY / 24), read) == ([], [])
    assert looking.due(place.now + 32 * DAY) == ["adhoc/one", "adhoc/two"]
    assert read == ["adhoc/one/_area.json", "adhoc/two/_area.json"]


def test_an_outlook_over_more_areas_than_it_reads_at_once_comes_to_each(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "_AT_ONCE", 2)
    monkeypatch.setattr(outlook, "_READ_FOR_SECONDS", -1)
    for name in ("one", "two", "three"):
        place.make(name)
    looking = Outlook(place.expiry())
    seen = [looking.due(place.now + (32 + tick) * DAY) for tick in range(3)]
    assert all(len(paths) == 2 for paths in seen)
    assert {path for paths in seen for path in paths} == {"adhoc/one", "adhoc/three", "adhoc/two"}


def test_an_outlook_that_has_read_for_long_still_comes_to_every_kind(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "_AT_ONCE", 1)
    monkeypatch.setattr(outlook, "_READ_FOR_SECONDS", -1)
    kinds: tuple[Kind, ...] = ("adhoc", "branch", "dev")
    for kind in kinds:
        for name in ("one", "two"):
            place.make(name, kind)
    assert [path.partition("/")[0] for path in Outlook(place.expiry()).due(place.now + 32 * DAY)] == list(kinds)


def test_where_a_bucket_keeps_no_versions_nothing_is_done(bucket: Bucket, tmp_path: Path) -> None:
    """What somebody writes while an area is moved would be lost."""
    store = S3(bucket.name, "", Folder(tmp_path), client=bucket.client(retries=ONCE))
    registry, now = Registry(store), datetime.now(UTC)
    for name in ("one", "two"):
        new = Area(kind="adhoc", name=name, owner="team", used_at=now, since=now)
        registry.make(new, "team", "for a test")
        store.write(f"adhoc/{name}/data.parquet", b"x", TAGS)
    registry.change("adhoc", "one", lambda area: area.become("closed", now, "team", "it is done"))
    registry.change("adhoc", "two", lambda area: area.become("closed", now, "team", "it is done"))
    registry.change("adhoc", "two", lambda area: area.become("leaving", now, "sweeper", "it is done"))
    before = {entry.key: store.read(entry.key) for entry in store.list("")}
    expiry = Expiry(registry, {"adhoc": TERMS}, Cap(100, 1), "sweeper", lambda area, goes_at: None)

    bucket.client().put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Suspended"})
    ends: list[Callable[[], object]] = [
        lambda: [*expiry.run(lambda: now, True)],
        lambda: expiry.finish("adhoc", "two", lambda: now),
    ]
    for end in ends:
        with pytest.raises(BadRequest) as refused:
            end()
        told = in_words(refused.value)
        assert f"the bucket {bucket.name} keeps no versions" in told
        assert f"aws s3api put-bucket-versioning --bucket {bucket.name} " in told
    assert {entry.key: store.read(entry.key) for entry in store.list("")} == before
    assert [one.to for one in expiry.run(lambda: now, act=False)] == ["leaving", "trashed"], "it is told all the same"

    bucket.client().put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    assert [one.to for one in expiry.run(lambda: now, act=True)] == ["trashed", "trashed"]
