"""`dataops correct`: a correction from a prompt, shown before and after, and written beside its dataset.

Not here: what it finds and what it does (`steps.correcting`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path

import click
import polars as pl

from dataops_assets.cli.summary import command, from_here
from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.errors import Mistake
from dataops_assets.corrections.writing import Wish
from dataops_assets.gate.corrected import CorrectionError
from dataops_assets.gate.functions import CodeError
from dataops_assets.gate.reading import DeliveryError
from dataops_assets.gate.wording import in_print
from dataops_assets.steps.correcting import Proposal, propose
from dataops_assets.storage.lake import Lake, name_of

_SHOWN = 10


def correct_dataset(lake: Lake, dataset: Dataset, partition: Partition, wish: Wish, defs: Path, dry_run: bool) -> None:
    """Write a correction, or show what it would do.

    Args:
        lake: Where its delivery lies.
        dataset: What is corrected.
        partition: Which part.
        wish: What is asked for.
        defs: The folder that holds `policy.yaml`.
        dry_run: Whether nothing is written.

    Raises:
        click.UsageError: It is not clear what is wanted.
        click.ClickException: It does not fit what was delivered.
    """
    if sum(map(bool, (wish.key, wish.where, wish.add))) != 1 or sum(map(bool, (wish.changes, wish.drop, wish.add))) != 1:
        raise click.UsageError("name a row by --key, or rows by --where, and say --set or --drop; or say --add")
    try:
        found = propose(lake, dataset, partition, wish, defs, datetime.now(UTC))
    except Mistake as error:
        raise click.UsageError(str(error)) from error
    except (LookupError, CorrectionError, DeliveryError, CodeError) as error:
        raise click.ClickException(from_here(str(error))) from error
    _show(dataset, found, wish)
    for line in _judged(found):
        click.echo(line)
    click.echo(found.entry, nl=False)
    if dry_run:
        click.echo(f"nothing was written; without --dry-run this is added to {found.file}")
        return
    try:
        found.write()
    except Mistake as error:
        raise click.ClickException(from_here(str(error))) from error
    click.echo(f"added to {found.file}; review and commit it, and then: {command('run', dataset.name)}")


def _show(dataset: Dataset, found: Proposal, wish: Wish) -> None:
    """The rows before and after, as far as values may be shown."""
    rows = max(found.before.height, found.after.height)
    what = name_of(dataset, None)
    if not dataset.is_public:
        click.echo(f"{what}: {rows:,} rows; {dataset.attributes.classification} values are not shown, but stand in the entry")
        return
    columns = [*dataset.attributes.key, *wish.changes] if wish.changes else list(dataset.schema.columns)
    lines = [["", *columns]]
    for before, after in zip_longest(_texts(found.before, columns), _texts(found.after, columns)):
        lines += [["before", *(before or [])], ["after", *(after or [])]]
    widths = [max(map(len, cells)) for cells in zip_longest(*lines, fillvalue="")]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip())
    if rows > _SHOWN:
        click.echo(f"… and {rows - _SHOWN:,} rows more")


def _judged(found: Proposal) -> Iterator[str]:
    """What the content gate would say of these rows, and of their partition with them."""
    judged, gate = found.judged, "the content gate"
    if isinstance(judged, str):
        yield f"{gate} cannot be asked: {judged}"
        return
    rejected = judged.rejected.filter(pl.col("row").is_in(found.numbers))
    for row, reasons in rejected.select("row", "reasons").head(_SHOWN).iter_rows():
        yield f"{gate} would reject row {found.place(row)}: {', '.join(reasons)}"
    if rejected.height > _SHOWN:
        yield f"… and {rejected.height - _SHOWN:,} rows more"
    among = [
        (result, rows)
        for result in judged.rules
        if result.severity != "reject" and (rows := [one["row"] for one in result.offenders if one["row"] in found.numbers])
    ]
    for result, rows in among:
        yield f"{gate} would find {result.rule} broken by row {', '.join(map(found.place, rows))}: {result.sentence}"
    yield from (f"{gate} would refuse the partition: {reason}" for reason in judged.reasons)
    if rejected.is_empty() and not among and not judged.reasons:
        yield f"{gate} would find nothing wrong with it"


def _texts(rows: pl.DataFrame, columns: list[str]) -> list[list[str]]:
    return [["null" if value is None else in_print(value) for value in row] for row in rows.select(columns).head(_SHOWN).rows()]
