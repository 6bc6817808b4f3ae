"""What we need of Dagster that it does not export. Nothing else imports from a private module; a contract test holds this.

* `AssetCheckEvaluationTargetMaterializationData` ties an evaluation that a step logs for itself to the
  materialization it judges.
"""

from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as TargetMaterialization,
)

__all__ = ["TargetMaterialization"]
