"""What is stated once, in `defs/policy.yaml`: owners, reader groups, classifications, lifecycle classes, and the platform."""

import re
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dataops_assets.contract.duration import Duration
from dataops_assets.contract.errors import Mistake
from dataops_assets.contract.retention import Landed, Platform, Retained, Retention

Zone = Literal["landing", "raw", "staged", "quarantine", "curated"]
ZONES: tuple[Zone, ...] = get_args(Zone)
"""From left to right."""
MADE: tuple[Zone, ...] = ("staged", "quarantine", "curated")
"""Those that hold what is made here."""
TOLD: dict[str, tuple[Zone, ...]] = {"verdicts": ("raw", *MADE), "provenance": MADE}
"""What tells of which zones, and lasts as long as they do."""
_TAG = re.compile(r"[A-Za-z0-9_.:/@-]{1,64}")


class Lifecycle(BaseModel):
    """How long data of a class is kept, zone by zone.

    Raw outlives all that is made from it, since staged, quarantine and curated are rebuilt from raw and git alone.

    Attributes:
        description: What kind of data it is for.
        landing, raw, staged, quarantine, curated: How long a partition is kept there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    landing: Landed
    raw: Retained
    staged: Retained
    quarantine: Retained
    curated: Retained

    @model_validator(mode="after")
    def _raw_lasts(self) -> Self:
        raw = self.keep("raw")
        if self.keep("landing").length > raw.length:
            raise Mistake(
                f"landing is kept for {self.keep('landing')}, longer than raw ({raw})",
                "raw holds every delivery: shorten landing",
            )
        for zone in MADE:
            if self.keep(zone).length > raw.length:
                raise Mistake(
                    f"raw ends after {raw}, before {zone} ({self.keep(zone)}), which is rebuilt from it",
                    f"keep raw at least as long, or shorten {zone}",
                )
        return self

    def retention(self, zone: Zone) -> Retention:
        """How long a partition is kept in the zone, and where."""
        retention: Retention = getattr(self, zone)
        return retention

    def keep(self, zone: Zone) -> Duration:
        """How long a partition is kept in the zone."""
        return self.retention(zone).keep


class Owner(BaseModel):
    """A team that answers for datasets.

    Attributes:
        description: What it does.
        contact: Where it is reached when a gate refuses at night: an address or a channel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    contact: str


class Policy(BaseModel):
    """Everything that datasets refer to by name.

    Attributes:
        owners: Teams by name.
        readers: Reader groups by name, with who they are. `branches` are branch and dev deployments.
        classifications: From the least to the most confidential, with what each means.
        lifecycles: Lifecycle classes by name.
        platform: How long everything else is kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    owners: dict[str, Owner] = Field(min_length=1)
    readers: dict[str, str] = Field(min_length=1)
    classifications: dict[str, str] = Field(min_length=1)
    lifecycles: dict[str, Lifecycle] = Field(min_length=1)
    platform: Platform

    @field_validator("readers", "lifecycles")
    @classmethod
    def _fit_into_a_tag(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not _TAG.fullmatch(name):
                raise Mistake(
                    f"`{name}` cannot be the tag of an object",
                    "call it by letters, digits, `-`, `_`, `.`, `:`, `/` or `@`",
                )
        return value

    @field_validator("classifications")
    @classmethod
    def _has_public(cls, value: dict[str, str]) -> dict[str, str]:
        if "public" not in value:
            raise Mistake("`public` is missing", "name it first: values of offending rows are shown for public data alone")
        return value

    @model_validator(mode="after")
    def _told_as_long(self) -> Self:
        for name, lifecycle in self.lifecycles.items():
            for teller, zones in TOLD.items():
                for zone in zones:
                    if why := self.told_too_short(teller, f"{zone} of `{name}`", lifecycle.keep(zone)):
                        remedy = f"keep `{teller}` at least as long, or shorten {zone} of `{name}`"
                        raise Mistake(why, remedy, at=("platform", teller))
        return self

    def told_too_short(self, teller: str, what: str, keep: Duration) -> str:
        """Why something ends before what it tells of; empty if it does not."""
        ends: Duration = getattr(self.platform, teller)
        return f"{what} is kept for {keep}, but what tells of it for {ends}" if ends.length < keep.length else ""

    def versions(self, retention: Retention) -> Duration:
        """How long an old version is kept in a zone."""
        return retention.versions or min(self.platform.versions, retention.keep, key=lambda duration: duration.length)

    def rank(self, classification: str) -> int:
        """How confidential a classification is, from 0."""
        return list(self.classifications).index(classification)
