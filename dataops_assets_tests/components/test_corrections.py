"""Corrections in Dagster: an asset between raw and staged, told by the step that applies them, and never waited for."""

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from dataops_assets.corrections import of_partition, version_of
from dataops_assets_tests.components.dagster_tree import JANUARY, Location, failures, newest, requests
from dataops_assets_tests.corrections.entries import correct

DAY, OTHER = JANUARY[4], JANUARY[6]
CORRECTIONS = dg.AssetKey(["corrections", "readings"])
WHOLE = (JANUARY[0], JANUARY[-1])


def colder(here: Location, *days: str, to: float = -1) -> None:
    entries = [
        {
            "partition": day,
            "key": {"station": "oslo", "day": day, "hour": 0},
            "set": {"temperature": {"from": 0, "to": to}},
        }
        for day in days
    ]
    correct(here.tree, "readings", *entries)


def version(here: Location, day: str) -> str:
    return version_of(of_partition(here.tree["readings"], day))


def test_the_lineage_leads_from_raw_through_the_corrections_to_staged(here: Location) -> None:
    colder(here, DAY)
    graph = here.defs.resolve_asset_graph()
    assert graph.get(CORRECTIONS).parent_keys == {dg.AssetKey(["raw", "readings"])}
    staged = graph.get(dg.AssetKey(["staged", "readings"]))
    assert CORRECTIONS in staged.parent_keys
    assert graph.get(CORRECTIONS).partitions_def == staged.partitions_def
    assert not graph.has(dg.AssetKey(["corrections", "stations"]))


def test_a_run_of_staged_alone_tells_the_corrections_of_the_partitions_that_have_some(here: Location) -> None:
    colder(here, DAY)
    here.deliver_all()
    here.references()
    assert here.run("raw/readings", over=WHOLE).success
    assert here.run("staged/readings", over=WHOLE).success
    assert here.versions("corrections/readings") == {DAY: version(here, DAY)}
    told = newest(here, "corrections/readings")
    assert (told["corrections"].value, told["corrected_rows"].value) == (1, 1)
    [entry] = told["entries"].records
    assert (entry.data["rows"], entry.data["requested by"]) == (1, "lab")
    assert entry.data["what"] == f"station oslo, day {DAY}, hour 0: temperature 0 → -1"


def test_a_run_of_one_partition_says_how_many_rows_were_corrected(here: Location) -> None:
    colder(here, DAY)
    here.deliver_all()
    here.references()
    assert here.run("raw/readings", "staged/readings", partition=DAY).success
    assert newest(here, "staged/readings")["corrected"].value == 1
    assert here.versions("corrections/readings") == {DAY: version(here, DAY)}


def test_automation_waits_for_no_corrections(here: Location) -> None:
    colder(here, DAY)
    here.deliver_all()
    here.references()
    here.requested()
    here.run("raw/readings", over=WHOLE)
    assert here.requested() == {"staged/readings": set(JANUARY)}
    here.run("staged/readings", over=WHOLE)
    assert here.requested() == {"curated/daily": {"2024-01"}}
    assert here.requested() == {}, "what the step tells of the corrections is no news"


def test_who_says_in_the_ui_that_something_was_corrected_changes_nothing(here: Location) -> None:
    colder(here, DAY)
    here.deliver_all()
    here.references()
    here.run("raw/readings", over=WHOLE)
    here.run("staged/readings", over=WHOLE)
    here.requested()
    here.instance.report_runless_asset_event(dg.AssetMaterialization(CORRECTIONS, partition=OTHER))
    assert "staged/readings" not in here.requested()
    assert here.tree.pending("staged", "readings") == []
    assert here.tree.read("readings", OTHER)["temperature"].min() == 0


def test_an_edit_is_seen_in_storage_and_runs_its_partition_alone(here: Location) -> None:
    colder(here, DAY)
    here.deliver_all()
    here.references()
    here.run("raw/readings", over=WHOLE)
    here.run("staged/readings", over=WHOLE)
    before = here.versions("staged/readings")
    colder(here, DAY, OTHER)

    [request] = [one for one in requests(here, "reconcile") if one.asset_selection == [dg.AssetKey(["staged", "readings"])]]
    assert request.partition_key == OTHER
    assert here.run("staged/readings", partition=OTHER).success

    after = here.versions("staged/readings")
    assert [day for day in before if before[day] != after[day]] == [OTHER]
    assert here.versions("corrections/readings") == {DAY: version(here, DAY), OTHER: version(here, OTHER)}
    left = [request.asset_selection for request in requests(here, "reconcile")]
    assert left == [[dg.AssetKey(["curated", "daily"])]], "what follows from the edit, and no more"


def test_a_correction_that_does_not_fit_fails_the_run_and_is_not_told_as_applied(here: Location) -> None:
    colder(here, DAY)
    here.deliver_all()
    here.deliver(DAY, warmth=3)
    here.references()
    here.run("raw/readings", over=WHOLE)
    failed = here.run("staged/readings", over=WHOLE)
    assert "defs/readings/corrections.yaml:1: " in failures(failed)
    assert "`temperature` is 3.0, not 0" in failures(failed)
    assert here.versions("corrections/readings") == {}
    assert here.versions("staged/readings").keys() == {*JANUARY} - {DAY}


def test_what_was_made_with_its_corrections_is_up_to_date(here: Location) -> None:
    def status() -> str:
        staged = dg.AssetKey(["staged", "stations"])
        return (
            CachingStaleStatusResolver(here.instance, here.defs.resolve_asset_graph(), LoadingContextForTest(here.instance))
            .get_status(staged)
            .name
        )

    here.deliver_all()
    for height in (95, 96):
        correct(here.tree, "stations", {"key": {"station": "oslo"}, "set": {"height": {"from": 94, "to": height}}})
        here.references()
        assert status() == "FRESH"
