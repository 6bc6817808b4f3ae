"""Reads the table of expected access, `expected.yaml`."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from dataops_assets_tests.policy.matrix.cells import Cell

TABLE = Path(__file__).with_name("expected.yaml")
ITS_OWN = " by its own policies"
"""So is somebody named whom nothing else holds: he may what he may anyway, and what stands for him by that name."""


class Table:
    """Who may do what, as a person wrote it.

    Args:
        written: What the file says.

    Attributes:
        hours: After how many a session of a role ends, where that is not after one.
    """

    def __init__(self, written: dict[str, Any]):
        self._sets: dict[str, list[str]] = written["sets"]
        self.hours: dict[str, int] = written["sessions"]
        self._allowed: dict[str, dict[str, list[str]]] = written["allowed"]
        self._beside: dict[str, dict[str, list[str]]] = written["beside data"]
        self._by_caller: dict[str, list[tuple[re.Pattern[str], list[Entry]]]] = {}
        self._by_place: dict[tuple[str, str], list[Entry]] = {}

    def allows(self, cell: Cell) -> bool:
        """Whether the cell is among what is allowed."""
        at = cell.caller.name, cell.place.name
        if at not in self._by_place:
            rows = self._rows(cell.caller.name)
            self._by_place[at] = [entry for place, entries in rows if place.fullmatch(cell.place.name) for entry in entries]
        matching = [entry for entry in self._by_place[at] if entry.matches(cell.action)]  # each is to be marked as met
        return bool(matching)

    def changes(self, role: str, lock: str) -> re.Pattern[str]:
        """What beside data a lock lets a role do, by its full name."""
        return _pattern([one for name, some in self._beside[lock].items() if _pattern([name]).fullmatch(role) for one in some])

    def never_met(self) -> list[str]:
        """What is allowed and was never asked for: most likely it is misspelled."""
        return [str(entry) for entry in self._entries if not entry.met]

    def _rows(self, caller: str) -> "list[tuple[re.Pattern[str], list[Entry]]]":
        if caller not in self._by_caller:
            names = (caller, caller.removesuffix(ITS_OWN))
            found = [rows for pattern, rows in self._compiled if any(pattern.fullmatch(name) for name in names)]
            self._by_caller[caller] = [row for rows in found for row in rows]
        return self._by_caller[caller]

    @cached_property
    def _entries(self) -> "list[Entry]":
        return [entry for _, rows in self._compiled for _, entries in rows for entry in entries]

    @cached_property
    def _compiled(self) -> "list[tuple[re.Pattern[str], list[tuple[re.Pattern[str], list[Entry]]]]]":
        return [
            (
                _pattern([caller]),
                [
                    (_pattern(self._meant([place])), [Entry(caller, place, action) for action in self._meant(actions)])
                    for place, actions in places.items()
                ],
            )
            for caller, places in self._allowed.items()
        ]

    def _meant(self, names: Sequence[str]) -> list[str]:
        return [text for name in names for text in self._sets.get(name, [name])]


class Entry:
    """One action that somebody may do in one place.

    Args:
        caller: Who, as it is written.
        place: Where, as it is written.
        action: What, as it is written.
    """

    def __init__(self, caller: str, place: str, action: str):
        self._written = caller, place, action
        self._matches: dict[str, bool] = {}
        self._pattern = _pattern([action], star="[^ ]*")

    @property
    def met(self) -> bool:
        return any(self._matches.values())

    def matches(self, action: str) -> bool:
        if action not in self._matches:
            self._matches[action] = self._pattern.fullmatch(action) is not None
        return self._matches[action]

    def __str__(self) -> str:
        return " | ".join(self._written)


def load() -> Table:
    return Table(yaml.safe_load(TABLE.read_text(encoding="utf-8")))


def _pattern(texts: Sequence[str], star: str = ".*") -> re.Pattern[str]:
    """`*` is any text, ` *` also nothing; `{a,b}` is one of these."""
    written = [re.escape(one) for text in texts for one in _spelled(text)]
    return re.compile("|".join(one.replace(r"\ \*", "( .*)?").replace(r"\*", star) for one in written))


def _spelled(text: str) -> Iterator[str]:
    parts = re.split(r"\{([^}]*)\}", text)
    choices = [part.split(",") if number % 2 else [part] for number, part in enumerate(parts)]
    yield from ("".join(chosen) for chosen in product(*choices))
