"""A query whose result lies in an ad-hoc area: over what the area's reader group may read, and for that group alone.

A dataset is there for a query if its contract lets the group read it, and a partition if it was published for the group, too.
All others do not exist for it. Not here: how SQL is kept from anything else (`sandbox`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from dataops_assets.areas.sandbox import Limits, QueryError, Refused, run, tables
from dataops_assets.contract import Dataset
from dataops_assets.lifecycle.area import Area
from dataops_assets.lifecycle.made import RESULT, Made, record, tags
from dataops_assets.lifecycle.registry import Registry
from dataops_assets.steps.pending import partitions_of
from dataops_assets.storage.lake import Lake, outdated
from dataops_assets.storage.provenance import Provenance
from dataops_assets.storage.store import hash_file

_TRIES = 3


@dataclass(frozen=True)
class Asked:
    """A query, and who asks.

    Attributes:
        area: The name of the ad-hoc area.
        sql: The query: one SELECT.
        who: The identity.
        run_id: The Dagster run; empty if there is none.
    """

    area: str
    sql: str
    who: str
    run_id: str = ""


def answer(lake: Lake, registry: Registry, asked: Asked, now: Callable[[], datetime], limits: Limits | None = None) -> Made:
    """Run a query, and put its result into the area, with a record of how it came to be.

    Args:
        lake: What is read.
        registry: The areas.
        asked: The query.
        now: Tells the time.
        limits: How much it may take.

    Raises:
        AreaError: There is no such area, or it is in the trash.
        QueryError: The query cannot be run.
    """
    limits = limits or Limits()
    area = registry.change("adhoc", asked.area, lambda held: held.used(now(), asked.who))
    datasets = _named(lake, area, _tables(lake, asked.sql, limits))
    key = f"{area.path}/{RESULT}"
    with registry.store.draft(key) as draft:
        read, rows = _run(lake, area, asked.sql, datasets, now(), draft, limits)
        classifications = [lake.catalog[name].attributes.classification for name in read]
        made = Made(
            area=area.name,
            sql=asked.sql,
            inputs={name: {one.partition or "": one.sha256 for one in versions} for name, versions in read.items()},
            readers=area.group or "",
            classification=max(classifications, key=lake.catalog.policy.rank, default="public"),
            sha256=hash_file(draft),
            rows=rows,
            bytes=draft.stat().st_size,
            run_id=asked.run_id,
            made_by=lake.made_by(),
            made_at=now(),
        )
        registry.change("adhoc", asked.area, lambda held: held.used(now(), asked.who))  # it may have gone meanwhile
        record(registry.store, area, made)
        registry.store.write(key, draft, tags(area))
    return made


def _run(
    lake: Lake, area: Area, sql: str, datasets: Iterable[Dataset], now: datetime, draft: Path, limits: Limits
) -> tuple[dict[str, list[Provenance]], int]:
    """Run it over versions that stood there all the while: a partition that is replaced meanwhile has it run again."""
    for tries_left in range(_TRIES - 1, -1, -1):
        here = lake.at_another_glance()
        read = {dataset.name: published_for(here, dataset, area.group or "", now) for dataset in datasets}
        try:
            files: dict[str, list[Path]] = {}
            for dataset in datasets:
                paths = _files(lake, dataset, read[dataset.name])
                files |= {dataset.name: paths, f"{dataset.zone}.{dataset.name}": paths}
            rows = run(sql, files, draft, limits)
            for dataset in datasets:
                _files(lake, dataset, read[dataset.name])  # looked at anew, not as they were listed
            return read, rows
        except FileNotFoundError:
            if not tries_left:
                raise
        except Refused as error:
            secret = [one.name for one in datasets if not one.is_public]
            if error.holds_values and secret:
                told = f"{error.kind}; what DuckDB said of it is not shown, since {', '.join(secret)} is not public"
                raise QueryError(told) from None
            raise
    raise AssertionError


def _tables(lake: Lake, sql: str, limits: Limits) -> set[str]:
    """The names of the tables that a query reads: one that it makes itself may read the dataset of the same name."""
    named, made = tables(sql, limits)
    datasets = {name.casefold() for name in lake.catalog.datasets}
    own = {name.casefold() for name in made} - datasets
    return {name for name in named if name.casefold() not in own}


def _files(lake: Lake, dataset: Dataset, made: Iterable[Provenance]) -> list[Path]:
    return list(lake.store.each(lambda one: lake.read(dataset.zone, dataset, one.partition, one.sha256), made))


def readable(lake: Lake, group: str) -> list[str]:
    """The datasets that a reader group may read by their contracts."""
    return [dataset.name for dataset in lake.catalog if group in dataset.attributes.readers]


def published_for(lake: Lake, dataset: Dataset, group: str, now: datetime) -> list[Provenance]:
    """The partitions of a dataset that are published for a reader group, with the columns that are declared.

    Raises:
        QueryError: There is none.
    """
    found = lake.store.each(partial(lake.published, dataset), partitions_of(dataset, now))
    published = [one for one in found if one and not outdated(dataset, one)]
    ours = [one for one in published if one.readers is None or group in one.readers]
    if not ours:
        why = f"none of its partitions was published for `{group}`" if published else "nothing of it is published"
        raise QueryError(f"{dataset.name} cannot be read: {why}")
    return ours


def _named(lake: Lake, area: Area, names: Iterable[str]) -> list[Dataset]:
    """The datasets that a query names.

    Raises:
        QueryError: One is none, or not for the group of the area.
    """
    group = area.group or ""
    by_name = {name.casefold(): lake.catalog[name] for name in readable(lake, group)}
    found = {name: by_name.get(name.casefold()) for name in sorted(names)}
    if missing := [name for name, dataset in found.items() if dataset is None]:
        others = sorted(set(lake.catalog.datasets) - {dataset.name for dataset in by_name.values()})
        told = f"there is no {' and no '.join(missing)} for `{group}`, whose rights {area.path} has; there are: "
        told += ", ".join(dataset.name for dataset in by_name.values()) or "none"
        raise QueryError(told + (f". Others are there, and do not let `{group}` read: {', '.join(others)}" if others else ""))
    return [dataset for dataset in found.values() if dataset]
