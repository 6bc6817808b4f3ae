"""`dataops quality --statistics`: what is said of the picture. Not here: what it shows (`observe.statistics`)."""

from datetime import UTC, datetime
from pathlib import Path

import click

from dataops_assets.contract import Dataset
from dataops_assets.observe.statistics import ENDINGS, draw
from dataops_assets.storage.lake import Lake


def draw_statistics(lake: Lake, dataset: Dataset, target: Path) -> None:
    """Draw the statistics of a dataset over time, and say how many partitions there are.

    Raises:
        click.UsageError: It has none, or the file's ending tells no kind of picture.
        click.FileError: The file cannot be written.
    """
    if dataset.partitions is None:
        raise click.UsageError(f"{dataset.name} has no partitions, so nothing of it is told over time")
    if target.suffix not in ENDINGS:
        raise click.UsageError(f"{target.name} is no picture that can be drawn: end its name in {', '.join(ENDINGS)}")
    try:
        drawn = draw(lake, dataset, datetime.now(UTC), target)
    except OSError as error:
        if error.filename != str(target):  # what is read
            raise
        raise click.FileError(str(target), error.strerror) from error
    click.echo(f"{drawn} partitions in {target}" if drawn else f"nothing of {dataset.name} is published, so nothing is drawn")
