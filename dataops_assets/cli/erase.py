"""`dataops erase`: a person's right, or the end of a contract, from the request in git to the proof that nothing is left.

Not here: what is left and what is done (`steps.traces`, `steps.erasing`), and how it is told (`observe.erasures`).
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import dagster as dg

    from dataops_assets.contract import Dataset, Erasure
    from dataops_assets.steps.trace import Trace
    from dataops_assets.storage.lake import Lake


@click.group()
def erase() -> None:
    """Erase a person, or partitions whose contract has ended: request, plan, run, status.

    A request is an entry of defs/erasures.yaml, reviewed like code. It holds keyed hashes: DATAOPS_ERASURE_KEY is their key.
    """


@erase.command()
@click.argument("dataset")
@click.argument("subject", nargs=-1, metavar="[COLUMN[=VALUE]]...")
@click.option("--partitions", nargs=2, metavar="FIRST LAST", help="Or these partitions as a whole.")
@click.option("--all", "everything", is_flag=True, help="Or the whole dataset.")
@click.option("--reason", required=True, help="Why; without the person's name.")
@click.option("--requested-by", required=True, metavar="TEAM", help="Who asked for it: a team of policy.yaml.")
@click.option("--due", required=True, type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The day by which all is gone.")
def request(
    dataset: str,
    subject: tuple[str, ...],
    partitions: tuple[str, str] | None,
    everything: bool,
    reason: str,
    requested_by: str,
    due: datetime,
) -> None:
    """Write a request into defs/erasures.yaml, to be reviewed and committed.

    Whom it is about is said by a COLUMN and its VALUE, or several of them; a VALUE that is left out is asked for, so that no
    shell keeps it.
    """
    from dataops_assets.catalog import DEFS
    from dataops_assets.cli.arguments import named, open_lake, without_zone
    from dataops_assets.contract.erasure import KEY_VARIABLE
    from dataops_assets.contract.errors import Mistake
    from dataops_assets.erasure.writing import entry_about, entry_of

    if sum(map(bool, (subject, partitions, everything))) != 1:
        raise click.UsageError("say whom it is about by COLUMN=VALUE, or say --partitions or --all")
    lake = open_lake()
    [found] = named(lake, (without_zone(dataset),))
    said = {"reason": reason, "requested_by": requested_by, "due": due.date()}
    try:
        if subject and lake.erasure_key is None:
            made = f"export {KEY_VARIABLE}=$(openssl rand -hex 32)"
            raise click.ClickException(f"{KEY_VARIABLE} is not set: the key of the hashes. The first time, `{made}`; keep it")
        entry = entry_about(found, _asked(subject), lake.erasure_key, said) if lake.erasure_key and subject else None
        add_request(lake, DEFS, entry or entry_of(found, partitions, said))
    except Mistake as error:
        raise click.UsageError(str(error)) from error


def _asked(subject: Sequence[str]) -> dict[str, str]:
    """What names the person, by column; what was left out is asked for, unseen."""
    pairs = (one.partition("=") for one in subject)
    return {name: value if sign else str(click.prompt(name, hide_input=True, err=True)) for name, sign, value in pairs}


def add_request(lake: "Lake", defs: Path, entry: dict[str, object]) -> None:
    """Write an entry below those that there are.

    Raises:
        ContractError: The file has a mistake then.
        Mistake: It stands there already.
    """
    from dataops_assets.catalog import erasures_of
    from dataops_assets.contract import Catalog, ContractError
    from dataops_assets.contract.erasure import ERASURES
    from dataops_assets.contract.errors import Mistake
    from dataops_assets.contract.parse import parse_yaml
    from dataops_assets.erasure import erasure_problems
    from dataops_assets.erasure.writing import text_of

    file = defs / ERASURES
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if any(one.name == entry["request"] for one in lake.catalog.erasures):
        raise Mistake(f"{entry['request']} stands in {ERASURES} already", "edit it there")
    written = text_of(entry)
    whole = before + ("" if before.endswith("\n") or not before else "\n") + ("\n" if before.strip() else "") + written
    requests = erasures_of(parse_yaml(whole, f"{defs.name}/{ERASURES}", list))
    if problems := erasure_problems(Catalog(lake.catalog.policy, lake.catalog, lake.catalog.source, requests)):
        raise ContractError(problems)
    beside = file.with_name(f".{ERASURES}.{os.getpid()}.tmp")
    beside.write_text(whole, encoding="utf-8")
    beside.replace(file)
    click.echo(written, nl=False)
    click.echo(f"added to {file}; see what it means: dataops erase plan {entry['request']}")


@erase.command()
@click.argument("request", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON, for a program.")
def plan(request: str | None, as_json: bool) -> None:
    """Name all that a REQUEST affects, and what becomes of it; nothing is changed.

    Without a REQUEST, of each. Every delivery that was ever received is read. The exit code is 1 if the bucket locks what is
    written until after it is due.
    """
    from dataops_assets import deployment
    from dataops_assets.cli.running import open_instance
    from dataops_assets.observe import erasures

    lake, removes, now = _lake(), deployment.current().removes, datetime.now(UTC)
    with open_instance() as instance:
        found = {one: _traces(lake, one, now, instance) for one in _chosen(lake, request)}
    if as_json:
        click.echo(json.dumps([erasures.as_json(one, trace) for one, several in found.items() for trace in several], indent=1))
        return
    wrong = {one: erasures.lock_problem(one, _lock(lake), now) for one in found}
    for one, several in found.items():
        click.echo(erasures.headline(one, now))
        for line in erasures.planned(several, removes):
            click.echo(line)
        told = (f"{erasures.counted(several)} · {lake.store.where}", erasures.alike(lake, one), wrong[one])
        click.echo("\n".join(filter(None, told)))
    if not found:
        click.echo("there is no erasure request: dataops erase request")
    sys.exit(1 if any(wrong.values()) else 0)


@erase.command()
@click.argument("request", required=False)
def run(request: str | None) -> None:
    """Carry out a REQUEST: redact deliveries, run what that makes pending, take away what is left, and prove it.

    Without a REQUEST, each. It may be stopped and run again. The exit code is 0 only if nothing is left.
    """
    from dataops_assets import deployment
    from dataops_assets.cli.running import open_instance, run_pending

    here = deployment.current()
    here.permit("")
    lake = _lake()
    wanted = _chosen(lake, request)
    with open_instance() as instance:
        carry_out(lake, wanted, here.removes, lambda datasets: run_pending(lake, datasets), instance)
        sys.exit(0 if tell(lake, wanted, instance) else 1)


@erase.command()
@click.argument("request", required=False)
def status(request: str | None) -> None:
    """Say what is left of a REQUEST, where, and since when nothing is. Data is read to prove it.

    Without a REQUEST, of each. The exit code is 1 while anything is left.
    """
    from dataops_assets.cli.running import open_instance

    lake = _lake()
    with open_instance() as instance:
        sys.exit(0 if tell(lake, _chosen(lake, request), instance) else 1)


def carry_out(
    lake: "Lake",
    wanted: "Sequence[Erasure]",
    removes: bool,
    make_again: "Callable[[list[Dataset]], object]",
    instance: "dg.DagsterInstance | None" = None,
) -> None:
    """Redact, have all that was made from it made again, and take away what is left."""
    from dataops_assets.components.erasing import in_records
    from dataops_assets.erasure import CannotTell
    from dataops_assets.steps import erasing
    from dataops_assets.steps.trace import affected
    from dataops_assets.storage.errors import Lost

    now = datetime.now(UTC)
    datasets: dict[str, Dataset] = {}
    for one in wanted:
        found = _traces(lake, one, now)
        try:
            erasing.redact(lake, one, found, now)
        except CannotTell as error:
            raise click.ClickException(str(error)) from error
        except Lost as error:
            raise click.ClickException(f"another process redacts {error}: run it again when that has ended") from error
        if any(trace.kind in erasing.MADE_AGAIN for trace in found):
            datasets |= {dataset.name: dataset for dataset in affected(lake, lake.catalog[one.attributes.dataset])}
    if datasets:
        make_again(list(datasets.values()))
    for one in wanted:
        erasing.clean(lake, one, _traces(lake, one, now), removes, now)
        if instance:
            list(in_records(instance, lake, one, mask=True))
        erasing.prove(lake, one, _traces(lake, one, now, instance), datetime.now(UTC))


def tell(lake: "Lake", wanted: "Sequence[Erasure]", instance: "dg.DagsterInstance | None" = None) -> bool:
    """Say what is left of requests.

    Returns:
        Whether nothing is.
    """
    from dataops_assets import deployment
    from dataops_assets.observe import erasures
    from dataops_assets.storage.erasures import proof

    now, nothing = datetime.now(UTC), True
    for one in wanted:
        found = _traces(lake, one, now, instance)
        click.echo(erasures.headline(one, now))
        for line in erasures.planned(found, deployment.current().removes):
            click.echo(line)
        click.echo(erasures.settled(one, found, proof(lake.store, one), now))
        nothing = nothing and not found
    if not wanted:
        click.echo("there is no erasure request")
    return nothing


def _lake() -> "Lake":
    from dataops_assets.cli.arguments import open_lake

    return open_lake()


def _lock(lake: "Lake") -> timedelta | None:
    """For how long the bucket locks what is written."""
    from dataops_assets.storage.folder import Folder

    if isinstance(lake.store, Folder):
        return None
    from dataops_assets.storage.bucket import default_lock
    from dataops_assets.storage.s3 import S3

    return default_lock(lake.store) if isinstance(lake.store, S3) else None


def _chosen(lake: "Lake", name: str | None) -> "list[Erasure]":
    found = [one for one in lake.catalog.erasures if name in (None, one.name)]
    if name and not found:
        known = ", ".join(one.name for one in lake.catalog.erasures) or "none"
        raise click.UsageError(f"there is no erasure request `{name}`; there are: {known}")
    return found


def _traces(lake: "Lake", request: "Erasure", now: datetime, instance: "dg.DagsterInstance | None" = None) -> "list[Trace]":
    from dataops_assets import deployment
    from dataops_assets.catalog import DEFS
    from dataops_assets.components.erasing import in_records
    from dataops_assets.erasure import CannotTell
    from dataops_assets.steps.traces import in_area, traces

    try:
        with _progress(request.name) as after:
            found = traces(lake, request, now, DEFS, after)
            areas = deployment.current().areas_of_others()
            theirs = [trace for area, entries in areas for trace in in_area(lake, request, area, entries, now, after, found)]
            return [*found, *theirs, *(in_records(instance, lake, request) if instance else ())]
    except CannotTell as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def _progress(name: str) -> "Iterator[Callable[[str], object]]":
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("looking for what is left of {task.description}: {task.completed:,} objects"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(name, total=None)
        yield lambda key: progress.advance(bar)
