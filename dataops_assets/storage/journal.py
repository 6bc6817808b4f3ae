"""Journals: numbered records below a folder, of which the last one counts.

A record is written under the number after the last one that its writer has seen, and only if nobody wrote that one before. So
the order of the records does not depend on any clock, and nobody has the last word without knowing the one before it.

Here: numbers and keys. Not here: what the records say.
"""

from dataops_assets.storage.store import Store, Tags


def keys(store: Store, folder: str) -> list[str]:
    """The keys of the records, the oldest first."""
    below = (entry.key for entry in store.list(folder))
    return [key for key in below if "/" not in key[len(folder) + 1 :]]  # deeper ones are of a dataset's partitions


def number_of(key: str) -> int:
    """The number of a record, from 1."""
    return int(key.rpartition("/")[2].partition(".")[0])


def append(store: Store, folder: str, number: int, record: bytes, tags: Tags) -> None:
    """Write the record after the last.

    Args:
        store: Where the journal lies.
        folder: Its key.
        number: That of the last record which the writer has seen, and one; 1 for the first.
        record: What to keep.
        tags: The tags of the object.

    Raises:
        Lost: Somebody else has written a record with this number.
    """
    store.create(f"{folder}/{number:08}.json", record, tags)
