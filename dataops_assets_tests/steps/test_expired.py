"""What has been kept for as long as it should, and was ended by a rule of the bucket, is not made again by itself."""

from datetime import timedelta

import pytest

from dataops_assets.observe.awaited import awaited
from dataops_assets.observe.tally import tally_all
from dataops_assets.storage import layout
from dataops_assets_tests.steps.january import DAY, DAYS, MONTH, short_tree, statuses
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

KEPT = {"staged": timedelta(days=2 * 365), "raw": timedelta(days=7 * 365)}
SOON = timedelta(days=1)


@pytest.fixture
def made(tree: Tree) -> Tree:
    """Three days and their month, published."""
    short_tree(tree.root)
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS:
        tree.drop("readings", f"{day}.csv", readings(day))
    tree.run()
    return tree


def expire(tree: Tree, *prefixes: str) -> None:
    """Remove what lies below, as a rule of the bucket does."""
    keys = [entry.key for prefix in prefixes for entry in tree.store.list(prefix)]
    assert keys
    tree.store.remove(keys)


def test_a_partition_that_is_gone_before_its_term_is_made_again(made: Tree) -> None:
    expire(made, f"staged/readings/date={DAY}")
    assert made.pending("staged", "readings", NOW + KEPT["staged"] - SOON) == [DAY]


def test_a_partition_that_has_expired_is_not_pending_nor_missing(made: Tree) -> None:
    later = NOW + KEPT["staged"] + SOON
    expire(made, "staged/readings", "curated/daily")
    for name in ("readings", "daily"):
        assert made.pending(made[name].zone, name, later) == []
        found = tally_all(made.lake, made[name], later)
        assert (found.expected, found.missing, found.pending) == (0, [], set())
    made.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.4")
    assert made.pending("staged", "readings", later) == [], "not even under another contract"


def test_it_is_made_again_by_whoever_asks_for_it(made: Tree) -> None:
    later = NOW + KEPT["staged"] + SOON
    expire(made, "staged/readings")
    assert statuses(made.stage("readings", DAY, now=later)) == {DAY: "done"}
    assert made.read("readings", DAY).height == 4
    assert tally_all(made.lake, made["readings"], later).published == 1


def test_a_delivery_that_has_expired_is_not_awaited_nor_fetched(made: Tree) -> None:
    later = NOW + KEPT["raw"] + SOON
    made.write("readings/fetch.py", "def fetch(partition, folder):\n    raise AssertionError(partition)\n")
    expire(made, "landing", "raw/readings", "staged/readings", "curated/daily")
    assert awaited(made.lake, made["readings"], NOW + KEPT["raw"] - SOON).partitions
    assert awaited(made.lake, made["readings"], later).partitions == ()
    assert made.pending("raw", "readings", later) == []


def test_what_was_refused_does_not_expire_before_it_was_published(tree: Tree) -> None:
    short_tree(tree.root)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAY}.csv", readings(DAY, *({"temperature": 999},) * 4))
    tree.run()
    later = NOW + KEPT["staged"] + SOON
    assert DAY in tally_all(tree.lake, tree["readings"], later).refusals
    tree.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 1")
    assert tree.pending("raw", "readings", later) == [DAY]
    assert tree.lake.store.entry(layout.data("curated", tree["daily"], MONTH)) is None
