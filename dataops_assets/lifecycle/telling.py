"""How the owner of an area is told that it is marked: in the log, and by a webhook where there is one.

Not here: that it is told once, and again where that failed (`expiry`).
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from urllib import request

from dataops_assets.contract.policy import Owner
from dataops_assets.lifecycle.area import Area

_TIMEOUT_SECONDS = 10
_log = logging.getLogger("dataops.areas")


@dataclass(frozen=True)
class Teller:
    """Whoever tells owners.

    Attributes:
        owners: The teams, by name.
        webhook: The address that is sent one JSON by POST for each area; None if there is none.
    """

    owners: Mapping[str, Owner]
    webhook: str | None = None

    def __call__(self, area: Area, goes_at: datetime) -> None:
        """Tell the owner of an area when it will go.

        Raises:
            OSError: The webhook did not take it, or there is nobody to tell: policy.yaml names no such team.
        """
        owner = self.owners.get(area.owner)
        if owner is None and area.kind == "adhoc":  # others belong to people and branches, which no policy names
            remedy = f"name it there, or let the area go: `dataops adhoc close {area.name} --why …`"
            raise OSError(f"policy.yaml names no team `{area.owner}`: {remedy}")
        told = {
            "event": "area_owner_told",
            "area": area.path,
            "owner": area.owner,
            "contact": owner.contact if owner else "",
            "goes_at": goes_at.isoformat(),
        }
        text = last_words(area, goes_at)
        if self.webhook:
            body = json.dumps(told | {"text": text}).encode()
            post = request.Request(self.webhook, body, {"Content-Type": "application/json"})
            try:
                with request.urlopen(post, timeout=_TIMEOUT_SECONDS):  # raises for every answer that is no yes
                    pass
            except (HTTPException, ValueError) as error:  # their words may hold the address, which is a secret
                raise ConnectionError(f"the webhook cannot be told ({type(error).__name__})") from None
        _log.warning("%s", text, extra=told)


def last_words(area: Area, goes_at: datetime) -> str:
    """That an area will go, when, and how to keep it."""
    keep = f"use it, or `dataops {area.kind} pin {area.name} --until DAY --why …`"
    return f"{area.path} is unused and moves to the trash after {goes_at:%Y-%m-%d %H:%M} UTC; to keep it: {keep}"
