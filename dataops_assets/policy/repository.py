"""What holds for the repository at GitHub: who may change main, and what jobs may act as.

GitHub alone decides by it. `infra/github/rules.json` has the values that `infra/github` tells it, and its text where nothing
evaluates that: both are read to be compared. Not here: how the file is made (`infra/render.py`), what a change means
(`observe.beside`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dataops_assets.policy.rendered import read_rendered


class Repository(BaseModel):
    """What holds for the repository.

    Attributes:
        values: What is told to GitHub: `ruleset`, `environments`, `workflows`, `actions`.
        written: By block of Terraform, its lines: who is told what by which argument.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: dict[str, Any] = Field(default_factory=dict)
    written: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    def each(self) -> dict[str, Any]:
        """Each value by its path, as `ruleset.enforcement`; a list is one value."""
        return dict(_each(self.values))


def _each(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{below}", one) for below, one in _each(value))
        else:
            yield name, value


def read_repository(file: Path) -> Repository | None:
    """What a rendered file says; None, if it is not there.

    Raises:
        Refused: It is not as it must be.
    """
    return read_rendered(file, Repository) if file.exists() else None
