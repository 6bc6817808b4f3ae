"""Deliveries: what a provider dropped into landing, and what was received of it into raw.

Raw keeps every file under its own hash and a receipt for every arrival. The newest receipt decides which delivery counts, so
A, B, A again gives A without storing it twice.
"""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from dataops_assets.contract import Dataset, Partition, Source
from dataops_assets.gate.envelope import Part
from dataops_assets.gate.verdict import digest
from dataops_assets.storage import layout
from dataops_assets.storage.folder import Entry, Folder, hash_file


@dataclass(frozen=True)
class Arrival:
    """The files that lie in landing for one partition.

    Attributes:
        partition: The partition that their names tell.
        files: The delivered files, in order of their names.
        proof: The manifest or marker, if it is there.
        waiting_for: Why the delivery is not yet whole; empty if it is.
    """

    partition: Partition
    files: tuple[Entry, ...]
    proof: Entry | None
    waiting_for: str

    @property
    def fingerprint(self) -> str:
        """A hash of names, sizes and times: another one means that something arrived."""
        proof = (self.proof,) if self.proof else ()
        return digest([[entry.key, entry.bytes, entry.modified_ns] for entry in (*self.files, *proof)])


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


class Receipt(BaseModel):
    """The record of one arrival.

    Attributes:
        sha256: The delivery's hash: that of its one file, or of the names and hashes of all.
        received_at: When it was received, in UTC; never before the receipt that it follows.
        files: Its files.
        landed: The fingerprint of the arrival.
    """

    model_config = ConfigDict(frozen=True)

    sha256: str
    received_at: datetime
    files: tuple[ReceivedFile, ...]
    landed: str

    @property
    def parts(self) -> list[Part]:
        """The files, as the envelope gate wants them."""
        return [Part(file.name, file.sha256, file.bytes, file.promised) for file in self.files]


class ManifestError(Exception):
    """A manifest cannot be understood. The message names it and says how it is written."""


class ChangedWhileRead(Exception):
    """A file in landing changed while it was received."""


def arrivals(store: Folder, dataset: Dataset, now: datetime) -> dict[Partition, Arrival]:
    """Everything that lies in landing for a dataset, by partition; one listing, however many partitions."""
    ingested = dataset.ingested
    if ingested is None:
        return {}
    source = ingested.source
    wanted = _pattern(source.files)
    proof_name = source.complete.manifest or source.complete.marker
    proof_wanted = _pattern(proof_name) if proof_name else None
    files: dict[Partition, list[Entry]] = {}
    proofs: dict[Partition, Entry] = {}
    top = layout.landing(dataset)
    for entry in store.list(top):
        name = entry.key[len(top) + 1 :]
        if proof_wanted and (match := proof_wanted.fullmatch(name)):
            proofs[match.groupdict().get("partition")] = entry
        elif match := wanted.fullmatch(name):
            files.setdefault(match.groupdict().get("partition"), []).append(entry)
    found = {}
    for partition in sorted({*files, *proofs}, key=str):
        if dataset.partitions and not (partition and dataset.partitions.contains(partition, datetime.max.replace(tzinfo=UTC))):
            continue
        parts = tuple(files.get(partition, ()))
        waiting = _waiting_for(store, source, parts, proofs.get(partition), proof_name, now)
        found[partition] = Arrival(partition, parts, proofs.get(partition), waiting)
    return found


def _pattern(template: str) -> re.Pattern[str]:
    """A file template as a pattern: `{partition}` and `*` match within one name."""
    pieces = re.split(r"(\{partition\}|\*)", template)
    known = {"{partition}": "(?P<partition>[^/]+?)", "*": "[^/]*"}
    seen: set[str] = set()
    pattern = ""
    for piece in pieces:
        again = piece == "{partition}" and piece in seen
        pattern += "(?P=partition)" if again else known.get(piece, re.escape(piece))
        seen.add(piece)
    return re.compile(pattern)


