"""How contracts are named in Dagster: asset keys, partitions, layers."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from dataops_assets.contract import Catalog, Dataset, Partition, Partitions
from dataops_assets.contract.policy import Zone

ADHOC = dg.AssetKey("adhoc")
"""The asset of the ad-hoc areas."""
ZONES: tuple[Zone, ...] = ("landing", "raw", "staged", "quarantine", "curated")
_MAY_READ: dict[str, tuple[Zone, ...]] = {
    "landing": (),
    "raw": ("landing",),
    "staged": ("raw", "staged"),
    "quarantine": ("raw", "staged", "curated"),
    "curated": ("staged", "curated"),
}
_FORMATS = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
_STARTS = {"day": "0 0 * * *", "month": "0 0 1 * *", "year": "0 0 1 1 *"}


def range_tags(partitions: Sequence[Partition]) -> dict[str, str]:
    """The tags of a run over all partitions from the first of these to the last."""
    ends = zip(("start", "end"), (partitions[0], partitions[-1]), strict=True)
    return {f"dagster/asset_partition_range_{end}": str(partition) for end, partition in ends}


def asset_key(zone: Zone, dataset: Dataset) -> dg.AssetKey:
    """The asset of a dataset in a zone: `staged/flights`. What lies in landing may be for several."""
    return dg.AssetKey([zone, dataset.deliveries if zone == "landing" else dataset.name])


def corrections_key(dataset: Dataset) -> dg.AssetKey:
    """The asset that stands for the corrections of a dataset; what corrects them is git, so it lies in no zone."""
    return dg.AssetKey(["corrections", dataset.name])


def results_key(dataset: Dataset) -> dg.AssetKey:
    """The asset of what the gates found in a dataset; a view of verdicts, so it lies in no zone."""
    return dg.AssetKey(["gate_results", dataset.name])


def all_keys(catalog: Catalog) -> frozenset[dg.AssetKey]:
    """Every asset that may stand for a part of a dataset."""
    zones = {asset_key(zone, dataset) for zone in ZONES for dataset in catalog}
    return frozenset(zones | {key(dataset) for key in (corrections_key, results_key) for dataset in catalog})


def published_key(dataset: Dataset) -> dg.AssetKey:
    """The asset that others read."""
    return asset_key(dataset.zone, dataset)


def partitions_def(partitions: Partitions | None) -> dg.TimeWindowPartitionsDefinition | None:
    """The partitions, as Dagster knows them; the same keys as `Partitions.keys`."""
    if partitions is None:
        return None
    form = _FORMATS[partitions.every]
    end = None
    if partitions.end is not None:
        last = partitions.end_of(partitions.key_of(partitions.end))
        end = _local_midnight(last, partitions).strftime(form)
    common: dict[str, Any] = {"end": end, "timezone": partitions.timezone, "fmt": form}
    start = partitions.first_day(partitions.key_of(partitions.start)).strftime(form)
    return dg.TimeWindowPartitionsDefinition(start=start, cron_schedule=_STARTS[partitions.every], **common)


def _local_midnight(moment: datetime, partitions: Partitions) -> date:
    """The local day that begins at a partition's end; an hour later is safe from any change of the clock at midnight."""
    return (moment + timedelta(hours=1)).astimezone(ZoneInfo(partitions.timezone)).date()


def layer(catalog: Catalog, dataset: Dataset) -> int:
    """How many published layers lie to the left of a dataset: 1 for one without upstream."""
    return 1 + max((layer(catalog, catalog[name]) for name in dataset.upstream), default=0)


def keys_of(context: dg.AssetExecutionContext, dataset: Dataset) -> list[Partition]:
    """The partitions that a step is asked for; `[None]` if the dataset has none, whatever the run is over."""
    return list(context.partition_keys) if dataset.partitions else [None]


def refuse_other_directions(specs: Iterable[dg.AssetSpec]) -> None:
    """Data flows to the right only, through assets written by hand, too; contracts are checked when they are read.

    Raises:
        dg.DagsterInvalidDefinitionError: An asset of a zone reads from one that it may not read; the message names both.
    """
    for spec in specs:
        for source in (dep.asset_key for dep in spec.deps):
            here, there = spec.key.path[0], source.path[0]
            if here in ZONES and there in ZONES and there not in _MAY_READ[here]:
                allowed = " or ".join(_MAY_READ[here]) or "nothing"
                raise dg.DagsterInvalidDefinitionError(
                    f"{spec.key.to_user_string()} reads {source.to_user_string()}, but {here} is made from {allowed} alone: "
                    "read from a zone to its left, or give the asset a key outside of the zones"
                )
