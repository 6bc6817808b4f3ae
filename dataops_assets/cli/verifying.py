"""`dataops verify`: every byte that lies here, read and compared with what was written.

Not here: what is compared (`observe.verify`).
"""

from collections.abc import Collection

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from dataops_assets.contract import Dataset, Partition
from dataops_assets.observe.verify import objects, verify
from dataops_assets.storage.lake import Lake


def verify_objects(lake: Lake, datasets: Collection[Dataset], partition: Partition) -> bool:
    """Read what was published and received, and tell.

    Returns:
        Whether all of it is what was written.
    """
    found = objects(lake, datasets, partition)
    size = sum(one.entry.bytes for one in found)
    columns = (TextColumn("verifying"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=size)
        altered = verify(lake, found, lambda entry: progress.update(bar, advance=entry.bytes))
    for one in altered:
        click.echo(f"{one.told}\n  → {one.remedy}")
    told = f"{len(altered):,} not what was written" if altered else "all is what was written"
    click.echo(f"{told} · {len(found):,} objects, {size:,} bytes read · {lake.store.where}")
    return not altered
