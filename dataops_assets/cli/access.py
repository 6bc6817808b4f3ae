"""`dataops who`, `dataops may`, `dataops grants`: who may do what, as the rendered policies and the contracts come to it.

Not here: how it is decided (`observe.access`, `policy`).
"""

import difflib
import itertools
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataops_assets.cli.arguments import pairs, refuse_unknown, without_zone

if TYPE_CHECKING:
    from dataops_assets.contract import Catalog, Dataset
    from dataops_assets.observe.access import Allowed, Difference, Grant, Place
    from dataops_assets.observe.beside import Beside
    from dataops_assets.policy.access import Access, Caller
    from dataops_assets.policy.language import Statement
    from dataops_assets.policy.rbac import Rights

_SHOWN = ("read", "write", "delete")
_TABLE = "dataops_assets/policy"
_ANEW = "run `dataops export infra`, then `make access`"
_WIDEST = 80
"""How wide the first column of a table is at most, in characters."""
_NAMED = 3
"""How many datasets are named at most where a right does not hold for all of a zone."""


@click.command()
@click.argument("dataset")
@click.option("--zone", help="There alone, as raw, receipts, quarantine or verdicts.")
@click.option("--json", "as_json", is_flag=True, help="Tell it as JSON, with every action.")
def who(dataset: str, zone: str | None, as_json: bool) -> None:
    """Say who may read, write or delete a DATASET in prod, and by which statement of which policy."""
    from dataops_assets.observe import access as observe

    access, catalog = _here()
    name = without_zone(dataset)
    if name not in catalog.datasets and (place := observe.in_place(catalog, dataset)):
        name, zone = place[0], zone or place[1]
    refuse_unknown(catalog, name)
    zones = observe.zones_of(catalog[name])
    if zone not in (None, *zones):
        raise click.UsageError(f"{name} does not lie in {zone}; it lies in {', '.join(zones)}")
    places = observe.of_dataset(access, catalog[name], zone)
    found = [one for caller in observe.callers(access) for one in observe.allowed(access, caller, places)]
    if groups := observe.unrendered_readers(access, catalog[name]):
        click.echo(f"infra/access has no role of {', '.join(groups)} yet, so what they may read is not told: {_ANEW}", err=True)
    if untagged := sorted({one.grant.who for one in found if _is_untagged(one)}):
        click.echo(f"{', '.join(untagged)} could not write {name} with the tags that it has by its contract: {_ANEW}", err=True)
    if as_json:
        click.echo(json.dumps([_plain(one) for one in found], indent=1))
        return
    click.echo("\n".join(_who(catalog[name], [place.name for place in places], found)))


@click.command()
@click.argument("principal")
@click.option("--tag", "tags", multiple=True, metavar="TAG=VALUE", callback=pairs, help="A session tag, as person=ann.")
@click.option("--json", "as_json", is_flag=True, help="Tell it as JSON, with every action and statement.")
def may(principal: str, tags: dict[str, str], as_json: bool) -> None:
    """Say everything that a PRINCIPAL may do: a role, a group of people or a service account of the cluster, or anybody.

    As pipeline, prod/infra, "group viewers" or "service account prod/daemon"; a short name is told of all that it means.
    Session tags that a role's trust demands are written <tag> where --tag does not say them.
    """
    from dataops_assets.catalog import DEFS
    from dataops_assets.observe import access as observe
    from dataops_assets.observe import cluster
    from dataops_assets.observe.written import unevaluated
    from dataops_assets.policy.rbac import read_rights

    access, catalog = _here()
    rights = read_rights(DEFS.parents[1] / "deploy" / "rbac")
    bound = cluster.called(rights, principal)
    caller = _caller(access, principal, tags, [name for name, _ in rights.subjects()])
    places = observe.everything(access, catalog, caller) if caller else []
    found = list(observe.allowed(access, caller, places)) if caller else []
    beside = list(unevaluated(access, caller, places)) if caller else []
    inside = {name: list(cluster.allowed(rights, name, who)) for name, who in bound.items()}
    if as_json:
        told = [_plain(one) for one in found]
        told += [{**asdict(grant), "by": [_called(by)], "missing": None, "if": _asked(by)} for grant, by in beside]
        told += [{**asdict(grant), "by": [by], "missing": None} for ones in inside.values() for grant, by in ones]
        click.echo(json.dumps(told, indent=1))
        return
    lines = [
        *(_may(caller, places, found, beside) if caller else ()),
        *itertools.chain(*itertools.starmap(_may_inside, inside.items())),
    ]
    click.echo("\n".join(lines))


