"""What the daemon would launch: evaluated by Dagster's own automation, tick by tick."""

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dataops_assets.components import automation, reports
from dataops_assets.components.launch import Launch, launch, untold
from dataops_assets.contract import Dataset
from dataops_assets.contract.policy import Zone
from dataops_assets.storage.lake import Lake
from dataops_assets_tests.components.dagster_tree import JANUARY, RANGE_START, Location, newest, recording_in, requests
from dataops_assets_tests.trees import GOOD, STATIONS, readings

WHOLE = (JANUARY[0], JANUARY[-1])


def ready(here: Location, bad: tuple[str, ...] = ()) -> None:
    """Everything is received, nothing staged but the references; the automation has seen the state before."""
    here.deliver_all(bad=bad)
    here.references()
    here.requested()
    here.run("raw/readings", over=WHOLE)


def test_what_was_received_is_staged(here: Location):
    ready(here)
    assert here.requested() == {"staged/readings": set(JANUARY)}


def test_what_the_envelope_refused_is_not_staged(here: Location):
    here.deliver_all()
    here.references()
    here.requested()
    here.tree.drop("readings", "2024-01-03.csv", "station\n")
    here.run("raw/readings", over=WHOLE)
    assert here.requested() == {"staged/readings": set(JANUARY) - {"2024-01-03"}}


def launched(here: Location, zone: Zone, dataset: str, *partitions: str | None, taken_on: bool) -> None:
    """A run as `dataops run` launches it."""
    run = Launch(zone, (here.tree.catalog()[dataset],), partitions)
    assert not list(launch(here.defs, here.instance, here.tree.lake, run, taken_on=taken_on))


@pytest.mark.parametrize("taken_on", [True, False])
def test_what_the_launcher_takes_on_is_left_to_it(here: Location, taken_on: bool):
    here.deliver_all()
    here.references()
    here.requested()
    launched(here, "raw", "readings", *JANUARY, taken_on=taken_on)
    assert here.requested() == ({} if taken_on else {"staged/readings": set(JANUARY)})
    launched(here, "staged", "readings", *JANUARY, taken_on=taken_on)
    assert here.requested() == ({} if taken_on else {"curated/daily": {"2024-01"}})
    launched(here, "curated", "daily", "2024-01", taken_on=taken_on)
    assert here.requested() == {}
    here.deliver("2024-01-05", warmth=5)
    here.run("raw/readings", partition="2024-01-05")
    assert here.requested() == {"staged/readings": {"2024-01-05"}}, "what comes later is followed as ever"


def test_what_waited_for_inputs_is_taken_on_with_them(here: Location):
    here.deliver_all()
    here.run("raw/stations")
    here.requested()
    here.run("staged/stations")
    here.requested()  # now every day is asked for, and waits for its delivery
    launched(here, "raw", "readings", *JANUARY, taken_on=True)
    assert here.requested() == {}


def test_what_the_launcher_took_on_and_did_not_do_is_found_in_storage(here: Location):
    here.deliver_all()
    here.references()
    here.requested()
    launched(here, "raw", "readings", *JANUARY, taken_on=True)
    assert here.requested() == {}
    assert asked(here) == ["staged/readings"]


def test_a_month_waits_for_its_last_day_and_heals(here: Location):
    ready(here, bad=("2024-01-03",))
    here.requested()
    here.run("staged/readings", over=WHOLE)
    assert here.requested() == {}
    here.deliver("2024-01-03")
    here.run("raw/readings", partition="2024-01-03")
    assert here.requested() == {"staged/readings": {"2024-01-03"}}
    here.run("staged/readings", partition="2024-01-03")
    assert here.requested() == {"curated/daily": {"2024-01"}}
    assert here.run("curated/daily", partition="2024-01").success
    assert here.requested() == {}


def test_what_is_made_again_is_waited_for_so_that_a_run_over_days_holds_one_layer(here: Location):
    monthly, daily = "{every: month, start: 2024-01, end: 2024-01,", "{every: day, start: 2024-01-01, end: 2024-01-20,"
    here.tree.edit("daily/defs.yaml", monthly, daily)
    ready(here)
    assert here.requested() == {"staged/readings": set(JANUARY)}
    here.run("staged/readings", over=WHOLE)
    assert here.requested() == {"curated/daily": set(JANUARY)}
    here.run("curated/daily", over=WHOLE)
    assert here.requested() == {}
    here.tree.drop("stations", "stations.csv", STATIONS.replace("94", "95"))
    here.references()
    assert here.requested() == {"staged/readings": set(JANUARY)}, "both are made from it, and one of the other"
    here.run("staged/readings", over=WHOLE)
    assert here.requested() == {"curated/daily": set(JANUARY)}, "though the days came out as they were"


