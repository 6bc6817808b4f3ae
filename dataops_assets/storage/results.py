"""`gate_results`: what every rule found in each delivery, as a table that anyone can query.

The table is a view of the verdicts and never a source of gate state: whoever loses it makes it again. There is one for each
dataset, since what a gate says of a dataset is for the readers of just that. A verdict never changes and has a number, so a
table is brought up to date by reading the verdicts that it does not hold; those that are there no more leave it.

Here: what its columns are, and how it is kept. Not here: the verdicts (`gate.verdict`), and what is told of it
(`observe.quality`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset, Partition
from dataops_assets.gate.query import FAILURES
from dataops_assets.gate.verdict import EFFECTS, Verdict
from dataops_assets.storage import journal, layout
from dataops_assets.storage.errors import Damaged, Lost
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.publishing import Contended, write_parquet
from dataops_assets.storage.store import Entry, Store, hash_file

_COUNTED = ("delivered", "published", "rejected", "merged", "added", "dropped", "normalised", "corrected", "released")
_GOOD = {"published": "good"}
"""A refused delivery has good rows, too, but publishes none."""

COLUMNS: Mapping[str, tuple[pl.DataType, str]] = {
    "dataset": (pl.String(), "The dataset"),
    "partition": (pl.String(), "Its partition; none for a dataset without"),
    "gate": (pl.String(), "`envelope` or `content`"),
    "number": (pl.Int64(), "Which verdict of this gate on this partition it is, from 1"),
    "newest": (pl.Boolean(), "Whether it is the last one"),
    "judged_at": (pl.Datetime("us", "UTC"), "When it was given"),
    "verdict": (pl.String(), "Its id: SHA-256 of all that it depends on"),
    "delivery": (pl.String(), "SHA-256 of the delivery, or `gap`; none for a product"),
    "contract": (pl.String(), "The version of the contract"),
    "passed": (pl.Boolean(), "Whether data may flow on"),
    "why": (pl.String(), "Why it was refused, in words; none if it passed"),
    **{
        f"rows_{_GOOD.get(name, name)}": (pl.Int64(), f"Rows of the delivery: {_GOOD.get(name, name)}; none if not counted")
        for name in _COUNTED
    },
    "corrections": (pl.Int64(), "How many corrections were applied"),
    "rule": (pl.String(), "The name of a rule; none if the verdict has no rules"),
    "sentence": (pl.String(), "What it demands, in words"),
    "severity": (pl.String(), "What it does when broken: `reject`, `warn`, `fail`"),
    "status": (pl.String(), f"What it did: `{'`, `'.join(reversed(EFFECTS))}`"),
    "checked": (pl.Int64(), "The rows that it looked at; 1 for a rule on the whole delivery"),
    "broken": (pl.Int64(), "The rows that break it; 0 or 1 for a rule on the whole delivery"),
    "share": (pl.Float64(), "`broken` / `checked`"),
    "tolerance": (pl.Float64(), "The share that may break it; none for a rule on the whole delivery"),
    "measured": (pl.Float64(), "What a rule on the whole delivery compares"),
    "bound": (pl.Float64(), "What it is compared with"),
    "found": (pl.String(), "What was found, in words; none if there is nothing to say"),
}
"""The type of each column, and what it means."""
SCHEMA = pl.Schema({name: dtype for name, (dtype, _) in COLUMNS.items()})
_ONE = ["partition", "gate", "number"]
_ROUNDS = 10

Known = tuple[Partition, str, int]
"""A verdict: its partition, gate and number."""


@dataclass(frozen=True)
class Kept:
    """A table as it stands.

    Attributes:
        sha256: The hash of its bytes, as hex.
        rows: How many it has.
        damaged: Verdicts that cannot be read, and why. They are not in it, and the others are.
    """

    sha256: str
    rows: int
    damaged: tuple[str, ...]


def results(lake: Lake, dataset: Dataset) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The results of every verdict on a dataset, also of those that its table does not hold yet; and which are damaged.

    Where prod is read through, those given there come along, under their numbers there; they are not the newest where another
    was given here.
    """
    own, damaged = _up_to_date(lake.store, dataset)
    below = lake.beneath(dataset)
    if below is None:
        return own, damaged
    judged_here = own.select("partition", "gate", pl.lit(True).alias("__here")).unique()
    prods, too = _up_to_date(below, dataset)
    prods = prods.join(judged_here, on=["partition", "gate"], how="left", nulls_equal=True)
    seen = prods.with_columns(pl.col("newest") & pl.col("__here").is_null()).select(*SCHEMA)
    return pl.concat([seen, own]).sort("partition", "gate", maintain_order=True), damaged + too


def differing(lake: Lake, dataset: Dataset) -> set[Known]:
    """The verdicts given here that the table of a dataset does not hold but could, and those that it holds and are no more."""
    store = lake.at_a_glance().store
    given = _given(store, dataset)
    differs = _known(_held(store, dataset, store.entry(layout.gate_results(dataset)))) ^ given.keys()
    return {one for one in differs if one not in given or isinstance(_read(store, given[one]), Verdict)}


