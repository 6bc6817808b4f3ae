"""What runs without being asked: new deliveries are received, and every layer follows the one to its left."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dataops_assets.components.keys import asset_key, in_range
from dataops_assets.components.resource import LakeResource
from dataops_assets.contract import Catalog, Dataset, Partition
from dataops_assets.gate.verdict import digest
from dataops_assets.steps import pending
from dataops_assets.storage.deliveries import arrivals

_EVERY_SECONDS = 10


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


def automation(catalog: Catalog) -> dg.Definitions:
    """The sensors of this code location."""
    ours = dg.AssetSelection.groups("raw", "staged", "curated")
    follow = dg.AutomationConditionSensorDefinition(
        "follow",
        target=ours,
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts the next layer for every partition whose inputs changed and passed their gates.",
    )
    return dg.Definitions(sensors=[_deliveries_sensor(catalog), follow])


def _deliveries_sensor(catalog: Catalog) -> dg.SensorDefinition:
    ingested = [dataset for dataset in catalog if dataset.ingested]

    @dg.sensor(
        name="deliveries",
        # A `target` would be made one job, for which all raw assets must have the same partitions.
        asset_selection=dg.AssetSelection.groups("raw"),
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sees what providers dropped into landing, and receives exactly the partitions it is for.",
    )
    def deliveries(context: dg.SensorEvaluationContext, lake: LakeResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
        asked = 0
        for dataset in ingested:
            waiting = pending(lake.lake(), dataset, "raw", datetime.now(UTC))
            for request in _requests(dataset, waiting, lake):
                asked += 1
                yield request
        if not asked:
            yield dg.SkipReason("nothing new in landing")

    return deliveries


def _requests(dataset: Dataset, waiting: list[Partition], lake: LakeResource) -> Iterator[dg.RunRequest]:
    """One run for each row of consecutive partitions; asked for once, however often they are seen."""
    lying = arrivals(lake.lake().store, dataset, datetime.now(UTC))
    selection = [asset_key("raw", dataset)]
    runs = in_range([key for key in waiting if key], dataset.partitions) if dataset.partitions else [waiting] if waiting else []
    for run in runs:
        state = digest([dataset.version, *([key, lying[key].fingerprint if key in lying else None] for key in run)])
        run_key = f"{dataset.name}:{run[0]}:{run[-1]}:{state[:16]}"
        if run[0] is None or len(run) == 1:
            yield dg.RunRequest(run_key=run_key, asset_selection=selection, partition_key=run[0])
        else:
            tags = {"dagster/asset_partition_range_start": str(run[0]), "dagster/asset_partition_range_end": str(run[-1])}
            yield dg.RunRequest(run_key=run_key, asset_selection=selection, tags=tags)
