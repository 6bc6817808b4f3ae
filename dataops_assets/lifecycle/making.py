"""Making an ad-hoc area: whose it is and whose rights it has must be known to the policy.

Not here: how its record is kept (`registry`).
"""

import re
from datetime import datetime

from dataops_assets.contract import Policy
from dataops_assets.contract.errors import choose
from dataops_assets.lifecycle.area import Area, AreaError, Pin
from dataops_assets.lifecycle.registry import Registry

_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")


def is_name(name: str) -> bool:
    """Whether an ad-hoc area can be called so."""
    return _NAME.fullmatch(name) is not None


def new_area(
    registry: Registry,
    policy: Policy,
    name: str,
    owner: str,
    group: str,
    now: datetime,
    who: str,
    keep_until: datetime | None = None,
    why: str = "",
) -> Area:
    """Make an ad-hoc area.

    Args:
        registry: The areas.
        policy: What knows teams and reader groups.
        name: Its name: small letters, digits, `_` and `-`.
        owner: The team that answers for it.
        group: The reader group whose rights it has.
        now: The time.
        who: The identity that makes it.
        keep_until: Until when it is kept, used or not; None for as long as it is used.
        why: Why it is kept so long.

    Raises:
        AreaError: One of these means nothing, or there is an area of this name.
    """
    if not is_name(name):
        raise AreaError(f"{name!r} is no name of an area: write small letters, digits, _ and -, 63 at most")
    if owner not in policy.owners:
        raise AreaError(f"there is no team `{owner}` in policy.yaml: {choose(owner, policy.owners)}")
    if group not in policy.readers:
        raise AreaError(f"there is no reader group `{group}` in policy.yaml: {choose(group, policy.readers)}")
    new = Area(kind="adhoc", name=name, owner=owner, group=group, used_at=now, since=now)
    if keep_until:
        new = new.keep(Pin(by=who, until=keep_until, why=why), now)
    return registry.make(new, who, f"for {owner}, with the rights of {group}")
