"""The command `dataops` and its verbs.

Each verb imports what it needs when it is called: `--help` waits for no library.
"""

import logging
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from dataops_assets.cli.access import grants, may, who
from dataops_assets.cli.arguments import existing, named, object_at, open_lake, pairs, without_zone
from dataops_assets.cli.ending import AREAS, AreasOf, expire, lifecycle
from dataops_assets.cli.erase import erase
from dataops_assets.cli.exporting import export
from dataops_assets.cli.faults import FAULTS
from dataops_assets.cli.verbs import Verbs
from dataops_assets.garbage import stop_collecting


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """DataOps for the datasets declared in defs/: deliver, run, look."""


for verb in (who, may, grants, lifecycle, expire, erase, export, *(AreasOf(kind, help=what) for kind, what in AREAS.items())):
    cli.add_command(verb)


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
@click.argument("datasets", nargs=-1)
def plan(datasets: tuple[str, ...]) -> None:
    """Say what `dataops run` would do, and why; nothing is done.

    With DATASETS only what a run over those would.
    """
    from dataops_assets.observe.plan import planned

    lake = open_lake()
    found = planned(lake, named(lake, datasets), datetime.now(UTC))
    click.echo("\n".join(map(str, found)) or "nothing is pending")


@cli.command()
@click.argument("dataset", required=False)
@click.argument("partition", required=False)
def status(dataset: str | None, partition: str | None) -> None:
    """Say what is there: what is it, where from, is it good, who may read it, until when.

    With a PARTITION (2013-02-09): what arrived for it, what each gate said, and which rows broke which rule.
    """
    from dataops_assets.cli.summary import from_here
    from dataops_assets.observe.partition import describe_partition
    from dataops_assets.observe.status import describe, overview

    lake = open_lake().at_a_glance()
    now = datetime.now(UTC)
    if dataset is None:
        click.echo(overview(lake, now))
        return
    [found] = named(lake, (dataset,))
    if partition is None and found.partitions:
        click.echo(from_here(describe(lake, found, now)))
        return
    partition = existing(found, partition, now)
    if partition is None:
        click.echo(from_here(describe(lake, found, now)) + "\n")
    click.echo(from_here(describe_partition(lake, found, partition, now)))


@cli.command()
@click.argument("dataset", required=False)
@click.argument("partition", required=False)
@click.option("--rule", help="Only rows that this rule rejected.")
@click.option("--row", type=click.IntRange(min=1), help="What became of the row of this number: rejected when, released when.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many rows are shown.")
@click.option(
    "--export", type=click.Path(dir_okay=False, path_type=Path), help="Write all of these rows to a .csv or .parquet file."
)
def quarantine(
    dataset: str | None, partition: str | None, rule: str | None, row: int | None, limit: int, export: Path | None
) -> None:
    """Show what was rejected: which rows, for which reasons, and what was delivered.

    Without a PARTITION (2013-02-12), how many rows of each lie there; of a dataset without partitions, the rows.
    """
    from dataops_assets.cli.quarantining import show_quarantine

    lake = open_lake().at_a_glance()
    show_quarantine(lake, named(lake, (dataset,) if dataset else ()), partition, rule, row, limit, export)


@cli.command()
@click.argument("dataset")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--partition", help="The partition that the files are for (2013-03-10).")
@click.option("--explain", is_flag=True, help="Say what the gates ask of the dataset, and how each rule is evaluated.")
def gate(dataset: str, files: tuple[Path, ...], partition: str | None, explain: bool) -> None:
    """Judge FILEs as one delivery of a DATASET, and write nothing: what each gate says, and which rows break which rule.

    They may be called anything; their ending tells how they are written. The exit code is 1 if they would be refused.
    """
    from dataops_assets.cli.gating import try_delivery
    from dataops_assets.observe import rules

    if explain == bool(files):
        raise click.UsageError("name the FILEs to judge, or say --explain")
    lake = open_lake().at_a_glance()
    [found] = named(lake, (without_zone(dataset),))
    if explain:
        click.echo(rules.explain(found, datetime.now(UTC).date()))
        return
    sys.exit(0 if try_delivery(lake, found, partition, files) else 1)


