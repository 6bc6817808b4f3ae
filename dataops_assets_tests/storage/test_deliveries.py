"""Deliveries: what is whole, what is waited for, what is kept, and which one counts."""

import hashlib
import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dataops_assets.contract import Partition
from dataops_assets.steps import Outcome
from dataops_assets.storage import deliveries, landing, layout
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.landing import Arrival
from dataops_assets_tests.trees import NOW, Tree, readings

DAY, NEXT = "2024-01-05", "2024-01-06"
FILES = 'files: "{partition}.csv"'
STILL = f"{DAY}.csv to be still for 2 s: the run after that receives it"
GOOD, OTHER = readings(DAY), readings(DAY, {"temperature": 9})


def lying(tree: Tree, now: datetime = NOW, name: str = "readings") -> dict[Partition, Arrival]:
    return landing.arrivals(tree.store, tree[name], now)


def whole(tree: Tree, now: datetime = NOW, name: str = "readings") -> dict[Partition, list[str]]:
    """The files of every delivery that is whole, by partition."""
    return {
        partition: [entry.key.split("/", 2)[2] for entry in arrival.files]
        for partition, arrival in lying(tree, now, name).items()
        if not arrival.waiting_for
    }


def received(tree: Tree, now: datetime = NOW) -> Outcome:
    [outcome] = tree.receive("readings", DAY, now=now)
    return outcome


def raw(tree: Tree, day: str = DAY) -> set[str]:
    """The names of the files in raw."""
    entries = tree.store.list(layout.raw(tree["readings"], day))
    return {Path(entry.key).name for entry in entries if "_deliveries" not in entry.key}


def receipts(tree: Tree) -> list[str]:
    return [receipt.sha256 for receipt in deliveries.all_receipts(tree.store, tree["readings"], DAY)]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# Which files are a delivery, and when it is whole.


