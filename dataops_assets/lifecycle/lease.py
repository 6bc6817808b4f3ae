"""The lease of a branch or dev deployment on its own area: it is in use as long as something reads or writes there.

Not here: when an area that nobody uses goes (`plan`).
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from dataops_assets.lifecycle.area import RENEWED_EVERY, Area, AreaError
from dataops_assets.lifecycle.registry import Registry
from dataops_assets.storage.errors import NotSignedIn, in_words
from dataops_assets.storage.store import Store

_ASKED_EVERY = timedelta(hours=1)
_asked: dict[Store, datetime] = {}
_log = logging.getLogger("dataops.areas")


def renew(store: Store, kind: Literal["branch", "dev"], name: str, who: Callable[[], str], now: datetime) -> None:
    """Note that a deployment uses its area, at most once a day; a process looks once an hour.

    Who may read there and not write is let through: that is told, and the lease is for others to renew.

    Args:
        store: What the deployment writes: the area, and nothing else.
        kind: What sort of area it is.
        name: Its name among those.
        who: Tells the identity; asked only if something is to be noted.
        now: The time.

    Raises:
        AreaError: It is closed, in the trash, or on its way there; the message says how it comes back.
        OSError: The store does not answer, or not to this identity.
    """
    if store in _asked and now - _asked[store] < _ASKED_EVERY:
        return
    try:
        _use(Registry(store, own=(kind, name)), kind, name, who, now)
    except NotSignedIn:
        raise
    except PermissionError as error:
        told = {"event": "area_not_renewed", "area": f"{kind}/{name}"}
        _log.warning("the use of %s/%s is not noted: %s", kind, name, in_words(error), extra=told)
    except AreaError as error:
        raise AreaError(f"{error}; to bring it back: `DATAOPS_DEPLOYMENT=adhoc dataops {kind} restore {name}`") from error
    _asked[store] = now


def _use(registry: Registry, kind: Literal["branch", "dev"], name: str, who: Callable[[], str], now: datetime) -> None:
    seen = registry.read(kind, name)
    if seen and seen.area.stage == "closed":
        raise AreaError(f"{seen.area.path} was closed: {seen.area.history[-1].why}")
    if seen and seen.area.stage == "living" and now - seen.area.used_at < RENEWED_EVERY:
        return
    if seen and seen.area.stage == "gone":
        registry.make(Area(kind=kind, name=name, owner=who(), used_at=now, since=now), who(), "it was used again")
    else:
        registry.use(kind, name, now, who())