def published(here: Location) -> None:
    ready(here)
    here.requested()
    here.run("staged/readings", over=WHOLE)
    here.requested()
    here.run("curated/daily", partition="2024-01")
    here.requested()


def test_the_same_bytes_again_start_nothing_downstream(here: Location):
    published(here)
    here.run("staged/readings", over=WHOLE)
    assert here.requested() == {}


@pytest.mark.parametrize("gate", ["envelope", "content"])
def test_where_a_newer_delivery_was_refused_the_version_before_is_read(here: Location, gate: str):
    published(here)
    if gate == "envelope":
        here.tree.drop("readings", "2024-01-05.csv", "station\n")
    else:
        here.deliver("2024-01-05", bad=True)
    here.run("raw/readings", partition="2024-01-05")
    assert here.requested() == ({"staged/readings": {"2024-01-05"}} if gate == "content" else {})
    here.run("staged/readings", partition="2024-01-05")
    assert here.requested() == {}, "nothing new is published"
    here.deliver("2024-01-07", warmth=7)
    here.run("raw/readings", partition="2024-01-07")
    assert here.requested() == {"staged/readings": {"2024-01-07"}}
    here.run("staged/readings", partition="2024-01-07")
    assert here.requested() == {"curated/daily": {"2024-01"}}
    assert here.run("curated/daily", partition="2024-01").success
    assert f"a newer delivery was refused by its {gate} gate" in newest(here, "curated/daily")["note"].value
    here.requested()
    here.deliver("2024-01-05", warmth=5)
    here.run("raw/readings", partition="2024-01-05")
    assert here.requested() == {"staged/readings": {"2024-01-05"}}
    here.run("staged/readings", partition="2024-01-05")
    assert here.requested() == {"curated/daily": {"2024-01"}}


def test_a_new_reference_is_judged_against(here: Location):
    published(here)
    here.tree.drop("stations", "stations.csv", "station,height\noslo,94\nbergen,12\ntromso,10\n")
    here.run("raw/stations")
    assert here.requested() == {"staged/stations": {None}}
    here.run("staged/stations")
    assert here.requested()["staged/readings"] == set(JANUARY)


def test_a_new_contract_of_a_product_makes_it_again(here: Location):
    published(here)
    here.tree.edit("daily/transform.py", ".max()", ".min()")
    assert here.requested() == {"curated/daily": {"2024-01"}}


def test_the_sensor_receives_exactly_what_arrived(here: Location):
    assert requests(here) == []
    here.tree.drop("readings", "2024-01-05.csv", "x")
    here.tree.drop("readings", "2024-01-09.csv", "x")
    here.tree.drop("readings", "2024-01-10.csv", "x")
    found = requests(here)
    assert [request.partition_key for request in found] == ["2024-01-05", None]
    assert found[1].tags[RANGE_START] == "2024-01-09"
    assert {key.to_user_string() for request in found for key in request.asset_selection or ()} == {"raw/readings"}
    assert [request.run_key for request in requests(here)] == [request.run_key for request in found]
    here.run("raw/readings", partition="2024-01-05")
    assert [request.tags.get(RANGE_START) for request in requests(here)] == ["2024-01-09"]
    here.tree.drop("readings", "2024-01-05.csv", "y")
    again = requests(here)
    assert again[0].partition_key == "2024-01-05"
    assert again[0].run_key != found[0].run_key


def test_the_sensors_leave_the_work_to_dataops_run(here: Location):
    here.tree.drop("readings", "2024-01-05.csv", readings("2024-01-05"))
    with here.tree.store.held("run"):
        assert requests(here) == []
        assert requests(here, "reconcile") == []
    assert len(requests(here)) == 1


def test_the_sensor_waits_for_a_file_that_is_being_written(here: Location):
    here.tree.drop("readings", "2024-01-05.csv", "x", written=datetime.now(UTC))
    assert requests(here) == []


