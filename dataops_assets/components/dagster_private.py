"""What we need of Dagster that it does not export. Nothing else reaches into its private parts; contract tests hold this.

* `AssetCheckEvaluationTargetMaterializationData` ties an evaluation that a step logs for itself to the
  materialization it judges.
* The status of a check by partition, of which Dagster's own automation makes use.
* The newest evaluation of a check that has no partitions.
* The assets that a run selects: `run.asset_selection` is empty for a job that was defined over some of them.
* What somebody has switched on or off by hand, and which limits of pools were set by hand.
* What a component tree has read of its folder: it would go through all of it once more for each component.

Not here: what takes Dagster's databases (`dagster_private_records`, `dagster_private_storage`). Nobody needs them to load the
definitions, and their libraries take as long as a third of all others: who uses them imports them then.
"""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as TargetMaterialization,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

__all__ = [
    "Switch",
    "TargetMaterialization",
    "as_declared",
    "checked_partitions",
    "keep_declarations",
    "last_evaluation",
    "last_tick",
    "limits_by_hand",
    "selected_assets",
    "switched_by_hand",
]


def selected_assets(context: dg.AssetExecutionContext) -> Set[dg.AssetKey]:
    """Every asset that the run of a step will make."""
    return context.job_def.asset_layer.selected_asset_keys


def keep_declarations(tree: dg.ComponentTree) -> None:
    """Have a tree keep what each component of its folder declares; by itself it keeps the folder's alone."""
    for place, declared in tree.find_root_decl().iterate_loc_component_decl_pairs():
        tree.state_tracker.set_cache_data(place, component_decl=declared)


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


@dataclass(frozen=True)
class Switch:
    """A sensor or schedule that somebody has switched.

    Attributes:
        name: Its name.
        on: What it was switched to.
    """

    name: str
    on: bool
    state: InstigatorState = field(repr=False, compare=False)


def switched_by_hand(instance: dg.DagsterInstance, location: str) -> list[Switch]:
    """The sensors and schedules of a code location that the code does not decide on any more, also those it no longer has."""
    by_hand = {InstigatorStatus.RUNNING, InstigatorStatus.STOPPED}
    states = instance.all_instigator_state(instigator_statuses=by_hand)
    ours = [one for one in states if one.origin.repository_origin.code_location_origin.location_name == location]
    return [Switch(one.name, one.status == InstigatorStatus.RUNNING, one) for one in ours]


def last_tick(instance: dg.DagsterInstance, switch: Switch) -> datetime | None:
    """When a sensor or schedule ticked last; None if no tick of it is kept. When it was switched, Dagster does not record."""
    ticks = instance.get_ticks(switch.state.instigator_origin_id, switch.state.selector_id, limit=1)
    return datetime.fromtimestamp(ticks[0].timestamp, UTC) if ticks else None


def as_declared(instance: dg.DagsterInstance, switch: Switch) -> None:
    """Let the code decide again whether a sensor or schedule is on."""
    instance.update_instigator_state(switch.state.with_status(InstigatorStatus.DECLARED_IN_CODE))


def limits_by_hand(instance: dg.DagsterInstance) -> dict[str, int]:
    """The pools whose limit is another than the instance's configuration gives to all."""
    storage: Any = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return {}
    return {pool.name: pool.limit for pool in storage.get_pool_limits() if not pool.from_default}
