"""Reads the table of expected access, `expected.yaml`."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from dataops_assets_tests.policy.matrix.cells import Cell

TABLE = Path(__file__).with_name("expected.yaml")


class Table:
    """Who may do what.

    Args:
        written: What the file says.
    """

    def __init__(self, written: dict[str, Any]):
        self.sets: dict[str, list[str]] = written["sets"]
        self.rows = [
            (tuple(_texts(caller)), tuple(self._several([place])), tuple(self._several(actions)))
            for caller, places in written["allowed"].items()
            for place, actions in places.items()
        ]
        self.used: set[tuple[str, str, str]] = set()
        self._of: dict[str, list[tuple[re.Pattern[str], re.Pattern[str]]]] = {}

    def allows(self, cell: Cell) -> bool:
        """Whether the table says so."""
        return (cell.action) in self._actions(cell.caller.name, cell.place.name)
