"""Three days of January on a small tree: what the tests of the steps share."""

from datetime import timedelta
from pathlib import Path

from dataops_assets.contract import Partition
from dataops_assets.steps import Outcome
from dataops_assets_tests.trees import Tree

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
DAY, MONTH = DAYS[0], "2024-01"
HOUR = timedelta(hours=1)
BAD = [{"hour": 99}] * 4
"""Makes every row of a day bad."""


def short_tree(folder: Path) -> Tree:
    """As the good tree, but the month has only three days."""
    tree = Tree(folder)
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-03")
    return tree


def statuses(outcomes: list[Outcome]) -> dict[Partition, str]:
    return {outcome.partition: outcome.status for outcome in outcomes}


def left(tree: Tree) -> dict[str, list[Partition]]:
    """All that is pending, by zone and dataset."""
    zones = {"stations": ("raw", "staged"), "readings": ("raw", "staged"), "daily": ("curated",)}
    found = {f"{zone}/{name}": tree.pending(zone, name) for name, here in zones.items() for zone in here}
    return {what: partitions for what, partitions in found.items() if partitions}


def everything(tree: Tree) -> dict[str, int]:
    """Every file in the store, with the time it was written."""
    return {str(path): path.stat().st_mtime_ns for path in tree.store.root.rglob("*") if path.is_file()}


def again(tree: Tree) -> list[Outcome]:
    """Every step for every partition, whether it is pending or not."""
    done = [*tree.receive("stations"), *tree.stage("stations"), *tree.receive("readings"), *tree.stage("readings")]
    return [*done, *tree.derive("daily")]
