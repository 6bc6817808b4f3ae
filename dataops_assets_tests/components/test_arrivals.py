"""The check on landing: what never came is told in the UI, once, and no longer when it came."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dataops_assets.components.arrivals import arrivals_check, tell_arrivals
from dataops_assets.components.dagster_private import last_evaluation
from dataops_assets.deployment import Deployment
from dataops_assets.settings import DeploymentError
from dataops_assets_tests.components.dagster_tree import JANUARY, Location, requests
from dataops_assets_tests.trees import NOW, STATIONS

CHECK = dg.AssetCheckKey(dg.AssetKey(["landing", "readings"]), "arrivals")
HOLES = "never delivered, although later ones were: 2024-01-02 to 2024-01-03"


def events(here: Location) -> int:
    return len(here.instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=10))


def told(here: Location) -> tuple[bool, str | None]:
    evaluation = last_evaluation(here.instance, CHECK)
    assert evaluation
    return evaluation.passed, evaluation.description


def test_a_hole_is_told_by_the_sensor_once_and_no_more_when_it_is_filled(here: Location) -> None:
    for day in {*JANUARY} - {"2024-01-02", "2024-01-03"}:
        here.deliver(day)
    requests(here, "reconcile")
    requests(here, "reconcile")
    assert (told(here), events(here)) == ((False, HOLES), 1)
    evaluation = last_evaluation(here.instance, CHECK)
    assert evaluation
    table = evaluation.metadata["partitions"]
    assert isinstance(table, dg.TableMetadataValue)
    named = [(record.data["partition"], record.data["later ones came"]) for record in table.records]
    assert named == [("2024-01-02", True), ("2024-01-03", True)]
    here.deliver("2024-01-02")
    here.deliver("2024-01-03")
    requests(here, "reconcile")
    assert (told(here), events(here)) == ((True, "nothing is awaited that is due"), 2)


def test_it_can_be_asked_at_any_time_and_a_table_has_none(here: Location) -> None:
    lake: Any = (here.defs.resources or {})["lake"]
    result = arrivals_check(here.tree["readings"])(lake=lake)
    assert isinstance(result, dg.AssetCheckResult)
    assert (result.passed, result.description) == (False, "not delivered: 2024-01-01 to 2024-01-20")
    names = {
        key.asset_key.to_user_string() for key in here.defs.resolve_asset_graph().asset_check_keys if key.name == "arrivals"
    }
    assert names == {"landing/readings"}
    tell_arrivals(here.instance, here.tree.lake, here.tree.lake.catalog, datetime.now(UTC))
    assert told(here)[0] is False


@pytest.mark.parametrize("sensor", ["deliveries", "reconcile"])
def test_a_folder_of_drops_that_is_not_there_is_told_by_the_tick_and_not_taken_for_an_empty_one(
    here: Location, tmp_path: Path, sensor: str
) -> None:
    share = tmp_path / "share"
    apart = replace(here, deployed=Deployment("local", str(here.tree.root / "data"), landing=str(share)))
    with pytest.raises(DeploymentError, match=f"DATAOPS_LANDING is {share}, which is no folder: make it"):
        requests(apart, sensor)
    share.mkdir()
    assert requests(apart, sensor) == []


def test_table_that_is_old_is_told_if_it_may_only_be_so_old(here: Location) -> None:
    key = dg.AssetCheckKey(dg.AssetKey(["landing", "stations"]), "arrivals")
    here.tree.drop("stations", "stations.csv", STATIONS)
    here.tree.run("stations")
    tell_arrivals(here.instance, here.tree.lake, [here.tree["stations"]], NOW + timedelta(days=900))
    assert last_evaluation(here.instance, key) is None
    here.tree.edit("stations/defs.yaml", "  key:", "  due: 10 days\n  key:")
    assert key in here.defs.resolve_asset_graph().asset_check_keys
    tell_arrivals(here.instance, here.tree.lake, [here.tree["stations"]], NOW + timedelta(days=11))
    evaluation = last_evaluation(here.instance, key)
    assert evaluation
    assert (evaluation.passed, evaluation.description) == (
        False,
        "no newer delivery has come, due since 2024-03-11 12:00:00 UTC",
    )
    assert (evaluation.metadata["owner"].value, evaluation.metadata["provider"].value) == ("lab", "The lab")
    assert evaluation.metadata["awaited"].value == 1
