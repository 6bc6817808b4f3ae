"""What we need of Dagster that it does not export. Nothing else reaches into its private parts; contract tests hold this.

* `AssetCheckEvaluationTargetMaterializationData` ties an evaluation that a step logs for itself to the
  materialization it judges.
* The status of a check by partition, of which Dagster's own automation makes use.
* The newest evaluation of a check that has no partitions.
* The assets that a run selects: `run.asset_selection` is empty for a job that was defined over some of them.
"""

from collections.abc import Set

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as TargetMaterialization,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

__all__ = ["TargetMaterialization", "checked_partitions", "last_evaluation", "selected_assets"]


def selected_assets(context: dg.AssetExecutionContext) -> Set[dg.AssetKey]:
    """Every asset that the run of a step will make."""
    return context.job_def.asset_layer.selected_asset_keys


def checked_partitions(instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> dict[str | None, bool]:
    """The partitions of which a check was told last, and whether it passed.

    Not those of which a run has planned to tell and has not, nor those that were materialized since.
    """
    statuses = {AssetCheckExecutionRecordStatus.SUCCEEDED: True, AssetCheckExecutionRecordStatus.FAILED: False}
    return {
        info.partition_key: statuses[info.latest_execution_status]
        for info in instance.event_log_storage.get_asset_check_partition_info([check])
        if info.latest_execution_status in statuses and info.is_current
    }


def last_evaluation(instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> dg.AssetCheckEvaluation | None:
    """What a check was told last; None if it never was, or if a run has planned to tell it and has not."""
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([check]).get(check)
    event = record.event.dagster_event if record and record.event else None
    told = event.event_specific_data if event else None
    return told if isinstance(told, dg.AssetCheckEvaluation) else None
