"""What fails in a `dataops run`: it is tried once, told, and tried again by the next one."""

import re
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dataops_assets.cli.summary import summarise
from dataops_assets.components.launch import due
from dataops_assets.contract.policy import Zone
from dataops_assets.observe.partition import describe_partition
from dataops_assets_tests.checkout import make_checkout
from dataops_assets_tests.steps.january import DAY, DAYS, short_tree
from dataops_assets_tests.trees import GOOD, NOW, STATIONS, readings

FAILS = """
    from pathlib import Path


    def {function}:
        with Path("{notes}").open("a") as notes:
            notes.write(f"{said}\\n")
        raise ValueError("503 from the lab")
    """


def failing(function: str, notes: Path, said: str) -> str:
    return FAILS.format(function=function, notes=notes, said=said)


def test_what_fails_is_asked_once_by_each_run(tmp_path: Path):
    mine = make_checkout(tmp_path)
    for folder in (tmp_path / "dataops_assets/defs").iterdir():
        if folder.is_dir():
            folder.rename(tmp_path / folder.name)
    tree, notes = short_tree(tmp_path / "dataops_assets"), tmp_path / "notes"
    days = [f"2024-01-{number:02}" for number in range(1, 26)]
    tree.edit("readings/defs.yaml", f"end: {DAYS[-1]}", f"end: {days[-1]}")
    tree.write("readings/fetch.py", failing("fetch(partition, folder)", notes, "{partition}"))
    for file in ("schema.py", "examples.yaml"):
        tree.write(f"heights/{file}", GOOD[f"stations/{file}"])
    tree.write("heights/defs.yaml", GOOD["daily/defs.yaml"])
    tree.edit("heights/defs.yaml", "inputs: [readings, stations]", "inputs: [stations]")
    tree.edit("heights/defs.yaml", "key: [station, day]", "key: [station]")
    tree.edit("heights/defs.yaml", "partitions: {every: month, start: 2024-01, end: 2024-01, timezone: Europe/Oslo}", "")
    tree.write("heights/transform.py", failing("transform(stations)", notes, "heights"))
    landing = tmp_path / "data/landing/stations"
    landing.mkdir(parents=True)
    (landing / "stations.csv").write_text(STATIONS)

    for runs in (1, 2):
        told = mine.run("dataops", "run")
        assert told.returncode == 1, told.stdout + told.stderr
        assert "fetch failed: ValueError: 503 from the lab" in told.stdout
        assert sorted(notes.read_text().split()) == sorted([*days, "heights"] * runs)
        assert re.search(r"January 2024 .* · 0 refused · 25 failed · ", told.stdout), told.stdout
        assert "dataops_assets/defs/heights/transform.py:" in told.stdout
        assert "… and 6 more failures" in told.stdout


def test_what_failed_is_due_again_once_something_has_changed(tmp_path: Path):
    tree = short_tree(tmp_path)
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    tried: dict[tuple[Zone, str, str | None], Any] = {}

    def found() -> list[tuple[str | None, ...]]:
        return [run.partitions for run in due(tree.lake, "raw", [tree["readings"]], NOW, tried=tried)]

    assert (found(), found()) == ([(DAY,)], [])
    tree.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 1}))
    tree.drop("readings", f"{DAYS[2]}.csv", readings(DAYS[2]))
    assert (found(), found()) == ([(DAY,), (DAYS[2],)], [])


def test_what_a_run_has_fetched_is_not_told_as_one_that_is_not_whole(tmp_path: Path):
    tree = short_tree(tmp_path)
    tree.write(
        "readings/fetch.py",
        """
        def fetch(partition, folder):
            (folder / f"{partition}.csv").write_text("station,day,hour,temperature,note\\n" + f"oslo,{partition},1,1.5,\\n")
        """,
    )
    tree.edit("readings/defs.yaml", "rows: [0.5, 2]", "rows: [0.5, 2]\n    complete: {quiet: 600}")
    [received] = tree.receive("readings", DAY, now=datetime.now(UTC))
    assert received.status == "done", received.reason
    tree.drop("readings", f"{DAYS[2]}.csv", readings(DAYS[2]), written=datetime.now(UTC))
    console = Console(file=StringIO(), width=200)
    summarise(tree.lake, [tree["readings"]], [], 1, 1.0, console)
    told = [line for line in console.file.getvalue().splitlines() if "is not whole" in line]  # type: ignore[attr-defined]
    assert [line.partition(":")[0] for line in told] == [f"readings {DAYS[2]}"]
    now = datetime.now(UTC)
    assert "lies in landing" not in describe_partition(tree.lake, tree["readings"], DAY, now)
    assert "a delivery lies in landing" in describe_partition(tree.lake, tree["readings"], DAYS[2], now)


@pytest.mark.parametrize("text", ["run_launcher: [", "no_such_key: 1", "run_storage: {module: nowhere, class: Nobody}"])
def test_records_that_dagster_cannot_open_are_told_in_a_line(tmp_path: Path, text: str):
    mine = make_checkout(tmp_path)
    (tmp_path / "dagster.yaml").write_text(f"{text}\n")
    told = mine.run("dataops", "run")
    assert told.returncode == 1
    assert told.stderr.startswith(f"Error: {tmp_path}/dagster.yaml: Dagster cannot use it: "), told.stderr
    assert "Traceback" not in told.stdout + told.stderr
    assert told.stderr.count("\n") == 1
    assert len(told.stderr) < 600
