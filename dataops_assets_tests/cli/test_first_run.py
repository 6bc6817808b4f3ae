"""The way of a new user, at a prompt: deliver, run, look, break, mend. Every command runs as a process of its own."""

import gzip
import json
import shutil
import signal
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from dataops_assets.catalog import load_catalog
from dataops_assets.components.launch import TAKEN_ON_TAG
from dataops_assets_tests.checkout import BIN, LAST, PROJECT, Checkout, make_checkout, obey_ctrl_c, serving


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone in which everything was delivered and run once."""
    checkout = make_checkout(tmp_path_factory.mktemp("clone"))
    delivered = checkout.run("dataops", "deliver")
    assert delivered.returncode == 0, delivered.stderr
    (checkout.root / f"data/landing/weather/weather-{LAST}.csv").unlink()
    ran = checkout.run("dataops", "run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (checkout.root / "first-run.txt").write_text(ran.stdout)
    return checkout


def test_the_first_run_tells_what_it_did(clone: Checkout):
    told = " ".join((clone.root / "first-run.txt").read_text().split())
    assert "January 2013 5 days · 4," in told
    assert "staged/flights 5/5 4,334 4,334 0 0 0" in told
    assert "staged/airports 1/1 1,458 1,458 0 0 0" in told
    assert "all that the contracts demand holds · 6 runs" in told


def test_the_first_run_ends_in_25_lines_with_three_invitations(clone: Checkout):
    lines = (clone.root / "first-run.txt").read_text().splitlines()
    end = lines[lines.index("worth a look, the worst first") :]
    assert len(end) <= 25
    assert [line.split("  ")[0] for line in end[-3:]] == ["look", "break it", "add your own"]
    looks = [line.split() for line in end[1:7:2]], [line.split() for line in end[2:7:2]]
    assert len(looks[0]) == len(looks[1]) == 3
    for words in looks[1]:
        asked = clone.run(*words[: words.index("·")])
        assert asked.returncode == 0, asked.stdout
        assert words[-1].startswith("http://127.0.0.1:3000/assets/")


def test_a_second_run_does_nothing_and_says_so(clone: Checkout):
    again = clone.run("dataops", "run")
    assert again.returncode == 0
    assert "nothing was pending" in again.stdout
    assert "· 0 runs ·" in again.stdout


def test_what_waits_for_another_dataset_says_for_which(tmp_path: Path):
    mine = make_checkout(tmp_path)
    for words in (("deliver", "flights", "2013-01-03"), ("deliver", "airports"), ("run", "airports")):
        assert mine.run("dataops", *words).returncode == 0
    for told in (mine.run("dataops", "run", "flights"), mine.run("dataops", "run", "flights")):
        assert told.returncode == 1
        assert "staged/flights 2013-01-03 is not published: its gate waits for what it looks values up in" in told.stdout
        assert "Deliver that, then `dataops run airlines planes flights`" in told.stdout
    assert "nothing can be run yet: flights waits for staged/airlines, staged/planes\n" in told.stdout
    assert "nothing was pending" not in told.stdout


def test_a_run_of_nothing_but_a_delivery_that_is_not_whole_says_so_first(tmp_path: Path):
    mine = make_checkout(tmp_path)
    assert mine.run("dataops", "deliver", "flights", "2013-01-03").returncode == 0
    (mine.root / "data/landing/flights/2013-01-03/manifest.json").unlink()
    told = mine.run("dataops", "run", "flights").stdout
    assert told.startswith("nothing can be run yet: 1 delivery is not whole\n")
    assert "flights 2013-01-03: the delivery is not whole, waiting for 2013-01-03/manifest.json" in told
    assert "nothing was pending" not in told


def test_a_flipped_byte_is_told_and_made_again(clone: Checkout, tmp_path: Path):
    mine = Checkout(tmp_path / "mine")
    shutil.copytree(clone.root, mine.root)
    damaged = mine.root / "data/staged/flights/date=2013-01-02/data.parquet"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    told = f"{damaged} is not what was written: it was damaged or edited"
    assert f"{told}; `dataops run flights` makes it again" in mine.run("dataops", "status", "flights", "2013-01-02").stdout
    assert "flights: 1 day, 2013-01-02: what lies there is not what was written" in mine.run("dataops", "plan").stdout
    done = mine.run("dataops", "run", "flights")
    assert (done.returncode, f"{told}; it was made again" in done.stdout) == (0, True), done.stdout + done.stderr
    assert damaged.read_bytes() == whole
    assert "not what was written" not in mine.run("dataops", "status", "flights", "2013-01-02").stdout


def test_what_was_published_is_read_without_us(clone: Checkout):
    files = str(clone.root / "data/staged/flights/**/*.parquet")
    counted = pl.scan_parquet(files, hive_partitioning=True).group_by("date").len().collect()
    assert counted["len"].sum() == 4334


def test_a_declared_gap_is_present_and_empty(clone: Checkout):
    gap = pl.read_parquet(clone.root / "data/staged/weather/date=2013-01-05/data.parquet", hive_partitioning=False)
    assert gap.height == 0
    assert "temp" in gap.columns


def test_status_answers(clone: Checkout):
    told = clone.run("dataops", "status", "flights").stdout
    for answer in ("Bureau of Transportation Statistics", "analysts", "7 years", "flight-operations"):
        assert answer in told


@pytest.mark.parametrize(
    "command", [("check", "toml"), ("check", "yaml"), ("check", "defs"), ("list", "defs"), ("list", "components")]
)
def test_dg_commands_work(clone: Checkout, command: tuple[str, ...]):
    done = clone.run("dg", *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dg_launch_takes_one_partition_or_a_range(clone: Checkout):
    one = clone.run("dg", "launch", "--assets", "raw/flights,staged/flights", "--partition", "2013-01-03")
    assert one.returncode == 0, one.stdout + one.stderr
    several = clone.run("dg", "launch", "--assets", "staged/flights", "--partition-range", "2013-01-01...2013-01-04")
    assert several.returncode == 0, several.stdout + several.stderr


def test_a_mistake_in_a_contract_is_told_with_file_and_line(tmp_path: Path):
    checkout = make_checkout(tmp_path)
    checkout.edit("defs/aviation/flights/defs.yaml", "owner: flight-operations", "owner: flight-operation")
    told = checkout.run("dataops", "run")
    assert told.returncode == 1
    assert "defs/aviation/flights/defs.yaml:4: unknown owner `flight-operation`" in told.stderr
    assert "did you mean `flight-operations`?" in told.stderr
    assert "Traceback" not in told.stderr
    for folder in (checkout.root, checkout.root / "dataops_assets/defs/aviation", tmp_path.parent):
        asked = subprocess.run(
            [BIN / "dataops", "plan"], cwd=folder, env=checkout.environment, capture_output=True, text=True, check=False
        )
        file, line, *_ = asked.stderr.splitlines()[1].split(":")
        assert (folder / file).samefile(checkout.root / "dataops_assets/defs/aviation/flights/defs.yaml"), file
        assert line == "4"
    assert "defs/aviation/flights/defs.yaml:4" in checkout.run("dg", "check", "defs").stdout


def test_an_asset_written_by_hand_that_reads_to_its_right_does_not_load(tmp_path: Path):
    checkout = make_checkout(tmp_path)
    (checkout.root / "dataops_assets/defs/mine.py").write_text(
        """import dagster as dg\n\n\n@dg.asset(key=["staged", "mine"], deps=[["curated", "routes"]])\ndef mine(): ...\n"""
    )
    told = checkout.run("dg", "check", "defs")
    assert told.returncode == 1
    assert "staged/mine reads curated/routes, but staged is made from raw or staged alone" in " ".join(told.stdout.split())


def test_a_broken_delivery_is_refused_and_a_good_one_heals(clone: Checkout, tmp_path: Path):
    mine = Checkout(tmp_path / "mine")
    shutil.copytree(clone.root, mine.root)
    landed = mine.root / "data/landing/flights/2013-01-03"
    text = gzip.decompress((landed / "flights.csv.gz").read_bytes()).replace(b"dep_time,", b"departure,", 1)
    (landed / "flights.csv.gz").write_bytes(gzip.compress(text))
    (landed / "manifest.json").write_text(json.dumps({"files": [{"name": "flights.csv.gz"}]}))
    refused = mine.run("dataops", "run", "flights")
    assert refused.returncode == 1
    assert "dep_time seems to be renamed departure" in refused.stdout
    assert refused.stdout.count("renamed departure") == 1, "told once"
    assert pl.read_parquet(mine.root / "data/staged/flights/date=2013-01-03/data.parquet").height == 914
    mine.run("dataops", "deliver", "flights", "2013-01-03")
    healed = mine.run("dataops", "run", "flights")
    assert healed.returncode == 0, healed.stdout
    receipts = list((mine.root / "data/raw/flights/date=2013-01-03/_deliveries").iterdir())
    assert len(receipts) == 3


@pytest.fixture
def webserver(clone: Checkout) -> Iterator[str]:
    """The UI over the clone, started bare in its folder."""
    with serving(clone, "dagster-webserver", "--host", "127.0.0.1") as address:
        yield address


def _ask(address: str, query: str) -> Any:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


def test_the_ui_shows_runs_and_assets_of_the_command_line(webserver: str):
    asked = _ask(
        webserver,
        """{ runsOrError { ... on Runs { results { status } } }
             assetNodes { assetKey { path } groupName description kinds
                          owners { ... on TeamAssetOwner { team } }
                          partitionStats { numMaterialized numPartitions }
                          assetMaterializations(limit: 1) { runId }
                          metadataEntries { label } } }""",
    )
    assert {run["status"] for run in asked["runsOrError"]["results"]} == {"SUCCESS"}
    nodes = {"/".join(node["assetKey"]["path"]): node for node in asked["assetNodes"]}
    assert not nodes.pop("adhoc")["assetMaterializations"]  # nobody has made an area, and each has an owner of its own
    assert nodes["staged/flights"]["partitionStats"] == {"numMaterialized": 5, "numPartitions": 5}
    assert [name for name, node in nodes.items() if not node["assetMaterializations"]] == [], "nothing is grey"
    for node in nodes.values():
        assert node["description"]
        assert node["kinds"]
        assert node["owners"][0]["team"]
        labels = {entry["label"] for entry in node["metadataEntries"]}
        assert {"keep_until", "readers", "classification"} <= labels
    zones = {"landing", "raw", "staged", "quarantine", "curated"}
    assert {node["groupName"] for node in nodes.values()} == {*zones, "corrections", "gate_results"}


def test_dg_dev_shows_the_same(webserver: str, clone: Checkout, tmp_path: Path):
    mine = Checkout(tmp_path / "mine")  # its sensors may run something
    shutil.copytree(clone.root, mine.root)
    query = "{ assetNodes { assetKey { path } partitionStats { numMaterialized } assetMaterializations(limit: 1) { runId } } }"
    with serving(mine, "dg", "dev") as address:
        shown = _ask(address, query)
    assert shown == _ask(webserver, query)
    assert len(shown["assetNodes"]) > 20


def _launched(checkout: Checkout) -> dict[str, set[str]]:
    """The runs that `dataops run` has launched, with the names of their tags."""
    with sqlite3.connect(checkout.root / ".dagster/history/runs.db") as runs:
        tags = runs.execute("SELECT run_id, key FROM run_tags").fetchall()
    found = {run: {key for of, key in tags if of == run} for run, _ in tags}
    return {run: keys for run, keys in found.items() if "dataops/launched_by" in keys}


def test_only_a_run_over_everything_says_that_it_takes_on_what_follows(clone: Checkout, tmp_path: Path):
    whole = _launched(clone)
    assert len(whole) == 7  # 6, and one for the tables of what the gates found
    assert all(TAKEN_ON_TAG in tags for tags in whole.values())
    mine = Checkout(tmp_path / "mine")
    shutil.copytree(clone.root, mine.root)
    assert mine.run("dataops", "deliver", "flights", "2013-01-03", "--fault", "duplicate-rows").returncode == 0
    as_many_as_there_are = ["flights"] * len(load_catalog().datasets)
    done = mine.run("dataops", "run", *as_many_as_there_are)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("\nstaged/flights ") == 1, "told once, however often it was named"
    one = {run: tags for run, tags in _launched(mine).items() if run not in whole}
    assert len(one) == 3
    assert not any(TAKEN_ON_TAG in tags for tags in one.values())


def test_what_dagster_was_never_told_is_told_by_the_next_run(clone: Checkout, tmp_path: Path):
    mine = Checkout(tmp_path / "mine")
    shutil.copytree(clone.root, mine.root)
    published = mine.root / "data/staged/flights/date=2013-01-03/data.parquet"
    before = published.stat().st_mtime_ns
    mine.run("dataops", "deliver", "flights", "2013-01-04", "--fault", "renamed-column")
    assert mine.run("dataops", "run", "flights").returncode == 1
    shutil.rmtree(mine.root / ".dagster")
    again = mine.run("dataops", "run")
    assert again.returncode == 1, "one day stays refused"
    assert "nothing was pending" not in again.stdout
    assert published.stat().st_mtime_ns == before
    with sqlite3.connect(mine.root / ".dagster/history/runs/index.db") as index:
        query = """SELECT asset_key, partition, execution_status FROM asset_check_executions
            WHERE asset_key LIKE '%flights%' ORDER BY execution_status, partition"""
        told = index.execute(query).fetchall()
    assert len(told) == 11, "five days of raw and of staged, and that nothing is awaited"
    assert [execution for execution in told if execution[-1] != "SUCCEEDED"] == [('["raw", "flights"]', "2013-01-04", "FAILED")]
    third = mine.run("dataops", "run")
    assert "nothing was pending" in third.stdout
    assert "renamed time_hour_new" in third.stdout


def in_the_background() -> None:
    """For what is started: as a script starts what it does not wait for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def stopped_in_its_midst(
    clone: Checkout, root: Path, by: signal.Signals, started: Callable[[], None] = obey_ctrl_c
) -> tuple[Checkout, int, str]:
    """A run that gets a signal as soon as something lies in raw; and how it ended."""
    mine = Checkout(root)
    shutil.copytree(
        clone.root, mine.root, ignore=shutil.ignore_patterns(".dagster", "staged", "raw", "curated", "_verdicts", "_provenance")
    )
    process = subprocess.Popen(
        [str(BIN / "dataops"), "run"],
        cwd=mine.root,
        env=mine.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=started,
    )
    raw = mine.root / "data/raw/flights"
    until = time.monotonic() + 60
    while not raw.exists() and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(by)
    _, told = process.communicate(timeout=60)
    return mine, process.returncode, told


