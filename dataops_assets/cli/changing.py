"""`dataops changes`: the contracts as they lie here, against those of a commit."""

import io
import subprocess
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from dataops_assets.catalog import load_catalog
from dataops_assets.contract import Catalog, ContractError
from dataops_assets.contract.breaking import REMEDY
from dataops_assets.observe.changes import changes


def show_changes(defs: Path, commit: str) -> bool:
    """Print what the contracts promise otherwise than in a commit.

    Args:
        defs: The folder of the contracts, in a git repository.
        commit: What to compare with, as git names it.

    Returns:
        Whether nothing breaks.

    Raises:
        click.ClickException: The commit, or the contracts in it, cannot be read.
    """
    found = changes(_catalog_of(defs, commit), load_catalog(defs), datetime.now(UTC))
    for change in found:
        click.echo(change.dataset)
        for line in change.breaks:
            click.echo(f"  breaks: {line}")
        for line in change.told:
            click.echo(f"  {line}")
    if not found:
        click.echo(f"every contract promises what it does in {commit}")
    broken = [change.dataset for change in found if change.breaks]
    if broken:
        click.echo(f"{', '.join(broken)}: others rely on what was promised. For each of them: {REMEDY}", err=True)
    return not broken


def _catalog_of(defs: Path, commit: str) -> Catalog:
    with tempfile.TemporaryDirectory() as folder:
        asked = ["git", "-C", str(defs), "archive", "--format=tar", commit, "--", "."]
        try:
            archive = subprocess.run(asked, check=True, capture_output=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            said = error.stderr.decode(errors="replace").strip() if isinstance(error, subprocess.CalledProcessError) else error
            raise click.ClickException(f"the contracts of {commit} cannot be read: {said}") from error
        there = Path(folder) / defs.name
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(there, filter="data")
        try:
            return load_catalog(there)
        except ContractError as error:
            raise click.ClickException(f"in {commit}: {error}") from error
