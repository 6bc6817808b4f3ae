"""`dataops drift`: which switches of the instance stand otherwise than the code says, and the way back.

Not here: what is compared (`components.switches`).
"""

import click

from dataops_assets.catalog import DEFS, load_catalog
from dataops_assets.cli.running import open_instance
from dataops_assets.components.switches import WAY_BACK, differences
from dataops_assets.definitions import defs


def show_drift(undo: bool) -> int:
    """Tell what differs; put it back, if that is asked for.

    Returns:
        1 if something differs, and was not put back; else 0.
    """
    owners = load_catalog(DEFS).policy.owners
    with open_instance() as instance:
        found = differences(instance, defs())
        for one in found:
            click.echo("\n".join(one.told(owners)))
            if undo:
                one.undo()
                click.echo("    put back")
    if not found:
        click.echo("sensors, schedules and limits of pools stand as the code says")
    elif not undo:
        click.echo(WAY_BACK)
    return 1 if found and not undo else 0
