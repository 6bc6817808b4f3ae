"""What we need of Dagster that it does not export. Nothing else reaches into its private parts; contract tests hold this.

* `AssetCheckEvaluationTargetMaterializationData` ties an evaluation that a step logs for itself to the
  materialization it judges.
* `PartitionKeyFilter` chooses the evaluations of a check on one partition; events of checks are not found by their asset.
* The assets that a run selects: `run.asset_selection` is empty for a job that was defined over some of them.
"""

from collections.abc import Set

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as TargetMaterialization,
)
from dagster._core.event_api import PartitionKeyFilter

__all__ = ["TargetMaterialization", "newest_evaluation", "selected_assets"]


def selected_assets(context: dg.AssetExecutionContext) -> Set[dg.AssetKey]:
    """Every asset that the run of a step will make."""
    return context.job_def.asset_layer.selected_asset_keys


def newest_evaluation(
    instance: dg.DagsterInstance, check: dg.AssetCheckKey, partition: str | None
) -> dg.AssetCheckEvaluation | None:
    """What a check was last told of a partition; None if nothing, or if the last run that planned to tell has not."""
    storage, chosen = instance.event_log_storage, PartitionKeyFilter(key=partition)
    record = storage.get_latest_asset_check_execution_by_key([check], partition_filter=chosen).get(check)
    told = record.evaluation if record else None  # of a run that has not told it yet, the plan to do so
    return told if isinstance(told, dg.AssetCheckEvaluation) else None
