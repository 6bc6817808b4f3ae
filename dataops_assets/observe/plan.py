"""What `dataops run` would do, and why: told before it happens, from storage alone.

Not here: how what is pending is found (`steps.pending`), and the runs that do it (`components.launch`).
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.gate.verdict import Gate, Verdict
from dataops_assets.observe.grounds import differing
from dataops_assets.steps import receiving
from dataops_assets.steps.deriving import input_partitions
from dataops_assets.steps.pending import held_up, partitions_of, pending, unsettled
from dataops_assets.steps.promises import broken_promise
from dataops_assets.storage import landing
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.lake import Lake, name_of

_DAMAGED = "a record of it is damaged"


@dataclass(frozen=True)
class Planned:
    """Partitions of one asset that would be made for the same reason.

    Attributes:
        zone: Where they would be written.
        dataset: Whose they are.
        partitions: Which, in order.
        why: For what reason, in words.
    """

    zone: Zone
    dataset: Dataset
    partitions: tuple[Partition, ...]
    why: str

    def __str__(self) -> str:
        every = self.dataset.partitions
        keys = [key for key in self.partitions if key]
        if not every or not keys:
            return f"{self.zone}/{self.dataset.name}: {self.why}"
        rows = [row[0] if len(row) == 1 else f"{row[0]} to {row[-1]}" for row in every.in_a_row(keys)]
        shown = ", ".join(rows[:3]) + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")
        return (
            f"{self.zone}/{self.dataset.name}: {len(keys):,} {every.every}{'' if len(keys) == 1 else 's'}, {shown}: {self.why}"
        )


def planned(lake: Lake, datasets: Collection[Dataset], now: datetime) -> list[Planned]:
    """What a run over some datasets would do, from left to right.

    What is made of something that may come out with the same bytes is told as what may be made; what was received and has to
    wait, as what may not be made before.

    Args:
        lake: Where everything lies.
        datasets: Which may be made.
        now: The time.
    """
    here = lake.at_a_glance()
    touched: dict[str, set[Partition]] = {}
    found: list[Planned] = []
    for dataset in (dataset for dataset in here.catalog.in_order if dataset in datasets):
        received = _received(here, dataset, now) if dataset.ingested else {}
        found += _grouped(dataset, "raw", received)
        lacking, held = here.lacking(dataset), held_up(here, dataset, now)
        names = ", ".join(name_of(other, None) for other in lacking)
        if not all(touched.get(other.name) for other in lacking):
            waiting = dict.fromkeys((*received, *held), f"not before {names} can be read")
            found += _grouped(dataset, dataset.zone, waiting)
            continue
        judged = unsettled(here, dataset, partitions_of(dataset, now), now)
        made = {key: _why_made(here, dataset, key, grounds) for key, grounds in judged.items()}
        possible = {} if dataset.has_ended(now) else _possible(here, dataset, touched, now)
        reasons = possible | dict.fromkeys(held, f"after {names}") | dict.fromkeys(received, "after it was received") | made
        if reasons and (broken := broken_promise(here, dataset, now)):
            reasons = dict.fromkeys(reasons, f"will be refused, for {broken}")
        found += _grouped(dataset, dataset.zone, reasons)
        touched[dataset.name] = set(reasons)
    return found


def _grouped(dataset: Dataset, zone: Zone, reasons: Mapping[Partition, str]) -> list[Planned]:
    together: dict[str, list[Partition]] = {}
    for key in sorted(reasons, key=str):
        together.setdefault(reasons[key], []).append(key)
    return [Planned(zone, dataset, tuple(keys), why) for why, keys in together.items()]


def _received(lake: Lake, dataset: Dataset, now: datetime) -> dict[Partition, str]:
    lying = landing.arrivals(lake.landing, dataset, now)

    def why(partition: Partition) -> str:
        try:
            receipt = lake.receipt(dataset, partition)
        except Damaged:
            return _DAMAGED
        arrival = lying.get(partition)
        if arrival and not arrival.waiting_for and (receipt is None or receipt.landed != arrival.fingerprint):
            return "something was delivered"
        if receipt is None and not dataset.gap_reason(partition):
            return "its provider is asked"
        return _why(receiving.grounds(dataset, partition, receipt), _said(lake, "envelope", dataset, partition))

    return {key: why(key) for key in pending(lake, dataset, "raw", now)}


def _said(lake: Lake, gate: Gate, dataset: Dataset, partition: Partition) -> Verdict | None:
    with suppress(Damaged):  # which is what the plan tells
        return lake.last_word(gate, dataset, partition)
    return None


def _why(grounds: Mapping[str, Any], said: Verdict | None) -> str:
    """What differs between the grounds of today and those of the last word."""
    if "damaged" in grounds:
        return _DAMAGED
    if said is None:
        return "it was never judged"
    return differing(said.depends_on, grounds) or "the run before did not end"


def _why_made(lake: Lake, dataset: Dataset, partition: Partition, grounds: Mapping[str, Any]) -> str:
    zones: tuple[Zone, ...] = (dataset.zone, "quarantine")
    with suppress(Damaged):
        if any(lake.altered(zone, dataset, partition) for zone in zones):
            return "what lies there is not what was written"
    return _why(grounds, _said(lake, "content", dataset, partition))


def _possible(lake: Lake, dataset: Dataset, touched: Mapping[str, set[Partition]], now: datetime) -> dict[Partition, str]:
    """The partitions that are made if something that they are made from, or looked up in, comes out otherwise.

    Not those of which something is not there, nor will be after the run.
    """
    looked_up = [reference.dataset for reference in dataset.attributes.references if touched.get(reference.dataset)]

    def why(partition: Partition) -> str:
        read = input_partitions(lake, dataset, partition, now)
        if dataset.ingested and not _said(lake, "content", dataset, partition):
            return ""  # there is nothing to judge again
        there = all(
            key in touched.get(name, ()) or lake.holder(lake.catalog[name].zone, lake.catalog[name], key)
            for name, keys in read.items()
            for key in keys
        )
        if not there:
            return ""
        names = dict.fromkeys((*(name for name, keys in read.items() if touched.get(name, set()) & set(keys)), *looked_up))
        return f"if {' or '.join(names)} comes out otherwise" if names else ""

    return {key: reason for key in partitions_of(dataset, now) if (reason := why(key))}
