"""From any copy of a file back to the deliveries it was made from."""

import hashlib
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from dataops_assets import checkout, deployment
from dataops_assets.observe.why import why_bytes, why_published
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.folder import hash_file
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.provenance import MadeBy
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAY, MONTH = "2024-01-01", "2024-01"


def test_product_leads_back_to_its_inputs_and_they_to_their_deliveries(filled: Tree, tmp_path: Path) -> None:
    filled.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-03")
    filled.run()
    copy = tmp_path / "somewhere.parquet"
    copy.write_bytes(filled.store.path(f"curated/daily/month={MONTH}/data.parquet").read_bytes())
    told = why_bytes(filled.lake, hash_file(copy))
    assert told == why_published(filled.lake, filled["daily"], MONTH)
    assert told.splitlines()[0].startswith(f"curated/daily {MONTH} · ")
    assert "staged/readings · 3 partitions, each as told by `dataops why` of its SHA-256" in told
    day = filled.lake.version("staged", filled["readings"], DAY)
    assert f"{DAY} · sha256 {day}" in told
    stations = hashlib.sha256(STATIONS.encode()).hexdigest()
    assert f"sha256 {stations}" in told, "an input without partitions is followed to its delivery"
    assert f"stations.csv · {len(STATIONS):,} bytes · raw/stations/{stations}.csv" in told


def test_staged_day_names_delivery_run_code_and_identity(filled: Tree) -> None:
    made_by = MadeBy(identity="someone@a-laptop", version="1", git_commit="ab" * 20, clean=False)
    lake = Lake(filled.lake.catalog, filled.store, lambda: made_by)
    filled._lake = lake
    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 9}, {"hour": 99}))
    before = lake.version("staged", filled["readings"], DAY)
    filled.run(now=NOW + timedelta(hours=1))
    told = why_published(lake, filled["readings"], DAY)
    assert "published 2024-03-01 13:00:00 UTC by someone@a-laptop · run run" in told
    assert "code abababababab, changed since · contract " in told
    assert f"in place of sha256 {before}" in told
    assert "its content gate passed it: delivered 4, published 3, rejected 1" in told
    delivered = hashlib.sha256(readings(DAY, {"temperature": 9}, {"hour": 99}).encode()).hexdigest()
    assert f"a delivery by The lab · received 2024-03-01 13:00:00 UTC · sha256 {delivered}" in told
    assert "its envelope gate passed it" in told
    assert before
    assert why_bytes(lake, before).splitlines()[0].endswith(" · replaced since")


def test_delivered_file_leads_to_the_partition_it_was_received_for(filled: Tree) -> None:
    delivered = hashlib.sha256(readings(DAY).encode()).hexdigest()
    told = why_bytes(filled.lake, delivered)
    assert told.splitlines()[0] == f"raw/readings {DAY}"
    assert f"{DAY}.csv" in told


def test_delivery_of_several_files_is_found_by_its_own_hash(tree: Tree) -> None:
    manifest = 'files: "{partition}/*.csv"\n    complete: {manifest: "{partition}/manifest.json"}'
    tree.edit("readings/defs.yaml", 'files: "{partition}.csv"', manifest)
    head, *rows = readings(DAY).splitlines(keepends=True)
    tree.drop("readings", f"{DAY}/1.csv", head + rows[0])
    tree.drop("readings", f"{DAY}/2.csv", head + "".join(rows[1:]))
    tree.drop("readings", f"{DAY}/manifest.json", '{"files": [{"name": "1.csv"}, {"name": "2.csv"}]}')
    tree.receive("readings", DAY)
    receipt = tree.lake.receipt(tree["readings"], DAY)
    assert receipt
    assert len(receipt.files) == 2
    told = why_bytes(tree.lake, receipt.sha256)
    assert told == why_bytes(tree.lake, receipt.files[1].sha256)
    assert told.splitlines()[0] == f"raw/readings {DAY}"


def test_record_that_is_damaged_is_named(filled: Tree) -> None:
    [record] = filled.store.path(f"_provenance/staged/readings/date={DAY}").iterdir()
    record.write_bytes(record.read_bytes()[:-20])
    with pytest.raises(Damaged, match=f"date={DAY}/{record.name}: it is no provenance any more"):
        why_published(filled.lake, filled["readings"], DAY)


def test_rows_in_quarantine_are_explained_too(tree: Tree) -> None:
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 99}))
    tree.run()
    sha256 = tree.store.sha256(f"quarantine/readings/date={DAY}/data.parquet")
    assert sha256
    assert why_bytes(tree.lake, sha256).startswith(f"quarantine/readings {DAY} · 1 rows")


def test_the_same_bytes_made_twice_have_a_record_each(filled: Tree) -> None:
    before = filled.lake.version("staged", filled["readings"], DAY)
    filled.edit("readings/schema.py", "Where", "Where it was")
    filled.run(now=NOW + timedelta(hours=1))
    assert filled.lake.version("staged", filled["readings"], DAY) == before, "a description changes no byte"
    assert before
    told = why_bytes(filled.lake, before).splitlines()
    assert len([line for line in told if line.startswith(f"staged/readings {DAY}")]) == 2


def test_what_is_not_from_here_is_said_to_be_so(filled: Tree) -> None:
    with pytest.raises(LookupError, match=r"nothing that was published or received here has the SHA-256 0{64}"):
        why_bytes(filled.lake, "0" * 64)
    with pytest.raises(LookupError, match="never delivered"):
        why_published(filled.lake, filled["readings"], "2024-01-20")


def test_the_code_is_the_commit_that_is_checked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["git", "-C", str(checkout.PROJECT), "rev-parse", "HEAD"]
    head = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    here = deployment.current({})
    found = here.made_by()
    assert (found.git_commit, found.image) == (head, None)
    assert "@" in found.identity
    monkeypatch.setenv("DATAOPS_COMMIT", "cd" * 20)
    assert here.made_by().git_commit == head, "a checkout knows better"
    monkeypatch.setattr(checkout, "_checked_out", lambda _: None)
    monkeypatch.setenv("DATAOPS_IMAGE", "sha256:1")
    image = here.made_by()
    assert (image.git_commit, image.clean, image.image) == ("cd" * 20, True, "sha256:1")