def refresh(lake: Lake, dataset: Dataset, anew: bool = False) -> Kept:
    """Bring the table of a dataset up to date with the verdicts that were given here.

    Equal verdicts give equal bytes, however often the table was written in between.

    Args:
        lake: Where it lies.
        dataset: Whose table.
        anew: Whether what it holds is read again, too, as where verdicts were redacted.

    Raises:
        Contended: Others wrote it every time.
    """
    key = layout.gate_results(dataset)
    for _ in range(_ROUNDS):
        seen = lake.store.entry(key)
        table, damaged = _up_to_date(lake.store, dataset, anew)
        with lake.store.draft(key) as path:
            write_parquet(table, path)
            kept = Kept(hash_file(path), table.height, damaged)
            try:
                if seen is None or lake.store.sha256(key, seen) != kept.sha256:
                    lake.store.replace(key, path, seen, layout.tags(dataset, dataset.zone))
            except Lost:  # whoever came first may know more verdicts, or fewer
                continue
            return kept
    raise Contended(f"{lake.store.address(key)} was replaced by others {_ROUNDS} times while it was written: run it again")


def _given(store: Store, dataset: Dataset) -> dict[Known, Entry]:
    """Every verdict on a dataset that lies in a store."""
    found: dict[Known, Entry] = {}
    for gate in ("envelope", "content"):
        for entry in store.list(f"_verdicts/{gate}/{dataset.name}"):
            partition = entry.key.split("/")[-2].partition("=")[2] or None
            found[partition, gate, journal.number_of(entry.key)] = entry
    return found


def _held(store: Store, dataset: Dataset, seen: Entry | None) -> pl.DataFrame:
    """The table as it lies there; empty if it is not there, is of other columns, or cannot be read: it is made again."""
    try:
        sha256 = store.sha256(seen.key, seen) if seen else None
        path = store.local(layout.gate_results(dataset), sha256) if sha256 else None
        found = pl.read_parquet(path, glob=False) if path else SCHEMA.to_frame()
    except (FileNotFoundError, Damaged, *FAILURES):
        return SCHEMA.to_frame()
    return found if found.schema == SCHEMA else SCHEMA.to_frame()


def _known(table: pl.DataFrame) -> set[Known]:
    return set(table.select(_ONE).unique().rows())


def _up_to_date(store: Store, dataset: Dataset, anew: bool = False) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The table with just the verdicts that lie in a store, and which of them are damaged."""
    held = SCHEMA.to_frame() if anew else _held(store, dataset, store.entry(layout.gate_results(dataset)))
    given, known = _given(store, dataset), _known(held)

    read = store.each(partial(_read, store), [entry for one, entry in given.items() if one not in known])
    rows = [row for verdict in read if isinstance(verdict, Verdict) for row in _rows(verdict)]
    if gone := known - given.keys():
        left = pl.DataFrame(list(gone), schema=[(name, SCHEMA[name]) for name in _ONE], orient="row")
        held = held.join(left, on=_ONE, how="anti", nulls_equal=True)
    table = pl.concat([held, pl.DataFrame(rows, schema=SCHEMA)]).sort(_ONE, maintain_order=True)
    newest = pl.col("number") == pl.col("number").max().over("partition", "gate")
    return table.with_columns(newest=newest), tuple(str(one) for one in read if isinstance(one, Damaged))


def _read(store: Store, entry: Entry) -> Verdict | Damaged:
    try:
        return journal.read(store, entry, Verdict)
    except Damaged as error:
        return error


def _rows(verdict: Verdict) -> Iterator[dict[str, Any]]:
    """A row for each rule of a verdict; one for a verdict without any."""
    counts = verdict.rows.model_dump() if verdict.rows else {}
    said = {
        "dataset": verdict.dataset,
        "partition": verdict.partition,
        "gate": verdict.gate,
        "number": verdict.number,
        "newest": False,
        "judged_at": verdict.judged_at,
        "verdict": verdict.id,
        "delivery": verdict.depends_on.get("delivery"),
        "contract": verdict.depends_on.get("contract"),
        "passed": verdict.passed,
        "why": verdict.why or None,
        **{f"rows_{_GOOD.get(name, name)}": counts.get(name) for name in _COUNTED},
        "corrections": len(verdict.corrections),
    }
    for one in verdict.rules:
        yield said | {
            "rule": one.rule,
            "sentence": one.sentence,
            "severity": one.severity,
            "status": one.effect,
            "checked": one.checked,
            "broken": one.broken,
            "share": one.broken / one.checked if one.checked else None,
            "tolerance": one.tolerance,
            "measured": one.measured,
            "bound": one.bound,
            "found": one.found or None,
        }
    if not verdict.rules:
        yield said
