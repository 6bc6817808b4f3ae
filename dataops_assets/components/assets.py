"""From a contract to its assets and checks."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster_pandera import pandera_schema_to_dagster_type

from dataops_assets import steps
from dataops_assets.components.arrivals import arrivals_check, has_arrivals
from dataops_assets.components.automation import when_inputs_are_published
from dataops_assets.components.charts import chart_metadata
from dataops_assets.components.dagster_private import selected_assets
from dataops_assets.components.keys import asset_key, corrections_key, keys_of, partitions_def, published_key
from dataops_assets.components.reports import emit, retried_only_if_transient, tell_corrections, tell_landing, tell_quarantine
from dataops_assets.components.resource import LakeResource
from dataops_assets.contract import Catalog, Dataset, Partition
from dataops_assets.contract.correction import CORRECTIONS
from dataops_assets.contract.policy import Zone
from dataops_assets.steps.content import NotReady
from dataops_assets.storage.lake import Lake

_RETRY = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
_ZONE_TEXTS: dict[Zone, str] = {
    "landing": "As the provider drops it.",
    "raw": "Every delivery, byte for byte, with a receipt for each arrival.",
    "staged": "",
    "quarantine": "Rows that were rejected, with all their reasons and their original text.",
    "curated": "",
}


def dataset_definitions(catalog: Catalog, dataset: Dataset) -> dg.Definitions:
    """The assets and checks of one dataset."""
    if dataset.derived:
        rejected = _spec(catalog, dataset, "quarantine", [published_key(catalog[name]) for name in dataset.upstream])
        return dg.Definitions(assets=[_derived(catalog, dataset), rejected])
    # Of several that share their deliveries, the first has what lies in landing.
    landing = [_spec(catalog, dataset, "landing", [])] if catalog.sharing(dataset)[0] is dataset else []
    corrections = [_corrections(catalog, dataset)] if dataset.corrections else []
    keys = [correction.key for correction in corrections]
    # What a row was rejected by stands to the left of it: what corrected it, and what it should refer to.
    judged_by = [asset_key("raw", dataset), *keys, *(published_key(catalog[name]) for name in dataset.upstream)]
    quarantine, staged = _spec(catalog, dataset, "quarantine", judged_by), _staged(catalog, dataset, judged_by, keys)
    return dg.Definitions(
        assets=[*landing, _raw(catalog, dataset), *corrections, quarantine, staged],
        asset_checks=[arrivals_check(dataset)] if landing and any(map(has_arrivals, catalog.sharing(dataset))) else [],
    )


def _spec(catalog: Catalog, dataset: Dataset, zone: Zone, deps: list[Any], **more: Any) -> dg.AssetSpec:
    attributes = dataset.attributes
    told = common(catalog, dataset, catalog.retention(dataset, zone).in_words("after it was written"), "defs.yaml")
    metadata = told.pop("metadata")
    if zone in ("staged", "curated"):
        metadata |= dict(pandera_schema_to_dagster_type(dataset.schema.model).metadata)
        metadata["dagster/column_schema"] = metadata.pop("schema")
    text = _ZONE_TEXTS[zone]
    return dg.AssetSpec(
        key=asset_key(zone, dataset),
        description=f"{text}\n\n{attributes.description}".strip(),
        deps=deps,
        group_name=zone,
        kinds={dataset.ingested.source.format.split(".")[0]}
        if zone in ("landing", "raw") and dataset.ingested
        else {"parquet", "polars"},
        # Events by partition are dear, and what no step makes is told once for each run.
        partitions_def=None if zone in ("landing", "quarantine") else partitions_def(dataset.partitions),
        code_version=None if zone == "landing" else dataset.version[:12],
        metadata=metadata,
        **told,
        **more,
    )


def common(catalog: Catalog, dataset: Dataset, keep_until: str, file: str) -> dict[str, Any]:
    """What each asset of a dataset says of itself: owner, tags, and as metadata what holds for it.

    Args:
        catalog: Where it is declared.
        dataset: Whose asset it is.
        keep_until: How long it is kept, in words.
        file: The file of the dataset that declares it.
    """
    attributes, policy = dataset.attributes, catalog.policy
    metadata = {
        "keep_until": keep_until,
        "readers": ", ".join(attributes.readers),
        "classification": f"{attributes.classification}: {policy.classifications[attributes.classification]}",
        "contact": _as_link(policy.owners[attributes.owner].contact),
        "contract": f"{dataset.folder}/{file}",
        **({"ends": catalog.ending(dataset)} if attributes.ends else {}),
    }
    tags = {"classification": attributes.classification, "lifecycle": attributes.lifecycle.name}
    return {"owners": [f"team:{attributes.owner}"], "tags": tags, "metadata": metadata}


def _as_link(contact: str) -> str | dg.UrlMetadataValue:
    """An address that can be clicked, where it is one."""
    if re.fullmatch(r"[^@\s]+@[^@\s]+", contact):
        return dg.MetadataValue.url(f"mailto:{contact}")
    return dg.MetadataValue.url(contact) if contact.startswith("https://") else contact


def _corrections(catalog: Catalog, dataset: Dataset) -> dg.AssetSpec:
    """What stands between raw and staged where a dataset is corrected; the staging step applies it, and tells of it.

    As an output of that step it would force everyone to select both.
    """
    return dg.AssetSpec(
        key=corrections_key(dataset),
        description=f"Reviewed edits of what was delivered, applied before the gate.\n\n{dataset.attributes.description}",
        deps=[asset_key("raw", dataset)],
        group_name="corrections",
        kinds={"yaml"},
        partitions_def=partitions_def(dataset.partitions),
        **common(catalog, dataset, "as long as git keeps it", CORRECTIONS),
    )


def _check(dataset: Dataset, zone: Zone, name: str, description: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=name,
        asset=asset_key(zone, dataset),
        description=description,
        blocking=True,
        partitions_def=partitions_def(dataset.partitions),
    )


def _raw(catalog: Catalog, dataset: Dataset) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"receive_{dataset.name}",
        specs=[_spec(catalog, dataset, "raw", [asset_key("landing", dataset)], skippable=True)],
        check_specs=[_check(dataset, "raw", "envelope", "The delivery is whole, readable, and the one that was promised.")],
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=_RETRY,
    )
    def receive(context: dg.AssetExecutionContext, lake: dg.ResourceParam[LakeResource]) -> Iterator[Any]:
        with retried_only_if_transient():
            _refuse_layers(context, catalog, dataset)
            done = list(steps.receive(lake.lake(), dataset, keys_of(context, dataset), datetime.now(UTC)))
            tell_landing(context, dataset, done)
            yield from emit(context, dataset, "raw", "envelope", done)

    return receive


def _staged(
    catalog: Catalog, dataset: Dataset, judged_by: list[dg.AssetKey], corrections: list[dg.AssetKey]
) -> dg.AssetsDefinition:
    raw = dg.AssetSelection.assets(asset_key("raw", dataset))

    @dg.multi_asset(
        name=f"stage_{dataset.name}",
        specs=[
            _spec(
                catalog,
                dataset,
                "staged",
                judged_by,
                skippable=True,
                automation_condition=when_inputs_are_published(raw, dg.AssetSelection.assets(*corrections)),
                freshness_policy=_freshness(dataset),
            ),
        ],
        check_specs=[_check(dataset, "staged", "content", "Every row keeps the rules, or is rejected with its reasons.")],
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=_RETRY,
    )
    def stage(context: dg.AssetExecutionContext, lake: dg.ResourceParam[LakeResource]) -> Iterator[Any]:
        with retried_only_if_transient():
            _refuse_layers(context, catalog, dataset)
            here = lake.lake()
            done = _outcomes(here, dataset, context, steps.stage)
            tell_corrections(context, dataset, done)
            tell_quarantine(context, dataset, done)
            yield from emit(context, dataset, "staged", "content", done)

    return stage


def _outcomes(lake: Lake, dataset: Dataset, context: dg.AssetExecutionContext, step: Callable[..., Any]) -> list[steps.Outcome]:
    """What a step did. Of a partition that was not judged, the verdict that stands is told again.

    Dagster has planned an evaluation for it, and would take the check for failed until the next one.
    """
    keys = keys_of(context, dataset)
    try:
        done = list(step(lake, dataset, keys, context.run.run_id, datetime.now(UTC)))
    except NotReady as error:
        done = [steps.Outcome(key, "refused", str(error)) for key in keys]
    return [outcome if outcome.status == "done" else _with_what_stands(lake, dataset, outcome) for outcome in done]


def _with_what_stands(lake: Lake, dataset: Dataset, outcome: steps.Outcome) -> steps.Outcome:
    published = lake.published(dataset, outcome.partition)
    return replace(
        outcome, stands=lake.last_word("content", dataset, outcome.partition), stays=published.sha256 if published else None
    )


def _derived(catalog: Catalog, dataset: Dataset) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"derive_{dataset.name}",
        specs=[
            _spec(
                catalog,
                dataset,
                "curated",
                [_dependency(catalog, dataset, name) for name in dataset.upstream],
                skippable=True,
                automation_condition=when_inputs_are_published(),
                freshness_policy=_freshness(dataset),
            )
        ],
        check_specs=[_check(dataset, "curated", "content", "Every row that was made keeps the rules.")],
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=_RETRY,
    )
    def derive(context: dg.AssetExecutionContext, lake: dg.ResourceParam[LakeResource]) -> Iterator[Any]:
        with retried_only_if_transient():
            _refuse_layers(context, catalog, dataset)
            here = lake.lake()
            done = _outcomes(here, dataset, context, steps.derive)
            tell_quarantine(context, dataset, done)
            pictures = {
                outcome.partition: _chart(context, here, dataset, outcome.partition) for outcome in done if outcome.version
            }
            done = [replace(outcome, facts=outcome.facts | pictures.get(outcome.partition, {})) for outcome in done]
            yield from emit(context, dataset, "curated", "content", done)

    return derive


def _chart(context: dg.AssetExecutionContext, lake: Lake, dataset: Dataset, partition: Partition) -> dict[str, Any]:
    """The chart of a partition; one that cannot be drawn must not cost the report that the partition is published."""
    try:
        return chart_metadata(lake, dataset, partition)
    except Exception as error:
        context.log.warning(f"the chart of {dataset.name} {partition or ''} cannot be drawn: {error}")
        return {}


def _dependency(catalog: Catalog, dataset: Dataset, name: str) -> dg.AssetDep:
    other = catalog[name]
    mapping: dg.PartitionMapping | None = None
    if other.partitions and not dataset.partitions:
        mapping = dg.AllPartitionMapping()
    elif other.partitions and dataset.partitions:
        mapping = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
    return dg.AssetDep(published_key(other), partition_mapping=mapping)


def _freshness(dataset: Dataset) -> dg.FreshnessPolicy | None:
    """How long a published dataset may go without an update; what is closed or has ended never gets stale."""
    due, partitions = dataset.attributes.due, dataset.attributes.partitions
    if due is None or (partitions and partitions.closed) or dataset.has_ended(datetime.now(UTC)):
        return None
    every = {"day": 24, "month": 31 * 24, "year": 366 * 24}[partitions.every] if partitions else 0
    return dg.FreshnessPolicy.time_window(fail_window=due.length + timedelta(hours=every))


def _refuse_layers(context: dg.AssetExecutionContext, catalog: Catalog, dataset: Dataset) -> None:
    """Refuse a run over a range that selects several layers.

    Over a range a step gives Dagster no output (see `reports.emit`), so its later steps would be skipped in silence and the
    run would look like a success.

    Raises:
        dg.Failure: The run selects an asset over the range, and one that is made from it.
    """
    keys = keys_of(context, dataset)
    if len(keys) < 2:
        return
    selected = selected_assets(context)
    chained = [(left, right) for left, right in _steps(catalog) if selected >= {left, right}]
    if chained:
        left, right = (key.to_user_string() for key in chained[0])
        raise dg.Failure(
            f"this run covers {len(keys)} partitions and selects {left} and {right}, which is made from it: nothing was done. "
            "A run over a range holds one layer: launch the left one, and automation takes the next; or use `dataops run`.",
            allow_retries=False,
        )


def _steps(catalog: Catalog) -> Iterator[tuple[dg.AssetKey, dg.AssetKey]]:
    """Every asset with partitions that a step makes, and each asset that a step makes from it."""
    for dataset in catalog:
        if dataset.ingested and dataset.partitions:
            yield asset_key("raw", dataset), asset_key("staged", dataset)
        for name in dataset.upstream:
            if catalog[name].partitions:
                yield published_key(catalog[name]), published_key(dataset)
