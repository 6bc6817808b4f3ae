"""Durations as people write them: `90 days`, `7 years`, and `forever` with a reason."""

import math
import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from dataops_assets.contract.errors import Mistake

_HOURS = {"hour": 1, "day": 24, "week": 7 * 24, "month": 30 * 24, "year": 365 * 24}
_TEXT = re.compile(r"(\d+) (hour|day|week|month|year)s?")
_LONGEST_HOURS = 1000 * _HOURS["year"]
_WRITTEN = "write it as `12 hours`, `90 days`, `6 months`, `7 years`"


class Duration(BaseModel):
    """A stated length of time; a month counts 30 days, a year 365.

    Attributes:
        text: As it was written.
        hours: Its length in hours; None is forever.
        reason: Why it is forever; None otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    hours: int | None
    reason: str | None = None

    @property
    def days(self) -> float:
        """Its length in days; forever is without end."""
        return math.inf if self.hours is None else self.hours / 24

    @property
    def length(self) -> timedelta:
        """The duration; forever is the longest that Python can tell."""
        return timedelta.max if self.hours is None else timedelta(hours=self.hours)

    def __str__(self) -> str:
        return self.text


def parse_duration(value: Any) -> Duration:
    """Read `"90 days"`, or `{"forever": "the reason"}`.

    Raises:
        Mistake: It is neither; the message says how to write it.
    """
    if isinstance(value, Duration):
        return value
    reason = str(value["forever"] or "").strip() if isinstance(value, dict) and set(value) == {"forever"} else ""
    if reason:
        return Duration(text="forever", hours=None, reason=reason)
    if value == "forever" or (isinstance(value, dict) and "forever" in value):
        raise Mistake("`forever` needs a reason", "write it as `{forever: <the reason>}`")
    return _parse_limited(value, " or `{forever: <the reason>}`")


def _parse_limited(value: Any, or_else: str = "") -> Duration:
    if isinstance(value, Duration):
        return value
    match = _TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise Mistake(f"{value!r} is not a duration" + ("" if or_else else " that ends"), _WRITTEN + or_else)
    hours = int(match[1]) * _HOURS[match[2]]
    if hours > _LONGEST_HOURS:
        raise Mistake(f"{value.strip()} is longer than 1,000 years", "shorten it" + or_else)
    return Duration(text=value.strip(), hours=hours)


def in_days(duration: Duration) -> Duration:
    """The same, of whole days.

    Raises:
        Mistake: It has a part of a day.
    """
    if duration.hours is not None and duration.hours % 24:
        raise Mistake(f"{duration} is no number of whole days, in which S3 counts", "write it in days, as `1 day`")
    return duration


_LIMITED_SCHEMA = {"type": "string", "pattern": f"^{_TEXT.pattern}$"}
_KEPT_SCHEMA = {
    "oneOf": [_LIMITED_SCHEMA, {"type": "object", "required": ["forever"], "properties": {"forever": {"type": "string"}}}]
}

Kept = Annotated[Duration, BeforeValidator(parse_duration), AfterValidator(in_days), WithJsonSchema(_KEPT_SCHEMA)]
"""How long something is kept, in whole days; may be forever, with a reason."""

Limited = Annotated[Duration, BeforeValidator(_parse_limited), WithJsonSchema(_LIMITED_SCHEMA)]
"""A length of time that ends."""

Days = Annotated[Duration, BeforeValidator(_parse_limited), AfterValidator(in_days), WithJsonSchema(_LIMITED_SCHEMA)]
"""A length of time that ends, in whole days."""
