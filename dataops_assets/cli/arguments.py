"""What the verbs take: names of datasets and partitions, pairs, addresses; and the lake that they are about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dataops_assets.contract import Catalog, Dataset
    from dataops_assets.storage.lake import Lake
    from dataops_assets.storage.store import Store


def open_lake() -> Lake:
    """The lake of the current deployment; its area, if it is one, is in use from then on.

    From then on Python looks for garbage, too, which a command does not do before.

    Raises:
        AreaError: That is in the trash.
        DeploymentError: The folder that providers drop into is not there.
    """
    from dataops_assets import deployment, settings
    from dataops_assets.catalog import DEFS, load_catalog
    from dataops_assets.garbage import collect_again
    from dataops_assets.lifecycle.lease import renew
    from dataops_assets.storage.lake import Lake

    here = deployment.current()
    here.require_drops()
    store, base = here.datasets
    if here.area:
        renew(store, *here.area, lambda: deployment.identity(settings.in_a_bucket(here.data)), datetime.now(UTC))
    catalog = load_catalog(DEFS)
    collect_again()
    return Lake(catalog, store, here.made_by, base, here.erasure_key, here.drops)


def named(lake: Lake, names: tuple[str, ...]) -> list[Dataset]:
    """The datasets of these names, each once; all, if there are none.

    Raises:
        click.UsageError: One is not declared.
    """
    for name in names:
        refuse_unknown(lake.catalog, name)
    return [lake.catalog[name] for name in dict.fromkeys(names)] or list(lake.catalog)


def refuse_unknown(catalog: Catalog, name: str) -> None:
    """See that there is a dataset of a name.

    Raises:
        click.UsageError: There is none.
    """
    from dataops_assets.contract.errors import choose

    if name not in catalog.datasets:
        raise click.UsageError(f"there is no dataset `{name}`: {choose(name, catalog.datasets)}")


def existing(dataset: Dataset, partition: str | None, now: datetime) -> str | None:
    """A partition that there is, or None for a dataset without.

    Raises:
        click.UsageError: There is no such one, or one must be named.
    """
    partitions = dataset.partitions
    if partitions is None:
        if partition:
            raise click.UsageError(f"{dataset.name} has no partitions: leave out {partition}")
        return None
    if partition is None or not partitions.contains(partition, now):
        keys = partitions.keys(now)
        if not keys:
            raise click.UsageError(
                f"no partition of {dataset.name} is over yet; the first is {partitions.key_of(partitions.first)}"
            )
        what = f"{partition} is no partition of {dataset.name}" if partition else f"{dataset.name} has partitions"
        raise click.UsageError(f"{what}: name one from {keys[0]} to {keys[-1]}")
    return partition


def object_at(stores: Iterable[Store | None], address: str) -> str | None:
    """The SHA-256 of the bytes that lie at an address, as messages write it, in one of some stores."""
    for store in filter(None, stores):
        if address.startswith(f"{store.where}/"):
            return store.reread(address[len(store.where) + 1 :])
    return None


def without_zone(name: str) -> str:
    """A dataset's name as it was given, or as Dagster and messages write it."""
    return name.removeprefix("staged/").removeprefix("curated/")


def pairs(_: click.Context, option: click.Parameter, given: Iterable[str]) -> dict[str, str]:
    """`column=value` options, by column.

    Raises:
        click.BadParameter: One has no `=`, or a column comes twice.
    """
    found: dict[str, str] = {}
    for pair in given:
        name, sign, value = pair.partition("=")
        if not sign or name in found:
            raise click.BadParameter("comes twice" if sign else f"write {pair}=<value>", param=option)
        found[name] = value
    return found
