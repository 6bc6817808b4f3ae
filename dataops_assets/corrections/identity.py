"""What a correction is known by, whatever its file looks like."""

import json
from collections.abc import Iterable

from dataops_assets.contract import Correction, Dataset, Partition
from dataops_assets.gate.verdict import digest


def of_partition(dataset: Dataset, partition: Partition) -> tuple[Correction, ...]:
    """The corrections of a partition, in the order of the file."""
    return tuple(correction for correction in dataset.corrections if correction.partition == partition)


def id_of(correction: Correction) -> str:
    """SHA-256 of all that an entry says, as hex: neither its place, nor comments, nor layout."""
    said = correction.attributes.model_dump(by_alias=True, exclude_unset=True)
    return digest(json.loads(json.dumps(said, default=str)))  # pydantic's own way to JSON makes NaN null


def version_of(corrections: Iterable[Correction]) -> str:
    """SHA-256 of several entries, in whatever order."""
    return digest(sorted(map(id_of, corrections)))
