"""The data flow with access rights, drawn as SVG from the contracts alone.

Here: which boxes and arrows there are, where they stand, and how they look. Not here: the state of the data (`status.py`),
and the enforcement of what is drawn. The picture needs no script, no font and no file beside it, and is the same to the
byte on every machine: it knows no clock, no hash order and no installed font.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import zip_longest
from statistics import fmean

from dataops_assets.contract import Catalog, Dataset
from dataops_assets.contract.correction import CORRECTIONS
from dataops_assets.contract.policy import Zone

PIPELINE = "production pipeline only"
"""Who writes every zone but landing."""

_LANES: dict[Zone, str] = {
    "landing": "what providers drop",
    "raw": "their bytes, written once",
    "staged": "typed and gated",
    "curated": "made here and gated",
}
_STEPS: dict[Zone, str] = {"raw": "receive", "staged": "stage", "curated": "derive"}

# Lengths in pixels, as the picture is drawn without scaling.
_EDGE, _TOP, _LANE = 28, 164, 12
_BOX, _PAD, _LABEL, _LINE = 240, 12, 40, 15
_UNDER, _BETWEEN = 8, 26
_GAP, _TRUNK, _FAN, _TRACK = 24, 56, 84, 9
_PORT, _BEND = 16, 6
_SWEEPS = 8
_TEXT, _NAME = 11, 12 * 1.13  # bold is wider
# How wide DejaVu Sans is, the widest of the usual fonts, in hundredths of its size. Other ASCII is 64 wide, the rest unknown.
_GROUPS = {28: "ijl'", 32: "IJ ,.", 41: "/:;\\|f-()[]t!r", 53: '"*_`sz?', 80: "KAVBRXZCUHNDG&OQ", 100: "w#+<=>^~M%mW@"}
_WIDTHS = {character: width for width, characters in _GROUPS.items() for character in characters}

_STYLE = """
text { font: 11px -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, 'DejaVu Sans', sans-serif; fill: #1e293b; }
.head { font-size: 21px; font-weight: 700; }
.lane { font-size: 14px; font-weight: 700; }
.name { font-size: 12px; font-weight: 700; }
.quiet { fill: #64748b; }
.move { font-size: 10px; fill: #475569; text-anchor: middle; }
.box, .gate { fill: #ffffff; stroke: #d5dbe5; }
.gate { stroke: #475569; stroke-width: 1.4; }
.flow { fill: none; stroke: #64748b; stroke-width: 1.4; }
.reference { stroke-width: 1.1; stroke-dasharray: 4 3; }
.rejected { stroke: #be123c; }
.landing, .flow-head { fill: #64748b; }
.raw { fill: #b45309; }
.staged { fill: #0f766e; }
.quarantine, .rejected-head { fill: #be123c; }
.curated { fill: #4f43dd; }
"""


@dataclass(frozen=True)
class _Box:
    """A dataset in a zone, placed. Arrows come and go at its port."""

    zone: Zone
    dataset: Dataset
    name: list[str]
    lines: list[tuple[str, str]]
    x: int
    y: int
    height: int

    @property
    def key(self) -> str:
        return f"{self.zone}/{self.dataset.name}"

    @property
    def right(self) -> int:
        return self.x + _BOX

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def port(self) -> int:
        return self.y + self.height // 2

    @property
    def gate(self) -> int:
        """Where the arrows that come in have met."""
        return self.x - _TRUNK


def draw(catalog: Catalog) -> str:
    """Draw every dataset in every zone that it passes: who reads it, who writes it, how long it is kept, where it goes.

    Args:
        catalog: The declared datasets.

    Returns:
        An SVG document.
    """
    rows = _in_rows(catalog)
    tracks = [_tracks(column) for column in rows]
    before_staged, before_curated = (_TRACK * len(set(taken.values())) for taken in tracks)
    raw = _EDGE + _BOX + _GAP + _TRUNK
    staged = raw + _BOX + _GAP + before_staged + _TRUNK
    curated = staged + _BOX + _FAN + before_curated + _TRUNK
    columns: dict[Zone, int] = {"landing": _EDGE, "raw": raw, "staged": staged, "curated": curated}
    boxes = _place(catalog, rows, columns)
    bottom = max((box.bottom for box in boxes.values()), default=_TOP) + _LANE
    width = curated + _BOX + _EDGE
    arrows = [
        _arrow(_path(boxes[source], boxes[target], style, tracks[0] | tracks[1]), style, f"{source} → {target}: {says}")
        for column in rows
        for dataset in column
        for source, target, style, says in _moves(catalog, dataset)
    ]
    glossary, height = _glossary(catalog, _EDGE, (width - 2 * _EDGE - _BETWEEN) // 2, bottom + 40)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        "<title>Data flow and access rights</title>",
        f"<desc>One box for each dataset in each zone, left to right: {', '.join(boxes)}.</desc>",
        f"<style>{_STYLE}</style>",
        _marker("flow"),
        _marker("rejected"),
        f'<rect width="{width}" height="{height}" rx="10" fill="#fbfcfe"/>',
        *_heading(catalog, curated),
        *(part for zone, x in columns.items() for part in _lane(zone, x, bottom)),
        *arrows,
        *(part for box in boxes.values() for part in (*_arrival(box), *_drawn(box))),
        *glossary,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def zones_of(dataset: Dataset) -> tuple[Zone, ...]:
    """The zones that a dataset passes, in the order of the flow; quarantine, which leads nowhere, is the last."""
    return ("landing", "raw", "staged", "quarantine") if dataset.ingested else ("curated", "quarantine")


def writer_of(dataset: Dataset, zone: Zone) -> str:
    """Who writes a dataset in a zone."""
    if zone != "landing" or not dataset.ingested:
        return PIPELINE
    provider = dataset.ingested.source.provider
    return f"{PIPELINE}, asking {provider}" if dataset.fetch else provider


def _in_rows(catalog: Catalog) -> list[list[Dataset]]:
    """Delivered and derived datasets from top to bottom, each near to what it reads and to what reads it.

    Every sweep puts each dataset of a column at the mean height of its neighbours, which leaves few arrows to cross.
    """
    columns = [sorted(d.name for d in catalog if d.ingested), sorted(d.name for d in catalog if d.derived)]
    near = {d.name: [*d.upstream, *(other.name for other in catalog.readers_of(d))] or [d.name] for d in catalog}
    for column in columns[::-1] * _SWEEPS:
        height = {name: (row + 0.5) / len(names) for names in columns for row, name in enumerate(names)}
        mean = {name: (fmean(height[other] for other in near[name]), name) for name in column}
        column.sort(key=mean.__getitem__)
    return [[catalog[name] for name in column] for column in columns]


def _tracks(column: Sequence[Dataset]) -> dict[str, int]:
    """A vertical track for each dataset that others of its column read. Two on one track do not meet."""
    row = {dataset.name: i for i, dataset in enumerate(column)}
    spans = {name: [i, *(row[d.name] for d in column if name in d.upstream)] for name, i in row.items()}
    ends: list[int] = []
    tracks = {}
    for name, span in sorted(spans.items(), key=lambda item: (min(item[1]), item[0])):
        if len(span) > 1:
            tracks[name] = next((i for i, end in enumerate(ends) if end < min(span)), len(ends))
            ends[tracks[name] : tracks[name] + 1] = [max(span)]
    return tracks


def _place(catalog: Catalog, rows: Sequence[Sequence[Dataset]], columns: dict[Zone, int]) -> dict[str, _Box]:
    """Every box by its key. The rows of the shorter side stand wider apart."""
    sides = [_stack(catalog, datasets, columns, 0) for datasets in rows]
    bottoms = [max((box.bottom for box in side), default=_TOP) for side in sides]
    slacks = [max(bottoms) - bottom for bottom in bottoms]
    spread = [_stack(catalog, datasets, columns, slack) for datasets, slack in zip(rows, slacks, strict=True)]
    return {box.key: box for side in spread for box in side}


def _stack(catalog: Catalog, datasets: Sequence[Dataset], columns: dict[Zone, int], slack: int) -> list[_Box]:
    """A row of equally high boxes for each dataset, with its quarantine under the last of them."""
    boxes: list[_Box] = []
    apart = slack // max(len(datasets), 1)
    y = _TOP + apart // 2
    for dataset in datasets:
        *zones, aside = zones_of(dataset)
        row = [_box(catalog, dataset, zone, columns[zone], y) for zone in zones]
        height = max(box.height for box in row)
        under = _box(catalog, dataset, aside, row[-1].x, y + height + _UNDER)
        boxes += [*(replace(box, height=height) for box in row), under]
        y = under.bottom + _BETWEEN + apart
    return boxes


def _box(catalog: Catalog, dataset: Dataset, zone: Zone, x: int, y: int) -> _Box:
    attributes = dataset.attributes
    facts = {
        "owner": f"{attributes.owner} · {attributes.classification}" if zone == dataset.zone else "",
        "by": _transform(dataset) if zone == "curated" else "",
        "edits": _corrections(dataset) if zone == "staged" else "",
        "read": ", ".join(attributes.readers),
        "write": writer_of(dataset, zone),
        "keep": str(catalog.retention(dataset, zone)),
        "ends": f"{ends.after}, then {ends.instead}" if zone == dataset.zone and (ends := attributes.ends) else "",
    }
    called = {"quarantine": f"quarantine of {dataset.name}", "landing": dataset.deliveries}.get(zone, dataset.name)
    name = _wrap(called, _BOX - 2 * _PAD, _NAME)
    lines = [
        ("" if i else label, line)
        for label, fact in facts.items()
        if fact
        for i, line in enumerate(_wrap(fact, _BOX - 2 * _PAD - _LABEL, _TEXT))
    ]
    return _Box(zone, dataset, name, lines, x, y, _LINE * (len(name) + len(lines)) + 18)


def _transform(dataset: Dataset) -> str:
    return f"{dataset.name}/transform.py"


def _corrections(dataset: Dataset) -> str:
    return f"{dataset.name}/{CORRECTIONS}" if dataset.corrections else ""


def _wrap(text: str, width: int, size: float) -> list[str]:
    """Lines that fit: broken after a space, `_`, `-` or `/`, and anywhere where a word alone is too wide."""
    lines = [""]
    for piece in re.findall(r"[^ _/-]*[ _/-]|[^ _/-]+", " ".join(text.split())):
        if lines[-1] and _measure(lines[-1] + piece.rstrip(), size) > width:
            lines.append("")
        for character in piece:
            if _measure(lines[-1] + character.strip(), size) > width:
                lines.append("")
            lines[-1] += character
    return [line.strip() for line in lines]


def _measure(text: str, size: float) -> float:
    return sum(_WIDTHS.get(character, 64 if character.isascii() else 130) for character in text) * size / 100


def _clean(text: str) -> str:
    """Text that is safe in XML, which has no place for most control characters, escaped or not."""
    return escape(re.sub(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text))


def _text(x: int, y: int, text: str, style: str = "") -> str:
    look = f' class="{style}"' if style else ""
    return f'<text x="{x}" y="{y}"{look}>{_clean(text)}</text>'


def _marker(name: str) -> str:
    size = 'viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse"'
    return f'<marker id="{name}" {size} orient="auto"><path class="{name}-head" d="M0 .5L8 4L0 7.5Z"/></marker>'


def _arrow(path: str, style: str, says: str) -> str:
    head = "rejected" if style == "rejected" else "flow"
    return f'<path class="flow {style}" d="{path}" marker-end="url(#{head})"><title>{says}</title></path>'


def _gate(x: int, y: int) -> str:
    return f'<path class="gate" d="M{x - 6} {y}l6-6l6 6l-6 6Z"/>'


def _heading(catalog: Catalog, right: int) -> Iterator[str]:
    """The title, and what the signs mean."""
    says = f"{len(catalog.datasets)} datasets as their contracts declare them: who reads, who writes, how long it is kept."
    yield _text(_EDGE - _LANE, 48, "Data flow and access rights", "head")
    yield _text(_EDGE - _LANE, 72, says, "quiet")
    signs = {"derive": "movement", "reference": "looked up by the gate", "rejected": "rejected rows"}
    for row, (style, meaning) in enumerate(signs.items()):
        yield _arrow(f"M{right} {26 + 18 * row}h30", style, meaning)
        yield _text(right + _LABEL, 30 + 18 * row, meaning, "quiet")
    yield _gate(right + 15, 80)
    yield _text(right + _LABEL, 84, "gate: what fails is never published", "quiet")


def _lane(zone: Zone, x: int, bottom: int) -> Iterator[str]:
    top = _TOP - 62
    size = f'width="{_BOX + 2 * _LANE}" height="{bottom - top}"'
    yield f'<rect class="{zone}" x="{x - _LANE}" y="{top}" {size} rx="8" fill-opacity="0.07"/>'
    yield _text(x, top + 26, zone, f"lane {zone}")
    yield _text(x, top + 44, _LANES[zone], "quiet")


def _moves(catalog: Catalog, dataset: Dataset) -> Iterator[tuple[str, str, str, str]]:
    """Every arrow that leads to a dataset: from, to, style, and what it does."""
    main = f"{dataset.zone}/{dataset.name}"
    for name in dataset.upstream:
        source = f"{catalog[name].zone}/{name}"
        if dataset.derived and name in dataset.derived.inputs:
            yield source, main, "derive", f"derive by {_transform(dataset)}"
        else:
            yield source, main, "reference", "looked up by the gate"
    if dataset.ingested:
        yield f"landing/{dataset.name}", f"raw/{dataset.name}", "receive", "receive"
        edits = f", corrected by {_corrections(dataset)}" if dataset.corrections else ""
        yield f"raw/{dataset.name}", main, "stage", f"stage{edits}"
    rejecting = f"raw/{dataset.name}" if dataset.ingested else main
    yield rejecting, f"quarantine/{dataset.name}", "rejected", "rejected rows"


def _path(source: _Box, target: _Box, style: str, tracks: dict[str, int]) -> str:
    """The way of an arrow: only between the columns, where no box stands."""
    if style == "rejected":
        corner = f"Q{target.gate} {target.port} {target.gate + _BEND} {target.port}"
        return f"M{target.gate} {source.port}V{target.port - _BEND}{corner}H{target.x}"
    if source.x == target.x:
        track = target.gate - 12 - _TRACK * tracks[source.dataset.name]
        start, end = source.bottom - _PORT, target.y + _PORT if style == "reference" else target.port
        bend = _BEND if end > start else -_BEND
        turn = f"Q{track} {start} {track} {start + bend}V{end - bend}Q{track} {end} {track + _BEND} {end}"
        return f"M{source.x} {start}H{track + _BEND}{turn}H{target.x}"
    middle = (source.right + target.gate) // 2
    curve = f"C{middle} {source.port} {middle} {target.port} {target.gate} {target.port}"
    return f"M{source.right} {source.port}{curve}H{target.x}"


def _arrival(box: _Box) -> Iterator[str]:
    """The name of the step before a box, and the gate that its rows must pass."""
    middle = box.x - _TRUNK // 2
    if box.zone == "quarantine":
        yield _text(middle, box.port - 5, "rejected", "move")
        yield _text(middle, box.port + 13, "rows", "move")
    elif box.zone in _STEPS:
        yield _text(middle, box.port - 5, _STEPS[box.zone], "move")
    if box.zone == box.dataset.zone:
        yield _gate(box.gate, box.port)


def _drawn(box: _Box) -> Iterator[str]:
    yield f'<g id="{box.key.replace("/", "-")}"><title>{box.key}: {_clean(box.dataset.attributes.description)}</title>'
    yield f'<rect class="box" x="{box.x}" y="{box.y}" width="{_BOX}" height="{box.height}" rx="5"/>'
    yield f'<path class="{box.zone}" d="M{box.x + 5} {box.y}v{box.height}q-5 0-5-5V{box.y + 5}q0-5 5-5Z"/>'
    y = box.y + 6
    for line in box.name:
        y += _LINE
        yield _text(box.x + _PAD, y, line, "name")
    y += 3
    for label, line in box.lines:
        y += _LINE
        if label:
            yield _text(box.x + _PAD, y, label, "quiet")
        yield _text(box.x + _PAD + _LABEL, y, line)
    yield "</g>"


def _glossary(catalog: Catalog, left: int, width: int, top: int) -> tuple[list[str], int]:
    """Who the readers and owners are, side by side, and where that ends."""
    policy = catalog.policy
    owners = {name: f"{owner.description} {owner.contact}" for name, owner in policy.owners.items()}
    found, bottom = [], top
    for column, (title, meanings) in enumerate((("Readers", policy.readers), ("Owners", owners))):
        x, y = left + column * (width + _BETWEEN), top
        found.append(_text(x, y, title, "lane"))
        for name, meaning in meanings.items():
            for label, text in zip_longest(_wrap(name, 140, _NAME), _wrap(meaning, width - 150, _TEXT), fillvalue=""):
                y += _LINE
                found += [_text(x, y + 6, label, "name")] if label else []
                found += [_text(x + 150, y + 6, text)] if text else []
        bottom = max(bottom, y)
    return found, bottom + 40
