"""What is published, and what gates said of it: the view of the store that everything above works with."""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import polars as pl

from dataops_assets.contract import Catalog, Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.gate.verdict import Gate, Verdict
from dataops_assets.gate.wording import moment
from dataops_assets.storage import deliveries, layout
from dataops_assets.storage.folder import Folder, hash_file
from dataops_assets.storage.provenance import MadeBy, Provenance, newest_record, record

# Fixed, because the boundaries of row groups otherwise differ from run to run, and with them the bytes.
_ROW_GROUP_ROWS = 131_072


class NotPublished(Exception):
    """A partition that was asked for has not passed its gate, or not as it is declared today. The message says why."""


@dataclass(frozen=True)
class Draft:
    """A partition that is written, and can be published.

    Attributes:
        provenance: How it came to be.
        path: Its bytes.
    """

    provenance: Provenance
    path: Path


@dataclass(frozen=True)
class Lake:
    """Every zone of a deployment, seen through the contracts.

    Attributes:
        catalog: The declared datasets.
        store: Where everything lies.
        made_by: Who publishes here, and with which code.
    """

    catalog: Catalog
    store: Folder
    made_by: MadeBy = field(default_factory=MadeBy)

    def version(self, zone: Zone, dataset: Dataset, partition: Partition) -> str | None:
        """The SHA-256 of the bytes that lie there, whoever wrote them. None if there are none."""
        return self.store.sha256(layout.data(zone, dataset, partition))

    def provenance(self, zone: Zone, dataset: Dataset, partition: Partition) -> Provenance | None:
        """How what lies there came to be. None if nothing does, or if no gate let these bytes pass."""
        sha256 = self.version(zone, dataset, partition)
        return newest_record(self.store, zone, dataset, partition, sha256) if sha256 else None

    def published(self, dataset: Dataset, partition: Partition) -> Provenance | None:
        """What others may read: bytes that a gate let pass, and no gap that was withdrawn since. Their hash is the version."""
        found = self.provenance(dataset.zone, dataset, partition)
        withdrawn = found and found.depends_on.get("delivery") == deliveries.GAP and not dataset.gap_reason(partition)
        return None if withdrawn else found

    def readable(self, dataset: Dataset, partitions: Sequence[Partition]) -> list[Provenance]:
        """How partitions came to be that can be read as the contract declares them.

        Raises:
            NotPublished: One of them is not published, or was under an older contract with other columns.
        """
        found = [self.published(dataset, partition) for partition in partitions]
        readable = [one for one in found if one and not self._outdated(dataset, one)]
        if len(readable) < len(found):
            missing = [key for key, one in zip(partitions, found, strict=True) if not one or self._outdated(dataset, one)]
            raise NotPublished(self.why_missing(dataset, missing))
        return readable

    def _outdated(self, dataset: Dataset, published: Provenance) -> str:
        """The first column that is declared otherwise than it was published, in words; empty if there is none."""
        path = self.store.path(layout.data(published.zone, dataset, published.partition))
        was, declared = _schema_of(path, published.sha256), dict(dataset.schema.polars)
        if was == declared:
            return ""
        name = next(name for name in (*declared, *was) if was.get(name) != declared.get(name))
        if name not in was:
            return f"which had no column `{name}`"
        return f"whose column `{name}` is " + (f"{was[name]}, not {declared[name]}" if name in declared else "declared no more")

    @contextlib.contextmanager
    def draft(
        self,
        zone: Zone,
        dataset: Dataset,
        partition: Partition,
        frame: pl.DataFrame,
        verdict: Verdict,
        run_id: str,
        now: datetime,
    ) -> Iterator[Draft]:
        """Write a partition that passed its gate, where nobody reads it yet. Equal rows in equal order give equal bytes."""
        with self.store.draft(layout.data(zone, dataset, partition)) as path:
            _write(frame, path)
            provenance = Provenance(
                zone=zone,
                dataset=dataset.name,
                partition=partition,
                sha256=hash_file(path),
                bytes=path.stat().st_size,
                rows=frame.height,
                nulls={name: count for name, count in frame.null_count().row(0, named=True).items() if count},
                depends_on=verdict.depends_on,
                arrived=verdict.arrived,
                verdict=verdict.id,
                run_id=run_id,
                made_by=self.made_by,
                published_at=now,
            )
            yield Draft(provenance, path)

    def publish(self, draft: Draft) -> Provenance:
        """Let others read what was drafted.

        The record of how it came to be is written first: an object that can be seen can be explained. Where the same bytes
        stand already, the record alone is added.
        """
        made = draft.provenance
        dataset = self.catalog[made.dataset]
        stands = self.version(made.zone, dataset, made.partition)
        made = record(self.store, dataset, made.model_copy(update={"replaces": stands}))
        if stands != made.sha256:
            self.store.place(draft.path, layout.data(made.zone, dataset, made.partition))
        return made

    def save(self, verdict: Verdict) -> Verdict:
        """Keep a verdict as the last word on its partition, even if a clock was set back; said again, it stays as it was.

        Returns:
            The verdict as it is kept.
        """
        dataset = self.catalog[verdict.dataset]
        newest = self.newest_verdict(dataset, verdict.partition)
        if newest and newest == verdict.model_copy(update={"judged_at": newest.judged_at}):
            return newest
        if newest and newest.judged_at >= verdict.judged_at:
            verdict = verdict.model_copy(update={"judged_at": newest.judged_at + timedelta(microseconds=1)})
        key = f"{layout.verdicts(verdict.gate, dataset, verdict.partition)}/{verdict.id}.json"
        self.store.write(key, verdict.model_dump_json(indent=1).encode())
        return verdict

    def verdict(self, gate: Gate, dataset: Dataset, partition: Partition, id: str) -> Verdict | None:
        """The verdict on exactly these grounds, if it was given."""
        record = self.store.read(f"{layout.verdicts(gate, dataset, partition)}/{id}.json")
        return Verdict.model_validate_json(record) if record else None

    def verdicts(self, gate: Gate, dataset: Dataset, partition: Partition) -> list[Verdict]:
        """Every verdict of a gate on a partition, the oldest first."""
        entries = self.store.list(layout.verdicts(gate, dataset, partition))
        found = [Verdict.model_validate_json(self.store.read(entry.key) or b"") for entry in entries]
        return sorted(found, key=lambda verdict: verdict.judged_at)

    def last_word(self, gate: Gate, dataset: Dataset, partition: Partition) -> Verdict | None:
        """The newest verdict of a gate."""
        return next(iter(self.verdicts(gate, dataset, partition)[-1:]), None)

    def newest_verdict(self, dataset: Dataset, partition: Partition) -> Verdict | None:
        """The last word on a partition: the newest verdict of any gate."""
        gates: tuple[Gate, ...] = ("envelope", "content")
        found = filter(None, (self.last_word(gate, dataset, partition) for gate in gates))
        return max(found, key=lambda verdict: verdict.judged_at, default=None)

    def scan(self, dataset: Dataset, partitions: Sequence[Partition]) -> pl.LazyFrame:
        """The rows of published partitions, in one lazy scan, in the order asked for.

        Raises:
            NotPublished: One of them did not pass its gate, or not with the columns that are declared today.
        """
        self.readable(dataset, partitions)
        if not partitions:
            return pl.LazyFrame(schema=dataset.schema.polars)
        paths = [self.store.path(layout.data(dataset.zone, dataset, partition)) for partition in partitions]
        return pl.scan_parquet(paths, schema=dataset.schema.polars, hive_partitioning=False)

    def why_missing(self, dataset: Dataset, partitions: Sequence[Partition]) -> str:
        """Why partitions cannot be read, in words, for the first few of them."""
        told = [f"{name_of(dataset, partition)} {self._why(dataset, partition)}" for partition in partitions[:5]]
        more = f" … and {len(partitions) - 5} more" if len(partitions) > 5 else ""
        return "; ".join(told) + more

    def _why(self, dataset: Dataset, partition: Partition) -> str:
        verdict = self.newest_verdict(dataset, partition)
        published = self.published(dataset, partition)
        refused = ""
        if verdict and not verdict.passed:
            refused = f"its {verdict.gate} gate refused it at {moment(verdict.judged_at)}: {verdict.why}"
        if published and (differs := self._outdated(dataset, published)):
            since = f"and since then {refused}" if refused else "run it again"
            return f"was published under an older contract, {differs}; {since}"
        if self.version(dataset.zone, dataset, partition) and not self.provenance(dataset.zone, dataset, partition):
            return "was not published by a gate: its bytes have no provenance"
        if refused:
            return f"is not published: {refused}"
        if verdict is None:
            arrived = "was never delivered" if dataset.ingested else "was never made"
            return f"is not published: it {arrived}, or has not been run yet"
        if verdict.depends_on.get("delivery") == deliveries.GAP and not dataset.gap_reason(partition):
            return "is not published: its gap is no longer declared, and nothing was delivered"
        return f"is not published: its {verdict.gate} gate passed at {moment(verdict.judged_at)}, but the next step has not run"

    def refused_since(self, dataset: Dataset, partition: Partition) -> str:
        """What to know before reading a published partition: that something newer was refused. Empty if nothing was."""
        verdict = self.newest_verdict(dataset, partition)
        if verdict is None or verdict.passed or self.published(dataset, partition) is None:
            return ""
        by = f"its {verdict.gate} gate at {moment(verdict.judged_at)}"
        return f"{name_of(dataset, partition)}: a newer delivery was refused by {by}; the version before it is read"


def _write(frame: pl.DataFrame, path: Path) -> None:
    try:
        frame.write_parquet(path, compression="zstd", row_group_size=_ROW_GROUP_ROWS)
    except pl.exceptions.ComputeError as error:  # so polars tells that a disk is full
        code = re.search(r"\(os error (\d+)\)", str(error))
        if code is None:
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1]))) from error


@lru_cache(maxsize=100_000)
def _schema_of(path: Path, sha256: str) -> dict[str, pl.DataType]:
    """The columns of an object; the hash stands for its bytes."""
    del sha256
    return dict(pl.read_parquet_schema(path))


def name_of(dataset: Dataset, partition: Partition) -> str:
    """A partition as people say it: `staged/flights 2013-01-05`."""
    return f"{dataset.zone}/{dataset.name}" + (f" {partition}" if partition else "")