def test_a_run_that_died_is_asked_for_again_after_a_pause(here: Location, monkeypatch: pytest.MonkeyPatch):
    here.tree.drop("readings", "2024-01-05.csv", readings("2024-01-05"))
    (first,) = requests(here)
    died = here.instance.create_run_for_job(here.defs.resolve_implicit_global_asset_job_def(), tags=dict(first.tags))
    assert requests(here) == [], "a run is under way"
    here.instance.report_run_failed(died)
    assert requests(here) == [], "it failed a moment ago"
    monkeypatch.setattr(automation, "_PAUSE_SECONDS", 0)
    (second,) = requests(here)
    assert second.run_key != first.run_key
    again = here.instance.create_run_for_job(here.defs.resolve_implicit_global_asset_job_def(), tags=dict(second.tags))
    here.instance.report_run_failed(again)
    here.instance.delete_run(died.run_id)
    (third,) = requests(here)
    assert third.run_key not in (first.run_key, second.run_key), (
        "the records of the first are gone, the key is taken all the same"
    )


def asked(here: Location, since_runs_seconds: float = 3600) -> list[str]:
    """One tick of `reconcile`, so long after all runs have ended: the assets that it asks for."""
    found = requests(here, "reconcile", since_runs_seconds)
    return [next(iter(request.asset_selection or ())).to_user_string() for request in found]


def test_what_follow_takes_on_is_left_to_it(here: Location):
    """Whenever `reconcile` looks, it asks for nothing that `follow` makes, is about to make, or has just made."""
    published(here)
    here.deliver("2024-01-05", warmth=5)
    here.run("raw/readings", partition="2024-01-05")
    assert asked(here, since_runs_seconds=0) == [], "received, and `follow` has not looked yet"
    assert here.requested() == {"staged/readings": {"2024-01-05"}}
    assert asked(here, since_runs_seconds=0) == [], "asked for, and its run is not there yet"
    here.run("staged/readings", partition="2024-01-05")
    assert asked(here, since_runs_seconds=0) == [], "staged, and `follow` has not looked yet"
    assert here.requested() == {"curated/daily": {"2024-01"}}
    here.run("curated/daily", partition="2024-01")
    assert (asked(here, since_runs_seconds=0), asked(here), here.requested()) == ([], [], {})


@pytest.mark.parametrize("raw", [True, False])
def test_what_is_made_of_what_is_under_way_is_left_to_follow(here: Location, raw: bool):
    published(here)
    here.deliver("2024-01-05", warmth=5)
    here.run("raw/readings", partition="2024-01-05")
    if not raw:
        here.run("staged/readings", partition="2024-01-05")
    job = here.defs.resolve_implicit_global_asset_job_def()
    zone, made = ("raw", "staged/readings") if raw else ("staged", "curated/daily")
    under_way = here.instance.create_run_for_job(job, asset_selection=frozenset({dg.AssetKey([zone, "readings"])}))
    assert asked(here) == []
    here.instance.report_run_failed(under_way)
    assert asked(here) == [made]


def test_what_is_made_of_a_run_that_hangs_does_not_wait_for_it(here: Location, monkeypatch: pytest.MonkeyPatch):
    published(here)
    here.deliver("2024-01-05", warmth=5)
    here.run("raw/readings", partition="2024-01-05")
    job = here.defs.resolve_implicit_global_asset_job_def()
    here.instance.create_run_for_job(job, asset_selection=frozenset({dg.AssetKey(["raw", "readings"])}))
    assert asked(here) == []
    monkeypatch.setattr(automation, "HANGING_SECONDS", -60)
    assert asked(here) == ["staged/readings"]


def test_run_that_ends_while_reconcile_looks_is_not_repeated(here: Location, monkeypatch: pytest.MonkeyPatch):
    published(here)
    here.deliver("2024-01-05", warmth=5)
    here.run("raw/readings", partition="2024-01-05")
    look, looked = automation.unsettled, list[str]()

    def looks(lake: Lake, dataset: Dataset, *asked: Any) -> Any:
        found = look(lake, dataset, *asked)
        if dataset.name == "readings":
            looked.extend(found)
            assert here.run("staged/readings", partition="2024-01-05").success
        return found

    monkeypatch.setattr(automation, "unsettled", looks)
    assert "staged/readings" not in asked(here)
    assert looked == ["2024-01-05"]


