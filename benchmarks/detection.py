"""What statistics over time catch: `python benchmarks/detection.py [FIRST]` (0).

Faults of many kinds, in five magnitudes each, are planted in days of the sample that have all days before them as their
history, and no rule of a contract is asked. Each is judged as the gate does it, and by two simple baselines over the same
statistics:

* `3 sigma`: unusual is what is more than three standard deviations from the mean of all days before.
* `min-max`: unusual is what is below the least or above the greatest of all days before.

Recall is the share of planted faults that are found. A false alarm is a day that is unusual as it is; each day is judged once
untouched for each fault that is planted in it, so precision is found / (found + false alarms).

FIRST moves the days that are taken, every seventh from the sixtieth on: the constants were chosen with others than the default.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from polars import selectors

from dataops_assets.catalog import load_catalog
from dataops_assets.cli import sample
from dataops_assets.gate.casting import cast
from dataops_assets.gate.drift import History
from dataops_assets.gate.profile import Profile, profile

NOT_BEFORE, EVERY = 60, 7
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
MEASURES = {
    "flights": ["dep_delay", "arr_delay", "air_time", "distance", "sched_dep_time", "dep_time", "arr_time"],
    "weather": ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"],
}
TEXTS = {"flights": ["carrier", "tailnum", "origin", "dest"], "weather": ["origin"]}
CATEGORIES = {"flights": ["carrier", "origin", "dest"], "weather": ["origin"]}
SWAPPED = {
    "flights": [("origin", "dest"), ("sched_dep_time", "sched_arr_time"), ("air_time", "distance"), ("dep_delay", "dep_time")],
    "weather": [("temp", "humid"), ("wind_speed", "wind_dir"), ("dewp", "visib"), ("temp", "dewp")],
}
Rows = pl.DataFrame
Random = np.random.Generator


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: What it is called.
        magnitudes: From hardly to be seen to glaring.
        plant: Gives the rows with the fault, by dataset, rows, magnitude and chance.
        merged: Whether rows that come twice are equal, so that the gate merges them before anything is counted.
    """

    name: str
    magnitudes: tuple[float, ...]
    plant: Callable[[str, Rows, float, Random], Rows]
    merged: bool = False


def one_of(names: Sequence[str], random: Random) -> str:
    return names[int(random.integers(len(names)))]


def some(rows: Rows, share: float, random: Random) -> pl.Series:
    """Which rows are hit: a share of them, by chance."""
    hit = np.zeros(rows.height, bool)
    hit[random.permutation(rows.height)[: max(1, round(share * rows.height))]] = True
    return pl.Series(hit)


def values(of: dict[str, list[str]], change: Callable[[pl.Expr, float], pl.Expr], share: bool = True) -> Callable[..., Rows]:
    """A change of one column; the magnitude is the share of rows that are hit, or else what is done to all."""

    def plant(dataset: str, rows: Rows, magnitude: float, random: Random) -> Rows:
        name = one_of(of[dataset], random)
        number = pl.col(name).cast(pl.Float64) if of is MEASURES else pl.col(name)
        hit = some(rows, magnitude if share else 1.0, random)
        return rows.with_columns(pl.when(hit).then(change(number, magnitude)).otherwise(number).alias(name))

    return plant


def swapped(dataset: str, rows: Rows, share: float, random: Random) -> Rows:
    pairs = SWAPPED[dataset]
    one, other = pairs[int(random.integers(len(pairs)))]
    hit, types = some(rows, share, random), rows.schema
    wide = [pl.col(name).cast(pl.Float64) if types[name].is_numeric() else pl.col(name) for name in (one, other)]
    return rows.with_columns(
        pl.when(hit).then(wide[1]).otherwise(wide[0]).alias(one), pl.when(hit).then(wide[0]).otherwise(wide[1]).alias(other)
    )


def lost_category(dataset: str, rows: Rows, share: float, random: Random) -> Rows:
    value = one_of(rows["origin"].drop_nulls().unique().sort().to_list(), random)
    return rows.filter(~(some(rows, share, random) & (rows["origin"] == value)))


def another_column(dataset: str, rows: Rows, share: float, random: Random) -> Rows:
    one, other = (MEASURES[dataset][int(place)] for place in random.permutation(len(MEASURES[dataset]))[:2])
    copied = pl.when(some(rows, share, random)).then(pl.col(other).cast(pl.Float64)).otherwise(pl.col(one).cast(pl.Float64))
    return rows.with_columns(copied.alias(one))


