"""The tables of what the gates found are assets, which nobody needs to ask for."""

import pytest

from dataops_assets.components.launch import launch_results
from dataops_assets.storage.results import differing
from dataops_assets_tests.components.dagster_tree import Location, newest, requests
from dataops_assets_tests.trees import STATIONS, readings

DAY = "2024-01-05"


@pytest.fixture
def judged(here: Location) -> Location:
    here.tree.drop("stations", "stations.csv", STATIONS)
    here.tree.drop("readings", f"{DAY}.csv", readings(DAY))
    here.tree.run()
    return here


def asked(here: Location) -> list[str]:
    """One tick of the sensor: the assets that it asks for."""
    return [key.to_user_string() for one in requests(here, "results") for key in one.asset_selection or ()]


def test_the_sensor_asks_for_just_what_is_not_up_to_date(judged: Location):
    assert asked(judged) == ["gate_results/readings", "gate_results/stations"]
    assert judged.run("gate_results/readings", "gate_results/stations").success
    assert asked(judged) == []
    judged.tree.drop("readings", f"{DAY}.csv", "nonsense\n1\n")
    judged.tree.run()
    assert asked(judged) == ["gate_results/readings"], "a refused delivery is news, too"


def test_what_fails_is_asked_for_once_an_hour_and_what_is_new_at_once(judged: Location):
    (first,), (again,) = requests(judged, "results"), requests(judged, "results")
    assert first.run_key == again.run_key
    judged.tree.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 1}))
    judged.tree.run()
    (newer,) = requests(judged, "results")
    assert newer.run_key != first.run_key


def test_it_leaves_the_work_to_dataops_run(judged: Location):
    with judged.tree.store.held("run"):
        assert asked(judged) == []


def test_the_asset_tells_what_it_holds(judged: Location):
    assert judged.run("gate_results/readings").success
    told = {name: value.value for name, value in newest(judged, "gate_results/readings").items()}
    assert told["dagster/row_count"] == 23
    assert told["path"] == str(judged.tree.store.path("gate_results/readings/data.parquet"))
    assert judged.versions("gate_results/readings")["None"] == judged.tree.store.sha256("gate_results/readings/data.parquet")


def test_a_run_of_our_own_makes_what_is_stale_and_no_more(judged: Location):
    tree = judged.tree
    assert list(launch_results(judged.defs, judged.instance, tree.lake, [tree["readings"]])) == []
    assert differing(tree.lake, tree["readings"]) == set()
    assert differing(tree.lake, tree["stations"])
    assert list(launch_results(judged.defs, judged.instance, tree.lake, [tree["readings"]])) == []
    assert len(judged.instance.get_runs()) == 1


def test_what_fails_in_a_view_holds_up_no_data(judged: Location):
    folder = judged.tree.store.path("gate_results")
    folder.write_text("in the way")
    (told,) = launch_results(judged.defs, judged.instance, judged.tree.lake, [judged.tree["readings"]])
    assert "gate_results" in told
    assert judged.tree.read("readings", DAY).height == 4
