"""The proof that a request was carried out: one record for each, with hashes and counts only.

Not here: how that is found out (`steps.traces`).
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from dataops_assets.contract import Dataset, Erasure
from dataops_assets.gate.verdict import digest
from dataops_assets.storage import journal, layout
from dataops_assets.storage.errors import Lost
from dataops_assets.storage.store import Store


class Gone(BaseModel):
    """That nothing is left of what a request is about.

    Attributes:
        request: Its name.
        entry: SHA-256 of whom and what it is about.
        dataset: The dataset.
        deliveries: How many deliveries were replaced by redacted ones.
        rows: How many rows were left out of them, where they could be counted.
        identity: Who proved it.
        gone_at: When nothing was found any more, in UTC.
    """

    model_config = ConfigDict(frozen=True)

    request: str
    entry: str
    dataset: str
    deliveries: int
    rows: int
    identity: str
    gone_at: datetime


def entry_of(erasure: Erasure) -> str:
    """SHA-256 of whom and what a request is about, as hex: why and until when may be said otherwise."""
    return digest(erasure.attributes.model_dump(mode="json", include={"dataset", "subject", "key", "partitions"}))


def proof(store: Store, erasure: Erasure) -> Gone | None:
    """The proof of a request as it stands in git today."""
    entry = store.itself.entry(layout.erasure(erasure.name))
    found = journal.read(store, entry, Gone) if entry else None
    return found if found and found.entry == entry_of(erasure) else None


def prove(store: Store, dataset: Dataset, erasure: Erasure, gone: Gone) -> Gone:
    """Keep a proof; the first one of a request stays."""
    key = layout.erasure(erasure.name)
    while (kept := proof(store, erasure)) is None:
        with store.draft(key) as path:
            path.write_bytes(gone.model_dump_json(indent=1).encode())
            try:
                store.replace(key, path, store.entry(key), layout.tags(dataset, dataset.zone))
            except Lost:
                continue
    return kept
