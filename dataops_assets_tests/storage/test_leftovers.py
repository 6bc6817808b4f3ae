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


def kept_for(tree: Tree, term: str) -> None:
    """The policy keeps verdicts and records for so long."""
    tree.edit("policy.yaml", "verdicts: {forever: they are asked for in any year}", f"verdicts: {term}")
    tree.edit("policy.yaml", "provenance: {forever: it is asked for in any year}", f"provenance: {term}")


def told(tree: Tree) -> set[str]:
    """What lies there of the records of a day, the keys that lead to them among it."""
    keys = {entry.key for entry in tree.store.list("")}
    return {key for key in keys if key.startswith("_") and f"readings/date={DAY}/" in key}


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


@pytest.fixture
def gone(ready: Tree) -> Tree:
    """A day was delivered twice, and all of it has ended since, but what is told of it."""
    deliver(ready, 1)
    deliver(ready, 2, hours=1)
    for zone in ("landing", "raw", "staged", "quarantine"):
        ready.store.remove([entry.key for entry in ready.store.list(f"{zone}/readings")])
    return ready


def outlived(tree: Tree, years: int, remove: bool = True) -> int:
    now = datetime.now(UTC) + timedelta(days=365 * years + 1)
    return len(leftovers.sweep(tree.lake, now, remove).outlived)


def test_what_is_told_of_a_day_that_is_gone_goes_after_its_own_term(gone: Tree) -> None:
    kept_for(gone, "7 years")
    before = told(gone)
    assert (outlived(gone, 6), told(gone)) == (0, before)
    assert (outlived(gone, 7, remove=False), told(gone)) == (4, before)
    assert outlived(gone, 7) == 4
    last = {f"_verdicts/{gate}/readings/date={DAY}/00000002.json" for gate in ("envelope", "content")}
    assert told(gone) == last
    assert outlived(gone, 7) == 0


def test_day_that_is_gone_counts_as_expired_when_nothing_more_is_told_of_it(gone: Tree) -> None:
    kept_for(gone, "7 years")
    outlived(gone, 7)
    later = datetime.now(UTC) + timedelta(days=365 * 7 + 1)
    assert gone.lake.has_expired("raw", gone["readings"], DAY, later)
    assert gone.lake.has_expired("staged", gone["readings"], DAY, later)
    made = deliver(gone, 3, hours=2)
    assert made.number == 3, "no number comes again"


@pytest.mark.parametrize("zone", ["raw", "staged"])
def test_what_is_told_of_a_day_stays_as_long_as_anything_of_it_does(ready: Tree, zone: str) -> None:
    kept_for(ready, "7 years")
    deliver(ready, 1)
    deliver(ready, 2, hours=1)
    other = {"raw": "staged", "staged": "raw"}[zone]
    ready.store.remove([entry.key for entry in ready.store.list(f"{other}/readings")])
    before = told(ready)
    assert (outlived(ready, 100), told(ready)) == (0, before)


def test_what_is_told_of_a_day_that_is_gone_stays_forever_if_the_policy_says_so(gone: Tree) -> None:
    before = told(gone)
    assert (outlived(gone, 100), told(gone)) == (0, before)


def test_what_a_branch_tells_of_a_day_that_prod_holds_stays(tmp_path: Path) -> None:
    prod = let_branches_read(Tree(tmp_path / "prod"))
    kept_for(prod, "7 years")
    prod.drop("stations", "stations.csv", STATIONS)
    prod.run("stations")
    deliver(prod, 1)
    branch = Branch.of(prod)
    deliver(branch, 2)
    deliver(branch, 3, hours=1)
    branch.store.remove([entry.key for zone in ("raw", "staged") for entry in branch.store.list(f"{zone}/readings")])
    before = told(branch)
    assert (outlived(branch, 100), told(branch)) == (0, before)
