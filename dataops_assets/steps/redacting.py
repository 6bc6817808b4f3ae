"""What may not be kept of a delivery: the rows that the erasure requests in force are about.

Here: which requests those are, and what they take out of a file, be it on its arrival or in raw. Not here: how rows are left
out (`erasure.redaction`), and what is to be done for a request (`erasing`).
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from dataops_assets.contract import Dataset, Erasure, Partition, Source
from dataops_assets.erasure import Subject, redaction, subject_of
from dataops_assets.gate.reading import DeliveryError, height, read_files, try_apart
from dataops_assets.storage.deliveries import Erased, Redact
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.store import hash_file


def redactor(lake: Lake, dataset: Dataset, partition: Partition, now: datetime) -> Redact | None:
    """What takes out of a delivery all that requests in force are about; None if there is none.

    Raises:
        CannotTell: The key of a request is not known here.
    """
    wanted = [erasure for erasure in lake.catalog.erasures_of(dataset) if erasure.concerns(partition)]
    return redacting(lake, wanted, now) if wanted else None


def redacting(lake: Lake, requests: Sequence[Erasure], now: datetime) -> Redact:
    """What takes out of a file all that requests are about.

    Raises:
        CannotTell: The key of one is not known here.
    """
    asked = [(one, lake.catalog[one.attributes.dataset]) for one in requests]
    subjects = [(one.name, dataset, subject_of(one, dataset, lake.erasure_key)) for one, dataset in asked]

    def redact(path: Path, name: str) -> tuple[Erased, ...]:
        found: list[Erased] = []
        for request, dataset, subject in subjects:
            assert dataset.ingested
            sha256, size = hash_file(path), path.stat().st_size
            rows, left = _left_out(path, name, dataset.ingested.source, subject)
            if rows == 0:
                continue
            by = hash_file(path) if left else None
            found.append(Erased(request=request, name=name, sha256=sha256, bytes=size, rows=rows, by=by, erased_at=now))
            if by is None:
                break
        return tuple(found)

    return redact


def _left_out(path: Path, name: str, source: Source, subject: Subject | None) -> tuple[int | None, int]:
    """How many rows were left out, if that can be told, and how many stay."""
    if subject:
        return redaction.redact(path, name, source, subject)
    try:
        try_apart([path], [name], source)
        return height(read_files([path], [name], source)[0]) or None, 0
    except DeliveryError:
        return None, 0
