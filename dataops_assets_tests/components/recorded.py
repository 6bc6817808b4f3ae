"""Instances on both of the databases that Dagster's records are pruned on, and what they answer."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.events import AssetMaterializationPlannedData, AssetObservationData, EngineEventData, StepMaterializationData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.event_log.base import EventLogCursor
from dagster._core.test_utils import create_run_for_test

from dataops_assets.components.dagster_private import checked_partitions
from dataops_assets_tests import postgres
from dataops_assets_tests.checkout import PROJECT

DATABASES = ["sqlite", "postgresql"]
KINDS = (
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_OBSERVATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
)
_JOB = "past"


@contextmanager
def instance_on(database: str, home: Path, server: postgres.Server | None) -> Iterator[dg.DagsterInstance]:
    """An instance that nobody has used, with its logs in a folder; without a server, on SQLite there."""
    home.mkdir(exist_ok=True)
    config: dict[str, Any] = {"telemetry": {"enabled": False}}
    with ExitStack() as open_:
        if database == "postgresql":
            assert server
            config["storage"] = {"postgres": {"postgres_url": open_.enter_context(server.database())}}
        else:
            ours = yaml.safe_load((PROJECT / "dagster.yaml").read_text())["storage"]["custom"]
            config["storage"] = {"custom": ours | {"config": {"base_dir": str(home)}}}
        (home / "dagster.yaml").write_text(yaml.safe_dump(config))
        yield open_.enter_context(dg.DagsterInstance.from_config(str(home)))


def origin(location: str, job: str = "__ASSET_JOB") -> RemoteJobOrigin:
    """Where a run is from that Dagster's services launched."""
    return RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__"), job)


@dataclass(frozen=True)
class Past:
    """Runs that told something, without any step: `past.run(made("a", "x", version="1"), ends=None)`.

    Attributes:
        instance: Where they are recorded.
    """

    instance: dg.DagsterInstance

    def run(
        self,
        *told: dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation | AssetMaterializationPlannedData,
        assets: Collection[dg.AssetKey] = (dg.AssetKey("a"),),
        ends: dg.DagsterEventType | None = dg.DagsterEventType.RUN_SUCCESS,
        **recorded: Any,
    ) -> str:
        """A run that told something, in this order, and its end; with None it is still under way."""
        begun = create_run_for_test(self.instance, job_name=_JOB, asset_selection=frozenset(assets) or None, **recorded)
        self._report(dg.DagsterEventType.RUN_START, None, begun.run_id)
        for one in told:
            self._report(*_as_event(one), begun.run_id)
        self._report(dg.DagsterEventType.ENGINE_EVENT, EngineEventData(), begun.run_id)
        if ends:
            self._report(ends, None, begun.run_id)
        return begun.run_id

    def _report(self, kind: dg.DagsterEventType, data: Any, run: str) -> None:
        event = dg.DagsterEvent(event_type_value=kind.value, job_name=_JOB, event_specific_data=data)
        self.instance.report_dagster_event(event, run)


def made(asset: str, partition: str | None = None, version: str | None = None) -> dg.AssetMaterialization:
    """That a partition was made; without a version, as somebody says so in the UI."""
    return dg.AssetMaterialization(
        dg.AssetKey(asset.split("/")), partition=partition, tags={"dagster/data_version": version} if version else {}
    )


def planned(asset: str, partition: str | None = None) -> AssetMaterializationPlannedData:
    """That a run set out to make a partition."""
    return AssetMaterializationPlannedData(dg.AssetKey(asset), partition)


def checked(asset: str, partition: str | None = None, passed: bool = True) -> dg.AssetCheckEvaluation:
    """What the check `c` found."""
    return dg.AssetCheckEvaluation(dg.AssetKey(asset), "c", partition=partition, passed=passed)


def _as_event(told: Any) -> tuple[dg.DagsterEventType, Any]:
    match told:
        case dg.AssetMaterialization():
            return dg.DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(told)
        case dg.AssetObservation():
            return dg.DagsterEventType.ASSET_OBSERVATION, AssetObservationData(told)
        case dg.AssetCheckEvaluation():
            return dg.DagsterEventType.ASSET_CHECK_EVALUATION, told
        case _:
            return dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, told


