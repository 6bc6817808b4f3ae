"""Results of queries in ad-hoc areas are looked through, whatever their columns are called, and the queries themselves, too."""

from pathlib import Path

import polars as pl
import pytest

from dataops_assets.areas.query import Asked, answer
from dataops_assets.deployment import Deployment
from dataops_assets.lifecycle.making import new_area
from dataops_assets.lifecycle.registry import Registry
from dataops_assets.steps.traces import in_area
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.erasure.asking import DAYS, KEY, LATER, WHO, ask, ask_for_all, carry_out, the_request, with_somebody
from dataops_assets_tests.s3_server import ONCE, Bucket
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings


def query(tree: Tree, sql: str) -> None:
    registry = Registry(tree.store)
    if registry.read("adhoc", "a") is None:
        new_area(registry, tree.catalog().policy, "a", "lab", "press", NOW, "me")
    answer(tree.lake, registry, Asked("a", sql, "me"), lambda: NOW)


def told(tree: Tree) -> list[str]:
    areas = Deployment("local", str(tree.store.root)).areas_of_others()
    found = [trace for area, lying in areas for trace in in_area(tree.lake, the_request(tree), area, lying, LATER)]
    return [f"{trace.key.split('/')[0]}: {trace.told}" for trace in found]


def test_a_column_of_another_name_hides_nobody(tree: Tree) -> None:
    with_somebody(tree)
    query(tree, "SELECT note AS who FROM readings")
    ask(tree)
    carry_out(tree)
    before = f"it has no column that tells, and was made from staged/readings {DAYS[0]} as that was before (unknown)"
    assert told(tree) == [f"result.parquet: {before}"]
    query(tree, "SELECT note AS who FROM readings")
    assert told(tree) == []


def test_a_query_that_names_somebody_is_told(tree: Tree) -> None:
    with_somebody(tree)
    query(tree, f"SELECT count(*) AS n FROM stations WHERE station != '{WHO}'")
    ask(tree)
    assert told(tree) == ["_made: it names them (unknown)"]


@pytest.mark.parametrize(("erased", "is_told"), [((DAYS[0], DAYS[0]), True), ((DAYS[1], DAYS[1]), False)])
def test_results_of_partitions_that_go_are_told(erased: tuple[str, str], is_told: bool, tree: Tree) -> None:
    tree.erasure_key = KEY
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAYS[0]}.csv", readings(DAYS[0]))
    tree.run()
    query(tree, "SELECT * FROM readings")
    tree.drop("readings", f"{DAYS[1]}.csv", readings(DAYS[1]))
    tree.run()
    ask_for_all(tree, erased)
    carry_out(tree)
    assert bool(told(tree)) is is_told


def test_a_folder_that_is_called_as_the_deployment_hides_nothing(tmp_path: Path) -> None:
    store = Folder(tmp_path / "local")
    store.write("adhoc/a/copy.parquet", b"x", {})
    assert [area.where for area, _ in Deployment("local", str(store.root)).areas_of_others()] == [f"{store.root}/adhoc/a"]


def test_what_was_replaced_is_told_as_long_as_the_bucket_keeps_it(tree: Tree, bucket: Bucket, tmp_path: Path) -> None:
    with_somebody(tree)
    ask(tree)
    area = S3(bucket.name, "adhoc/a", Folder(tmp_path / "here"), client=bucket.client(retries=ONCE))
    for who in (WHO, "somebody else"):
        pl.DataFrame({"note": [who]}).write_parquet(tmp_path / "result")
        area.write("result.parquet", tmp_path / "result", {})
    found = in_area(tree.lake, the_request(tree), area, list(area.list("")), LATER)
    assert [(trace.told, bool(trace.version)) for trace in found] == [("1 rows are theirs (version)", True)]


def test_a_table_of_which_nothing_is_known_is_told(tree: Tree) -> None:
    with_somebody(tree)
    ask(tree)
    path: Path = tree.store.path("adhoc/a/copy.parquet")
    path.parent.mkdir(parents=True)
    pl.DataFrame({"who": [WHO]}).write_parquet(path)
    assert told(tree) == ["copy.parquet: it has no column that tells, and what it was made from is not known (unknown)"]
