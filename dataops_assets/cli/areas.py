"""`dataops adhoc`, `dataops branch`, `dataops dev` and `dataops expire`: areas, what becomes of them, and how they are kept.

`later` imports it when one of them is called.

Not here: when an area goes (`lifecycle.plan`), and who takes it (`lifecycle.expiry`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from dataops_assets import deployment
from dataops_assets.areas import keeping
from dataops_assets.areas.query import Asked, answer, readable
from dataops_assets.areas.sandbox import QueryError
from dataops_assets.catalog import DEFS, load_catalog
from dataops_assets.cli.arguments import open_lake
from dataops_assets.contract.errors import choose
from dataops_assets.garbage import collect_again
from dataops_assets.lifecycle.area import Area, AreaError, Kind, Pin
from dataops_assets.lifecycle.expiry import Expiry
from dataops_assets.lifecycle.making import new_area
from dataops_assets.lifecycle.plan import ahead
from dataops_assets.lifecycle.registry import RECORD, Seen
from dataops_assets.storage.folder import Held

_DAY = click.DateTime(["%Y-%m-%d"])


def verbs(kind: Kind) -> list[click.Command]:
    """The verbs about areas of a kind, as they are listed."""
    common = [make(kind) for make in (_list, _show, _pin, _unpin, _restore, _close)]
    return [_new, _query, *common] if kind == "adhoc" else common


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _told() -> Iterator[None]:
    """Tell what cannot be done in one line."""
    try:
        yield
    except (AreaError, QueryError) as error:
        raise click.ClickException(str(error)) from error
    except Held as error:
        raise click.ClickException(f"{error}: areas are being ended just now; try again when it is done") from error


def _expiry() -> Expiry:
    return keeping.expiry(deployment.current(), load_catalog(DEFS).policy, _now)


def _seen(expiry: Expiry, kind: Kind, name: str) -> Seen:
    """The record of an area.

    Raises:
        click.UsageError: There is none.
    """
    if seen := expiry.registry.read(kind, name):
        return seen
    if kind not in expiry.terms:
        keeping.registry(deployment.current(), kind)
    names = list(expiry.registry.names(kind))
    if name in names:
        raise click.UsageError(f"{kind}/{name} has no record: it gets one when it is used")
    raise click.UsageError(f"there is no area {kind}/{name}; " + (choose(name, names) if names else "there are none"))


@click.command("new")
@click.argument("name")
@click.option("--owner", required=True, metavar="TEAM", help="Who answers for it: a team of policy.yaml.")
@click.option("--group", required=True, metavar="READERS", help="Whose rights it has: a reader group of policy.yaml.")
@click.option("--keep-until", type=_DAY, metavar="DAY", help="Keep it until the end of this day, used or not.")
@click.option("--why", default="", help="Why it is kept so long.")
def _new(name: str, owner: str, group: str, keep_until: datetime | None, why: str) -> None:
    """Make an ad-hoc area.

    It ends when nobody has used it for as long as policy.yaml says; its owner is told before.
    """
    here, catalog = deployment.current(), load_catalog(DEFS)
    with _told():
        registry = keeping.registry(here)
        until = _end_of(keep_until) if keep_until else None
        made = new_area(registry, catalog.policy, name, owner, group, _now(), keeping.who(here), until, why)
        expiry = keeping.expiry(here, catalog.policy, _now)
    click.echo(f"{made.path} is there, in {registry.store.address(made.path)}: {_next(expiry, _seen(expiry, 'adhoc', name))}")
    lake = open_lake()
    click.echo(f"its queries read {', '.join(readable(lake, group)) or 'nothing: no dataset lists ' + group}")


@click.command("query")
@click.argument("name")
@click.argument("sql", required=False)
@click.option("-f", "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file that holds the query.")
def _query(name: str, sql: str | None, file: Path | None) -> None:
    """Run a query over what the group of an area may read; its result lies in the area.

    It is one SELECT of DuckDB's SQL. Each dataset is a table of its name: `flights`, or `staged.flights`.
    """
    if (sql is None) == (file is None):
        raise click.UsageError('write the query, as "SELECT …", or name its file with -f')
    text = sql if sql is not None else file.read_text(encoding="utf-8") if file else ""
    here = deployment.current()
    with _told():
        registry = keeping.registry(here)
        made = answer(open_lake(), registry, Asked(name, text, keeping.who(here)), _now)
    read = ", ".join(f"{name} ({len(versions):,} partitions)" for name, versions in made.inputs.items()) or "nothing"
    click.echo(f"{made.rows:,} rows, {made.bytes:,} bytes in {registry.store.address(f'adhoc/{name}/result.parquet')}")
    click.echo(f"read {read}; for {made.readers}, {made.classification} · sha256 {made.sha256}")


def _list(kind: Kind) -> click.Command:
    def show() -> None:
        with _told():
            keeping.registry(deployment.current(), kind)
            expiry = _expiry()
        lines = []
        for name in expiry.registry.names(kind):
            seen = expiry.look(kind, name)
            told = f"{_stands(seen.area)} · {_next(expiry, seen)}" if isinstance(seen, Seen) else f"kept: {seen}"
            lines.append(f"{name:24} {told}")
        click.echo("\n".join(lines) or f"there are no areas {kind}/…")

    return click.Command("list", callback=show, help="List them: whose they are, and what becomes of them next.")


def _stands(area: Area) -> str:
    whose = f"of {area.owner}" + (f" for {area.group}" if area.group else "")
    return f"{whose} · {area.stands} · last used {area.used_at:%Y-%m-%d}"


def _next(expiry: Expiry, seen: Seen) -> str:
    pin = seen.area.pin
    kept = f"pinned until {pin.until:%Y-%m-%d} by {pin.by}: {pin.why}; then " if pin and seen.area.pinned(_now()) else ""
    return kept + ahead(seen.area, seen.at, expiry.terms[seen.area.kind])


def _show(kind: Kind) -> click.Command:
    def show(name: str) -> None:
        with _told():
            expiry = _expiry()
            seen = _seen(expiry, kind, name)
        area, store = seen.area, expiry.registry.store
        click.echo(f"{area.path} · {_stands(area)}\n{_next(expiry, seen)}")
        place = area.trash if area.stage in ("trashed", "ending", "returning") else area.path
        lying = [entry for entry in store.list(place) if entry.key != f"{place}/{RECORD}"]
        click.echo(f"{len(lying):,} objects, {sum(entry.bytes for entry in lying):,} bytes in {store.address(place)}")
        for entry in lying[:20]:
            written = datetime.fromtimestamp(entry.modified_ns / 1e9, UTC)
            click.echo(f"  {entry.key[len(place) + 1 :]:40} {entry.bytes:>14,} bytes · {written:%Y-%m-%d %H:%M}")
        if len(lying) > 20:
            click.echo(f"  … and {len(lying) - 20:,} more")
        for event in area.history:
            click.echo(f"{event.at:%Y-%m-%d %H:%M} {event.what} by {event.who}: {event.why}")

    command = click.Command("show", callback=show, help="Show one: its record and history, what lies in it, and when it goes.")
    return _named(command)


def _named(command: click.Command, *options: click.Option) -> click.Command:
    command.params = [click.Argument(["name"]), *options]
    return command


def _change(kind: Kind, name: str, change: Callable[[Area, str], Area]) -> None:
    with _told():
        expiry = _expiry()
        _seen(expiry, kind, name)
        expiry.registry.change(kind, name, lambda area: change(area, expiry.who))
        seen = _seen(expiry, kind, name)
    click.echo(f"{seen.area.path} · {seen.area.stands} · {_next(expiry, seen)}")


def _pin(kind: Kind) -> click.Command:
    def pin(name: str, until: datetime, why: str) -> None:
        _change(kind, name, lambda area, who: area.keep(Pin(by=who, until=_end_of(until), why=why), _now()))

    command = click.Command("pin", callback=pin, help="Keep one until the end of a day, used or not.")
    until = click.Option(["--until"], required=True, type=_DAY, metavar="DAY", help="The last day that it is kept.")
    return _named(command, until, click.Option(["--why"], required=True, help="Why."))


def _end_of(day: datetime) -> datetime:
    return day.replace(tzinfo=UTC) + timedelta(days=1, seconds=-1)


def _unpin(kind: Kind) -> click.Command:
    def unpin(name: str) -> None:
        _change(kind, name, lambda area, who: area.unpinned(_now(), who))

    return _named(click.Command("unpin", callback=unpin, help="Keep one no longer than it is used."))


def _restore(kind: Kind) -> click.Command:
    def restore(name: str) -> None:
        here = deployment.current()

        def back(area: Area, who: str) -> Area:
            if area.stage in ("marked", "closed"):
                return area.become("living", _now(), who, "it is wanted")
            if area.stage == "returning":  # whoever brought it back was interrupted
                return area
            return area.become("returning", _now(), who, "it is wanted")

        _change(kind, name, back)
        expiry = _expiry()
        if _seen(expiry, kind, name).area.stage == "living":
            return
        if here.name != "local":
            click.echo("the next run of the job expire_areas brings it back, within minutes where its sensor runs")
            return
        with _told():
            done = expiry.finish(kind, name, _now)
        click.echo(f"it is back, with {done.objects if done else 0:,} objects")

    return _named(click.Command("restore", callback=restore, help="Bring one back from the trash, or keep one."))


def _close(kind: Kind) -> click.Command:
    def close(name: str, why: str) -> None:
        with _told():
            none = kind == "branch" and name not in keeping.registry(deployment.current(), kind).names(kind)
        if none:
            click.echo(f"branch/{name} has no area: there is nothing to close")
            return
        _change(kind, name, lambda area, who: area.become("closed", _now(), who, why))

    command = click.Command("close", callback=close, help="Let one go to the trash with the next run, without notice.")
    return _named(command, click.Option(["--why"], required=True, help="Why."))


def expire_areas(act: bool, everything: bool) -> bool:
    """Tell which areas are due, and what becomes of each.

    Args:
        act: Whether it is done.
        everything: Whether those that stay are told, too; those that are due and kept are in any case.

    Returns:
        Whether every owner who was to be told was.
    """
    collect_again()
    with _told():
        expiry = _expiry()
        found, not_told = set(), []
        for taken in expiry.run(_now, act):
            found.add(taken.path)
            if taken.not_told:
                not_told.append(f"{taken.path}: {taken.owner} could not be told: {taken.not_told}; the next run tries again")
            if taken.to or taken.kept or everything:
                objects = f" · {taken.objects:,} objects" if taken.objects else ""
                click.echo(f"{taken.path:32} {'→ ' + taken.to if taken.to else 'stays':12} {taken.why}{objects}")
    if everything:
        for kind in expiry.terms:
            for name in expiry.registry.names(kind):
                seen = expiry.look(kind, name)
                if f"{kind}/{name}" not in found and isinstance(seen, Seen):
                    click.echo(f"{kind + '/' + name:32} {'stays':12} {_next(expiry, seen)}")
    for line in not_told:
        click.echo(line, err=True)
    click.echo("done" if act else "nothing was changed: with --act, it is done")
    return not not_told
