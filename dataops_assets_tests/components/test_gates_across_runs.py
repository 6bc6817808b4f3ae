"""A partition that has not passed its gate is read by nothing downstream, whoever launches it and in whichever run."""

import hashlib
import resource

import dagster as dg
import polars as pl

from dataops_assets.components.assets import dataset_definitions
from dataops_assets.components.dagster_private import checked_partitions, last_evaluation
from dataops_assets.components.launch import Launch, launch
from dataops_assets_tests.components.dagster_tree import JANUARY, Location, failures, newest
from dataops_assets_tests.trees import STATIONS

WHOLE = (JANUARY[0], JANUARY[-1])


def test_one_partition_goes_through_several_layers_in_one_run(here: Location):
    here.deliver_all()
    here.references()
    assert here.run("raw/readings", "staged/readings", partition="2024-01-03").success
    published = here.tree.lake.version("staged", here.tree["readings"], "2024-01-03")
    assert here.versions("staged/readings") == {"2024-01-03": published}
    assert here.tree.read("readings", "2024-01-03").height == 4
    told = newest(here, "staged/readings")
    assert told["dagster/row_count"].value == 4
    assert told["nulls/note"].value == 4
    assert told["bytes"].value > 0


def test_a_refused_partition_stops_its_run_and_every_later_one(here: Location):
    here.deliver_all(bad=["2024-01-03"])
    here.references()
    first = here.run("raw/readings", "staged/readings", partition="2024-01-03")
    assert not first.success
    assert "rows rejected" in failures(first)
    assert here.versions("staged/readings") == {}
    later = here.run("curated/daily", partition="2024-01")
    assert not later.success
    assert "staged/readings 2024-01-03 is not published: its content gate refused it at 20" in failures(later)
    assert "greater_than_or_equal_to" in failures(later) or "less_than_or_equal_to" in failures(later)


def test_an_envelope_that_is_refused_is_kept_but_not_staged(here: Location):
    here.deliver_all()
    here.references()
    here.tree.drop("readings", "2024-01-03.csv", "station,day\noslo,2024-01-03\n")
    first = here.run("raw/readings", "staged/readings", partition="2024-01-03")
    assert not first.success
    assert "missing: hour, temperature, note" in failures(first)
    assert "2024-01-03" in here.versions("raw/readings")
    alone = here.run("staged/readings", partition="2024-01-03")
    assert "its envelope gate refused" in failures(alone)


def test_over_a_range_the_good_ones_are_published_and_the_bad_ones_listed(here: Location):
    here.deliver_all(bad=["2024-01-03", "2024-01-09"])
    here.references()
    assert here.run("raw/readings", over=WHOLE).success
    staged = here.run("staged/readings", over=WHOLE)
    assert not staged.success
    assert "18 of 20 partitions done" in failures(staged)
    assert "2024-01-03" in failures(staged)
    assert "2024-01-09" in failures(staged)
    published = here.versions("staged/readings")
    assert set(published) == set(JANUARY) - {"2024-01-03", "2024-01-09"}
    expected = {day: here.tree.lake.version("staged", here.tree["readings"], day) for day in published}
    assert published == expected
    told = newest(here, "quarantine/readings")
    assert (told["judged"].value, told["rejected_rows"].value) == (20, 8)
    assert [(one.data["partition"], one.data["rows"]) for one in told["where"].records] == [
        ("2024-01-03", 4),
        ("2024-01-09", 4),
    ]
    assert newest(here, "landing/readings")["deliveries"].value == 20


def test_the_version_before_stays_readable_and_says_so(here: Location):
    here.deliver_all()
    here.references()
    here.run("raw/readings", over=WHOLE)
    here.run("staged/readings", over=WHOLE)
    before = here.tree.read("readings", "2024-01-05")
    here.deliver("2024-01-05", bad=True)
    refused = here.run("raw/readings", "staged/readings", partition="2024-01-05")
    assert "what was published before stays" in failures(refused)
    assert here.tree.read("readings", "2024-01-05").equals(before)
    assert here.run("curated/daily", partition="2024-01").success
    note = str(newest(here, "curated/daily")["note"].value)
    assert "staged/readings 2024-01-05: a newer delivery was refused by its content gate" in note


def test_several_layers_over_a_range_are_refused_before_anything_is_done(here: Location):
    here.deliver_all()
    result = here.run("raw/readings", "staged/readings", over=WHOLE)
    assert not result.success
    assert "selects raw/readings and staged/readings, which is made from it: nothing was done" in failures(result)
    assert "dataops run" in failures(result)
    assert here.versions("raw/readings") == {}


