"""The graph of the project itself, as Dagster has it."""

import shutil
from pathlib import Path

import dagster as dg
import pytest

from dataops_assets.catalog import load_catalog
from dataops_assets.components.dagster_private import TargetMaterialization, checked_partitions
from dataops_assets.components.keys import ZONES
from dataops_assets.definitions import defs
from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.components.dagster_tree import Location
from dataops_assets_tests.components.test_keys import RIGHT


@pytest.fixture(scope="module")
def specs() -> list[dg.AssetSpec]:
    return list(defs().resolve_all_asset_specs())


def test_data_flows_to_the_right_only(specs: list[dg.AssetSpec]):
    edges = [(dep.asset_key.path[0], spec.key.path[0]) for spec in specs for dep in spec.deps]
    assert len(edges) > 20
    seen = {(zone, "gate_results") for zone in ("raw", "staged", "curated")}
    assert set(edges) <= RIGHT | {("raw", "corrections"), ("corrections", "staged"), ("corrections", "quarantine")} | seen


def test_quarantine_comes_from_all_that_decides_on_it(specs: list[dg.AssetSpec]):
    made_from = {spec.key.to_user_string(): {dep.asset_key.to_user_string() for dep in spec.deps} for spec in specs}
    assert made_from["quarantine/flights"] >= {"raw/flights", "staged/airports"}
    assert made_from["quarantine/weather"] >= {"raw/weather", "corrections/weather"}
    published = {key.partition("/")[2]: deps for key, deps in made_from.items() if key.startswith(("staged/", "curated/"))}
    rejected = {key.partition("/")[2]: deps for key, deps in made_from.items() if key.startswith("quarantine/")}
    assert rejected == published


def test_every_asset_says_whose_it_is_and_what(specs: list[dg.AssetSpec]):
    for spec in (spec for spec in specs if spec.key.path != ["adhoc"]):  # each of its partitions has an owner of its own
        assert spec.group_name in (*ZONES, "corrections", "gate_results")
        assert spec.owners
        assert spec.description
        assert spec.kinds
        assert {"keep_until", "readers", "classification", "contact"} <= set(spec.metadata)
        assert str(spec.metadata["contact"].value).startswith("mailto:")


def test_published_assets_have_columns_with_descriptions(specs: list[dg.AssetSpec]):
    for spec in specs:
        if spec.key.path[0] in ("staged", "curated"):
            columns = spec.metadata["dagster/column_schema"].value.columns
            assert columns
            assert all(column.description for column in columns)


def test_a_dataset_that_goes_on_is_watched_for_freshness_and_a_closed_one_is_not(specs: list[dg.AssetSpec]):
    watched = {spec.key.path[-1] for spec in specs if spec.freshness_policy}
    assert watched == {
        dataset.name
        for dataset in load_catalog()
        if dataset.attributes.due and not (dataset.partitions and dataset.partitions.end)
    }
    assert {"airports", "planes", "airlines"} <= watched
    assert not {"flights", "weather", "cancellations"} & watched


def test_what_makes_a_gate_turn_red_soon():
    """A step in the process of its run, and short waits; a person who broke a delivery looks at the clock."""
    ours = defs()
    assert ours.executor is dg.in_process_executor
    assert ours.resolve_implicit_global_asset_job_def().executor_def is dg.in_process_executor
    intervals = {sensor.name: sensor.minimum_interval_seconds for sensor in ours.sensors or ()}
    of_gates = {"deliveries": 10, "follow": 5, "reconcile": 300, "results": 300}
    assert intervals == of_gates | {"sweep": 3600, "prune": 3600, "expiry": 60}


def test_the_instance_of_a_laptop_asks_its_queue_every_second(tmp_path: Path):
    shutil.copy(PROJECT / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_coordinator.dequeue_interval_seconds == 1


def test_a_chart_is_drawn_where_the_contract_asks_for_one(here: Location):
    here.tree.edit("daily/defs.yaml", "inputs:", "chart: {x: day, y: warmest, title: Warmest hour}\n  inputs:")
    here.deliver_all()
    here.references()
    whole = ("2024-01-01", "2024-01-20")
    assert here.run("raw/readings", over=whole).success
    assert here.run("staged/readings", over=whole).success
    assert here.run("curated/daily", partition="2024-01").success
    made = here.instance.get_latest_materialization_event(dg.AssetKey(["curated", "daily"]))
    assert made
    picture = made.asset_materialization.metadata["chart"].value
    assert str(picture).startswith("![Warmest hour, 2024-01](data:image/png;base64,iVBOR")


def test_what_we_take_from_dagsters_private_parts_is_as_we_think():
    target = TargetMaterialization(storage_id=1, run_id="run", timestamp=2.0)
    evaluation = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey("a"), check_name="c", passed=True, metadata={}, target_materialization_data=target, partition="p"
    )
    assert evaluation.target_materialization_data == target
    assert evaluation.partition == "p"


def test_what_a_check_was_told_is_found_by_partition(tmp_path: Path):
    check = dg.AssetCheckKey(dg.AssetKey("a"), "c")

    def told(partition: str, passed: bool) -> None:
        evaluation = dg.AssetCheckEvaluation(check.asset_key, check.name, passed, {}, partition=partition)
        instance.report_runless_asset_event(evaluation)

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        told("p", True)
        told("q", False)
        told("r", True)
        instance.report_runless_asset_event(dg.AssetMaterialization(check.asset_key, partition="r"))
        assert checked_partitions(instance, check) == {"p": True, "q": False}
