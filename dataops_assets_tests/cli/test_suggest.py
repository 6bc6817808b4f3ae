"""`dataops suggest`: what the published history supports, told with its evidence, as a patch that a person applies."""

import subprocess

import pytest
from click.testing import CliRunner, Result

from dataops_assets.cli import main
from dataops_assets.gate.examples import failed_examples
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAYS = [f"2024-01-{day:02}" for day in range(1, 21)]


@pytest.fixture
def history(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Twenty days, published but for one, which the gate refuses."""
    tree.drop("stations", "stations.csv", STATIONS)
    for number, day in enumerate(DAYS):
        cold = [{"temperature": number % 5, "note": "dry"}] * 12
        tree.drop("readings", f"{day}.csv", "x" if day == DAYS[7] else readings(day, *cold, rows=12))
    tree.run()
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    monkeypatch.setattr("dataops_assets.catalog.DEFS", tree.defs)
    return tree


def suggest(name: str) -> Result:
    return CliRunner().invoke(main.cli, ["suggest", name])


def test_it_is_told_with_its_evidence_and_writes_nothing(history: Tree) -> None:
    before = {path: path.read_bytes() for path in history.defs.rglob("*") if path.is_file()}
    told = suggest("staged/readings").output
    assert told.startswith("readings: 1 rule that its history supports. To accept all: dataops suggest readings | git apply\n")
    assert "\n  temperature.not_null: nullable=False\n      no value is missing in 228 rows in 19 partitions\n" in told
    assert {path: path.read_bytes() for path in history.defs.rglob("*") if path.is_file()} == before


def test_what_is_printed_is_what_git_applies(history: Tree) -> None:
    told = suggest("readings").output
    subprocess.run(["git", "apply", "-"], input=told.encode(), cwd=history.root.parent, check=True, capture_output=True)
    history._lake = None
    assert failed_examples(history["readings"]) == []
    assert {outcome.status for outcome in history.receive("readings", *DAYS[:7]) + history.stage("readings", *DAYS[:7])} == {
        "done"
    }
    again = suggest("readings")
    assert (again.exit_code, again.output) == (0, "readings: nothing to suggest that is not declared already\n")


def test_too_little_is_told_with_what_is_needed(history: Tree) -> None:
    found = suggest("stations")
    assert found.exit_code == 1
    assert found.output == "Error: stations: 2 rows in 2 parts are too few to learn from: 100 in 10 are needed\n"


def test_nothing_was_published_yet(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    assert "0 rows in 0 partitions are too few" in suggest("readings").output


def test_a_table_is_dealt_into_parts(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    monkeypatch.setattr("dataops_assets.catalog.DEFS", tree.defs)
    tree.edit("stations/examples.yaml", "height: 94", "height: 9")
    letters = "abcdefghijklmnopqrstuvwxyz"
    rows = [f"{one}{other}x,{(index * 37) % 50}" for index, one in enumerate(letters) for other in letters[:10]]
    tree.drop("stations", "stations.csv", "station,height\n" + "\n".join(rows) + "\n")
    tree.run("stations", now=NOW)
    told = suggest("stations").output
    assert "height.less_than_or_equal_to: le=48\n      260 values in 30 parts; greatest 48, 10 times\n" in told


def test_what_is_twice_in_a_table_is_not_taken_for_unique_because_no_part_has_both(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    monkeypatch.setattr("dataops_assets.catalog.DEFS", tree.defs)
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [f"{one}{other}" for one in letters for other in letters]
    rows = "".join(f"{name},{number // 2}\n" for number, name in enumerate(names))
    tree.drop("stations", "stations.csv", f"station,height\n{rows}")
    tree.run("stations")
    assert "unique" not in suggest("stations").output
