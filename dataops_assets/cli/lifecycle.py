"""`dataops lifecycle` and `dataops export lifecycle`: the table, what is due, what is against it; and the rules of the buckets.

Not here: the table and the rules (`dataops_assets.lifecycle`).
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, get_args

import click

from dataops_assets.contract import Catalog
from dataops_assets.contract.duration import Duration
from dataops_assets.deployment import Deployment
from dataops_assets.garbage import collect_again
from dataops_assets.lifecycle.due import Findings, Heap, look
from dataops_assets.lifecycle.rules import as_terraform, rules
from dataops_assets.lifecycle.table import BUCKETS, Place, Term, table
from dataops_assets.settings import in_a_bucket
from dataops_assets.storage.store import Store


def show_lifecycle(here: Deployment, catalog: Catalog, as_json: bool) -> bool:
    """Print the table, and what lies in the store of a deployment against it.

    Args:
        here: The deployment.
        catalog: The contracts.
        as_json: Whether as JSON.

    Returns:
        Whether nothing is against a policy.
    """
    collect_again()
    terms = table(catalog)
    looked = [(store, look(catalog, store, datetime.now(UTC), holds)) for store, holds in _stores(here)]
    every = [found for _, found in looked]
    found = Findings(
        [heap for one in every for heap in one.heaps],
        [violation for one in every for violation in one.violations],
        [why for one in every for why in one.unknown],
    )
    if as_json:
        click.echo(json.dumps(_plain(here, terms, found), indent=1))
    else:
        due = [line for store, one in looked for line in _due(here, store, one)]
        if not looked:
            due = [f"{here.name} ends as a whole: what lies in it is not looked at"]
        click.echo("\n".join([*_table(terms), "", *due, *_against(found)]))
    return not found.violations


def _stores(here: Deployment) -> list[tuple[Store, tuple[str, ...]]]:
    """What is looked at, and for which buckets each holds things; what lies in an area goes with it, whatever it is."""
    if here.name == "adhoc":
        return [(here.store, ("dev",))]
    if here.prod:
        return []
    return [(here.store, ("prod",)), (here.drops, ("landing",))] if here.drops else [(here.store, ("landing", "prod"))]


def export_rules(catalog: Catalog, buckets: Sequence[str], below: str) -> None:
    """Print the rules of one bucket, or of each by its name, as Terraform takes them.

    Args:
        catalog: The contracts.
        buckets: The short names of what that one bucket holds; none for each.
        below: The prefix below which all of ours lies.
    """
    made: dict[str, Any] = {name: as_terraform(rules(catalog, name, below=below)) for name in sorted(BUCKETS)}
    if buckets:
        made = as_terraform(rules(catalog, *buckets, below=below))
    click.echo(json.dumps(made, indent=1, ensure_ascii=False))


_HEADER = ("what", "kept for", "besides", "stated in", "ended by")


def _table(terms: Sequence[Term]) -> Iterator[str]:
    """A block for each place, each with the names of the columns: it is longer than a screen."""
    in_order = sorted(terms, key=lambda term: get_args(Place).index(term.place))
    rows = [_row(term) for term in in_order]
    widths = [max(map(len, column)) for column in zip(_HEADER, *rows, strict=True)]
    for place, group in itertools.groupby(zip(in_order, rows, strict=True), key=lambda pair: pair[0].place):
        yield place
        for row in [_HEADER, *(row for _, row in group)]:
            yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(term: Term) -> tuple[str, ...]:
    colder = f", {term.colder.to} after {term.colder.after}" if term.colder else ""
    versions = f"old versions {term.versions}" if term.versions else ""
    because = f": {term.keep.reason}" if isinstance(term.keep, Duration) and term.keep.reason else ""
    return term.what, f"{term.keep}{colder}", versions, term.stated, f"{term.ends_by}{because}"


def _due(here: Deployment, store: Store, found: Findings) -> Iterator[str]:
    areas = here.name == "adhoc"
    all_of_it = f"{sum(heap.objects for heap in found.heaps):,} objects, {_size(sum(heap.bytes for heap in found.heaps))}"
    due = [heap for heap in found.heaps if heap.due]
    told = "areas end one by one: `dataops expire --all` tells of each"
    if not areas:
        told = f"past its term{':' if due else ' is nothing'}"
    yield f"in {store.where}: {all_of_it}; {told}"
    yield from (f"  {_heap(heap)}" for heap in due)
    if due and not in_a_bucket(here.data):
        yield "  nothing ends by itself in a folder: remove what is not needed; what raw still holds is made again"
    elif due:
        yield "  the rules of the bucket end it, from the next midnight (UTC) on"


def _heap(heap: Heap) -> str:
    assert heap.term
    return f"{heap.place}: {heap.due:,} of {heap.objects:,} objects, {_size(heap.due_bytes)}, kept for {heap.term.keep}"


def _against(found: Findings) -> Iterator[str]:
    yield from (f"cannot be told: {why}" for why in found.unknown)
    yield f"against a policy: {len(found.violations) or 'nothing'}"
    for violation in found.violations:
        yield f"  {violation.told}"
        yield f"    remedy: {violation.remedy}"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _plain(here: Deployment, terms: Sequence[Term], found: Findings) -> dict[str, Any]:
    return {
        "deployment": here.name,
        "terms": [_term(term) for term in terms],
        "due": [
            {"place": heap.place, "objects": heap.due, "bytes": heap.due_bytes, "of": heap.objects}
            for heap in found.heaps
            if heap.due
        ],
        "unknown": found.unknown,
        "violations": [asdict(violation) for violation in found.violations],
    }


def _term(term: Term) -> dict[str, Any]:
    keep = term.keep.model_dump(exclude_none=True) if isinstance(term.keep, Duration) else _area(term)
    return {
        "place": term.place,
        "what": term.what,
        "keep": keep,
        "colder": {"after": str(term.colder.after), "to": term.colder.to} if term.colder else None,
        "versions": str(term.versions) if term.versions else None,
        "ends_by": term.ends_by,
        "stated": term.stated,
    }


def _area(term: Term) -> dict[str, str]:
    assert not isinstance(term.keep, Duration)
    return {name: str(getattr(term.keep, name)) for name in ("disuse", "notice", "trash")}
