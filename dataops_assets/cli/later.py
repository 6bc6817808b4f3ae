"""Verbs about areas, known by name and imported when one of them is called: `--help` waits for no library.

Not here: what they do (`areas`).
"""

from collections.abc import Sequence
from typing import Any, cast

import click

AREAS = {
    "adhoc": "Ad-hoc areas: queries and experiments over what a reader group may read, until nobody uses them.",
    "branch": "Areas of branch deployments: which there are, and what becomes of them.",
    "dev": "Areas of people's dev deployments: which there are, and what becomes of them.",
}


class AreasOf(click.Group):
    """The verbs about areas of one kind."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the verbs, as they are listed."""
        del ctx
        return [command.name or "" for command in self._verbs()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A verb by its name; None if there is none."""
        del ctx
        return next((command for command in self._verbs() if command.name == cmd_name), None)

    def _verbs(self) -> Sequence[click.Command]:
        from dataops_assets.cli.areas import verbs

        return verbs(cast(Any, self.name))
