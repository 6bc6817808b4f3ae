"""Deliveries: what was received into raw.

Raw keeps every file under its own hash and a receipt for every arrival. The newest receipt decides which delivery counts, so
A, B, A again gives A without storing it twice. Where rows were erased, a receipt of the same number takes the place of the one
that there was: it names a redacted delivery, and the order of arrivals stays as it was.

Not here: what lies in landing (`landing`).
"""

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from dataops_assets.contract import Dataset, Partition
from dataops_assets.gate.envelope import Part
from dataops_assets.gate.verdict import digest
from dataops_assets.storage import journal, layout
from dataops_assets.storage.errors import Damaged, Lost
from dataops_assets.storage.landing import Arrival
from dataops_assets.storage.store import Entry, Store, hash_file

GAP = "gap"
"""Stands in place of a delivery's hash for a partition that will never be delivered."""


class ReceivedFile(BaseModel):
    """A file of a delivery, as it was received.

    Attributes:
        name: What the provider called it, below the dataset's landing folder.
        sha256: The hash of its bytes, as hex.
        bytes: Its size.
        promised: What the manifest says of it.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    bytes: int
    promised: dict[str, int | str] = {}


class Erased(BaseModel):
    """What a request took out of a delivered file.

    Attributes:
        request: The name of the request.
        name: What the provider called the file.
        sha256: The hash that it had.
        bytes: Its size then.
        rows: How many rows were left out; None if they could not be counted.
        by: The hash of the file in its place; None if no row is left.
        erased_at: When, in UTC.
    """

    model_config = ConfigDict(frozen=True)

    request: str
    name: str
    sha256: str
    bytes: int
    rows: int | None
    by: str | None
    erased_at: datetime


Redact = Callable[[Path, str], tuple[Erased, ...]]
"""Leaves rows out of a file, of which the provider's name is given, and tells which requests wanted it."""


class Receipt(BaseModel):
    """The record of one arrival.

    Attributes:
        number: Which arrival for the partition it is, from 1; 0 as long as it is not written here.
        sha256: The delivery's hash: that of its one file, or of the names and hashes of all.
        received_at: When it was received, in UTC; never before the receipt that it follows.
        files: Its files.
        landed: The fingerprint of the arrival.
        replaces: The hashes of the deliveries whose place it takes because rows were erased, the first one first.
        erased: What was taken out of its files, in order.
    """

    model_config = ConfigDict(frozen=True)

    number: int = 0
    sha256: str
    received_at: datetime
    files: tuple[ReceivedFile, ...]
    landed: str
    replaces: tuple[str, ...] = ()
    erased: tuple[Erased, ...] = ()

    def brought(self, sha256: str) -> bool:
        """Whether something of this arrival has or had a hash: the delivery or a file of it, before rows were erased, too."""
        files = (*(file.sha256 for file in self.files), *(one.sha256 for one in self.erased))
        return sha256 in (self.sha256, *self.replaces, *files)

    @property
    def names(self) -> tuple[str, ...]:
        """What the provider called its files."""
        return tuple(file.name for file in self.files)

    @property
    def parts(self) -> list[Part]:
        """The files as they were delivered, as the envelope gate wants them: a manifest does not know what was erased."""
        came = {one.name: (one.sha256, one.bytes) for one in self.erased[::-1]}
        gone = self.left_out
        return [
            Part(file.name, *came.get(file.name, (file.sha256, file.bytes)), file.promised, left_out=gone.get(file.name, 0))
            for file in self.files
        ]

    @property
    def left_out(self) -> dict[str, int]:
        """How many rows were taken out of each file, at least."""
        found: dict[str, int] = {}
        for one in self.erased:
            found[one.name] = found.get(one.name, 0) + (1 if one.rows is None else one.rows)
        return found


class ChangedWhileRead(Exception):
    """A file in landing changed while it was received, or could not be read at all. The message says what is waited for."""


