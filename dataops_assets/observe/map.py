"""The data flow with access rights, drawn as SVG from the contracts alone.

Here: which boxes and arrows there are, where they stand, and how they look. Not here: the state of the data (`status.py`),
and the enforcement of what is drawn. The picture needs no script, no font and no file beside it, and is the same bytes
on every machine: no clock, no hash order, no font metrics.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from dataops_assets.contract import Catalog, Dataset
from dataops_assets.contract.policy import Zone

PIPELINE = "production pipeline only"
"""Who writes every zone but landing."""

_LANES: dict[Zone, tuple[str, str]] = {
    "landing": ("#64748b", "what providers drop"),
    "raw": ("#b45309", "write-once bytes"),
    "staged": ("#0f766e", "typed and gated"),
    "quarantine": ("#be123c", "rejected rows, with reasons"),
    "curated": ("#4f43dd", "the products people read"),
}
_BOX, _PAD, _LABEL = 250, 12, 42
_LINE, _HEAD = 16, 26
_UNDER, _BETWEEN = 14, 26
_TOP, _EDGE, _LANE = 148, 36, 14
_TRUNK, _TRACK = 60, 9
_TITLE_SIZE, _TEXT_SIZE = 13.0, 11.0

# DejaVu Sans, the widest of the fonts that systems use, in hundredths of the size. Whatever is not named is 64 wide.
_WIDTHS = {
    28: "ijl'",
    32: "IJ ,.",
    41: "/:;\\|f-()[]t!r",
    53: '"*_`sz?',
    60: "cLFkvxyPTYao",
    79: "KAVBRXZCUHNDG&OQ",
    100: "w#+<=>^~M%mW@",
}
_WIDTH = {character: width for width, characters in _WIDTHS.items() for character in characters}
_BOLD = 1.13

_STYLE = """
text { font: 11px -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, 'DejaVu Sans', sans-serif; fill: #1e293b; }
.title { font-size: 20px; font-weight: 700; } .name { font-size: 13px; font-weight: 700; }
.lane { font-size: 13px; font-weight: 700; letter-spacing: .06em; } .quiet { fill: #64748b; }
.move { font-size: 10px; fill: #475569; } .box { fill: #fff; stroke: #cbd5e1; }
.arrow { fill: none; stroke: #64748b; stroke-width: 1.4; } .reference { stroke: #94a3b8; stroke-dasharray: 4 3; }
.rejected { stroke: #be123c; }
"""

Kind = Literal["arrow", "reference", "rejected"]


def zones_of(dataset: Dataset) -> tuple[Zone, ...]:
    """The zones that a dataset passes, in the order of the flow."""
    return ("landing", "raw", "staged", "quarantine") if dataset.ingested else ("curated", "quarantine")


def writer_of(dataset: Dataset, zone: Zone) -> str:
    """Who may write a dataset in a zone."""
    if zone != "landing" or not dataset.ingested:
        return PIPELINE
    provider = dataset.ingested.source.provider
    return f"{PIPELINE}, asking {provider}" if dataset.fetch else provider
