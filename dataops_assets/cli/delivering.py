"""`dataops deliver`: the sample data, dropped into landing as a provider would."""

import click
from rich.console import Console
from rich.progress import Progress

from dataops_assets.cli import sample
from dataops_assets.cli.faults import FAULTS, NO_FAULT, NotBreakable
from dataops_assets.storage import layout
from dataops_assets.storage.lake import Lake


def deliver_sample(lake: Lake, dataset: str | None, partition: str | None, fault: str | None = None) -> None:
    """Drop files of the sample into landing, and say what was done.

    Files that lie there already, byte for byte, are left as they are.

    Raises:
        click.UsageError: The sample has no such dataset or day.
    """
    known = [name for name in (*sample.REFERENCES, *sample.DAILY) if name in lake.catalog.datasets]
    if dataset and dataset not in known:
        raise click.UsageError(f"the sample has no `{dataset}`; it has: {', '.join(known)}")
    if partition and dataset in sample.REFERENCES:
        raise click.UsageError(f"{dataset} has no partitions: leave out {partition}")
    if fault and not (partition or dataset in sample.REFERENCES):
        raise click.UsageError(
            "--fault breaks one delivery: name it, as in `dataops deliver flights 2013-03-10 --fault truncated`"
        )
    written = same = 0
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("delivering", total=None)
        for name in [dataset] if dataset else known:
            top = layout.landing(lake.catalog[name])
            try:
                for file, content in sample.deliveries(name, partition, FAULTS[fault] if fault else NO_FAULT):
                    key = f"{top}/{file}"
                    # A delivery asked for by day is a new arrival even if it brings the same bytes.
                    if not partition and lake.landing.read(key) == content:
                        same += 1
                    else:
                        lake.landing.write(key, content, {})
                        written += 1
                    progress.update(bar, advance=1, description=f"delivering {name}")
            except KeyError as error:
                raise click.UsageError(
                    lake.catalog[name].gap_reason(partition)
                    or f"the sample has no {name} for {partition}: its days are 2013-01-01 to 2013-12-31"
                ) from error
            except NotBreakable as error:
                raise click.UsageError(f"{name} cannot have the fault `{fault}`: {error}") from error
            except sample.NoSample as error:
                raise click.ClickException(str(error)) from error
    before = f"; {same} were there already" if same else ""
    click.echo(f"delivered {written} file{'s' * (written != 1)} into {lake.landing.address('landing')}{before}")
    if fault:
        click.echo(
            f"in {dataset} {partition or ''}".strip() + f" {FAULTS[fault].told}; `make dev` sees it, or: dataops run {dataset}"
        )