@cli.command()
@click.argument("dataset", required=False)
@click.option("--statistics", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw the statistics.")
def quality(dataset: str | None, statistics: Path | None) -> None:
    """Show quality over time: by rule and month, what share of the rows broke it, the worst first.

    Without a DATASET, the worst rules of all. The same can be queried in gate_results/<dataset>/data.parquet. What the
    partitions of a DATASET were like, column by column, is drawn into FILE (.svg, .png or .pdf).
    """
    from dataops_assets.observe.quality import over_time

    lake = open_lake().at_a_glance()
    asked = named(lake, (without_zone(dataset),) if dataset else ())
    if not statistics:
        click.echo(over_time(lake, asked))
        return
    if not dataset:
        raise click.UsageError("name the DATASET whose statistics are drawn")
    from dataops_assets.cli.drawing import draw_statistics

    draw_statistics(lake, asked[0], statistics)


@cli.command()
@click.argument("target")
@click.argument("partition", required=False)
def why(target: str, partition: str | None) -> None:
    """Trace an object back to its deliveries: verdicts, run, code and who ran it.

    TARGET is a file (any copy of one that was published or received), the address of an object, a SHA-256, or a dataset, with a
    PARTITION.
    """
    from dataops_assets import deployment
    from dataops_assets.observe.why import why_bytes, why_published
    from dataops_assets.storage.store import hash_file

    lake, areas = open_lake(), deployment.current().areas
    name = without_zone(target)
    try:
        if name in lake.catalog.datasets:
            dataset = lake.catalog[name]
            partition = existing(dataset, partition, datetime.now(UTC))
            lake.reread(dataset.zone, dataset, partition)
            click.echo(why_published(lake, dataset, partition))
        elif re.fullmatch("[0-9a-f]{64}", target):
            click.echo(why_bytes(lake, target, areas))
        elif found := object_at((lake.store, lake.landing, lake.base, areas), target):
            click.echo(why_bytes(lake, found, areas))
        elif Path(target).is_file():
            click.echo(why_bytes(lake, hash_file(Path(target)), areas))
        elif re.fullmatch("[0-9a-f]{7,63}", target):
            whole = "`dataops why DATASET PARTITION` tells it"
            raise click.UsageError(f"{target} is the beginning of a SHA-256: write all of its 64 digits; {whole}")
        else:
            known = ", ".join(lake.catalog.datasets)
            raise click.UsageError(
                f"{target} is no file, no object here, no SHA-256 (64 hex digits) and no dataset; datasets are: {known}"
            )
    except LookupError as error:
        raise click.ClickException(str(error)) from error


@cli.command()
@click.argument("dataset", required=False)
@click.argument("partition", required=False)
def verify(dataset: str | None, partition: str | None) -> None:
    """Read every object that was published and every file that was received, and compare it with what was written.

    Of a DATASET, or one PARTITION of it. Nothing is changed; what is damaged or edited is named, with the way out, and the exit
    code is 1. What a branch reads from prod is left to prod.
    """
    from dataops_assets.cli.verifying import verify_objects

    lake = open_lake()
    chosen = named(lake, (without_zone(dataset),) if dataset else ())
    key = existing(chosen[0], partition, datetime.now(UTC)) if partition else None
    sys.exit(0 if verify_objects(lake, chosen, key) else 1)


@cli.command()
@click.argument("dataset")
@click.argument("partition", required=False)
@click.option("--key", multiple=True, metavar="COLUMN=VALUE", callback=pairs, help="The row, by each column of its key.")
@click.option("--where", metavar="SQL", help="Or the rows, by a condition over the columns.")
@click.option("--set", "changes", multiple=True, metavar="COLUMN=VALUE", callback=pairs, help="A new value; null is none.")
@click.option("--drop", is_flag=True, help="Leave the rows out.")
@click.option("--add", multiple=True, metavar="COLUMN=VALUE", callback=pairs, help="Or a row more: its values.")
@click.option("--reason", required=True, help="Why.")
@click.option("--requested-by", required=True, metavar="TEAM", help="Who asked for it: a team of policy.yaml.")
@click.option("--reference", required=True, help="Where that can be read.")
@click.option("--until", required=True, type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The last day it is applied.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show the rows before and after.")
def correct(
    dataset: str,
    partition: str | None,
    key: dict[str, str],
    where: str | None,
    changes: dict[str, str],
    drop: bool,
    add: dict[str, str],
    reason: str,
    requested_by: str,
    reference: str,
    until: datetime,
    dry_run: bool,
) -> None:
    """Correct delivered rows: write an entry of corrections.yaml, with the old values filled in.

    Tried first on the delivery that counts. Nothing is published before the entry is committed and run.
    """
    from dataops_assets.catalog import DEFS
    from dataops_assets.cli.correct import correct_dataset
    from dataops_assets.corrections.writing import Wish

    lake = open_lake()
    [found] = named(lake, (without_zone(dataset),))
    if found.derived:
        raise click.UsageError(f"{found.name} is made here, not delivered: correct {' or '.join(found.derived.inputs)}")
    partition = existing(found, partition, datetime.now(UTC))
    said = {"reason": reason, "requested_by": requested_by, "reference": reference, "valid_until": until.date()}
    correct_dataset(lake, found, partition, Wish(key, where, changes, drop, add, said), DEFS, dry_run)


@cli.command()
@click.argument("commit", default="origin/main")
def changes(commit: str) -> None:
    """Say what the contracts promise otherwise than in another COMMIT, and fail if one breaks with what others rely on.

    COMMIT is whatever git takes for one; without it, origin/main. Made for the check of a pull request.
    """
    from dataops_assets.catalog import DEFS
    from dataops_assets.cli.changing import show_changes

    sys.exit(0 if show_changes(DEFS, commit) else 1)


@cli.command()
@click.argument("dataset")
def suggest(dataset: str) -> None:
    """Suggest rules that nobody wrote: what always held in a dataset's published history.

    Told with the evidence, and as a patch of schema.py and examples.yaml. Nothing is written: `git apply` does.
    """
    from dataops_assets.catalog import DEFS
    from dataops_assets.cli.suggesting import suggest_rules

    lake = open_lake()
    [found] = named(lake, (without_zone(dataset),))
    suggest_rules(lake, found, DEFS)


@cli.command()
@click.option(
    "--rounds", type=click.IntRange(min=1), default=10, show_default=True, help="How often 32 writers race for one object."
)
def doctor(rounds: int) -> None:
    """Check the deployment: where it reads and writes, as whom, and whether that can be trusted.

    What is wrong comes with the way out. The exit code is 1 if anything is, else 0: what could not be checked is told, with the
    reason, and is not wrong.
    """
    from dataops_assets.cli.doctor import examine_deployment

    sys.exit(examine_deployment(rounds))


@cli.command()
@click.argument("dataset")
@click.argument("partition", required=False)
def drop(dataset: str, partition: str | None) -> None:
    """In a branch or dev deployment, do without a partition: it stays in prod, and is not read from there.

    What is made from it waits until it is made again. One of its own that could not be made again is dropped only if that is
    confirmed.
    """
    from dataops_assets.storage import publishing
    from dataops_assets.storage.conformance import makes_again
    from dataops_assets.storage.lake import launched, name_of

    lake = open_lake()
    [found] = named(lake, (without_zone(dataset),))
    partition = existing(found, partition, datetime.now(UTC))
    what = name_of(found, partition)
    its_own = lake.base and lake.its_own().holder(found.zone, found, partition)
    if its_own and (why := makes_again(lake.store)):
        click.confirm(f"{what} is of its own here, and {why}.\nDrop it all the same?", abort=True, err=True)
        again = "it is not made again there before its marker is removed"
    else:
        again = f"to make it again: {launched(found, found.zone, partition)}"
    try:
        publishing.drop(lake, found, partition)
    except (LookupError, publishing.Contended) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"dropped {what} in {lake.store.where}; prod still has what it had")
    click.echo(again)


@cli.command()
@click.option("--undo", is_flag=True, help="Put back all that differs.")
def drift(undo: bool) -> None:
    """Say which sensors, schedules and limits of pools stand otherwise than the code says, whose they are, and the way back.

    The exit code is 1 if any does.
    """
    from dataops_assets.cli.drifting import show_drift

    sys.exit(show_drift(undo))


@cli.command("map")
@click.option("--check", is_flag=True, help="Write nothing; fail if the committed map is stale.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("docs/map.svg"), show_default=True)
def draw_map(check: bool, output: Path) -> None:
    """Draw the data flow with access rights, as SVG."""
    from dataops_assets.catalog import DEFS, load_catalog
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
    stop_collecting()
    logging.getLogger("dataops.denied").addHandler(logging.NullHandler())  # where nobody collects logs, it is told once
    try:
        cli(standalone_mode=True)
    except Exception as error:
        told = _in_words(error)
        if not told:
            raise
        click.echo(told, err=True)
        sys.exit(1)


def _in_words(error: Exception) -> str:
    """What the user can mend; empty of everything else."""
    from dataops_assets.catalog import DEFS
    from dataops_assets.contract import ContractError
    from dataops_assets.lifecycle.area import AreaError
    from dataops_assets.policy.refused import Refused
    from dataops_assets.settings import DeploymentError
    from dataops_assets.storage.errors import Unreachable, in_words, is_lasting

    if isinstance(error, ContractError):
        return error.seen_from(Path.cwd(), DEFS.parent)
    if isinstance(error, AreaError | DeploymentError | Refused):
        return str(error)
    return in_words(error) if isinstance(error, OSError) and (is_lasting(error) or isinstance(error, Unreachable)) else ""