@click.command()
@click.option("--diff", "commit", required=True, metavar="GITREF", help="The commit to compare with, as origin/main.")
@click.option("--allow-wider", is_flag=True, help="Tell of what is gained, and let it pass.")
@click.option("--json", "as_json", is_flag=True, help="Tell it as JSON, with every action.")
def grants(commit: str, allow_wider: bool, as_json: bool) -> None:
    """Say who may do more, and who less, than in another commit; fail if anybody may do more.

    Both sides are evaluated: the policies in infra/access/, the contracts, and the roles of the cluster in deploy/rbac/. What a
    policy says beyond what is evaluated is told as it is written, and so is what others decide by: how long sessions last, who
    enters a cluster and from where, what buckets lock and end, the roles of the database in deploy/postgres/, what the
    webserver may be asked for, what holds for the repository, and who owns its code; what may be either counts as more.

    Made for the check of a pull request: one that is labelled for it is checked with --allow-wider. Datasets that are new are
    told, and widen nothing, unless a group may read one that its contract does not name.
    """
    from dataops_assets.catalog import DEFS, load_catalog
    from dataops_assets.cli.changing import catalog_of, extracted
    from dataops_assets.observe import beside, cluster
    from dataops_assets.observe.compared import difference
    from dataops_assets.policy.access import load
    from dataops_assets.policy.refused import Refused

    root = DEFS.parents[1]
    try:
        with (
            extracted(root / "infra", commit, needed=False) as infra,
            extracted(root / "deploy", commit, needed=False) as deploy,
            extracted(root / _TABLE, commit, needed=False) as tables,
            extracted(root / ".github", commit, needed=False) as github,
        ):
            before = load(infra / "access")
            bound, was = _decided_elsewhere(before, infra, deploy, tables, github)
    except Refused as error:
        raise click.ClickException(f"in {commit}: {error}") from error
    after = _access()
    rights, now = _decided_elsewhere(after, root / "infra", root / "deploy", root / _TABLE, root / ".github")
    found = difference((before, catalog_of(DEFS, commit)), (after, load_catalog(DEFS)))
    found += cluster.difference(bound, rights) + beside.difference(was, now)
    if as_json:
        told = {name: [asdict(grant) for grant in getattr(found, name)] for name in ("gained", "lost", "new", "left")}
        click.echo(json.dumps(told, indent=1))
    else:
        click.echo("\n".join(_differs(found, commit)))
    if not_written := sorted({one.dataset for one in found.lost if (one.who, one.word) == ("prod/pipeline", "write")} - {""}):
        click.echo(f"the pipeline could not write {', '.join(not_written)} as the contracts are now: {_ANEW}", err=True)
    if found.gained and not allow_wider:
        click.echo("access is wider: label the pull request `widens-access` if that is meant (--allow-wider)", err=True)
        sys.exit(1)


def _here() -> "tuple[Access, Catalog]":
    from dataops_assets.catalog import DEFS, load_catalog

    return _access(), load_catalog(DEFS)


def _decided_elsewhere(access: "Access", infra: Path, deploy: Path, tables: Path, github: Path) -> "tuple[Rights, Beside]":
    """What a version says that others than AWS's policies decide by."""
    from dataops_assets.observe.beside import Beside
    from dataops_assets.policy.codeowners import read_owners
    from dataops_assets.policy.database import read_statements
    from dataops_assets.policy.namespaces import read_levels
    from dataops_assets.policy.rbac import read_rights
    from dataops_assets.policy.repository import read_repository
    from dataops_assets.policy.webserver import read_table

    table = read_table(tables) if (tables / "webserver.yaml").exists() else None
    repository, owners = read_repository(infra / "github" / "rules.json"), read_owners(github / "CODEOWNERS")
    levels, statements = read_levels(deploy / "namespaces.yaml"), read_statements(deploy / "postgres")
    beside = Beside(access, levels, statements, repository, owners, table)
    return read_rights(deploy / "rbac"), beside


