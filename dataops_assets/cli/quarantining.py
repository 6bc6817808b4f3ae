"""`dataops quarantine`: rejected rows, listed, shown and exported."""

from datetime import UTC, datetime
from pathlib import Path

import click
import polars as pl

from dataops_assets.cli.arguments import existing
from dataops_assets.contract import Dataset
from dataops_assets.contract.errors import choose
from dataops_assets.gate.rules import compile_rules
from dataops_assets.observe.quarantine import history, in_full, in_short, rejected
from dataops_assets.steps.pending import partitions_of
from dataops_assets.storage.lake import Lake


def show_quarantine(
    lake: Lake,
    datasets: list[Dataset],
    partition: str | None,
    rule: str | None,
    row: int | None,
    limit: int,
    export: Path | None,
) -> None:
    """Tell what lies in quarantine, or write it to a file.

    Args:
        lake: Where it lies.
        datasets: Whose rows.
        partition: Of which partition; None for all.
        rule: Only rows that this rule rejected; None for all.
        row: The number of the one row whose history is told; None for all that lie there.
        limit: How many rows are shown.
        export: Where all rows are written to; None to show them.

    Raises:
        click.UsageError: There is no such rule or partition, or the file can be of no known kind.
        click.ClickException: Nothing is known of the row.
    """
    now = datetime.now(UTC)
    if row:
        if len(datasets) > 1 or rule or export:
            raise click.UsageError("name the DATASET and the PARTITION of the row, and nothing else")
        try:
            click.echo("\n".join(history(lake, datasets[0], existing(datasets[0], partition, now), row)))
        except LookupError as error:
            raise click.ClickException(str(error)) from error
        return
    if len(datasets) > 1:
        if export:
            raise click.UsageError("name the DATASET to export: each has columns of its own")
        _tell(list(in_short(lake, datasets, rule, now)), _MORE, datasets, rule)
        return
    [dataset] = datasets
    keys = [existing(dataset, partition, now)] if partition or not dataset.partitions else partitions_of(dataset, now)
    if export:
        _export(rejected(lake, dataset, keys, rule), export)
    elif len(keys) > 1:
        _tell(list(in_short(lake, datasets, rule, now)), _MORE, datasets, rule)
    else:
        found = rejected(lake, dataset, keys, rule)
        _tell(list(in_full(lake, dataset, keys[0], found, limit)), "", datasets, rule)


_MORE = "more: dataops quarantine DATASET PARTITION"


def _tell(lines: list[str], more: str, datasets: list[Dataset], rule: str | None) -> None:
    rules = {one.name: one.severity for dataset in datasets for one in compile_rules(dataset)}
    if rule and not lines and rule not in rules:  # one that is no more may still have rejected rows
        rejecting = [name for name, severity in rules.items() if severity == "reject"]
        raise click.UsageError(f"there is no rule `{rule}`: {choose(rule, rejecting)}")
    click.echo("\n".join([*lines, *filter(None, [more])] if lines else ["nothing lies there"]))


def _export(rows: pl.DataFrame, file: Path) -> None:
    try:
        if file.suffix == ".csv":
            flat = rows.drop("earlier", strict=False)  # a text has no room for it: --row tells it
            flat.with_columns(pl.col("reasons").list.join("; ")).write_csv(file)
        elif file.suffix == ".parquet":
            rows.write_parquet(file)
        else:
            raise click.UsageError(f"{file} is neither .csv nor .parquet")
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror or error}") from error
    click.echo(f"wrote {rows.height:,} rows to {file}")
