"""What runs without being asked: new deliveries are received, and every layer follows the one to its left."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from dataops_assets.components.keys import asset_key, in_range
from dataops_assets.components.reports import known_versions
from dataops_assets.components.resource import LakeResource
from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.gate.verdict import digest
from dataops_assets.steps import pending
from dataops_assets.steps.pending import partitions_of
from dataops_assets.storage.deliveries import arrivals, newest_receipt
from dataops_assets.storage.lake import Lake

_EVERY_SECONDS = 10
_UNTOLD_EVERY_SECONDS = 300
_STATE_TAG = "dataops/state"
"""On a run that a sensor asked for: the partitions, and the state they were in."""


def when_inputs_passed(always: dg.AssetSelection | None = None) -> dg.AutomationCondition[Any]:
    """Run a partition when what it is made from has changed, and every gate upstream lets it pass.

    As `eager`, but for every partition instead of the latest, only if a data version differs, and not before the blocking
    checks of all inputs have passed for just the partitions it needs.

    Args:
        always: Inputs of which every run counts, whether their data version differs or not: a dataset's own raw, which is
            received again when the contract changes.
    """
    condition = dg.AutomationCondition
    changed: dg.AutomationCondition[Any] = condition.any_deps_match(condition.data_version_changed())
    if always is not None:
        changed |= condition.any_deps_match(condition.newly_updated()).allow(always)
    else:
        changed |= condition.code_version_changed()
    # Not `all_deps_blocking_checks_passed`: where many partitions flow into one, that is true as soon as one of them passed.
    not_passed = condition.any_checks_match(~condition.check_passed(), blocking_only=True)
    trigger: dg.AutomationCondition[Any] = changed | condition.newly_missing()
    return (
        trigger.since_last_handled()
        & ~condition.any_deps_missing()
        & ~condition.any_deps_in_progress()
        & ~condition.in_progress()
        & ~condition.any_deps_match(not_passed)
    ).with_label("when_inputs_passed")


def automation() -> dg.Definitions:
    """The sensors of this code location."""
    ours = dg.AssetSelection.groups("raw", "staged", "curated")
    follow = dg.AutomationConditionSensorDefinition(
        "follow",
        target=ours,
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts the next layer for every partition whose inputs changed and passed their gates.",
    )
    return dg.Definitions(sensors=[_deliveries_sensor(), _untold_sensor(), follow])


def _deliveries_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="deliveries",
        asset_selection=dg.AssetSelection.groups("raw"),
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sees what providers dropped into landing, and receives exactly the partitions it is for.",
    )
    def deliveries(context: dg.SensorEvaluationContext, lake: LakeResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
        here, now = lake.lake(), datetime.now(UTC)
        asked = 0
        for dataset in here.catalog:
            waiting = pending(here, dataset, "raw", now) if dataset.ingested else []
            lying = arrivals(here.store, dataset, now) if waiting else {}
            for run in _runs(dataset, waiting):
                seen = [[key, lying[key].fingerprint if key in lying else None] for key in run]
                request = _request(context.instance, dataset, "raw", run, digest([dataset.version, *seen]))
                if request:
                    asked += 1
                    yield request
        if not asked:
            yield dg.SkipReason("nothing new in landing")

    return deliveries


def _untold_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="untold",
        asset_selection=dg.AssetSelection.groups("raw", "staged", "curated"),
        minimum_interval_seconds=_UNTOLD_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs again what lies in storage, but whose run died before it could tell Dagster.",
    )
    def untold(context: dg.SensorEvaluationContext, lake: LakeResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
        here, now = lake.lake(), datetime.now(UTC)
        asked = 0
        for dataset in here.catalog.in_order:
            zones: tuple[Zone, ...] = ("raw", "staged") if dataset.ingested else ("curated",)
            for zone in zones:
                stored = _stored_versions(here, dataset, zone, partitions_of(dataset, now))
                known = known_versions(context.instance, asset_key(zone, dataset), stored)
                differing = [key for key, version in stored.items() if known.get(key) != version]
                for run in _runs(dataset, differing):
                    request = _request(context.instance, dataset, zone, run, digest([[key, stored[key]] for key in run]))
                    if request:
                        asked += 1
                        yield request
        if not asked:
            yield dg.SkipReason("Dagster knows of everything that lies in storage")

    return untold


def _stored_versions(lake: Lake, dataset: Dataset, zone: Zone, partitions: list[Partition]) -> dict[Partition, str]:
    if zone == "raw":
        receipts = {key: newest_receipt(lake.store, dataset, key) for key in partitions}
        return {key: receipt.sha256 for key, receipt in receipts.items() if receipt}
    versions = {key: lake.version(zone, dataset, key) for key in partitions}
    return {key: version for key, version in versions.items() if version}


def _runs(dataset: Dataset, waiting: list[Partition]) -> list[list[Partition]]:
    """Rows of consecutive partitions, each of which is one run."""
    if dataset.partitions is None:
        return [waiting] if waiting else []
    return [list(run) for run in in_range([key for key in waiting if key], dataset.partitions)]


def _request(
    instance: dg.DagsterInstance, dataset: Dataset, zone: Zone, run: list[Partition], state: str
) -> dg.RunRequest | None:
    """A run for partitions in a certain state, unless one is under way, or one has failed a moment ago.

    Dagster never launches a run key twice, failed or not. A run that died leaves the state as it was, so the key counts the
    attempts.
    """
    name = f"{zone}/{dataset.name}:{run[0]}:{run[-1]}:{state[:16]}"
    attempts = instance.get_run_records(dg.RunsFilter(tags={_STATE_TAG: name}))
    pause = timedelta(seconds=_UNTOLD_EVERY_SECONDS)
    for attempt in attempts:
        ended = attempt.end_time
        if not attempt.dagster_run.is_finished or (ended and datetime.now(UTC) - datetime.fromtimestamp(ended, UTC) < pause):
            return None
    tags = {_STATE_TAG: name}
    if len(run) > 1:
        tags |= {"dagster/asset_partition_range_start": str(run[0]), "dagster/asset_partition_range_end": str(run[-1])}
    return dg.RunRequest(
        run_key=f"{name}:{len(attempts)}",
        asset_selection=[asset_key(zone, dataset)],
        partition_key=run[0] if len(run) == 1 else None,
        tags=tags,
    )
