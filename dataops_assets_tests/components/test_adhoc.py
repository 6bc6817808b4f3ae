"""Ad-hoc areas in Dagster: made and queried by runs, looked after by a sensor and a job."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from dataops_assets.areas.keeping import registry
from dataops_assets.components import areas
from dataops_assets.definitions import build
from dataops_assets.deployment import Deployment
from dataops_assets.lifecycle.area import Stage
from dataops_assets_tests.components.dagster_tree import Location, failures
from dataops_assets_tests.trees import Tree

KEY = dg.AssetKey("adhoc")
SQL = "SELECT station, max(temperature) AS warmest FROM staged.readings GROUP BY station ORDER BY station"


class Looked:
    """Who looks after areas: what a tick of the sensor asks for is done, at a time of a clock that a test moves."""

    def __init__(self, here: Location, deployed: Deployment):
        self.here, self.deployed, self.now = here, deployed, datetime.now(UTC)
        self.defs = build(here.tree.defs, deployed)
        self.sensor = self.defs.resolve_sensor_def("expiry")

    def job(self, name: str, /, **config: Any) -> dg.ExecuteInProcessResult:
        given = {"ops": {"new_area": {"config": config}}} if config else {}
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        job = self.defs.resolve_job_def(name)
        return job.execute_in_process(instance=self.here.instance, run_config=given | quiet, raise_on_error=False)

    def make(self, name: str = "warmth", group: str = "press") -> None:
        assert self.job("new_adhoc_area", name=name, owner="lab", group=group).success

    def query(self, name: str, sql: str) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def("__ASSET_JOB").execute_in_process(
            instance=self.here.instance,
            asset_selection=[KEY],
            partition_key=name,
            run_config={
                "ops": {"adhoc": {"config": {"sql": sql}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            raise_on_error=False,
        )

    def tick(self) -> bool:
        """One tick; whether it asks for a run."""
        resources = {"lake": (self.defs.resources or {})["lake"]}
        instance = self.here.instance
        with dg.build_sensor_context(instance=instance, definitions=self.defs, resources=resources) as context:
            told = self.sensor(context)
        assert isinstance(told, dg.SensorResult)
        for change in told.dynamic_partitions_requests or ():
            if isinstance(change, dg.AddDynamicPartitionsRequest):
                instance.add_dynamic_partitions("adhoc", change.partition_keys)
            else:
                for key in change.partition_keys:
                    instance.delete_dynamic_partition("adhoc", key)
        return bool(told.run_requests)

    def after(self, days: float) -> None:
        """Some time later: one tick, the run that it asks for, and the tick after that."""
        self.now += timedelta(days=days)
        if self.tick():
            assert self.job("expire_areas").success
        self.now += timedelta(minutes=10)
        self.tick()

    def stage(self, name: str = "warmth") -> Stage:
        seen = registry(self.deployed).read("adhoc", name)
        assert seen
        return seen.area.stage

    @property
    def partitions(self) -> list[str]:
        return list(self.here.instance.get_dynamic_partitions("adhoc"))

    def check(self, name: str = "warmth") -> tuple[bool, str]:
        """What the check says of an area, as the UI shows it."""
        records = self.here.instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(KEY, "in_use"), limit=20
        )
        events = (record.event.dagster_event for record in records if record.event)
        evaluations = (event.event_specific_data for event in events if event)
        told = next(one for one in evaluations if isinstance(one, dg.AssetCheckEvaluation) and one.partition == name)
        return told.passed, told.description or ""


@pytest.fixture
def here(tmp_path: Any, filled: Tree) -> Iterator[Location]:
    home = tmp_path / "instance"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield Location(filled, instance)


@pytest.fixture
def looked(here: Location, monkeypatch: pytest.MonkeyPatch) -> Looked:
    """A laptop on which areas that are due go."""
    looked = Looked(here, Deployment("local", str(here.tree.store.root), expires=True))
    monkeypatch.setattr(areas, "_now", lambda: looked.now)
    return looked


def test_a_day_that_is_none_is_told_with_its_key_and_its_form(looked: Looked) -> None:
    made = looked.job("new_adhoc_area", name="warmth", owner="lab", group="press", keep_until="31.12.2026", why="the report")
    assert not made.success
    assert "keep_until: '31.12.2026' does not match the format '%Y-%m-%d': write a day as 2026-12-31" in failures(made)
    assert "ValueError" not in failures(made)
    assert looked.partitions == []
    assert looked.job(
        "new_adhoc_area", name="warmth", owner="lab", group="press", keep_until="2999-12-31", why="the report"
    ).success


def test_query_fills_the_partition_of_its_area(looked: Looked) -> None:
    looked.make()
    assert looked.partitions == ["warmth"]
    done = looked.query("warmth", SQL)
    assert done.success, failures(done)
    result = pl.read_parquet(looked.here.tree.store.path("adhoc/warmth/result.parquet"))
    assert result["station"].to_list() == ["bergen", "oslo"]
    event = looked.here.instance.get_latest_materialization_event(KEY)
    assert event
    assert event.asset_materialization
    told = event.asset_materialization.metadata
    assert told["dagster/row_count"].value == 2
    inputs = told["inputs"]
    assert isinstance(inputs, dg.TableMetadataValue)
    days = [("readings", f"2024-01-0{day}") for day in (1, 2, 3)]
    assert [(one.data["dataset"], one.data["partition"]) for one in inputs.records] == days
    assert (told["readers"].value, told["classification"].value) == ("press", "public")
    assert str(told["ends"].value).startswith("if unused, marked after ")
    passed, words = looked.check()
    assert (passed, words.startswith("adhoc/warmth is in use since ")) == (True, True)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT * FROM nothing", "there is no nothing for `press`, whose rights adhoc/warmth has; there are: "),
        ("DROP TABLE readings", "write one SELECT, and nothing else"),
        ("", "write one SELECT, and nothing else"),
        ("SELECT temperature::DATE FROM readings", "Unimplemented type for cast"),
    ],
)
def test_query_that_cannot_be_run_fails_once_in_words(looked: Looked, sql: str, told: str) -> None:
    looked.make()
    done = looked.query("warmth", sql)
    assert not done.success
    assert told in failures(done)
    assert not [event for event in done.all_events if event.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY]


def test_unused_area_is_told_of_and_its_partition_retires_and_comes_back(looked: Looked) -> None:
    looked.make()
    assert looked.query("warmth", SQL).success
    looked.after(days=20)
    assert (looked.stage(), looked.tick()) == ("living", False)
    looked.after(days=13)
    assert looked.stage() == "marked"
    passed, words = looked.check()
    assert not passed
    assert f"moves to the trash after {looked.now + timedelta(days=7):%Y-%m-%d}" in words
    assert "`dataops adhoc pin warmth --until DAY --why …`" in words
    looked.after(days=8)
    assert (looked.stage(), looked.partitions) == ("trashed", [])
    with pytest.raises(Exception, match="Could not find a partition with key `warmth`"):
        looked.query("warmth", SQL)

    registry(looked.deployed).change("adhoc", "warmth", lambda area: area.become("returning", looked.now, "me", "it is wanted"))
    looked.after(days=0.1)
    assert (looked.stage(), looked.partitions) == ("living", ["warmth"])
    assert looked.check()[0]
    assert looked.here.tree.store.read("adhoc/warmth/result.parquet")
    for days in (33, 8, 15):
        looked.after(days)
    assert (looked.stage(), looked.partitions) == ("gone", [])


def test_use_keeps_it_and_the_check_says_so(looked: Looked) -> None:
    looked.make()
    looked.after(days=33)
    assert not looked.check()[0]
    assert looked.query("warmth", SQL).success
    assert looked.check()[0]
    looked.after(days=8)
    assert looked.stage() == "living"


def test_area_that_a_run_works_in_is_kept(looked: Looked) -> None:
    looked.make()
    job = looked.defs.resolve_job_def("__ASSET_JOB")
    tags = {"dagster/partition": "warmth"}
    looked.here.instance.create_run_for_job(
        job,
        run_config={"ops": {"adhoc": {"config": {"sql": SQL}}}},
        asset_selection=frozenset({KEY}),
        tags=tags,
        status=dg.DagsterRunStatus.STARTED,
    )
    looked.after(days=40)
    assert looked.stage() == "living"


def test_without_the_switch_nothing_is_changed_and_it_is_asked_for_a_few_times_a_day(
    here: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = Looked(here, Deployment("local", str(here.tree.store.root)))
    monkeypatch.setattr(areas, "_now", lambda: looked.now)
    looked.make()
    looked.now += timedelta(days=40)
    assert looked.tick()
    done = looked.job("expire_areas")
    [output] = [event for event in done.all_events if event.is_successful_output]
    told = output.step_output_data.metadata
    assert (told["acted"].value, told["due"].value) == (False, 1)
    assert looked.stage() == "living"


def test_area_that_somebody_made_at_a_prompt_gets_a_partition(looked: Looked) -> None:
    looked.make("warmth")
    looked.here.instance.delete_dynamic_partition("adhoc", "warmth")
    looked.tick()
    assert looked.partitions == ["warmth"]


def test_area_of_which_nothing_is_known_keeps_its_partition(looked: Looked) -> None:
    looked.make()
    looked.here.tree.store.write("adhoc/warmth/_area.json", b"{}", {})
    looked.after(days=100)
    assert looked.partitions == ["warmth"]


def test_deployment_of_the_areas_writes_no_dataset(here: Location, tmp_path: Any) -> None:
    defs = build(here.tree.defs, Deployment("adhoc", str(tmp_path / "shared"), str(here.tree.store.root)))
    assert {key.to_user_string() for key in defs.resolve_all_asset_keys()} == {"adhoc"}
    assert {sensor.name for sensor in defs.sensors or ()} == {"expiry", "prune"}
    for name in ("dev/me", "branch/pr-1"):
        defs = build(here.tree.defs, Deployment(name, str(tmp_path / "own"), str(here.tree.store.root)))
        assert KEY not in defs.resolve_all_asset_keys()