def _folder() -> Path:
    from dataops_assets.catalog import DEFS

    return DEFS.parents[1] / "infra" / "access"


def _access() -> "Access":
    from dataops_assets.policy.access import load

    access = load(_folder())
    rendered = {role.environment for role in access.roles}
    if missing := [name for name in ("dev", "prod") if name not in rendered]:
        raise click.ClickException(f"no policies of {' and '.join(missing)} are rendered in {_folder()}: run `make access`")
    return access


def _who(dataset: "Dataset", places: list[str], found: "list[Allowed]") -> Iterator[str]:
    from dataops_assets.observe.access import where

    yield f"{dataset.name}: {dataset.attributes.classification}, for {', '.join(dataset.attributes.readers)}"
    by_place = {place: [one for one in found if one.grant.place == place] for place in places}
    rows = [
        (where(dataset, _zone(place, dataset.name)), word, who, by)
        for place, ones in by_place.items()
        for word in _SHOWN
        for who, by in _by_whom(one for one in ones if one.grant.word == word) or [("nobody", "")]
    ]
    yield from _aligned(("where", "may", "who", "by"), rows, groups=2)


def _by_whom(found: "Iterable[Allowed]") -> list[tuple[str, str]]:
    """Everybody once, with the statements of all that he may do."""
    by: dict[str, dict[str, None]] = {}
    for one in found:
        but = [f"but not {one.missing}, so it is refused"] if one.missing else []
        but += ["but only without tags, as our code does not"] if _is_untagged(one) else []
        by.setdefault(one.grant.who, {}).update(dict.fromkeys([*_statements(one), *but]))
    return [(who, "; ".join(statements)) for who, statements in by.items()]


def _is_untagged(found: "Allowed") -> bool:
    from dataops_assets.observe.access import WITHOUT_TAGS

    return found.grant.action.endswith(WITHOUT_TAGS)


def _may(
    caller: "Caller", places: "list[Place]", found: "list[Allowed]", beside: "list[tuple[Grant, Statement]]"
) -> Iterator[str]:
    yield f"{caller.name}: {caller.role.arn}" if caller.role else f"{caller.name}: whoever has not signed in"
    if caller.role:
        yield from (f"  becomes it: {line}" for line in _trusted(caller))
    held: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        action = f"{one.grant.action} (refused without {one.missing})" if one.missing else one.grant.action
        held.setdefault((_zone(one.grant.place, one.grant.dataset), one.grant.word, action), []).append(one.grant.dataset)
    there = Counter(_zone(place.name, place.dataset) for place in places if place.dataset)
    rows: dict[tuple[str, str], list[str]] = {}
    for (zone, word, action), datasets in held.items():
        rows.setdefault((_of_datasets(zone, datasets, there[zone]), word), []).append(action)
    told = [(place, word, ", ".join(actions)) for (place, word), actions in rows.items()]
    yield from (
        _aligned(("where", "may", "by the actions"), told, groups=1)
        if told
        else ["  nothing of what is evaluated" if beside else "  nothing"]
    )
    if beside:
        yield "and as the policies say, not evaluated; its boundary may hold less:"
        yield from (f"  {line}" for line in _beside(beside))


def _caller(access: "Access", name: str, tags: dict[str, str], in_cluster: list[str]) -> "Caller | None":
    """The session of a role of that name; none if somebody in the cluster alone is called so."""
    from dataops_assets.observe import cluster
    from dataops_assets.policy.access import ANYBODY, session

    roles = {called for role in access.roles for called in (role.name, role.full_name, role.arn)}
    inside = {called for known in in_cluster for called in cluster.names(known)}
    if name not in {*roles, *inside, ANYBODY.name}:
        near = difflib.get_close_matches(name, sorted(roles | inside), 1)
        meant = f": did you mean `{near[0]}`?" if near else "."
        known = ", ".join([*sorted(role.full_name for role in access.roles), *sorted(set(in_cluster)), ANYBODY.name])
        raise click.UsageError(f"there is no `{name}`{meant} There are: {known}")
    if name not in roles:
        if tags:
            raise click.UsageError(f"{name} is no role of AWS, and has no session tags: leave --tag out")
        return ANYBODY if name == ANYBODY.name else None
    try:
        return session(access.role(name), tags)
    except LookupError as error:
        raise click.UsageError(str(error)) from error