def noisy(dataset: str, rows: Rows, magnitude: float, random: Random) -> Rows:
    name = one_of(MEASURES[dataset], random)
    noise = pl.Series(random.normal(0, magnitude, rows.height))
    return rows.with_columns((pl.col(name).cast(pl.Float64) + noise * spread(pl.col(name))).alias(name))


def shuffled(dataset: str, rows: Rows, share: float, random: Random) -> Rows:
    name = one_of(MEASURES[dataset], random)
    hit = some(rows, share, random).arg_true().to_numpy()
    order = np.arange(rows.height)
    order[hit] = random.permutation(hit)
    return rows.with_columns(rows[name].gather(order.tolist()).alias(name))


def numbers(rows: Rows) -> Rows:
    """The rows with every number as a float, as those are that something was planted in."""
    return rows.cast({selectors.numeric(): pl.Float64})


def spread(value: pl.Expr) -> pl.Expr:
    """The range that nine tenths of a column's values lie in; 1 where that is nothing."""
    wide = value.quantile(0.95) - value.quantile(0.05)
    return pl.when(wide > 0).then(wide).otherwise(1.0)


KINDS = [
    Kind("another unit", (1.609, 2.54, 10, 60, 1000), values(MEASURES, lambda value, factor: value * factor, share=False)),
    Kind("drifting mean", (0.25, 0.5, 1, 2, 4), values(MEASURES, lambda v, by: v + by * spread(v), share=False)),
    Kind("more variance", (0.25, 0.5, 1, 2, 4), noisy),
    Kind(
        "rounded",
        (0.1, 0.25, 0.5, 1, 2),
        values(MEASURES, lambda v, by: (v / (by * spread(v))).round() * by * spread(v), False),
    ),
    Kind("sign lost or turned", SHARES, values(MEASURES, lambda value, _: -value)),
    Kind("outliers", SHARES, values(MEASURES, lambda value, _: value * 100)),
    Kind("9999 for no value", SHARES, values(MEASURES, lambda value, _: pl.lit(9999.0))),
    Kind("null burst", SHARES, values(MEASURES, lambda value, _: pl.lit(None, pl.Float64))),
    Kind("stuck value", SHARES, values(MEASURES, lambda value, _: value.drop_nulls().first())),
    Kind("values of another column", SHARES, another_column),
    Kind("swapped columns", SHARES, swapped),
    Kind(
        "shifted time zone",
        (1, 3, 5, 8, 12),
        lambda _, rows, hours, __: rows.with_columns(pl.col("time_hour") + pl.duration(hours=hours)),
    ),
    Kind("truncated day", (0.1, 0.25, 0.5, 0.75, 0.9), lambda _, rows, share, __: rows.head(round(rows.height * (1 - share)))),
    Kind("lost category", SHARES, lost_category),
    Kind("rows twice, equal", SHARES, lambda _, rows, share, random: rows.filter(some(rows, share, random)), merged=True),
    Kind(
        "rows twice, with other keys",
        SHARES,
        lambda _, rows, share, random: pl.concat([rows, rows.filter(some(rows, share, random))]),
    ),
    Kind("new category", SHARES, values(CATEGORIES, lambda value, _: pl.lit("XYZ"))),
    Kind("changed encoding", SHARES, values(TEXTS, lambda value, _: value.str.replace_all("[A-M]", "Ã…"))),
    Kind("another case", SHARES, values(TEXTS, lambda value, _: value.str.to_lowercase())),
    Kind("padded with blanks", SHARES, values(TEXTS, lambda value, _: value + "  ")),
]
OUT_OF_REACH = [Kind("values exchanged between rows", SHARES, shuffled)]


def days(name: str) -> Iterator[tuple[str, datetime, Rows]]:
    """The rows of each day as they are published, but that no rule has been asked."""
    dataset = load_catalog()[name]
    assert dataset.partitions
    for file, content in sample.deliveries(name):
        if ".csv" not in file:
            continue
        text = pl.read_csv(content, infer_schema=False, null_values="NA")
        rows = cast(text.lazy(), dataset.delivered)
        rows = (dataset.normalise(rows) if dataset.normalise else rows).select(*dataset.schema.columns)
        key = file.removeprefix("weather-")[:10]
        began = datetime.combine(date.fromisoformat(key), time(), ZoneInfo(dataset.partitions.timezone))
        yield key, began, rows.sort(dataset.attributes.key).collect()


