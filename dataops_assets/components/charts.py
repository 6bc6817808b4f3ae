"""Pictures in metadata: of a derived dataset, where the contract asks for one; of statistics that are unlike those before."""

import base64
import io
import re
from collections.abc import Sequence
from typing import Any

import dagster as dg
import polars as pl

from dataops_assets.contract import Dataset, Partition
from dataops_assets.gate.verdict import Unusual
from dataops_assets.storage.lake import Lake

_MOST_BARS = 400
_MOST_STATISTICS = 3
_INCHES, _DPI = (8, 2.6), 80
_COLOUR, _STRIKING = "#4f43dd", "#d92d20"


def chart_metadata(lake: Lake, dataset: Dataset, partition: Partition) -> dict[str, Any]:
    """The chart as metadata; empty if the contract asks for none, and of data that is not public, why there is none."""
    chart = dataset.derived.chart if dataset.derived else None
    if chart is None:
        return {}
    if dataset.withheld:
        return {"chart": dataset.withheld}
    x, y = chart.x, chart.y
    rows = lake.scan(dataset, [partition]).group_by(x).agg(pl.col(y).sum()).sort(x).head(_MOST_BARS).collect()
    title = chart.title + (f", {partition}" if partition else "")
    picture = _bars(rows[x].to_list(), rows[y].fill_null(0).to_list(), title, y)
    return {"chart": dg.MetadataValue.md(f"![{title}](data:image/png;base64,{picture})")}


def _bars(labels: list[Any], values: list[float], title: str, unit: str) -> str:
    # Imported here: it takes half a second, and most processes draw nothing.
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    if all(isinstance(label, int) for label in labels):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.bar(labels, values, color=_COLOUR, width=0.9)
    axes.set_title(title, fontsize=10, loc="left", parse_math=False)
    axes.set_ylabel(unit.replace("_", " "), fontsize=8, parse_math=False)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def unusual_metadata(unusual: Sequence[Unusual]) -> dict[str, Any]:
    """The worst statistics of an unusual partition beside those before it, as metadata; empty if none may be shown."""
    shown = [one for one in unusual if one.value is not None][:_MOST_STATISTICS]
    if not shown:
        return {}
    # What a provider wrote may look like a link or a picture.
    lines = "\n".join("* " + re.sub(r"([\\`*_\[\]()!<>|])", r"\\\1", one.told) for one in unusual)
    names = ", ".join(one.statistic for one in shown)
    picture = f"![{names}, and in the partitions before](data:image/png;base64,{_courses(shown)})"
    return {"unusual": dg.MetadataValue.md(f"{lines}\n\n{picture}")}


def _courses(unusual: Sequence[Unusual]) -> str:
    """Each statistic over the partitions before, a line; what it is now, a point; and the bounds of that."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_INCHES[0], 1.3 * len(unusual) + 0.3), dpi=_DPI, layout="constrained")
    for axes, one in zip(figure.subplots(len(unusual), squeeze=False)[:, 0], unusual, strict=True):
        before = [float("nan") if value is None else value for value in one.before]
        axes.plot(range(-len(before), 0), before, color=_COLOUR, marker=".", linewidth=1)
        axes.plot([0], [one.value], color=_STRIKING, marker="o")
        assert one.value is not None
        bounds = {word: bound for word, bound in (("unusual", one.limit), ("a break", one.broken)) if bound is not None}
        for word, bound in bounds.items():
            axes.axhline(bound, color=_STRIKING, linestyle="--" if word == "a break" else ":", linewidth=1)
        low, high = axes.get_ylim()
        if len(bounds) > 1 and abs(bounds["unusual"] - bounds["a break"]) < (high - low) / 8:
            del bounds["unusual"]  # its word would lie on the other
        for word, bound in bounds.items():
            above = (word == "unusual") == (one.value < bound)
            axes.annotate(word, (-len(before), bound), fontsize=7, color=_STRIKING, va="bottom" if above else "top")
        axes.set_title(one.statistic, fontsize=9, loc="left", parse_math=False)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("partitions before", fontsize=8)
    return _png(figure)


def _png(figure: Any) -> str:
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return base64.b64encode(target.getvalue()).decode()