def test_what_was_stored_but_never_told_is_told(here: Location):
    here.deliver_all()
    here.references()
    here.tree.receive("readings", *JANUARY, now=datetime.now(UTC))
    here.tree.stage("readings", *JANUARY, now=datetime.now(UTC))
    assert asked(here) == ["raw/readings", "staged/readings", "curated/daily"]
    assert here.run("raw/readings", over=WHOLE).success
    assert here.run("staged/readings", over=WHOLE).success
    assert set(here.versions("staged/readings")) == set(JANUARY)
    assert asked(here) == ["curated/daily"]
    assert here.run("curated/daily", partition="2024-01").success
    assert asked(here) == []


def test_run_that_died_between_what_it_made_and_what_its_checks_say_is_told_again(
    here: Location, monkeypatch: pytest.MonkeyPatch
):
    here.deliver_all()
    here.references()

    def die(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reports, "latest_of", die)
    assert not here.run("raw/readings", over=WHOLE).success
    monkeypatch.undo()
    assert set(here.versions("raw/readings")) == set(JANUARY)
    assert asked(here)[0] == "raw/readings"
    assert here.run("raw/readings", over=WHOLE).success
    assert asked(here) == ["staged/readings"]


def test_what_has_ended_is_not_made_again_to_tell_of_it(here: Location, tmp_path: Path):
    published(here)
    for name in ("defs.yaml", "schema.py", "examples.yaml"):
        here.tree.write(f"readings_v2/{name}", GOOD[f"readings/{name}"])
    here.tree.edit("readings_v2/defs.yaml", "provider: The lab", "provider: The lab\n    deliveries: readings")
    (tmp_path / "anew").mkdir()
    with recording_in(tmp_path / "anew") as knows_nothing:

        def to_be_told(zone: Zone) -> list[str | None]:
            return list(untold(knows_nothing, here.tree.lake, here.tree["readings"], zone, datetime.now(UTC)))

        assert to_be_told("raw") == to_be_told("staged") == JANUARY
        here.tree.edit(
            "readings/defs.yaml", "  key: [station", "  ends: {after: 2024-01-20, instead: readings_v2}\n  key: [station"
        )
        assert to_be_told("raw") == to_be_told("staged") == []


@pytest.mark.parametrize(("gate", "zone"), [("envelope", "raw"), ("content", "staged")])
def test_what_was_refused_but_never_told_is_told(here: Location, gate: str, zone: str):
    here.deliver_all()
    here.references()
    if gate == "envelope":
        here.tree.drop("readings", "2024-01-05.csv", "station\n")
    else:
        here.deliver("2024-01-05", bad=True)
        assert here.run("raw/readings", partition="2024-01-05").success
    here.tree.receive("readings", "2024-01-05", now=datetime.now(UTC))
    here.tree.stage("readings", "2024-01-05", now=datetime.now(UTC))
    assert asked(here) == [f"{zone}/readings"]
    job = here.defs.resolve_implicit_global_asset_job_def()
    asset = dg.AssetKey([zone, "readings"])
    died = here.instance.create_run_for_job(job, asset_selection=frozenset({asset}), tags={"dagster/partition": "2024-01-05"})
    here.instance.report_run_failed(died)
    assert asked(here) == [f"{zone}/readings"], "a plan to tell it is not enough"
    assert not here.run(f"{zone}/readings", partition="2024-01-05").success
    assert asked(here) == []


def test_what_stays_published_is_told_by_a_run_that_refuses_a_newer_delivery(here: Location):
    here.deliver_all()
    here.references()
    here.tree.receive("readings", "2024-01-05", now=datetime.now(UTC))
    [before] = here.tree.stage("readings", "2024-01-05", now=datetime.now(UTC))
    here.deliver("2024-01-05", bad=True)
    here.run("raw/readings", partition="2024-01-05")
    assert asked(here) == ["staged/readings"]
    assert not here.run("staged/readings", partition="2024-01-05").success
    assert here.versions("staged/readings") == {"2024-01-05": before.version}
    assert asked(here) == []
    assert not here.run("staged/readings", partition="2024-01-05").success
    assert len(here.instance.fetch_materializations(dg.AssetKey(["staged", "readings"]), limit=9).records) == 1, "told once"


def test_a_change_that_automation_missed_is_found_in_storage(here: Location):
    published(here)
    here.deliver("2024-01-05", warmth=5)
    here.run("raw/readings", partition="2024-01-05")
    here.run("staged/readings", partition="2024-01-05")
    assert asked(here) == ["curated/daily"]


