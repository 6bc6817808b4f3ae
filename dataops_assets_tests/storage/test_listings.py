"""How often a bucket is asked: a listing for each folder of a dataset, however many partitions it has."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest

from dataops_assets import steps
from dataops_assets.gate.verdict import Rows, Verdict
from dataops_assets.observe.status import overview
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake, NotPublished
from dataops_assets.storage.publishing import draft, publish, say
from dataops_assets.storage.store import Entry
from dataops_assets_tests.branches import FAST, let_branches_read
from dataops_assets_tests.trees import NOW, STATIONS, Tree

STARTS = {31: "2024-01-01", 365: "2023-02-01", 2000: "2018-08-11"}


class Counting(Folder):
    """In place of a bucket, a folder that counts what it is asked for one by one, and listed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: Counter[str] = Counter()

    @property
    def here(self) -> Folder:
        return Folder(self.root)

    def list(self, prefix: str, closed: dict[str, str] | None = None) -> Iterator[Entry]:
        self.asked[f"list {prefix}"] += 1
        return super().list(prefix, closed)

    def entry(self, key: str) -> Entry | None:
        self.asked["entry"] += 1
        return super().entry(key)


def filled(root: Path, days: int) -> Tree:
    """Prod with many days of readings, from which one product without partitions is made."""
    prod = let_branches_read(Tree(root))
    prod.edit("readings/defs.yaml", "start: 2024-01-01\n    end: 2024-01-20", f"start: {STARTS[days]}\n    end: 2024-01-31")
    long = "lifecycle: {class: standard, reason: a product of all days, raw: 10 years, staged: 10 years}"
    prod.edit("readings/defs.yaml", "lifecycle: standard", long)
    prod.edit("daily/defs.yaml", "  partitions: {every: month, start: 2024-01, end: 2024-01, timezone: Europe/Oslo}\n", "")
    prod.drop("stations", "stations.csv", STATIONS)
    prod.run("stations")
    lake, dataset = prod.lake, prod["readings"]
    keys = dataset.partitions.keys(NOW)
    assert len(keys) == days
    frame = pl.DataFrame(
        {"station": ["oslo"], "day": [NOW.date()], "hour": [1], "temperature": [1.0], "note": [None]},
        schema=dataset.schema.polars,
    )
    for day in keys:
        rows = Rows(delivered=1, published=1)
        given = Verdict(gate="content", dataset="readings", partition=day, depends_on={}, passed=True, judged_at=NOW, rows=rows)
        with draft(lake, "staged", dataset, day, frame, given, "run", NOW) as drafted:
            publish(lake, drafted.by(say(lake, given, None)))
    return prod


@pytest.fixture(scope="module")
def sizes() -> Iterator[dict[int, Tree]]:
    with TemporaryDirectory(dir=FAST) as root:
        yield {days: filled(Path(root) / f"{days}/prod", days) for days in STARTS}


def branch_of(prod: Tree) -> tuple[Lake, Counting, Counting]:
    own, base = Counting(prod.root.parent / "branch"), Counting(prod.store.root)
    return Lake(prod.lake.catalog, own, base=base), own, base


@pytest.mark.parametrize("days", STARTS)
def test_what_is_pending_takes_one_listing_for_each_folder(sizes: dict[int, Tree], days: int) -> None:
    lake, own, base = branch_of(sizes[days])
    assert list(steps.pending(lake, lake.catalog["daily"], "curated", NOW)) == [None]
    for store in (own, base):
        assert set(store.asked.values()) == {1}, store.asked
    assert (
        len(base.asked) == 6
    )  # objects and records of both inputs, the product, which may have expired, and the verdicts on it


@pytest.mark.parametrize("days", STARTS)
def test_a_scan_takes_as_many_listings_for_many_partitions_as_for_few(sizes: dict[int, Tree], days: int) -> None:
    lake, own, base = branch_of(sizes[days])
    dataset = lake.catalog["readings"]
    assert lake.scan(dataset, dataset.partitions.keys(NOW)).collect().height == days
    for store in (own, base):
        listed = {asked: count for asked, count in store.asked.items() if asked.startswith("list ")}
        assert set(listed) <= {"list staged/readings", "list _provenance/staged/readings"}
        assert sum(listed.values()) <= 4, listed
        assert store.asked["entry"] == 0


def test_status_lists_no_folder_twice(sizes: dict[int, Tree]) -> None:
    lake, own, base = branch_of(sizes[365])
    overview(lake.at_a_glance(), NOW)
    for store in (own, base):
        again = {asked: count for asked, count in store.asked.items() if count > 1 and "landing" not in asked}
        assert again == {}


@pytest.mark.parametrize("days", STARTS)
def test_what_is_missing_is_not_asked_for_one_by_one(sizes: dict[int, Tree], days: int) -> None:
    """The words are about the first few."""
    lake = replace(sizes[days].lake, store=Counting(sizes[days].root / "empty"))
    dataset = lake.catalog["readings"]
    with pytest.raises(NotPublished, match=f"and {days - 5} more"):
        lake.readable(dataset, dataset.partitions.keys(NOW))
    assert lake.store.asked["entry"] <= 5 * 10


class Plain(Counting):
    """A folder that counts, and is none but a folder."""

    @property
    def here(self) -> Folder:
        return self


def test_of_a_folder_nothing_is_listed_but_what_is_asked_for(sizes: dict[int, Tree]) -> None:
    store = Plain(sizes[365].store.root)
    lake = replace(sizes[365].lake, store=store)
    dataset = lake.catalog["readings"]
    few = dataset.partitions.keys(NOW)[:3]
    assert lake.scan(dataset, few).collect().height == 3
    listed = {asked.removeprefix("list ") for asked in store.asked if asked.startswith("list ")}
    tops = ("staged/readings", "_provenance/staged/readings")
    assert listed == {f"{top}/date={day}" for top in tops for day in few}
