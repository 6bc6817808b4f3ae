"""What was never delivered: holes and what is late are named, in every place where a person looks, until they come."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataops_assets.observe.awaited import Awaited, awaited
from dataops_assets.observe.findings import findings
from dataops_assets.observe.partition import describe_partition
from dataops_assets.observe.status import describe, overview
from dataops_assets.observe.tally import tally_all
from dataops_assets.storage.folder import Folder
from dataops_assets_tests.trees import STATIONS, Tree, readings

NOON = datetime(2024, 1, 9, 12, tzinfo=UTC)
"""Eight days are over in Oslo; the eighth has ended at 23:00 UTC."""
HOLES = "3 never delivered, although later ones were: 2024-01-02, 2024-01-04 to 2024-01-05"
LATE = "2 not delivered yet: 2024-01-07 to 2024-01-08"


def deliver(tree: Tree, *days: int) -> None:
    for day in days:
        key = f"2024-01-{day:02}"
        tree.drop("readings", f"{key}.csv", readings(key), written=NOON - timedelta(hours=1))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Days without an end; the first, the third and the sixth were delivered."""
    tree = Tree(tmp_path)
    tree.edit("readings/defs.yaml", "    end: 2024-01-20\n", "")
    tree.edit("readings/defs.yaml", "  tolerance: 0.5", "  due: 2 hours\n  tolerance: 0.5")
    tree.drop("stations", "stations.csv", STATIONS, written=NOON - timedelta(hours=1))
    deliver(tree, 1, 3, 6)
    tree.run("stations", "readings", now=NOON)
    return tree


def found(tree: Tree, now: datetime = NOON) -> Awaited:
    return awaited(tree.lake, tree["readings"], now)


def told(tree: Tree, now: datetime = NOON) -> str:
    return re.sub(r"\s+", " ", describe(tree.lake, tree["readings"], now))


def days(*numbers: int) -> tuple[str, ...]:
    return tuple(f"2024-01-{number:02}" for number in numbers)


def test_holes_are_told_from_what_is_late_and_each_is_named_once(tree: Tree) -> None:
    assert found(tree) == Awaited(holes=days(2, 4, 5), late=days(7, 8))
    holes, late = (
        f"{HOLES}, the first due since 2024-01-03 01:00:00 UTC",
        f"{LATE}, the first due since 2024-01-08 01:00:00 UTC",
    )
    answer = told(tree)
    assert f"{holes} {late}" in answer
    assert "missing:" not in answer
    assert "5 missing; partitions published: 3 of 8" in answer
    [finding] = findings(tree.lake, [(tree["readings"], tally_all(tree.lake, tree["readings"], NOON))], NOON)
    assert finding.told == f"staged/readings: 5 of 8 partitions: {holes}; {late}; lab owns it, The lab delivers it"
    assert (finding.unmet, finding.partition) == (True, "2024-01-02")
    assert f"staged/readings: {holes}; {late}" in overview(tree.lake, NOON).replace("\n", " ")


def test_one_is_late_from_its_deadline_on_and_no_more_once_it_came(tree: Tree) -> None:
    deliver(tree, 2, 4, 5, 7)
    tree.run("readings", now=NOON)
    assert found(tree, datetime(2024, 1, 9, 0, 59, tzinfo=UTC)) == Awaited()
    due = datetime(2024, 1, 9, 1, tzinfo=UTC)
    assert found(tree, due) == Awaited(late=days(8))
    assert "not delivered yet: 2024-01-08, due since 2024-01-09 01:00:00 UTC" in told(tree, due)
    page = describe_partition(tree.lake, tree["readings"], "2024-01-08", due)
    assert "nothing was received, due since 2024-01-09 01:00:00 UTC" in page
    assert "due since" not in describe_partition(tree.lake, tree["readings"], "2024-01-08", due - timedelta(minutes=1))
    deliver(tree, 8)
    assert found(tree) == Awaited(), "it lies in landing, whole, and waits for a run"
    assert "missing: 1, the first: staged/readings 2024-01-08 is not published" in told(tree)
    tree.run("readings", now=NOON)
    assert (found(tree), "not delivered" in told(tree)) == (Awaited(), False)