def newest_receipt(store: Store, dataset: Dataset, partition: Partition) -> Receipt | None:
    """The receipt of the delivery that counts, if any arrived."""
    found = journal.entries(store, layout.receipts(dataset, partition))
    return journal.read(store, found[-1], Receipt) if found else None


def all_receipts(store: Store, dataset: Dataset, partition: Partition) -> list[Receipt]:
    """The receipt of every arrival for a partition, the oldest first: where rows were erased, the one that tells it."""
    found = journal.entries(store, layout.receipts(dataset, partition))
    newest = {journal.number_of(entry.key): entry for entry in found}
    return [journal.read(store, entry, Receipt) for entry in newest.values()]


def receive(
    store: Store,
    landing: Store,
    dataset: Dataset,
    arrival: Arrival,
    previous: Receipt | None,
    now: datetime,
    redact: Redact | None = None,
) -> Receipt:
    """Copy a whole arrival into raw and write its receipt.

    Args:
        store: Where raw lies.
        landing: Where landing lies.
        dataset: Whose delivery it is.
        arrival: What lies in landing.
        previous: The receipt that this one follows.
        now: The time.
        redact: Takes out of a file what may not be kept.

    Raises:
        ChangedWhileRead: A file changed while it was copied; nothing is received, and the next attempt sees it anew.
    """
    taken = [_keep(store, landing, dataset, arrival, entry, redact) for entry in arrival.files]
    for entry in arrival.entries:
        if landing.entry(entry.key) != entry:  # else parts of two deliveries could be received as one
            raise ChangedWhileRead(f"{entry.key} to be still: it changed while the delivery was read")
    number = previous.number + 1 if previous else 1
    received_at = max(now, previous.received_at + timedelta(microseconds=1)) if previous else now
    files, erased = tuple(file for file, _ in taken if file), tuple(one for _, several in taken for one in several)
    receipt = Receipt(
        number=number,
        sha256=hash_of(files),
        received_at=received_at,
        files=files,
        landed=arrival.fingerprint,
        replaces=(_hash_as_it_came(taken),) if erased else (),
        erased=erased,
    )
    folder, record = layout.receipts(dataset, arrival.partition), receipt.model_dump_json(indent=1).encode()
    try:
        # Only after the one that was known before landing was read, or one that received an older arrival could come last.
        journal.append(store, folder, number, record, layout.tags(dataset, "raw"))
    except Lost:
        newest = newest_receipt(store, dataset, arrival.partition)
        if newest and newest.landed == receipt.landed:
            return newest
        raise ChangedWhileRead("the run that received another delivery meanwhile") from None
    return receipt


def hash_of(files: Sequence[ReceivedFile]) -> str:
    """The SHA-256 of a delivery: that of its one file, or of the names and hashes of all."""
    return files[0].sha256 if len(files) == 1 else digest([[file.name, file.sha256] for file in files])


def _hash_as_it_came(taken: Sequence[tuple[ReceivedFile | None, tuple[Erased, ...]]]) -> str:
    came: list[Erased | ReceivedFile | None] = [several[0] if several else file for file, several in taken]
    named = [(one.name, one.sha256) for one in came if one]
    return named[0][1] if len(named) == 1 else digest([list(one) for one in named])


