"""The condition keys that have a meaning here, and what a request says of them.

A key that is spelled wrong counts as missing at AWS, which opens a Deny and closes an Allow without a word. So a key stands in
this table, or it is refused, in a policy as in a request. Names of keys have no case.

Source: IAM User Guide, "AWS global condition context keys", "Single-valued vs. multivalued context keys"; Service Authorization
Reference, the condition keys of S3, KMS, STS and IAM. Not here: how a value is compared (`condition`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

from dataops_assets.contract.errors import Mistake, choose

Type = Literal["text", "arn", "bool", "number", "date", "address"]
Context = Mapping[str, tuple[str, ...]]
"""What a request says of each key, whose name is in small letters; what is missing is not in it."""


@dataclass(frozen=True)
class Key:
    """A condition key.

    Attributes:
        name: In small letters.
        type: What its values are.
        many: Whether a request may give several values.
    """

    name: str
    type: Type = "text"
    many: bool = False


_OF_ISSUER = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(/[\w.~/-]+)?:(aud|sub)", re.ASCII)
"""What a token of an OIDC issuer says: the name of the issuer stands before it. Source: IAM User Guide, "Available keys for AWS
OIDC federation"."""
_ONE: dict[Type, str] = {
    "text": """
        aws:PrincipalAccount aws:PrincipalOrgID aws:PrincipalServiceName aws:PrincipalType aws:RequestedRegion
        aws:ResourceAccount aws:SourceAccount aws:SourceIdentity aws:SourceVpc aws:SourceVpce aws:userid aws:username
        iam:PassedToService kms:CallerAccount kms:ViaService
        s3:delimiter s3:if-match s3:if-none-match s3:object-lock-legal-hold s3:object-lock-mode s3:prefix s3:signatureversion
        s3:versionid s3:x-amz-acl s3:x-amz-copy-source s3:x-amz-metadata-directive s3:x-amz-server-side-encryption
        s3:x-amz-server-side-encryption-customer-algorithm
        s3:x-amz-storage-class sts:ExternalId sts:RoleSessionName sts:SourceIdentity
        token.actions.githubusercontent.com:repository_id""",
    "arn": """
        aws:PrincipalArn aws:SourceArn iam:AssociatedResourceArn iam:PermissionsBoundary iam:PolicyARN
        s3:x-amz-server-side-encryption-aws-kms-key-id""",
    "bool": """
        aws:MultiFactorAuthPresent aws:PrincipalIsAWSService aws:SecureTransport aws:ViaAWSService kms:GrantIsForAWSResource
        s3:ObjectCreationOperation""",
    "number": """
        aws:MultiFactorAuthAge kms:ScheduleKeyDeletionPendingWindowInDays s3:max-keys s3:object-lock-remaining-retention-days
        s3:TlsVersion""",
    "date": "aws:CurrentTime aws:TokenIssueTime s3:object-lock-retain-until-date",
    "address": "aws:SourceIp",
}
_MANY = "aws:TagKeys kms:EncryptionContextKeys s3:RequestObjectTagKeys sts:TransitiveTagKeys"
_NAMED = (
    "aws:PrincipalTag/",
    "aws:RequestTag/",
    "aws:ResourceTag/",
    "s3:ExistingObjectTag/",
    "s3:RequestObjectTag/",
    "kms:EncryptionContext:",
)

_KEYS = {name.lower(): Key(name.lower(), type) for type, names in _ONE.items() for name in names.split()}
_KEYS |= {name.lower(): Key(name.lower(), many=True) for name in _MANY.split()}


@lru_cache(maxsize=10_000)
def key(name: str) -> Key:
    """The key of that name.

    Raises:
        Mistake: It has no meaning here.
    """
    low = name.lower()
    if low in _KEYS:
        return _KEYS[low]
    if _OF_ISSUER.fullmatch(low) or any(low.startswith(prefix.lower()) and len(low) > len(prefix) for prefix in _NAMED):
        return Key(low)
    raise Mistake(f"the condition key `{name}` has no meaning here", choose(name, [*_KEYS, *_NAMED]))


def read_context(context: Mapping[str, str | Sequence[str]]) -> Context:
    """What a request says of each key; what it leaves out is missing.

    Raises:
        Mistake: A key has no meaning here, stands there twice, or has a value that is not of its type.
    """
    read: dict[str, tuple[str, ...]] = {}
    for name, given in context.items():
        known, values = _read_text(name, given) if isinstance(given, str) else _read(name, given)
        if known in read:
            raise Mistake(f"`{name}` is given twice, since names of keys have no case", "give it once")
        read[known] = values
    return read


def _read(name: str, given: str | Sequence[str]) -> tuple[str, tuple[str, ...]]:
    known = key(name)
    if isinstance(given, str) == known.many or (known.many and not given):
        raise Mistake(
            f"`{name}` is given as {given!r}",
            "give it a list that is not empty" if known.many else "give it one value, as text",
        )
    values = (given,) if isinstance(given, str) else tuple(given)
    for value in values:
        check(known, value)
    return known.name, values


_read_text = lru_cache(maxsize=10_000)(_read)
"""Requests say the same of most keys, over and over."""


def check(known: Key, value: str) -> None:
    """See that a value is of the type of its key.

    Raises:
        Mistake: It is not.
    """
    if known.type == "arn" and value.count(":") < 5:
        raise Mistake(f"{value!r} is no ARN, which `{known.name}` is", "write it in full, with all six parts")
    reader = {"bool": boolean, "number": number, "date": moment, "address": address}.get(known.type)
    if reader:
        reader(value)


def boolean(text: str) -> bool:
    """`true` or `false`, as policies write it.

    Raises:
        Mistake: It is something else.
    """
    if text not in ("true", "false"):
        raise Mistake(f"{text!r} is neither `true` nor `false`", 'write "true" or "false", as text')
    return text == "true"


def number(text: str) -> Decimal:
    """A number, exact.

    Raises:
        Mistake: It is none.
    """
    if not re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII):
        raise Mistake(f"{text!r} is no number", 'write it as text, as "10"')
    return Decimal(text)


def moment(text: str) -> datetime:
    """A moment with its zone.

    Raises:
        Mistake: It is none, or says no zone.
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        raise Mistake(f"{text!r} is no moment with a zone", 'write it as "2026-01-31T00:00:00Z"')
    return read


def address(text: str) -> IPv4Address | IPv6Address:
    """An IP address.

    Raises:
        Mistake: It is none.
    """
    try:
        return ip_address(text)
    except ValueError:
        raise Mistake(f"{text!r} is no IP address", "write it as 10.0.0.1") from None
