"""What `dataops run` would do, and why, before it does it."""

from pathlib import Path

import pytest

from dataops_assets.observe import plan
from dataops_assets.storage import mark
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAYS = [f"2024-01-{day:02}" for day in range(1, 21)]
FIX = """
    - partition: 2024-01-02
      key: {station: oslo, day: 2024-01-02, hour: 0}
      set: {temperature: {from: 0.5, to: 1.5}}
      reason: it was read wrongly
      requested_by: lab
      reference: the log of the station
      valid_until: 2030-12-31
    """


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """All is made."""
    tree = Tree(tmp_path)
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS:
        tree.drop("readings", f"{day}.csv", readings(day))
    tree.run()
    return tree


def planned(tree: Tree, *names: str) -> list[str]:
    datasets = [tree[name] for name in names] or list(tree.lake.catalog)
    return [str(one) for one in plan.planned(tree.lake, datasets, NOW)]


def test_nothing_is_planned_where_all_is_made(tree: Tree) -> None:
    assert planned(tree) == []


def test_a_delivery_is_planned_with_all_that_may_follow_from_it(tree: Tree) -> None:
    tree.drop("readings", "2024-01-02.csv", readings("2024-01-02", {"temperature": 7}))
    assert planned(tree) == [
        "raw/readings: 1 day, 2024-01-02: something was delivered",
        "staged/readings: 1 day, 2024-01-02: after it was received",
        "curated/daily: 1 month, 2024-01: if readings comes out otherwise",
    ]
    assert planned(tree, "daily") == []
    tree.run()
    assert planned(tree) == []


def test_what_waits_for_a_reference_is_planned_only_if_that_is(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.drop("readings", "2024-01-02.csv", readings("2024-01-02"))
    waits = "staged/readings: 1 day, 2024-01-02: not before staged/stations can be read"
    assert planned(tree) == ["raw/readings: 1 day, 2024-01-02: something was delivered", waits]
    tree.run()
    assert planned(tree) == [waits]
    tree.drop("stations", "stations.csv", STATIONS)
    assert planned(tree, "readings") == [waits]
    assert planned(tree)[-1] == "staged/readings: 1 day, 2024-01-02: after staged/stations"
    tree.run()
    assert planned(tree) == []


def test_another_contract_is_planned_over_all_partitions(tree: Tree) -> None:
    tree.edit("readings/schema.py", "le=60", "le=61")
    tree.edit("readings/examples.yaml", "temperature: 61", "temperature: 62")
    assert planned(tree)[:2] == [
        "raw/readings: 20 days, 2024-01-01 to 2024-01-20: its contract is another",
        "staged/readings: 20 days, 2024-01-01 to 2024-01-20: after it was received",
    ]


def test_a_correction_is_planned_for_its_partition(tree: Tree) -> None:
    tree.write("readings/corrections.yaml", FIX)
    assert planned(tree, "readings") == ["staged/readings: 1 day, 2024-01-02: its corrections are others"]
    tree.run()
    tree.remove("readings/corrections.yaml")
    assert planned(tree, "readings") == ["staged/readings: 1 day, 2024-01-02: its corrections are others"]


def test_what_is_looked_up_in_is_named(tree: Tree) -> None:
    tree.drop("stations", "stations.csv", STATIONS.replace("94", "95"))
    assert planned(tree)[2:] == [
        "staged/readings: 20 days, 2024-01-01 to 2024-01-20: if stations comes out otherwise",
        "curated/daily: 1 month, 2024-01: if readings or stations comes out otherwise",
    ]
    tree.run("stations")
    assert planned(tree, "readings") == ["staged/readings: 20 days, 2024-01-01 to 2024-01-20: stations is another"]


def test_what_died_before_it_ended_is_planned_again(tree: Tree) -> None:
    for day in ("2024-01-02", "2024-01-04", "2024-01-05"):
        tree.store.path(f"staged/readings/date={day}/data.parquet").unlink()
    rows = "2024-01-02, 2024-01-04 to 2024-01-05"
    assert planned(tree, "readings") == [f"staged/readings: 3 days, {rows}: the run before did not end"]


def test_what_is_not_there_and_will_not_be_is_not_planned(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", "2024-01-01.csv", readings("2024-01-01"))
    assert planned(tree)[2:] == [
        "raw/readings: 1 day, 2024-01-01: something was delivered",
        "staged/readings: 1 day, 2024-01-01: after it was received",
    ]


def test_what_prod_would_refuse_is_planned_as_that(tree: Tree) -> None:
    mark.leave(tree.store, "pipeline")
    tree.edit("readings/schema.py", "hour: pl.Int8", "hour: pl.Int16")
    told = planned(tree, "readings")
    assert told[0] == "raw/readings: 20 days, 2024-01-01 to 2024-01-20: its contract is another"
    assert told[1].startswith(
        "staged/readings: 20 days, 2024-01-01 to 2024-01-20: will be refused, for its contract breaks with"
    )
    assert "column `hour` was Int8 and is Int16" in told[1]


def test_what_was_never_judged_says_so(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.drop("stations", "stations.csv", STATIONS)
    assert planned(tree, "stations") == ["raw/stations: something was delivered", "staged/stations: after it was received"]
    tree.receive("stations")
    assert planned(tree, "stations") == ["staged/stations: it was never judged"]
