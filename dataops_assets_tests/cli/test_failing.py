"""What fails in a `dataops run`: it is tried once, told, and tried again by the next one."""

import re
from pathlib import Path
from typing import Any

from dataops_assets.components.launch import due
from dataops_assets.contract.policy import Zone
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
        assert told.stdout.count("fetch failed: ValueError: 503 from the lab") == len(DAYS), told.stdout
        assert sorted(notes.read_text().split()) == sorted([*DAYS, "heights"] * runs)
        assert re.search(r"January 2024 .* · 0 refused · 3 failed · ", told.stdout), told.stdout
        assert "dataops_assets/defs/heights/transform.py:" in told.stdout


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
