"""When Python looks for garbage: not while libraries and contracts are loaded.

What is loaded then stays. A look for garbage goes through all of it, again and again, and finds none: a sixth of the time that
loading takes. What was garbage before stays, too.

Not here: what is loaded (`definitions`, `cli`).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def stop_collecting() -> None:
    """Look for no garbage until `collect_again`: for a command, which imports what it needs."""
    gc.disable()


def collect_again() -> None:
    """Look for garbage as before, but never among what is there by now; does nothing where looks were not stopped."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


@contextmanager
def uncollected() -> Iterator[None]:
    """No looks for garbage within, unless they were stopped before: then it is up to who stopped them.

    Where that fails, what was made of it is garbage like any other.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
        if collects:
            gc.freeze()
    finally:
        if collects:
            gc.enable()
