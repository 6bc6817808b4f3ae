"""Who looks after the areas of a deployment: where they lie, and how they end there.

Not here: what is done to an area (`lifecycle`), and Dagster.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from dataops_assets.contract import Policy
from dataops_assets.deployment import Deployment, identity
from dataops_assets.lifecycle.access_logs import AccessLogs
from dataops_assets.lifecycle.area import KINDS, Area, AreaError, Kind
from dataops_assets.lifecycle.expiry import Cap, Expiry
from dataops_assets.lifecycle.plan import Terms
from dataops_assets.lifecycle.registry import Registry
from dataops_assets.lifecycle.telling import Teller
from dataops_assets.settings import in_a_bucket

_LOOKED_BACK = timedelta(days=3)
"""So much longer than an area may be unused are access logs read: days that a term adds, and logs that come late."""


def registry(here: Deployment, kind: Kind = "adhoc") -> Registry:
    """The areas of a deployment.

    Raises:
        AreaError: It looks after none of this kind; the message names one that does.
    """
    store = here.areas
    if store is None or kind not in kinds(here):
        what = "ad-hoc areas" if kind == "adhoc" else f"areas of kind {kind}"
        raise AreaError(f"{here.name} has no {what}: set DATAOPS_DEPLOYMENT to adhoc, and DATAOPS_DATA to what dev shares")
    return Registry(store)


def kinds(here: Deployment) -> tuple[Kind, ...]:
    """The kinds of areas that a deployment looks after; on a laptop there are no branches."""
    return {"adhoc": KINDS, "local": ("adhoc",)}.get(here.name, ())


def who(here: Deployment) -> str:
    """The identity of this process."""
    return identity(in_a_bucket(here.data))


def expiry(
    here: Deployment, policy: Policy, now: Callable[[], datetime], alive: Callable[[Area], str] = lambda area: ""
) -> Expiry:
    """What ends the areas of a deployment by the terms of the policy.

    Args:
        here: The deployment.
        policy: What says how long areas last.
        now: Tells the time.
        alive: What works in an area just now, in words; empty if nothing does.

    Raises:
        AreaError: It looks after no areas.
    """
    found = registry(here)
    platform = policy.platform
    stated = {"adhoc": platform.adhoc, "branch": platform.branch, "dev": platform.dev}
    terms: dict[Kind, Terms] = {kind: Terms.stated(stated[kind]) for kind in kinds(here)}
    cap = Cap(platform.at_most.areas, platform.at_most.share)
    ended = Expiry(found, terms, cap, who(here), Teller(policy.owners, here.webhook), alive)
    logs = access_logs(here, now, max(one.disuse for one in terms.values()))
    return replace(ended, read_at=logs.read_at) if logs else ended


def access_logs(here: Deployment, now: Callable[[], datetime], disuse: timedelta) -> AccessLogs | None:
    """The access logs of the bucket where the areas lie, as far back as it matters; None if they are not read."""
    if (found := here.open_logs()) is None:
        return None
    bucket, _, prefix = here.data.removeprefix("s3://").partition("/")
    return AccessLogs(*found, bucket, f"{prefix}/" if prefix else "", now() - disuse - _LOOKED_BACK, now)
