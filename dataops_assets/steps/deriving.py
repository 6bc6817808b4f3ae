"""Staged and curated → curated: make a derived dataset's partition from its inputs, judge and publish it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset, Partition
from dataops_assets.gate.content import Judged, code_of, judge_product
from dataops_assets.gate.rules import compile_rules
from dataops_assets.steps.content import (
    NotReady,
    input_versions,
    is_public,
    reference_tables,
    reference_versions,
    references_refused_since,
    settle,
)
from dataops_assets.steps.outcome import Outcome
from dataops_assets.storage.lake import Lake


def derive(lake: Lake, dataset: Dataset, partitions: Sequence[Partition], run_id: str, now: datetime) -> Iterator[Outcome]:
    """Make partitions, in order.

    Yields:
        An outcome for each: refused if an input is not published, or if what was made does not pass its own gate.

    Raises:
        NotReady: A dataset that the rules refer to is not published.
    """
    assert dataset.transform
    transform = dataset.transform
    rules = compile_rules(dataset)
    references = reference_versions(lake, dataset)
    tables = reference_tables(lake, dataset, rules)
    for partition in partitions:
        parts = input_partitions(lake, dataset, partition, now)
        try:
            depends_on = grounds(lake, dataset, parts, references)
        except NotReady as error:
            yield Outcome(partition, "refused", str(error))
            continue

        def judge(parts: dict[str, list[Partition]] = parts) -> tuple[Judged, Callable[[], pl.DataFrame]]:
            inputs = {name: lake.scan(lake.catalog[name], keys) for name, keys in parts.items()}
            with code_of(dataset, "transform"):
                made = transform(**inputs)
            found = judge_product(dataset, rules, made, tables, is_public(dataset))
            return found, lambda: found.rejected

        note = "; ".join(filter(None, (*references_refused_since(lake, dataset), *_notes(lake, parts))))
        yield settle(lake, dataset, partition, depends_on, judge, run_id, now, note)


def input_partitions(lake: Lake, dataset: Dataset, partition: Partition, now: datetime) -> dict[str, list[Partition]]:
    """The partitions of every input that a partition is made from: those that overlap it in time, or all."""
    found: dict[str, list[Partition]] = {}
    for name in dataset.derived.inputs if dataset.derived else ():
        other = lake.catalog[name].partitions
        if other is None:
            found[name] = [None]
        elif partition is None or dataset.partitions is None:
            found[name] = list(other.keys(now))
        else:
            found[name] = list(other.keys_within(dataset.partitions, partition, now))
    return found


def grounds(lake: Lake, dataset: Dataset, parts: dict[str, list[Partition]], references: dict[str, str]) -> dict[str, Any]:
    """All that a derived partition depends on: of an input with partitions, the version of each.

    Raises:
        NotReady: An input is not published.
    """
    inputs: dict[str, Any] = {}
    for name, keys in parts.items():
        versions = input_versions(lake, name, keys)
        inputs[name] = versions[0] if keys == [None] else dict(zip(keys, versions, strict=True))
    return {"inputs": inputs, "contract": dataset.version, "references": references}


def _notes(lake: Lake, parts: dict[str, list[Partition]]) -> list[str]:
    return [lake.refused_since(lake.catalog[name], key) for name, keys in parts.items() for key in keys]
