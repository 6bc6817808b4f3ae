"""What is left to do, told from storage alone: which partitions of a zone have something new to their left."""

from collections.abc import Container, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.steps import deriving, staging
from dataops_assets.steps.content import NotReady, references, settled, versions_of
from dataops_assets.steps.receiving import standing_verdict
from dataops_assets.storage import landing
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.landing import Arrival


def partitions_of(dataset: Dataset, now: datetime) -> list[Partition]:
    """Every partition that the dataset has by now; `[None]` if it has none."""
    return list(dataset.partitions.keys(now)) if dataset.partitions else [None]


def zones_written(dataset: Dataset) -> tuple[Zone, ...]:
    """The zones that steps of the dataset write, from left to right."""
    return ("raw", "staged") if dataset.ingested else ("curated",)


def pending(
    lake: Lake, dataset: Dataset, zone: Zone, now: datetime, within: Container[Partition] | None = None
) -> dict[Partition, Any]:
    """The partitions that a run of this zone would change or judge anew, in order.

    A partition that was refused is not pending until something that it depends on changes; one that has expired never is. Of a
    dataset that has ended, none is that is published: its last one is over, and delivered, only after the end.

    Args:
        lake: Where everything lies.
        dataset: Whose partitions.
        zone: The zone that the run would write.
        now: The time.
        within: Look at these partitions only.

    Returns:
        For each of them the state that it is in: of raw the fingerprint of what lies in landing, else its grounds. As long as
        that is the same, another run would do the same.
    """
    lake = lake.at_a_glance()
    partitions = [key for key in partitions_of(dataset, now) if within is None or key in within]
    if zone == "raw":
        partitions = not_ended(lake, dataset, partitions, now)
        return _unreceived(lake, dataset, partitions, now) if partitions else {}
    return unsettled(lake, dataset, partitions, now)


def unsettled(lake: Lake, dataset: Dataset, partitions: Iterable[Partition], now: datetime) -> dict[Partition, dict[str, Any]]:
    """The partitions that could be staged or derived, but were not on today's grounds; and those grounds."""
    wanted = [key for key in not_ended(lake, dataset, partitions, now) if not lake.has_expired(dataset.zone, dataset, key, now)]
    try:
        known = versions_of(references(lake, dataset))
    except NotReady:
        return {}

    def waiting(partition: Partition) -> dict[str, Any] | None:
        try:
            found = None if lake.is_dropped(dataset, partition) else _grounds(lake, dataset, partition, known, now)
            done = found and settled(lake, dataset, partition, found, lake.last_word("content", dataset, partition))
        except Damaged as error:  # the run that is asked for tells it; the other partitions go on
            return {"damaged": str(error)}
        return None if done else found

    return {key: found for key, found in zip(wanted, lake.store.each(waiting, wanted), strict=True) if found}


def held_up(lake: Lake, dataset: Dataset, now: datetime) -> list[Partition]:
    """The partitions that were received, and are not judged before what the rules refer to can be read; see `Lake.lacking`."""
    if not dataset.ingested or not lake.lacking(dataset):
        return []
    lake = lake.at_a_glance()

    def waits(partition: Partition) -> bool:
        try:
            said = lake.last_word("envelope", dataset, partition)
            gone = lake.published(dataset, partition) or lake.has_expired(dataset.zone, dataset, partition, now)
        except Damaged:  # which is told where it is counted
            return False
        return bool(said and said.passed and not gone)

    wanted = partitions_of(dataset, now)
    return [key for key, held in zip(wanted, lake.store.each(waits, wanted), strict=True) if held]


def not_ended(lake: Lake, dataset: Dataset, partitions: Iterable[Partition], now: datetime) -> list[Partition]:
    """The partitions that may still be made: once the dataset has ended, those that are not published."""
    ended = dataset.has_ended(now)
    return [key for key in partitions if not ended or lake.holder(dataset.zone, dataset, key) is None]


def not_whole(lake: Lake, dataset: Dataset, now: datetime) -> list[Arrival]:
    """The deliveries in landing that something is missing of, but for what the run that fetched it has received at once."""

    def is_received(arrival: Arrival) -> bool:
        with suppress(Damaged):  # which its gate tells
            receipt = lake.receipt(dataset, arrival.partition)
            return receipt is not None and receipt.landed == arrival.fingerprint
        return False

    found = landing.arrivals(lake.landing, dataset, now).values()
    return [arrival for arrival in found if arrival.waiting_for and not is_received(arrival)]


def _unreceived(lake: Lake, dataset: Dataset, partitions: list[Partition], now: datetime) -> dict[Partition, str]:
    lying = landing.arrivals(lake.landing, dataset, now)

    def state(partition: Partition) -> str | None:
        arrival = lying.get(partition)
        fingerprint = arrival.fingerprint if arrival else ""
        try:
            receipt = lake.receipt(dataset, partition)
            arrived = arrival and not arrival.waiting_for and (receipt is None or receipt.landed != fingerprint)
            fetched = dataset.fetch and not lake.has_expired("raw", dataset, partition, now)
            known = receipt or dataset.gap_reason(partition) or fetched
            new = arrived or (known and standing_verdict(lake, dataset, partition, receipt) is None)
        except Damaged:  # the run that is asked for tells it
            new = True
        return fingerprint if new else None

    found = zip(partitions, lake.store.each(state, partitions), strict=True)
    return {key: fingerprint for key, fingerprint in found if fingerprint is not None}


def _grounds(
    lake: Lake, dataset: Dataset, partition: Partition, referred: dict[str, str], now: datetime
) -> dict[str, Any] | None:
    try:
        if dataset.ingested:
            return staging.grounds(lake, dataset, partition, referred)[-1]
        parts = deriving.input_partitions(lake, dataset, partition, now)
        return deriving.grounds(dataset, partition, parts, deriving.inputs(lake, parts), referred)
    except NotReady:
        return None
