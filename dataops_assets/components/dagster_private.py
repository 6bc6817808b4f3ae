"""What we need of Dagster that it does not export. Nothing else reaches into its private parts; contract tests hold this.

* `AssetCheckEvaluationTargetMaterializationData` ties an evaluation that a step logs for itself to the
  materialization it judges.
* The status of a check by partition, of which Dagster's own automation makes use.
* The newest evaluation of a check that has no partitions.
* The assets that a run selects: `run.asset_selection` is empty for a job that was defined over some of them.
* What somebody has switched on or off by hand, and which limits of pools were set by hand.
* The text of the records of runs, which tells values of rows, and what runs were launched with, which may be a query that names
  somebody: nothing of Dagster's changes them, and an erasure must.
"""

import json
from collections.abc import Callable, Collection, Set
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import sqlalchemy as db
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as TargetMaterialization,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable

__all__ = [
    "Switch",
    "TargetMaterialization",
    "as_declared",
    "checked_partitions",
    "last_evaluation",
    "limits_by_hand",
    "rewrite_launch",
    "rewrite_records",
    "runs_about",
    "selected_assets",
    "switched_by_hand",
]


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


def as_declared(instance: dg.DagsterInstance, switch: Switch) -> None:
    """Let the code decide again whether a sensor or schedule is on."""
    instance.update_instigator_state(switch.state.with_status(InstigatorStatus.DECLARED_IN_CODE))


def limits_by_hand(instance: dg.DagsterInstance) -> dict[str, int]:
    """The pools whose limit is another than the instance's configuration gives to all."""
    storage: Any = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return {}
    return {pool.name: pool.limit for pool in storage.get_pool_limits() if not pool.from_default}


def runs_about(instance: dg.DagsterInstance, keys: Collection[dg.AssetKey]) -> list[str]:
    """The runs whose records are about some assets; none where an instance keeps them in no database."""
    storage, wanted = instance.event_log_storage, [key.to_string() for key in keys]
    if not isinstance(storage, SqlEventLogStorage):
        return []
    events, checks = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
    with storage.index_connection() as connection:
        found = {
            row[0]
            for table in (events, checks)
            for row in connection.execute(db.select(table.run_id).where(table.asset_key.in_(wanted)).distinct())
        }
    return sorted(found)


def rewrite_records(instance: dg.DagsterInstance, run: str, rewritten: Callable[[str], str], write: bool) -> int:
    """Let the records of a run say something else; the newest materialization of an asset is kept beside it once more.

    Args:
        instance: Where they are kept; in SQLite that is a file for the run, and one for what is asked across runs.
        run: The id of the run.
        rewritten: Gives the text that takes the place of one; the same, if it may stay.
        write: Whether it does; else they are only counted.

    Returns:
        How many of them say something else then.
    """
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    found = 0
    events, checks, assets = SqlEventLogStorageTable, AssetCheckExecutionsTable, AssetKeyTable
    of_run = {
        events: events.c.run_id == run,
        checks: checks.c.run_id == run,
        assets: assets.c.last_materialization.contains(run),
    }
    for connected, table, text in (
        (storage.run_connection(run), events, "event"),
        (storage.index_connection(), events, "event"),
        (storage.index_connection(), checks, "evaluation_event"),
        (storage.index_connection(), assets, "last_materialization"),
    ):
        with connected as connection:
            rows = connection.execute(db.select(table.c.id, table.c[text]).where(of_run[table])).fetchall()
            changed = {row[0]: after for row in rows if row[1] and (after := rewritten(row[1])) != row[1]}
            found += len(changed)
            for number, after in changed.items() if write else ():
                connection.execute(table.update().where(table.c.id == number).values({text: after}))
    return found


def rewrite_launch(instance: dg.DagsterInstance, run: str, rewritten: Callable[[str], str], write: bool) -> int:
    """Let what a run was launched with say something else: its config and its tags, each given as JSON.

    Args:
        instance: Where that is kept.
        run: The id of the run.
        rewritten: Gives the JSON that takes the place of one; the same, if it may stay.
        write: Whether it does; else it is only counted.

    Returns:
        How many of the two say something else then; 0 if there is no such run any more.
    """
    storage = instance.run_storage
    assert isinstance(storage, SqlRunStorage)
    with storage.connect() as connection:
        body = connection.execute(db.select(RunsTable.c.run_body).where(RunsTable.c.run_id == run)).scalar()
        said = json.loads(body) if body else {}
        after = {name: json.loads(rewritten(json.dumps(said[name]))) for name in ("run_config", "tags") if said.get(name)}
        changed = [name for name, one in after.items() if one != said[name]]
        if changed and write:
            text = json.dumps(said | after)
            connection.execute(RunsTable.update().where(RunsTable.c.run_id == run).values(run_body=text))
            for key in after.get("tags", ()):
                tag = RunTagsTable.update().where(RunTagsTable.c.run_id == run, RunTagsTable.c.key == key)
                connection.execute(tag.values(value=after["tags"][key]))
    return len(changed)
