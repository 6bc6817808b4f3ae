"""Who asks, and whom a statement names.

A statement reaches whoever asks in one of three ways, which differ in what else he needs: by the name of his account, which
only lets that account's own policies count; by the role of his session, with what limits the role; or himself, by his own
name or with everyone.

Source: IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal". Not known here, and refused: the root user as
one who asks, federated users, canonical and unique ids, SAML.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any, Literal

from dataops_assets.contract.errors import Mistake

Kind = Literal["account", "user", "role", "session", "service", "provider", "everyone"]


@dataclass(frozen=True)
class Principal:
    """Whoever asks, or is named.

    Attributes:
        kind: What it is; `everyone` asks without having signed in.
        name: The ARN; of a service its name.
        account: Its account; None if it has none.
        role: Of a role or one of its sessions, the name of the role, in small letters and without its path: it is unique in an
            account, and the ARN of a session leaves the path away.
    """

    kind: Kind
    name: str
    account: str | None = None
    role: str | None = None


class Reach(IntEnum):
    """How a statement reaches whoever asks."""

    ACCOUNT = 1
    ROLE = 2
    DIRECT = 3


EVERYONE = Principal("everyone", "*")
_NAME = r"[\w+=,.@-]+"
_FORMS: dict[Kind, re.Pattern[str]] = {
    "account": re.compile(r"arn:[\w-]+:iam::(?P<account>\d{12}):root", re.ASCII),
    "user": re.compile(rf"arn:[\w-]+:iam::(?P<account>\d{{12}}):user/(?:[!-~]+/)?{_NAME}", re.ASCII),
    "role": re.compile(rf"arn:[\w-]+:iam::(?P<account>\d{{12}}):role/(?:[!-~]+/)?(?P<role>{_NAME})", re.ASCII),
    "session": re.compile(rf"arn:[\w-]+:sts::(?P<account>\d{{12}}):assumed-role/(?P<role>{_NAME})/{_NAME}", re.ASCII),
    "provider": re.compile(r"arn:[\w-]+:iam::(?P<account>\d{12}):oidc-provider/[\w./-]+", re.ASCII),
    "service": re.compile(r"[a-z0-9.-]+\.amazonaws\.com", re.ASCII),
}
_NAMED: dict[str, tuple[Kind, ...]] = {
    "AWS": ("account", "user", "role", "session"),
    "Service": ("service",),
    "Federated": ("provider",),
}
_ASKING: tuple[Kind, ...] = ("user", "session", "provider", "service")


@lru_cache(maxsize=10_000)
def asking(name: str) -> Principal:
    """Whoever asks: an IAM user, a session of a role, an OIDC provider, a service, or `*`, who has not signed in.

    Raises:
        Mistake: It is none of them.
    """
    found = EVERYONE if name == "*" else _principal(name, _ASKING)
    if found is None:
        raise Mistake(
            f"{name!r} is nobody who asks", "name a user, a session (assumed-role), an OIDC provider, a service, or `*`"
        )
    return found


def read_principals(element: Any) -> tuple[Principal, ...]:
    """Whom a `Principal` or `NotPrincipal` names.

    Raises:
        Mistake: Somebody in it is not known here.
    """
    if element == "*":
        return (EVERYONE,)
    if not isinstance(element, Mapping) or not element:
        raise Mistake(f"{element!r} names nobody", 'write "*", or {"AWS": "arn:aws:iam::111122223333:role/name"}')
    return tuple(
        _named(kind, name)
        for kind, names in element.items()
        for name in (names if isinstance(names, list) and names else [names])
    )


def _named(kind: str, name: Any) -> Principal:
    if kind not in _NAMED:
        raise Mistake(f"the kind of principal `{kind}` is not known", f"use one of {', '.join(_NAMED)}")
    if kind == "AWS" and name == "*":
        return EVERYONE
    if kind == "AWS" and isinstance(name, str) and re.fullmatch(r"\d{12}", name, re.ASCII):
        name = f"arn:aws:iam::{name}:root"
    found = _principal(name, _NAMED[kind]) if isinstance(name, str) else None
    if found is None:
        raise Mistake(
            f"{name!r} is nobody known of the kind `{kind}`", f"name one of: {', '.join(_NAMED[kind])}, without wildcards"
        )
    return found


def _principal(name: str, kinds: tuple[Kind, ...]) -> Principal | None:
    for kind in kinds:
        if found := _FORMS[kind].fullmatch(name):
            parts = found.groupdict()
            return Principal(kind, name, parts.get("account"), (parts.get("role") or "").lower() or None)
    return None


def refuse_halves(excepted: tuple[Principal, ...]) -> None:
    """See that a `NotPrincipal` names nobody without his account, and no session without its role.

    Raises:
        Mistake: It does: whether he is excepted then depends on the service, says AWS.
    """
    for one in excepted:
        whole = one.account is None or any(other.kind == "account" and other.account == one.account for other in excepted)
        if one.kind == "session":
            whole = whole and any(other.kind == "role" and _same_role(other, one) for other in excepted)
        if not whole:
            raise Mistake(f"`NotPrincipal` names {one.name} alone", "name its account as well, and of a session its role")


def reaches(named: Principal, who: Principal) -> Reach | None:
    """How a statement that names somebody reaches whoever asks; None if it does not."""
    if named.kind == "everyone" or (named.kind, named.name) == (who.kind, who.name):
        return Reach.DIRECT
    if named.kind == "role" and who.kind == "session" and _same_role(named, who):
        return Reach.ROLE
    if named.kind == "account" and named.account == who.account:
        return Reach.ACCOUNT
    return None


def _same_role(one: Principal, other: Principal) -> bool:
    return (one.account, one.role) == (other.account, other.role)