def test_a_job_with_several_layers_over_a_range_is_refused_too(here: Location):
    here.deliver_all()
    both = dg.define_asset_job("both", selection=["raw/readings", "staged/readings"])
    job = dg.Definitions.merge(here.defs, dg.Definitions(jobs=[both])).resolve_job_def("both")
    tags = {"dagster/asset_partition_range_start": WHOLE[0], "dagster/asset_partition_range_end": WHOLE[1]}
    result = job.execute_in_process(instance=here.instance, tags=tags, raise_on_error=False)
    assert not result.success
    assert "nothing was done" in failures(result)


def test_a_job_of_one_layer_runs_over_a_range(here: Location):
    here.deliver_all()
    raw = dg.define_asset_job("raw", selection=["raw/readings"])
    job = dg.Definitions.merge(here.defs, dg.Definitions(jobs=[raw])).resolve_job_def("raw")
    tags = {"dagster/asset_partition_range_start": WHOLE[0], "dagster/asset_partition_range_end": WHOLE[1]}
    assert job.execute_in_process(instance=here.instance, tags=tags, raise_on_error=False).success
    assert set(here.versions("raw/readings")) == set(JANUARY)


def test_a_range_of_one_partition_answers_its_check(here: Location):
    here.deliver_all()
    here.references()
    day = "2024-01-07"
    assert here.run("raw/readings", over=(day, day)).success
    assert here.run("staged/readings", over=(day, day)).success
    key = dg.AssetCheckKey(dg.AssetKey(["staged", "readings"]), "content")
    assert checked_partitions(here.instance, key) == {day: True}
    assert set(here.versions("staged/readings")) == {day}


def test_a_product_with_many_partitions_is_made_over_a_range(here: Location):
    here.tree.edit(
        "daily/defs.yaml", "every: month, start: 2024-01, end: 2024-01", f"every: day, start: {WHOLE[0]}, end: {WHOLE[1]}"
    )
    here.deliver_all()
    here.references()
    assert here.run("raw/readings", over=WHOLE).success
    assert here.run("staged/readings", over=WHOLE).success
    run = Launch("curated", (here.tree["daily"],), tuple(JANUARY))
    assert list(launch(here.defs, here.instance, here.tree.lake, run)) == []
    assert set(here.versions("curated/daily")) == set(JANUARY)


def test_a_range_holds_tables_without_partitions_too(here: Location):
    here.deliver_all()
    assert here.run("raw/stations", "raw/readings", over=WHOLE).success
    assert here.run("staged/stations", "staged/readings", over=WHOLE).success
    assert set(here.versions("staged/readings")) == set(JANUARY)
    assert set(here.versions("staged/stations")) == {"None"}


def test_one_partition_is_run_with_tables_without_partitions(here: Location):
    here.deliver_all()
    assert here.run("raw/stations", "raw/readings", "staged/stations", "staged/readings", partition="2024-01-03").success
    assert set(here.versions("staged/stations")) == {"None"}
    verdict = here.tree.lake.newest_verdict(here.tree["stations"], None)
    assert verdict
    assert verdict.partition is None


def test_a_failure_is_told_although_a_delivery_was_refused_before(here: Location):
    here.deliver_all(bad=["2024-01-05"])
    here.references()
    assert not here.run("raw/readings", "staged/readings", partition="2024-01-05").success
    again = Launch("staged", (here.tree["readings"],), ("2024-01-05",))
    assert [*launch(here.defs, here.instance, here.tree.lake, again)] == [], "its verdict tells it"
    here.tree.write(
        "readings/schema.py", (here.tree.defs / "readings/schema.py").read_text() + "\n\ndef normalise(frame):\n    1 / 0\n"
    )
    here.run("raw/readings", partition="2024-01-05")
    judged = newest(here, "quarantine/readings")
    (told,) = launch(here.defs, here.instance, here.tree.lake, Launch("staged", (here.tree["readings"],), ("2024-01-05",)))
    assert "normalise of readings failed: ZeroDivisionError" in told
    assert newest(here, "quarantine/readings") == judged, "nothing was judged"


def test_a_run_that_fails_outside_of_a_step_is_told(here: Location):
    @dg.resource
    def broken() -> None:
        raise OSError("no network")

    here.deliver_all()
    datasets = [dataset_definitions(here.tree.lake.catalog, dataset) for dataset in here.tree.lake.catalog]
    definitions = dg.Definitions.merge(*datasets, dg.Definitions(resources={"lake": broken}))
    told = list(launch(definitions, here.instance, here.tree.lake, Launch("raw", (here.tree["stations"],), (None,))))
    assert len(told) == 1
    assert "raw/stations failed before any step" in told[0]


def test_a_retry_is_not_spent_on_rows_that_break_rules(here: Location):
    here.deliver_all(bad=["2024-01-03"])
    here.references()
    result = here.run("raw/readings", "staged/readings", partition="2024-01-03")
    assert not [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY]


