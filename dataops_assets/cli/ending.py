"""Verbs about how things end: how long all is kept, which areas are due, and the areas themselves.

Those about areas are known by name and imported when one of them is called: `--help` waits for no library. Not here: what the
verbs do (`lifecycle`, `areas`).
"""

import sys
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


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Tell it as JSON.")
def lifecycle(as_json: bool) -> None:
    """Say how long everything is kept, who ends it, what is past its term, and what is against a policy.

    Nothing is changed. The exit code is 1 if anything lies or stands against a policy.
    """
    from dataops_assets import deployment
    from dataops_assets.catalog import DEFS, load_catalog
    from dataops_assets.cli.lifecycle import show_lifecycle

    sys.exit(0 if show_lifecycle(deployment.current(), load_catalog(DEFS), as_json) else 1)


@click.command()
@click.option("--act", is_flag=True, help="Do it. Without it, nothing is changed.")
@click.option("--all", "everything", is_flag=True, help="Tell of those that stay, too, and why.")
def expire(act: bool, everything: bool) -> None:
    """Say which areas are due, what becomes of each, and why; with --act, do it.

    Unused areas are marked and their owners told, later moved to the trash, later removed; no more in one run than policy.yaml
    says. The exit code is 1 if an owner could not be told, or something went wrong with an area; all others are looked after
    just the same.
    """
    from dataops_assets.cli.areas import expire_areas

    sys.exit(0 if expire_areas(act, everything) else 1)
