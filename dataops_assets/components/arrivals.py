"""The check `arrivals` on landing: has every partition come that is due?

Time alone changes the answer, so no step gives it: whoever looks at storage anyway tells Dagster, and only if it is another one
than before. In the UI it can be asked at any time. Not here: which partitions those are (`observe.awaited`).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dataops_assets.components.dagster_private import last_evaluation
from dataops_assets.components.keys import asset_key
from dataops_assets.components.resource import LakeResource
from dataops_assets.contract import Dataset
from dataops_assets.observe.awaited import awaited, sentences, since, together
from dataops_assets.storage.lake import Lake

_NAME = "arrivals"
_SHOWN = 20


def arrivals_check(dataset: Dataset) -> dg.AssetChecksDefinition:
    """The check of a delivered dataset with partitions."""

    @dg.asset_check(
        asset=asset_key("landing", dataset),
        name=_NAME,
        description="Every partition that is due was delivered, without a hole.",
    )
    def arrivals(lake: dg.ResourceParam[LakeResource]) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(**_evaluation(lake.lake(), dataset, datetime.now(UTC)))

    return arrivals


def tell_arrivals(instance: dg.DagsterInstance, lake: Lake, datasets: Iterable[Dataset], now: datetime) -> None:
    """Tell Dagster what is awaited of datasets, as far as that is news.

    Args:
        instance: Where it is told.
        lake: Where the deliveries lie.
        datasets: Of these; one that is made here, or has no partitions, has no such check.
        now: The time, which decides what is due.
    """
    landings = {asset_key("landing", dataset): dataset for dataset in datasets if dataset.ingested and dataset.partitions}
    for key, dataset in landings.items():
        evaluation = _evaluation(lake, dataset, now)
        before = last_evaluation(instance, dg.AssetCheckKey(key, _NAME))
        if before is None or before.description != evaluation["description"]:
            instance.report_runless_asset_event(dg.AssetCheckEvaluation(key, _NAME, **evaluation))


def _evaluation(lake: Lake, dataset: Dataset, now: datetime) -> dict[str, Any]:
    """What is awaited in the landing of a dataset, by whichever of those that share its deliveries."""
    sharing = lake.catalog.sharing(dataset)
    found = together(awaited(lake, other, now) for other in sharing)
    dataset = next((other for other in sharing if not other.attributes.ends), dataset)
    assert dataset.ingested
    records = [
        dg.TableRecord({"partition": partition, "late": since(dataset, partition), "later ones came": partition in found.holes})
        for partition in found.partitions[:_SHOWN]
    ]
    metadata: dict[str, Any] = {"awaited": len(found.partitions)}
    if records:
        metadata |= {"partitions": dg.MetadataValue.table(records), "provider": dataset.ingested.source.provider}
        metadata["owner"] = dataset.attributes.owner
    return {
        "passed": not records,
        "severity": dg.AssetCheckSeverity.ERROR,
        "description": "; ".join(sentences(dataset, found)) or "nothing is awaited that is due",
        "metadata": metadata,
    }
