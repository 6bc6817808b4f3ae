"""How names that others chose, moments and shares are told: in one line, and not too long. Not here: what is said of them."""

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


def percent(share: float) -> str:
    """A share to a tenth of a percent; what is not nothing is not told as `0.0%`, nor what is not all as `100.0%`."""
    if 0 < share < 0.0005:
        return "<0.1%"
    return ">99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"


def moment(at: datetime) -> str:
    """A moment as it is told everywhere: to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