def test_one_file_is_whole_once_it_is_still(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", GOOD, written=NOW - timedelta(seconds=1.5))
    assert lying(tree)[DAY].waiting_for == STILL
    assert received(tree).status == "absent"
    assert received(tree).reason == f"readings {DAY}: its delivery is not whole: waiting for {STILL}"
    assert whole(tree, NOW + timedelta(seconds=1)) == {DAY: [f"{DAY}.csv"]}


def test_file_that_still_grows_is_waited_for(tree: Tree) -> None:
    path = tree.drop("readings", f"{DAY}.csv", GOOD[:50], written=NOW - timedelta(seconds=1))
    assert received(tree, NOW).status == "absent"
    path.write_text(GOOD)
    os.utime(path, ((NOW + timedelta(seconds=3)).timestamp(),) * 2)
    assert received(tree, NOW + timedelta(seconds=4)).status == "absent"
    assert received(tree, NOW + timedelta(seconds=6)).status == "done"
    assert receipts(tree) == [sha(GOOD)]


def test_time_in_the_future_is_a_wrong_clock_and_not_waited_for(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", GOOD, written=NOW + timedelta(days=1))
    assert received(tree).status == "done"


def test_quiet_time_counts_for_all_files_of_a_delivery(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", FILES, 'files: "{partition}-*.csv"\n    complete: {quiet: 60}')
    tree.drop("readings", f"{DAY}-1.csv", GOOD)
    tree.drop("readings", f"{DAY}-2.csv", OTHER, written=NOW - timedelta(seconds=30))
    tree.drop("readings", f"{NEXT}-1.csv", readings(NEXT))
    assert whole(tree) == {NEXT: [f"{NEXT}-1.csv"]}
    assert whole(tree, NOW + timedelta(seconds=30)) == {DAY: [f"{DAY}-1.csv", f"{DAY}-2.csv"], NEXT: [f"{NEXT}-1.csv"]}


def test_marker_makes_a_delivery_whole(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", FILES, 'files: "{partition}/*.csv"\n    complete: {marker: "{partition}/DONE"}')
    tree.drop("readings", f"{DAY}/1.csv", GOOD)
    tree.drop("readings", f"{NEXT}/DONE", "")
    assert {key: arrival.waiting_for for key, arrival in lying(tree).items()} == {
        DAY: f"{DAY}/DONE, which has not arrived: it is delivered last",
        NEXT: f"{NEXT}/*.csv: so far there is only DONE",
    }
    tree.drop("readings", f"{DAY}/DONE", "")
    assert whole(tree) == {DAY: [f"{DAY}/1.csv"]}
    tree.drop("readings", f"{DAY}/1.csv", OTHER[:-9])
    assert lying(tree)[DAY].waiting_for == "a newer DONE: files were written after it, and it is delivered last"
    tree.drop("readings", f"{DAY}/1.csv", OTHER)
    tree.drop("readings", f"{DAY}/DONE", "")
    assert received(tree).version == sha(OTHER)


@pytest.fixture
def listed(tree: Tree) -> Tree:
    """Readings come in parts, with a manifest."""
    tree.edit("readings/defs.yaml", FILES, 'files: "{partition}/*.csv"\n    complete: {manifest: "{partition}/manifest.json"}')
    return tree


def manifest(*files: str | dict[str, Any]) -> str:
    return json.dumps({"files": [{"name": file} if isinstance(file, str) else file for file in files]})


def test_manifest_names_what_is_still_to_come(listed: Tree) -> None:
    listed.drop("readings", f"{DAY}/1.csv", GOOD)
    assert lying(listed)[DAY].waiting_for == f"{DAY}/manifest.json, which has not arrived: it is delivered last"
    listed.drop("readings", f"{DAY}/manifest.json", manifest("1.csv", "2.csv", "3.csv"))
    listed.drop("readings", f"{DAY}/3.csv", GOOD)
    assert lying(listed)[DAY].waiting_for == "2.csv, promised by manifest.json: deliver it, or a manifest.json without it"
    listed.drop("readings", f"{DAY}/2.csv", GOOD)
    assert whole(listed) == {DAY: [f"{DAY}/1.csv", f"{DAY}/2.csv", f"{DAY}/3.csv"]}


def test_file_that_grows_beyond_what_an_older_manifest_promises_is_waited_for(listed: Tree) -> None:
    listed.drop("readings", f"{DAY}/1.csv", GOOD)
    listed.drop("readings", f"{DAY}/manifest.json", manifest({"name": "1.csv", "bytes": len(GOOD)}))
    assert received(listed).status == "done"
    listed.drop("readings", f"{DAY}/1.csv", OTHER[:-9], written=NOW - timedelta(minutes=1))
    assert lying(listed)[DAY].waiting_for == "1.csv as manifest.json promises it, or a newer one: it is being written"
    listed.drop("readings", f"{DAY}/1.csv", OTHER)
    listed.drop("readings", f"{DAY}/manifest.json", manifest({"name": "1.csv", "bytes": len(OTHER)}))
    assert received(listed).status == "done"


def test_files_of_one_name_in_two_folders_are_told_apart(listed: Tree) -> None:
    listed.edit("readings/defs.yaml", '"{partition}/*.csv"', '"{partition}/*/*.csv"')
    listed.drop("readings", f"{DAY}/a/1.csv", GOOD)
    listed.drop("readings", f"{DAY}/b/1.csv", OTHER)
    listed.drop("readings", f"{DAY}/manifest.json", manifest("b/1.csv"))
    assert whole(listed) == {DAY: [f"{DAY}/b/1.csv"]}


def test_file_that_a_manifest_does_not_name_is_not_delivered(listed: Tree) -> None:
    # Such as the second part of yesterday's delivery, where today's has but one.
    for part in ("1.csv", "2.csv"):
        listed.drop("readings", f"{DAY}/{part}", GOOD)
    listed.drop("readings", f"{DAY}/manifest.json", manifest("1.csv"))
    assert whole(listed) == {DAY: [f"{DAY}/1.csv"]}


def test_manifest_may_name_files_by_their_path(listed: Tree) -> None:
    listed.drop("readings", f"{DAY}/1.csv", GOOD)
    listed.drop("readings", f"{DAY}/manifest.json", manifest({"name": f"{DAY}/1.csv", "rows": 3}))
    [outcome] = listed.receive("readings", DAY)
    assert f"control_totals: {DAY}/1.csv: rows is 4, promised was 3" in outcome.reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"files": {}}',
        '{"files": []}',
        '{"files": [1]}',
        '{"files": [{"rows": 1}]}',
        '{"files": [{"name": 1}]}',
        '{"files": [{"name": "1.csv", "rows": "many"}]}',
        '{"files": [{"name": "1.csv", "bytes": [1]}]}',
        '{"files": [{"name": "1.csv", "rows": -1}]}',
        f'{{"files": [{{"name": "1.csv", "rows": {"9" * 4000}}}]}}',
        b"\xff\xfe",
    ],
)
def test_broken_manifest_is_told_and_holds_up_no_other_partition(listed: Tree, text: str | bytes) -> None:
    for day, written in ((DAY, text), (NEXT, manifest("1.csv"))):
        listed.drop("readings", f"{day}/1.csv", readings(day))
        listed.drop("readings", f"{day}/manifest.json", written)

    broken, good = listed.receive("readings", DAY, NEXT)

    assert (broken.status, good.status) == ("absent", "done")
    told = f"waiting for a manifest in place of landing/readings/{DAY}/manifest.json ("
    assert broken.reason.startswith(f"readings {DAY}: its delivery is not whole: {told}")
    assert broken.reason.endswith('), written as {"files": [{"name": "…", "rows": 1, "bytes": 1, "sha256": "…"}]}')
    assert listed.pending("raw", "readings") == []  # until another manifest comes
    listed.drop("readings", f"{DAY}/manifest.json", manifest("1.csv"))
    assert listed.pending("raw", "readings") == [DAY]


def test_control_totals_of_a_manifest_reach_the_gate(listed: Tree) -> None:
    totals = {"name": "1.csv", "rows": 4, "bytes": len(GOOD), "sha256": sha(GOOD).upper()}
    listed.drop("readings", f"{DAY}/1.csv", GOOD)
    listed.drop("readings", f"{DAY}/manifest.json", manifest({**totals, "unknown": "is left alone"}))
    assert received(listed).status == "done"
    listed.drop("readings", f"{DAY}/manifest.json", manifest({**totals, "bytes": 7}))
    outcome = received(listed)
    assert (outcome.status, f"{DAY}/1.csv: bytes is {len(GOOD)}, promised was 7" in outcome.reason) == ("refused", True)


@pytest.mark.parametrize(
    "stray",
    [
        "notes.txt",
        "2024-01-05.csv.part",
        "2024-01-05.CSV",
        "sub/2024-01-05.csv",
        "2024-02-30.csv",
        "2023-12-31.csv",
        "2024-01-21.csv",
        "9999-12-31.csv",
        "2024-01.csv",
        ".2024-01-05.csv.x.tmp",
        "..csv",
        ".csv",
    ],
)
def test_stray_files_are_left_alone(tree: Tree, stray: str) -> None:
    tree.drop("readings", stray, GOOD)
    assert lying(tree) == {}
    assert tree.pending("raw", "readings") == []


def test_symlinks_in_landing_are_left_alone(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_text(GOOD)
    tree.drop("readings", "notes.txt", "")
    tree.store.path(f"landing/readings/{DAY}.csv").symlink_to(tmp_path / "elsewhere.csv")
    assert lying(tree) == {}


def test_names_of_files_are_no_patterns(tree: Tree) -> None:
    tree.edit("stations/defs.yaml", "files: stations.csv", "files: st(a)tions+.csv")
    for name in ("stations+.csv", "st(a)tions+.csv", "st(a)tionss.csv"):
        tree.drop("stations", name, "station,height\noslo,1\n")
    assert whole(tree, name="stations") == {None: ["st(a)tions+.csv"]}


# What is kept, and which delivery counts.


def test_delivery_is_kept_byte_for_byte_under_its_hash(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", GOOD)
    assert received(tree).version == sha(GOOD)
    assert raw(tree) == {f"{sha(GOOD)}.csv"}
    assert tree.store.read(f"raw/readings/date={DAY}/{sha(GOOD)}.csv") == GOOD.encode()


def test_second_delivery_replaces_the_first_and_both_are_kept(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", GOOD)
    received(tree)
    tree.drop("readings", f"{DAY}.csv", OTHER)
    outcome = received(tree, NOW + timedelta(hours=1))
    assert outcome.version == sha(OTHER)
    assert outcome.facts["note"] == f"replaces the delivery {sha(GOOD)[:12]} of 2024-03-01 12:00:00 UTC; both are kept"
    assert raw(tree) == {f"{sha(GOOD)}.csv", f"{sha(OTHER)}.csv"}
    assert receipts(tree) == [sha(GOOD), sha(OTHER)]


def test_a_b_a_gives_a_without_storing_it_twice(tree: Tree) -> None:
    for hour, content in enumerate((GOOD, OTHER, GOOD)):
        tree.drop("readings", f"{DAY}.csv", content)
        outcome = received(tree, NOW + timedelta(hours=hour))
        assert (outcome.status, outcome.version) == ("done", sha(content))
    assert receipts(tree) == [sha(GOOD), sha(OTHER), sha(GOOD)]
    assert len(raw(tree)) == 2


def test_same_bytes_again_are_another_arrival_and_no_other_delivery(tree: Tree) -> None:
    for _ in range(2):
        path = tree.drop("readings", f"{DAY}.csv", GOOD)
        kept = tree.store.path(f"raw/readings/date={DAY}/{sha(GOOD)}.csv")
        before = kept.stat().st_mtime_ns if kept.exists() else None
        outcome = received(tree)
    assert receipts(tree) == [sha(GOOD)] * 2
    assert (outcome.facts["note"], kept.stat().st_mtime_ns) == ("", before)
    assert path.exists()  # landing is the provider's


def test_what_was_received_is_not_received_again(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", GOOD)
    for _ in range(3):
        received(tree)
    assert receipts(tree) == [sha(GOOD)]


def test_newest_receipt_counts_even_if_the_clock_is_set_back(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", GOOD)
    received(tree)
    tree.drop("readings", f"{DAY}.csv", OTHER)
    outcome = received(tree, NOW - timedelta(days=1))
    assert outcome.version == sha(OTHER)
    assert receipts(tree) == [sha(GOOD), sha(OTHER)]
    assert tree.pending("raw", "readings") == []


def test_receipt_stays_when_landing_is_emptied(tree: Tree) -> None:
    path = tree.drop("readings", f"{DAY}.csv", GOOD)
    received(tree)
    path.unlink()
    assert received(tree).version == sha(GOOD)


def test_several_files_have_one_hash_of_their_names_and_hashes(listed: Tree) -> None:
    def deliver(first: str, second: str) -> str | None:
        for name, content in (("1.csv", first), ("2.csv", second), ("manifest.json", manifest("1.csv", "2.csv"))):
            listed.drop("readings", f"{DAY}/{name}", content)
        return received(listed).version

    one, two = deliver(GOOD, OTHER), deliver(OTHER, GOOD)
    assert one != two
    assert deliver(GOOD, OTHER) == one
    assert raw(listed) == {f"{sha(GOOD)}.csv", f"{sha(OTHER)}.csv"}


def test_file_that_changes_while_it_is_read_is_waited_for(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in (DAY, NEXT):
        tree.drop("readings", f"{day}.csv", readings(day))
    real = Folder.copy

    def copy(self: Folder, key: str, path: Path) -> None:
        real(self, key, path)
        if DAY in key:  # the provider writes on
            self.path(key).write_bytes(path.read_bytes() + b"more")

    monkeypatch.setattr(Folder, "copy", copy)

    changed, good = tree.receive("readings", DAY, NEXT)

    assert (changed.status, good.status) == ("absent", "done")
    assert changed.reason.endswith(
        f"waiting for landing/readings/{DAY}.csv to be still: it changed while the delivery was read"
    )
    assert receipts(tree) == []
    assert tree.pending("raw", "readings") == [DAY]


@pytest.mark.parametrize("replaced", ["1.csv", "manifest.json"])
def test_parts_of_two_deliveries_are_not_received_as_one(listed: Tree, monkeypatch: pytest.MonkeyPatch, replaced: str) -> None:
    for name, content in (("1.csv", GOOD), ("2.csv", OTHER), ("manifest.json", manifest("1.csv", "2.csv"))):
        listed.drop("readings", f"{DAY}/{name}", content)
    copy = Folder.copy

    def replace_meanwhile(self: Folder, key: str, path: Path) -> None:
        copy(self, key, path)
        if key.endswith("2.csv"):  # when the first has been copied
            listed.drop("readings", f"{DAY}/{replaced}", manifest("1.csv") if replaced == "manifest.json" else OTHER)

    monkeypatch.setattr(Folder, "copy", replace_meanwhile)

    outcome = received(listed)

    assert (outcome.status, receipts(listed)) == ("absent", [])
    assert outcome.reason.endswith(f"landing/readings/{DAY}/{replaced} to be still: it changed while the delivery was read")
    monkeypatch.undo()
    assert received(listed).status == "done"


def test_file_that_goes_away_while_it_is_read_is_waited_for(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.drop("readings", f"{DAY}.csv", GOOD)
    received(tree)
    path = tree.drop("readings", f"{DAY}.csv", OTHER)
    real = Folder.copy
    monkeypatch.setattr(Folder, "copy", lambda self, *what: (path.unlink(missing_ok=True), real(self, *what))[1])

    outcome = received(tree)

    assert (outcome.status, outcome.version) == ("done", sha(GOOD))  # what was received before still counts
    assert (
        outcome.facts["note"]
        == f"a newer delivery is waiting for: landing/readings/{DAY}.csv, which went away while it was read"
    )
