"""Nothing in landing, whatever it is called and wherever it leads, makes us read or write outside of it; all of it is told."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataops_assets.observe.status import describe, overview
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.landing import foreign
from dataops_assets.storage.landing import strays as strays_of
from dataops_assets_tests.trees import NOW, Tree, readings

DAY, NEXT = "2024-01-05", "2024-01-06"
FILES = 'files: "{partition}.csv"'
SECRET = "a secret that lies elsewhere"


def strays(tree: Tree) -> list[str]:
    return [str(stray) for stray in strays_of(tree.store, tree["readings"], NOW)]


def everything(folder: Path) -> str:
    """All that is written in any file below a folder."""
    return "".join(path.read_text() for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder outside of everything, with what a good delivery would hold."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / f"{DAY}.csv").write_text(readings(DAY, {"note": SECRET}))
    return folder


@pytest.fixture
def landing(tree: Tree) -> Path:
    """Where readings land; the day after is there, and good."""
    tree.drop("readings", f"{NEXT}.csv", readings(NEXT))
    return tree.store.path("landing/readings")


NOT_FOLLOWED = "it is a link or the like, and not followed: deliver the file itself"


@pytest.mark.parametrize("file", [f"{DAY}.csv", "a folder"])
def test_links_are_told_and_not_followed(tree: Tree, landing: Path, elsewhere: Path, file: str) -> None:
    tree.edit("readings/defs.yaml", FILES, 'files: "*{partition}.csv"')
    (landing / file).symlink_to(elsewhere / file if file.endswith(".csv") else elsewhere)
    assert [outcome.status for outcome in tree.receive("readings", DAY, NEXT)] == ["absent", "done"]
    assert strays(tree) == [f"landing/readings/{file} belongs to no delivery: {NOT_FOLLOWED}"]
    assert SECRET not in everything(tree.root / "data")


def test_pipe_is_told_and_not_waited_for(tree: Tree, landing: Path) -> None:
    os.mkfifo(landing / f"{DAY}.csv")
    assert [outcome.status for outcome in tree.receive("readings", DAY, NEXT)] == ["absent", "done"]
    assert strays(tree) == [f"landing/readings/{DAY}.csv belongs to no delivery: {NOT_FOLLOWED}"]


def test_link_that_takes_a_files_place_is_not_received(
    tree: Tree, landing: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tree.drop("readings", f"{DAY}.csv", readings(DAY))
    copy = Folder.copy

    def exchange(self: Folder, key: str, target: Path) -> None:
        copy(self, key, target)
        path.unlink()
        path.symlink_to(elsewhere / f"{DAY}.csv")

    monkeypatch.setattr(Folder, "copy", exchange)
    [outcome] = tree.receive("readings", DAY)
    assert outcome.status == "absent"
    assert "it changed while the delivery was read" in outcome.reason


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\u202eb", r"a\u202eb"),
        (os.fsdecode(b"a\xff"), r"a\udcff"),
    ],
)
def test_name_that_cannot_be_printed_is_told_in_print(tree: Tree, landing: Path, name: str, shown: str) -> None:
    tree.edit("readings/defs.yaml", FILES, 'files: "*{partition}.csv"')
    tree.drop("readings", f"{name}{DAY}.csv", readings(DAY))
    assert [outcome.status for outcome in tree.receive("readings", DAY, NEXT)] == ["absent", "done"]
    why = "its name cannot be printed: name it *{partition}.csv, or remove it"
    assert strays(tree) == [f"landing/readings/{shown}{DAY}.csv belongs to no delivery: {why}"]
    describe(tree.lake, tree["readings"], NOW).encode()
    assert tree.store.read(f"landing/readings/{name}{DAY}.csv")


def test_names_as_long_as_names_may_be_are_received(tree: Tree, landing: Path) -> None:
    folder, file = "o" * 255, "n" * 241 + f"{DAY}.csv"
    tree.edit("readings/defs.yaml", FILES, f'files: "{folder}/*{{partition}}.csv"')
    tree.drop("readings", f"{folder}/{file}", readings(DAY, {"hour": 99}, {"hour": 99}, {"hour": 99}))
    tree.drop("stations", "stations.csv", "station,height\noslo,94\nbergen,12\n")
    received, refused = [tree.run("stations"), tree.receive("readings", DAY), tree.stage("readings", DAY)][1:]
    assert (received[0].status, refused[0].status) == ("done", "refused")
    assert len(refused[0].reason) < 500


def test_file_that_the_manifest_does_not_name_is_told(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", FILES, 'files: "{partition}/*.csv"\n    complete: {manifest: "{partition}/manifest.json"}')
    for name, content in (
        ("1.csv", readings(DAY)),
        ("2.csv", readings(DAY)),
        ("manifest.json", '{"files": [{"name": "1.csv"}]}'),
    ):
        tree.drop("readings", f"{DAY}/{name}", content)
    why = "the manifest does not name it: name it there, or remove it"
    assert strays(tree) == [f"landing/readings/{DAY}/2.csv belongs to no delivery: {why}"]


def test_manifest_of_no_partition_is_told(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", FILES, 'files: "{partition}/*.csv"\n    complete: {manifest: "{partition}/manifest.json"}')
    tree.drop("readings", "2024-02-01/manifest.json", "{}")
    why = "2024-02-01 is none of the partitions, 2024-01-01 to 2024-01-20: deliver it as one of them, or remove it"
    assert strays(tree) == [f"landing/readings/2024-02-01/manifest.json belongs to no delivery: {why}"]


def test_file_for_a_day_that_is_still_to_come_is_told_last(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "    end: 2024-01-20\n", "")
    tree.drop("readings", "2042-03-01.csv", readings("2042-03-01"))
    early = "landing/readings/2042-03-01.csv waits until 2042-03-01 is over; if it is of another day, name it after that one"
    assert strays(tree) == [early]
    assert tree.pending("raw", "readings") == []
    tree.store.path("landing/readings/a").symlink_to("nowhere")
    tree.drop("readings", "z.txt", "")
    assert [told.split()[0].removeprefix("landing/readings/") for told in strays(tree)] == ["a", "z.txt", "2042-03-01.csv"]
    over = datetime(2042, 3, 2, tzinfo=UTC)
    assert tree.pending("raw", "readings", over) == ["2042-03-01"]


def test_folder_of_no_dataset_is_told_with_the_one_that_was_meant(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    for key in ("landing/reading/a.csv", "landing/reading/b.csv", "landing/rubbish.txt", "landing/daily/month.csv"):
        tree.store.write(key, b"x", {})
    found = [str(stray) for stray in foreign(tree.store, tree.lake.catalog)]
    why = "belongs to no delivery: no dataset of this name is delivered"
    assert found == [
        f"landing/daily {why}: use one of readings, stations",
        f"landing/reading {why}: did you mean `readings`?",
        f"landing/rubbish.txt {why}: use one of readings, stations",
    ]
    assert found[1] in overview(tree.lake, NOW)


def test_file_of_another_name_is_told_with_the_name_it_should_have(tree: Tree, landing: Path) -> None:
    tree.drop("readings", "[/red] :smile:.txt", "")
    why = "its name is none that the contract gives: name it {partition}.csv, or remove it"
    assert strays(tree) == [f"landing/readings/[/red] :smile:.txt belongs to no delivery: {why}"]


def test_file_without_the_right_to_read_it_holds_up_no_other_partition(tree: Tree, landing: Path, nobody: None) -> None:
    path = tree.drop("readings", f"{DAY}.csv", readings(DAY))
    path.chmod(0)
    denied, good = tree.receive("readings", DAY, NEXT)
    assert (denied.status, good.status) == ("absent", "done")
    assert denied.reason.endswith(f"waiting for the right to read landing/readings/{DAY}.csv: give it to this user")
    path.chmod(0o644)
    assert tree.pending("raw", "readings") == [DAY]
    assert {outcome.status for outcome in tree.receive("readings", DAY)} == {"done"}


CLOSED = pytest.mark.parametrize("mode", [0o000, 0o100, 0o400], ids=oct)


@CLOSED
def test_folder_that_does_not_open_holds_up_nothing_beside_it(tree: Tree, landing: Path, nobody: None, mode: int) -> None:
    tree.edit("readings/defs.yaml", FILES, 'files: "*{partition}.csv"')
    tree.drop("readings", f"closed/{DAY}.csv", readings(DAY)).parent.chmod(mode)
    assert strays(tree) == [
        "landing/readings/closed belongs to no delivery: this user may not open it: give it the right to",
    ]
    assert {outcome.status for outcome in tree.receive("readings", NEXT)} == {"done"}
    landing.chmod(mode)
    why = "deliveries may lie in it, and this user may not open it: give it the right to"
    assert strays(tree) == [f"landing/readings is closed: {why}"]
    assert tree.pending("raw", "readings") == []
    landing.chmod(0o755)


RIGHT = "waiting for the right to open"


@CLOSED
def test_delivery_whose_folder_does_not_open_is_waited_for(tree: Tree, nobody: None, mode: int) -> None:
    tree.edit("readings/defs.yaml", FILES, 'files: "{partition}/*.csv"')
    tree.drop("stations", "stations.csv", "station,height\noslo,94\nbergen,12\n")
    for day in (DAY, NEXT):
        tree.drop("readings", f"{day}/1.csv", readings(day))
    folder = tree.store.path(f"landing/readings/{DAY}")
    folder.chmod(mode)
    told = f"{RIGHT} landing/readings/{DAY}: give it to this user"
    denied, good = tree.receive("readings", DAY, NEXT)
    assert (denied.status, denied.reason) == ("absent", f"readings {DAY}: its delivery is not whole: {told}")
    assert (good.status, tree.pending("raw", "readings"), strays(tree)) == ("done", [], [])
    assert told in " ".join(describe(tree.lake, tree["readings"], NOW).split())
    folder.chmod(0o755)
    assert tree.pending("raw", "readings") == [DAY]
    tree.run()
    assert tree.read("readings", DAY).height == 4
    tree.drop("readings", f"{DAY}/1.csv", readings(DAY, rows=3))
    folder.chmod(mode)
    [again] = tree.receive("readings", DAY)
    assert (again.status, again.facts["note"]) == ("done", f"a newer delivery is {told.replace('waiting for', 'waiting for:')}")
    folder.chmod(0o755)


def test_delivery_of_which_one_folder_does_not_open_is_waited_for(tree: Tree, nobody: None) -> None:
    tree.edit("readings/defs.yaml", FILES, 'files: "{partition}/*/*.csv"')
    for part in "ab":
        tree.drop("readings", f"{DAY}/{part}/1.csv", readings(DAY)).parent.chmod(0o755 if part == "a" else 0)
    [outcome] = tree.receive("readings", DAY)
    assert outcome.reason.endswith(f"{RIGHT} landing/readings/{DAY}/b: give it to this user")


def test_only_part_of_a_dataset_whose_folder_does_not_open_is_waited_for(tree: Tree, nobody: None) -> None:
    path = tree.drop("stations", "stations.csv", "station,height\noslo,94\n")
    path.parent.chmod(0)
    [outcome] = tree.receive("stations")
    told = f"{RIGHT} landing/stations: give it to this user"
    assert outcome.reason == f"stations: its delivery is not whole: {told}"
    path.parent.chmod(0o755)


def test_folder_above_deliveries_that_does_not_open_is_told(tree: Tree, nobody: None) -> None:
    tree.edit("readings/defs.yaml", FILES, 'files: "new/{partition}/*.csv"')
    closed = tree.drop("readings", f"new/{DAY}/1.csv", readings(DAY)).parent.parent
    closed.chmod(0)
    why = "deliveries may lie in it, and this user may not open it: give it the right to"
    assert strays(tree) == [f"landing/readings/new is closed: {why}"]
    closed.chmod(0o755)


# What a function brings.


def brings(tree: Tree, *lines: str) -> None:
    body = "\n".join(f"    {line}" for line in lines)
    tree.write("readings/fetch.py", f"import os\n\n\ndef fetch(partition, folder):\n{body}\n")


GOOD = '(folder / f"{partition}.csv").write_text(f"station,day,hour,temperature,note\\noslo,{partition},1,1.5,\\n")'


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('(folder / f"{partition}.csv").symlink_to("ELSEWHERE/2024-01-05.csv")', f"{DAY}.csv"),
        ('(folder / "more").symlink_to("ELSEWHERE")', "more"),
        ('(folder / "a\\nb.csv").touch()', r"a\nb.csv"),
        ('os.mkfifo(folder / "pipe")', "pipe"),
    ],
)
def test_function_that_brings_anything_but_plain_files_is_told(tree: Tree, elsewhere: Path, line: str, told: str) -> None:
    brings(tree, *([] if "symlink_to" in line and "partition" in line else [GOOD]), line.replace("ELSEWHERE", str(elsewhere)))
    [outcome] = tree.receive("readings", DAY)
    why = "deliver plain files, with names that can be printed"
    assert (outcome.status, outcome.reason) == ("absent", f"readings {DAY}: fetch failed: it brought {told}: {why}")
    assert not tree.store.path("landing/readings").exists()
    assert SECRET not in everything(tree.root / "data")
    brings(tree, GOOD)
    assert tree.receive("readings", DAY)[0].status in ("done", "refused")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        pytest.param(
            ['(folder / "more").mkdir()', '(folder / "more/1.csv").touch()', f'(folder / "more").chmod({mode:#o})'],
            "more",
            id=f"folder_{mode:o}",
        )
        for mode in (0o000, 0o100, 0o400)
    ]
    + [pytest.param(['(folder / f"{partition}.csv").chmod(0)'], f"{DAY}.csv", id="file")],
)
def test_function_that_brings_what_does_not_open_holds_up_no_other_partition(
    tree: Tree, nobody: None, lines: list[str], told: str
) -> None:
    brings(tree, GOOD, f'if partition == "{DAY}":', *(f"    {line}" for line in lines))
    denied, good = tree.receive("readings", DAY, NEXT)
    why = "which this user may not open: give it the right to"
    assert (denied.status, denied.reason) == ("absent", f"readings {DAY}: fetch failed: it brought {told}, {why}")
    assert good.arrived
    assert [path.name for path in tree.store.path("landing/readings").iterdir()] == [f"{NEXT}.csv"]


def test_function_does_not_write_through_a_link_in_landing(tree: Tree, landing: Path, elsewhere: Path) -> None:
    tree.edit("readings/defs.yaml", FILES, 'files: "{partition}/readings.csv"')
    brings(tree, "(folder / partition).mkdir()", GOOD.replace(".csv", "/readings.csv"))
    (landing / DAY).symlink_to(elsewhere)
    [outcome] = tree.receive("readings", DAY)
    told = f"{landing / DAY} is a link that leads out of landing: remove it"
    assert (outcome.status, outcome.reason) == ("absent", f"readings {DAY}: fetch failed: {told}")
    assert [path.name for path in elsewhere.iterdir()] == [f"{DAY}.csv"]
    (landing / DAY).unlink()
    [outcome] = tree.receive("readings", DAY)
    assert outcome.status == "done", outcome.reason


def test_function_may_bring_names_as_long_as_names_may_be(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", FILES, 'files: "*{partition}.csv"')
    brings(tree, GOOD.replace('f"{partition}.csv"', '("n" * 241 + f"{partition}.csv")'))
    [outcome] = tree.receive("readings", DAY)
    assert outcome.status == "done", outcome.reason
