"""What Dagster has recorded of old runs goes, and it answers as before: of every partition, check and run it still knows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.events import AssetMaterializationPlannedData
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from hypothesis import given, settings
from hypothesis import strategies as st

from dataops_assets.components import pruning
from dataops_assets.components.dagster_private_storage import Records
from dataops_assets.components.keys import all_keys
from dataops_assets.components.pruning import CodeLocation, Pruned, prune
from dataops_assets_tests.components.dagster_tree import Location, location, requests
from dataops_assets_tests.components.recorded import (
    DATABASES,
    Past,
    answers,
    checked,
    instance_on,
    made,
    of_asset,
    origin,
    planned,
    seen_from,
)
from dataops_assets_tests.trees import STATIONS

TERM = timedelta(days=90)
HERE = CodeLocation("here", frozenset({dg.AssetKey("a")}))
DAYS = ("2024-01-01", "2024-01-20")


@pytest.fixture(params=DATABASES)
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    server = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    with instance_on(request.param, tmp_path / "instance", server) as made:
        yield made


@pytest.fixture
def lived(instance: dg.DagsterInstance, tmp_path: Path) -> Location:
    """A month that was delivered, staged and published, with bad days and deliveries that came again."""
    here = location(tmp_path, instance)
    here.deliver_all(bad=["2024-01-07"])
    here.references()
    here.tree.drop("stations", "stations.csv", STATIONS.replace("94", "95"))
    here.references()
    here.run("raw/readings", over=DAYS)
    here.run("staged/readings", over=DAYS)
    here.requested()
    for day, bad in (("2024-01-03", False), ("2024-01-07", False), ("2024-01-09", True)):
        here.deliver(day, bad=bad, warmth=3)
        here.run("raw/readings", partition=day)
        here.run("staged/readings", partition=day)
    here.run("curated/daily", partition="2024-01")
    for warmth in (1, 2):
        here.instance.report_runless_asset_event(dg.AssetObservation("staged/stations", metadata={"warmth": warmth}))
        here.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(dg.AssetKey(["landing", "readings"]), "arrivals", passed=warmth == 2)
        )
    while here.requested():
        pass
    return here


def pruned(
    instance: dg.DagsterInstance, ours: CodeLocation = HERE, term: timedelta = TERM, now: datetime | None = None
) -> Pruned:
    """What a prune says, a hundred days from now."""
    return prune(instance, ours, term, term, now or datetime.now(UTC) + timedelta(days=100))


def in_the_records(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


def events_of(instance: dg.DagsterInstance, run: str) -> list[str]:
    return [event.dagster_event_type.value for event in instance.all_logs(run) if event.dagster_event_type]


def test_dagster_answers_as_before(lived: Location):
    before = answers(lived.instance, lived.defs)
    done = pruned(lived.instance, CodeLocation(None, all_keys(lived.tree.lake.catalog)))
    assert done.removed == 1
    assert done.events > 150
    assert answers(lived.instance, lived.defs) == before
    assert lived.requested() == {}
    assert [requests(lived, sensor) for sensor in ("deliveries", "reconcile")] == [[], []]


def test_a_run_goes_when_all_it_told_was_told_again_and_what_is_left_of_others_says_how_they_went(instance: dg.DagsterInstance):
    past = Past(instance)
    first = past.run(planned("a", "x"), made("a", "x", "1"), checked("a", "x"))
    failed = past.run(planned("a", "y"), checked("a", "y", passed=False), ends=dg.DagsterEventType.RUN_FAILURE)
    again = past.run(planned("a", "x"), made("a", "x", "2"), checked("a", "x"))
    done = pruned(instance)
    assert in_the_records(instance) == {failed, again}
    assert (done.removed, done.kept) == (1, {"it told the newest of a partition or a check": 2})
    assert done.evaluations == 1
    assert instance.get_run_by_id(first) is None
    assert "PIPELINE_FAILURE" in events_of(instance, failed)
    assert "ENGINE_EVENT" not in events_of(instance, failed)
    assert again_done(instance) == Pruned(kept=done.kept, young=0)


def again_done(instance: dg.DagsterInstance) -> Pruned:
    """What a second prune finds; what SQLite gives back is not its concern."""
    done = pruned(instance)
    done.bytes_given_back = 0
    return done


def test_of_others_and_of_nobody_knows_whom_nothing_is_touched(instance: dg.DagsterInstance):
    past = Past(instance)
    theirs = dg.AssetKey("theirs")
    runs = [
        past.run(made("a"), checked("a"), remote_job_origin=origin("elsewhere")),
        past.run(made("theirs"), checked("theirs"), assets=[theirs]),
        past.run(made("a"), checked("a"), assets=[]),
        past.run(made("a"), checked("a"), assets=[dg.AssetKey("a"), theirs]),
    ]
    ours = past.run(made("a"), checked("a"), assets=[], remote_job_origin=origin("here"))
    for asset in ("a", "theirs", "theirs"):
        instance.report_runless_asset_event(made(asset))
        instance.report_runless_asset_event(checked(asset))
    past.run(made("a"), checked("a"), made("theirs"))
    before = {run: list(instance.all_logs(run)) for run in runs}
    done = pruned(instance)
    assert done.untouched == {"of others": 2, "nobody knows whose it is": 2}
    assert done.runless_of_others == 2
    assert {run: list(instance.all_logs(run)) for run in runs} == before
    assert instance.get_run_by_id(ours) is None
    assert len(instance.fetch_materializations(theirs, limit=10).records) == 4
    assert len(instance.fetch_materializations(dg.AssetKey("a"), limit=10).records) == 4, (
        "that of ours went, and the one without a run"
    )


def test_without_a_name_of_its_own_it_does_not_touch_what_a_service_launched(instance: dg.DagsterInstance):
    past = Past(instance)
    run = past.run(made("a"), remote_job_origin=origin("here"))
    past.run(made("a"))
    assert pruned(instance, CodeLocation(None, HERE.assets)).untouched == {"nobody knows whose it is": 1}
    assert run in in_the_records(instance)


def test_what_is_young_or_not_over_stays(instance: dg.DagsterInstance):
    past = Past(instance)
    under_way = past.run(made("a", "x", "1"), ends=None)
    old = past.run(made("a", "x", "2"))
    moment = datetime.now(UTC)
    young = [past.run(made("a", "x", str(version))) for version in (3, 4)]
    done = pruned(instance, term=timedelta(0), now=moment)
    assert in_the_records(instance) == {under_way, old, *young}
    assert done.young == 3
    assert done.kept.total() == 1, "from that moment it is the newest"
    assert pruned(instance).removed == 2
    assert in_the_records(instance) == {under_way, young[-1]}


def test_runs_stay_that_dagster_asks_for_by_another_way(instance: dg.DagsterInstance):
    past = Past(instance)
    asked = past.run(made("a"), tags={"dagster/run_key": "k", "dagster/sensor_name": "a_sensor_of_the_team"})
    past.run(made("a"), tags={"dagster/run_key": "k", "dagster/sensor_name": "deliveries"})
    repeated = past.run(made("a"))
    under_way = past.run(made("a"), tags={"dagster/backfill": "running"})
    ended = past.run(made("a"), tags={"dagster/backfill": "ended"})
    for name, status in (("running", BulkActionStatus.REQUESTED), ("ended", BulkActionStatus.COMPLETED_SUCCESS)):
        instance.add_backfill(PartitionBackfill(name, status, False, {}, backfill_timestamp=0.0))
    last = past.run(made("a"), root_run_id=repeated, parent_run_id=repeated, tags={"dagster/root_run_id": repeated})
    past.run(ends=None)
    done = pruned(instance)
    assert in_the_records(instance) - {asked, repeated, under_way, last} == {
        run for run in in_the_records(instance) if not over(instance, run)
    }
    assert ended not in in_the_records(instance)
    assert done.kept == {
        "a sensor asks by its key whether it has asked before": 1,
        "another repeats it": 1,
        "it told the newest of a partition or a check": 1,
    }
    assert done.untouched == {"its backfill is under way": 1}


def over(instance: dg.DagsterInstance, run: str) -> bool:
    found = instance.get_run_by_id(run)
    assert found
    return found.is_finished


def test_what_processes_wrote_goes(instance: dg.DagsterInstance, tmp_path: Path):
    defs = dg.Definitions(assets=[loud])
    runs = [
        defs.resolve_implicit_global_asset_job_def()
        .execute_in_process(instance=instance, asset_selection=[dg.AssetKey("a")])
        .run_id
        for _ in range(2)
    ]
    logs = tmp_path / "instance" / "storage"
    assert {folder.name for folder in logs.iterdir()} == set(runs)
    now = datetime.now(UTC) + timedelta(days=40)
    done = prune(instance, HERE, TERM, timedelta(days=30), now)
    assert (done.logs, done.events, done.removed) == (2, 0, 0)
    assert list(logs.iterdir()) == []
    assert pruned(instance).logs == 2
    assert pruned(instance).logs == 0


@dg.asset(name="a")
def loud() -> None:
    print("here I am")  # noqa: T201  (that is what is removed)


def test_sqlite_gives_back_the_space(tmp_path: Path):
    with instance_on("sqlite", tmp_path / "instance", None) as instance:
        past = Past(instance)
        for version in range(30):
            past.run(*(made("a", partition, str(version)) for partition in "xyz"), planned("a", "x"))
        files = tmp_path / "instance" / "history" / "runs"
        before = files_of(files)
        done = pruned(instance)
        after = files_of(files)
        assert {path.stem for path in after} == {"index", *in_the_records(instance)}
        assert done.removed == 29
        assert after[files / "index.db"] < before[files / "index.db"] * 2 / 3
        assert done.bytes_given_back > 0
        instance.report_runless_asset_event(made("a"))
        assert instance.get_latest_materialization_event(dg.AssetKey("a"))


def files_of(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.glob("*.db")}


def test_it_can_be_killed_at_any_time_and_goes_on_where_it_was(instance: dg.DagsterInstance):
    past = Past(instance)
    for version in "123":
        for partition in "xy":
            past.run(planned("a", partition), made("a", partition, version), checked("a", partition))
        instance.report_runless_asset_event(made("a", "z", version))
        instance.report_runless_asset_event(checked("a"))
    past.run(ends=None)
    asset = dg.AssetSpec("a")
    before, killed = of_asset(instance, asset), 0
    while True:
        with dying_at(killed + 1) as statements:
            try:
                pruned(instance)
            except Killed:
                killed += 1
            else:
                break
        assert statements.pop() == killed
        assert of_asset(instance, asset) == before
    assert killed >= 5
    assert len(in_the_records(instance)) == 3
    assert of_asset(instance, asset) == before
    assert [len(events_of(instance, run)) for run in in_the_records(instance)].count(4) == 2


class Killed(BaseException):
    pass


@contextmanager
def dying_at(number: int) -> Iterator[list[int]]:
    """Whoever removes something is killed at the given time that it does."""
    seen = [0]

    def count(connection: sa.Connection, cursor: object, statement: str, *_: object) -> None:
        seen[0] += statement.startswith("DELETE")
        if seen[0] == number:
            raise Killed

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)


def test_two_may_prune_at_once_while_runs_go_on(instance: dg.DagsterInstance):
    past = Past(instance)
    for version in range(12):
        past.run(*(made("a", partition, str(version)) for partition in "xyz"))
    before = of_asset(instance, dg.AssetSpec("a"))
    with ThreadPoolExecutor(3) as threads:
        pruning = [threads.submit(pruned, instance) for _ in range(2)]
        writing = threads.submit(
            lambda: [past.run(made("b", "x", str(version)), assets=[dg.AssetKey("b")]) for version in range(5)]
        )
        assert sum(one.result().removed for one in pruning) >= 11
    assert of_asset(instance, dg.AssetSpec("a")) == before
    assert set(writing.result()) < in_the_records(instance)


_told = st.one_of(
    st.builds(made, st.just("a"), st.sampled_from(["x", "y", None]), st.sampled_from(["1", "2", None])),
    st.builds(
        lambda key, version: dg.AssetObservation("a", partition=key, tags=version),
        st.sampled_from(["x", None]),
        st.sampled_from([{"dagster/data_version": "3"}, {}]),
    ),
    st.builds(planned, st.just("a"), st.sampled_from(["x", "y", None])),
    st.builds(checked, st.just("a"), st.sampled_from(["x", "y", None]), st.booleans()),
)


def _may_be_told_without_a_run(told: Any) -> bool:
    """Dagster itself fails at a check of a partition that is told twice without a run."""
    return not isinstance(told, AssetMaterializationPlannedData) and not (
        isinstance(told, dg.AssetCheckEvaluation) and told.partition
    )


def _what(told: Any) -> tuple[type, str | None]:
    return type(told), told.partition


@settings(max_examples=25)
@given(st.lists(st.tuples(st.lists(_told, max_size=4, unique_by=_what), st.booleans()), min_size=1, max_size=8), st.data())
def test_nobody_whose_cursor_is_younger_than_the_term_sees_a_difference(
    history: list[tuple[list[Any], bool]], data: st.DataObject
):
    with dg.DagsterInstance.ephemeral() as instance:
        past, moments = Past(instance), []
        for told, by_run in history:
            if by_run:
                past.run(*told)
            else:
                for one in filter(_may_be_told_without_a_run, told):
                    instance.report_runless_asset_event(one)
            moments.append(datetime.now(UTC))
        past.run(ends=None)
        moment = data.draw(st.sampled_from(moments))
        horizon = Records(instance).horizon(moment)
        last = instance.event_log_storage.get_maximum_record_id() or 0
        cursors = {horizon, last, data.draw(st.integers(horizon, last))}

        def all_seen() -> list[Any]:
            seen = [seen_from(instance, dg.AssetKey("a"), ["x", "y"], cursor) for cursor in cursors]
            return [*seen, of_asset(instance, dg.AssetSpec("a"))]

        before = all_seen()
        pruned(instance, term=timedelta(0), now=moment)
        assert all_seen() == before


def test_a_data_version_stays_known_although_somebody_said_later_that_it_was_made_and_not_which():
    with dg.DagsterInstance.ephemeral() as instance:
        past = Past(instance)
        past.run(made("a", "x", "1"))
        instance.report_runless_asset_event(made("a", "x"))
        past.run(ends=None)
        cursor = instance.event_log_storage.get_maximum_record_id()
        assert cursor
        pruned(instance)
        past.run(made("a", "x", "1"))
        assert instance.event_log_storage.get_updated_data_version_partitions(dg.AssetKey("a"), ["x"], cursor) == set()


class Later(datetime):
    """A clock for which every term of the policy has passed."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(days=100)