def redact(store: Store, dataset: Dataset, partition: Partition, receipt: Receipt, leave_out: Redact) -> Receipt:
    """Let a delivery without some rows take the place of one that was received.

    The file comes first, then the receipt under the number of the one before: whoever is killed in between leaves a file that
    the next attempt makes again, in the same bytes. The files as they were delivered stay.

    Args:
        store: Where it lies.
        dataset: Whose delivery it is.
        partition: What it was delivered for.
        receipt: The receipt of its arrival, as it is now.
        leave_out: Takes out of a file what may not be kept.

    Returns:
        The receipt that counts in its place; the same, if nothing was to be taken out.

    Raises:
        Lost: Another process has done so meanwhile.
        Damaged: A file is not what was received.
    """
    files, erased = list[ReceivedFile](), list[Erased]()
    for file in receipt.files:
        key = raw_key(dataset, partition, file.sha256)
        with store.draft(key) as path:
            shutil.copyfile(store.local(key, file.sha256), path)
            several = leave_out(path, file.name)
            erased += several
            by = several[-1].by if several else file.sha256
            if by:
                files.append(file.model_copy(update={"sha256": by, "bytes": path.stat().st_size}))
            if several and by:
                store.create(raw_key(dataset, partition, by), path, layout.tags(dataset, "raw"))
    if not erased:
        return receipt
    made = receipt.model_copy(
        update={
            "sha256": hash_of(files),
            "files": tuple(files),
            "replaces": (*receipt.replaces, receipt.sha256),
            "erased": (*receipt.erased, *erased),
        }
    )
    # After the one of that number, before the next; and only if nobody has taken anything else out since it was read.
    key = f"{layout.receipts(dataset, partition)}/{receipt.number:08}.redacted-{len(made.replaces):08}.json"
    store.create(key, made.model_dump_json(indent=1).encode(), layout.tags(dataset, "raw"))
    return made


def restore(
    store: Store, landing: Store, dataset: Dataset, partition: Partition, receipt: Receipt, arrival: Arrival | None
) -> list[str]:
    """Read all that was received, and put what lies in landing in place of a file that is not what was received.

    Args:
        store: Where raw lies.
        landing: Where landing lies.
        dataset: Whose delivery it is.
        partition: What it was delivered for.
        receipt: What was received.
        arrival: What lies in landing, if anything does.

    Returns:
        The addresses of the files that were put right.

    Raises:
        Damaged: One is not what was received, and lies in landing no more.
    """
    lying = {entry.key: entry for entry in arrival.files} if arrival else {}
    restored = []
    for file in receipt.files:
        key = raw_key(dataset, partition, file.sha256)
        if store.reread(key) == file.sha256:
            continue
        entry = lying.get(f"{layout.landing(dataset)}/{file.name}")
        if arrival is None or entry is None or landing.reread(entry.key) != file.sha256:
            raise Damaged(store.address(key), "it is not what was received: bring it back, or deliver it again")
        _keep(store, landing, dataset, arrival, entry)
        restored.append(store.address(key))
    return restored


def _keep(
    store: Store, landing: Store, dataset: Dataset, arrival: Arrival, entry: Entry, redact: Redact | None = None
) -> tuple[ReceivedFile | None, tuple[Erased, ...]]:
    """Put one file into raw under its hash, once; of a file of which no row is left, nothing."""
    name = entry.key[len(layout.landing(dataset)) + 1 :]
    landed = landing.address(entry.key)
    with store.draft(f"{layout.raw(dataset, arrival.partition)}/{Path(entry.key).name}") as path:
        try:
            landing.copy(entry.key, path)
        except FileNotFoundError as error:
            raise ChangedWhileRead(f"{entry.key}, which went away while it was read") from error
        except PermissionError as error:
            if error.filename != landed:
                raise
            raise ChangedWhileRead(f"the right to read {entry.key}: give it to this user") from error
        erased = redact(path, name) if redact else ()
        if erased and erased[-1].by is None:
            return None, erased
        sha256, size = hash_file(path), path.stat().st_size
        key = raw_key(dataset, arrival.partition, sha256)
        try:
            store.create(key, path, layout.tags(dataset, "raw"))
        except Lost:
            # What lies there is not what its name says: the bytes that just arrived are put in its place.
            try:
                store.replace(key, path, store.entry(key), layout.tags(dataset, "raw"))
            except Lost:
                raise ChangedWhileRead("the run that puts a damaged file right meanwhile") from None
    return ReceivedFile(name=name, sha256=sha256, bytes=size, promised=arrival.promised.get(entry.key, {})), erased


def raw_key(dataset: Dataset, partition: Partition, sha256: str) -> str:
    """The key of a received file."""
    assert dataset.ingested
    return f"{layout.raw(dataset, partition)}/{sha256}.{dataset.ingested.source.format}"
