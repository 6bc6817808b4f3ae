"""Staged and curated → curated: make a derived dataset's partition from its inputs, judge and publish it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset, Partition
from dataops_assets.gate.content import Judged, judge_product
from dataops_assets.gate.functions import code_of
from dataops_assets.gate.rules import Rule, compile_rules
from dataops_assets.gate.verdict import terms
from dataops_assets.steps.content import (
    Referred,
    Work,
    readable,
    references_refused_since,
    settle,
    versions_of,
)
from dataops_assets.steps.history import Before
from dataops_assets.steps.outcome import Outcome
from dataops_assets.steps.promises import keep_promises
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.provenance import Provenance, newest_arrivals


def derive(lake: Lake, dataset: Dataset, partitions: Sequence[Partition], run_id: str, now: datetime) -> Iterator[Outcome]:
    """Make partitions, in order.

    Yields:
        An outcome for each: refused if an input is not published, or if what was made does not pass its own gate.

    Raises:
        NotReady: A dataset that the rules refer to is not published, or the contract breaks with what prod has published.
    """
    keep_promises(lake, dataset, now)
    rules = compile_rules(dataset, now.date())
    referred = Referred(lake, dataset, rules)
    with Before(lake, dataset, rules) as before:
        for partition in partitions:
            parts = input_partitions(lake, dataset, partition, now)

            def look(partition: Partition = partition, parts: dict[str, list[Partition]] = parts) -> Work:
                return _look(lake, dataset, partition, parts, rules, before, *referred.now())

            yield settle(lake, dataset, partition, look, run_id, now)


def _look(
    lake: Lake,
    dataset: Dataset,
    partition: Partition,
    parts: dict[str, list[Partition]],
    rules: list[Rule],
    before: Before,
    known: dict[str, Provenance],
    tables: dict[str, pl.DataFrame],
) -> Work:
    transform = dataset.transform
    assert transform
    read = inputs(lake, parts)

    def judge() -> tuple[Judged, Callable[[], pl.DataFrame]]:
        frames = {name: lake.scan_versions(lake.catalog[name], made) for name, made in read.items()}
        with code_of(dataset, "transform"):
            made = transform(**frames)
        found = judge_product(dataset, rules, made, tables, dataset.is_public, before.start_of(partition))
        found = before.compared(partition, found, dataset.accepted_reason(partition))
        return found, lambda: found.rejected

    went_in = (*known.values(), *(made for several in read.values() for made in several))
    return Work(
        grounds(dataset, partition, parts, read, versions_of(known)),
        newest_arrivals(*(made.arrived for made in went_in)),
        judge,
        lambda: "; ".join(filter(None, (*_sides(lake, parts), *references_refused_since(lake, dataset), *_notes(lake, parts)))),
        went_in,
    )


def input_partitions(lake: Lake, dataset: Dataset, partition: Partition, now: datetime) -> dict[str, list[Partition]]:
    """The partitions of every input that a partition is made from: those that overlap it in time, or all.

    After the end of an input, too: what it will never hold is waited for, or the product would be made of nothing.
    """
    found: dict[str, list[Partition]] = {}
    for name in dataset.derived.inputs if dataset.derived else ():
        other = lake.catalog[name].attributes.partitions
        if other is None:
            found[name] = [None]
        elif partition is None or dataset.partitions is None:
            found[name] = list(other.keys(now))
        else:
            found[name] = list(other.keys_within(dataset.partitions, partition, now))
    return found


def inputs(lake: Lake, parts: dict[str, list[Partition]]) -> dict[str, list[Provenance]]:
    """How every input came to be, as it is published now.

    Raises:
        NotReady: One is not published.
    """
    return {name: readable(lake, name, keys) for name, keys in parts.items()}


def why_missing(lake: Lake, dataset: Dataset, partition: Partition, now: datetime) -> str:
    """Why a partition is not published, in words: of what was never made, what it waits for."""
    told = lake.why_missing(dataset, [partition])
    if dataset.derived and lake.newest_verdict(dataset, partition) is None:
        for name, keys in input_partitions(lake, dataset, partition, now).items():
            other = lake.catalog[name]
            for key, made in zip(keys, lake.store.each(partial(lake.published, other), keys), strict=True):
                if made is None:
                    return f"{told}; {why_missing(lake, other, key, now)}"
    return told


def grounds(
    dataset: Dataset,
    partition: Partition,
    parts: dict[str, list[Partition]],
    read: dict[str, list[Provenance]],
    referred: dict[str, str],
) -> dict[str, Any]:
    """All that a derived partition depends on: of an input with partitions, the version of each."""
    versions: dict[str, Any] = {}
    for name, keys in parts.items():
        each = [made.sha256 for made in read[name]]
        versions[name] = each[0] if keys == [None] else dict(zip(keys, each, strict=True))
    found = {"inputs": versions, **terms(dataset), "references": referred}
    accepted = dataset.accepted_reason(partition)
    return {**found, "accepted": accepted} if accepted else found


def _sides(lake: Lake, parts: dict[str, list[Partition]]) -> list[str]:
    return [lake.sides(lake.catalog[name], keys) for name, keys in parts.items()]


def _notes(lake: Lake, parts: dict[str, list[Partition]]) -> list[str]:
    here = lake.at_a_glance()
    several = (lake.store.each(partial(here.refused_since, lake.catalog[name]), keys) for name, keys in parts.items())
    return [note for notes in several for note in notes]
