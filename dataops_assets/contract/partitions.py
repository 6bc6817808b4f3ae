"""Partitions in time: which keys a dataset has, when each ends, and how coarser and finer ones map to each other.

A dataset without partitions has one part, whose key is None. Days, months and years are local to the dataset's time zone.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from dataops_assets.contract.errors import Mistake

Grain = Literal["day", "month", "year"]
Partition = str | None
"""A partition's key, such as `2013-01-05` or `2013-01`; None for the one part of a dataset without partitions."""

_REGIONS = {"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
_NEAR = 0.9
_NAME_THE_PLACE = "name the place, as `Europe/Berlin`"
_OF_THE_MACHINE = {"localtime", "posixrules"}
_HIVE_NAME: dict[Grain, str] = {"day": "date", "month": "month", "year": "year"}
_KEY_LENGTH: dict[Grain, int] = {"day": 10, "month": 7, "year": 4}
_KEY: dict[Grain, str] = {"day": "[0-9]{4}-[0-9]{2}-[0-9]{2}", "month": "[0-9]{4}-[0-9]{2}", "year": "[0-9]{4}"}


def _read_date(value: Any) -> date:
    """A day, a month (its first day) or a year (its first day); YAML may already have made a date or a number of it."""
    if isinstance(value, date):
        return value
    text = str(value)
    for pattern, rest in ((_KEY["year"], "-01-01"), (_KEY["month"], "-01"), (_KEY["day"], "")):
        if re.fullmatch(pattern, text):
            return date.fromisoformat(text + rest)
    raise Mistake(f"{value!r} is not a day, a month or a year", "write it as `2013-01-05`, `2013-01` or `2013`")


def known_zone(value: str) -> str:
    """A time zone that is the same one everywhere.

    Raises:
        Mistake: It is none.
    """
    if value in _OF_THE_MACHINE:
        raise Mistake(f"{value!r} is another zone on each machine", _NAME_THE_PLACE)
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = _near_place(value)
        remedy = f"did you mean `{near}`?" if near else _NAME_THE_PLACE
        raise Mistake(f"{value!r} is no IANA time zone", remedy) from error
    return value


def _near_place(value: str) -> str | None:
    """The zone of the place that was likely meant: what is near an abbreviation or an offset is hours away from it."""
    said = value.casefold().replace(" ", "_")
    zones = {zone.casefold(): zone for zone in sorted(available_timezones()) if zone.partition("/")[0] in _REGIONS}
    cities = {zone.rpartition("/")[2]: name for zone, name in zones.items()}
    return cities.get(said) or next((zones[near] for near in difflib.get_close_matches(said, zones, 1, _NEAR)), None)


Day = Annotated[date, BeforeValidator(_read_date), WithJsonSchema({"type": ["string", "integer"]})]


class Partitions(BaseModel):
    """The partitions of a dataset.

    Attributes:
        every: How long one partition is.
        start: The first partition.
        end: The last partition, included; left out while more are expected. With an end the dataset is closed: it must be
            complete, and nothing is late.
        timezone: The IANA zone whose midnights part the days.
        columns: The delivered columns that tell a row's partition: one that begins with the key, or its parts in order
            (year, month, day); of a column of moments, the day that each is in, in that time zone. Every delivery is compared
            with them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: Grain
    start: Day
    end: Day | None = None
    timezone: str = "UTC"
    columns: tuple[str, ...] = Field(default=(), max_length=3)

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        return known_zone(value)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end is not None and self.end < self.start:
            raise Mistake(f"the last partition, {self.end}, is before the first, {self.start}", "swap them")
        parts = {"day": 3, "month": 2, "year": 1}[self.every]
        if len(self.columns) not in (0, 1, parts):
            named = f"{len(self.columns)} columns do not tell a {self.every}"
            raise Mistake(named, f"name one that begins with its key, or its {parts} parts in order")
        return self

    @property
    def hive_name(self) -> str:
        """The name of the partition in hive-style keys, as in `date=2013-01-05`."""
        return _HIVE_NAME[self.every]

    @property
    def key_pattern(self) -> str:
        """A regular expression that every key matches, and little else."""
        return _KEY[self.every]

    @property
    def closed(self) -> bool:
        """Whether no partition is expected after the last one."""
        return self.end is not None

    def key_of(self, day: date) -> str:
        """The key of the partition that holds the day."""
        return day.isoformat()[: _KEY_LENGTH[self.every]]

    def first_day(self, key: str) -> date:
        """The first day of a partition.

        Raises:
            Mistake: The key is not written as this dataset's keys are.
        """
        if not re.fullmatch(self.key_pattern, key):
            raise Mistake(f"{key!r} is no {self.every}", f"write it like {self.key_of(self.start)}")
        return _read_date(key)

    def _next(self, first: date) -> date:
        if self.every == "day":
            return first + timedelta(days=1)
        if self.every == "year":
            return date(first.year + 1, 1, 1)
        return date(first.year + first.month // 12, first.month % 12 + 1, 1)

    def start_of(self, key: str) -> datetime:
        """The moment at which the partition begins, in its own time zone."""
        return datetime.combine(self.first_day(key), time(), ZoneInfo(self.timezone))

    def end_of(self, key: str) -> datetime:
        """The moment, in UTC, at which the partition is over."""
        after = self._next(self.first_day(key))
        return datetime.combine(after, time(), ZoneInfo(self.timezone)).astimezone(UTC)

    def contains(self, key: str, now: datetime) -> bool:
        """Whether the key is one of `keys(now)`."""
        try:
            first, over = self.first_day(key), self.end_of(key)
        except (ValueError, OverflowError):  # no such day, or the last that Python can tell
            return False
        return self.first <= first and (self.end is None or first <= self.end) and over <= now

    @property
    def first(self) -> date:
        """The first day of the first partition."""
        return _read_date(self.key_of(self.start))

    @property
    def last(self) -> date | None:
        """The first day of the last partition; None while more are expected."""
        return _read_date(self.key_of(self.end)) if self.end else None

    @property
    def span(self) -> timedelta:
        """How long one partition is, at most."""
        return timedelta(days={"day": 1, "month": 31, "year": 366}[self.every])

    @property
    def span_of_all(self) -> timedelta:
        """From the first day to the end of the last partition; the longest time there is, while more are expected."""
        return self._next(self.last) - self.first if self.last else timedelta.max

    def keys(self, now: datetime) -> list[str]:
        """Every partition that is over by now, in order."""
        return list(self._keys(self.first, self.end, now))

    def before(self, key: str) -> Iterator[str]:
        """The partitions before one, the latest first."""
        first = self.first_day(key)
        while first > self.first:
            key = self.key_of(first - timedelta(days=1))
            first = self.first_day(key)
            yield key

    def in_a_row(self, keys: Iterable[str]) -> list[list[str]]:
        """Keys cut into rows of consecutive ones, in order."""
        rows: list[list[str]] = []
        for key in sorted(keys):
            if rows and self.key_of(self._next(self.first_day(rows[-1][-1]))) == key:
                rows[-1].append(key)
            else:
                rows.append([key])
        return rows

    def _keys(self, first: date, last: date | None, now: datetime) -> Iterator[str]:
        while last is None or first <= last:
            key = self.key_of(first)
            if self.end_of(key) > now:
                return
            yield key
            first = self._next(first)

    def keys_within(self, other: "Partitions", key: str, now: datetime) -> list[str]:
        """These partitions, as far as they overlap one partition of another dataset (of the same time zone)."""
        first = other.first_day(key)
        last = other._next(first) - timedelta(days=1)
        first = max(_read_date(self.key_of(first)), self.first)
        last = min(last, self.end) if self.end else last
        return list(self._keys(first, last, now))
