"""Relations: what the columns of a partition tell of each other.

The means, deviations and correlations of its columns, as numbers and as whether they have a value, are all that is kept of a
partition. Those of the partitions before give the linear regression of each column on all others (from the inverse of their
correlation matrix); what it leaves of a column in one partition follows from that one's moments, and no row is looked at again.
Such residuals vary far less than their columns (Hawkins, Multivariate quality control based on regression-adjusted variables,
Technometrics 33, 1991).

Here: moments, and residuals. Not here: which columns take part (`profile`), and what is unusual (`drift`).
"""

from collections import deque
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import BaseModel, ConfigDict

Numbers = npt.NDArray[np.float64]
_Dense = tuple[Numbers, Numbers, Numbers]
"""Means, deviations and correlations of every number that there may be."""

NULL = "\nnull"
"""Behind the name of a column: whether it has no value, as 1 or 0."""
_RIDGE = 0.01
_WILDEST = 10.0
_MOST_LEFT = 0.75
_LEAST = 0.01


class Moments(BaseModel):
    """What some numbers of each row are like together.

    Attributes:
        of: Their names; what is the same in all rows is left out.
        means, deviations: In their units.
        correlations: With each one before it in `of`, row by row of the lower triangle.
    """

    model_config = ConfigDict(frozen=True)

    of: tuple[str, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    correlations: tuple[float, ...]


def moments(numbers: pl.DataFrame) -> Moments:
    """Take the moments of columns of floats; one that is null counts as the mean."""
    values = numbers.to_numpy()
    is_none = np.isnan(values)
    with np.errstate(all="ignore"):
        mean = np.where(is_none, 0.0, values).sum(axis=0) / (~is_none).sum(axis=0)
        apart = np.where(is_none, 0.0, values - mean)
        deviation = np.sqrt((apart**2).mean(axis=0))
        varies = np.isfinite(deviation) & (deviation > 1e-9 * np.abs(mean))
        apart = apart[:, varies] / deviation[varies]
    together = np.clip(apart.T @ apart / len(apart), -1, 1)
    return Moments(
        of=tuple(name for name, does in zip(numbers.columns, varies, strict=True) if does),
        means=tuple(float(f"{one:.6g}") for one in mean[varies]),
        deviations=tuple(float(f"{one:.6g}") for one in deviation[varies]),
        correlations=tuple(round(float(one), 4) for one in together[np.tril_indices(len(together), -1)]),
    )


class Relations:
    """What the columns of the partitions before one tell of each other.

    Args:
        of: Every number that moments may be of.
        reach: How many partitions before tell what is usual.
        least: How many are needed.
    """

    def __init__(self, of: Sequence[str], reach: int, least: int):
        self._of = list(of)
        self._place = {name: place for place, name in enumerate(of)}
        self._is_null = np.array([name.endswith(NULL) for name in of], dtype=bool)
        self._nulls = [self._place[name if name.endswith(NULL) else name + NULL] for name in of]
        self._least = least
        self._before: deque[_Dense | None] = deque(maxlen=reach)
        self._fitted: tuple[Numbers, Numbers, Numbers] | None = None
        self._lefts: Numbers | None = None

    def add(self, taken: Moments | None) -> None:
        """Take the next partition among those before."""
        self._before.append(self._dense(taken) if taken else None)
        self._fitted = self._lefts = None

    def numbers(self, taken: Moments | None) -> Numbers:
        """What the regression leaves of each number: first all deviations, then all means; in its unit, NaN is none."""
        left: Numbers = self._left([self._dense(taken) if taken else None])[0]
        return left

    def before(self) -> Numbers:
        """The same of each partition before, by the regression of today."""
        if self._lefts is None:
            self._lefts = self._left(self._before)
        return self._lefts

    def floors(self, median: Numbers) -> Numbers:
        """The least that counts as a deviation of `numbers`."""
        _, scale, _ = self._fit()
        least = _LEAST * scale
        return np.concatenate([least + 2 * _LEAST * median[: len(scale)], least])

    def nearest(self, place: int) -> str:
        """The number that tells most of another one."""
        weights, scale, _ = self._fit()
        told = np.abs(weights[place] * np.nan_to_num(scale))
        told[[place, self._nulls[place]]] = 0.0
        return self._of[int(np.argmax(np.nan_to_num(told)))]

    def _dense(self, taken: Moments) -> _Dense:
        size = len(self._of)
        mean, deviation, together = np.where(self._is_null, 0.0, np.nan), np.zeros(size), np.eye(size)
        known = [number for number, name in enumerate(taken.of) if name in self._place]
        places = [self._place[taken.of[number]] for number in known]
        mean[places], deviation[places] = np.array(taken.means)[known], np.array(taken.deviations)[known]
        lower = np.eye(len(taken.of)) / 2
        lower[np.tril_indices(len(lower), -1)] = taken.correlations
        together[np.ix_(places, places)] = (lower + lower.T)[np.ix_(known, known)]
        return mean, deviation, together

    def _left(self, several: Collection[_Dense | None]) -> Numbers:
        weights, scale, usual = self._fit()
        left = np.full((len(several), 2 * len(scale)), np.nan)
        known = [place for place, one in enumerate(several) if one is not None]
        if known and not np.isnan(scale).all():
            mean, deviation, together = (np.stack(parts) for parts in zip(*filter(None, several), strict=True))
            with np.errstate(all="ignore"):
                weighed = weights * deviation[:, None]
                spread = np.sqrt(np.maximum(((weighed @ together) * weighed).sum(axis=2), 0.0))
                shift = np.where(self._is_null, np.nan, (weights @ np.nan_to_num(mean - usual)[..., None])[..., 0])
            left[known] = np.where(np.isnan(np.tile(scale, 2)), np.nan, np.hstack([spread, shift]))
        return left

    def _fit(self) -> tuple[Numbers, Numbers, Numbers]:
        """The weights that leave of each number its residual; its usual deviation, NaN of what has none; its usual mean.

        A column that is the same in all rows, or mostly has no value, tells nothing of others.
        """
        if self._fitted is None:
            size = len(self._of)
            weights, scale, usual = np.zeros((size, size)), np.full(size, np.nan), np.zeros(size)
            told_by_others = np.zeros(size, dtype=bool)
            told = [one for one in self._before if one is not None]
            if len(told) >= self._least:
                means, deviations, together = (np.stack(parts) for parts in zip(*told, strict=True))
                usual = np.nan_to_num(np.median(means, axis=0))
                typical = np.median(deviations, axis=0)
                part = np.flatnonzero((typical > 0) & (usual[self._nulls] <= 0.5))
                scale[part] = typical[part]
                apart = np.minimum(deviations[:, part] / typical[part], _WILDEST)
                pooled = (together[:, part[:, None], part] * apart[:, :, None] * apart[:, None, :]).mean(axis=0)
                inverse = np.linalg.inv(pooled + _RIDGE * np.eye(len(part)))
                # What others hardly tell leaves itself, and that is compared already.
                told_by_others[part] = 1 / np.diag(inverse) <= _MOST_LEFT
                ratio = inverse / np.diag(inverse)[:, None]
                weights[np.ix_(part, part)] = ratio * typical[part][:, None] / typical[part]
                scale[~told_by_others] = np.nan
            self._fitted = weights, scale, usual
        return self._fitted
