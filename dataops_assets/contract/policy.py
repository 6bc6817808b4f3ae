"""What is named once for all datasets, in `defs/policy.yaml`: owners, reader groups, classifications, lifecycle classes."""

import re
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dataops_assets.contract.duration import Duration, Kept
from dataops_assets.contract.errors import Mistake

Zone = Literal["landing", "raw", "staged", "quarantine", "curated"]
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
    landing: Kept
    raw: Kept
    staged: Kept
    quarantine: Kept
    curated: Kept

    @model_validator(mode="after")
    def _raw_lasts(self) -> Self:
        if self.landing.length > self.raw.length:
            raise Mistake(
                f"landing is kept for {self.landing}, longer than raw ({self.raw})",
                "raw holds every delivery: shorten landing",
            )
        for zone in ("staged", "quarantine", "curated"):
            if self.keep(zone).length > self.raw.length:
                raise Mistake(
                    f"raw ends after {self.raw}, before {zone} ({self.keep(zone)}), which is rebuilt from it",
                    f"keep raw at least as long, or shorten {zone}",
                )
        return self

    def keep(self, zone: Zone) -> Duration:
        """How long a partition is kept in the zone."""
        duration: Duration = getattr(self, zone)
        return duration


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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    owners: dict[str, Owner] = Field(min_length=1)
    readers: dict[str, str] = Field(min_length=1)
    classifications: dict[str, str] = Field(min_length=1)
    lifecycles: dict[str, Lifecycle] = Field(min_length=1)

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

    def rank(self, classification: str) -> int:
        """How confidential a classification is, from 0."""
        return list(self.classifications).index(classification)
