"""A picture of a derived dataset on its materialization, where the contract asks for one."""

import base64
import io
from typing import Any

import dagster as dg
import polars as pl

from dataops_assets.contract import Dataset, Partition
from dataops_assets.storage.lake import Lake

_MOST_BARS = 400
_INCHES, _DPI = (8, 2.6), 80


def chart_metadata(lake: Lake, dataset: Dataset, partition: Partition) -> dict[str, Any]:
    """The chart as metadata; empty if the contract asks for none."""
    chart = dataset.derived.chart if dataset.derived else None
    if chart is None:
        return {}
    x, y = chart.x, chart.y
    rows = lake.scan(dataset, [partition]).group_by(x).agg(pl.col(y).sum()).sort(x).head(_MOST_BARS).collect()
    title = chart.title + (f", {partition}" if partition else "")
    picture = _bars(rows[x].to_list(), rows[y].fill_null(0).to_list(), title, y)
    return {"chart": dg.MetadataValue.md(f"![{title}](data:image/png;base64,{picture})")}


def _bars(labels: list[Any], values: list[float], title: str, unit: str) -> str:
    # Imported here: it takes half a second, and most processes draw nothing.
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    axes.bar(labels, values, color="#4f43dd", width=0.9)
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_ylabel(unit.replace("_", " "), fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return base64.b64encode(target.getvalue()).decode()
