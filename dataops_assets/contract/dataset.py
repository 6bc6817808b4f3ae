"""One declared dataset: its attributes, its columns, and what follows from them for a partition.

Not here: what holds between datasets (`catalog`), and reading the files (`dataops_assets.catalog`).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from dataops_assets.contract.correction import Correction
from dataops_assets.contract.errors import Problem
from dataops_assets.contract.model import DatasetAttributes, DerivedAttributes, IngestedAttributes
from dataops_assets.contract.parse import Document, Path
from dataops_assets.contract.partitions import Partition, Partitions
from dataops_assets.contract.policy import Zone
from dataops_assets.contract.schema import Schema

Transform = Callable[..., pl.LazyFrame]


@dataclass(frozen=True, eq=False)
class Dataset:
    """One declared dataset.

    Attributes:
        name: The name of its folder.
        folder: Its folder, relative to the one that holds `defs/`.
        attributes: What its `defs.yaml` says.
        source: The attributes as they were written, for messages with lines.
        schema: What a row is once it is staged or made.
        delivered: What a delivered row is, where `normalise` changes the columns; else the same as `schema`.
        normalise: A row-preserving change of delivered rows, before they are judged.
        transform: The function that makes a derived dataset from its inputs.
        fetch: The function that brings one partition's file, where the provider is asked instead of waited for.
        examples: `examples.yaml`: a good row, and for each rule the change that it must reject.
        corrections: The entries of `corrections.yaml`, in their order.
        version: SHA-256 of all that the files in its folder say but examples, corrections, and the attributes that nothing is
            judged by (`model.NOT_JUDGED`), as hex: two equal versions judge and make alike.
        modules: What its Python was imported from, held for what it imports only when it is called.
    """

    name: str
    folder: str
    attributes: DatasetAttributes
    source: Document
    schema: Schema
    delivered: Schema
    version: str
    normalise: Callable[[pl.LazyFrame], pl.LazyFrame] | None = None
    transform: Transform | None = None
    fetch: Callable[..., None] | None = None
    examples: dict[str, Any] = field(default_factory=dict)
    corrections: tuple[Correction, ...] = ()
    modules: object = None

    @property
    def ingested(self) -> IngestedAttributes | None:
        """The attributes, if the dataset is delivered; else None."""
        return self.attributes if isinstance(self.attributes, IngestedAttributes) else None

    @property
    def derived(self) -> DerivedAttributes | None:
        """The attributes, if the dataset is made from others; else None."""
        return self.attributes if isinstance(self.attributes, DerivedAttributes) else None

    @property
    def is_public(self) -> bool:
        """Whether its values may be shown to anyone, as in messages and in the UI."""
        return self.attributes.classification == "public"

    @property
    def withheld(self) -> str:
        """Why no value of it is shown, keys included, in words; empty if they may be."""
        return "" if self.is_public else f"values are withheld, since the data is {self.attributes.classification}"

    @cached_property
    def partitions(self) -> Partitions | None:
        """Its partitions in time, if it has any; none begins after its end."""
        declared, ends = self.attributes.partitions, self.attributes.ends
        if declared is None or ends is None or (declared.end and declared.end <= ends.after):
            return declared
        return declared.model_copy(update={"end": max(ends.after, declared.first)})

    @property
    def deliveries(self) -> str:
        """The name under which its deliveries lie in landing and raw."""
        return (self.ingested.source.deliveries if self.ingested else None) or self.name

    def is_past_end(self, partition: Partition) -> bool:
        """Whether a partition begins after the end, and is never made here."""
        made = self.partitions
        cut = made is not self.attributes.partitions
        return bool(cut and made and made.last and partition and partition > made.key_of(made.last))

    def has_ended(self, now: datetime) -> bool:
        """Whether what is published of it is made no more."""
        return self.attributes.ends is not None and now.astimezone(UTC).date() > self.attributes.ends.after

    @property
    def zone(self) -> Zone:
        """Where others read it: staged if it is delivered, curated if it is made here."""
        return "staged" if self.ingested else "curated"

    @property
    def upstream(self) -> tuple[str, ...]:
        """The datasets that it reads: inputs and references, each once."""
        inputs = self.derived.inputs if self.derived else ()
        return tuple(dict.fromkeys((*inputs, *(reference.dataset for reference in self.attributes.references))))

    def gap_reason(self, partition: Partition) -> str:
        """Why a partition will never be delivered; empty if it is expected."""
        gaps = self.ingested.gaps if self.ingested else ()
        return next((gap.reason for gap in gaps if gap.partition == partition), "")

    def may_lack(self, partition: Partition, given: Collection[str]) -> list[str]:
        """The delivered columns that a delivery for the partition may be without.

        The provider did not have them yet; or no row of ndjson has a value of them, where keys without one may be left out: but
        not where there is a column that nobody knows, as it may be one of these by another name.

        Args:
            partition: Which.
            given: The columns that it has.
        """
        if self.ingested is None:
            return []
        not_yet = [column for column, first in self.ingested.source.since.items() if partition and partition < first]
        if self.ingested.source.format == "ndjson" and {*given} <= self.delivered.columns.keys():
            not_yet += [column.name for column in self.delivered.columns.values() if column.nullable]
        return [*dict.fromkeys(not_yet)]

    def deadline(self, partition: str) -> datetime:
        """The moment, in UTC, by which a partition must be there."""
        assert self.partitions
        due = self.attributes.due
        return self.partitions.end_of(partition) + (due.length if due else timedelta())

    def accepted_reason(self, partition: Partition, delivery: str = "") -> str:
        """Why a partition, as it was delivered, is right although it is unlike those before it; empty if nobody said so."""
        meant = (one for one in self.attributes.accepted if one.partition == partition)
        return next((one.reason for one in meant if delivery.startswith(one.delivery or "")), "")

    def problem(self, path: Path, message: str, remedy: str) -> Problem:
        """A mistake at a path of its attributes."""
        return self.source.problem(path, message, remedy)
