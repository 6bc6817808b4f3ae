"""The attributes of a dataset's `defs.yaml`. Every docstring here is the reference that users read."""

import posixpath
import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from dataops_assets.contract.duration import Limited
from dataops_assets.contract.errors import Mistake
from dataops_assets.contract.partitions import Partitions
from dataops_assets.contract.retention import Landed, Retained, Retention

Severity = Literal["reject", "warn", "fail"]
"""What a broken rule does: `reject` the row, `warn` only, or `fail` the whole delivery."""

Format = Literal["csv", "csv.gz", "csv.zip", "parquet", "ndjson"]
_FORMATS: tuple[Format, ...] = ("csv", "csv.gz", "csv.zip", "parquet", "ndjson")

Share = Annotated[float, Field(ge=0, le=1, strict=True)]

DATASET_NAME = r"^[a-z][a-z0-9_]{0,62}$"
"""What a dataset's folder may be called: it becomes a key, a path and a Python argument."""

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""Why something differs from the rule; never empty."""


class _Attributes(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LifecycleChoice(_Attributes):
    """The lifecycle class of a dataset, by name alone or with zones that differ.

    Attributes:
        name: A lifecycle class of `policy.yaml`; written `class`.
        reason: Why this dataset differs; needed with any override.
        landing, raw, staged, quarantine, curated: Kept for another time than the class says.
    """

    name: str = Field(alias="class")
    reason: Reason | None = None
    landing: Landed | None = None
    raw: Retained | None = None
    staged: Retained | None = None
    quarantine: Retained | None = None
    curated: Retained | None = None

    @property
    def overrides(self) -> dict[str, Retention]:
        """The zones that differ from the class."""
        zones = self.model_dump(exclude={"name", "reason"}, exclude_none=True)
        return {zone: getattr(self, zone) for zone in zones}

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if self.overrides and not self.reason:
            raise Mistake("a zone differs from its lifecycle class without a reason", "add `reason: <why>`")
        return self


_ODD = re.compile(r"\*\*|\?|\[|\]|\$\{|\{(?!partition\})|(?<!\{partition)\}")
"""What is a pattern elsewhere, and would be taken for a name."""


def _known_pattern(value: str) -> str:
    if odd := _ODD.search(value):
        remedy = "write `{partition}` for the key of a partition, and `*` for whatever stands within one name"
        raise Mistake(f"{value!r} holds `{odd[0]}`, which is no pattern here", remedy)
    return value


def pattern_of(name: str) -> str:
    """A pattern that a file of this name fits: what is a pattern elsewhere is left open."""
    return _ODD.sub("*", name)


FilePattern = Annotated[str, AfterValidator(_known_pattern)]
"""What files are called, where `{partition}` and `*` stand for something."""


class Complete(_Attributes):
    """How a delivery is known to be whole. Patterns may hold `{partition}`.

    Attributes:
        manifest: A JSON file written last: `{"files": [{"name", "bytes", "sha256", "rows"}]}`; all but name are optional
            control totals, and the delivery must equal them.
        marker: An empty file written last.
        quiet: No file of the delivery changed for this long. Without any of the three: 2 seconds.
    """

    manifest: FilePattern | None = None
    marker: FilePattern | None = None
    quiet: Annotated[float, Field(ge=0, allow_inf_nan=False, description="seconds")] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.manifest, self.marker, self.quiet)) != 1:
            raise Mistake("it is not clear when a delivery is whole", "state exactly one of `manifest`, `marker` and `quiet`")
        return self


NOT_SAID = "unknown"
"""The provider of a dataset that nobody has said yet, as scaffolding writes it: nobody is given access for that name."""


PartitionKey = Annotated[str, BeforeValidator(str, json_schema_input_type=str | int)]
"""As it stands in YAML, where `2024-01-31` is a date and `2024` a number."""


def _one_character(value: str) -> str:
    if not re.fullmatch(r"[\t -!#-~]", value):
        message = f"{value!r} is not one ASCII character other than a quote and a line break"
        raise Mistake(message, r'write one in double quotes, such as ";" or "\t"')
    return value


class Source(_Attributes):
    """Where the deliveries of a dataset come from, and how they are written.

    Attributes:
        provider: Who delivers; `unknown` as long as nobody has said so.
        files: The files of one delivery below `landing/<dataset>/`: one name, or a glob (`*`) for several.
            `{partition}` stands for the partition's key. The ending tells the format: .csv, .csv.gz, .csv.zip
            (one member), .parquet, .ndjson.
        complete: How a delivery is known to be whole.
        null_values: The texts that mean "no value"; nothing at all between two separators always does.
        separator: What parts the columns of csv: one ASCII character, no quote and no line break.
        deliveries: The dataset whose deliveries these are, where this one is a new version of it: they are dropped and kept
            once, and judged by the contract of each.
        rows: How many rows a delivery may have, as shares of the median of the partitions before it; `null` for any.
        since: By column that the provider has not always delivered, the partition that it came with. A delivery for an earlier
            one may lack it, and its rows have no value there.
    """

    provider: str
    files: FilePattern
    complete: Complete = Complete(quiet=2)
    null_values: tuple[str, ...] = ("",)
    separator: Annotated[str, AfterValidator(_one_character)] = ","
    deliveries: Annotated[str, Field(pattern=DATASET_NAME)] | None = None
    rows: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=1)]] | None = (0.5, 2.0)
    since: dict[str, PartitionKey] = {}

    @field_validator("files")
    @classmethod
    def _known_format(cls, value: str) -> str:
        if not value.endswith(tuple(f".{name}" for name in _FORMATS)):
            raise Mistake(f"{value!r} has no known ending", f"use one of {', '.join('.' + name for name in _FORMATS)}")
        if value.startswith("/") or ".." in value.split("/"):
            raise Mistake(f"{value!r} leaves the dataset's landing folder", "name files inside it")
        if "://" in value:
            raise Mistake(f"{value!r} is an address", "name files as they are called below `landing/<dataset>/`")
        return value

    @model_validator(mode="after")
    def _apart(self) -> Self:
        proof = self.complete.manifest or self.complete.marker
        if proof is not None and posixpath.normpath(proof) == posixpath.normpath(self.files):
            message = f"`complete`: {proof!r} is what the delivery itself is called, which would be waited for for ever"
            raise Mistake(message, "name a file that is written after it")
        return self

    @property
    def format(self) -> Format:
        """The format that the ending of `files` tells."""
        return max((name for name in _FORMATS if self.files.endswith(f".{name}")), key=len)


class Reference(_Attributes):
    """Values that must exist in another dataset. A row with no value in the columns refers to nothing and passes.

    Attributes:
        columns: The columns here.
        dataset: The dataset that is referred to.
        to: Its columns, in the same order; its key if left out.
    """

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    dataset: str
    to: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        """The name of the rule that holds it."""
        return f"{'+'.join(self.columns)}.in_{self.dataset}"


def _read_day(value: Any) -> Any:
    if isinstance(value, str | date) and not isinstance(value, datetime):
        return value
    raise Mistake(f"{value!r} is not a day", "write it as `2027-12-31`")


Until = Annotated[date, BeforeValidator(_read_day)]
"""The last day of something, written as a day."""


class Ending(_Attributes):
    """The end of a dataset that another one takes the place of, as when its contract had to break.

    Attributes:
        after: The last day on which it is made, in UTC, and the last whose partitions are. One of these that comes later is
            still made, once.
        instead: The dataset to read in its place.
    """

    after: Until
    instead: str


class RuleOptions(_Attributes):
    """What a rule does, where it differs from its default.

    Attributes:
        severity: `reject`, `warn` or `fail`.
        tolerance: The share of rows that may break the rule before it warns or fails; for a rejecting rule, before the
            whole partition is refused.
        shadow_until: Until the end of this day, in UTC, the rule only warns, whatever else it does: so a new rule is seen at
            work before it bites. What was published by then is not judged again.
    """

    severity: Severity | None = None
    tolerance: Share | None = None
    shadow_until: Until | None = None


def _read_rule(value: Any) -> Any:
    if not isinstance(value, str | dict):
        raise Mistake(f"{value!r} tells nothing of a rule", "write `warn`, or `{severity: warn, tolerance: 0.1}`")
    return {"severity": value} if isinstance(value, str) else value


class Gap(_Attributes):
    """A partition that will never be delivered. It counts as present and empty.

    Attributes:
        partition: Its key.
        reason: Why.
    """

    partition: PartitionKey
    reason: Reason


class Acceptance(_Attributes):
    """What is unlike the partitions or the delivery before it, and right all the same: it passes, with the reason.

    Attributes:
        partition: The key of the partition; left out where the dataset has none.
        delivery: How the SHA-256 of the delivery begins, 12 digits or more; left out, whatever is delivered for the partition
            is accepted.
        reason: Why it is right.
    """

    partition: Annotated[str | None, BeforeValidator(str, json_schema_input_type=str | int)] = None
    delivery: Annotated[str, StringConstraints(pattern="^[0-9a-f]{12,64}$")] | None = None
    reason: Reason

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.partition is None and self.delivery is None:
            raise Mistake("it is not said what is accepted", "name the `partition`, the `delivery` or both")
        return self


def _read_lifecycle(value: Any) -> Any:
    if not isinstance(value, str | dict):
        raise Mistake(
            f"{value!r} names no lifecycle class", "write one of `policy.yaml`, or `{class, reason, <zone>: <duration>}`"
        )
    return {"class": value} if isinstance(value, str) else value


class DatasetAttributes(_Attributes):
    """What every dataset says, whether it is delivered or made here.

    Attributes:
        description: What one row is, in a sentence.
        owner: A team of `policy.yaml`.
        readers: Reader groups of `policy.yaml`.
        lifecycle: A lifecycle class of `policy.yaml`, or `{class, reason, <zone>: <duration>}`.
        classification: One of `policy.yaml`.
        partitions: The partitions in time; without it the dataset has one part.
        key: The columns that tell rows apart.
        references: Values that must exist in other datasets.
        rules: By rule, `reject`, `warn`, `fail`, or `{severity, tolerance}`, where the default does not fit.
        tolerance: The share of rows that may be rejected before the whole partition is refused.
        due: How long after its end a partition must be there; for a dataset without partitions, its greatest age.
        ends: Until when it is made, and what to read in its place.
        accepted: Partitions or deliveries that are unlike those before them, and right all the same.
    """

    description: str
    owner: str
    readers: Annotated[tuple[str, ...], Field(min_length=1)]
    lifecycle: Annotated[LifecycleChoice, BeforeValidator(_read_lifecycle, json_schema_input_type=str | LifecycleChoice)]
    classification: str
    partitions: Partitions | None = None
    key: Annotated[tuple[str, ...], Field(min_length=1)]
    references: tuple[Reference, ...] = ()
    rules: dict[str, Annotated[RuleOptions, BeforeValidator(_read_rule, json_schema_input_type=Severity | RuleOptions)]] = {}
    tolerance: Share = 0.0
    due: Limited | None = None
    ends: Ending | None = None
    accepted: tuple[Acceptance, ...] = ()


class IngestedAttributes(DatasetAttributes):
    """A dataset that a provider delivers.

    Attributes:
        source: Where the deliveries come from, and how they are written.
        gaps: Partitions that will never be delivered.
    """

    source: Source
    gaps: tuple[Gap, ...] = ()

    @model_validator(mode="after")
    def _named_partition(self) -> Self:
        named = "{partition}" in self.source.files
        if self.partitions and not named:
            raise Mistake("the dataset has partitions, but `source.files` does not tell them apart", "put `{partition}` in it")
        if named and not self.partitions:
            raise Mistake("`source.files` names a `{partition}`, but the dataset has none", "add `partitions`")
        proof = self.source.complete.manifest or self.source.complete.marker
        if proof and ("{partition}" in proof) != named:
            has = "does not tell the partitions apart" if named else "names a `{partition}`, but the dataset has none"
            raise Mistake(f"`source.complete`: {proof!r} {has}", "put `{partition}` into both of them or into none")
        return self


def _called_as_a_dataset(value: str) -> str:
    if not is_dataset_name(value):
        name = value.strip("/").rpartition("/")[2].partition(".")[0].lower()
        remedy = f"write `{name}`" if is_dataset_name(name) else "write the name of a dataset's folder"
        raise Mistake(f"{value!r} is no name of a dataset, which has no zone and no ending", remedy)
    return value


class DerivedAttributes(DatasetAttributes):
    """A dataset that `transform.py` makes from others.

    Attributes:
        inputs: The datasets it is made from: the arguments of `transform`, by name.
        declassified: Why it may have wider readers or a lower classification than an input.
        chart: A picture of the result on its materialization in the UI.
    """

    inputs: Annotated[tuple[Annotated[str, AfterValidator(_called_as_a_dataset)], ...], Field(min_length=1)]
    declassified: Reason | None = None
    chart: "Chart | None" = None


class Chart(_Attributes):
    """A bar chart of a derived dataset.

    Attributes:
        x: The column along the bottom.
        y: The column whose sum for each x is drawn; a number.
        title: What it shows.
    """

    x: str
    y: str
    title: str


NOT_JUDGED = {
    "description",
    "owner",
    "lifecycle",  # a tag, which follows when a partition is judged again for another reason
    "partitions.start",
    "partitions.end",
    "due",
    "ends",
    "accepted",  # a ground of its own partition, as `gaps` are
    "source.provider",
    "source.complete",  # what was received is known by its receipt
    "gaps",
    "declassified",
    "chart",
}
"""The attributes on which no verdict depends, nor what is published, nor its record: they reopen nothing."""


def is_dataset_name(name: str) -> bool:
    """Whether a folder's name can be a dataset's."""
    return re.fullmatch(DATASET_NAME, name) is not None