def _waiting_for(
    store: Folder, source: Source, files: Sequence[Entry], proof: Entry | None, proof_name: str | None, now: datetime
) -> str:
    if proof_name:
        if proof is None:
            return f"{proof_name} has not arrived"
        if source.complete.manifest:
            lying = {Path(entry.key).name for entry in files}
            missing = [name for name in _promised(store, proof) if Path(name).name not in lying]
            return f"{', '.join(missing)}, promised by {Path(proof.key).name}, has not arrived" if missing else ""
        return "" if files else "the marker is there, but no file"
    quiet = timedelta(seconds=source.complete.quiet or 0)
    youngest = max((entry.modified_ns for entry in files), default=0) / 1e9
    age = now - datetime.fromtimestamp(youngest, UTC)
    # A time in the future is a clock that was wrong, not a file that is being written.
    return f"no change for {quiet.total_seconds():g} s" if timedelta(0) <= age < quiet else ""


def _promised(store: Folder, proof: Entry) -> dict[str, dict[str, int | str]]:
    """The control totals of a manifest, by file name.

    Raises:
        ManifestError: It is not of the documented form.
    """
    written = '{"files": [{"name": "…", "rows": 1, "bytes": 1, "sha256": "…"}]}'
    try:
        files = json.loads(store.read(proof.key) or b"")["files"]
        return {str(file["name"]): {k: file[k] for k in ("rows", "bytes", "sha256") if k in file} for file in files}
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{proof.key} is no manifest ({error}): write it as {written}") from error


def newest_receipt(store: Folder, dataset: Dataset, partition: Partition) -> Receipt | None:
    """The receipt of the delivery that counts, if any arrived."""
    keys = [entry.key for entry in store.list(layout.receipts(dataset, partition))]
    return _receipt(store, keys[-1]) if keys else None


def all_receipts(store: Folder, dataset: Dataset, partition: Partition) -> list[Receipt]:
    """Every receipt of a partition, the oldest first."""
    return [_receipt(store, entry.key) for entry in store.list(layout.receipts(dataset, partition))]


def _receipt(store: Folder, key: str) -> Receipt:
    return Receipt.model_validate_json(store.read(key) or b"")


def receive(store: Folder, dataset: Dataset, arrival: Arrival, now: datetime) -> Receipt:
    """Copy a whole arrival into raw and write its receipt.

    Raises:
        ManifestError: Its manifest cannot be understood.
        ChangedWhileRead: A file changed while it was copied; nothing is received, and the next attempt sees it anew.
    """
    previous = newest_receipt(store, dataset, arrival.partition)
    promised = _promised(store, arrival.proof) if arrival.proof and _has_manifest(dataset) else {}
    files = tuple(_keep(store, dataset, arrival.partition, entry, promised) for entry in arrival.files)
    received_at = max(now, previous.received_at + timedelta(microseconds=1)) if previous else now
    whole = files[0].sha256 if len(files) == 1 else digest([[file.name, file.sha256] for file in files])
    receipt = Receipt(sha256=whole, received_at=received_at, files=files, landed=arrival.fingerprint)
    name = f"{received_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{whole}.json"
    store.write(f"{layout.receipts(dataset, arrival.partition)}/{name}", receipt.model_dump_json(indent=1).encode())
    return receipt


def _has_manifest(dataset: Dataset) -> bool:
    return dataset.ingested is not None and dataset.ingested.source.complete.manifest is not None


def _keep(store: Folder, dataset: Dataset, partition: Partition, entry: Entry, promised: dict[str, Any]) -> ReceivedFile:
    """Put one file into raw under its hash, once."""
    landed = store.path(entry.key)
    sha256 = hash_file(landed)
    key = raw_key(dataset, partition, sha256)
    if store.sha256(key) != sha256:
        with store.temporary(key) as path:
            shutil.copyfile(landed, path)
            if hash_file(path) != sha256:
                raise ChangedWhileRead(f"{entry.key} changed while it was read: it is received once it is still")
    name = entry.key[len(layout.landing(dataset)) + 1 :]
    totals = promised.get(name) or promised.get(Path(name).name) or {}
    return ReceivedFile(name=name, sha256=sha256, bytes=entry.bytes, promised=totals)


def raw_key(dataset: Dataset, partition: Partition, sha256: str) -> str:
    """The key of a received file."""
    assert dataset.ingested
    return f"{layout.raw(dataset, partition)}/{sha256}.{dataset.ingested.source.format}"