@pytest.mark.parametrize(
    ("by", "started"),
    [(signal.SIGINT, obey_ctrl_c), (signal.SIGTERM, in_the_background)],
    ids=["Ctrl-C", "ended by what started it"],
)
def test_a_run_stops_when_asked_and_the_next_goes_on(
    clone: Checkout, tmp_path: Path, by: signal.Signals, started: Callable[[], None]
):
    mine, code, told = stopped_in_its_midst(clone, tmp_path / "mine", by, started)
    assert code == 130, told
    assert "stopped: what is published stays" in told
    again = mine.run("dataops", "run")
    assert again.returncode == 0, again.stdout


def test_what_a_killed_run_left_open_is_ended_by_the_next(clone: Checkout, tmp_path: Path):
    mine, code, _ = stopped_in_its_midst(clone, tmp_path / "mine", signal.SIGKILL)
    assert code == -signal.SIGKILL

    def statuses() -> list[str]:
        with dg.DagsterInstance.local_temp(str(mine.root / ".dagster")) as instance:
            return [run.status.value for run in instance.get_runs()]

    assert "STARTED" in statuses()
    again = mine.run("dataops", "run")
    assert again.returncode == 0, again.stdout
    assert sorted(set(statuses())) == ["FAILURE", "SUCCESS"]


def test_the_instance_of_make_dev_is_this_folders(clone: Checkout):
    shutil.copy(PROJECT / "Makefile", clone.root)
    (line,) = [line for line in (clone.root / "Makefile").read_text().splitlines() if "from_config" in line]
    code = line.split("'")[1].replace('\\"', '"')
    assert clone.run("python", "-c", code).returncode == 0
