"""Statistics over time as a picture: what each published partition was like, column by column, and where it was unusual.

Not here: which statistics there are (`gate.profile`), and what is unusual (`gate.drift`).
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dataops_assets.contract import Dataset
from dataops_assets.gate.verdict import Verdict
from dataops_assets.steps.pending import partitions_of
from dataops_assets.storage.lake import Lake

MOST = 400
"""How many partitions are drawn at most: the latest."""
ENDINGS = (".svg", ".png", ".pdf")
_COLOUR, _STRIKING = "#4f43dd", "#d92d20"
_OF_COLUMN = {"nulls": "share without a value", "distinct": "different values", "q50": "middle, 5 % to 95 %"}
_QUANTILES = ("q50", "mean", "least", "greatest", "q05", "q25", "q75", "q95")
_INCHES = (13, 0.95)


def draw(lake: Lake, dataset: Dataset, now: datetime, target: Path) -> int:
    """Draw the statistics of the partitions that are published, one row of curves for each column.

    Args:
        lake: Where the verdicts lie.
        dataset: Whose partitions; it has some.
        now: The time.
        target: The file to write, with one of `ENDINGS`.

    Returns:
        How many partitions are drawn; where none has a profile, no file is written.
    """
    keys = [key for key in partitions_of(dataset, now) if key][-MOST:]
    said = lake.store.each(lambda key: lake.last_word("content", dataset, key), keys)
    found = [(key, verdict) for key, verdict in zip(keys, said, strict=True) if verdict and verdict.passed and verdict.profile]
    if found:
        _drawn(dataset, found, target)
    return len(found)


def _drawn(dataset: Dataset, found: Sequence[tuple[str, Verdict]], target: Path) -> None:
    # Imported here: it takes half a second, and most commands draw nothing.
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.fonttype"] = "none"  # text that can be searched
    names = list(dataset.schema.columns)
    figure = Figure(figsize=(_INCHES[0], _INCHES[1] * (len(names) + 1)))
    grid = figure.subplots(len(names) + 1, len(_OF_COLUMN), sharex=True, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    _curve(grid[0, 0], found, "rows", "rows")
    for row, name in enumerate(names, 1):
        for place, (what, title) in enumerate(_OF_COLUMN.items()):
            _curve(grid[row, place], found, f"{name}.{what}", f"{name}: {title}")
    ends = found[0][0], found[-1][0]
    unusual = sum(bool(verdict.unusual) for _, verdict in found)
    title = f"{dataset.zone}/{dataset.name}, {ends[0]} to {ends[1]}: {len(found)} partitions, {unusual} unusual (red)"
    withheld = f"; {dataset.withheld}" if dataset.withheld else ""
    figure.suptitle(title + withheld, fontsize=11, x=0.02, ha="left", parse_math=False)
    figure.tight_layout(rect=(0, 0, 1, 0.99))
    figure.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)


def _curve(axes: Any, found: Sequence[tuple[str, Verdict]], statistic: str, title: str) -> None:
    """One statistic over the partitions, with the band of its quantiles, and a red point where it was unusual."""
    values = _values(found, statistic)
    if all(value is None for value in values):
        return
    axes.set_axis_on()
    places, drawn = range(len(values)), [float("nan") if value is None else value for value in values]
    axes.plot(places, drawn, color=_COLOUR, linewidth=1)
    column, _, what = statistic.rpartition(".")
    if what == "q50":
        low, high = (_values(found, f"{column}.{bound}") for bound in ("q05", "q95"))
        known = [i for i, pair in enumerate(zip(low, high, strict=True)) if None not in pair]
        axes.fill_between(known, [low[i] for i in known], [high[i] for i in known], color=_COLOUR, alpha=0.2, linewidth=0)
    alike = {f"{column}.{one}" for one in _QUANTILES} if what == "q50" else {statistic}
    struck = [i for i, (_, verdict) in enumerate(found) if alike & {one.statistic for one in verdict.unusual}]
    axes.scatter(struck, [drawn[i] for i in struck], color=_STRIKING, s=12, zorder=3)
    ticks = sorted({0, len(found) // 2, len(found) - 1})
    axes.set_xticks(ticks, [found[i][0] for i in ticks])
    axes.set_title(title, fontsize=8, loc="left", pad=2, parse_math=False)
    axes.tick_params(labelsize=6)
    axes.spines[["top", "right"]].set_visible(False)


def _values(found: Sequence[tuple[str, Verdict]], statistic: str) -> list[float | None]:
    column, _, what = statistic.rpartition(".")
    profiles = [verdict.profile for _, verdict in found if verdict.profile]
    return [one.columns.get(column, {}).get(what) if column else float(one.rows) for one in profiles]
