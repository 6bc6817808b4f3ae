"""What is said in Dagster's records publishes nothing and opens no gate: whoever can reach its API can say anything."""

from pathlib import Path

import dagster as dg
import pytest

from dataops_assets.storage.lake import NotPublished
from dataops_assets_tests.components.dagster_tree import Location, failures

DAY = "2024-01-03"
RAW, STAGED = dg.AssetKey(["raw", "readings"]), dg.AssetKey(["staged", "readings"])


def forge(instance: dg.DagsterInstance, asset: dg.AssetKey, check: str, version: str) -> None:
    """Say that a partition was published, and that its gate passed, as a call of the API would."""
    tags = {"dagster/data_version": version}
    instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=DAY, tags=tags))
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=asset, check_name=check, passed=True, partition=DAY, metadata={})
    )


def test_forged_materialization_and_check_publish_nothing_and_open_no_gate(here: Location) -> None:
    here.deliver_all(bad=[DAY])
    here.references()
    assert not here.run("raw/readings", "staged/readings", partition=DAY).success
    for asset, check in ((RAW, "envelope"), (STAGED, "content")):
        forge(here.instance, asset, check, "ab" * 32)

    with pytest.raises(NotPublished, match="its content gate refused it"):
        here.tree.lake.scan(here.tree["readings"], [DAY])
    later = here.run("curated/daily", partition="2024-01")
    assert not later.success
    assert f"staged/readings {DAY} is not published: its content gate refused it" in failures(later)
    assert here.tree.lake.published(here.tree["daily"], "2024-01") is None
    assert not here.tree.lake.version("staged", here.tree["readings"], DAY)


def test_forged_check_of_an_envelope_does_not_let_its_delivery_be_staged(here: Location) -> None:
    here.deliver_all()
    here.references()
    here.tree.drop("readings", f"{DAY}.csv", f"station,day\noslo,{DAY}\n")
    here.run("raw/readings", partition=DAY)
    forge(here.instance, RAW, "envelope", "ab" * 32)
    staged = here.run("staged/readings", partition=DAY)
    assert not staged.success
    assert "its envelope gate refused" in failures(staged)


def test_config_of_a_run_does_not_say_where_it_writes_and_by_which_contracts(here: Location, tmp_path: Path) -> None:
    here.deliver_all()
    elsewhere = {"deployment": "prod", "data": str(tmp_path / "prod"), "prod": None, "pipeline": None, "defs": str(tmp_path)}
    job = here.defs.resolve_job_def("__ASSET_JOB")
    config = {"resources": {"lake": {"config": elsewhere}}, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    done = job.execute_in_process(
        instance=here.instance, asset_selection=[dg.AssetKey(["raw", "stations"])], run_config=config, raise_on_error=False
    )
    assert done.success
    assert not (tmp_path / "prod").exists()
    assert here.tree.lake.receipt(here.tree["stations"], None)


def test_automation_that_believed_it_changes_nothing_either(here: Location) -> None:
    here.deliver_all(bad=[DAY])
    here.references()
    whole = ("2024-01-01", "2024-01-20")
    here.run("raw/readings", over=whole)
    here.run("staged/readings", over=whole)
    here.requested()
    forge(here.instance, STAGED, "content", "ab" * 32)
    for asset, partitions in here.requested().items():
        for partition in partitions:
            assert not here.run(asset, partition=partition).success
    assert here.tree.lake.published(here.tree["daily"], "2024-01") is None
