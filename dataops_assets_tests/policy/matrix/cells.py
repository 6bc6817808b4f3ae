"""The cells of the matrix: everybody, every action, everything that it can be done to, in each way that policies tell apart.

And our own roles once more with one lock closed alone (`locks`), at whatever that lock is about.

A way is what a request says beside: whether an object is written on a condition, which tags come with it, through which
service a key is used. The first of them is how our code asks.
"""

import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from dataops_assets.policy.access import Access, Caller
from dataops_assets_tests.policy.matrix import locks
from dataops_assets_tests.policy.matrix.actions import Action, universe
from dataops_assets_tests.policy.matrix.callers import callers
from dataops_assets_tests.policy.matrix.places import EVERYBODY, STRANGER, Place, places
from dataops_assets_tests.values import PREFIX, REGION

Context = Mapping[str, str | Sequence[str]]


def _tagged(readers: str = EVERYBODY, lifecycle: str = "operational", *others: str) -> Context:
    tags = {"lifecycle": lifecycle, "readers": readers, **dict.fromkeys(others, "x")}
    return {f"s3:RequestObjectTag/{tag}": value for tag, value in tags.items()} | {"s3:RequestObjectTagKeys": sorted(tags)}


_WHOLE = {"s3:ObjectCreationOperation": "true"}
_NEW = {**_WHOLE, "s3:if-none-match": "*"}
_PUT: dict[str, Context] = {
    "new": {**_tagged(), **_NEW},
    "in place of what was seen": {**_tagged(), **_WHOLE, "s3:if-match": "etag"},
    "begin in parts": {**_tagged(), "s3:ObjectCreationOperation": "false"},
    "a part": {"s3:ObjectCreationOperation": "false"},
    "put together": _NEW,
    "blindly": {**_tagged(), **_WHOLE},
    "untagged and blindly": _WHOLE,
    "of reference data": {**_tagged(lifecycle="reference"), **_NEW},
    "the mark of prod": {**_tagged("branches", "deployment"), **_NEW},
    "a trial": {**_tagged("nobody", "probe"), **_NEW},
    "of no class": {**_tagged(lifecycle="mine"), **_NEW},
    "for no group in use": {**_tagged(readers="everyone"), **_NEW},
    "by a copy": {**_tagged(), **_NEW, "s3:x-amz-copy-source": f"{PREFIX}-dev/dev/ann/x"},
    "with a key of his": {
        **_tagged(), **_NEW, "s3:x-amz-server-side-encryption": "aws:kms",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": f"arn:aws:kms:{REGION}:{STRANGER}:key/x",
    },
    "with a key that he brings": {**_tagged(), **_NEW, "s3:x-amz-server-side-encryption-customer-algorithm": "AES256"},
    "over plain HTTP": {**_tagged(), **_NEW, "aws:SecureTransport": "false"},
}  # fmt: skip
_WITH_NEW = "with a new object"
_BOUNDARY = "iam:PermissionsBoundary"
_THROUGH = {name: {"kms:ViaService": f"{name}.{REGION}.amazonaws.com"} for name in ("s3", "rds")}


