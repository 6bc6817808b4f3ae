"""`dataops changes`: the contracts as they lie here, against those of a commit; and what a commit has in a folder."""

import contextlib
import io
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
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
    found = changes(catalog_of(defs, commit), load_catalog(defs), datetime.now(UTC))
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


def catalog_of(defs: Path, commit: str) -> Catalog:
    """The contracts as a commit has them.

    Raises:
        click.ClickException: The commit, or the contracts in it, cannot be read.
    """
    with extracted(defs, commit) as there:
        try:
            return load_catalog(there)
        except ContractError as error:
            raise click.ClickException(f"in {commit}: {error}") from error


@contextlib.contextmanager
def extracted(folder: Path, commit: str, *, needed: bool = True) -> Iterator[Path]:
    """A folder as a commit has it, until the end of the block.

    Args:
        folder: The folder, in a git repository; it need not be there now.
        commit: The commit, as git names it.
        needed: Whether it must be there; else it is empty where the commit does not have it.

    Raises:
        click.ClickException: The commit, or the folder in it, cannot be read.
    """
    with tempfile.TemporaryDirectory() as place:
        inside = next(one for one in (folder, *folder.parents) if one.is_dir())
        below, top = folder.relative_to(inside), Path(place) / inside.name
        there = top / below
        there.mkdir(parents=True)
        if needed or _git(folder, commit, inside, "ls-tree", commit, "--", str(below)):
            archive = _git(folder, commit, inside, "archive", "--format=zip", commit, "--", str(below))
            with zipfile.ZipFile(io.BytesIO(archive)) as files:
                files.extractall(top)
        yield there


def _git(folder: Path, commit: str, inside: Path, *asked: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", str(inside), *asked], check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        said = error.stderr.decode(errors="replace").strip() if isinstance(error, subprocess.CalledProcessError) else error
        raise click.ClickException(f"{folder.name} of {commit} cannot be read: {said}") from error
