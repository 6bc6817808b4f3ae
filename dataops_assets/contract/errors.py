"""How a mistake in a contract is told: the file, the line, what is wrong, and the way to mend it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


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
        self.problems = sorted(problems)
        count = len(self.problems)
        title = "1 mistake in the contracts" if count == 1 else f"{count} mistakes in the contracts"
        super().__init__("\n".join([f"{title}:", *map(str, self.problems)]))


def choose(name: str, known: Iterable[str]) -> str:
    """The remedy for a name that is not known."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"did you mean `{near[0]}`?" if near else f"use one of {', '.join(names)}"
