"""A delivery of several parts: whoever is told of a row is told in which part it stands, and the row keeps its number."""

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataops_assets.cli import main
from dataops_assets.cli.correct import correct_dataset
from dataops_assets.corrections.writing import Wish
from dataops_assets.observe.partition import describe_partition
from dataops_assets_tests.steps.january import DAY, DAYS, short_tree
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

PLACE = f"6 (row 2 of {DAY}/b.csv)"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A day of two parts of four rows each; the second row of the second part is bad."""
    tree = short_tree(tmp_path)
    tree.edit("readings/defs.yaml", 'files: "{partition}.csv"', 'files: "{partition}/*.csv"\n    complete: {quiet: 1}')
    tree.drop("stations", "stations.csv", STATIONS)
    drop(tree, {"hour": 99})
    tree.run()
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    return tree


def drop(tree: Tree, change: dict[str, object]) -> None:
    later = readings(DAY, rows=8).splitlines(keepends=True)
    tree.drop("readings", f"{DAY}/a.csv", "".join(later[:1] + later[5:]))
    tree.drop("readings", f"{DAY}/b.csv", readings(DAY, {}, change))


def asked(*arguments: str) -> str:
    found = CliRunner().invoke(main.cli, arguments)
    assert found.exit_code in (0, 1), found.output
    return found.output


def test_row_that_breaks_a_rule_is_told_by_its_part(tree: Tree) -> None:
    assert f"row {PLACE}: station bergen" in describe_partition(tree.lake, tree["readings"], DAY, NOW)


def test_rejected_row_is_told_by_its_part_and_keeps_its_number(tree: Tree) -> None:
    assert tree.quarantine("readings", DAY)["row"].to_list() == [6]
    assert f"row {PLACE} of the delivery " in asked("quarantine", "readings", DAY)
    assert f"row {PLACE} of the delivery " in asked("quarantine", "readings", DAY, "--row", "6")


def test_released_row_is_told_by_its_part(tree: Tree) -> None:
    tree.edit("readings/schema.py", '"max_value": 23', '"max_value": 99')
    tree.run()
    told = describe_partition(tree.lake, tree["readings"], DAY, NOW)
    assert f"released row {PLACE}, rejected before by hour.in_range" in told


def test_tried_row_is_told_by_its_part(tree: Tree) -> None:
    files = [tree.landing.path(f"landing/readings/{DAY}/{name}.csv") for name in "ab"]
    told = asked("gate", "readings", *map(str, files), "--partition", DAY)
    assert "row 6 (row 2 of b.csv): station bergen" in told


def test_corrected_row_is_told_by_its_part(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    drop(tree, {})
    tree.run()
    said = {"reason": "x", "requested_by": "lab", "reference": "x", "valid_until": date(2030, 12, 31)}
    key = {"station": "bergen", "day": DAY, "hour": "0"}
    wish = Wish(key=key, where=None, changes={"temperature": "77"}, drop=False, add={}, said=said)
    correct_dataset(tree.lake, tree["readings"], DAY, wish, tree.defs, dry_run=True)
    assert f"the content gate would reject row {PLACE}: temperature.less_than_or_equal_to" in capsys.readouterr().out


def test_row_of_a_single_file_is_told_by_its_number(tree: Tree) -> None:
    tree.drop("readings", f"{DAYS[1]}/a.csv", readings(DAYS[1], {}, {"hour": 99}))
    tree.run()
    assert "row 2: station bergen" in describe_partition(tree.lake, tree["readings"], DAYS[1], NOW)
