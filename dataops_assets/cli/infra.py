"""`dataops export infra`: writes what Terraform is told of the contracts, or says what of it is not written yet.

Not here: what it is told (`dataops_assets.infrastructure`).
"""

import difflib
from pathlib import Path

import click

from dataops_assets.contract import Catalog
from dataops_assets.infrastructure.variables import as_text, files, nobody_delivers

_LINES_SHOWN = 40


def write_variables(catalog: Catalog, infra: Path) -> None:
    """Write the file of each environment.

    Args:
        catalog: The contracts.
        infra: The folder of the infrastructure.

    Raises:
        click.ClickException: There is no such folder.
        ContractError: AWS cannot express what the contracts say.
    """
    text = as_text(catalog)
    for file in _files(infra):
        file.write_text(text, encoding="utf-8")
        click.echo(f"wrote {_shown(infra, file)}")
    _tell_who_is_not_said(catalog)


def check_variables(catalog: Catalog, infra: Path) -> bool:
    """Say what of the files is not what would be written.

    Returns:
        Whether nothing is.

    Raises:
        click.ClickException: There is no such folder.
        ContractError: AWS cannot express what the contracts say.
    """
    text, stale = as_text(catalog), False
    for file in _files(infra):
        found = file.read_text(encoding="utf-8") if file.exists() else ""
        name = _shown(infra, file)
        if found == text:
            click.echo(f"{name} is up to date")
            continue
        stale = True
        click.echo(f"{name} {'is stale' if found else 'is missing'}: run `dataops export infra` and commit it")
        if found:
            lines = list(
                difflib.unified_diff(found.splitlines(), text.splitlines(), "committed", "by the contracts", "", "", 1)
            )
            click.echo("\n".join(f"  {line.rstrip()}" for line in lines[:_LINES_SHOWN]))
            if len(lines) > _LINES_SHOWN:
                click.echo(f"  and {len(lines) - _LINES_SHOWN:,} lines more")
    _tell_who_is_not_said(catalog)
    return not stale


def _tell_who_is_not_said(catalog: Catalog) -> None:
    for problem in nobody_delivers(catalog):
        click.echo(str(problem), err=True)


def _files(infra: Path) -> list[Path]:
    found = files(infra)
    missing = next((file.parent for file in found if not file.parent.is_dir()), None)
    if missing:
        remedy = "run it from a clone of the project: an installed package has no infrastructure beside it"
        raise click.ClickException(f"there is no folder {missing}: {remedy}")
    return found


def _shown(infra: Path, file: Path) -> str:
    return str(file.relative_to(infra.parent))
