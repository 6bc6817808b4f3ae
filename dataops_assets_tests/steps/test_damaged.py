"""What lies there and is not what was written, in a folder and in a bucket: it is told, and made again."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataops_assets.cli import main
from dataops_assets.storage import journal, layout
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.branches import Remote
from dataops_assets_tests.s3_server import ONCE, Bucket
from dataops_assets_tests.steps.january import DAY, DAYS, HOUR, left
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DELIVERED = readings(DAY, {"hour": 99})
RAW = f"raw/readings/date={DAY}/{hashlib.sha256(DELIVERED.encode()).hexdigest()}.csv"
STAGED, QUARANTINE = (f"{zone}/readings/date={DAY}/data.parquet" for zone in ("staged", "quarantine"))
Flip = Callable[[str], bytes]
"""Flips a bit in the middle of an object, and gives the bytes as they were."""


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.fixture(params=["folder", "moto", pytest.param("versitygw", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def january(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Tree:
    """Three days run through to the end; one row of the first was rejected."""
    if store == "folder":
        tree = Tree(tmp_path)
    else:
        bucket: Bucket = request.getfixturevalue("bucket")
        tree = Remote(tmp_path, own=S3(bucket.name, "data", Folder(tmp_path / "here"), client=bucket.client(retries=ONCE)))
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-03")
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS:
        tree.drop("readings", f"{day}.csv", DELIVERED if day == DAY else readings(day))
    tree.run()
    return tree


@pytest.fixture
def flip(january: Tree, store: str, request: pytest.FixtureRequest) -> Flip:
    def flip(key: str) -> bytes:
        content = january.store.read(key)
        assert content
        if store == "folder":
            january.store.path(key).write_bytes(flipped(content))
        else:
            bucket: Bucket = request.getfixturevalue("bucket")
            here = {"Bucket": bucket.name, "Key": f"data/{key}"}
            metadata = bucket.client().head_object(**here)["Metadata"]  # type: ignore[arg-type]
            bucket.client().put_object(**here, Body=flipped(content), Metadata=metadata)  # type: ignore[arg-type]
        return content

    return flip


def records(tree: Tree, zone: str = "staged") -> set[int]:
    return {journal.number_of(one.key) for one in tree.store.list(layout.provenance(zone, tree["readings"], DAY))}  # type: ignore[arg-type]


@pytest.mark.parametrize("key", [STAGED, QUARANTINE], ids=["staged", "quarantine"])
def test_what_is_damaged_is_made_again_by_launching_it(january: Tree, flip: Flip, key: str, store: str) -> None:
    whole, numbers = flip(key), records(january)
    [outcome] = january.stage("readings", DAY, now=NOW + HOUR)
    assert outcome.status == "done"
    assert january.store.read(key) == whole
    assert january.store.reread(key) == hashlib.sha256(whole).hexdigest()
    assert records(january) == numbers, "what is made again is no newer version"
    assert left(january) == {}
    if store != "folder":  # where whoever looks sees it before
        told = f"{january.store.address(key)} is not what was written: it was damaged or edited; it was made again"
        assert told in outcome.facts["note"]


def test_what_is_whole_is_not_written_again(january: Tree) -> None:
    before = list(january.store.list("staged")), list(january.store.list("_provenance"))
    assert january.stage("readings", DAY, now=NOW + HOUR)[0].facts["note"] == ""
    assert (list(january.store.list("staged")), list(january.store.list("_provenance"))) == before


def test_received_file_that_is_damaged_is_put_right_from_landing(january: Tree, flip: Flip) -> None:
    whole = flip(RAW)
    receipts = january.lake.receipts(january["readings"], DAY)
    [outcome] = january.receive("readings", DAY, now=NOW + HOUR)
    assert outcome.status == "done"
    assert outcome.facts["note"] == f"{january.store.address(RAW)} was not what was received, and was put right from landing"
    assert january.store.read(RAW) == whole
    assert january.lake.receipts(january["readings"], DAY) == receipts


def test_received_file_that_is_damaged_and_lies_in_landing_no_more_is_named(january: Tree, flip: Flip) -> None:
    flip(RAW)
    january.store.remove([f"landing/readings/{DAY}.csv"])
    [outcome] = january.receive("readings", DAY, now=NOW + HOUR)
    assert outcome.status == "refused"
    told = f"{january.store.address(RAW)}: it is not what was received: bring it back, or deliver it again"
    assert outcome.reason == f"raw/readings {DAY}: {told}"


def test_version_that_stays_is_named_where_it_is_damaged_and_the_newest_delivery_is_refused(january: Tree, flip: Flip) -> None:
    january.drop("readings", f"{DAY}.csv", readings(DAY, *[{"hour": 99}] * 4))
    january.run("readings", now=NOW + HOUR)
    flip(STAGED)
    [outcome] = january.stage("readings", DAY, now=NOW + 2 * HOUR)
    assert outcome.status == "refused"
    assert f"{january.store.address(STAGED)} is not what was written" in outcome.reason
    assert "bring it back" in outcome.reason


# Told by `dataops verify` and `dataops why`.


def asked(tree: Tree, monkeypatch: pytest.MonkeyPatch, *command: str) -> Result:
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    return CliRunner().invoke(main.cli, command)


def test_whole_store_is_verified(january: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(january.store.list("_provenance"))
    done = asked(january, monkeypatch, "verify")
    assert done.exit_code == 0
    # Stations and three days were received and published, the month was made, and a day has rejected rows.
    assert done.stdout.startswith("all is what was written · 10 objects, ")
    assert asked(january, monkeypatch, "verify", "readings", DAYS[1]).stdout.startswith("all is what was written · 2 objects")
    assert list(january.store.list("_provenance")) == before


@pytest.mark.parametrize(
    ("key", "told", "remedy"),
    [
        (STAGED, "is not what was written: it was damaged or edited", f"dg launch --assets staged/readings --partition {DAY}"),
        (QUARANTINE, "is not what was written", f"dg launch --assets staged/readings --partition {DAY}"),
        (RAW, "is not what was received", f"dg launch --assets raw/readings --partition {DAY}"),
    ],
    ids=["staged", "quarantine", "raw"],
)
def test_each_object_that_is_altered_is_named(
    january: Tree, flip: Flip, monkeypatch: pytest.MonkeyPatch, key: str, told: str, remedy: str
) -> None:
    flip(key)
    done = asked(january, monkeypatch, "verify")
    assert done.exit_code == 1
    one, way_out, total = done.stdout.splitlines()
    assert one.startswith(f"{january.store.address(key)} {told}")
    assert remedy in way_out
    assert total.startswith("1 not what was written · 10 objects, ")
    assert asked(january, monkeypatch, "verify", "readings", DAYS[1]).exit_code == 0


def test_damaged_object_is_not_explained_by_what_was_written_there(
    january: Tree, flip: Flip, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(january, monkeypatch, "why", january.store.address(STAGED)).exit_code == 0
    sha256 = hashlib.sha256(flipped(flip(STAGED))).hexdigest()
    told = asked(january, monkeypatch, "why", january.store.address(STAGED))
    assert (told.exit_code, f"nothing that was published or received here has the SHA-256 {sha256}" in told.output) == (1, True)
    told = asked(january, monkeypatch, "why", "readings", DAY)
    assert (told.exit_code, "is not what was written: it was damaged or edited" in told.output) == (1, True)


def test_what_is_made_from_a_damaged_object_is_refused_with_the_way_out(january: Tree, flip: Flip, store: str) -> None:
    flip(STAGED)
    shutil.rmtree(january.store.here.path("_cache"), ignore_errors=True)  # where this machine has it still
    january.edit("daily/transform.py", ".max()", ".min()")
    [outcome] = january.derive("daily", now=NOW + HOUR)
    assert outcome.status == "refused"
    again = (
        "`dataops run readings` makes it again" if store == "folder" else "make it again: dg launch --assets staged/readings"
    )
    assert again in outcome.reason
