"""Once a day, what Dagster has recorded of old runs is removed, but for what it still needs to answer as before.

Not here: the tables (`dagster_private_storage`), and Dagster's ticks, which it removes by itself as dagster.yaml says.
"""

import time
from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from dataops_assets.components.keys import ADHOC, all_keys
from dataops_assets.components.resource import LakeResource

if TYPE_CHECKING:
    from dataops_assets.components.dagster_private_storage import Records

_EVERY_SECONDS = 3600
_RUNS = 200
_TELL_SECONDS = 30
_OF_OTHERS = "of others"
_BACKFILL = "dagster/backfill"
_ASK_ANEW = {"deliveries", "reconcile", "results", "sweep", "prune", "expiry"}
"""Sensors of ours, whose run keys no old run holds back: they name a day, or the state of storage and the attempt before."""


@dataclass(frozen=True)
class CodeLocation:
    """Whose runs may be pruned.

    Attributes:
        name: As runs name it that were launched by Dagster's services; None if that is not known.
        assets: Those of its datasets; a run that was launched in a process of our own tells no more of where it is from.
    """

    name: str | None
    assets: Set[dg.AssetKey]

    def disowns(self, run: dg.DagsterRun) -> str | None:
        """Why a run is not one of this code location, or may not be; None if it is."""
        origin = run.remote_job_origin
        if origin and self.name:
            here = origin.repository_origin.code_location_origin.location_name == self.name
            return None if here else _OF_OTHERS
        chosen = {*(run.asset_selection or ()), *(check.asset_key for check in run.asset_check_selection or ())}
        if origin or not chosen or not (chosen <= self.assets or chosen.isdisjoint(self.assets)):
            return "nobody knows whose it is"
        return None if chosen <= self.assets else _OF_OTHERS


@dataclass
class Pruned:
    """What was found, and what became of it.

    Attributes:
        removed: Runs of which nothing is left.
        kept: Runs of ours that are as old, by the reason for which they are still there; of their events, those that matter.
        untouched: Runs as old, by the reason for which nothing of them was touched: of others, or of nobody knows whom.
        young: Runs that are not as old, or not over.
        events: Events that were removed.
        evaluations: Of checks; likewise.
        logs: Runs whose processes' output was removed, by now or before.
        runless_of_others: Events as old of assets of others that no run has told; they stay.
        bytes_given_back: By SQLite, to the disk.
    """

    removed: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    untouched: Counter[str] = field(default_factory=Counter)
    young: int = 0
    events: int = 0
    evaluations: int = 0
    logs: int = 0
    runless_of_others: int = 0
    bytes_given_back: int = 0

    def __str__(self) -> str:
        kept = "".join(f"; {count:,} kept: {why}" for why, count in self.kept.items())
        untouched = "".join(f"; {count:,} not touched: {why}" for why, count in self.untouched.items())
        told = f"{self.events:,} events, {self.evaluations:,} evaluations"
        return f"{self.removed:,} runs, {told}, logs of {self.logs:,} runs removed{kept}{untouched}"


def prune(
    instance: dg.DagsterInstance,
    ours: CodeLocation,
    term: timedelta,
    logs_term: timedelta,
    now: datetime,
    tell: Callable[[str], object] = lambda _: None,
) -> Pruned:
    """Remove what was recorded longer than the term ago, in short transactions; runs go on meanwhile.

    Of every partition of every asset stay: the newest materialization, observation and attempt with their tags, the newest
    evaluation of each check, and the runs that told them. It can be killed at any time, and two may be at it at once.

    Args:
        instance: Whose records; on SQLite or PostgreSQL.
        ours: Whose runs.
        term: For how long everything is kept.
        logs_term: For how long the output of processes is kept, which is no longer.
        now: The time.
        tell: Is told how far it is, now and then.

    Returns:
        What was removed, and what was not, and why.

    Raises:
        dg.DagsterInvariantViolationError: The records lie elsewhere than on SQLite or PostgreSQL.
    """
    from dataops_assets.components.dagster_private_storage import Records

    records, done, before = Records(instance), Pruned(), now - term
    horizon, under_way, told = records.horizon(before), records.backfills_under_way(), time.monotonic()
    _prune_logs(instance, records, ours, now - logs_term, done)
    seen = 0
    for batch in records.over(before, _RUNS):
        seen += len(batch)
        due = []
        for run in batch:
            if not_touched := ours.disowns(run) or (
                "its backfill is under way" if run.tags.get(_BACKFILL) in under_way else None
            ):
                done.untouched[not_touched] += 1
            else:
                due.append(run)
        _prune_runs(instance, records, due, horizon, done)
        if time.monotonic() - told > _TELL_SECONDS:
            tell(f"so far: {done}")
            told = time.monotonic()
    done.events += records.remove_runless(ours.assets, horizon)
    done.runless_of_others = records.runless_of_others(ours.assets, horizon)
    done.young = instance.get_runs_count() + done.removed - seen
    done.bytes_given_back = records.pack()
    return done


