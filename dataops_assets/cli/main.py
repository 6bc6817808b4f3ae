"""The command `dataops` and its verbs."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from dataops_assets import deployment
from dataops_assets.catalog import DEFS, load_catalog
from dataops_assets.cli.faults import FAULTS
from dataops_assets.contract import ContractError, Dataset
from dataops_assets.storage.folder import in_words, is_lasting
from dataops_assets.storage.lake import Lake


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """DataOps for the datasets declared in defs/: deliver, run, look."""


def open_lake() -> Lake:
    """The lake of the current deployment."""
    return Lake(load_catalog(DEFS), deployment.current().store)


def named(lake: Lake, names: tuple[str, ...]) -> list[Dataset]:
    """The datasets of these names, each once; all, if there are none.

    Raises:
        click.UsageError: One is not declared.
    """
    for name in names:
        if name not in lake.catalog.datasets:
            raise click.UsageError(f"there is no dataset `{name}`; there are: {', '.join(lake.catalog.datasets)}")
    return [lake.catalog[name] for name in dict.fromkeys(names)] or list(lake.catalog)


@cli.command()
@click.argument("dataset", required=False)
@click.argument("partition", required=False)
@click.option("--fault", type=click.Choice(list(FAULTS)), metavar="FAULT", help=f"Break the delivery: {', '.join(FAULTS)}.")
def deliver(dataset: str | None, partition: str | None, fault: str | None) -> None:
    """Play the provider: drop sample data into the landing zone.

    Without arguments the whole of 2013; with a DATASET its files; with a PARTITION (2013-03-10) that day's.
    """
    from dataops_assets.cli.delivering import deliver_sample

    deliver_sample(open_lake(), dataset, partition, fault)


@cli.command()
@click.argument("datasets", nargs=-1)
def run(datasets: tuple[str, ...]) -> None:
    """Do what is pending, layer by layer: landing → raw → staged → curated.

    With DATASETS only those. Ends with a summary; the exit code is 0 only if all that the contracts demand holds.
    """
    from dataops_assets.cli.running import run_pending

    lake = open_lake()
    sys.exit(run_pending(lake, named(lake, datasets)))


@cli.command()
@click.argument("dataset", required=False)
@click.argument("partition", required=False)
def status(dataset: str | None, partition: str | None) -> None:
    """Say what is there: what is it, where from, is it good, who may read it, until when.

    With a PARTITION (2013-02-09): what arrived for it, what each gate said, and which rows broke which rule.
    """
    from dataops_assets.observe.partition import describe_partition
    from dataops_assets.observe.status import describe, overview

    lake = open_lake()
    now = datetime.now(UTC)
    if dataset is None:
        click.echo(overview(lake, now))
        return
    [found] = named(lake, (dataset,))
    if partition is None and found.partitions:
        click.echo(describe(lake, found, now))
        return
    if partition and (found.partitions is None or not found.partitions.contains(partition, now)):
        if found.partitions is None:
            raise click.UsageError(f"{dataset} has no partitions: leave out {partition}")
        keys = found.partitions.keys(now)
        raise click.UsageError(f"{partition} is no partition of {dataset}: name one from {keys[0]} to {keys[-1]}")
    if partition is None:
        click.echo(describe(lake, found, now) + "\n")
    click.echo(describe_partition(lake, found, partition, now))


@cli.command("map")
@click.option("--check", is_flag=True, help="Write nothing; fail if the committed map is stale.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("docs/map.svg"), show_default=True)
def draw_map(check: bool, output: Path) -> None:
    """Draw the data flow with access rights, as SVG."""
    from dataops_assets.observe.map import draw

    picture = draw(load_catalog(DEFS))
    if check:
        if not output.exists() or output.read_text(encoding="utf-8") != picture:
            raise click.ClickException(f"{output} is stale: run `dataops map` and commit it")
        click.echo(f"{output} is up to date")
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(picture, encoding="utf-8")
    click.echo(f"wrote {output}")


def main() -> None:
    """The entry point: errors that the user can mend are told without a traceback."""
    try:
        cli(standalone_mode=True)
    except (ContractError, deployment.DeploymentError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except OSError as error:
        if not is_lasting(error):
            raise
        click.echo(in_words(error), err=True)
        sys.exit(1)
