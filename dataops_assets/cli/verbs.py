"""How `dataops --help` lists the verbs: those of a normal day first, the rest by what they are about."""

import click

DAILY = ("deliver", "run", "plan", "status", "quarantine", "gate", "correct", "why")
_GROUPS: dict[str, tuple[str, ...]] = {
    "A normal day": DAILY,
    "Looking": ("map", "quality", "verify"),
    "Contracts": ("changes", "suggest"),
    "Access": ("who", "may", "grants"),
    "Deployments": ("doctor", "drift", "drop"),
    "Areas": ("adhoc", "branch", "dev"),
    "The end of things": ("lifecycle", "expire", "erase"),
    "Infrastructure": ("export",),
}


class Verbs(click.Group):
    """A group whose commands are listed by what they are for, each with its first sentence in full."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, group by group; one that belongs to none comes last."""
        grouped = {name for names in _GROUPS.values() for name in names}
        left = tuple(name for name in self.list_commands(ctx) if name not in grouped)
        for title, names in (_GROUPS | {"More": left}).items():
            lines = [(name, _first_sentence(found)) for name in names if (found := self.get_command(ctx, name))]
            if lines:
                with formatter.section(title):
                    formatter.write_dl(lines)


def _first_sentence(command: click.Command) -> str:
    return " ".join((command.help or "").split("\n\n")[0].split())
