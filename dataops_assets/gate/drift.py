"""Drift: is a partition like those before it?

Each statistic of a profile is compared with its own history, in the order of the partitions, and nobody has to name a bound:

1. Its *distance* is how far it is from the median of the partitions before, in terms of their median absolute deviation
   (Hampel, The influence curve and its role in robust estimation, 1974) and a floor: what never moved may move a little.
2. Its *surprise* is that distance in terms of the largest that it has had before. So what is restless by nature, such as delays
   or rain, has a wide bound, and what is steady a narrow one. The shorter the history, the wider the bound.
3. A *break* is three times as far off as ever before, however short the history, and not only just unusual. Three times what
   is unusual would not do: what falls to a tenth is off by no more than its own level, which may be twenty deviations.

Here: distances. Not here: the statistics (`profile`), what is said of those that are unusual (`unusual`), and where the
profiles before come from.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from dataops_assets.gate.profile import Profile, has_categories, related_of, statistics_of
from dataops_assets.gate.relations import NULL, Numbers, Relations

USUAL = 28
"""How many partitions before one tell what is usual: four weeks, if they are days."""
CALIBRATED = 180
"""How many partitions before one tell how far a statistic goes by nature."""
COLD_START = 14
"""How many partitions before one it takes to tell anything."""
_LEAST_LIMIT, _LEAST_LIMIT_STEADY, _LEAST_LIMIT_NEW, _LEAST_LIMIT_LOPSIDED = 6.0, 3.5, 8.0, 10.0
_BEYOND = 1.5
_PATIENCE = 24
_OFTEN, _OFTEN_AT_LEAST = 0.05, 3
"""In which share of the partitions before a number came often, and in how many of them at least."""
_WIDENED = 2.0
_BREAK, _BREAK_LEAST = 3.0, 1.1
"""A break is so many times as far off as anything before, and so many times as far as what is unusual at least."""
_UNSEEN = 1e-3
"""As which part of values counts their spread, where they differ by less than a profile holds: a change of the last of its six
digits is usual then."""
_NORMAL = 1.4826  # the standard deviation of a normal distribution, in terms of its median absolute deviation
NEW, _MIX, ROWS, _MERGED, _REPEATED = "new", "mix", "rows", "merged", "repeated"
_RESIDUAL, _BIAS = "residual", "bias"
_STEADY = (_RESIDUAL, _BIAS, "step", _MIX)
_RARE = ("nulls", "lower", "padded")
SHARES = (*_RARE, "top", NEW, _MIX, _MERGED, _REPEATED)
"""Kinds of statistics that are a share of the rows."""
NEVER_NEGATIVE = (*SHARES, ROWS, "distinct", "length", "decimals", "step", _RESIDUAL)
"""Kinds of statistics that are never below zero."""


class History:
    """The profiles of the partitions before one, in their order.

    Args:
        schema: The columns of the dataset.

    Attributes:
        names: Every statistic, as column and name.
        taken: Every partition that was added, and its profile.
        partitions: Those of them that tell what is usual, and how far that goes.
    """

    def __init__(self, schema: Mapping[str, pl.DataType]):
        named = [("", ROWS), ("", _MERGED), ("", _REPEATED), *statistics_of(schema)]
        named += [(name, kind) for name, dtype in schema.items() if has_categories(dtype) for kind in (NEW, _MIX)]
        self._numeric = {name for name, dtype in schema.items() if dtype.is_numeric()}
        named += [(name, NEW) for name in schema if name in self._numeric]
        self._new_numbers = np.array([what == NEW and name in self._numeric for name, what in named], dtype=bool)
        flags = {name for name, dtype in schema.items() if dtype == pl.Boolean}
        self._of_flags = np.array([what in (NEW, _MIX) and name in flags for name, what in named], dtype=bool)
        floats = {name for name, dtype in schema.items() if dtype.is_float()}
        self._of_floats = np.array([name in floats for name, _ in named], dtype=bool)
        related = related_of(schema)
        self._relations = Relations(related, USUAL, COLD_START)
        self._related = len(named)  # where they begin
        self.names = named + [(name, what) for what in (_RESIDUAL, _BIAS) for name in related]
        self.taken: list[tuple[str, Profile]] = []
        self.partitions: deque[str] = deque(maxlen=USUAL + CALIBRATED)
        self._categories: deque[Mapping[str, Mapping[str, int]]] = deque()
        self._shares: dict[str, dict[str, float]] = {}
        self._known: dict[str, Counter[str]] = defaultdict(Counter)
        self._counted: Counter[str] = Counter()
        self._ranges: dict[str, tuple[float, float] | None] = {}
        self._values: deque[Numbers] = deque(maxlen=USUAL)
        self._distances: deque[Numbers] = deque(maxlen=CALIBRATED)
        self._once: Numbers = np.full(len(self.names), np.nan)
        self._compared: tuple[Profile, tuple[Numbers, Numbers, Numbers, Numbers]] | None = None
        self._place = {name: place for place, name in enumerate(self.names)}
        self._kinds = np.array([what for _, what in self.names])
        self._beside = {
            what: np.array([self._place.get((name, what), -1) for name, _ in named])
            for what in ("q05", "q95", "distinct", "least", "greatest", "top", "nulls")
        }
        self._top = np.array([self._place.get((name, "top"), -1) for name, _ in self.names])

    def add(self, partition: str, profile: Profile) -> None:
        """Take the next partition among those before.

        One that is unusual widens what is usual, and a break does not: the same fault on the next day is one again. Whether
        one of the first was a break is known once there are enough of them; it counts if it comes back, as a rhythm does. A
        level that has changed for good becomes what is usual once most of the partitions before have it.
        """
        values, distances, limits, breaks = self._compared_with(profile)
        self._compared = None
        comes_back = (distances >= breaks) & (distances >= self._once / 2)
        widens = ~np.isnan(distances) & ~(distances >= breaks)
        widened = np.where(widens, np.fmin(distances, limits * _WIDENED), np.nan)
        self._distances.append(np.where(comes_back, self._once, widened))
        self._once[comes_back] = np.nan
        self._look_back()
        self._values.append(values[: self._related])
        self._relations.add(profile.relations)
        self._shares.clear()
        self._ranges.clear()
        self._categories.append(profile.categories)
        self._counted.update(profile.categories.keys())
        for column, counts in profile.categories.items():
            self._known[column].update(counts.keys())
        if len(self._categories) > USUAL + CALIBRATED:
            lost = self._categories.popleft()
            self._counted.subtract(lost.keys())
            for column, gone in lost.items():
                self._known[column] -= Counter(gone.keys())
        self.taken.append((partition, profile))
        self.partitions.append(partition)

    def _look_back(self) -> None:
        """Take the farthest distance of a cold start that has just ended for a fault, if by the others it is a break."""
        before = np.stack(self._distances)
        ends = ((~np.isnan(before)).sum(axis=0) == COLD_START) & ~np.isnan(before[-1])
        if not ends.any():
            return
        second, first = np.sort(before, axis=0)[COLD_START - 2 : COLD_START]  # NaN comes last
        _, breaks = _beyond(np.fmax(second, self._least()), np.array(COLD_START - 1))
        self._once = np.where(ends, np.where(first >= breaks, first, np.nan), self._once)
        for distances in self._distances:
            np.copyto(distances, second, where=ends & (distances == self._once))

    def surprises(self, profile: Profile) -> Numbers:
        """By statistic, its distance in terms of what is usual: more than 1 is unusual, NaN is what cannot be told."""
        _, distances, limits, _ = self._compared_with(profile)
        return distances / limits

    def bounds(self, place: int) -> Numbers:
        """What of a statistic is a break below, unusual below, unusual above, and a break above."""
        _, median, scale = (of_all[..., place] for of_all in self._scaled())
        limit, broken = (of_all[place] for of_all in self._limits())
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(median + scale * np.array([-broken, -limit, limit, broken]))

    def breaks(self, profile: Profile) -> npt.NDArray[np.bool_]:
        """By statistic, whether it is a break."""
        _, distances, _, breaks = self._compared_with(profile)
        return distances >= breaks

    def _compared_with(self, profile: Profile) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """The statistics of a profile, their distances, and `_limits`; what is compared mostly comes next."""
        if self._compared is None or self._compared[0] != profile:
            values = self._numbers(profile)
            self._compared = profile, (values, self._distances_of(values), *self._limits())
        return self._compared[1]

    def before(self, place: int) -> Numbers:
        """The values that a statistic had in the partitions that tell what is usual, the latest last."""
        return self._before()[:, place]

    def _before(self) -> Numbers:
        return np.hstack([np.stack(self._values), self._relations.before()])

    def numbers(self, profile: Profile) -> Numbers:
        """The statistics of a profile, by `names`; NaN where there is none."""
        return self._compared_with(profile)[0]

    def _numbers(self, profile: Profile) -> Numbers:
        values = np.full(self._related, np.nan)
        values[:3] = profile.rows, profile.merged, np.nan if profile.repeated is None else profile.repeated
        for column, statistics in profile.columns.items():
            for what, value in statistics.items():
                if (place := self._place.get((column, what))) is not None:
                    values[place] = value
        for column, counts in profile.categories.items():
            new = self.new_categories(profile, column)
            if new is not None and (place := self._place.get((column, NEW))) is not None:
                values[place] = sum(counts[value] for value in new) / max(1, sum(counts.values()))
            if (place := self._place.get((column, _MIX))) is not None:
                values[place] = self._mix(column, counts)
        return np.concatenate([values, self._relations.numbers(profile.relations)])

    def told(self, place: int, value: str) -> str:
        """What a statistic is, in words; without what it usually is."""
        column, what = self.names[place]
        name = column.removesuffix(NULL)
        if what in (_RESIDUAL, _BIAS):
            number = (place - self._related) % ((len(self.names) - self._related) // 2)
            other = self._relations.nearest(number).removesuffix(NULL)
            of = f"whether {name} has a value" if column.endswith(NULL) else name
            by = "" if what == _RESIDUAL else "on average "
            return f"{of} is {by}{value} off what the other columns tell of it, most of all {other}"
        if what == _MIX:
            return f"{value} of the rows have another {name} than in the partitions before"
        if what == "step":
            return f"{name} changes by {value} from row to row"
        return (
            f"{value} of the rows equal another in all but the key"
            if what == _REPEATED
            else f"{named(column, what)} is {value}"
        )

    def new_categories(self, profile: Profile, column: str) -> list[str] | None:
        """The values of a column that no partition before had; None if they had too many to tell.

        New numbers are those in between others, as tenths of a degree where there were whole ones, and those beyond a bound
        that many partitions reached and none passed. What else goes beyond those before is left to other statistics.
        """
        known, values = self._known.get(column), profile.categories.get(column)
        if not known or values is None:
            return None
        new = [value for value in values if value not in known]
        if column not in self._numeric:
            return new
        bounds = self._range(column)
        return None if bounds is None else [value for value in new if bounds[0] < float(value) < bounds[1]]

    def _range(self, column: str) -> tuple[float, float] | None:
        """The range in which all numbers are known that may come; None unless nearly all partitions had few enough to count.

        It ends at the last number that came often, or nowhere if none went beyond that: as 0 and 360 are of directions.
        """
        if column not in self._ranges:
            several = len(self._categories) * _OFTEN
            known = {float(value): times for value, times in self._known[column].items()}
            often = [value for value, times in known.items() if times >= max(several, _OFTEN_AT_LEAST)]
            self._ranges[column] = None
            if often and self._counted[column] >= len(self._categories) - several:
                low, high = min(often), max(often)
                self._ranges[column] = -np.inf if low == min(known) else low, np.inf if high == max(known) else high
        return self._ranges[column]

    def _mix(self, column: str, counts: Mapping[str, int]) -> float:
        """The total variation distance of the shares of categories from their means in the partitions before."""
        if column not in self._shares:
            shares: dict[str, float] = defaultdict(float)
            self._shares[column] = shares
            before = [one[column] for one in list(self._categories)[-USUAL:] if one.get(column)]
            for one in before if len(before) >= COLD_START else ():
                total = sum(one.values()) * len(before)
                for value, count in one.items():
                    shares[value] += count / total
        usual, rows = self._shares[column], sum(counts.values())
        if not usual or not counts:
            return np.nan
        return sum(abs(counts.get(value, 0) / rows - usual.get(value, 0.0)) for value in sorted({*usual, *counts})) / 2

    def _distances_of(self, values: Numbers) -> Numbers:
        if len(self._values) < COLD_START:
            return np.full(len(self.names), np.nan)
        before, median, scale = self._scaled()
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            distances = np.abs(values - median) / scale
        return np.where((~np.isnan(before)).sum(axis=0) >= COLD_START, distances, np.nan)

    def _scaled(self) -> tuple[Numbers, Numbers, Numbers]:
        """The values before, their medians, and what distances from these are measured in."""
        before = self._before()
        median, _ = _median(before)
        with np.errstate(invalid="ignore", over="ignore"):
            deviation, _ = _median(np.abs(before - median))
            return before, median, _NORMAL * deviation + self._floors(before, median)

    def _floors(self, before: Numbers, median: Numbers) -> Numbers:
        """The least that counts as a deviation, in the unit of each statistic; NaN is what has none.

        Values may move by a part of the spread of their column, counts by a part of themselves, shares by a row.
        """
        related = self._relations.floors(median[self._related :])
        before, median = before[:, : self._related], median[: self._related]
        low, high, distinct, least, greatest, top, nulls = (before[:, places] for places in self._beside.values())
        spread = np.fmax.reduce(high - low, axis=0)
        # Whole numbers that are nearly alike, such as those that begin with a date, need not stay where they are.
        alike = self._of_floats & (np.fmax.reduce(greatest - least, axis=0) == 0) & (np.fmax.reduce(top + nulls, axis=0) < 0.99)
        spread = np.where(alike, _UNSEEN * np.abs(np.fmax.reduce(least, axis=0)), spread)
        # Of a column with one value all over each partition, such as its day, no value is unusual.
        spread = np.where((self._beside["q05"] >= 0) & (spread > 0), spread, np.nan)
        one_value = (self._beside["distinct"] >= 0) & (np.fmax.reduce(distinct, axis=0) <= 1)
        a_row = 1 / max(median[0], 1.0)
        never = ~(np.fmax.reduce(before, axis=0) > 0)
        kinds = self._kinds[: self._related]
        floors = np.select(
            [
                np.isin(kinds, (ROWS, "distinct")),
                np.isin(kinds, _RARE) & never,
                np.isin(kinds, _RARE),
                kinds == "decimals",
                kinds == "top",
                self._of_flags & one_value,  # what is so of whole partitions may be either by nature
                kinds == _MIX,
                self._new_numbers,
                np.isin(kinds, (NEW, _MERGED, _REPEATED)),
            ],
            [
                np.maximum(1, 0.01 * median),
                a_row / 4,
                max(a_row, 0.002),
                0.05,
                np.maximum(max(a_row, 0.002), 0.1 * median),
                np.where(one_value, np.nan, max(a_row / 2, 0.005)),
                max(a_row / 2, 0.005),
                np.where(one_value, np.nan, max(a_row / 4, 0.02)),
                a_row / 4,
            ],
            np.where(
                kinds == "length",
                np.where(one_value, np.nan, np.maximum(0.01, 0.002 * median)),
                np.where(kinds == "mean", 0.01 * spread, 0.05 * spread),
            ),
        )
        # Where most partitions have one value, how it changes from row to row tells nothing.
        return np.concatenate([np.where((kinds == "step") & ~(_median(high - low)[0] > 0), np.nan, floors), related])

    def _limits(self) -> tuple[Numbers, Numbers]:
        """The distances, by statistic, beyond which it is unusual and a break; NaN as long as too few partitions tell."""
        if not self._distances:
            return np.full(len(self.names), np.nan), np.full(len(self.names), np.nan)
        before = np.stack(self._distances)
        told = (~np.isnan(before)).sum(axis=0)
        limits, breaks = _beyond(np.fmax(np.fmax.reduce(before, axis=0), self._least()), told)
        known = told >= COLD_START
        return np.where(known, limits, np.nan), np.where(known, breaks, np.nan)

    def _least(self) -> Numbers:
        """The distances, by statistic, that are usual though none before was as far."""
        # Of a column that mostly has one value, such as rain, what the others are differs by nature.
        lopsided = (self._top >= 0) & (_median(self._before()[:, self._top])[0] > 0.5)
        return np.select(
            [np.isin(self._kinds, _STEADY), self._kinds == NEW, lopsided],
            [_LEAST_LIMIT_STEADY, _LEAST_LIMIT_NEW, _LEAST_LIMIT_LOPSIDED],
            _LEAST_LIMIT,
        )


def _beyond(largest: Numbers, told: npt.NDArray[np.int64]) -> tuple[Numbers, Numbers]:
    """The distances beyond which a statistic is unusual and a break, by the largest before and how many there were."""
    limits = largest * _BEYOND * (1 + _PATIENCE / np.maximum(told, 1))
    return limits, np.maximum(np.maximum(largest, _LEAST_LIMIT) * _BREAK, limits * _BREAK_LEAST)


def named(column: str, what: str) -> str:
    """The name of a statistic."""
    return f"{column.replace(NULL, '.nulls')}.{what}".lstrip(".")


def _median(values: Numbers) -> tuple[Numbers, npt.NDArray[np.int64]]:
    """The median of each column, and of how many numbers; NaN is none. (`numpy.nanmedian` goes column by column.)"""
    ordered = np.sort(values, axis=0)  # NaN comes last
    known = (~np.isnan(values)).sum(axis=0)
    middle = np.maximum(known - 1, 0) // 2, np.minimum(known // 2, len(values) - 1)
    lower, upper = (np.take_along_axis(ordered, place[None], axis=0)[0] for place in middle)
    return lower / 2 + upper / 2, known  # their sum may be more than a float can be
