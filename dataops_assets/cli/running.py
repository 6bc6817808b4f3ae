"""`dataops run`: everything pending, month by month and layer by layer, with a line as each month is done.

Not here: how it ends (`summary`), and what a run does (`components.launch`, `steps`).
"""

import contextlib
import os
import signal
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from dataops_assets import deployment
from dataops_assets.catalog import DEFS
from dataops_assets.cli.summary import summarise
from dataops_assets.components.arrivals import tell_arrivals
from dataops_assets.components.launch import Launch, abandoned, bury, due, launch, launch_results, stages, untold
from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.definitions import build
from dataops_assets.observe.tally import tally
from dataops_assets.steps.pending import held_up, not_whole, partitions_of, zones_written
from dataops_assets.storage import landing
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.folder import Held
from dataops_assets.storage.lake import Lake, name_of

_PLAIN_WIDTH = 110
_MOST_AGAIN = 5
_LONGEST_REASON = 300
_LONGEST_WAIT = timedelta(seconds=60)
_ASKED_TO_END = frozenset({signal.SIGINT, signal.SIGTERM})


def run_pending(lake: Lake, datasets: Sequence[Dataset]) -> int:
    """Run what is pending, and tell.

    Returns:
        0 if every expected partition is published and no newest delivery is refused; 130 if a person stopped it; else 1.
    """
    try:
        deployment.current().permit("")  # once, and before anything else, where none of it could be written
        with lake.store.here.held("run"):
            lake.store.here.sweep(datetime.now(UTC), remove=True)
            return _run_pending(lake, datasets)
    except Held as error:
        click.echo(
            f"another `dataops run` (process {error.process}) is at work on {lake.store.where}: "
            "nothing was done here; run again when it has ended",
            err=True,
        )
        return 1
    except OperationalError as error:
        home = deployment.current().dagster_home or Path.cwd()
        remedy = "See that it has room and this user the right to write there, and run again: what is published stays"
        click.echo(f"{home}: the records of Dagster cannot be written: {error.orig}. {remedy}", err=True)
        return 1
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        click.echo("stopped: what is published stays, and `dataops run` goes on where this ended", err=True)
        return 130


def _run_pending(lake: Lake, datasets: Sequence[Dataset]) -> int:
    console = Console(soft_wrap=True, markup=False, emoji=False)  # what it tells may hold any name
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    began = time.monotonic()
    failures: list[str] = []
    altered: dict[tuple[Zone, Dataset, Partition], str] = {}
    tried: dict[tuple[Zone, str, Partition], Any] = {}
    _wait_for_quiet(lake, datasets, console)
    runs = 0
    with open_instance() as instance, _progress(console) as progress, _interrupted() as interrupted:
        bury(instance, abandoned(instance, lake))
        definitions = build(DEFS, deployment.current())
        batches = list(_batches(lake, datasets))
        whole = set(datasets) == set(lake.catalog)
        seen = lake.at_a_glance()  # shared by all that look, until a run has changed something
        never_told = _never_told(instance, seen, datasets)
        bar = progress.add_task("", total=len(batches))
        for title, wanted, within in batches:
            progress.update(bar, description=title)
            before = time.monotonic()
            done: dict[Dataset, set[Partition]] = {}
            failed_before = len(failures)
            for zone, layer in stages(lake.catalog, wanted):
                for planned in due(seen, zone, layer, datetime.now(UTC), within, never_told, tried):
                    altered |= _altered(seen, planned)
                    failures += launch(definitions, instance, lake, planned, taken_on=whole)
                    seen = lake.at_a_glance()
                    runs += 1
                    if interrupted():
                        raise KeyboardInterrupt
                    for dataset in planned.datasets:
                        never_told[zone, dataset.name] -= set(planned.partitions)
                        done.setdefault(dataset, set()).update(planned.partitions)
            if done:
                failed_here = len(set(failures[failed_before:]))
                console.print(_line(seen, title, done, failed_here, time.monotonic() - before), highlight=False)
            progress.advance(bar)
        tell_arrivals(instance, seen, datasets, datetime.now(UTC))
        failures += launch_results(definitions, instance, seen, datasets, taken_on=whole)  # a view: none of the runs that count
    if not runs:
        console.print(_idle(seen, datasets), highlight=False)
    again = [told for where, told in altered.items() if not seen.altered(*where)]
    for told in again[:_MOST_AGAIN]:
        console.print(f"{told}; it was made again", style="yellow", highlight=False)
    if len(again) > _MOST_AGAIN:
        console.print(f"… and {len(again) - _MOST_AGAIN:,} more that were made again", style="yellow")
    failed = list(dict.fromkeys(failure.strip() for failure in failures))
    return 0 if summarise(seen, datasets, failed, runs, time.monotonic() - began, console) else 1


def _idle(lake: Lake, datasets: Sequence[Dataset]) -> str:
    """Why there was nothing to run."""
    now = datetime.now(UTC)
    held = [dataset for dataset in datasets if held_up(lake, dataset, now)]
    told = [f"{one.name} waits for {', '.join(name_of(other, None) for other in lake.lacking(one))}" for one in held]
    if told:
        return f"nothing can be run yet: {'; '.join(told)}"
    if count := sum(len(not_whole(lake, dataset, now)) for dataset in datasets):
        return f"nothing can be run yet: {count:,} {'delivery is' if count == 1 else 'deliveries are'} not whole"
    return "nothing was pending: everything that was delivered is judged already, and published if it passed"


