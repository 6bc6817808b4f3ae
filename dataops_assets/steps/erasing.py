"""Carrying out an erasure request: deliveries are redacted, what names the person is taken out of records, originals removed.

What is made from a delivery is made again by the usual runs, with the usual gates: a redacted delivery makes its partition
pending. So a request is carried out in two acts with runs in between, and each act may be done again, whatever became of it
before.

Here: what is written and removed. Not here: what is left (`traces`), and how rows are left out (`redacting`).
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime

from dataops_assets.contract import Dataset, Erasure, Partition
from dataops_assets.erasure import subject_of
from dataops_assets.gate.verdict import Verdict
from dataops_assets.steps.redacting import redacting
from dataops_assets.steps.trace import Trace, affected, redacted
from dataops_assets.storage import deliveries, erasures, journal, landing, layout, results
from dataops_assets.storage.deliveries import Receipt
from dataops_assets.storage.erasures import Gone
from dataops_assets.storage.errors import Lost
from dataops_assets.storage.lake import Lake

MADE_AGAIN = ("delivery", "object")
"""What must not be left before an original is removed: until then it is what everything can be made from."""


def redact(lake: Lake, request: Erasure, found: Collection[Trace], now: datetime) -> list[Receipt]:
    """Let redacted deliveries take the place of those that hold what a request is about.

    Args:
        lake: Where they lie.
        request: The request.
        found: What is left of it.
        now: The time.

    Returns:
        The receipts that count in their place.

    Raises:
        CannotTell: The key of its hashes is not known here, or a file cannot be read any more.
        Lost: Another process redacts the same delivery; nothing is wrong, and it can be done again.
    """
    leave_out = redacting(lake, [request], now)
    dataset = lake.catalog[request.attributes.dataset]
    wanted = [(trace.partition, trace.receipt) for trace in found if trace.receipt]

    def each(one: tuple[Partition, Receipt]) -> Receipt:
        return deliveries.redact(lake.store, dataset, *one, leave_out)

    return list(lake.store.each(each, wanted))


def clean(lake: Lake, request: Erasure, found: Collection[Trace], removes: bool, now: datetime) -> None:
    """Take what names them out of records, and remove originals, once nothing is made from them any more.

    Args:
        lake: Where they lie.
        request: The request.
        found: What is left of it.
        removes: Whether this deployment may remove anything.
        now: The time.
    """
    subject = subject_of(request, lake.catalog[request.attributes.dataset], lake.erasure_key)
    for trace in found:
        if trace.kind == "verdict" and (entry := lake.store.entry(trace.key)):
            assert trace.dataset
            said = redacted(journal.read(lake.store, entry, Verdict), subject).model_dump_json(indent=1).encode()
            with lake.store.draft(trace.key) as path, suppress(Lost):  # another process has done the same
                path.write_bytes(said)
                lake.store.replace(trace.key, path, entry, layout.tags(trace.dataset, trace.dataset.zone))
    if any(trace.kind in ("verdict", "results") for trace in found):
        for dataset in affected(lake, lake.catalog[request.attributes.dataset]):
            if lake.store.entry(layout.gate_results(dataset)):
                results.refresh(lake, dataset, anew=True)
    if removes and not any(trace.kind in MADE_AGAIN for trace in found):
        lake.store.remove([trace.key for trace in found if trace.kind == "original"])
        _clear_landing(lake, lake.catalog[request.attributes.dataset], [t.key for t in found if t.kind == "landing"], now)


def _clear_landing(lake: Lake, dataset: Dataset, keys: Sequence[str], now: datetime) -> None:
    """Remove deliveries from landing, each as a whole: what is left of one would be taken for another.

    What says that one is whole goes first. Where nothing says so, several files are left to whoever dropped them.
    """
    for arrival in landing.arrivals(lake.landing, dataset, now).values():
        files = [entry.key for entry in arrival.files]
        if set(files) & set(keys) and (arrival.proof or len(files) == 1):
            if arrival.proof:
                lake.landing.remove([arrival.proof.key])
            lake.landing.remove(files)
            keys = [key for key in keys if key not in files]
    lying = {entry.key for arrival in landing.arrivals(lake.landing, dataset, now).values() for entry in arrival.files}
    lake.landing.remove([key for key in keys if key not in lying])


def prove(lake: Lake, request: Erasure, found: Collection[Trace], now: datetime) -> Gone | None:
    """Keep the proof that nothing is left; None if something is."""
    if found:
        return None
    dataset = lake.catalog[request.attributes.dataset]
    erased = [one for receipt in _receipts(lake, dataset) for one in receipt.erased if one.request == request.name]
    gone = Gone(
        request=request.name,
        entry=erasures.entry_of(request),
        dataset=dataset.name,
        deliveries=len({one.sha256 for one in erased}),
        rows=sum(one.rows or 0 for one in erased),
        identity=lake.made_by().identity,
        gone_at=now,
    )
    return erasures.prove(lake.store, dataset, request, gone)


def _receipts(lake: Lake, dataset: Dataset) -> list[Receipt]:
    top = layout.raw(dataset, None)
    places = {
        entry.key.split("/_deliveries/")[0][len(top) + 1 :] for entry in lake.store.list(top) if "/_deliveries/" in entry.key
    }
    partitions = [layout.partition_in(dataset, [place] if place else [])[0] for place in sorted(places)]
    return [receipt for partition in partitions for receipt in deliveries.all_receipts(lake.store, dataset, partition)]