def test_the_job_says_what_it_did(here: Location):
    past = Past(here.instance)
    for _ in range(2):
        past.run(made("staged/readings"), assets=[dg.AssetKey(["staged", "readings"])])
    past.run(made("b"), assets=[dg.AssetKey("b")])
    with mock.patch.object(pruning, "datetime", Later):
        done = here.defs.resolve_job_def("prune_records").execute_in_process(instance=here.instance)
    [output] = [event for event in done.all_events if event.is_successful_output]
    told = {name: value.value for name, value in output.step_output_data.metadata.items()}
    assert told["runs_removed"] == 1
    assert told["runs_kept/it told the newest of a partition or a check"] == 1
    assert told["runs_not_touched/of others"] == 1
    assert told["runs_not_due"] == 1, "its own"
    assert any("1 runs, " in entry.user_message for entry in here.instance.all_logs(done.run_id))


def test_it_is_asked_for_once_a_day_and_nobody_needs_to_turn_it_on(here: Location):
    sensor = here.defs.resolve_sensor_def("prune")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    with dg.build_sensor_context(instance=here.instance) as context:
        asked = [sensor(context).run_key for _ in range(2)]
    assert asked[0] == asked[1]


def test_sensors_whose_run_keys_are_forgotten_are_there(here: Location):
    assert {sensor.name for sensor in here.defs.sensors or ()} > pruning._ASK_ANEW