def test_what_is_not_whole_has_not_come(tree: Tree) -> None:
    deliver(tree, 2)
    tree.edit(
        "readings/defs.yaml", 'files: "{partition}.csv"', 'files: "{partition}.csv"\n    complete: {marker: "{partition}.done"}'
    )
    assert found(tree).holes == days(2, 4, 5)


def test_a_declared_gap_is_no_hole_and_what_was_refused_has_come(tree: Tree) -> None:
    gaps = "\n".join(f"    - {{partition: {day}, reason: a holiday}}" for day in days(4, 5, 8))
    tree.edit("readings/defs.yaml", "  key:", f"  gaps:\n{gaps}\n  key:")
    tree.drop("readings", "2024-01-02.csv", "nonsense\n1\n", written=NOON - timedelta(hours=1))
    tree.run("readings", now=NOON)
    assert found(tree) == Awaited(late=days(7))


def test_where_all_is_over_nothing_is_late(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "start: 2024-01-01\n", "start: 2024-01-01\n    end: 2024-01-07\n")
    answer = told(tree)
    assert f"{HOLES} 1 not delivered: 2024-01-07 " in answer
    assert "due since" not in answer


def test_a_table_and_a_product_await_nothing(tree: Tree) -> None:
    assert awaited(tree.lake, tree["daily"], NOON) == awaited(tree.lake, tree["stations"], NOON) == Awaited()


def test_a_branch_that_may_not_look_into_prod_says_that_it_may_not(tree: Tree) -> None:
    branch = replace(tree.lake, store=Folder(tree.root / "branch"), base=tree.store)
    assert awaited(branch, tree["readings"], NOON) == Awaited()
    assert "not to be read from prod" in describe(branch, tree["readings"], NOON).replace("\n              ", " ")


def test_table_that_is_older_than_it_may_be_is_told_until_it_is_delivered_again(tree: Tree) -> None:
    tree.edit("stations/defs.yaml", "  key:", "  due: 10 days\n  key:")
    then, late = NOON + timedelta(days=9), NOON + timedelta(days=11)
    stations = tree["stations"]
    assert awaited(tree.lake, stations, then) == Awaited()
    assert awaited(tree.lake, stations, late) == Awaited(old_since=NOON + timedelta(days=10))
    said = "no newer delivery has come, due since 2024-01-19 12:00:00 UTC"
    assert said in describe(tree.lake, stations, late)
    assert "is it good    late; partitions published: 1 of 1" in describe(tree.lake, stations, late)
    assert [line.split()[0] for line in overview(tree.lake, late).splitlines() if " late " in line] == ["staged/stations"]
    [finding] = findings(tree.lake, [(stations, tally_all(tree.lake, stations, late))], late)
    assert finding.told == f"staged/stations: {said}; lab owns it, The lab delivers it"
    assert (finding.unmet, finding.partition, finding.check) == (True, None, "arrivals")
    tree.drop("stations", "stations.csv", STATIONS, written=late - timedelta(hours=1))  # the same bytes
    assert awaited(tree.lake, stations, late) == Awaited()
    tree.run("stations", now=late)
    assert awaited(tree.lake, stations, late) == Awaited()


def test_table_that_never_came_is_missing_and_one_without_due_or_past_its_end_is_never_old(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.edit("stations/defs.yaml", "  key:", "  due: 10 days\n  key:")
    much_later = NOON + timedelta(days=900)
    assert awaited(tree.lake, tree["stations"], much_later) == Awaited()
    assert tally_all(tree.lake, tree["stations"], much_later).unmade == [None]
    tree.drop("stations", "stations.csv", STATIONS, written=NOON - timedelta(hours=1))
    tree.run("stations", now=NOON)
    assert awaited(tree.lake, tree["stations"], much_later).old_since
    tree.write("stations/fetch.py", "def fetch(partition, folder): ...\n")
    assert awaited(tree.lake, tree["stations"], much_later) == Awaited(), "nobody is late: it was fetched, which is done once"
    tree.remove("stations/fetch.py")
    tree.edit("stations/defs.yaml", "  due: 10 days\n", "")
    assert awaited(tree.lake, tree["stations"], much_later) == Awaited()
