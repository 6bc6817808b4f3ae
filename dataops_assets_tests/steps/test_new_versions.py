"""A contract that had to break: two versions made from the same deliveries, until the older one ends."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from dataops_assets.components.arrivals import tell_arrivals
from dataops_assets.components.dagster_private import last_evaluation
from dataops_assets.observe.findings import findings
from dataops_assets.observe.status import describe
from dataops_assets.observe.tally import tally_all
from dataops_assets.observe.why import why_bytes, why_published
from dataops_assets.steps.content import NotReady
from dataops_assets.steps.pending import partitions_of
from dataops_assets.storage import mark
from dataops_assets.storage.landing import strays
from dataops_assets_tests.components.dagster_tree import Location
from dataops_assets_tests.trees import GOOD, NOW, STATIONS, Tree, readings

DAY, AFTER = "2024-01-02", "2024-01-03"
ON_ITS_LAST_DAY = datetime(2024, 1, 2, 23, 59, tzinfo=UTC)
FILES = ("defs.yaml", "schema.py", "examples.yaml")
END = "ends: {after: 2024-01-02, instead: readings_v2}"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """`readings`, and `readings_v2`, which calls the hour of a reading `at`."""
    tree = Tree(tmp_path)
    for name in FILES:
        tree.write(f"readings_v2/{name}", GOOD[f"readings/{name}"])
    tree.edit("readings_v2/defs.yaml", "provider: The lab", "provider: The lab\n    deliveries: readings")
    tree.edit("readings_v2/defs.yaml", "key: [station, day, hour]", "key: [station, day, at]")
    tree.write("readings_v2/examples.yaml", GOOD["readings/examples.yaml"].replace("hour", "at"))
    deliver_as_before(tree, "readings_v2", 'frame.rename({"hour": "at"})')
    tree.drop("stations", "stations.csv", STATIONS)
    return tree


def deliver_as_before(tree: Tree, dataset: str, normalised: str, old: str = "hour: pl.Int8", new: str = "at: pl.Int8") -> None:
    """Change what a dataset promises, and not what its provider delivers."""
    before = (tree.defs / dataset / "schema.py").read_text(encoding="utf-8")
    imports, _, columns = before.partition("class Schema(pa.DataFrameModel):\n")
    delivered = columns.partition("    @pa")[0]
    tree.write(
        f"{dataset}/schema.py",
        f"{imports}class Delivered(pa.DataFrameModel):\n{delivered}\n\nclass Schema(pa.DataFrameModel):\n"
        f"{columns.replace(old, new)}\n\ndef normalise(frame):\n    return {normalised}\n",
    )


def test_both_versions_are_made_from_one_delivery(tree: Tree) -> None:
    tree.drop("readings_v2", f"{DAY}.csv", readings(DAY))
    assert all(outcome.status == "done" for outcome in tree.run() if outcome.partition == DAY)
    assert "hour" in tree.read("readings", DAY).columns
    assert "at" in tree.read("readings_v2", DAY).columns
    assert len([entry for entry in tree.store.list("raw/readings") if entry.key.endswith(".csv")]) == 1
    assert not list(tree.store.list("raw/readings_v2"))


def test_the_older_one_ends(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "  key: [station", f"  {END}\n  key: [station")
    for day in (DAY, AFTER):
        tree.drop("readings_v2", f"{day}.csv", readings(day))
    for now in (ON_ITS_LAST_DAY, NOW):
        tree.run(now=now)
    assert tree.read("readings", DAY).height == tree.read("readings_v2", AFTER).height == 4
    assert AFTER not in partitions_of(tree["readings"], NOW)
    assert not strays(tree.store, tree["readings"], NOW)


def test_what_came_before_the_newer_one_began_is_no_stray(tree: Tree) -> None:
    tree.edit("readings_v2/defs.yaml", "start: 2024-01-01", f"start: {AFTER}")
    for day in (DAY, AFTER):
        tree.drop("readings", f"{day}.csv", readings(day))
    tree.run()
    assert tree.read("readings", DAY).height == tree.read("readings_v2", AFTER).height == 4
    assert not strays(tree.store, tree["readings_v2"], NOW)
    tree.drop("readings", "2023-12-31.csv", readings("2023-12-31"))
    assert [stray.key for stray in strays(tree.store, tree["readings"], NOW)] == ["landing/readings/2023-12-31.csv"]


def test_what_has_ended_is_not_made_anew(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    tree.run()
    tree.edit("readings/defs.yaml", "  key: [station", f"  {END}\n  key: [station")
    tree.edit("readings/schema.py", "le=60", "le=70")  # all would be judged again
    tree.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 9.0}), written=ON_ITS_LAST_DAY)
    assert tree.pending("raw", "readings", NOW) == tree.pending("staged", "readings", NOW) == []
    assert not tree["readings"].has_ended(ON_ITS_LAST_DAY)
    assert tree["readings"].has_ended(ON_ITS_LAST_DAY + timedelta(minutes=1))
    assert tree.read("readings", DAY)["temperature"].to_list()[0] != 9.0
    assert tree.pending("raw", "readings_v2", NOW) == [DAY]


def test_its_last_partition_is_made_once_when_it_comes(tree: Tree) -> None:
    for name in ("readings", "readings_v2"):
        tree.edit(f"{name}/defs.yaml", "timezone: Europe/Oslo", "timezone: UTC")
    for file in (*FILES, "transform.py"):
        tree.remove(f"daily/{file}")
    tree.edit("readings/defs.yaml", "  key: [station", f"  {END}\n  key: [station")
    for hours, changed in ((9, {}), (10, {"temperature": 9.0})):
        came = ON_ITS_LAST_DAY + timedelta(hours=hours)
        tree.drop("readings", f"{DAY}.csv", readings(DAY, changed), written=came)
        tree.run(now=came + timedelta(minutes=30))
    assert tree.read("readings", DAY)["temperature"].max() == 3.5
    assert tree.read("readings_v2", DAY)["temperature"].max() == 9.0


def test_a_delivered_file_leads_to_each_that_is_made_from_it_and_to_none_that_had_ended(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "  key: [station", f"  {END}\n  key: [station")
    for day in (DAY, AFTER):
        tree.drop("readings", f"{day}.csv", readings(day))
    tree.run(now=ON_ITS_LAST_DAY)
    tree.run()
    for day, names in ((DAY, ["readings", "readings_v2"]), (AFTER, ["readings_v2"])):
        told = why_bytes(tree.lake, hashlib.sha256(readings(day).encode()).hexdigest())
        assert [line for line in told.splitlines() if line.startswith("raw/")] == [f"raw/{name} {day}" for name in names]


def test_what_reads_it_past_its_end_waits_and_says_for_what(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "  key: [station", f"  {END}\n  key: [station")
    for day in (f"2024-01-{number:02}" for number in range(1, 21)):
        tree.drop("readings_v2", f"{day}.csv", readings(day))
    tree.run()
    [month] = tree.derive("daily", "2024-01")
    assert month.status == "refused"
    assert "2024-01-03 is not published: staged/readings is made until 2024-01-02" in month.reason
    assert "read staged/readings_v2 in its place" in month.reason
    counted = tally_all(tree.lake, tree["daily"], NOW)
    told = [found.told for found in findings(tree.lake, [(tree["daily"], counted)], NOW)]
    assert any("daily reads staged/readings, which is made until 2024-01-02" in one for one in told)
    said = " ".join(describe(tree.lake, tree["readings"], NOW).split())
    assert "it has ended, and what arrives is not made any more: made until 2024-01-02: read staged/readings_v2" in said
    said = " ".join(describe(tree.lake, tree["readings"], ON_ITS_LAST_DAY).split())
    assert "what is it One hour at one station. made until 2024-01-02" in said


def test_the_newer_one_goes_on_without_the_older_one(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    tree.run()
    for file in (*(f"readings/{name}" for name in FILES), *(f"daily/{name}" for name in (*FILES, "transform.py"))):
        tree.remove(file)
    assert tree.run() == []
    assert tree.read("readings_v2", DAY).height == 4
    assert "raw/readings" in why_published(tree.lake, tree["readings_v2"], DAY)


def test_an_end_changes_nothing_that_is_published(tree: Tree) -> None:
    before = tree["readings"].version
    tree.edit("readings/defs.yaml", "  key: [station", f"  {END}\n  key: [station")
    assert tree["readings"].version == before


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("schema.py", "note: str", "remark: str", "column `note` is declared no more"),
        ("schema.py", "hour: pl.Int8", "hour: pl.Int16", "column `hour` was Int8 and is Int16"),
        (
            "defs.yaml",
            "key: [station, day, hour]",
            "key: [station, hour]",
            "the key was station, day, hour and is station, hour",
        ),
    ],
)
def test_what_prod_has_published_is_not_broken_with(tree: Tree, file: str, old: str, new: str, told: str) -> None:
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    tree.run()
    before = tree.lake.published(tree["readings"], DAY)
    tree.edit(f"readings/{file}", old, new)
    if old == "note: str":
        tree.edit("readings/schema.py", 'pl.col("note")', 'pl.col("remark")')
        tree.edit("readings/examples.yaml", "note: null", "remark: null")
    mark.leave(tree.store, "pipeline")
    tree.receive("readings", DAY)
    with pytest.raises(NotReady) as caught:
        tree.stage("readings", DAY)
    assert told in str(caught.value)
    assert tree.store.read("staged/readings/date=2024-01-02/data.parquet")
    assert tree.lake.provenance("staged", tree["readings"], DAY) == before


def test_a_column_more_breaks_nobody_and_is_filled_when_all_is_made_again(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    tree.run()
    mark.leave(tree.store, "pipeline")
    wind = "    wind: float = pa.Field(description='m/s', nullable=True)\n"
    deliver_as_before(
        tree, "readings", "frame.with_columns(wind=pl.lit(None, pl.Float64))", "    note: str", f"{wind}    note: str"
    )
    assert tree.run("readings")
    assert tree.read("readings", DAY)["wind"].null_count() == 4


def test_dagster_has_one_asset_for_what_both_receive(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    with dg.DagsterInstance.ephemeral() as instance:
        location = Location(tree, instance)
        graph = location.defs.resolve_asset_graph()
        landing = graph.get(dg.AssetKey(["landing", "readings"]))
        assert {key.to_user_string() for key in landing.child_keys} == {"raw/readings", "raw/readings_v2"}
        assert not graph.has(dg.AssetKey(["landing", "readings_v2"]))
        checks = {key.asset_key.to_user_string() for key in graph.asset_check_keys if key.name == "arrivals"}
        assert checks == {"landing/readings"}
        assert location.run("raw/stations").success
        assert location.run("staged/stations").success
        assert location.run("raw/readings_v2", "staged/readings_v2", partition=DAY).success
    assert tree.read("readings_v2", DAY).height == 4


def test_what_is_awaited_by_either_is_told_once(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "  key: [station", f"  {END}\n  key: [station")
    for day in (DAY, "2024-01-04"):
        tree.drop("readings", f"{day}.csv", readings(day))
    check = dg.AssetCheckKey(dg.AssetKey(["landing", "readings"]), "arrivals")
    with dg.DagsterInstance.ephemeral() as instance:
        for datasets in (tree.lake.catalog, tree.lake.catalog, [tree["readings"]], [tree["readings_v2"]]):
            tell_arrivals(instance, tree.lake, datasets, NOW)
        assert len(instance.event_log_storage.get_asset_check_execution_history(check, limit=10)) == 1
        told = last_evaluation(instance, check)
    assert told
    assert told.description == (
        "2 never delivered, although later ones were: 2024-01-01, 2024-01-03; 16 not delivered: 2024-01-05 to 2024-01-20"
    )
    counted = tally_all(tree.lake, tree["readings_v2"], NOW)
    pages = [found.page for found in findings(tree.lake, [(tree["readings_v2"], counted)], NOW) if found.check == "arrivals"]
    assert pages == ["/assets/landing/readings?view=checks&checkDetail=arrivals"]


def test_what_the_newer_one_promises_is_not_taken_for_the_file_of_another(tree: Tree) -> None:
    # The provider has renamed the column by himself, which the newer version was made for.
    tree.write(
        "readings_v2/schema.py", (tree.defs / "readings/schema.py").read_text(encoding="utf-8").replace("hour: pl", "at: pl")
    )
    tree.drop("readings", f"{DAY}.csv", readings(DAY).replace("hour", "at"))
    [older] = tree.receive("readings", DAY)
    [newer] = tree.receive("readings_v2", DAY)
    assert (older.status, newer.status) == ("refused", "done")
    assert "readings_v2" not in older.reason
