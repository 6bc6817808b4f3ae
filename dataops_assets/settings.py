"""What a variable of the environment may say, and the error that names it if it says something else.

Here: one variable at a time, and with what it must fit. Not here: which there are and what they make (`deployment`).
"""

import re
from collections.abc import Mapping
from pathlib import Path

from dataops_assets.contract.erasure import KEY_VARIABLE

_KEY_CHARACTERS = 32


class DeploymentError(Exception):
    """The environment does not describe a deployment. The message names the variable and how to set it."""


def in_a_bucket(address: str) -> bool:
    """Whether an address is that of a prefix in a bucket, not of a folder."""
    return address.startswith("s3://")


def landing(given: str | None, name: str, data: str) -> str | None:
    """Where providers drop, if that is apart from the other zones, which lie at `data`."""
    if not given:
        return None
    if name not in ("local", "prod"):
        raise DeploymentError(f"DATAOPS_LANDING is set, but landing of {name} lies with the rest of it: unset it")
    place = address("DATAOPS_LANDING", given)
    if in_a_bucket(place) != in_a_bucket(data):
        raise DeploymentError(f"DATAOPS_LANDING is {place}, and DATAOPS_DATA {data}: name two folders, or two buckets")
    if f"{place}/".startswith(f"{data}/") or f"{data}/".startswith(f"{place}/"):
        raise DeploymentError(f"DATAOPS_LANDING is {place}, and DATAOPS_DATA {data}: name a place apart from it, or unset it")
    return place


def erasure_key(environment: Mapping[str, str]) -> bytes | None:
    """The key of the hashes in `defs/erasures.yaml`."""
    given = environment.get(KEY_VARIABLE, "")
    if given and len(given) < _KEY_CHARACTERS:
        told = f"{len(given)} characters, which can be guessed: make one of {_KEY_CHARACTERS} or more, at random, and keep it"
        raise DeploymentError(f"{KEY_VARIABLE} has {told}")
    return given.encode() or None


def switched_on(given: str) -> bool:
    """Whether areas go that are due."""
    if given not in ("on", "off"):
        raise DeploymentError(f"DATAOPS_EXPIRY is {given!r}: write `on`, and areas that are due go, or `off`")
    return given == "on"


def logs(given: str | None) -> str | None:
    """Where the access logs of the bucket lie."""
    found = address("DATAOPS_ACCESS_LOGS", given) if given else None
    if found and in_a_bucket(found) and "/" not in found.removeprefix("s3://"):
        raise DeploymentError(f"DATAOPS_ACCESS_LOGS is {given!r}: name the prefix, too, as s3://bucket/prefix")
    return found


def webhook(given: str | None) -> str | None:
    """The address that is told of areas."""
    if given and not re.match("https?://[^/]", given):
        raise DeploymentError("DATAOPS_WEBHOOK is no address: write one that begins with https:// or http://")
    return given


def needed(environment: Mapping[str, str], variable: str, name: str, what: str) -> str:
    """An address that a deployment cannot do without."""
    return address(variable, environment.get(variable) or missing(variable, name, what))


def missing(variable: str, name: str, what: str) -> str:
    """Say what a deployment cannot do without."""
    raise DeploymentError(f"{variable} is not set, which {name} needs: the {what}")


def address(variable: str, given: str) -> str:
    """A folder's path, absolute, or the address of a prefix in a bucket, without a slash at its end."""
    if not in_a_bucket(given):
        if given != given.strip() or re.match("[A-Za-z][A-Za-z0-9+.-]*:/", given):
            raise DeploymentError(
                f"{variable} is {given!r}: write a folder, or a bucket as s3://bucket/prefix, without blanks around"
            )
        return str(Path(given).expanduser().resolve())
    name, *steps = given.removeprefix("s3://").removesuffix("/").split("/")
    why = ""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{2,62}", name):
        why = "a bucket's name is 3 to 63 small letters, digits, dots and hyphens"
    elif {"", ".", ".."} & set(steps):
        why = "there is a name between any two slashes, and it is not . or .."
    elif re.search(r"\s", given):
        why = "there is no blank in it"
    if why:
        told = f"no address of a bucket: {why}. Write s3://bucket or s3://bucket/prefix"
        raise DeploymentError(f"{variable} is {given!r}, {told}")
    return given.removesuffix("/")
