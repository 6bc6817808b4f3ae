"""How `dataops run` ends: what lies in landing and was not received is told, and what needs no hand is no warning."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from dataops_assets.cli.summary import summarise
from dataops_assets.observe.tally import tally_all
from dataops_assets_tests.steps.january import DAYS, short_tree
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

YELLOW = "\x1b[33m"
EARLY = "landing/readings/2042-03-01.csv waits until 2042-03-01 is over"
STRAY = "landing/readings/z.txt belongs to no delivery"


def line(tree: Tree, text: str) -> str:
    """The line of the summary that holds the text, with its colours; empty if there is none."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, color_system="standard", width=300)
    summarise(tree.lake, [tree["readings"]], (), 0, 0.0, console)
    return next((line for line in written.getvalue().splitlines() if text in line), "")


def ending(failures: list[str], runs: int) -> str:
    """What is told of the runs, on a tree without datasets."""
    written = io.StringIO()
    with TemporaryDirectory() as folder:
        summarise(Tree(Path(folder)).lake, [], failures, runs, 0.0, Console(file=written, width=300))
    return written.getvalue()


def test_last_line_counts_what_failed() -> None:
    assert "all that the contracts demand holds · 1 run · 0 s" in ending([], 1)
    assert "not all that the contracts demand holds · 2 runs · 1 failed · 0 s" in ending(["no room"], 2)
    many = ending([f"fault {number}" for number in range(22)], 30)
    assert "· 30 runs · 22 failed ·" in many
    assert "fault 19" in many
    assert "fault 20" not in many
    assert "… and 2 more failures" in many


def test_nobody_is_invited_to_break_a_dataset_that_is_not_here() -> None:
    assert "add your own" in ending([], 1)
    assert "flights" not in ending([], 1)


def test_file_that_comes_early_is_no_warning_and_hides_none(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "    end: 2024-01-20\n", "")
    tree.drop("readings", "2042-03-01.csv", readings("2042-03-01"))
    assert line(tree, EARLY)
    assert YELLOW not in line(tree, EARLY)
    tree.drop("readings", "z.txt", "")
    assert line(tree, STRAY).startswith(YELLOW)
    assert "(1 more: " in line(tree, STRAY)
    assert not line(tree, EARLY)


def test_what_another_run_has_published_meanwhile_is_not_told_as_missing(tmp_path: Path) -> None:
    tree = short_tree(tmp_path)
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS[:2]:
        tree.drop("readings", f"{day}.csv", readings(day))
    tree.run()
    seen = tree.lake.at_a_glance()
    assert tally_all(seen, tree["readings"], NOW).missing == [DAYS[2]]
    tree.drop("readings", f"{DAYS[2]}.csv", readings(DAYS[2]))
    tree.run()
    written = io.StringIO()
    summarise(seen, [tree["readings"]], (), 0, 0.0, Console(file=written, width=300))
    assert "all that the contracts demand holds" in written.getvalue()
    assert "missing" not in written.getvalue()


def test_rows_of_refused_deliveries_are_told_since_they_went_nowhere(tmp_path: Path) -> None:
    tree = short_tree(tmp_path)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAYS[0]}.csv", readings(DAYS[0]))
    tree.run()
    assert not line(tree, "of the rows in")
    tree.drop("readings", f"{DAYS[1]}.csv", readings(DAYS[1], *[{"temperature": "mild"}] * 4))
    tree.run()
    assert line(tree, "of the rows in, 4 are of deliveries that were refused")


def test_a_rule_in_shadow_is_not_named_among_those_that_rejected(tmp_path: Path) -> None:
    tree = short_tree(tmp_path)
    tree.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.5\n  rules: {hour.in_range: {shadow_until: 2024-12-31}}")
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAYS[0]}.csv", readings(DAYS[0], {"hour": 24}, {"temperature": 61}))
    tree.run()
    assert "1: temperature.less_than_or_equal_to 1" in line(tree, "staged/readings  ")
    assert "hour.in_range" not in line(tree, "staged/readings  ")


def test_what_is_not_as_demanded_does_not_hide_what_is_worth_a_look(tmp_path: Path) -> None:
    tree = short_tree(tmp_path)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAYS[0]}.csv", readings(DAYS[0], {"temperature": 61}))
    tree.run()
    assert line(tree, "1 of 4 rows rejected")
    tree.drop("readings", f"{DAYS[1]}.csv", readings(DAYS[1], *[{"temperature": "mild"}] * 4))
    tree.run()
    assert line(tree, "not as the contract demands")
    assert line(tree, "refused by its content gate")
    assert line(tree, "worth a look, the worst first")
    assert line(tree, "rows rejected by the rule")
