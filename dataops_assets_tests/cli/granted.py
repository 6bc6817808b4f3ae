"""A project that is changed, and what `dataops grants` tells of it. Not here: what it must tell (the tests beside)."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from dataops_assets.cli.main import cli

Told = set[tuple[str, str, str]]


def ask(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def commit(project: Path) -> None:
    """Commit the project as it is now."""
    who = ["-c", "user.name=lab", "-c", "user.email=lab@example.com"]
    for asked in (["init", "-q"], ["add", "."], ["commit", "-q", "--allow-empty", "-m", "As it was"]):
        subprocess.run(["git", "-C", str(project), *who, *asked], check=True)


def change(file: Path, by: Callable[[Any], None]) -> None:
    """Change what a JSON file says."""
    with edited(file) as said:
        by(said)


@contextmanager
def edited(file: Path) -> Iterator[Any]:
    """What a JSON file says, to be changed."""
    said = json.loads(file.read_text(encoding="utf-8"))
    yield said
    file.write_text(json.dumps(said), encoding="utf-8")


def answer() -> tuple[int, dict[str, Any]]:
    """How the command ends, and all that it says."""
    done = CliRunner().invoke(cli, ["grants", "--diff", "HEAD", "--json"])
    assert done.stdout, done.output
    return done.exit_code, json.loads(done.stdout)


def told() -> tuple[int, Told, Told]:
    """How the command ends, and what it says is gained and lost: who, where, by what."""
    code, found = answer()
    gained, lost = ({(one["who"], one["place"], one["action"]) for one in found[name]} for name in ("gained", "lost"))
    return code, gained, lost
