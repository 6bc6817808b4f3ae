"""Erasure requests and what a bucket keeps: versions that were replaced or removed, and until when they are locked.

Not here: what lies there now (`traces`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dataops_assets.erasure import CannotTell, redaction
from dataops_assets.gate.query import FAILURES
from dataops_assets.gate.verdict import Verdict
from dataops_assets.steps.trace import Trace, affected, redacted
from dataops_assets.storage import layout, provenance
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.store import hash_file

if TYPE_CHECKING:
    from dataops_assets.steps.traces import Search


def named(search: "Search", found: Iterable[Trace]) -> Iterator[Trace]:
    """The same, each original with the version that has to be removed, where a bucket keeps versions."""
    for trace in found:
        if trace.kind == "original" and not isinstance(search.store.itself, Folder):
            version = _bucket().version_of(search.store.itself, trace.key)
            yield replace(trace, version=version.id, locked_until=version.locked_until) if version else trace
        else:
            yield trace


def old(search: "Search") -> Iterator[Trace]:
    """What a bucket keeps of objects that were replaced or removed."""
    if isinstance(search.store.itself, Folder):
        return
    bucket = _bucket()
    tops = [layout.raw(search.dataset, None), layout.landing(search.dataset)]
    for dataset in affected(search.lake, search.dataset):
        records = [f"_verdicts/{gate}/{dataset.name}" for gate in ("envelope", "content")]
        tops += [f"{dataset.zone}/{dataset.name}", f"quarantine/{dataset.name}", *records, f"gate_results/{dataset.name}"]
    for top in tops:
        store = search.lake.store_of(top).itself
        for version in bucket.old_versions(store, top):
            with store.draft(version.key) as path:
                bucket.copy_version(store, version, path)
                told = _in_version(search, version.key, path)
            search.after(version.key)
            if told:
                trace = search.trace("version", version.key, told)
                yield replace(trace, version=version.id, locked_until=version.locked_until)


def strange(search: "Search", ours: Lake) -> Iterator[Trace]:
    """What a bucket keeps of what lay in somebody's area outside of every zone."""
    if isinstance(search.store.itself, Folder):
        return
    bucket, store = _bucket(), search.store.itself
    for version in bucket.old_versions(store, ""):
        if search.is_strange(version.key):
            with store.draft(version.key) as path:
                bucket.copy_version(store, version, path)
                _, told = search.in_file(version.key, path, hash_file(path), ours)
            search.after(version.key)
            if told:
                trace = search.trace("version", version.key, told)
                yield replace(trace, version=version.id, locked_until=version.locked_until)


def _in_version(search: "Search", key: str, path: Path) -> str:
    """What of it is in the bytes of an old version, in words; empty if nothing is."""
    zone, name, sha256 = key.split("/")[0], key.split("/")[1], hash_file(path)
    is_data = key.endswith("/data.parquet") or zone in ("raw", "landing", "_verdicts")
    if "/_deliveries/" in key or not is_data:
        return ""
    try:
        return _in_bytes(search, zone, name, key, path, sha256)
    except (CannotTell, ValidationError, *FAILURES) as error:
        return f"it cannot be read: {error if isinstance(error, CannotTell) else type(error).__name__}"


def _in_bytes(search: "Search", zone: str, name: str, key: str, path: Path, sha256: str) -> str:
    if zone in ("raw", "landing"):
        assert search.dataset.ingested
        if sha256 in search.erased:
            return "as it was delivered"
        if search.subject is None:
            return ""
        rows, _ = redaction.find(path, Path(key).name, search.dataset.ingested.source, search.subject)
        return f"{len(rows):,} rows are theirs" if len(rows) else ""
    if zone == "_verdicts":
        verdict = Verdict.model_validate_json(path.read_bytes())
        return "it names them" if search.is_to_go(verdict) and redacted(verdict, search.subject) != verdict else ""
    if zone == "gate_results":
        return "it names them" if search.names_them(path) else ""
    dataset = search.lake.catalog[name]
    partition, _ = layout.partition_in(dataset, key.split("/")[2:-1])
    records = [one for one in provenance.records_of(search.store.itself, sha256, {name}) if one.partition == partition]
    if any(map(search.was_made_from, records)):
        return "made from such a delivery"
    rows_there = search.rows_of(path)
    return f"{rows_there:,} rows are theirs" if rows_there else ""


def _bucket() -> Any:
    from dataops_assets.storage import bucket  # boto3 takes half a second, and most have no bucket

    return bucket
