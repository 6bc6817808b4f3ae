"""Runs launched from here: one layer at a time, in this process, recorded in the instance like any other."""

import socket
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import dagster as dg

from dataops_assets.components.dagster_private import checked_partitions
from dataops_assets.components.keys import asset_key, layer, partitions_def, range_tags, results_key
from dataops_assets.components.reports import REFUSED, UNJUDGED, known_versions
from dataops_assets.contract import Catalog, Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.gate.verdict import Gate, Verdict
from dataops_assets.steps.pending import not_ended, partitions_of, pending
from dataops_assets.steps.receiving import standing_verdict
from dataops_assets.storage.deliveries import GAP
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.results import differing

TAKEN_ON_TAG = "dataops/taken_on"
"""On a run whose launcher makes all that follows from it, too."""
_LAUNCHED_BY_TAG, _STORE_TAG, _HOST_TAG = "dataops/launched_by", "dataops/store", "dataops/host"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
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


def untold(instance: dg.DagsterInstance, lake: Lake, dataset: Dataset, zone: Zone, now: datetime) -> dict[Partition, str]:
    """The partitions of which storage has what Dagster does not know: a run died before it told.

    Returns:
        For each of them the data version that lies in storage, or the id of its verdict.
    """
    lake = lake.its_own().at_a_glance()  # what a branch reads from prod is not its own to tell
    # To tell of what has ended, or has expired, a run would make it again.
    partitions = not_ended(lake, dataset, partitions_of(dataset, now), now)
    stored = _stored_versions(lake, dataset, zone, partitions)
    known = known_versions(instance, asset_key(zone, dataset), stored)
    published = {key: version for key, version in stored.items() if known.get(key) != version}
    unchecked = _unchecked(instance, lake, dataset, zone, partitions)
    return published | {key: said for key, said in unchecked.items() if not lake.has_expired(zone, dataset, key, now)}


def _unchecked(
    instance: dg.DagsterInstance, lake: Lake, dataset: Dataset, zone: Zone, partitions: Sequence[Partition]
) -> dict[Partition, str]:
    """The partitions that a gate has judged, and whose check does not say so, or of an older version."""
    gate: Gate = "envelope" if zone == "raw" else "content"

    def last_word(partition: Partition) -> Verdict | None:
        with suppress(Damaged):  # whoever runs the partition is told
            return lake.last_word(gate, dataset, partition)
        return None

    given = dict(zip(partitions, lake.store.each(last_word, partitions), strict=True))
    told = checked_partitions(instance, dg.AssetCheckKey(asset_key(zone, dataset), gate))
    return {key: verdict.id for key, verdict in given.items() if verdict and told.get(key) != verdict.passed}


def _stored_versions(lake: Lake, dataset: Dataset, zone: Zone, partitions: Sequence[Partition]) -> dict[Partition, str]:
    def version(partition: Partition) -> str | None:
        if zone != "raw":
            return lake.version(zone, dataset, partition)
        with suppress(Damaged):  # whoever runs the partition is told
            if receipt := lake.receipt(dataset, partition):
                return receipt.sha256
            return GAP if standing_verdict(lake, dataset, partition, None) else None
        return None

    found = zip(partitions, lake.store.each(version, partitions), strict=True)
    return {key: version for key, version in found if version}