def test_checks_show_the_rules_and_name_the_rows(here: Location):
    here.deliver_all()
    here.references()
    here.tree.drop(
        "readings", "2024-01-02.csv", "station,day,hour,temperature,note\noslo,2024-01-02,0,999,\noslo,2024-01-02,1,1,\n"
    )
    here.run("raw/readings", "staged/readings", partition="2024-01-02")
    evaluation = last_evaluation(here.instance, dg.AssetCheckKey(dg.AssetKey(["staged", "readings"]), "content"))
    assert evaluation
    assert (evaluation.passed, evaluation.description) == (True, "passed; 1 of 2 rows rejected")
    broken, held = ([record.data for record in evaluation.metadata[name].records] for name in ("broken_rules", "what_holds"))
    assert broken[0] == {
        "rule": "temperature.less_than_or_equal_to",
        "demands": "temperature is at most 60",
        "severity": "reject",
        "checked": 2,
        "broken": 1,
        "status": "rejected",
        "found": "1 of 2 rows (50.0%) break it",
    }
    assert all(rule["demands"] and rule["status"] == "passed" and not rule["broken"] for rule in held)
    assert [*evaluation.metadata][:3] == ["broken_rules", "delivery", "offending_rows"]
    assert [*evaluation.metadata][-1] == "what_holds", "it is long, and good"
    assert [record.data for record in evaluation.metadata["offending_rows"].records] == [
        {
            "rule": "temperature.less_than_or_equal_to",
            "row": "1",
            "key and values": "station oslo, day 2024-01-02, hour 0, temperature 999.0",
        }
    ]
    assert (evaluation.metadata["rows_rejected"].value, evaluation.metadata["rows_published"].value) == (1, 1)
    assert evaluation.metadata["quarantine"].asset_key.path == ["quarantine", "readings"]
    assert evaluation.metadata["delivery"].value
    whole = last_evaluation(here.instance, dg.AssetCheckKey(dg.AssetKey(["raw", "readings"]), "envelope"))
    assert whole
    assert [name for name in whole.metadata if name.startswith("rows_")] == ["rows_delivered"], "nothing is published yet"


def test_what_a_person_accepts_is_told_by_check_and_materialization(here: Location):
    small = "station,height\noslo,94\n"
    entry = f"accepted: [{{delivery: '{hashlib.sha256(small.encode()).hexdigest()[:12]}', reason: bergen was closed}}]"
    here.tree.edit("stations/defs.yaml", "  key:", f"  {entry}\n  key:")
    here.tree.drop("stations", "stations.csv", STATIONS)
    here.references()
    here.tree.drop("stations", "stations.csv", small)
    result = here.run("raw/stations", "staged/stations")
    told = {evaluation.check_name: evaluation.description for evaluation in result.get_asset_check_evaluations()}
    assert told == {"envelope": "passed; accepted: bergen was closed", "content": "passed"}
    assert "accepted: bergen was closed" in str(newest(here, "raw/stations")["note"].value)


def test_an_asset_that_is_not_ours_reads_published_partitions_in_one_scan(here: Location):
    here.deliver_all()
    here.references()
    here.run("raw/readings", over=("2024-01-01", "2024-01-04"))
    here.run("staged/readings", over=("2024-01-01", "2024-01-04"))
    seen: list[pl.LazyFrame] = []

    @dg.asset(
        ins={"readings": dg.AssetIn(["staged", "readings"])},
        partitions_def=dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-21", timezone="Europe/Oslo"),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def report(readings):
        seen.append(readings)

    job = dg.Definitions.merge(here.defs, dg.Definitions(assets=[report])).resolve_job_def("__ASSET_JOB")
    tags = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-01-04"}
    assert job.execute_in_process(instance=here.instance, asset_selection=[dg.AssetKey("report")], tags=tags).success
    assert seen[0].collect().height == 16
    assert seen[0].explain().count("SCAN") == 1
    tags["dagster/asset_partition_range_end"] = "2024-01-05"
    result = job.execute_in_process(
        instance=here.instance, asset_selection=[dg.AssetKey("report")], tags=tags, raise_on_error=False
    )
    assert "staged/readings 2024-01-05 is not published" in failures(result)


def test_a_run_that_is_launched_is_not_held_back_by_dataops_run(here: Location):
    here.deliver_all()
    with here.tree.store.held("run"):
        here.references()


def test_a_disk_that_is_full_is_told_in_a_line_and_not_tried_again(here: Location):
    here.deliver_all()
    here.tree.drop("stations", "stations.csv", STATIONS + "\n" * 3_000_000)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limit[1]))  # enough for the records of Dagster
    try:
        full = here.run("raw/stations")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert failures(full).endswith(".csv: File too large. Make room on that disk, and run again")
    assert not [event for event in full.all_events if event.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY]
    here.references()
