"""What we need of Dagster that it does not export. Nothing else reaches into its private parts; contract tests hold this.

* `AssetCheckEvaluationTargetMaterializationData` ties an evaluation that a step logs for itself to the
  materialization it judges.
* The assets that a run selects: `run.asset_selection` is empty for a job that was defined over some of them.
"""

from collections.abc import Set

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as TargetMaterialization,
)

__all__ = ["TargetMaterialization", "selected_assets"]


def selected_assets(context: dg.AssetExecutionContext) -> Set[dg.AssetKey]:
    """Every asset that the run of a step will make."""
    return context.job_def.asset_layer.selected_asset_keys
