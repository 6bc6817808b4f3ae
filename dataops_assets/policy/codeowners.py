"""Who must agree to which change: `.github/CODEOWNERS`, read to be compared.

GitHub alone decides by it, and only as far as its ruleset demands it. Not here: what a change means (`observe.beside`).

Source: GitHub, "About code owners": of the lines that fit a file the last counts, and any one of the owners in it suffices.
"""

import re
from collections.abc import Sequence
from pathlib import Path

Owners = tuple[tuple[str, tuple[str, ...]], ...]
"""By line, what it is about and whom it names."""
_PLAIN = re.compile(r"\*|/[\w./-]+", re.ASCII)


def read_owners(file: Path) -> Owners:
    """What a file says; nothing, if it is not there."""
    written = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    lines = [re.sub(r"(^|\s)#.*", "", line).split() for line in written]
    return tuple((about, tuple(owners)) for about, *owners in filter(None, lines))


def is_plain(about: str) -> bool:
    """Whether it names all files, one, or those of a folder: of other patterns it is not told here what they fit."""
    return _PLAIN.fullmatch(about) is not None


def owners_of(path: str, said: Owners) -> Sequence[str]:
    """Who owns a file or folder, where all lines are plain; nobody, if no line fits.

    Args:
        path: As a line has it; `*` for what no line names.
        said: What the file says.
    """
    return next((owners for about, owners in reversed(said) if _fits(about, path)), ())


def _fits(about: str, path: str) -> bool:
    return about in ("*", path) or path.startswith(f"{about.removesuffix('/')}/")
