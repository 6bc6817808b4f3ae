"""What runs without being asked: new deliveries are received, and every layer follows the one to its left."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from dataops_assets.components.arrivals import tell_arrivals
from dataops_assets.components.keys import asset_key, published_key, range_tags
from dataops_assets.components.launch import TAKEN_ON_TAG, UNFINISHED, abandoned, bury, untold
from dataops_assets.components.resource import LakeResource
from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.gate.verdict import digest
from dataops_assets.steps.pending import partitions_of, pending, unsettled, zones_written
from dataops_assets.storage.lake import Lake

_DELIVERIES_EVERY_SECONDS = 10
_FOLLOW_EVERY_SECONDS = 5
_RECONCILE_EVERY_SECONDS = 300
_RECONCILE_OVER_PROD_EVERY_SECONDS = 30
LEFT_TO_FOLLOW_SECONDS = 120
"""For how long `reconcile` leaves to `follow` what can be made since a run has ended: if both asked, it would be made twice."""
HANGING_SECONDS = 3600
"""After how long a run that has not ended is waited for no more by what is made from it."""
_PAUSE_SECONDS = 300
_AT_WORK = dg.SkipReason("`dataops run` is at work on this store")
_STATE_TAG = "dataops/state"
"""On a run that a sensor asked for: the partitions, and the state they were in."""


def when_inputs_are_published(
    raw: dg.AssetSelection | None = None, aside: dg.AssetSelection | None = None
) -> dg.AutomationCondition[Any]:
    """Run a partition when what it is made from has changed, and all of that is there.

    As `eager`, but for every partition instead of the latest, and only if a data version differs. A partition is there if
    it once passed its gate: nothing else is published. If a newer delivery was refused, the version before is read.

    Args:
        raw: A dataset's own raw, where every delivery is there at once: its envelope must have passed for just the partitions
            that are needed, and every run of it counts, since it is received again when the contract changes.
        aside: What the step tells of by itself, for few of its partitions: none is waited for, and none is news.
    """
    condition = dg.AutomationCondition
    aside = aside or dg.AssetSelection.assets()
    taken_on = condition.all_new_updates_have_run_tags(tag_keys={TAKEN_ON_TAG})
    changed: dg.AutomationCondition[Any] = condition.any_deps_match(condition.data_version_changed()).ignore(aside)
    missing = condition.any_deps_match(condition.missing()).ignore(aside)
    # What this tick asks for is under way as well: together, both would become one run, which holds one layer.
    in_progress = condition.any_deps_match(condition.in_progress() | condition.will_be_requested()).ignore(aside)
    ready: dg.AutomationCondition[Any] = ~missing & ~in_progress
    if raw is not None:
        changed |= condition.any_deps_match(condition.newly_updated()).allow(raw)
        # Not `all_deps_blocking_checks_passed`: that is true as soon as one of the partitions that flow into one has passed.
        refused = condition.any_checks_match(~condition.check_passed(), blocking_only=True)
        ready &= ~condition.any_deps_match(refused).allow(raw)
    else:
        changed |= condition.code_version_changed()
    trigger: dg.AutomationCondition[Any] = changed | condition.newly_missing()
    # As `since_last_handled`, and what was asked for before, and waits for its inputs, is taken on with the first of them.
    handled = condition.newly_requested() | condition.newly_updated() | condition.initial_evaluation()
    asked = trigger.since(handled | condition.any_deps_match(taken_on))
    return (asked & ready & ~condition.in_progress()).with_label("when_inputs_are_published")


_Asked = Iterator[dg.RunRequest | dg.SkipReason]


def automation(known: Collection[str], over_prod: bool) -> dg.Definitions:
    """The sensors of this code location.

    Args:
        known: The datasets that were there when it was loaded. One that was declared since has no assets before the next time.
        over_prod: Whether what is not there is read from prod. Dagster takes that for missing, and `follow` waits in vain;
            storage knows better, and is asked more often.
    """
    ours = dg.AssetSelection.groups("raw", "staged", "curated")
    follow = dg.AutomationConditionSensorDefinition(
        "follow",
        target=ours,
        minimum_interval_seconds=_FOLLOW_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts the next layer for every partition of which an input has changed, once all of them are published.",
    )
    return dg.Definitions(sensors=[_deliveries_sensor(known), _reconcile_sensor(known, over_prod), follow])


def _deliveries_sensor(known: Collection[str]) -> dg.SensorDefinition:
    def deliveries(instance: dg.DagsterInstance, here: Lake, now: datetime) -> Iterator[dg.RunRequest]:
        for dataset in (dataset for dataset in here.catalog if dataset.name in known):
            waiting = pending(here, dataset, "raw", now) if dataset.ingested else {}
            for run in _runs(dataset, list(waiting)):
                seen = [[key, waiting[key]] for key in run]
                if request := _request(instance, dataset, "raw", run, digest([dataset.version, *seen])):
                    yield request

    return storage_sensor(
        "deliveries",
        ("raw",),
        _DELIVERIES_EVERY_SECONDS,
        "Sees what providers dropped into landing, and receives exactly the partitions it is for.",
        deliveries,
        idle="nothing new in landing",
    )


def _reconcile_sensor(known: Collection[str], over_prod: bool) -> dg.SensorDefinition:
    pause_seconds = _RECONCILE_OVER_PROD_EVERY_SECONDS if over_prod else _RECONCILE_EVERY_SECONDS

    def reconcile(instance: dg.DagsterInstance, here: Lake, now: datetime) -> Iterator[dg.RunRequest]:
        tell_arrivals(instance, here, (dataset for dataset in here.catalog if dataset.name in known), now)
        followed = now - timedelta(seconds=0 if over_prod else LEFT_TO_FOLLOW_SECONDS)
        for dataset in (dataset for dataset in here.catalog.in_order if dataset.name in known):
            inputs = {published_key(here.catalog[name]) for name in dataset.upstream}
            for zone in zones_written(dataset):
                # A condition can miss a change: one that comes between a request and the tick after it counts as handled.
                missed = unsettled(here.at_a_glance(), dataset, partitions_of(dataset, now), now) if zone != "raw" else {}
                differing: dict[Partition, Any] = {**untold(instance, here, dataset, zone, now), **missed}
                read = {asset_key("raw", dataset), *inputs} if zone == "staged" else inputs if zone == "curated" else set()
                # After the look: what was found may be that of a run which has begun since, and may have ended since.
                if differing and (asset_key(zone, dataset) in _made(instance, now) or read & _made(instance, followed, True)):
                    continue
                for run in _runs(dataset, list(differing)):
                    if request := _request(instance, dataset, zone, run, digest([[key, differing[key]] for key in run])):
                        yield request

    return storage_sensor(
        "reconcile",
        ("raw", "staged", "curated"),
        pause_seconds,
        "Compares storage with what Dagster knows: runs what is left to do, tells what was never told or is late.",
        reconcile,
        idle="Dagster knows of everything that lies in storage, and nothing is left to do",
    )


def storage_sensor(
    name: str,
    groups: Sequence[str],
    pause_seconds: int,
    description: str,
    requests: Callable[[dg.DagsterInstance, Lake, datetime], Iterator[dg.RunRequest]],
    idle: str,
) -> dg.SensorDefinition:
    """A sensor that looks at storage, and leaves the work to `dataops run` while that is at it.

    Args:
        name: Its name.
        groups: The groups of the assets that it asks for.
        pause_seconds: How often it looks.
        description: What it does, in a sentence.
        requests: Gives the runs to ask for.
        idle: What it says if there are none.
    """

    @dg.sensor(
        name=name,
        asset_selection=dg.AssetSelection.groups(*groups),
        minimum_interval_seconds=pause_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=description,
    )
    def sensor(
        context: dg.SensorEvaluationContext, lake: dg.ResourceParam[LakeResource]
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        here = lake.lake()
        if _at_work(context.instance, here):
            yield _AT_WORK
            return
        asked = list(requests(context.instance, here, datetime.now(UTC)))
        yield from asked
        if not asked:
            yield dg.SkipReason(idle)

    return sensor


def _at_work(instance: dg.DagsterInstance, lake: Lake) -> bool:
    """Whether `dataops run` is. If not, what one that was killed has left open is ended."""
    left = abandoned(instance, lake)
    if lake.store.here.is_held("run"):
        return True
    bury(instance, left)
    return False


def _made(instance: dg.DagsterInstance, since: datetime, followed: bool = False) -> set[dg.AssetKey]:
    """The assets of runs that have not ended, or have since: they tell Dagster at their end, and until then look forgotten.

    Args:
        instance: Where runs are recorded.
        since: How far back.
        followed: Only of runs whose launcher leaves to `follow` what follows from them, and that do not hang.
    """
    # What hangs in the queue or died without a word would keep all that is made from it waiting for ever.
    began = since - timedelta(seconds=HANGING_SECONDS) if followed else None
    unfinished = dg.RunsFilter(statuses=UNFINISHED, created_after=began)
    runs = [*instance.get_runs(unfinished), *instance.get_runs(dg.RunsFilter(updated_after=since))]
    return {key for run in runs if not (followed and TAKEN_ON_TAG in run.tags) for key in run.asset_selection or ()}


def _runs(dataset: Dataset, waiting: list[Partition]) -> list[list[Partition]]:
    """Rows of consecutive partitions, each of which is one run."""
    if dataset.partitions is None:
        return [waiting] if waiting else []
    return [list(run) for run in dataset.partitions.in_a_row(key for key in waiting if key)]


def pause_after(attempts: int) -> timedelta:
    """How long to wait before what failed so often is tried again: each time twice as long, for a day at most."""
    doubled: int = 2 ** min(attempts, 20)
    return min(doubled * timedelta(seconds=_PAUSE_SECONDS), timedelta(days=1))


def _request(
    instance: dg.DagsterInstance, dataset: Dataset, zone: Zone, run: list[Partition], state: str
) -> dg.RunRequest | None:
    """A run for partitions in a certain state, unless one is under way, or one has failed a moment ago.

    Dagster never launches a run key twice, failed or not. A run that died leaves the state as it was, so the key names the
    attempt before, and each waits twice as long as that. It does not count them: the records of the oldest may be gone.
    """
    name = f"{zone}/{dataset.name}:{run[0]}:{run[-1]}:{state[:16]}"
    attempts = instance.get_run_records(dg.RunsFilter(tags={_STATE_TAG: name}))
    pause = pause_after(len(attempts))
    for attempt in attempts:
        ended = attempt.end_time
        if not attempt.dagster_run.is_finished or (ended and datetime.now(UTC) - datetime.fromtimestamp(ended, UTC) < pause):
            return None
    tags = {_STATE_TAG: name}
    if len(run) > 1:
        tags |= range_tags(run)
    return dg.RunRequest(
        run_key=f"{name}:{attempts[0].dagster_run.run_id if attempts else 'first'}",
        asset_selection=[asset_key(zone, dataset)],
        partition_key=run[0] if len(run) == 1 else None,
        tags=tags,
    )