def test_what_a_killed_dataops_run_left_open_is_ended(here: Location):
    here.deliver_all()
    here.references()
    here.tree.receive("readings", "2024-01-05", now=datetime.now(UTC))
    job = here.defs.resolve_implicit_global_asset_job_def()
    asset = frozenset({dg.AssetKey(["raw", "readings"])})
    ours = {
        "dataops/launched_by": "dataops run",
        "dataops/store": str(here.tree.store.root),
        "dataops/host": socket.gethostname(),
    }
    others = [
        here.instance.create_run_for_job(job, asset_selection=asset, tags=ours | other)
        for other in ({"dataops/store": "elsewhere"}, {"dataops/host": "another machine"})
    ]
    killed = here.instance.create_run_for_job(job, asset_selection=asset, tags=ours)

    def unfinished() -> set[str]:
        return {run.run_id for run in here.instance.get_runs() if not run.is_finished}

    with here.tree.store.held("run"):
        assert asked(here) == []
        assert unfinished() == {killed.run_id, *(run.run_id for run in others)}, "it is at work"
    asked(here)
    assert unfinished() == {run.run_id for run in others}
    for run in others:
        here.instance.report_run_failed(run)
    assert "raw/readings" in asked(here)


def test_a_run_that_keeps_failing_is_asked_for_ever_more_rarely():
    pauses = [automation.pause_after(attempts).total_seconds() for attempts in range(40)]
    assert pauses[:4] == [300, 600, 1200, 2400]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 24 * 60 * 60


def test_what_is_under_way_is_not_asked_for(here: Location):
    here.deliver_all()
    here.references()
    here.tree.receive("readings", "2024-01-05", now=datetime.now(UTC))
    assert asked(here) == ["raw/readings", "staged/readings"]
    job = here.defs.resolve_implicit_global_asset_job_def()
    under_way = here.instance.create_run_for_job(job, asset_selection=frozenset({dg.AssetKey(["raw", "readings"])}))
    assert asked(here) == []
    here.instance.report_run_failed(under_way)
    assert asked(here) == ["raw/readings", "staged/readings"]


def test_a_dataset_that_was_declared_since_stops_no_sensor(here: Location):
    before = here.defs
    here.tree.drop("readings", "2024-01-05.csv", readings("2024-01-05"))
    for file in ("defs.yaml", "schema.py"):
        text = (here.tree.defs / "stations" / file).read_text()
        here.tree.write(f"places/{file}", text.replace("stations.csv", "places.csv"))
    here.tree.drop("places", "places.csv", "station,height\noslo,1\n")
    resources = {"lake": (before.resources or {})["lake"]}
    with dg.build_sensor_context(instance=here.instance, definitions=before, resources=resources) as context:
        found = list(before.resolve_sensor_def("deliveries")(context))
    assert [request.partition_key for request in found if isinstance(request, dg.RunRequest)] == ["2024-01-05"]


def test_a_gap_that_was_never_told_is_told(here: Location):
    here.tree.edit(
        "readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.5\n  gaps: [{partition: 2024-01-05, reason: a holiday}]"
    )
    here.deliver_all()
    here.references()
    assert here.run("raw/readings", over=WHOLE).success
    here.tree.receive("readings", "2024-01-05", now=datetime.now(UTC))
    assert here.run("staged/readings", over=WHOLE).success
    assert "raw/readings" not in asked(here)
    with dg.DagsterInstance.ephemeral() as fresh:
        forgotten = Location(here.tree, fresh)
        raw = [request for request in requests(forgotten, "reconcile") if "raw/readings" in request.run_key]
        assert [request.tags[RANGE_START] for request in raw] == [JANUARY[0]]


def test_a_run_that_could_not_judge_does_not_hold_up_automation(here: Location):
    published(here)
    here.tree.drop("readings", "2024-01-05.csv", "station\n")
    assert not here.run("raw/readings", partition="2024-01-05").success
    assert not here.run("staged/readings", partition="2024-01-05").success
    here.deliver("2024-01-05", warmth=5)
    here.run("raw/readings", partition="2024-01-05")
    assert here.requested() == {"staged/readings": {"2024-01-05"}}
    here.run("staged/readings", partition="2024-01-05")
    assert here.requested() == {"curated/daily": {"2024-01"}}
