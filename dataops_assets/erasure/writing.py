"""A request as it is written into `erasures.yaml`, from what somebody asked for: the values are left behind as keyed hashes.

Not here: the file (`cli.erase`).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import yaml

from dataops_assets.contract import Dataset
from dataops_assets.contract.errors import Mistake, choose
from dataops_assets.erasure.subject import canonical_text, fingerprint, keyed_hash
from dataops_assets.gate.verdict import digest

_WIDTH = 120
_DIGITS = 8


def entry_about(dataset: Dataset, subject: Mapping[str, str], key: bytes, said: Mapping[str, Any]) -> dict[str, Any]:
    """The entry for the rows of a person.

    Args:
        dataset: Where they are.
        subject: The values that name the person, by column.
        key: The key of the hashes.
        said: Reason, `requested_by` and `due`.

    Raises:
        Mistake: There is no such column, or no value.
    """
    hashes = {}
    for column, value in sorted(subject.items()):
        if column not in dataset.delivered.columns:
            message = f"{dataset.name} is delivered without a column `{column}`"
            raise Mistake(message, choose(column, dataset.delivered.columns))
        written = canonical_text(value, dataset.delivered.columns[column].dtype)
        if not written:
            raise Mistake(f"`{column}` has no value", "name whom it is about")
        hashes[column] = keyed_hash(key, column, written)
    name = f"{dataset.name}-{digest(hashes)[:_DIGITS]}"
    return {"request": name, "dataset": dataset.name, "subject": hashes, "key": fingerprint(key), **said}


def entry_of(dataset: Dataset, partitions: tuple[str, str] | None, said: Mapping[str, Any]) -> dict[str, Any]:
    """The entry for whole partitions: from the first to the last, or all."""
    extent = [_plain(key) for key in partitions] if partitions else "all"
    name = f"{dataset.name}-{digest([str(key) for key in partitions or ()])[:_DIGITS]}"
    return {"request": name, "dataset": dataset.name, "partitions": extent, **said}


def text_of(entry: Mapping[str, Any]) -> str:
    """An entry as it stands in the file."""
    return yaml.safe_dump([dict(entry)], default_flow_style=None, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _plain(partition: str) -> Any:
    return date.fromisoformat(partition) if len(partition) == len("2013-01-05") else partition