def due(
    lake: Lake,
    zone: Zone,
    datasets: Iterable[Dataset],
    now: datetime,
    within: Container[Partition] | None = None,
    never_told: Mapping[tuple[Zone, str], Collection[Partition]] = MappingProxyType({}),
    tried: MutableMapping[tuple[Zone, str, Partition], Any] | None = None,
) -> list[Launch]:
    """The runs that would do what is pending in a layer; datasets that need the same partitions share a run.

    Args:
        lake: Where everything lies.
        zone: The layer.
        datasets: Its datasets.
        now: The time.
        within: Look at these partitions only.
        never_told: By zone and dataset, partitions to run again so that Dagster is told of them; see `untold`.
        tried: By zone, dataset and partition, the state of what was due before; what is due now is added. What is still in
            that state has failed, and would fail again: it is left out.
    """
    tried = {} if tried is None else tried
    together: dict[tuple[dg.TimeWindowPartitionsDefinition | None, tuple[Partition, ...]], list[Dataset]] = {}
    for dataset in datasets:
        found = pending(lake, dataset, zone, now, within)
        new = {key: state for key, state in found.items() if tried.get((zone, dataset.name, key)) != state}
        tried.update({(zone, dataset.name, key): state for key, state in new.items()})
        keys = list(new)
        told_again = never_told.get((zone, dataset.name), ())
        keys += [key for key in told_again if key not in keys and (within is None or key in within)]
        runs = dataset.partitions.in_a_row(key for key in keys if key) if dataset.partitions else [keys] if keys else []
        for run in runs:
            together.setdefault((partitions_def(dataset.partitions), tuple(run)), []).append(dataset)
    return [Launch(zone, tuple(sharing), partitions) for (_, partitions), sharing in together.items()]


def abandoned(instance: dg.DagsterInstance, lake: Lake) -> Sequence[dg.DagsterRun]:
    """The runs of `dataops run` from this machine over this store that have not ended. If none is at work, it was killed."""
    tags = _tags(lake)
    return instance.get_runs(dg.RunsFilter(statuses=UNFINISHED, tags=tags))


def _tags(lake: Lake) -> dict[str, str]:
    return {_LAUNCHED_BY_TAG: "dataops run", _STORE_TAG: lake.store.where, _HOST_TAG: socket.gethostname()}


def bury(instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]) -> None:
    """Tell Dagster that the process of runs is gone; until then it takes their partitions for being made."""
    for run in runs:
        now = instance.get_run_by_id(run.run_id)
        if now and not now.is_finished:
            instance.report_run_failed(now, "the process that ran it is gone; what it published stays")


def launch(
    definitions: dg.Definitions, instance: dg.DagsterInstance, lake: Lake, run: Launch, taken_on: bool = False
) -> Iterator[str]:
    """Execute a run and wait for it.

    Args:
        definitions: All that there is.
        instance: Where the run is recorded.
        lake: What it works on.
        run: What to do.
        taken_on: The caller makes what follows from it, too; automation need not.

    Yields:
        What failed, in the words of the steps; nothing if the run succeeded, or a verdict in storage tells why it did not.
    """
    assets = [asset_key(run.zone, dataset) for dataset in run.datasets]
    tags = _taken_on(taken_on)
    if len(run.partitions) > 1:
        tags |= range_tags(run.partitions)
    single = run.partitions[0] if len(run.partitions) == 1 else None
    yield from _execute(definitions, instance, lake, assets, tags, single)


def launch_results(
    definitions: dg.Definitions, instance: dg.DagsterInstance, lake: Lake, datasets: Iterable[Dataset], taken_on: bool = False
) -> Iterator[str]:
    """Bring the tables of what the gates found up to date, in one run, if any verdict is not in them yet; as `launch`."""
    stale = [results_key(dataset) for dataset in datasets if differing(lake, dataset)]
    if stale:
        yield from _execute(definitions, instance, lake, stale, _taken_on(taken_on), None)


def _taken_on(taken_on: bool) -> dict[str, str]:
    return {TAKEN_ON_TAG: "dataops run"} if taken_on else {}


def _execute(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    lake: Lake,
    assets: Sequence[dg.AssetKey],
    tags: dict[str, str],
    partition: Partition,
) -> Iterator[str]:
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=assets,
        partition_key=partition,
        tags=_tags(lake) | tags,
        run_config=_QUIET,
        raise_on_error=False,
    )
    told = False
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            data = event.step_failure_data
            told = True
            by_user = data.user_failure_data
            if by_user and REFUSED in by_user.metadata:  # which a verdict tells
                yield from str(by_user.metadata[UNJUDGED].value).splitlines() if UNJUDGED in by_user.metadata else ()
            else:
                yield (by_user.description if by_user else None) or data.error_display_string
    if not result.success and not told:
        # What fails outside of a step: a resource, the run itself.
        named = ", ".join(key.to_user_string() for key in assets)
        yield f"the run of {named} failed before any step: see run {result.run_id} in the UI"
