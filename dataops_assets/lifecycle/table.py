"""The table of all that is kept anywhere: how long, who ends it, where that is stated. Plain data, from the contracts alone.

Here: one `Term` for each kind of thing. Not here: the rules of buckets that follow (`rules`), and what lies in a store (`due`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from dataops_assets.contract import Catalog, Dataset
from dataops_assets.contract.duration import Duration
from dataops_assets.contract.policy import ZONES, Lifecycle, Zone
from dataops_assets.contract.retention import Area, Colder, Retention
from dataops_assets.storage import layout
from dataops_assets.storage.store import WRITER_LIVES

Place = Literal["landing bucket", "prod bucket", "dev bucket", "audit bucket", "any folder", "Dagster", "runtime"]
"""Where something is kept."""
BUCKETS: dict[str, Place] = {
    "landing": "landing bucket", "prod": "prod bucket", "dev": "dev bucket", "audit": "audit bucket"
}  # fmt: skip
"""Those whose rules are generated, by their short names. Of the first two, one may hold what is for both."""

Ender = Literal[
    "bucket rule",
    "object lock",
    "sweeper",
    "sensor sweep",
    "sensor prune",
    "retention of Dagster",
    "Terraform",
    "nobody",
    "nobody yet",
]
"""Who ends it; `nobody yet` of what nothing keeps so far."""

AREAS = ("adhoc", "branch", "dev")
"""The tops of the dev bucket below which each area has a name of its own."""
TRASH = "trash"
"""The top below which areas lie that can still be brought back."""


@dataclass(frozen=True)
class Term:
    """How long one kind of thing is kept.

    Attributes:
        place: Where.
        what: What it is, as people call it.
        keep: How long it is kept: from when it was written, an area from when it was used last.
        ends_by: Who ends it.
        stated: The file and line that say so.
        prefix: Of what lies in a bucket or folder: how its keys begin.
        tags: Of what lies in a bucket: the tags that it is known by among those that begin so.
        colder: When it moves to a cheaper storage class.
        versions: How long a version that was replaced or has ended is kept besides.
    """

    place: Place
    what: str
    keep: Duration | Area
    ends_by: Ender
    stated: str
    prefix: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    colder: Colder | None = None
    versions: Duration | None = None


def table(catalog: Catalog) -> list[Term]:
    """Every kind of thing there is, place by place."""
    return [*_landing(catalog), *_zones(catalog), *_platform(catalog)]


def _landing(catalog: Catalog) -> Iterator[Term]:
    """Providers tag nothing, so it goes by folder: one term for all, and one for each dataset whose files end sooner.

    Of two rules that are about one object, S3 follows the one that ends it sooner.
    """
    kept: dict[str, tuple[Duration, str]] = {}
    for dataset in catalog:
        if dataset.ingested:
            kept[dataset.deliveries] = (catalog.keep(dataset, "landing"), _stated(catalog, dataset, "landing"))
    classes = {name: (found.keep("landing"), _at(catalog, "lifecycles", name, "landing")) for name, found in _classes(catalog)}
    longest, stated = max((kept or classes).values(), key=lambda pair: pair[0].length)
    yield _written("landing bucket", catalog, f"{layout.LANDING}/", Retention(keep=longest), stated)
    for name, (keep, where) in sorted(kept.items()):
        if keep.length < longest.length:
            yield _written("landing bucket", catalog, f"{layout.LANDING}/{name}/", Retention(keep=keep), where)


def _zones(catalog: Catalog) -> Iterator[Term]:
    """By zone and class; a dataset that differs has a class of its own, or shares it with those that differ alike."""
    for zone in ZONES[1:]:
        for name, found in _classes(catalog):
            yield _in_prod(catalog, f"{zone}/", found.retention(zone), _at(catalog, "lifecycles", name, zone), name)
        own: dict[str, Dataset] = {}
        for dataset in catalog:
            if zone in dataset.attributes.lifecycle.overrides:
                own.setdefault(layout.tags(dataset, zone)["lifecycle"], dataset)
        for name, dataset in sorted(own.items()):
            yield _in_prod(catalog, f"{zone}/", catalog.retention(dataset, zone), _stated(catalog, dataset, zone), name)


def _platform(catalog: Catalog) -> Iterator[Term]:
    platform = catalog.policy.platform

    def term(place: Place, what: str, name: str, ends_by: Ender, prefix: str | None = None) -> Term:
        return Term(place, what, getattr(platform, name), ends_by, _at(catalog, "platform", name), prefix)

    for prefix, name in layout.PLATFORM.items():
        yield _in_prod(catalog, prefix, Retention(keep=getattr(platform, name)), _at(catalog, "platform", name))
    for name in AREAS:
        yield term("dev bucket", f"{name}/", name, "sweeper", f"{name}/")
    longest = max(AREAS, key=lambda name: getattr(platform, name).trash.length)
    trash: Duration = getattr(platform, longest).trash
    yield Term("dev bucket", f"{TRASH}/", trash, "sweeper", _at(catalog, "platform", longest, "trash"), f"{TRASH}/")
    yield term("audit bucket", "access logs", "access_logs", "bucket rule", "")
    yield term("prod bucket", "lock of each version", "locked", "object lock")
    for bucket in BUCKETS.values():
        yield term(bucket, "old versions of all else", "versions", "bucket rule")
        yield term(bucket, "interrupted uploads", "interrupted_uploads", "bucket rule")
    half_done = Duration(text="1 day", hours=WRITER_LIVES // timedelta(hours=1))
    yield Term("any folder", "_tmp/", half_done, "sensor sweep", "dataops_assets/storage/store.py", "_tmp/")
    yield term("Dagster", "runs and their events", "runs", "sensor prune")
    yield term("Dagster", "ticks", "ticks", "retention of Dagster")
    yield term("Dagster", "compute logs", "compute_logs", "sensor prune")
    for name in ("query_results", "logs", "images", "backups"):
        yield term("runtime", name.replace("_", " "), name, "Terraform")
    yield term("runtime", "metrics", "metrics", "nobody yet")


def _in_prod(catalog: Catalog, prefix: str, retention: Retention, stated: str, lifecycle: str = "") -> Term:
    return _written("prod bucket", catalog, prefix, retention, stated, lifecycle)


def _written(place: Place, catalog: Catalog, prefix: str, retention: Retention, stated: str, lifecycle: str = "") -> Term:
    return Term(
        place,
        f"{prefix} of {lifecycle}" if lifecycle else prefix,
        retention.keep,
        "nobody" if retention.keep.hours is None else "bucket rule",
        stated,
        prefix,
        {"lifecycle": lifecycle} if lifecycle else {},
        retention.colder,
        catalog.policy.versions(retention),
    )


def _classes(catalog: Catalog) -> list[tuple[str, Lifecycle]]:
    return sorted(catalog.policy.lifecycles.items())


def _stated(catalog: Catalog, dataset: Dataset, zone: Zone) -> str:
    """Where it stands how long a dataset is kept in a zone."""
    choice = dataset.attributes.lifecycle
    if zone in choice.overrides:
        return f"{dataset.source.file}:{dataset.source.line(('lifecycle', zone))}"
    return _at(catalog, "lifecycles", choice.name, zone)


def _at(catalog: Catalog, *path: str) -> str:
    return f"{catalog.source.file}:{catalog.source.line(path)}"