def _altered(lake: Lake, planned: Launch) -> dict[tuple[Zone, Dataset, Partition], str]:
    """What a run takes the place of that is not what was written, in words."""
    zones: tuple[Zone, ...] = () if planned.zone == "raw" else (planned.zone, "quarantine")
    asked = [(zone, dataset, key) for dataset in planned.datasets for key in planned.partitions for zone in zones]

    def look(one: tuple[Zone, Dataset, Partition]) -> str:
        with contextlib.suppress(Damaged):  # a record, which the run tells
            return lake.altered(*one)
        return ""

    found = zip(asked, lake.store.each(look, asked), strict=True)
    return {where: told for where, told in found if told}


def _never_told(
    instance: dg.DagsterInstance, lake: Lake, datasets: Sequence[Dataset]
) -> dict[tuple[Zone, str], set[Partition]]:
    """What a run that was killed published, or what an instance that was removed knew: it is run again, which tells it."""
    now = datetime.now(UTC)
    layers = [(zone, dataset) for dataset in datasets for zone in zones_written(dataset)]
    return {(zone, dataset.name): set(untold(instance, lake, dataset, zone, now)) for zone, dataset in layers}


def _batches(lake: Lake, datasets: Sequence[Dataset]) -> Iterator[tuple[str, list[Dataset], set[Partition] | None]]:
    """What to run together: tables without partitions first, then month by month, then all that is left."""
    now = datetime.now(UTC)
    tables = [dataset for dataset in datasets if not dataset.partitions and not _reads_partitions(lake, dataset)]
    if tables:
        yield "reference tables", tables, {None}
    timed = [dataset for dataset in datasets if dataset.partitions]
    keys = {key for dataset in timed for key in partitions_of(dataset, now) if key}
    for month in sorted({key[:7] for key in keys if len(key) >= len("2013-01")}):
        here: set[Partition] = {key for key in keys if key[:7] == month}
        yield date.fromisoformat(f"{month}-01").strftime("%B %Y"), timed, here
    yield "all months", list(datasets), None


def _reads_partitions(lake: Lake, dataset: Dataset) -> bool:
    others = [lake.catalog[name] for name in dataset.upstream]
    return any(other.partitions or _reads_partitions(lake, other) for other in others)


def _line(lake: Lake, title: str, done: dict[Dataset, set[Partition]], failed: int, seconds: float) -> str:
    now = datetime.now(UTC)
    found = [tally(lake, dataset, sorted(partitions, key=str), now) for dataset, partitions in done.items()]
    ingested = [t for t, dataset in zip(found, done, strict=True) if dataset.ingested]
    days = max(t.expected for t in found)
    rows = sum(t.delivered for t in ingested)
    corrected = sum(t.corrected + t.added + t.dropped for t in ingested)
    parts = [
        f"{days} days" if days > 1 else "",
        f"{rows:,} rows" if ingested else "",
        f"{sum(t.rejected for t in ingested):,} rejected",
        f"{sum(t.normalised for t in ingested):,} normalised",
        f"{corrected} corrected" if corrected else "",
        f"gates: {sum(t.passed for t in found)} passed",
        f"{sum(t.warned for t in found)} warned",
        f"{sum(t.refused for t in found)} refused",
        f"{failed} failed" if failed else "",
        f"{seconds:.1f} s",
    ]
    return f"{title:16} " + " · ".join(filter(None, parts))


def _wait_for_quiet(lake: Lake, datasets: Sequence[Dataset], console: Console) -> None:
    """Wait for deliveries whose files were written a moment ago, so that what was just delivered is received."""
    until = time.monotonic() + _LONGEST_WAIT.total_seconds()
    while time.monotonic() < until:
        now = datetime.now(UTC)
        waiting = [
            arrival
            for dataset in datasets
            if dataset.ingested and dataset.ingested.source.complete.quiet
            for arrival in landing.arrivals(lake.landing, dataset, now).values()
            if arrival.waiting_for and not arrival.closed
        ]
        if not waiting:
            return
        several = f"{len(waiting)} deliveries" if len(waiting) > 1 else "a delivery"
        console.print(f"waiting for {several} to be still", style="dim")
        time.sleep(1)


@contextlib.contextmanager
def _interrupted() -> Iterator[Callable[[], bool]]:
    """Whether a person pressed Ctrl-C meanwhile, or somebody else asked the process to end.

    While a run executes, Dagster takes the signals for itself and may swallow them; the wake-up pipe sees them all the same.
    After it, Dagster has SIGTERM do what SIGINT does, which a shell has a job in its background ignore.
    """
    handlers = {asked: signal.signal(asked, signal.default_int_handler) for asked in _ASKED_TO_END}
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write)

    def interrupted() -> bool:
        try:
            return not _ASKED_TO_END.isdisjoint(os.read(read, 1024))
        except BlockingIOError:
            return False

    try:
        yield interrupted
    finally:
        signal.set_wakeup_fd(before)
        for asked, handler in handlers.items():
            signal.signal(asked, handler)
        os.close(read)
        os.close(write)


@contextlib.contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance that `dagster dev` in this folder uses, too.

    Raises:
        click.ClickException: There is none.
    """
    home = deployment.current().dagster_home
    if home is None and not Path("dagster.yaml").exists():
        raise click.ClickException("there is no dagster.yaml here: run it in the project's folder, or set DAGSTER_HOME")
    warnings.filterwarnings("ignore", module="dagster")
    try:
        opened = dg.DagsterInstance.from_config(str(home or Path.cwd()))
    except (OSError, SQLAlchemyError):
        raise
    except Exception as error:  # whatever its parts raise of a file that they cannot use
        # Of a key that it does not know, Dagster goes on with all that it does know.
        why = textwrap.shorten(str(error), _LONGEST_REASON, placeholder=" …") or type(error).__name__
        raise click.ClickException(f"{home or Path.cwd()}/dagster.yaml: Dagster cannot use it: {why}") from error
    with opened as instance:
        yield instance


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
