"""How names that others chose are told: in one line that can be printed, and not too long. Not here: what is said of them."""

from collections.abc import Sequence
from datetime import datetime

_LONGEST = 120


def some(names: Sequence[str], most: int = 20) -> str:
    """The first of some names, in one line."""
    shown = ", ".join(in_print(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def in_print(name: str) -> str:
    """A name without line breaks and the like, and cut where it is long."""
    plain = name if name.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"


def moment(at: datetime) -> str:
    """A moment as it is told everywhere: to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
