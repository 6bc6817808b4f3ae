"""Where something of what an erasure request is about is left: every delivery, object, record, file and version.

Data is read, not only its records: what is found is told with counts and places, never with values. An object counts as a copy
if it was made from a delivery that holds such rows or held them, or if it holds them itself.

Here: what is found in one store, and beside the contracts. Not here: what a bucket keeps of what was there (`versions`), and
what becomes of it (`erasing`).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import polars as pl

from dataops_assets.catalog import is_declared
from dataops_assets.contract import Dataset, Erasure, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.erasure import CannotTell, Subject, redaction, subject_of
from dataops_assets.gate.query import FAILURES
from dataops_assets.gate.verdict import Verdict
from dataops_assets.steps import versions
from dataops_assets.steps.trace import Kind, Trace, affected, redacted
from dataops_assets.storage import deliveries, journal, landing, layout
from dataops_assets.storage.deliveries import Receipt
from dataops_assets.storage.errors import Closed, Damaged
from dataops_assets.storage.lake import Lake, name_of
from dataops_assets.storage.provenance import Provenance, newest_record
from dataops_assets.storage.store import Entry, Store

_Hits = tuple[int | None, int]
"""How many rows are theirs, where that can be counted, and how many there are."""
_OURS = ("landing", "raw", "staged", "quarantine", "curated", "gate_results")
_NOTES = (layout.MADE, "_area.json")
"""What people have written of an area: a query, a reason."""
_AREA = re.compile(r"(trash/)?(adhoc|branch|dev)/[^/]+(/[0-9]+)?$")
_READABLE = (".yaml", ".py", ".md", ".sql")


def traces(
    lake: Lake, request: Erasure, now: datetime, defs: Path | None = None, after: Callable[[str], object] = lambda key: None
) -> list[Trace]:
    """All that is left of what a request is about, in a deployment's own store and in its contracts.

    Args:
        lake: Where to look; what a branch reads through to is left to prod.
        request: The request.
        now: The time.
        defs: The folder of the contracts, whose texts are read, too.
        after: Is told the key of each object that was looked at.

    Raises:
        CannotTell: The key of its hashes is not known here.
    """
    dataset = lake.catalog[request.attributes.dataset]
    subject = subject_of(request, dataset, lake.erasure_key)
    search = Search(lake.its_own().at_another_glance(), request, dataset, subject, now, after)
    found = [*search.deliveries(), *search.objects(), *search.verdicts(), *search.results(), *search.landing()]
    found = [*versions.named(search, found), *versions.old(search)]
    if subject and defs:
        found += _in_git(subject, defs)
    return found


def in_area(
    lake: Lake,
    request: Erasure,
    area: Store,
    entries: Iterable[Entry],
    now: datetime,
    after: Callable[[str], object] = lambda key: None,
    left: Iterable[Trace] = (),
) -> list[Trace]:
    """What is left in an area of somebody else's: a branch, a dev deployment, or one for experiments.

    What its zones hold is looked for as in one's own; any other table by its columns, or else by what it was made from. What
    can be told by neither is told as unknown.

    Args:
        lake: The contracts, and the key.
        request: The request.
        area: Where to look.
        entries: All that lies there.
        now: The time.
        after: Is told the key of each object that was looked at.
        left: What is left in the lake itself: what a result was made from may be among it.

    Raises:
        CannotTell: The key of its hashes is not known here.
    """
    theirs = replace(lake, store=area, base=None, drops=None)
    dataset = lake.catalog[request.attributes.dataset]
    search = Search(theirs, request, dataset, subject_of(request, dataset, lake.erasure_key), now, after)
    search.holding = {(one.dataset.name, one.partition) for one in left if one.kind == "object" and one.dataset}
    found = [*traces(theirs, request, now, None, after), *(trace for entry in entries for trace in search.strange(entry, lake))]
    found += versions.strange(search, lake)
    lies = _AREA.search(area.where)
    where = lies[0] if lies else ""
    # Without its receipt: it is not to be redacted from here.
    return [replace(trace, kind="area", told=f"{trace.told} ({trace.kind})", receipt=None, area=where) for trace in found]


@dataclass
class Search:
    """What is found in one store for one request; what deliveries tell is known to all that comes after them."""

    lake: Lake
    request: Erasure
    dataset: Dataset
    subject: Subject | None
    now: datetime
    after: Callable[[str], object]
    tainted: set[str] = field(default_factory=set)
    """The hashes of the deliveries that hold such rows, or held them."""
    erased: set[str] = field(default_factory=set)
    """Those of the files from which they were taken."""
    known: dict[str, _Hits | CannotTell] = field(default_factory=dict)
    """What was found in files, by hash."""
    made: dict[tuple[str, Partition, str], bool] = field(default_factory=dict)
    """Whether versions of partitions were made from such deliveries."""
    holding: set[tuple[str, Partition]] = field(default_factory=set)
    """The partitions that hold such rows, of those that results in an area may have been made from."""

    @property
    def store(self) -> Store:
        return self.lake.store

    def deliveries(self) -> list[Trace]:
        found: list[Trace] = []
        for partition, files in self._received().items():
            receipts = deliveries.all_receipts(self.store, self.dataset, partition)
            for receipt in receipts:
                ours = [one for one in receipt.erased if one.request == self.request.name]
                self.erased |= {one.sha256 for one in ours}
                self.tainted |= set(receipt.replaces) if ours else set()
            readable = self._were_read(partition)
            self.store.each(partial(self._look, readable=readable), list(files.values()))
            for receipt in receipts:
                found += self._of_receipt(partition, receipt)
            counting = {file.sha256 for receipt in receipts for file in receipt.files}
            for sha256, entry in files.items():
                if sha256 not in counting:
                    found += self._left_behind(partition, sha256, entry)
        return found

    def _received(self) -> dict[Partition, dict[str, Entry]]:
        """The files that lie in raw, by partition and hash."""
        top = layout.raw(self.dataset, None)
        found: dict[Partition, dict[str, Entry]] = {}
        for entry in self.store.list(top):
            *folders, _ = entry.key[len(top) + 1 :].split("/")
            is_receipt = folders[-1:] == ["_deliveries"]
            partition, is_one = layout.partition_in(self.dataset, folders[:-1] if is_receipt else folders)
            if is_one and self.request.concerns(partition):
                files = found.setdefault(partition, {})
                if not is_receipt:
                    files[_hash_in(entry)] = entry
        return found

    def _were_read(self, partition: Partition) -> bool:
        """Whether every delivery for a partition was read without an accident: else that is tried in another process."""
        given = self.lake.verdicts("envelope", self.dataset, partition)
        return all(verdict.rows for verdict in given)

    def _look(self, entry: Entry, sha256: str = "", readable: bool = False) -> None:
        """Find out what is in a file; what is known of its bytes is not read again."""
        assert self.dataset.ingested
        sha256 = sha256 or _hash_in(entry)
        if self.subject is None:
            self.known[sha256] = (None, 0)
        elif sha256 not in self.known:
            source = self.dataset.ingested.source
            try:
                path = self.lake.store_of(entry.key).itself.local(entry.key, sha256)
                rows, whole = redaction.find(path, Path(entry.key).name, source, self.subject, not readable)
                self.known[sha256] = (len(rows), whole)
            except CannotTell as error:
                self.known[sha256] = error
            except (Damaged, FileNotFoundError) as error:
                self.known[sha256] = CannotTell(str(error))
        self.after(entry.key)

    def _of_receipt(self, partition: Partition, receipt: Receipt) -> Iterator[Trace]:
        found = {file.name: self.known[file.sha256] for file in receipt.files if file.sha256 in self.known}
        hits = [one for one in found.values() if not isinstance(one, CannotTell) and one[0] != 0]
        what = f"the delivery {receipt.sha256[:12]} of {receipt.received_at:%Y-%m-%d}"
        if hits:
            self.tainted.add(receipt.sha256)
            rows = sum(one[0] or 0 for one in hits)
            counted = f"{rows:,} of {sum(one[1] for one in hits):,} rows" if self.subject else "all of its rows"
            yield self.trace("delivery", self._raw(partition, receipt), f"{what}: {counted}", partition, rows, receipt)
        for name, one in found.items():
            if isinstance(one, CannotTell):
                sha256 = next(file.sha256 for file in receipt.files if file.name == name)
                key = deliveries.raw_key(self.dataset, partition, sha256)
                yield self.trace("unknown", key, f"{what}: {one}", partition)

    def _raw(self, partition: Partition, receipt: Receipt) -> str:
        return deliveries.raw_key(self.dataset, partition, receipt.files[0].sha256)

    def _left_behind(self, partition: Partition, sha256: str, entry: Entry) -> Iterator[Trace]:
        """A file that no delivery names any more: the original of a redacted one, or what a killed run left."""
        found = self.known[sha256]
        if sha256 not in self.erased and isinstance(found, CannotTell):
            yield self.trace("unknown", entry.key, str(found), partition)
        elif sha256 in self.erased or isinstance(found, CannotTell) or found[0] != 0:
            yield self.trace("original", entry.key, "as it was delivered; a redacted one has taken its place", partition)

    def objects(self) -> Iterator[Trace]:
        for dataset in affected(self.lake, self.dataset):
            zones: tuple[Zone, ...] = (dataset.zone, "quarantine")
            for zone in zones:
                top = f"{zone}/{dataset.name}"
                for entry in self.store.list(top):
                    *folders, name = entry.key[len(top) + 1 :].split("/")
                    partition, is_one = layout.partition_in(dataset, folders)
                    if is_one and name == "data.parquet":
                        yield from self._object(zone, dataset, partition, entry)
                        self.after(entry.key)

    def _object(self, zone: Zone, dataset: Dataset, partition: Partition, entry: Entry) -> Iterator[Trace]:
        sha256 = self.store.sha256(entry.key, entry) or ""
        made = newest_record(self.store, zone, dataset, partition, sha256)
        from_it = made is not None and self.was_made_from(made)
        try:
            rows = self.rows_of(self.store.itself.local(entry.key, sha256))
        except (Damaged, FileNotFoundError, *FAILURES) as error:
            yield self.trace("unknown", entry.key, f"it cannot be read: {type(error).__name__}", partition, dataset=dataset)
            return
        if rows and made and not from_it and dataset.derived:
            told = f"{rows:,} rows are theirs, which come from another dataset"
            yield self.trace("unknown", entry.key, told, partition, rows, dataset=dataset)
        elif from_it or rows:
            counted = f"{rows:,} rows are theirs" if rows else ""
            told = "; ".join(filter(None, (counted, "made from such a delivery" if from_it else "")))
            yield self.trace("object", entry.key, told, partition, rows, dataset=dataset)

    def rows_of(self, path: Path) -> int:
        """How many rows of a published or rejected partition are about the subject, or were delivered in what goes."""
        table = pl.scan_parquet(path, glob=False)
        if self.subject is None:
            if "delivery" not in table.collect_schema():
                return 0
            return int(table.filter(pl.col("delivery").is_in(list(self.tainted))).select(pl.len()).collect().item())
        try:
            return len(self.subject.rows(table))
        except CannotTell:  # a product without such columns: its record tells
            return 0

    def was_made_from(self, made: Provenance) -> bool:
        """Whether an object was made from a delivery that holds such rows, or held them."""
        if "delivery" in made.depends_on:
            return made.depends_on["delivery"] in self.tainted
        for name, read in made.depends_on.get("inputs", {}).items():
            keys: Mapping[Partition, str] = read if isinstance(read, dict) else {None: read}
            if any(self._version_was_made_from(name, partition, sha256) for partition, sha256 in keys.items()):
                return True
        return False

    def _version_was_made_from(self, name: str, partition: Partition, sha256: str) -> bool:
        which = (name, partition, sha256)
        if which not in self.made:
            dataset = self.lake.catalog.datasets.get(name)
            made = newest_record(self.store, dataset.zone, dataset, partition, sha256) if dataset else None
            self.made[which] = made is not None and self.was_made_from(made)
        return self.made[which]

    def verdicts(self) -> Iterator[Trace]:
        for dataset in affected(self.lake, self.dataset):
            for gate in ("envelope", "content"):
                for entry in self.store.list(f"_verdicts/{gate}/{dataset.name}"):
                    try:
                        verdict = journal.read(self.store, entry, Verdict)
                    except Damaged as error:
                        yield self.trace("unknown", entry.key, error.strerror or "", dataset=dataset)
                        continue
                    if self.is_to_go(verdict) and redacted(verdict, self.subject) != verdict:
                        yield self.trace("verdict", entry.key, "it names them", verdict.partition, dataset=dataset)
                    self.after(entry.key)

    def is_to_go(self, verdict: Verdict) -> bool:
        """Whether a verdict may hold values: of a person any may, of whole partitions those on what was delivered for them."""
        return self.subject is not None or verdict.depends_on.get("delivery") in self.tainted

    def results(self) -> Iterator[Trace]:
        for dataset in affected(self.lake, self.dataset) if self.subject else ():
            key = layout.gate_results(dataset)
            if entry := self.store.entry(key):
                sha256 = self.store.sha256(key, entry)
                if self.names_them(self.store.itself.local(key, sha256 or "")):
                    yield self.trace("results", key, "it names them", dataset=dataset)

    def strange(self, entry: Entry, ours: Lake) -> Iterator[Trace]:
        """What in an object outside of every zone is about the person, or may be; or that it cannot be told."""
        if not self.is_strange(entry.key):
            return
        self.after(entry.key)
        try:
            sha256 = self.store.sha256(entry.key, entry) or ""
            kind, told = self.in_file(entry.key, self.store.local(entry.key, sha256), sha256, ours)
        except (Damaged, FileNotFoundError) as error:
            kind, told = "unknown", f"it cannot be read: {type(error).__name__}"
        if told:
            yield self.trace(kind, entry.key, told)

    def is_strange(self, key: str) -> bool:
        """Whether something lies outside of every zone, and is no record of ours but one that people have written in."""
        top = key.split("/")[0]
        return top in _NOTES or not (top in _OURS or top.startswith("_"))

    def in_file(self, key: str, path: Path, sha256: str, ours: Lake) -> tuple[Kind, str]:
        """What the bytes of such an object hold, in words; empty if nothing."""
        try:
            if key.split("/")[0] in _NOTES:
                text = path.read_text(encoding="utf-8", errors="replace")
                return "unknown", "it names them" if self.subject and self.subject.masked(text) != text else ""
            if not key.endswith(".parquet"):
                return "unknown", "it was put there by other tools"
            if rows := self.rows_of(path):
                return "object", f"{rows:,} rows are theirs"
            return "unknown", self._may_hold(path, sha256, ours)
        except (Closed, Damaged, ValueError, *FAILURES) as error:
            return "unknown", f"it cannot be read: {type(error).__name__}"

    def _may_hold(self, path: Path, sha256: str, ours: Lake) -> str:
        """Why a table in which no rows were found may hold some all the same, in words; empty if it cannot."""
        if self.subject and set(self.subject.hashes) <= set(pl.scan_parquet(path, glob=False).collect_schema()):
            return ""
        if (noted := self.store.read(f"{layout.MADE}/{sha256}.json")) is None:
            return "it has no column that tells, and what it was made from is not known"
        read, delivered = json.loads(noted)["inputs"], self.lake.catalog.sharing(self.dataset)
        for dataset in affected(self.lake, self.dataset):
            for key, version in read.get(dataset.name, {}).items():
                partition = key or None
                if dataset in delivered and not self.request.concerns(partition):
                    continue
                if (dataset.name, partition) in self.holding:
                    return (
                        f"it has no column that tells, and was made from {name_of(dataset, partition)}, which holds their rows"
                    )
                now = ours.published(dataset, partition)
                if now is None or now.sha256 != version:
                    return f"it has no column that tells, and was made from {name_of(dataset, partition)} as that was before"
        return ""

    def names_them(self, path: Path) -> bool:
        """Whether a table of results names the person."""
        texts = pl.scan_parquet(path, glob=False).select("why", "found").unpivot().select(pl.col("value").drop_nulls().unique())
        found = texts.collect().to_series()
        return self.subject is not None and any(self.subject.masked(text) != text for text in found)

    def landing(self) -> Iterator[Trace]:
        """What lies in landing, be it received or not; whose delivery it is does not matter where it is about a person."""
        lies = self.lake.landing.itself
        for partition, arrival in landing.arrivals(lies, self.dataset, self.now).items():
            for entry in arrival.files:
                if self.request.concerns(partition):
                    yield from self._landed(entry, partition)
        if self.subject:
            for stray in landing.strays(lies, self.dataset, self.now):
                if lying := lies.entry(stray.key):
                    yield from self._landed(lying, None)

    def _landed(self, entry: Entry, partition: Partition) -> Iterator[Trace]:
        sha256 = self.lake.landing.itself.sha256(entry.key, entry) or ""
        if sha256 in self.erased or self.subject is None:
            rows: int | None = None
        else:
            self._look(entry, sha256)
            if isinstance(found := self.known[sha256], CannotTell):
                yield self.trace("unknown", entry.key, str(found), partition)
                return
            rows = found[0]
        if rows != 0:
            told = f"{rows:,} rows are theirs" if rows else "as it was delivered"
            yield self.trace("landing", entry.key, told, partition, rows)

    def trace(
        self,
        kind: Kind,
        key: str,
        told: str,
        partition: Partition = None,
        rows: int | None = None,
        receipt: Receipt | None = None,
        dataset: Dataset | None = None,
    ) -> Trace:
        return Trace(kind, self.lake.store_of(key).address(key), told, key, dataset or self.dataset, partition, rows, receipt)


def _hash_in(entry: Entry) -> str:
    return Path(entry.key).name.partition(".")[0]


def _in_git(subject: Subject, defs: Path) -> Iterator[Trace]:
    """What in the contracts names them: corrections, examples, reasons, comments."""
    for path in sorted(path for path in defs.rglob("*") if is_declared(path, defs) and path.suffix in _READABLE):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if subject.masked(line) != line:
                place = f"{path.relative_to(defs.parent)}:{number}"
                yield Trace("git", place, "it names them, and so does its history in git")
