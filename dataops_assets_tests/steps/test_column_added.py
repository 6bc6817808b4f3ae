"""A column that the provider has not always delivered: all that is published has one schema all the same."""

from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from dataops_assets.cli import main
from dataops_assets.gate import reading
from dataops_assets.observe.partition import describe_partition
from dataops_assets_tests.corrections.entries import correct
from dataops_assets_tests.steps.january import DAY, DAYS, short_tree
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

SINCE = DAYS[1]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """The first day is published; then the contract has a column more, and the second day comes with it."""
    tree = short_tree(tmp_path)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    tree.run()
    tree.edit("readings/schema.py", "    note: str", "    wind: pl.Float64 = pa.Field(nullable=True)\n    note: str")
    tree.drop("readings", f"{SINCE}.csv", with_wind(SINCE))
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    return tree


def with_wind(day: str, value: str = "2.5") -> str:
    header, *rows = readings(day).splitlines()
    return "\n".join([f"{header},wind", *(f"{row},{value}" for row in rows), ""])


def say_since(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "provider: The lab", f"provider: The lab\n    since: {{wind: {SINCE}}}")


@pytest.mark.parametrize("large", [False, True])
def test_what_came_before_it_is_filled_when_it_is_made_again(tree: Tree, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    monkeypatch.setattr(reading, "LARGE_BYTES", -1 if large else reading.LARGE_BYTES)
    say_since(tree)
    tree.run()
    before, after = tree.read("readings", DAY), tree.read("readings", SINCE)
    assert before.schema == after.schema
    assert before["wind"].to_list() == [None] * 4
    assert after["wind"].to_list() == [2.5] * 4
    files = tree.store.root / "staged" / "readings" / "**" / "*.parquet"
    assert pl.scan_parquet(files).collect().height == 8


def test_delivery_from_then_on_must_have_it(tree: Tree) -> None:
    say_since(tree)
    tree.drop("readings", f"{SINCE}.csv", readings(SINCE))
    tree.run()
    assert "columns: missing: wind" in describe_partition(tree.lake, tree["readings"], SINCE, NOW)


def test_earlier_delivery_that_has_it_is_read_with_it(tree: Tree) -> None:
    say_since(tree)
    tree.drop("readings", f"{DAY}.csv", with_wind(DAY, "7"))
    tree.run()
    assert tree.read("readings", DAY)["wind"].to_list() == [7.0] * 4


def test_whoever_forgets_to_say_so_is_told_how(tree: Tree) -> None:
    tree.run()
    told = describe_partition(tree.lake, tree["readings"], DAY, NOW)
    assert "columns: missing: wind" in told
    assert "is named under `source.since`, with the partition that it came with" in told


def test_file_that_is_tried_may_lack_it_as_well(tree: Tree, tmp_path: Path) -> None:
    say_since(tree)
    file = tmp_path / "tried.csv"
    file.write_text(readings(DAY), encoding="utf-8")
    tried = CliRunner().invoke(main.cli, ["gate", "readings", str(file), "--partition", DAY])
    assert tried.exit_code == 0, tried.output


def test_row_that_was_added_before_needs_no_word_of_it(tree: Tree) -> None:
    say_since(tree)
    row = {"station": "oslo", "day": DAY, "hour": 23, "temperature": 1, "note": "by hand"}
    correct(tree, "readings", {"partition": DAY, "add": row})
    tree.run()
    assert tree.read("readings", DAY).filter(hour=23).select("temperature", "note", "wind").row(0) == (1, "by hand", None)


def test_rejected_row_of_before_has_no_text_there(tree: Tree) -> None:
    say_since(tree)
    tree.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 99}))
    tree.run()
    assert tree.quarantine("readings", DAY)["wind"].to_list() == [None]
