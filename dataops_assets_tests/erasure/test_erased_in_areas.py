"""Results of queries in ad-hoc areas are looked through, whatever their columns are called, and the queries themselves, too."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from dataops_assets.areas import keeping
from dataops_assets.areas.query import Asked, answer
from dataops_assets.components.erasing import in_records
from dataops_assets.definitions import build
from dataops_assets.deployment import Deployment
from dataops_assets.lifecycle.making import new_area
from dataops_assets.lifecycle.registry import Registry
from dataops_assets.observe.erasures import fate
from dataops_assets.steps.trace import Trace
from dataops_assets.steps.traces import in_area
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.erasure.asking import (
    DAYS,
    KEY,
    LATER,
    WHO,
    ask,
    ask_for_all,
    carry_out,
    files_naming,
    left,
    the_request,
    with_somebody,
)
from dataops_assets_tests.s3_server import ONCE, Bucket
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings


def query(tree: Tree, sql: str) -> None:
    registry = Registry(tree.store)
    if registry.read("adhoc", "a") is None:
        new_area(registry, tree.catalog().policy, "a", "lab", "press", NOW, "me")
    answer(tree.lake, registry, Asked("a", sql, "me"), lambda: NOW)


def in_areas(tree: Tree) -> list[Trace]:
    areas = Deployment("local", str(tree.store.root)).areas_of_others()
    request, ours = the_request(tree), left(tree)
    return [trace for area, lying in areas for trace in in_area(tree.lake, request, area, lying, LATER, left=ours)]


def told(tree: Tree) -> list[str]:
    return [f"{trace.key.split('/')[0]}: {trace.told}" for trace in in_areas(tree)]


def test_a_column_of_another_name_hides_nobody(tree: Tree) -> None:
    with_somebody(tree)
    query(tree, "SELECT note AS who FROM readings")
    ask(tree)
    now = f"it has no column that tells, and was made from staged/readings {DAYS[0]}, which holds their rows (unknown)"
    assert told(tree) == [f"result.parquet: {now}"]
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


def test_result_that_holds_them_is_named_with_the_way_to_let_it_go(tree: Tree) -> None:
    with_somebody(tree)
    query(tree, "SELECT note FROM readings")
    ask(tree)
    [trace] = in_areas(tree)
    assert trace.place == tree.store.address("adhoc/a/result.parquet")
    assert "dataops adhoc close a --why erasure, and dataops expire --act" in fate(trace, removes=True)

    now = [NOW + timedelta(days=1)]
    expiry = keeping.expiry(Deployment("local", str(tree.store.root)), tree.catalog().policy, lambda: now[0])
    expiry.registry.change("adhoc", "a", lambda area: area.become("closed", now[0], "lab", "erasure"))
    assert [one.to for one in expiry.run(lambda: now[0], act=True)] == ["trashed"]
    [trace] = in_areas(tree)
    assert (trace.area, fate(trace, removes=True)) == ("trash/adhoc/a/0001", "it goes with the trash: dataops adhoc show a")
    now[0] = datetime.now(UTC) + timedelta(days=60)  # the store tells when the record was written
    assert [one.to for one in expiry.run(lambda: now[0], act=True)] == ["gone"]
    assert in_areas(tree) == []


def test_branch_and_person_are_named_with_the_command_that_erases_there(tree: Tree, tmp_path: Path) -> None:
    with_somebody(tree)
    ask(tree)
    for area in ("branch/pr-1", "dev/me"):
        store = Folder(tmp_path / "shared" / area)
        store.write("copy.txt", b"x", {})
        [trace] = in_area(tree.lake, the_request(tree), store, list(store.list("")), LATER)
        assert fate(trace, removes=True).startswith(f"DATAOPS_DEPLOYMENT={area} dataops erase run; or")
        assert f"dataops {area.replace('/', ' close ')} --why erasure" in fate(trace, removes=True)


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


@pytest.mark.parametrize("column", ["note", "nota"], ids=["answered", "failed"])
def test_queries_that_dagster_was_launched_with_name_them_no_more(tree: Tree, tmp_path: Path, column: str) -> None:
    """Config and tags, what the asset tells of its query, and what is told of one that fails."""
    with_somebody(tree)
    ask(tree)
    new_area(Registry(tree.store), tree.catalog().policy, "a", "lab", "press", NOW, "me")
    sql = f"SELECT count(*) AS n FROM readings WHERE {column} != '{WHO}'"
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        instance.add_dynamic_partitions("adhoc", ["a"])
        definitions = build(tree.defs, Deployment("local", str(tree.store.root), erasure_key=KEY))
        done = definitions.resolve_job_def("__ASSET_JOB").execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey("adhoc")],
            partition_key="a",
            run_config={"ops": {"adhoc": {"config": {"sql": sql}}}},
            tags={"for": WHO, "ticket": "7"},
            raise_on_error=False,
        )
        assert done.success == (column == "note")
        [told] = in_records(instance, tree.lake, the_request(tree))
        assert (told.kind, told.place) == ("record", f"Dagster, run {done.run_id}")
        assert files_naming(tmp_path / "home"), "nothing is changed by looking"

        list(in_records(instance, tree.lake, the_request(tree), mask=True))
        assert list(in_records(instance, tree.lake, the_request(tree))) == []
        run = instance.get_run_by_id(done.run_id)
        assert run
        assert run.run_config == {"ops": {"adhoc": {"config": {"sql": sql.replace(WHO, "[erased]")}}}}
        assert (run.tags["for"], run.tags["ticket"], run.tags["dagster/partition"]) == ("[erased]", "7", "a")
        assert [one.run_id for one in instance.get_runs(dg.RunsFilter(tags={"for": "[erased]"}))] == [done.run_id]
    assert files_naming(tmp_path / "home") == []
