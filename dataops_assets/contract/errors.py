"""How a mistake in a contract is told: the file, the line, what is wrong, and the way to mend it."""

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in one declared file.

    Attributes:
        file: The file, relative to the folder that holds `defs/`.
        line: Its line, from 1.
        message: What is wrong.
        remedy: What to write instead.
    """

    file: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}\n    remedy: {self.remedy}"


class Mistake(ValueError):
    """One value that cannot stand, before it is known where it was written.

    Args:
        message: What is wrong.
        remedy: What to write instead.
        at: Where it stands inside what is looked at.
    """

    def __init__(self, message: str, remedy: str, at: tuple[str, ...] = ()):
        self.message, self.remedy, self.at = message, remedy, at
        super().__init__(f"{message}: {remedy}")


class ContractError(Exception):
    """The declared datasets cannot be loaded. Carries every problem that was found, not only the first."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = sorted(set(problems))  # datasets may share a module, and its mistakes
        super().__init__(_listed(self.problems))

    def seen_from(self, here: Path, package: Path) -> str:
        """The same words, with every file as an editor finds it from where somebody stands.

        Args:
            here: The folder that they stand in.
            package: The folder that holds `defs/`.
        """
        within = here.is_relative_to(package.parent)
        paths = [package / problem.file for problem in self.problems]
        files = [os.path.relpath(path, here) if within else str(path) for path in paths]
        return _listed([replace(problem, file=file) for problem, file in zip(self.problems, files, strict=True)])


def as_seen_from(text: str, here: Path, package: Path) -> str:
    """The same words, with each line of a file below `defs/` named as in `ContractError.seen_from`.

    Args:
        text: What was told, in words.
        here: The folder that somebody stands in.
        package: The folder that holds `defs/`.
    """

    def seen(found: re.Match[str]) -> str:
        path = package / found[0]
        return os.path.relpath(path, here) if here.is_relative_to(package.parent) else str(path)

    return re.sub(r"(?<![\w/.])defs/[^\s:]+(?=:\d)", seen, text)


def _listed(problems: Sequence[Problem]) -> str:
    title = "1 mistake in the contracts" if len(problems) == 1 else f"{len(problems)} mistakes in the contracts"
    return "\n".join([f"{title}:", *map(str, problems)])


def choose(name: str, known: Iterable[str]) -> str:
    """The remedy for a name that is not known."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"did you mean `{near[0]}`?" if near else f"use one of {', '.join(names)}"
