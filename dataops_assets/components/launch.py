"""Runs launched from here: one layer at a time, in this process, recorded in the instance like any other."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from dataops_assets.components.keys import asset_key, in_range, layer, partitions_def
from dataops_assets.components.reports import UNJUDGED
from dataops_assets.contract import Catalog, Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.steps.pending import pending
from dataops_assets.storage.lake import Lake

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Launch:
    """One run to be: assets of one layer, over partitions without a hole.

    Attributes:
        zone: Where it writes.
        datasets: What it makes.
        partitions: Which parts, in order; `(None,)` for datasets without partitions.
    """

    zone: Zone
    datasets: tuple[Dataset, ...]
    partitions: tuple[Partition, ...]


def stages(catalog: Catalog, wanted: Iterable[Dataset]) -> list[tuple[Zone, list[Dataset]]]:
    """The layers from left to right, as far as they hold wanted datasets: all of raw, then one for each depth."""
    chosen = list(wanted)
    ingested = [dataset for dataset in chosen if dataset.ingested]
    depths = sorted({layer(catalog, dataset) for dataset in chosen})
    found: list[tuple[Zone, list[Dataset]]] = [("raw", ingested)] if ingested else []
    for depth in depths:
        zones: tuple[Zone, ...] = ("staged", "curated")
        for zone in zones:
            here = [dataset for dataset in chosen if dataset.zone == zone and layer(catalog, dataset) == depth]
            if here:
                found.append((zone, here))
    return found


def due(
    lake: Lake, zone: Zone, datasets: Iterable[Dataset], now: datetime, within: Container[Partition] | None = None
) -> list[Launch]:
    """The runs that would do what is pending in a layer; datasets that need the same partitions share a run."""
    together: dict[tuple[dg.TimeWindowPartitionsDefinition | None, tuple[Partition, ...]], list[Dataset]] = {}
    for dataset in datasets:
        keys = pending(lake, dataset, zone, now, within)
        runs = in_range([key for key in keys if key], dataset.partitions) if dataset.partitions else [keys] if keys else []
        for run in runs:
            together.setdefault((partitions_def(dataset.partitions), tuple(run)), []).append(dataset)
    return [Launch(zone, tuple(sharing), partitions) for (_, partitions), sharing in together.items()]


def launch(definitions: dg.Definitions, instance: dg.DagsterInstance, run: Launch) -> Iterator[str]:
    """Execute a run and wait for it.

    Yields:
        What failed, in the words of the steps; nothing if the run succeeded, or a verdict in storage tells why it did not.
    """
    job = definitions.resolve_implicit_global_asset_job_def()
    tags = {"dataops/launched_by": "dataops run"}
    single = run.partitions[0] if len(run.partitions) == 1 else None
    if len(run.partitions) > 1:
        tags |= {
            "dagster/asset_partition_range_start": str(run.partitions[0]),
            "dagster/asset_partition_range_end": str(run.partitions[-1]),
        }
    result = job.execute_in_process(
        instance=instance,
        asset_selection=[asset_key(run.zone, dataset) for dataset in run.datasets],
        partition_key=single,
        tags=tags,
        run_config=_QUIET,
        raise_on_error=False,
    )
    told = False
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            data = event.step_failure_data
            told = True
            by_user = data.user_failure_data
            if by_user and UNJUDGED in by_user.metadata:
                yield from filter(None, str(by_user.metadata[UNJUDGED].value).splitlines())
            else:
                yield (by_user.description if by_user else None) or data.error_display_string
    if not result.success and not told:
        # What fails outside of a step: a resource, the run itself.
        named = ", ".join(dataset.name for dataset in run.datasets)
        yield f"the run of {run.zone} {named} failed before any step: see run {result.run_id} in the UI"
