"""Erasure requests in words: what is left of one, what becomes of it, and by when all of it must be gone.

Not here: what is left (`steps.traces`).
"""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from dataops_assets.contract import Erasure
from dataops_assets.gate.wording import moment
from dataops_assets.steps.trace import Kind, Trace
from dataops_assets.storage.erasures import Gone, proof
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.lake import Lake, launched

_COLUMNS: dict[Kind, str] = {
    "delivery": "deliveries",
    "original": "originals",
    "landing": "files in landing",
    "object": "objects",
    "verdict": "verdicts",
    "results": "tables of results",
    "version": "old versions",
    "git": "lines in git",
    "record": "runs in Dagster",
    "area": "things in areas of others",
    "unknown": "that cannot be told",
}


def headline(request: Erasure, now: datetime) -> str:
    """Whom or what a request is about, and by when it must be carried out."""
    said = request.attributes
    if said.subject:
        about = f"by {', '.join(said.subject)}"
    else:
        about = "all" if said.partitions in (None, "all") else f"{said.partitions[0]} to {said.partitions[1]}"
    return f"{request.name} · {said.dataset}, {about} · {due(request, now)} · {said.requested_by}: {said.reason}"


def due(request: Erasure, now: datetime) -> str:
    """By when a request must be carried out, in words."""
    days = (request.attributes.due - now.astimezone(UTC).date()).days
    return f"overdue since {request.attributes.due}" if days < 0 else f"due {request.attributes.due}, in {days} days"


def planned(found: Collection[Trace], removes: bool) -> Iterator[str]:
    """Each thing that is left, and what becomes of it."""
    for trace in found:
        yield f"  {trace.place} · {trace.told}"
        yield f"    → {fate(trace, removes)}"


def fate(trace: Trace, removes: bool) -> str:
    """What becomes of something that is left."""
    waits = "once nothing is made from it any more"
    lock = f", which is locked until {moment(trace.locked_until)}" if trace.locked_until else ""
    by_hand = f"break-glass removes it{lock}; else the bucket's rule ends it"
    fates: dict[Kind, str] = {
        "delivery": "a redacted delivery takes its place",
        "original": f"removed, {waits}" if removes else by_hand,
        "landing": f"removed, {waits}" if removes else "the rule of landing ends it, or whoever dropped it removes it",
        "object": f"made again by the usual run, or by a good delivery if the newest is refused; else: {_launch(trace)}",
        "verdict": "what names them is taken out of it",
        "results": "made again",
        "version": by_hand,
        "git": "edit it by hand",
        "record": "what names them is taken out of it",
        "area": _in_area(trace.area),
        "unknown": "look at it; erase it by a request of its own, if it holds them",
    }
    return fates[trace.kind]


def _in_area(area: str) -> str:
    """What becomes of something in an area of somebody else's, and the command; areas end where they are looked after."""
    kind, _, name = area.removeprefix("trash/").partition("/")
    if area.startswith("trash/"):
        return f"it goes with the trash: dataops {kind} show {name.partition('/')[0]}"
    close = f"dataops {kind} close {name} --why erasure, and dataops expire --act"
    if kind == "adhoc":
        return f"its owner makes it anew, or lets the area go: {close}"
    return f"DATAOPS_DEPLOYMENT={area} dataops erase run; or, if nobody needs it: {close}"


def lock_problem(request: Erasure, lock: timedelta | None, now: datetime) -> str:
    """What is wrong with a bucket that locks what is written until after a request is due; empty if nothing is."""
    until = datetime.combine(request.attributes.due, time.max, UTC)
    if lock is None or now + lock <= until:
        return ""
    return (
        f"error: the bucket locks what is written for {lock.days} days, until after {request.attributes.due}: give it a "
        "lock in governance mode that is shorter than any request may take, and let break-glass lift that of what is there"
    )


def alike(lake: Lake, request: Erasure) -> str:
    """Which other delivered datasets have the columns by which a request names somebody; empty if none has."""
    ours, wanted = lake.catalog.sharing(lake.catalog[request.attributes.dataset]), set(request.attributes.subject or ())
    others = [one.name for one in lake.catalog if one.ingested and one not in ours and wanted <= {*one.delivered.columns}]
    if not wanted or not others:
        return ""
    return f"such columns are in {', '.join(others)}, too: write a request of its own, if it is about the same"


def _launch(trace: Trace) -> str:
    return launched(trace.dataset, trace.dataset.zone, trace.partition) if trace.dataset else ""


def counted(found: Collection[Trace]) -> str:
    """How much is left of each kind."""
    kinds = Counter(trace.kind for trace in found)
    return ", ".join(f"{kinds[kind]:,} {name}" for kind, name in _COLUMNS.items() if kinds[kind]) or "nothing"


def settled(request: Erasure, found: Collection[Trace], gone: Gone | None, now: datetime) -> str:
    """Whether a request was carried out."""
    if found:
        again = f"; it was gone at {moment(gone.gone_at)}, and is there again" if gone else ""
        return f"left: {counted(found)}{again} · {due(request, now)}"
    if gone is None:
        return f"nothing is left, which is not on record yet: dataops erase run {request.name}"
    return (
        f"gone since {moment(gone.gone_at)}, proved by {gone.identity}: {gone.rows:,} rows of {gone.deliveries:,} deliveries "
        "were left out"
    )


def as_json(request: Erasure, trace: Trace) -> dict[str, Any]:
    """Something that is left, for a program: whoever has to remove it by hand."""
    in_a_bucket = trace.place.startswith("s3://")
    bucket, _, key = trace.place.removeprefix("s3://").partition("/") if in_a_bucket else ("", "", trace.place)
    return {
        "request": request.name,
        "kind": trace.kind,
        "bucket": bucket or None,
        "key": key,
        "version": trace.version or None,
        "locked_until": trace.locked_until.isoformat() if trace.locked_until else None,
        "dataset": trace.dataset.name if trace.dataset else None,
        "partition": trace.partition,
        "area": trace.area or None,
        "rows": trace.rows,
        "told": trace.told,
    }


def open_requests(lake: Lake, now: datetime) -> Iterator[str]:
    """The requests of which it is not proved that nothing is left, each in a line, those that are due first."""
    waiting = [request for request in lake.catalog.erasures if not _is_proved(lake, request)]
    for request in sorted(waiting, key=lambda request: request.attributes.due):
        yield f"erasure request {request.name} is open, {due(request, now)}: dataops erase status {request.name}"


def _is_proved(lake: Lake, request: Erasure) -> bool:
    try:
        return proof(lake.store, request) is not None
    except Damaged:  # `dataops erase status` tells it
        return False
