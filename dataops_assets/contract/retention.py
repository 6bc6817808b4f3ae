"""How long things are kept, as `policy.yaml` states it: by zone for data, by name for everything else.

Here: the spelling, and what cannot stand by itself. Not here: the classes of data (`policy`), what follows from all of it
(`lifecycle`).
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from dataops_assets.contract.duration import Days, Duration, Kept, Limited, in_days, parse_duration
from dataops_assets.contract.errors import Mistake

StorageClass = Literal["STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"]
"""A storage class of S3 that is read at once, and lies in more than one place."""

_CLASSES: dict[StorageClass, tuple[int, int]] = {
    "STANDARD_IA": (30, 30),
    "INTELLIGENT_TIERING": (0, 0),
    "GLACIER_IR": (0, 90),
}
"""After how many days S3 moves an object there at the earliest, and for how many it is paid at least. Source: Amazon S3 User
Guide, "Transitioning objects using Amazon S3 Lifecycle" and "Understanding and managing Amazon S3 storage classes"."""

_SHORTEST_MONTH_DAYS = 28
"""Of a month, in which who asks to be erased must have been. Source: Regulation (EU) 2016/679 (GDPR), Article 12(3)."""


class _Attributes(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Colder(_Attributes):
    """A move to a cheaper storage class of S3. What is smaller than 128 KB stays where it is, as S3 does it by itself.

    Attributes:
        after: How long after it was written.
        to: A storage class that is read at once; not one of the archives, which answer hours later.
    """

    after: Days
    to: StorageClass

    @model_validator(mode="after")
    def _known_to_s3(self) -> Self:
        earliest, _ = _CLASSES[self.to]
        if self.after.days < earliest:
            raise Mistake(
                f"S3 moves nothing to {self.to} before {earliest} days, but it is {self.after}",
                f"write `after: {earliest} days` or more",
            )
        return self


class Retention(_Attributes):
    """How long a partition is kept in a zone. Instead of the mapping, `keep` alone may be written: `raw: 7 years`.

    Attributes:
        keep: How long it is kept, from when it was written last.
        colder: When it moves to a cheaper storage class; left out, it never does.
        versions: How long a version that was replaced or has ended is kept besides; left out, as long as `versions` of
            `platform` says, but not longer than `keep`.
    """

    keep: Kept
    colder: Colder | None = None
    versions: Days | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.versions and self.versions.length > self.keep.length:
            raise Mistake(
                f"old versions are kept for {self.versions}, longer than what is in their place ({self.keep})",
                "shorten `versions`, or keep the zone longer",
            )
        if self.colder:
            left = self.keep.length - self.colder.after.length
            _, least = _CLASSES[self.colder.to]
            if left.days <= 0:
                raise Mistake(
                    f"it moves to {self.colder.to} after {self.colder.after}, but ends after {self.keep}",
                    "move it earlier, keep it longer, or leave `colder` out",
                )
            if left.days < least:
                raise Mistake(
                    f"{self.colder.to} is paid for at least {least} days, but {left.days} are left from {self.colder.after}"
                    f" to {self.keep}",
                    "move it earlier, keep it longer, or leave `colder` out",
                )
        return self

    def in_words(self, since: str) -> str:
        """How long it is kept since when, or why forever; and where."""
        kept = f"forever, because {self.keep.reason}" if self.keep.reason else f"{self.keep} {since}"
        return kept + (f"; in {self.colder.to} from {self.colder.after} on" if self.colder else "")

    def __str__(self) -> str:
        colder = [f"{self.colder.to} after {self.colder.after}"] if self.colder else []
        versions = [f"old versions {self.versions}"] if self.versions else []
        return ", ".join([str(self.keep), *colder, *versions])


def _read_retention(value: Any) -> Any:
    if isinstance(value, Retention) or (isinstance(value, dict) and "forever" not in value):
        return value
    return Retention(keep=in_days(parse_duration(value)))


Retained = Annotated[Retention, BeforeValidator(_read_retention, json_schema_input_type=Kept | Retention)]
"""How long a zone is kept, in short or in full."""


def _read_landing(value: Any) -> Any:
    return value if isinstance(value, Retention) else Retention(keep=in_days(parse_duration(value)))


Landed = Annotated[Retention, BeforeValidator(_read_landing, json_schema_input_type=Kept)]
"""How long landing is kept, in short alone: providers tag nothing, so its rules go by folder, and are to be few."""


class Area(_Attributes):
    """When an area of the dev bucket ends: not by its age, but after nobody has used it.

    Attributes:
        disuse: Unused for this long, it is marked, and its owner is told; at least 2 days, since clocks differ and a use is
            noted once a day.
        notice: How long after that it moves to the trash, if it is still unused; at least 1 day.
        trash: How long it can be brought back from there; at least 1 day.
        record: How long its record says what became of it, when it is gone; at least 1 day.
    """

    disuse: Limited
    notice: Limited
    trash: Limited
    record: Limited

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        for name, least in (("disuse", 2), ("notice", 1), ("trash", 1), ("record", 1)):
            stated: Duration = getattr(self, name)
            if stated.days < least:
                days = "1 day" if least == 1 else f"{least} days"
                raise Mistake(f"{stated} is less than {days}", f"write `{name}: {days}` or more", at=(name,))
        return self

    def __str__(self) -> str:
        return f"{self.disuse} unused, {self.notice} of notice, {self.trash} in the trash"


class Cap(_Attributes):
    """How much one run may take away at most; what is more waits for the next.

    Attributes:
        areas: How many areas.
        share: Which share of all areas; one may go in any case.
    """

    areas: Annotated[int, Field(ge=1, strict=True)]
    share: Annotated[float, Field(gt=0, le=1)]


class Platform(_Attributes):
    """How long everything is kept that is no dataset. Nothing can be left out.

    Attributes:
        adhoc: An ad-hoc area, `adhoc/<name>/`.
        branch: The area of a branch deployment, `branch/pr-<number>/`.
        dev: The area of a person, `dev/<person>/`.
        at_most: How many areas may go in one run.
        versions: A version that was replaced or has ended, of any object, where a zone does not say otherwise.
        locked: For how long nobody but break-glass can remove a version from prod's bucket, from when it was written. Less than
            28 days, since a request to erase must be done within a month.
        verdicts: Every verdict of the gates, `_verdicts/`. As long as raw, staged, quarantine and curated, at least.
        provenance: How an object came to be, `_provenance/` and `_sha256/`, and that one was erased, `_erasures/`. As long as
            staged, quarantine and curated.
        gate_results: The tables of what the gates found, `gate_results/`, from when they were written last.
        mark: By what prod says that a bucket is its own, `_deployment/`: forever, with the reason.
        doctor: What `dataops doctor` leaves in prod, or when it is killed, `_doctor/`.
        interrupted_uploads: The parts of an upload to a bucket that never ended.
        access_logs: What the buckets note of each request, in a bucket of its own.
        query_results: What queries of Athena give, in a bucket of its own.
        logs: What the runs and services write for people.
        metrics: What is measured of the pipeline over time; nothing keeps any yet.
        images: An image that no deployment runs any more.
        runs: Dagster's runs and their events, but for the latest of each partition.
        ticks: Dagster's ticks of sensors and schedules.
        compute_logs: What steps print, by run; not longer than `runs`.
        backups: Copies of Dagster's database.
    """

    adhoc: Area
    branch: Area
    dev: Area
    at_most: Cap
    versions: Days
    locked: Days
    verdicts: Kept
    provenance: Kept
    gate_results: Kept
    mark: Kept
    doctor: Days
    interrupted_uploads: Days
    access_logs: Days
    query_results: Days
    logs: Days
    metrics: Days
    images: Days
    runs: Limited
    ticks: Days
    compute_logs: Limited
    backups: Days

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.mark.hours is not None:
            raise Mistake(
                f"prod's mark ends after {self.mark}, and then anyone may write there",
                "write `mark: {forever: <the reason>}`",
                at=("mark",),
            )
        if self.locked.days >= _SHORTEST_MONTH_DAYS:
            raise Mistake(
                f"what is written is locked for {self.locked}, but a request to erase must be done within a month",
                f"write `locked: {_SHORTEST_MONTH_DAYS - 1} days` or less",
                at=("locked",),
            )
        if self.compute_logs.length > self.runs.length:
            raise Mistake(
                f"they are kept for {self.compute_logs}, longer than the runs that they are found by ({self.runs})",
                "keep `runs` at least as long, or shorten `compute_logs`",
                at=("compute_logs",),
            )
        return self
