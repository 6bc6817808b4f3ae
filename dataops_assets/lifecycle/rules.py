"""The rules by which S3 ends what lies in a bucket, written from the table alone; Terraform takes them as they are.

Facts about S3 that they rest on (Amazon S3 User Guide, "Lifecycle configuration elements" and "Managing the lifecycle of
objects"; API reference, `PutBucketLifecycleConfiguration`): a bucket takes 1,000 rules; a rule counts in whole days from when
an object was written, or a version was replaced, and acts at the midnight, UTC, that follows; of two rules about one object,
the one that ends it sooner counts; a rule that goes by tags can neither give up uploads nor remove markers of what has ended.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dataops_assets.contract import Catalog, ContractError, Problem
from dataops_assets.contract.duration import Duration
from dataops_assets.lifecycle.table import BUCKETS, Term, table

_MOST = 1000


@dataclass(frozen=True)
class Rule:
    """A rule of a bucket.

    Attributes:
        name: Its name, of which there is one in the bucket.
        prefix: The keys that it is about begin so.
        tags: And have these tags.
        days: After how many days what lies there ends.
        colder: After how many days it moves, and to which storage class.
        version_days: For how many days a version that was replaced or has ended is kept.
        upload_days: After how many days an upload that never ended is given up. Such a rule removes, too, the marker by which
            S3 says that something has ended, once no version of it is left.
    """

    name: str
    prefix: str
    tags: Mapping[str, str] = field(default_factory=dict)
    days: int | None = None
    colder: tuple[int, str] | None = None
    version_days: int | None = None
    upload_days: int | None = None

    def as_s3(self) -> dict[str, Any]:
        """The rule as S3 is told of it, and tells of it."""
        tags = [{"Key": key, "Value": value} for key, value in sorted(self.tags.items())]
        told: dict[str, Any] = {
            "ID": self.name,
            "Status": "Enabled",
            "Filter": {"And": {"Prefix": self.prefix, "Tags": tags}} if tags else {"Prefix": self.prefix},
        }
        if self.days:
            told["Expiration"] = {"Days": self.days}
        if self.colder:
            told["Transitions"] = [{"Days": self.colder[0], "StorageClass": self.colder[1]}]
        if self.version_days:
            told["NoncurrentVersionExpiration"] = {"NoncurrentDays": self.version_days}
        if self.upload_days:
            told["Expiration"] = {"ExpiredObjectDeleteMarker": True}
            told["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": self.upload_days}
        return told

    def as_terraform(self) -> dict[str, Any]:
        """A block `rule` of Terraform's `aws_s3_bucket_lifecycle_configuration`."""
        told: dict[str, Any] = {
            "id": self.name,
            "status": "Enabled",
            "filter": {"and": {"prefix": self.prefix, "tags": dict(self.tags)}} if self.tags else {"prefix": self.prefix},
        }
        if self.days:
            told["expiration"] = {"days": self.days}
        if self.colder:
            told["transition"] = {"days": self.colder[0], "storage_class": self.colder[1]}
        if self.version_days:
            told["noncurrent_version_expiration"] = {"noncurrent_days": self.version_days}
        if self.upload_days:
            told["expiration"] = {"expired_object_delete_marker": True}
            told["abort_incomplete_multipart_upload"] = {"days_after_initiation": self.upload_days}
        return told


def rules(catalog: Catalog, *buckets: str, below: str = "") -> list[Rule]:
    """The rules of a bucket, by name.

    Args:
        catalog: The contracts.
        buckets: Its short name, one of `BUCKETS`; several, if it holds what is for each of them.
        below: The prefix in the bucket below which all of ours lies; empty for the top.

    Raises:
        ContractError: They are more than S3 takes.
    """
    places = {BUCKETS[name] for name in buckets}
    terms = [term for term in table(catalog) if term.place in places]
    top = f"{below}/" if below else ""
    versions = max((_days(term.versions) for term in terms if term.versions), default=0)
    platform = catalog.policy.platform
    of_all = Rule(
        name="all: old versions, interrupted uploads, markers",
        prefix=top,
        version_days=max(versions, _days(platform.versions)),
        upload_days=_days(platform.interrupted_uploads),
    )
    of_each = [_rule(term, top) for term in terms if term.prefix is not None and term.ends_by != "sweeper"]
    # One that ends old versions alone, and no sooner than all of them end, says nothing.
    found = [of_all, *(rule for rule in of_each if rule.days or rule.colder or rule.version_days != of_all.version_days)]
    if len(found) > _MOST:
        raise ContractError([_too_many(catalog, terms, len(found))])
    return sorted(found, key=lambda rule: rule.name)


def as_terraform(found: Sequence[Rule]) -> dict[str, Any]:
    """What a resource `aws_s3_bucket_lifecycle_configuration` says in Terraform's JSON, but for the bucket."""
    return {"rule": [rule.as_terraform() for rule in found]}


def _too_many(catalog: Catalog, terms: Sequence[Term], count: int) -> Problem:
    """Told where classes are stated: it is those, and what differs from them, that make the number."""
    own = [term for term in terms if not term.stated.startswith(f"{catalog.source.file}:")]
    most = Counter(term.stated.rpartition(":")[0] for term in own).most_common(1)
    such = f"; {len(own):,} are of datasets that differ, as {most[0][0]}" if most else ""
    message = f"its {len(terms):,} terms need {count:,} rules of the bucket, and S3 takes {_MOST:,}{such}"
    remedy = "state fewer classes, and let datasets differ from theirs alike, or not at all; landing by class alone"
    return catalog.source.problem(("lifecycles",), message, remedy)


def _rule(term: Term, top: str) -> Rule:
    assert isinstance(term.keep, Duration)
    return Rule(
        name=term.what,
        prefix=f"{top}{term.prefix}",
        tags=term.tags,
        days=_days(term.keep) or None,
        colder=(_days(term.colder.after), term.colder.to) if term.colder else None,
        version_days=_days(term.versions) if term.versions else None,
    )


def _days(duration: Duration) -> int:
    """Whole days, which the contracts see to; none of what never ends."""
    return (duration.hours or 0) // 24
