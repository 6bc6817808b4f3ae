"""What `dataops grants` tells of a project against its last commit. Not here: what it must tell (the tests beside)."""

import json
import subprocess
from pathlib import Path

from click.testing import CliRunner

from dataops_assets.cli.main import cli

Told = set[tuple[str, str, str]]


def commit(project: Path) -> None:
    """Commit the project as it is now."""
    who = ["-c", "user.name=lab", "-c", "user.email=lab@example.com"]
    for asked in (["init", "-q"], ["add", "."], ["commit", "-q", "--allow-empty", "-m", "As it was"]):
        subprocess.run(["git", "-C", str(project), *who, *asked], check=True)


def told() -> tuple[int, Told, Told]:
    """How the command ends, and what it says is gained and lost: who, where, by what."""
    done = CliRunner().invoke(cli, ["grants", "--diff", "HEAD", "--json"])
    assert done.stdout, done.output
    found = json.loads(done.stdout)
    gained, lost = ({(one["who"], one["place"], one["action"]) for one in found[name]} for name in ("gained", "lost"))
    return done.exit_code, gained, lost
