"""`dataops gate`: a file judged as a delivery of it would be, and nothing written.

Not here: what the gates ask (`observe.rules`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import get_args

import click

from dataops_assets.cli.arguments import existing
from dataops_assets.cli.summary import from_here
from dataops_assets.contract import Dataset
from dataops_assets.contract.model import Format
from dataops_assets.gate.corrected import CorrectionError
from dataops_assets.gate.functions import CodeError
from dataops_assets.observe.partition import told
from dataops_assets.steps.content import NotReady
from dataops_assets.steps.trying import try_files
from dataops_assets.storage import landing
from dataops_assets.storage.errors import Damaged, Withheld
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.publishing import Contended

_ENDINGS = tuple(f".{name}" for name in get_args(Format))


def try_delivery(lake: Lake, dataset: Dataset, partition: str | None, files: Sequence[Path]) -> bool:
    """Judge files as one delivery, and tell what each gate says.

    Args:
        lake: Where the deliveries before it lie.
        dataset: Whose delivery it would be.
        partition: For which part.
        files: The files.

    Returns:
        Whether they would be published.

    Raises:
        click.UsageError: Nothing is delivered for the dataset, or there is no such partition.
        click.ClickException: The gates cannot be asked.
    """
    if dataset.derived:
        raise click.UsageError(f"{dataset.name} is made here, not delivered: `--explain` tells what its gate asks")
    assert dataset.ingested
    odd = next((file for file in files if not file.name.endswith(_ENDINGS)), None)
    if odd:
        raise click.UsageError(f"{odd} has no known ending: use one of {', '.join(_ENDINGS)}")
    now = datetime.now(UTC)
    partition = existing(dataset, partition, now)
    expected = landing.expected(dataset.ingested.source, partition)
    if not all(fnmatch(file.name, Path(expected).name) for file in files):
        click.echo(f"delivered, it must be called {expected}")
    passed = True
    try:
        for verdict in try_files(lake, dataset, partition, files, now):
            passed = verdict.passed
            click.echo(f"the {verdict.gate} gate would {'pass' if passed else 'refuse'} it")
            click.echo("\n".join(told(verdict)))
    except (NotReady, CodeError, CorrectionError, Contended, Damaged, Withheld) as error:
        raise click.ClickException(from_here(str(error))) from error
    click.echo("nothing was written")
    return passed
