"""Which code runs here: the checkout that the package runs from, and whether it is just a commit.

Not here: where it reads and writes (`deployment`).
"""

import subprocess
import time
from functools import lru_cache
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent
"""The checkout, when the package runs from one."""

_ASKED_EVERY_SECONDS = 10
_CODE = ("dataops_assets", "locks", "pyproject.toml")
_BEGAN = time.time()
_ASKED: Any = {"capture_output": True, "text": True, "check": True, "timeout": 30}


def code(built_from: str | None) -> tuple[str | None, bool | None]:
    """The commit that runs here, and whether the code is just that; None where that cannot be told.

    Args:
        built_from: What an image, which is no checkout, says of itself: the commit that it was built from.
    """
    if found := _checked_out(int(time.monotonic()) // _ASKED_EVERY_SECONDS):
        return found
    return (built_from, True) if built_from else (None, None)


@lru_cache(maxsize=1)
def _checked_out(moment: int) -> tuple[str | None, bool | None] | None:
    """The commit of the checkout, and whether the code is just that, asked once for each moment; None if this is none."""
    del moment
    in_git = any((folder / ".git").exists() for folder in (PROJECT, *PROJECT.parents))
    if not (in_git and (PROJECT / "pyproject.toml").exists()):
        return None
    git = ["git", "-C", str(PROJECT)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--verify", "HEAD"], **_ASKED).stdout.strip()
        listed = subprocess.run([*git, "ls-tree", "-r", "-z", "HEAD", "--", *_CODE], **_ASKED).stdout.split("\0")
    except (OSError, subprocess.SubprocessError):
        return None, None
    # Not `git status`: it can be told to overlook files.
    committed = {path: about.split()[2] for about, _, path in (line.partition("\t") for line in listed if line)}
    return commit, committed == _code_here(len(commit)) and not _is_older_than_its_files()


def _code_here(digits: int) -> dict[str, str]:
    """The files of the code as they lie here, each with the hash that git gives it: SHA-1, or SHA-256 of 64 digits."""
    tops = [PROJECT / top for top in _CODE]
    files = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file()]
    found = {}
    for path in files:
        if "__pycache__" not in path.parts:
            content = path.read_bytes()
            blob = b"blob %d\0%b" % (len(content), content)
            found[path.relative_to(PROJECT).as_posix()] = (sha1 if digits == 40 else sha256)(blob).hexdigest()
    return found


def _is_older_than_its_files() -> bool:
    """Whether the code was changed since this process has loaded it, even if it is that of a commit by now."""
    return any(path.stat().st_mtime > _BEGAN for path in (PROJECT / _CODE[0]).rglob("*.py"))
