"""`gate_results` in Dagster: an asset for each dataset, made by one step, and the sensor that asks for it.

They are views: nothing is made from them, and what fails here holds up no data.

Not here: what the tables hold (`storage.results`).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dagster as dg

from dataops_assets.components.assets import common
from dataops_assets.components.automation import storage_sensor
from dataops_assets.components.keys import asset_key, results_key
from dataops_assets.components.resource import LakeResource
from dataops_assets.contract import Catalog, Dataset
from dataops_assets.contract.retention import Retention
from dataops_assets.gate.verdict import digest
from dataops_assets.steps.pending import zones_written
from dataops_assets.storage import layout
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.results import COLUMNS, differing, refresh

_EVERY_SECONDS = 300
_GROUP = "gate_results"
_SCHEMA = dg.TableSchema([dg.TableColumn(name, str(dtype), what) for name, (dtype, what) in COLUMNS.items()])


def gate_results(catalog: Catalog) -> dg.Definitions:
    """The assets, and the sensor that keeps them up to date."""

    @dg.multi_asset(name=_GROUP, specs=[_spec(catalog, dataset) for dataset in catalog], can_subset=True)
    def made(context: dg.AssetExecutionContext, lake: dg.ResourceParam[LakeResource]) -> Iterator[dg.MaterializeResult[None]]:
        here = lake.lake()
        for dataset in catalog:
            if results_key(dataset) not in context.selected_asset_keys:
                continue
            kept = refresh(here, dataset)
            for damage in kept.damaged:
                context.log.warning(f"left out: {damage}")
            metadata: dict[str, Any] = {
                "dagster/row_count": kept.rows,
                "path": dg.MetadataValue.path(here.store.address(layout.gate_results(dataset))),
                "look": f"dataops quality {dataset.name}",
            }
            yield dg.MaterializeResult(
                asset_key=results_key(dataset), metadata=metadata, data_version=dg.DataVersion(kept.sha256)
            )

    def stale(_: dg.DagsterInstance, here: Lake, now: datetime) -> Iterator[dg.RunRequest]:
        if differs := {dataset: found for dataset in catalog if (found := differing(here, dataset))}:
            # If it fails, the same is asked for again, but once an hour.
            state = digest([[dataset.name, *sorted(map(str, found))] for dataset, found in differs.items()])
            run_key = f"results {state[:16]} {now:%Y-%m-%dT%H}"
            yield dg.RunRequest(run_key=run_key, asset_selection=[results_key(dataset) for dataset in differs])

    sensor = storage_sensor(
        "results",
        (_GROUP,),
        _EVERY_SECONDS,
        "Brings the tables of what the gates found up to date with the verdicts.",
        stale,
        idle="every verdict is in its table",
    )
    return dg.Definitions(assets=[made], sensors=[sensor])


def _spec(catalog: Catalog, dataset: Dataset) -> dg.AssetSpec:
    keep = Retention(keep=catalog.policy.platform.gate_results)
    told = common(catalog, dataset, keep.in_words("after it was written last"), "defs.yaml")
    return dg.AssetSpec(
        key=results_key(dataset),
        description=f"What every rule found in each delivery: a row for each.\n\n{dataset.attributes.description}",
        deps=[asset_key(zone, dataset) for zone in zones_written(dataset)],
        group_name=_GROUP,
        kinds={"parquet", "polars"},
        **told | {"metadata": told["metadata"] | {"dagster/column_schema": _SCHEMA}},
    )