def taken(rows: Rows, began: datetime, key: Sequence[str], merged: int = 0) -> Profile:
    found = profile(rows, rows.height, merged, began, public=True, key=key)
    assert found
    return found


class Baselines:
    """The bounds that somebody would draw first, over the statistics of all days before."""

    def __init__(self) -> None:
        self.before: list[np.ndarray] = []

    def alarms(self, now: np.ndarray) -> dict[str, bool]:
        known = np.stack(self.before)
        few = (~np.isnan(known)).sum(axis=0) < 28
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # some statistics are never there
            mean, deviation = np.nanmean(known, 0), np.nanstd(known, 0)
            outside = {
                "3 sigma": np.abs(now - mean) > 3 * deviation + 1e-9,
                "min-max": (now < np.nanmin(known, 0)) | (now > np.nanmax(known, 0)),
            }
        return {name: bool((found & ~few).any()) for name, found in outside.items()}


def measure(name: str, first: int) -> tuple[Counter[tuple[str, float, str, str]], dict[str, list[str]]]:
    """Count faults found and false alarms by kind, magnitude and method; and name the days that are unusual as they are."""
    counts: Counter[tuple[str, float, str, str]] = Counter()
    alarms: dict[str, list[str]] = {"ours": [], "3 sigma": [], "min-max": []}
    key = load_catalog()[name].attributes.key
    history, baselines, random = None, Baselines(), np.random.default_rng(2013)
    for number, (day, began, rows) in enumerate(days(name)):
        history = history or History(rows.schema)
        asked = history
        untouched = taken(rows, began, key)

        def judged(found: Profile, asked: History = asked) -> dict[str, bool]:
            ours = bool((asked.surprises(found) > 1).any())
            return {"ours": ours, **baselines.alarms(asked.numbers(found))}

        if number >= 28:
            false = judged(untouched)
            for method, alarm in false.items():
                broken = " (a break)" if method == "ours" and history.breaks(untouched).any() else ""
                alarms[method] += [day + broken] if alarm else []
            if number >= NOT_BEFORE and (number - NOT_BEFORE) % EVERY == first:
                for kind in (*KINDS, *OUT_OF_REACH):
                    for magnitude in kind.magnitudes:
                        planted = kind.plant(name, rows, magnitude, random)
                        if not kind.merged and numbers(planted).equals(numbers(rows)):
                            continue  # such as another sign for 0: there is nothing to be found
                        found = taken(rows, began, key, planted.height) if kind.merged else taken(planted, began, key)
                        for method, caught in judged(found).items():
                            counts[kind.name, magnitude, method, "planted"] += 1
                            counts[kind.name, magnitude, method, "found"] += caught
                            counts[kind.name, magnitude, method, "false"] += false[method]
        baselines.before.append(history.numbers(untouched))
        history.add(day, untouched)
    return counts, alarms


def told(counts: Counter[tuple[str, float, str, str]], kinds: list[str], method: str) -> str:
    """Recall, precision and F1 over some kinds."""
    total: Counter[str] = Counter()
    for (kind, _, by, what), count in counts.items():
        if kind in kinds and by == method:
            total[what] += count
    recall = total["found"] / total["planted"]
    precision = total["found"] / max(1, total["found"] + total["false"])
    return f"{recall:.2f}  {precision:.2f}  {2 * recall * precision / max(1e-9, recall + precision):.2f}"


def main(first: int) -> None:
    counts: Counter[tuple[str, float, str, str]] = Counter()
    for name in sample.DAILY:
        of, alarms = measure(name, first)
        counts += of
        for method, unusual in alarms.items():
            which = ", ".join(unusual) if len(unusual) < 10 else ""
            print(f"{name}: {method} is alarmed by {len(unusual)} days of the untouched year {which}")
    print(f"\n{'recall, precision, F1':30}{'ours':20}{'3 sigma':20}{'min-max':20}found by magnitude, from the least, by ours")
    for kind in (*KINDS, *OUT_OF_REACH):
        by_method = "".join(f"{told(counts, [kind.name], method):20}" for method in ("ours", "3 sigma", "min-max"))
        rates = [
            counts[kind.name, size, "ours", "found"] / counts[kind.name, size, "ours", "planted"] for size in kind.magnitudes
        ]
        print(f"{kind.name:30}{by_method}" + " ".join(f"{rate:4.0%}" for rate in rates))
    names = [kind.name for kind in KINDS]
    print(
        f"{'all but the last':30}" + "".join(f"{told(counts, names, method):20}" for method in ("ours", "3 sigma", "min-max"))
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
