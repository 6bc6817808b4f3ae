"""What is published, and what gates said of it: the view of the store that everything above works with.

Not here: how anything comes to be there (`publishing`, `deliveries`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import polars as pl

from dataops_assets.contract import Catalog, Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.contract.schema import columns_of
from dataops_assets.gate.verdict import Gate, Verdict
from dataops_assets.gate.wording import moment
from dataops_assets.storage import deliveries, journal, layout
from dataops_assets.storage.deliveries import Receipt
from dataops_assets.storage.errors import Damaged, Gone, Withheld
from dataops_assets.storage.glance import Glance
from dataops_assets.storage.provenance import MadeBy, Provenance, newest_record, records_of
from dataops_assets.storage.store import Entry, Store

_Numbered = TypeVar("_Numbered", Receipt, Verdict)
BRING_BACK = "bring it back (docs/how-to.md), or deliver it again"
"""What to do where no run makes again what is damaged."""
BRANCHES = "branches"
"""The reader group that lets branches and dev deployments read a dataset through to prod."""


class NotPublished(Exception):
    """A partition that was asked for has not passed its gate, or not as it is declared today. The message says why."""


@dataclass(frozen=True)
class Lake:
    """Every zone of a deployment, seen through the contracts.

    A branch reads through to prod: what of a partition is not its own is prod's, if the dataset lets branches read it, as it is
    declared here and as it was published there. Which of the two holds a partition is told by what lies in the branch, and by
    nothing else.

    Attributes:
        catalog: The declared datasets.
        store: Where everything lies that is written here.
        made_by: Tells who publishes here, and with which code.
        base: Prod's store, where this is a branch of it.
        erasure_key: The secret key of the hashes in erasure requests, where this deployment has it.
        drops: Where providers drop, where that is apart from the rest.
    """

    catalog: Catalog
    store: Store
    made_by: Callable[[], MadeBy] = MadeBy
    base: Store | None = None
    erasure_key: bytes | None = field(default=None, repr=False)
    drops: Store | None = None

    @property
    def landing(self) -> Store:
        """Where landing lies; its keys are the same wherever that is."""
        return self.drops or self.store

    def store_of(self, key: str) -> Store:
        """Where something of ours lies that has this key."""
        return self.landing if key.startswith(f"{layout.LANDING}/") else self.store

    def at_a_glance(self) -> "Lake":
        """The same as it is now, for whoever asks for many partitions; see `Glance`."""
        return self if isinstance(self.store, Glance) else self.at_another_glance()

    def at_another_glance(self) -> "Lake":
        """As `at_a_glance`, and whatever was seen at an earlier one is forgotten."""
        base, drops = (Glance(one.itself) if one else None for one in (self.base, self.drops))
        return replace(self, store=Glance(self.store.itself), base=base, drops=drops)

    def its_own(self) -> "Lake":
        """Only what lies here, without what is read through to."""
        return replace(self, base=None)

    def beneath(self, dataset: Dataset) -> Store | None:
        """Where the partitions lie that this deployment does not hold itself; None if it may not read them."""
        return self.base if BRANCHES in dataset.attributes.readers else None

    def _stores(self, dataset: Dataset) -> list[Store]:
        """Where its partitions are looked for: the own store first."""
        below = self.beneath(dataset)
        return [self.store, below] if below else [self.store]

    def holder(self, zone: Zone, dataset: Dataset, partition: Partition) -> tuple[Store, Entry] | None:
        """The store that a partition is read from, and what lies there. None if it is nowhere, or dropped."""
        key, below = layout.data(zone, dataset, partition), self.beneath(dataset)
        if entry := self.store.entry(key):
            return self.store, entry
        if below is None or self.store.entry(layout.dropped(dataset, partition)):
            return None
        if zone == "quarantine" and journal.entries(self.store, layout.verdicts("content", dataset, partition)):
            return None  # what was rejected goes with the last word on it, which is not prod's
        entry = below.entry(key)
        return (below, entry) if entry else None

    def is_dropped(self, dataset: Dataset, partition: Partition) -> bool:
        """Whether a branch has dropped a partition, and not made it again since."""
        if self.base is None or self.store.entry(layout.data(dataset.zone, dataset, partition)):
            return False
        return self.store.entry(layout.dropped(dataset, partition)) is not None

    def sides(self, dataset: Dataset, partitions: Sequence[Partition]) -> str:
        """How many of some partitions are read from where, in words; empty where there is but one side."""
        if self.base is None:
            return ""
        here = self.at_a_glance()
        held = [here.holder(dataset.zone, dataset, partition) for partition in partitions]
        own = sum(one is not None and one[0] == self.store for one in held)
        dropped = sum(here.is_dropped(dataset, partition) for partition in partitions)
        told = f"{dataset.zone}/{dataset.name}: {own:,} of its own, {sum(map(bool, held)) - own:,} from prod"
        return told + (f", {dropped:,} dropped" if dropped else "")

    def _withheld(self, made: Provenance | None) -> str:
        """Why something that prod has published is not read here, whatever the contracts here say; empty if it is."""
        if made is None or made.readers is None or BRANCHES in made.readers:
            return ""
        return f"prod has published it for {', '.join(made.readers)}: `{BRANCHES}` is not among its readers there"

    def address(self, zone: Zone, dataset: Dataset, partition: Partition) -> str:
        """Where people find a partition's rows."""
        held = self.holder(zone, dataset, partition)
        return (held[0] if held else self.store).address(layout.data(zone, dataset, partition))

    def version(self, zone: Zone, dataset: Dataset, partition: Partition) -> str | None:
        """The SHA-256 of the bytes that lie there, whoever wrote them. None if there are none."""
        held = self.holder(zone, dataset, partition)
        return held[0].sha256(held[1].key, held[1]) if held else None

    def provenance(self, zone: Zone, dataset: Dataset, partition: Partition) -> Provenance | None:
        """How what lies there came to be. None if nothing does, or if no gate let these bytes pass."""
        store, made = self._recorded(zone, dataset, partition)
        return None if store == self.base and self._withheld(made) else made

    def _recorded(self, zone: Zone, dataset: Dataset, partition: Partition) -> tuple[Store | None, Provenance | None]:
        """The store that holds what lies there, and how that came to be, whoever may read it."""
        held = self.holder(zone, dataset, partition)
        if held is None or (sha256 := held[0].sha256(held[1].key, held[1])) is None:
            return None, None
        return held[0], newest_record(held[0], zone, dataset, partition, sha256)

    def reread(self, zone: Zone, dataset: Dataset, partition: Partition) -> str | None:
        """The SHA-256 of the bytes that lie there, all of them read now: what `version` says from then on."""
        held = self.holder(zone, dataset, partition)
        return held[0].reread(held[1].key) if held else None

    def altered(self, zone: Zone, dataset: Dataset, partition: Partition) -> str:
        """What to know of bytes that lie there though nothing of ours has put them there, in words; empty if there are none.

        Of a bucket, what `reread` has not found is not known.
        """
        store, made = self._recorded(zone, dataset, partition)
        if store is None or made:
            return ""
        place = store.address(layout.data(zone, dataset, partition))
        if journal.entries(store, layout.provenance(zone, dataset, partition)):
            return f"{place} is not what was written: it was damaged or edited"
        return f"{place} was not published by a gate: its bytes have no provenance"

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
        here = self.at_a_glance() if len(partitions) > 1 else self
        found = self.store.each(partial(here.published, dataset), partitions)
        if here is not self:  # one that was replaced while all were listed has a record that was not listed yet
            lies = partial(here.holder, dataset.zone, dataset)
            pairs = zip(found, partitions, strict=True)
            found = [one or (self.published(dataset, key) if lies(key) else None) for one, key in pairs]
        readable = [one for one in found if one and not outdated(dataset, one)]
        if len(readable) < len(found):
            missing = [key for key, one in zip(partitions, found, strict=True) if not one or outdated(dataset, one)]
            raise NotPublished(self.why_missing(dataset, missing))
        return readable

    def read(self, zone: Zone, dataset: Dataset, partition: Partition, sha256: str) -> Path:
        """A file on this machine with the rows of just this version of a partition.

        Raises:
            FileNotFoundError: Another version is there by now.
            Damaged: Its bytes are not those of this version.
        """
        held = self.holder(zone, dataset, partition)
        if held is None:
            raise Gone(self.address(zone, dataset, partition))
        try:
            return held[0].local(held[1].key, sha256)
        except Damaged as error:
            stands = self.provenance(zone, dataset, partition)
            if stands is None or stands.sha256 == sha256:
                told = f"{error.strerror}, or make it again: {launched(dataset, dataset.zone, partition)}"
                raise Damaged(str(error.filename), told) from error
            raise Gone(str(error.filename), "is of another version by now") from error

    def scan(self, dataset: Dataset, partitions: Sequence[Partition]) -> pl.LazyFrame:
        """The rows of published partitions, in one lazy scan, in the order asked for.

        Raises:
            NotPublished: One of them did not pass its gate, or not with the columns that are declared today.
        """
        return self.scan_versions(dataset, self.readable(dataset, partitions))

    def scan_versions(self, dataset: Dataset, made: Sequence[Provenance]) -> pl.LazyFrame:
        """The rows of just these versions of partitions, in one lazy scan, in their order.

        Raises:
            FileNotFoundError: Another version of one of them is there by now.
        """
        if not made:
            return pl.LazyFrame(schema=dataset.schema.polars)
        here = self.at_a_glance() if len(made) > 1 else self
        paths = list(self.store.each(lambda one: here.read(dataset.zone, dataset, one.partition, one.sha256), made))
        return pl.scan_parquet(paths, schema=dataset.schema.polars, hive_partitioning=False, glob=False)

    def receipts(self, dataset: Dataset, partition: Partition) -> list[Receipt]:
        """Every arrival for a partition, the one that counts last; those in prod come first, and have no number here."""
        several = ((store, deliveries.all_receipts(store, dataset, partition)) for store in self._stores(dataset)[::-1])
        return [self._numbered(store, receipt) for store, receipts in several for receipt in receipts]

    def receipt(self, dataset: Dataset, partition: Partition) -> Receipt | None:
        """The arrival that counts, if anything arrived; one that did so in prod has no number here."""
        held = self._journal(dataset, layout.receipts(dataset, partition))
        if held is None:
            return None
        newest = deliveries.newest_receipt(held[0], dataset, partition)
        return self._numbered(held[0], newest) if newest else None

    def has_arrived(self, dataset: Dataset, partition: Partition) -> bool:
        """Whether anything arrived for a partition, whatever became of it."""
        return self._journal(dataset, layout.receipts(dataset, partition)) is not None

    def delivered(self, dataset: Dataset, partition: Partition, sha256: str) -> Path:
        """A file on this machine with the bytes of a delivered file.

        Raises:
            Damaged: Its bytes are not those that were delivered.
            Withheld: They are prod's, which has published what it made of them for others.
        """
        key = deliveries.raw_key(dataset, partition, sha256)
        below = self.beneath(dataset)
        holder = below if below and not self.store.entry(key) else self.store
        if holder == below:
            found = journal.entries(below, layout.provenance(dataset.zone, dataset, partition))
            if why := self._withheld(journal.read(below, found[-1], Provenance) if found else None):
                raise Withheld(below.address(key), why)
        try:
            return holder.local(key, sha256)
        except FileNotFoundError as error:
            told = "what was delivered is there no more: bring it back, or deliver it again"
            raise Damaged(holder.address(key), told) from error

    def _journal(self, dataset: Dataset, folder: str) -> tuple[Store, list[Entry]] | None:
        """The store whose records of a partition count, and these: the own ones, if there are any."""
        for store in self._stores(dataset):
            if found := journal.entries(store, folder):
                return store, found
        return None

    def verdict_of(self, made: Provenance) -> Verdict | None:
        """The verdict that let an object pass."""
        dataset = self.catalog[made.dataset]
        for store in self._stores(dataset):
            found = journal.entries(store, layout.verdicts("content", dataset, made.partition))
            given = [journal.read(store, entry, Verdict) for entry in found if journal.number_of(entry.key) == made.number]
            if given and given[0].id == made.verdict:
                return given[0]
        return None

    def records(self, sha256: str) -> list[Provenance]:
        """Every record of some bytes, whatever they were published as; the oldest first."""
        readable = {
            store: [one.name for one in self.catalog if store in self._stores(one)] for store in (self.store, self.base)
        }
        return [made for store, names in readable.items() if store for made in records_of(store, sha256, names)]

    def record(self, dataset: Dataset, partition: Partition, sha256: str) -> Provenance | None:
        """How some bytes came to be a partition's, be it now or once."""
        found = (newest_record(store, dataset.zone, dataset, partition, sha256) for store in self._stores(dataset))
        return next(filter(None, found), None)

    def verdicts(self, gate: Gate, dataset: Dataset, partition: Partition) -> list[Verdict]:
        """Every verdict of a gate on a partition, the last word last; those given in prod come first."""
        return list(self.verdicts_backwards(gate, dataset, partition))[::-1]

    def verdicts_backwards(self, gate: Gate, dataset: Dataset, partition: Partition) -> Iterator[Verdict]:
        """The same, the last word first; each is read when it is asked for."""
        folder = layout.verdicts(gate, dataset, partition)
        for store in self._stores(dataset):
            for entry in reversed(journal.entries(store, folder)):
                yield self._numbered(store, journal.read(store, entry, Verdict))

    def last_word(self, gate: Gate, dataset: Dataset, partition: Partition) -> Verdict | None:
        """The newest verdict of a gate; one that was given in prod has no number here."""
        held = self._journal(dataset, layout.verdicts(gate, dataset, partition))
        return self._numbered(held[0], journal.read(held[0], held[1][-1], Verdict)) if held else None

    def _numbered(self, store: Store, record: _Numbered) -> _Numbered:
        """A record as it is here: without a number, if it stands in prod's journal."""
        return record if store == self.store else record.model_copy(update={"number": 0})

    def newest_verdict(self, dataset: Dataset, partition: Partition) -> Verdict | None:
        """The last word on a partition: of the content gate if it was asked after the envelope gate, else of that one."""
        content = self.last_word("content", dataset, partition)
        envelope = self.last_word("envelope", dataset, partition) if dataset.ingested else None
        if envelope is None or content is None:
            return content or envelope
        shared = ("delivery", "contract", "gate")
        about_the_same = all(content.depends_on.get(name) == envelope.depends_on.get(name) for name in shared)
        return content if envelope.passed and about_the_same else envelope

    def has_expired(self, zone: Zone, dataset: Dataset, partition: Partition, now: datetime) -> bool:
        """Whether a partition was kept in a zone for as long as it should, and is gone: it is not made again by itself."""
        if self.has_arrived(dataset, partition) if zone == "raw" else self.holder(zone, dataset, partition):
            return False
        said = self.last_word("envelope" if zone == "raw" else "content", dataset, partition)
        if said is None or not (said.passed or zone == "raw"):
            return False
        return now - said.judged_at > self.catalog.keep(dataset, zone).length

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
        if published and (differs := outdated(dataset, published)):
            since = f"and since then {refused}" if refused else "run it again"
            return f"was published under an older contract, {differs}; {since}"
        store, made = self._recorded(dataset.zone, dataset, partition)
        if store == self.base and (withheld := self._withheld(made)):
            return f"is not published here, and not to be read from prod: {withheld}"
        if altered := self.altered(dataset.zone, dataset, partition):
            remedy = f"{BRING_BACK}; {refused}" if refused else f"`dataops run {dataset.name}` makes it again"
            return f"is not to be read: {altered}; {remedy}"
        if self.is_dropped(dataset, partition):
            return f"was dropped here: run {name_of(dataset, None)} for it to make it again" + (
                f"; {refused}" if refused else ""
            )
        if refused:
            return f"is not published: {refused}"
        if self.base and BRANCHES not in dataset.attributes.readers:
            return f"is not published here, and not to be read from prod: `{BRANCHES}` is not among its readers"
        if dataset.is_past_end(partition):
            return f"is not published: {name_of(dataset, None)} is {self.catalog.ending(dataset)}"
        if verdict is None:
            arrived = "was never delivered" if dataset.ingested else "was never made"
            return f"is not published: it {arrived}, or has not been run yet"
        if verdict.depends_on.get("delivery") == deliveries.GAP and not dataset.gap_reason(partition):
            return "is not published: its gap is no longer declared, and nothing was delivered"
        if verdict.gate == "envelope" and (lacking := self.lacking(dataset)):
            told = "; ".join(self.why_missing(other, [None]) for other in lacking)
            first = f"`dataops run {' '.join(other.name for other in lacking)} {dataset.name}`"
            return f"is not published: its gate waits for what it looks values up in: {told}. Deliver that, then {first}"
        keep = self.catalog.keep(dataset, dataset.zone)
        passed = f"its {verdict.gate} gate passed at {moment(verdict.judged_at)}"
        then = f"the next step has not run, or has failed; or it was kept for {keep}, and has expired"
        return f"is not published: {passed}, but {then}"

    def lacking(self, dataset: Dataset) -> list[Dataset]:
        """What the rules of a dataset refer to and cannot be read: until it can, nothing of the dataset is judged."""
        names = dict.fromkeys(reference.dataset for reference in dataset.attributes.references)
        made = {name: self.published(self.catalog[name], None) for name in names}
        return [self.catalog[name] for name, one in made.items() if one is None or outdated(self.catalog[name], one)]

    def refused_since(self, dataset: Dataset, partition: Partition) -> str:
        """What to know before reading a published partition: that something newer was refused. Empty if nothing was."""
        verdict = self.newest_verdict(dataset, partition)
        if verdict is None or verdict.passed or self.published(dataset, partition) is None:
            return ""
        by = f"its {verdict.gate} gate at {moment(verdict.judged_at)}"
        return f"{name_of(dataset, partition)}: a newer delivery was refused by {by}; the version before it is read"


def outdated(dataset: Dataset, published: Provenance) -> str:
    """The first column that is declared otherwise than it was published, in words; empty if there is none."""
    was, declared = published.columns, columns_of(dataset.schema.polars)
    if was == declared:
        return ""
    name = next(name for name in (*declared, *was) if was.get(name) != declared.get(name))
    if name not in was:
        return f"which had no column `{name}`"
    return f"whose column `{name}` is " + (f"{was[name]}, not {declared[name]}" if name in declared else "declared no more")


def launched(dataset: Dataset, zone: Zone, partition: Partition) -> str:
    """The command that makes a partition anew, whether it is pending or not."""
    return f"dg launch --assets {zone}/{dataset.name}" + (f" --partition {partition}" if partition else "")


def name_of(dataset: Dataset, partition: Partition) -> str:
    """A partition as people say it: `staged/flights 2013-01-05`."""
    return f"{dataset.zone}/{dataset.name}" + (f" {partition}" if partition else "")
