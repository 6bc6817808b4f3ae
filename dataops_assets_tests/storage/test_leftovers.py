"""What a sweep takes for left behind, and what it leaves alone: every record of what was published once."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataops_assets.storage import layout, leftovers
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.provenance import Provenance
from dataops_assets.storage.publishing import drop
from dataops_assets_tests.branches import Branch, let_branches_read
from dataops_assets_tests.killing import dying_before
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAY = "2024-01-05"


@pytest.fixture
def ready(tree: Tree) -> Tree:
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    return tree


def deliver(tree: Tree, warmth: float, hours: int = 0) -> Provenance:
    """Receive and publish a day; how it came to be."""
    now = NOW + timedelta(hours=hours)
    tree.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": warmth}))
    tree.receive("readings", DAY, now=now)
    tree.stage("readings", DAY, now=now)
    made = tree.lake.published(tree["readings"], DAY)
    assert made
    return made


def killed_before_it_is_seen(tree: Tree, warmth: float, hours: int = 0) -> None:
    """A run writes its record, and dies."""
    with dying_before(layout.data("staged", tree["readings"], DAY)):
        deliver(tree, warmth, hours)


def grow_old(tree: Tree) -> None:
    for path in tree.store.root.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 2 * 86_400,) * 2)


def swept(tree: Tree) -> tuple[str, ...]:
    return leftovers.sweep(tree.lake, datetime.now(UTC), remove=True).orphans


def test_record_of_what_was_never_seen_goes_once_something_newer_stands(ready: Tree) -> None:
    deliver(ready, 1)
    killed_before_it_is_seen(ready, 2, hours=1)
    grow_old(ready)
    assert swept(ready) == (), "the next run may still publish under it"
    deliver(ready, 3, hours=2)
    grow_old(ready)
    [gone] = swept(ready)
    assert "/00000002-" in gone
    left = [entry.key.rpartition("/")[2][:9] for entry in ready.store.list("_provenance/staged/readings")]
    assert left == ["00000001-", "00000003-"]
    assert swept(ready) == ()


def test_record_under_which_the_next_run_publishes_stays(ready: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep has listed everything, and removes while that run is between the record and the object."""
    deliver(ready, 1)
    killed_before_it_is_seen(ready, 2, hours=1)
    grow_old(ready)
    real, key = Folder._place, layout.data("staged", ready["readings"], DAY)

    def place(self: Folder, draft: Path, written: str) -> None:
        if written == key:
            swept(ready)
        real(self, draft, written)

    monkeypatch.setattr(Folder, "_place", place)
    [done] = ready.stage("readings", DAY, now=NOW + timedelta(hours=1))
    made = ready.lake.published(ready["readings"], DAY)
    assert made
    assert (done.status, made.number, made.sha256) == ("done", 2, done.version)


def test_record_of_what_is_replaced_while_the_sweep_looks_stays(ready: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(ready, 1)
    before = deliver(ready, 2, hours=1)
    grow_old(ready)
    real, left = leftovers._by_partition, [lambda: deliver(ready, 3, hours=2)]

    def by_partition(entries: list, dataset: object) -> dict:  # type: ignore[type-arg]
        if entries and dataset == ready["readings"] and left:
            left.pop()()
        return real(entries, dataset)  # type: ignore[arg-type]

    monkeypatch.setattr(leftovers, "_by_partition", by_partition)
    assert swept(ready) == ()
    assert (left, ready.lake.records(before.sha256)) == ([], [before])


def test_record_of_what_was_dropped_stays(tmp_path: Path) -> None:
    prod = let_branches_read(Tree(tmp_path / "prod"))
    prod.drop("stations", "stations.csv", STATIONS)
    prod.run("stations")
    branch = Branch.of(prod)
    first = deliver(branch, 1)
    drop(branch.lake, branch["readings"], DAY)
    deliver(branch, 2, hours=1)
    grow_old(branch)
    assert swept(branch) == ()
    assert branch.lake.records(first.sha256) == [first]