def _may_inside(name: str, found: "list[tuple[Grant, str]]") -> Iterator[str]:
    yield f"{name}: in the cluster"
    yield from (f"  bound by: {by}" for by in dict.fromkeys(by for _, by in found))
    rows: dict[tuple[str, str], list[str]] = {}
    for grant, _ in found:
        rows.setdefault((grant.place, grant.word), []).append(grant.action)
    told = [(place, word, ", ".join(verbs)) for (place, word), verbs in rows.items()]
    yield from _aligned(("where", "may", "by the verbs"), told, groups=1) if told else ["  nothing"]


def _trusted(caller: "Caller") -> Iterator[str]:
    assert caller.role
    for statement in caller.role.trust.statements:
        names = ", ".join(one.name for one in statement.principals)
        yield f"{names} ({statement.sid or f'statement {statement.number}'})"


def _beside(found: "list[tuple[Grant, Statement]]") -> Iterator[str]:
    """Of each statement the actions, with where and under which conditions."""
    for by, ones in itertools.groupby(found, key=lambda one: one[1]):
        where: dict[str, list[str]] = {}
        for grant, _ in ones:
            where.setdefault(grant.action, []).append(grant.place)
        asked = f" if {' and '.join(_asked(by))}" if by.conditions else ""
        for places, actions in itertools.groupby(where, key=where.__getitem__):
            yield f"{_called(by)}: {', '.join(actions)} on {', '.join(places)}{asked}"


def _asked(statement: "Statement") -> list[str]:
    return [str(condition) for condition in statement.conditions]


def _zone(place: str, dataset: str | None) -> str:
    return place.removesuffix(f"/{dataset}") if dataset else place


def _of_datasets(zone: str, datasets: list[str], of: int) -> str:
    """The zone alone if something holds for all datasets in it; else with those for which it does, of many the first."""
    if len(datasets) >= of:
        return zone
    many = f", … ({len(datasets)} of {of})" if len(datasets) > _NAMED else ""
    return f"{zone}/{', '.join(datasets[:_NAMED])}{many}"


def _differs(found: "Difference", commit: str) -> Iterator[str]:
    if not (found.gained or found.lost or found.new):
        yield f"everybody may do what he could in {commit}"
    left = "declared no more: what is left is readable until a rule ends it"
    listed_by = {"gained": found.gained, "lost": found.lost, "of new datasets": found.new, left: found.left}
    for title, listed in listed_by.items():
        if listed:
            yield f"{title}:"
            grouped = itertools.groupby(listed, key=lambda grant: (grant.who, grant.place, grant.word))
            rows = [(*about, line) for about, ones in grouped for line in _in_lines([grant.action for grant in ones])]
            yield from _aligned(("who", "where", "may", "by the actions"), rows, groups=3)


def _in_lines(actions: list[str]) -> list[str]:
    """Actions in one line; each in its own, if it would not be seen where one ends."""
    return actions if any("," in one for one in actions) else [", ".join(actions)]


def _aligned(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]], groups: int) -> Iterator[str]:
    """A table; the first columns are not repeated where they say the same as the row above.

    A long first cell, as of somebody who is let in with conditions, has a line of its own, and does not widen the column.
    """
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    widths[0] = max(len(row[0]) for row in [titles, *rows] if len(row[0]) <= _WIDEST)
    last: tuple[str, ...] = ()
    for row in [titles, *rows]:
        same = next((n for n in range(groups) if row[: n + 1] != last[: n + 1]), groups)
        cells = ["" if n < same else cell for n, cell in enumerate(row)]
        if len(cells[0]) > _WIDEST:
            yield f"  {cells[0]}"
            cells[0] = ""
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        last = row


def _plain(found: "Allowed") -> dict[str, object]:
    return {**asdict(found.grant), "by": list(_statements(found)), "missing": found.missing}


def _statements(found: "Allowed") -> list[str]:
    return [_called(one) for one in found.decision.by]


def _called(statement: "Statement") -> str:
    return f"{statement.policy}: {statement.sid or f'statement {statement.number}'}"
