"""The check `arrivals` on landing: has everything come that is due?

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


def has_arrivals(dataset: Dataset) -> bool:
    """Whether anything of a dataset can be due: its partitions, or a table that may only be so old."""
    return dataset.ingested is not None and (dataset.partitions is not None or dataset.attributes.due is not None)


def arrivals_check(dataset: Dataset) -> dg.AssetChecksDefinition:
    """The check of a delivered dataset."""

    @dg.asset_check(
        asset=asset_key("landing", dataset),
        name=_NAME,
        description="What is due was delivered: every partition, without a hole; of a table, one that is not too old.",
    )
    def arrivals(lake: dg.ResourceParam[LakeResource]) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(**_evaluation(lake.lake(), dataset, datetime.now(UTC)))

    return arrivals


def tell_arrivals(instance: dg.DagsterInstance, lake: Lake, datasets: Iterable[Dataset], now: datetime) -> None:
    """Tell Dagster what is awaited of datasets, as far as that is news.

    Args:
        instance: Where it is told.
        lake: Where the deliveries lie.
        datasets: Of these; one that is made here has no such check.
        now: The time, which decides what is due.
    """
    landings = {asset_key("landing", dataset): dataset for dataset in datasets if has_arrivals(dataset)}
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
    metadata: dict[str, Any] = {"awaited": len(found.partitions) + (found.old_since is not None)}
    if records:
        metadata["partitions"] = dg.MetadataValue.table(records)
    if told := "; ".join(sentences(dataset, found)):
        metadata |= {"provider": dataset.ingested.source.provider, "owner": dataset.attributes.owner}
    return {
        "passed": not told,
        "severity": dg.AssetCheckSeverity.ERROR,
        "description": told or "nothing is awaited that is due",
        "metadata": metadata,
    }