def ways(action: Action, place: Place, account: str) -> dict[str, Context]:
    """What requests for an action say, by what the table calls it; empty is how it is asked for as a rule."""
    if action.name == "s3:PutObject" and place.kind == "object":
        return _PUT
    if action.name in ("s3:PutObjectTagging", "s3:PutObjectVersionTagging", "s3:ReplicateTags"):
        return {
            _WITH_NEW: _tagged(),
            "of reference data with a new object": _tagged(lifecycle="reference"),
            "of the mark with a new object": _tagged("branches", "deployment"),
            "of a trial with a new object": _tagged("nobody", "probe"),
            "of no class with a new object": _tagged(lifecycle="mine"),
            "in use": _tagged(),
            "of no class": _tagged(lifecycle="mine"),
            "for no group in use": _tagged(readers="everyone"),
            "and others": _tagged(EVERYBODY, "operational", "mine"),
            "others": {"s3:RequestObjectTag/mine": "x", "s3:RequestObjectTagKeys": ["mine"]},
        }
    if action.name in ("s3:ListBucket", "s3:ListBucketVersions"):
        folders = {"of access logs": {"s3:prefix": f"access/{PREFIX}-dev/"}, "of elsewhere": {"s3:prefix": "elsewhere/"}}
        return {"": {}, **folders, "over plain HTTP": {"aws:SecureTransport": "false"}}
    if action.name in ("s3:GetObject", "s3:DeleteObject"):
        return {"": {}, "over plain HTTP": {"aws:SecureTransport": "false"}}
    if action.takes("kms:GrantIsForAWSResource"):
        return {"": {"kms:GrantIsForAWSResource": "false"}, "for a service": {"kms:GrantIsForAWSResource": "true"}}
    if action.name.startswith("kms:") and place.kind == "key":
        return {"through s3": _THROUGH["s3"], "itself": {}, "through rds": _THROUGH["rds"]}
    if action.takes(_BOUNDARY):
        ours = {_BOUNDARY: f"arn:aws:iam::{account}:policy/{PREFIX}-boundary"}
        other = {_BOUNDARY: "arn:aws:iam::aws:policy/AdministratorAccess"}
        more = {"iam:PolicyARN": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"} if action.takes("iam:PolicyARN") else {}
        none = {"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"} if more else {}
        found: dict[str, Context] = {
            "with the boundary": {**ours, **more},
            "with another boundary": {**other, **more},
            "": more,
        }
        return {**found, "with the boundary, all rights": {**ours, **none}} if none else found
    if action.name == "iam:PassRole":
        return {
            f"to {name}": {"iam:PassedToService": f"{name}.amazonaws.com"}
            for name in ("pods.eks", "ec2", "eks", "cloudtrail", "lambda")
        }
    return {"": {}}


class Cell(NamedTuple):
    """One request that is decided; there are millions.

    Attributes:
        caller: Who asks.
        action: The action, and how it is asked for, as the table writes it.
        place: What it is done to.
        name: The action alone.
        context: What the request says.
        opened: Whether buckets and keys let everybody in.
    """

    caller: Caller
    action: str
    place: Place
    name: str
    context: Context
    opened: bool = False

    def __str__(self) -> str:
        return f"{self.caller.name} | {self.action} | {self.place.name}"


def cells(access: Access) -> Iterator[Cell]:
    """All of them."""
    everywhere: dict[tuple[str, str], list[Place]] = {}
    somewhere = list(places(access))
    for place in somewhere:
        everywhere.setdefault((place.service, place.kind), []).append(place)
    requests = [
        (action, way, place, context)
        for action in universe()
        for kind in action.kinds or ("",)
        for place in everywhere[action.name.split(":")[0], kind]
        for way, context in ways(action, place, place.arn.split(":")[4] if ":" in place.arn else "").items()
    ]
    known = [
        (action, f"{action.name} {way}".rstrip(), place, {**_of_place(action, place, way), **_taken(action, context)})
        for action, way, place, context in requests
    ]
    lockable = {(place.service, place.name) for place in somewhere if locks.has_a_policy(access, place)}
    locked = [one for one in known if (one[2].service, one[2].name) in lockable]
    for found, asked, opened in (
        (callers(access), known, False),
        (locks.of_resources(access), locked, False),
        (locks.of_identities(access), known, True),
        (locks.of_the_boundary(access), known, True),
    ):
        for caller in found:
            said = {action: _taken(action, caller.context) for action in universe()}
            asking = replace(caller, context={})
            for action, label, place, context in asked:
                yield Cell(asking, label, place, action.name, {**said[action], **context} if context else said[action], opened)


def everything(access: Access) -> list[Cell]:
    """All cells at once, without the looks for garbage that would go through millions as they come, and find none."""
    gc.disable()
    try:
        return list(cells(access))
    finally:
        gc.enable()


class Decided:
    """The access as rendered, and the same with buckets and keys open.

    Args:
        access: The access as rendered.
    """

    def __init__(self, access: Access):
        self._rendered, self._opened = access, locks.opened(access)

    def allows(self, cell: Cell, caller: Caller | None = None) -> bool:
        """Whether a cell is allowed, or would be to somebody else in the place of its caller."""
        access = self._opened if cell.opened else self._rendered
        return access.may(caller or cell.caller, cell.name, cell.place.arn, cell.context).allowed


def counts(found: Sequence[Cell]) -> Counter[str]:
    """How much there is of each."""
    return Counter(
        callers=len({cell.caller.name for cell in found}),
        actions=len({cell.name for cell in found}),
        places=len({cell.place.name for cell in found}),
        cells=len(found),
    )


def _of_place(action: Action, place: Place, way: str) -> Context:
    """The tags that an object has; one that is new has none."""
    if way.endswith(_WITH_NEW):
        return {}
    return _taken(action, {f"s3:ExistingObjectTag/{tag}": value for tag, value in place.tags.items()})


def _taken(action: Action, context: Context) -> dict[str, str | Sequence[str]]:
    """What of it AWS has in requests for the action."""
    return {key: value for key, value in context.items() if action.takes(key)}
