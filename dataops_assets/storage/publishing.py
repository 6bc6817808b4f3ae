"""Publishing: how a verdict becomes the last word on a partition, and its rows what others read.

The order is the journal's. A verdict is written under the number after the last one that its run has seen before it looked at
anything else; of two runs that saw the same, one loses, and looks at everything anew. An object carries the number of the
verdict that let it pass, and is put in place of just the object that was seen, which must have a lower number. So a run that
slept for hours between any two steps changes nothing that came after it, whatever any clock says.

One window is left, where the bytes of an older delivery come again: A, B, A. A store compares what stands with what was seen by
its ETag alone. A write of B that was sent while A stood, and arrives after the second A was confirmed, is taken for one that
came in time: where the ETag is a hash of the bytes (S3), whenever A stands again; where it changes with every write (a folder),
if A stood all the time, for the second A is then confirmed by a record alone. B is read until the run that wrote it looks at
what stands, which it does before it ends, or, if it was killed, until the next run that has something to publish. Deliveries
that differ have no such window.

Sources: the log as the arbiter of order is that of Delta Lake (Armbrust et al., VLDB 2020); numbers that only grow are the
fencing tokens of M. Kleppmann, "How to do distributed locking".

Not here: what is judged, and when all is looked at anew (`steps.content`).
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.contract.schema import columns_of
from dataops_assets.gate.query import sink
from dataops_assets.gate.reading import height
from dataops_assets.gate.verdict import Verdict
from dataops_assets.storage import journal, layout
from dataops_assets.storage.errors import Lost
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.provenance import Provenance, newest_record, record
from dataops_assets.storage.store import hash_file

# Fixed, because the boundaries of row groups otherwise differ from run to run, and with them the bytes.
_ROW_GROUP_ROWS = 131_072
_ROUNDS = 50
"""How often another may come first: each that does has a higher number, or is the last that has a lower one."""


class Contended(OSError):
    """Others kept changing a partition or what it is made from; it may be tried again."""


@dataclass(frozen=True)
class Draft:
    """A partition that is written, and can be published.

    Attributes:
        provenance: How it came to be.
        path: Its bytes.
        upon: The hash of what it takes rows over from, None if nothing stood there; empty if it takes none.
    """

    provenance: Provenance
    path: Path
    upon: tuple[str | None, ...] = ()

    def by(self, verdict: Verdict) -> "Draft":
        """The same, let pass by a verdict that is written by now."""
        return replace(self, provenance=self.provenance.model_copy(update={"number": verdict.number, "verdict": verdict.id}))


def say(lake: Lake, verdict: Verdict, after: Verdict | None, at_least: int = 0) -> Verdict:
    """Keep a verdict as the last word of its gate on a partition.

    Args:
        lake: Where it lies.
        verdict: What is said.
        after: The last word that was known before anything was looked at; None if there was none.
        at_least: A number that was given away before that. It is higher than that of the last word where verdicts were lost:
            with a lower one, nothing could take the place of what stands.

    Returns:
        The verdict as it is kept: with its number, and not before the one it follows, even if a clock was set back. What says
        the same as the one before adds nothing to it.

    Raises:
        Lost: Another run has said something meanwhile.
    """
    dataset = lake.catalog[verdict.dataset]
    if after and after.number and after == verdict.model_copy(update={"judged_at": after.judged_at, "number": after.number}):
        return after
    number = max(after.number if after else 0, at_least) + 1
    judged_at = max(verdict.judged_at, after.judged_at + timedelta(microseconds=1)) if after else verdict.judged_at
    verdict = verdict.model_copy(update={"number": number, "judged_at": judged_at})
    folder = layout.verdicts(verdict.gate, dataset, verdict.partition)
    journal.append(lake.store, folder, number, verdict.model_dump_json(indent=1).encode(), layout.tags(dataset, dataset.zone))
    return verdict


@contextlib.contextmanager
def draft(
    lake: Lake,
    zone: Zone,
    dataset: Dataset,
    partition: Partition,
    frame: pl.DataFrame | pl.LazyFrame,
    verdict: Verdict,
    run_id: str,
    now: datetime,
) -> Iterator[Draft]:
    """Write a partition where nobody reads it yet."""
    with lake.store.draft(layout.data(zone, dataset, partition)) as path:
        write_parquet(frame, path)
        whole = pl.scan_parquet(path, glob=False) if isinstance(frame, pl.LazyFrame) else frame
        counted = whole.null_count()
        nulls = (counted.collect() if isinstance(counted, pl.LazyFrame) else counted).row(0, named=True)
        provenance = Provenance(
            zone=zone,
            dataset=dataset.name,
            partition=partition,
            number=verdict.number,
            sha256=hash_file(path),
            bytes=path.stat().st_size,
            rows=height(whole),
            columns=columns_of(whole.collect_schema()),
            key=dataset.attributes.key,
            nulls={name: count for name, count in nulls.items() if count},
            depends_on=verdict.depends_on,
            arrived=verdict.arrived,
            verdict=verdict.id,
            readers=dataset.attributes.readers,
            broken={result.rule: result.broken for result in verdict.rules if result.broken},
            corrections=tuple(correction.id for correction in verdict.corrections),
            run_id=run_id,
            made_by=lake.made_by(),
            published_at=now,
        )
        yield Draft(provenance, path)


def publish(lake: Lake, draft: Draft) -> Provenance:
    """Let others read what was drafted, unless what stands there has a higher number.

    The record of how it came to be is written first: an object that can be seen can be explained. Where the same bytes stand
    already, the record alone is added; if they have other tags, they are written again first, since rights go by tags: whoever
    is killed in between has published nothing yet.

    Returns:
        How what stands there now came to be.

    Raises:
        Lost: It takes rows over from something that stands there no more.
    """
    made = draft.provenance
    dataset = lake.catalog[made.dataset]
    key, tags = layout.data(made.zone, dataset, made.partition), layout.tags(dataset, made.zone)
    for _ in range(_ROUNDS):
        seen = lake.store.entry(key)
        stands = lake.store.sha256(key, seen) if seen else None
        before = newest_record(lake.store, made.zone, dataset, made.partition, stands) if stands else None
        if before and before.number > made.number:
            return before
        if draft.upon and stands not in (*draft.upon, made.sha256):
            raise Lost(lake.store.address(key))
        if stands == made.sha256 and not lake.store.is_tagged(key, tags):
            with contextlib.suppress(Lost):
                lake.store.replace(key, draft.path, seen, tags, before.commit if before else "")
            continue
        kept = record(lake.store, dataset, made.model_copy(update={"replaces": stands}))
        if stands == made.sha256:
            if lake.store.entry(key) == seen:
                return kept
            continue  # an older run has put its own there meanwhile
        try:
            lake.store.replace(key, draft.path, seen, tags, kept.commit)
        except Lost:
            continue  # whoever came first has a number, too
        return kept
    raise Contended(f"{lake.store.address(key)} was replaced by others {_ROUNDS} times while it was published: run it again")


def drop(lake: Lake, dataset: Dataset, partition: Partition) -> None:
    """Let a branch do without a partition, which stays in prod, until it is made again.

    Raises:
        LookupError: This is no branch, or the partition is nowhere.
        Contended: It was made again meanwhile, and stays.
    """
    if lake.base is None:
        raise LookupError("only a branch or dev deployment drops partitions: what is in prod or local stays")
    if lake.holder(dataset.zone, dataset, partition) is None:
        raise LookupError(lake.why_missing(dataset, [partition]))
    key = layout.data(dataset.zone, dataset, partition)
    own = lake.store.entry(key)
    lake.store.create(layout.dropped(dataset, partition), b"", layout.tags(dataset, dataset.zone))
    with contextlib.suppress(Lost):
        if own:
            lake.store.withdraw(key, own)
    if lake.store.entry(key):
        raise Contended(f"{lake.store.address(key)} was published again meanwhile, and stays: drop it again")


def write_parquet(frame: pl.DataFrame | pl.LazyFrame, path: Path) -> None:
    """Write rows, read at once or streamed: equal rows in equal order give equal bytes."""
    # A list is written as its chunks come, and those depend on threads: so it is held, and in one piece.
    nested = any(dtype.is_nested() for dtype in frame.collect_schema().dtypes())
    frame = frame.lazy().collect().rechunk() if nested else frame
    sink(frame.lazy(), path, compression="zstd", row_group_size=_ROW_GROUP_ROWS)