def _prune_logs(instance: dg.DagsterInstance, records: "Records", ours: CodeLocation, before: datetime, done: Pruned) -> None:
    """Remove what the processes of runs of ours have written. As long as their events stay, it is looked for again."""
    for batch in records.over(before, _RUNS):
        for run in records.with_logs({run.run_id for run in batch if not ours.disowns(run)}):
            instance.compute_log_manager.delete_logs(prefix=[run])
            done.logs += 1


def _prune_runs(
    instance: dg.DagsterInstance, records: "Records", runs: list[dg.DagsterRun], horizon: int, done: Pruned
) -> None:
    """Prune runs of ours that are old and over. The row of a run goes last: a prune that was killed finds it again."""
    ids = {run.run_id for run in runs}
    reasons = {
        "a sensor asks by its key whether it has asked before": {run.run_id for run in runs if _holds_back(run)},
        "another repeats it": records.repeated(ids),
        "it told the newest of a partition or a check": records.needed(ids, horizon),
    }
    why = {run: reason for reason, found in reasons.items() for run in found}
    gone, parts = ids - set(why), ids & set(why)
    done.kept.update(why.values())
    done.events += records.remove_events(gone, parts, horizon)
    done.evaluations += records.remove_evaluations(ids, horizon)
    records.remove_runs(gone)
    done.removed += len(gone)


def _holds_back(run: dg.DagsterRun) -> bool:
    """Whether a sensor that asks with the key of this run again is not to be heard."""
    return "dagster/run_key" in run.tags and run.tags.get("dagster/sensor_name") not in _ASK_ANEW


@dg.op(name="prune", description="Removes what Dagster has recorded of old runs, and does not need to answer as before.")
def _prune(context: dg.OpExecutionContext, lake: dg.ResourceParam[LakeResource]) -> None:
    origin = context.run.remote_job_origin
    name = origin.repository_origin.code_location_origin.location_name if origin else None
    catalog = lake.lake().catalog
    term, logs_term = catalog.policy.platform.runs, catalog.policy.platform.compute_logs
    done = prune(
        context.instance,
        CodeLocation(name, all_keys(catalog) | {ADHOC}),
        term.length,
        logs_term.length,
        datetime.now(UTC),
        context.log.info,
    )
    context.log.info(str(done))
    context.add_output_metadata(
        {
            "term": str(term),
            "term_of_logs": str(logs_term),
            "runs_removed": done.removed,
            "events_removed": done.events,
            "evaluations_removed": done.evaluations,
            "logs_removed": done.logs,
            **{f"runs_kept/{why}": count for why, count in done.kept.items()},
            **{f"runs_not_touched/{why}": count for why, count in done.untouched.items()},
            "runs_not_due": done.young,
            "events_of_others": done.runless_of_others,
            "bytes_given_back": done.bytes_given_back,
        }
    )


def pruning() -> dg.Definitions:
    """The job, and the sensor that asks for it."""

    @dg.job(name="prune_records", description=__doc__.partition("\n")[0])
    def job() -> None:
        _prune()

    @dg.sensor(
        name="prune",
        job_name="prune_records",  # not the job: Dagster would copy the sensor, and warn of doing so
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Has the records of old runs pruned, on every day on which the daemon runs at all.",
    )
    def sensor() -> dg.RunRequest:
        return dg.RunRequest(run_key=f"prune {datetime.now(UTC).date()}")

    return dg.Definitions(jobs=[job], sensors=[sensor])
