"""How `dataops run` ends: what lies in landing and was not received is told, and what needs no hand is no warning."""

import io

from rich.console import Console

from dataops_assets.cli.summary import summarise
from dataops_assets_tests.trees import Tree, readings

YELLOW = "\x1b[33m"
EARLY = "landing/readings/2042-03-01.csv waits until 2042-03-01 is over"
STRAY = "landing/readings/z.txt belongs to no delivery"


def line(tree: Tree, text: str) -> str:
    """The line of the summary that holds the text, with its colours; empty if there is none."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, color_system="standard", width=300)
    summarise(tree.lake, [tree["readings"]], (), 0, 0.0, console)
    return next((line for line in written.getvalue().splitlines() if text in line), "")


def test_file_that_comes_early_is_no_warning_and_hides_none(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "    end: 2024-01-20\n", "")
    tree.drop("readings", "2042-03-01.csv", readings("2042-03-01"))
    assert line(tree, EARLY)
    assert YELLOW not in line(tree, EARLY)
    tree.drop("readings", "z.txt", "")
    assert line(tree, STRAY).startswith(YELLOW)
    assert "(1 more: " in line(tree, STRAY)
    assert not line(tree, EARLY)
