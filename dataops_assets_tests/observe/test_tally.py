from datetime import UTC, datetime
from pathlib import Path

from dataops_assets.observe.status import describe
from dataops_assets.observe.tally import tally_all
from dataops_assets_tests.trees import STATIONS, Tree, readings

EVENING_OF_THE_SECOND = datetime(2024, 1, 2, 23, 30, tzinfo=UTC)
"""In Oslo the third has begun: two days are over."""


def test_a_partition_is_expected_once_it_is_due(tmp_path: Path):
    tree = Tree(tmp_path)
    assert tally_all(tree.lake, tree["readings"], EVENING_OF_THE_SECOND).missing == ["2024-01-01", "2024-01-02"]
    tree.edit("readings/defs.yaml", "  tolerance: 0.5", "  due: 2 hours\n  tolerance: 0.5")
    assert tally_all(tree.lake, tree["readings"], EVENING_OF_THE_SECOND).missing == ["2024-01-01"]


def test_one_that_came_early_counts(tmp_path: Path):
    tree = Tree(tmp_path)
    tree.edit("readings/defs.yaml", "  tolerance: 0.5", "  due: 2 hours\n  tolerance: 0.5")
    tree.drop("stations", "stations.csv", STATIONS, written=datetime(2024, 1, 1, tzinfo=UTC))
    for day in ("2024-01-01", "2024-01-02"):
        tree.drop("readings", f"{day}.csv", readings(day), written=datetime(2024, 1, 2, 23, tzinfo=UTC))
    tree.run("stations", "readings", now=EVENING_OF_THE_SECOND)
    found = tally_all(tree.lake, tree["readings"], EVENING_OF_THE_SECOND)
    assert (found.expected, found.published, found.good) == (2, 2, 8)


def test_what_stays_published_is_counted_when_a_newer_delivery_is_refused(tmp_path: Path):
    tree = Tree(tmp_path)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", "2024-01-01.csv", readings("2024-01-01"))
    tree.run("stations", "readings")
    tree.drop("readings", "2024-01-01.csv", readings("2024-01-01", *[{"temperature": 999}] * 4))
    tree.run("readings")
    found = tally_all(tree.lake, tree["readings"], datetime(2024, 1, 2, 12, tzinfo=UTC))
    assert (found.good, found.refused, list(found.refusals)) == (4, 1, ["2024-01-01"])


def test_a_new_contract_leaves_work_to_be_run(tmp_path: Path):
    tree = Tree(tmp_path)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    now = datetime(2024, 1, 2, 12, tzinfo=UTC)
    assert tally_all(tree.lake, tree["stations"], now).pending == set()
    tree.edit("stations/schema.py", "ge=0", "ge=1")
    assert tally_all(tree.lake, tree["stations"], now).pending == {None}


def test_files_that_belong_to_no_delivery_are_named(tmp_path: Path):
    tree = Tree(tmp_path)
    for file in ("2024-1-4.csv", "2025-01-01.csv", "notes.txt", "2024-01-04.csv"):
        tree.drop("readings", file, "x")
    told = describe(tree.lake, tree["readings"], datetime(2024, 2, 1, tzinfo=UTC))
    assert all(f"landing/readings/{file} belongs to no" in told for file in ("2024-1-4.csv", "2025-01-01.csv", "notes.txt"))
    assert "2024-01-04.csv belongs" not in told
