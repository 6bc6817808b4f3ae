"""What somebody has switched by hand is told as soon as it stands otherwise than the code says."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickData, TickStatus
from starlette.testclient import TestClient

from dataops_assets.components.switches import CODE_LOCATION, differences
from dataops_assets.definitions import build
from dataops_assets.deployment import Deployment
from dataops_assets.policy.webserver import table
from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.policy.console import Console, console


@pytest.fixture(scope="module")
def webserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with console(tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture
def code(webserver: Console) -> dg.Definitions:
    return build(webserver.tree.defs, Deployment("local", str(webserver.tree.root / "data")))


def ask(webserver: Console, query: str, **variables: Any) -> Any:
    """As the UI does, at a webserver without a guard."""
    answer = TestClient(webserver.bare).post("/graphql", json={"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer
    return answer["data"]


SENSORS_OF = """query($of: RepositorySelector!) { sensorsOrError(repositorySelector: $of)
    { ... on Sensors { results { name id } } } }"""
STOP = "mutation($id: String) { stopSensor(id: $id) { __typename } }"
RESET = "mutation($of: SensorSelector!) { resetSensor(sensorSelector: $of) { __typename } }"
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": CODE_LOCATION}


def stop(webserver: Console, name: str) -> None:
    found = ask(webserver, SENSORS_OF, of=REPOSITORY)["sensorsOrError"]["results"]
    [id_] = [sensor["id"] for sensor in found if sensor["name"] == name]
    assert ask(webserver, STOP, id=id_)["stopSensor"]["__typename"] == "StopSensorMutationResult"


def told(webserver: Console, code: dg.Definitions) -> list[tuple[str, str, str]]:
    return [(one.what, one.stands, one.declared) for one in differences(webserver.instance, code)]


def test_nothing_differs_where_nobody_has_switched_anything(webserver: Console, code: dg.Definitions):
    assert told(webserver, code) == []


def test_a_sensor_that_is_switched_off_in_the_ui_is_told_until_it_is_put_back(webserver: Console, code: dg.Definitions):
    for name in ("reconcile", "follow"):
        stop(webserver, name)
    assert told(webserver, code) == [("sensor follow", "off", "on"), ("sensor reconcile", "off", "on")]
    [follow, _] = differences(webserver.instance, code)
    follow.undo()
    assert told(webserver, code) == [("sensor reconcile", "off", "on")]
    ask(webserver, RESET, of={**REPOSITORY, "sensorName": "reconcile"})
    assert told(webserver, code) == []


def test_what_stands_as_the_code_says_is_no_difference_whoever_switched_it(webserver: Console, code: dg.Definitions):
    start = "mutation($of: SensorSelector!) { startSensor(sensorSelector: $of) { __typename } }"
    ask(webserver, start, of={**REPOSITORY, "sensorName": "follow"})
    assert told(webserver, code) == []


def test_of_another_code_location_and_of_what_is_no_more_nothing_is_told(webserver: Console, code: dg.Definitions):
    stop(webserver, "prune")
    assert differences(webserver.instance, code, "theirs") == []
    assert differences(webserver.instance, dg.Definitions()) == []
    [prune] = differences(webserver.instance, code)
    prune.undo()


def test_a_limit_of_a_pool_is_told_if_steps_of_ours_are_in_it(tmp_path: Path):
    @dg.asset(pool="licences")
    def licensed() -> None: ...

    code = dg.Definitions(assets=[licensed])
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.event_log_storage.set_concurrency_slots("licences", 3)
        instance.event_log_storage.set_concurrency_slots("of another team", 1)
        [limit] = differences(instance, code)
        assert (limit.what, limit.stands) == ("pool licences", "at most 3 at once")
        limit.undo()
        assert differences(instance, code) == []
        assert instance.event_log_storage.get_concurrency_keys() == {"of another team"}


@pytest.fixture
def prod(webserver: Console) -> dg.Definitions:
    return build(webserver.tree.defs, Deployment("prod", str(webserver.tree.root / "data"), pipeline="pipeline@here"))


def by_night(webserver: Console, prod: dg.Definitions) -> tuple[bool, str]:
    """Whether the run of the night succeeds, and what it says if it does not."""
    job = prod.resolve_job_def("look_for_drift")
    done = job.execute_in_process(instance=webserver.instance, raise_on_error=False)
    failed = [event.step_failure_data for event in done.all_events if event.is_step_failure]
    return done.success, str(failed[0].user_failure_data.description) if failed else ""


def test_in_prod_the_night_is_red_for_what_is_switched_off_and_names_it_and_the_way_back(
    webserver: Console, prod: dg.Definitions
):
    assert by_night(webserver, prod) == (True, "")
    stop(webserver, "follow")
    assert by_night(webserver, prod)[0] is False
    [state] = [one for one in webserver.instance.all_instigator_state() if one.name == "follow"]
    at = datetime(2026, 11, 1, 13, 5, tzinfo=UTC)
    of = (state.instigator_origin_id, "follow", InstigatorType.SENSOR, TickStatus.SKIPPED, at.timestamp())
    tick = TickData(*of, selector_id=state.selector_id)
    webserver.instance.create_tick(tick)
    succeeds, said = by_night(webserver, prod)
    first, since, *owners, back = said.splitlines()
    assert (succeeds, first) == (False, "sensor follow: is off, and the code says on")
    assert since == "    since: after 2026-11-01 13:05 UTC, its last tick; by whom, Dagster does not record"
    assert owners
    assert all(line.startswith("    owner: ") for line in owners)
    assert "`dataops drift --undo`" in back
    [follow] = differences(webserver.instance, prod)
    follow.undo()
    assert by_night(webserver, prod) == (True, "")


def test_the_night_looks_in_prod_alone_and_by_itself(webserver: Console, code: dg.Definitions, prod: dg.Definitions):
    schedules = {schedule.name: schedule for schedule in prod.get_repository_def().schedule_defs}
    assert schedules["drift"].default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedules["drift"].job_name == "look_for_drift"
    assert not code.get_repository_def().schedule_defs


def test_the_code_location_has_one_name_everywhere():
    workspace = yaml.safe_load((PROJECT / "workspace.yaml").read_text())
    assert [entry["python_module"]["location_name"] for entry in workspace["load_from"]] == [CODE_LOCATION]
    assert table().launching.code_locations == {CODE_LOCATION}
