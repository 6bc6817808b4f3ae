"""The table of what the gates found is a view of the verdicts: all of them, nothing else, always in the same bytes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from dataops_assets.gate.verdict import Verdict
from dataops_assets.observe.quality import over_time
from dataops_assets.storage import layout
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.results import COLUMNS, SCHEMA, differing, refresh, results
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.branches import Branch, everything_in, let_branches_read
from dataops_assets_tests.s3_server import Bucket
from dataops_assets_tests.steps.january import BAD, DAY, DAYS, HOUR, MONTH, short_tree
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

LATER = NOW + HOUR


@pytest.fixture
def judged(tmp_path: Path) -> Tree:
    """Three days, of which the first is delivered twice, and refused the second time."""
    tree = let_branches_read(short_tree(tmp_path / "prod"))
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS:
        tree.drop("readings", f"{day}.csv", readings(day, {"hour": 99}))
    tree.run()
    tree.drop("readings", f"{DAY}.csv", readings(DAY, *BAD))
    tree.run(now=LATER)
    return tree


def table(tree: Tree, name: str = "readings") -> pl.DataFrame:
    """The table as anyone reads it, brought up to date."""
    refresh(tree.lake, tree[name])
    return pl.read_parquet(tree.store.path(layout.gate_results(tree[name])))


def verdicts(tree: Tree, name: str = "readings") -> list[Verdict]:
    dataset = tree[name]
    keys = DAYS if name == "readings" else [MONTH] if name == "daily" else [None]
    return [one for gate in ("content", "envelope") for key in keys for one in tree.lake.verdicts(gate, dataset, key)]


@pytest.mark.parametrize("name", ["stations", "readings", "daily"])
def test_each_rule_of_each_verdict_has_a_row(judged: Tree, name: str) -> None:
    rows = table(judged, name)
    assert rows.schema == SCHEMA
    said = {
        (one.gate, one.partition, one.number, rule.rule, rule.broken, rule.effect, one.passed, one.id)
        for one in verdicts(judged, name)
        for rule in one.rules
    }
    columns = ["gate", "partition", "number", "rule", "broken", "status", "passed", "verdict"]
    assert set(rows.select(columns).rows()) == said
    assert rows.height == len(said) > 3


def test_it_tells_what_became_of_the_rows_and_why(judged: Tree) -> None:
    rows = table(judged).filter(pl.col("rule") == "hour.in_range", pl.col("partition") == DAY)
    first, second = rows.sort("number").to_dicts()
    counts = {name: (first[f"rows_{name}"], second[f"rows_{name}"]) for name in ("delivered", "good", "rejected", "merged")}
    assert counts == {"delivered": (4, 4), "good": (3, 0), "rejected": (1, 4), "merged": (0, 0)}
    assert [(one["share"], one["status"], one["tolerance"], one["newest"]) for one in (first, second)] == [
        (0.25, "rejected", 1.0, False),
        (1.0, "rejected", 1.0, True),
    ]
    assert first["why"] is None
    assert "4 of 4 rows rejected, 100.0%; 50.0% tolerated: hour.in_range (4)" in second["why"]
    assert first["found"] == "1 of 4 rows (25.0%) break it"
    assert first["delivery"] != second["delivery"]
    assert first["contract"] == judged["readings"].version


def test_every_column_is_explained() -> None:
    assert all(what and what[0] in "`ABCDEFGHIJKLMNOPQRSTUVWXYZ" for _, what in COLUMNS.values())


def test_adding_to_it_gives_the_bytes_of_making_it_anew(tmp_path: Path) -> None:
    tree = short_tree(tmp_path)
    tree.drop("stations", "stations.csv", STATIONS)
    grown = []
    for day in DAYS[::-1]:
        tree.drop("readings", f"{day}.csv", readings(day))
        tree.run()
        grown.append(refresh(tree.lake, tree["readings"]))
        assert differing(tree.lake, tree["readings"]) == set()
    assert [one.rows for one in grown] == sorted({one.rows for one in grown})
    tree.store.path(layout.gate_results(tree["readings"])).unlink()
    assert differing(tree.lake, tree["readings"]) == {(day, gate, 1) for day in DAYS for gate in ("envelope", "content")}, (
        "nobody needs the table to know what is not in it"
    )
    assert refresh(tree.lake, tree["readings"]) == grown[-1]


def test_nothing_is_written_where_nothing_is_new(judged: Tree) -> None:
    refresh(judged.lake, judged["readings"])
    before = everything_in(judged.root)
    assert refresh(judged.lake, judged["readings"]).sha256 == judged.store.sha256("gate_results/readings/data.parquet")
    assert everything_in(judged.root) == before


@pytest.mark.parametrize("lies", [b"", b"no table", SCHEMA.to_frame().drop("why")])
def test_a_table_that_cannot_be_used_is_made_again(judged: Tree, lies: bytes | pl.DataFrame) -> None:
    whole = table(judged)
    path = judged.store.path(layout.gate_results(judged["readings"]))
    path.write_bytes(lies) if isinstance(lies, bytes) else lies.write_parquet(path)
    assert results(judged.lake, judged["readings"])[0].equals(whole)
    assert table(judged).equals(whole)


def test_a_damaged_verdict_is_named_and_hides_no_other(judged: Tree) -> None:
    record = judged.store.path(f"_verdicts/content/readings/date={DAYS[1]}/00000001.json")
    whole, lost = table(judged), pl.col("partition").eq(DAYS[1]) & pl.col("gate").eq("content")
    record.write_bytes(record.read_bytes()[:-20])
    assert refresh(judged.lake, judged["readings"]).damaged == (), "what it said is known"
    judged.store.path(layout.gate_results(judged["readings"])).unlink()
    (told,) = refresh(judged.lake, judged["readings"]).damaged
    assert told.startswith(f"{record}: it is no verdict any more")
    assert table(judged).equals(whole.filter(~lost))
    assert differing(judged.lake, judged["readings"]) == set(), "to ask again would not help"
    assert f"left out: {told}" in over_time(judged.lake, [judged["readings"]])


def test_a_verdict_that_is_no_more_leaves_it(judged: Tree) -> None:
    table(judged)
    judged.store.path(f"_verdicts/envelope/readings/date={DAYS[2]}/00000001.json").unlink()
    assert differing(judged.lake, judged["readings"]) == {(DAYS[2], "envelope", 1)}
    assert table(judged).filter(pl.col("partition") == DAYS[2])["gate"].unique().to_list() == ["content"]


@pytest.mark.parametrize("classification", ["internal", "secret"])
def test_no_value_of_closed_data_stands_in_it(tmp_path: Path, classification: str) -> None:
    tree = short_tree(tmp_path)
    for name in ("readings", "daily"):
        tree.edit(f"{name}/defs.yaml", "classification: public", f"classification: {classification}")
    tree.drop("stations", "stations.csv", STATIONS)
    telling = {"note": "Zeppelin", "temperature": 47.25}
    tree.drop("readings", f"{DAY}.csv", readings(DAY, telling, {"temperature": 9876.5, "note": "Zeppelin"}))
    tree.drop(
        "readings", f"{DAYS[1]}.csv", readings(DAYS[1], {"note": "Zeppelin"}, rows=2).partition("\n")[2]
    )  # without a header
    tree.run()
    rows = table(tree)
    assert rows.filter(pl.col("status") == "rejected").height == 1
    told = " ".join(text for column in rows.select(pl.col(pl.String)) for text in column.drop_nulls())
    assert not [value for value in ("Zeppelin", "47.25", "9876") if value in told]
    assert rows["measured"].null_count() == rows.height


def test_several_who_write_it_at_once_lose_nothing(judged: Tree) -> None:
    catalog = judged.catalog()  # by one alone: Python 3.11 may fail to parse in several threads at once

    def another(_: int) -> None:
        refresh(Lake(catalog, Folder(judged.store.root)), catalog["readings"])

    days = iter(DAYS)
    with ThreadPoolExecutor(4) as several:
        for day in days:
            judged.drop("readings", f"{day}.csv", readings(day, {"temperature": 1}))
            judged.run("readings", now=LATER + HOUR)
            list(several.map(another, range(8)))
            assert differing(judged.lake, judged["readings"]) == set()


def test_a_branch_writes_its_own_and_sees_prods(judged: Tree) -> None:
    whole = table(judged)
    branch = Branch.of(judged)
    before = everything_in(judged.root)
    assert results(branch.lake, branch["readings"])[0].equals(whole)
    branch.drop("readings", f"{DAY}.csv", readings(DAY))
    branch.run("readings", now=LATER + HOUR)
    own = table(branch)
    assert set(own.select("partition", "gate").rows()) == {(DAY, "envelope"), (DAY, "content")}
    seen = results(branch.lake, branch["readings"])[0]
    assert seen.height == whole.height + own.height
    counts = seen.filter("newest").unique(["partition", "gate", "number"]).group_by("partition", "gate").len()["len"]
    assert counts.to_list() == [1] * 6, "of each partition and gate, one verdict is the newest"
    assert seen.filter("newest", pl.col("partition") == DAY)["passed"].all(), "that of the branch"
    assert everything_in(judged.root) == before


def test_a_branch_does_not_see_what_branches_may_not_read(tmp_path: Path) -> None:
    tree = short_tree(tmp_path / "prod")
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run()
    table(tree, "stations")
    branch = Branch.of(tree)
    assert results(branch.lake, branch["stations"])[0].is_empty()


def test_in_a_bucket_it_is_tagged_for_the_readers_of_its_dataset(judged: Tree, bucket: Bucket, tmp_path: Path) -> None:
    remote = S3(bucket.name, "", Folder(tmp_path / "cache"), client=bucket.client())
    lake = Lake(judged.catalog(), remote)
    for path in judged.store.path("_verdicts").rglob("*.json"):
        remote.create(str(path.relative_to(judged.store.root)), path.read_bytes(), {})
    kept = refresh(lake, lake.catalog["readings"])
    assert kept == refresh(judged.lake, judged["readings"]), "a folder and a bucket hold the same bytes"
    assert refresh(lake, lake.catalog["readings"]) == kept
    key = "gate_results/readings/data.parquet"
    tags = bucket.client().get_object_tagging(Bucket=bucket.name, Key=key)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"lifecycle": "standard", "readers": "analysts+branches+press"}
    assert len(bucket.client().list_object_versions(Bucket=bucket.name, Prefix=key)["Versions"]) == 1
    assert not results(lake, lake.catalog["readings"])[0].is_empty()