def seen_from(instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: Sequence[str], cursor: int) -> dict[str, Any]:
    """What an automation that has looked up to a cursor is told of an asset: what was before, and what is new."""
    storage, check = instance.event_log_storage, dg.AssetCheckKey(asset, "c")
    before = str(EventLogCursor.from_storage_id(cursor + 1))
    return {
        "new versions": storage.get_updated_data_version_partitions(asset, partitions, cursor),
        "new": [instance.get_latest_storage_id_by_partition(asset, kind, after_cursor=cursor) for kind in KINDS],
        "attempts": storage.get_latest_asset_partition_materialization_attempts_without_materializations(asset, cursor),
        "checks": sorted(storage.get_asset_check_partition_info([check], after_storage_id=cursor), key=repr),
        "before": [
            instance.fetch_materializations(
                dg.AssetRecordsFilter(asset, asset_partitions=[key]), limit=1, cursor=before
            ).records
            for key in partitions
        ],
        "versions before": storage.get_latest_tags_by_partition(
            asset, KINDS[0], ["dagster/data_version"], before_cursor=cursor + 1
        ),
        "whole asset before": instance.fetch_materializations(asset, limit=1, cursor=before).records,
    }


def answers(instance: dg.DagsterInstance, defs: dg.Definitions) -> dict[str, Any]:
    """All that Dagster's API says of the assets of a location as they are now."""
    told: dict[str, Any] = {}
    for asset in defs.resolve_all_asset_specs():
        told |= {f"{asset.key.to_user_string()}: {name}": answer for name, answer in of_asset(instance, asset).items()}
    for key in defs.resolve_asset_graph().asset_check_keys:
        told[f"{key.to_user_string()}: checked"] = checked_partitions(instance, key)
        summary = instance.event_log_storage.get_asset_check_summary_records([key])[key]
        told[f"{key.to_user_string()}: last"] = (
            summary.last_check_execution_record,
            summary.last_completed_check_execution_record,
        )
    return told


def of_asset(instance: dg.DagsterInstance, asset: dg.AssetSpec) -> dict[str, Any]:
    """All that Dagster's API says of an asset as it is now, and of the runs behind it."""
    key, storage = asset.key, instance.event_log_storage
    [record] = instance.get_asset_records([key]) or [None]
    told: dict[str, Any] = {
        "record": record and (record.asset_entry.last_materialization_record, record.asset_entry.last_run_id)
    }
    told |= {f"newest {kind.value}": instance.get_latest_storage_id_by_partition(key, kind) for kind in KINDS}
    told["attempts"] = storage.get_latest_asset_partition_materialization_attempts_without_materializations(key)
    told["materialized"] = instance.get_materialized_partitions(key)
    stored = [id_ for kind in KINDS for id_ in told[f"newest {kind.value}"].values()]
    chosen = dg.AssetRecordsFilter(asset_key=key, storage_ids=stored)
    newest: Sequence[dg.EventLogRecord] = [
        *(instance.fetch_materializations(chosen, limit=1000).records if stored else ()),
        *(instance.fetch_observations(chosen, limit=1000).records if stored else ()),
        *instance.fetch_materializations(key, limit=1).records,
        *instance.fetch_observations(key, limit=1).records,
    ]
    told["events"] = [(record.storage_id, record.event_log_entry) for record in newest]
    behind = {record.run_id for record in newest} | {run for run, _ in told["attempts"].values()}
    behind |= {told["record"][1]} if told["record"] else set()
    told["runs"] = {run: instance.get_run_by_id(run) for run in behind if run}
    told["versions"] = storage.get_latest_tags_by_partition(key, KINDS[0], ["dagster/data_version"])
    if asset.partitions_def:
        partitions = asset.partitions_def.get_partition_keys(dynamic_partitions_store=instance)
        told["status"] = instance.get_status_by_partition(key, partitions, asset.partitions_def)
    return told
