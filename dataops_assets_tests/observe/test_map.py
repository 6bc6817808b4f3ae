"""The map shows every dataset in every zone, every movement and every right, and can be read anywhere."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import matplotlib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.ft2font import FT2Font

from dataops_assets.catalog import load_catalog
from dataops_assets.contract import Catalog, Dataset
from dataops_assets.observe.map import draw
from dataops_assets_tests.trees import Tree

CATALOG = load_catalog()
MAP = Path(__file__).parents[2] / "docs" / "map.svg"
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "</text><script>alert('&amp;')</script> \"&\x00\x0b\ud800" + "W" * 200 + " " + "an ordinary word or two " * 20 + "学" * 50
)
FONTS = {
    weight: FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"DejaVuSans{weight}.ttf"))
    for weight in ("", "-Bold")
}
STYLES = {"name": (12, "-Bold"), "lane": (14, "-Bold"), "head": (21, "-Bold"), "move": (10, "")}


def changed(dataset: Dataset, name: str = "", **attributes: object) -> Dataset:
    """A dataset under another name, with other attributes."""
    return replace(dataset, name=name or dataset.name, attributes=dataset.attributes.model_copy(update=attributes))


def provided(dataset: Dataset, provider: str) -> Dataset:
    assert dataset.ingested
    return changed(dataset, source=dataset.ingested.source.model_copy(update={"provider": provider}))


def many() -> Catalog:
    """Forty datasets: products of products, references in both columns, a name as long as names may be."""
    airports, flights, routes = CATALOG["airports"], CATALOG["flights"], CATALOG["routes"]
    (reference, *_) = flights.attributes.references
    names = [f"source_{i}" for i in range(19)] + ["a" * 63]
    datasets = [changed(airports, name, references=()) for name in names]
    for i in (3, 7, 12):
        looked_up = tuple(reference.model_copy(update={"dataset": names[j]}) for j in (i + 1, 0, 15))
        datasets[i] = changed(flights, names[i], references=looked_up)
    for i in range(20):
        before = (f"product_{i - 4}",) if i >= 4 else ()
        inputs = (names[i], names[i * 7 % 20], *before)
        looked_up = (reference.model_copy(update={"dataset": names[(i + 5) % 20]}),) if i % 3 == 0 else ()
        datasets.append(changed(routes, f"product_{i}", inputs=tuple(dict.fromkeys(inputs)), references=looked_up))
    return Catalog(CATALOG.policy, datasets, CATALOG.source)


def hostile() -> Catalog:
    policy = CATALOG.policy
    readers = {"analysts": HOSTILE, "w" * 90: "who", "operations": "", "branches": "<>"}
    owners = {name: owner.model_copy(update={"contact": HOSTILE}) for name, owner in policy.owners.items()}
    datasets = [
        changed(provided(d, HOSTILE) if d.ingested else d, description=HOSTILE, readers=("w" * 90, *["analysts"] * 9))
        for d in CATALOG
    ]
    return Catalog(policy.model_copy(update={"readers": readers, "owners": owners}), datasets, CATALOG.source)


CATALOGS = {"ours": CATALOG, "many": many(), "hostile": hostile(), "none": Catalog(CATALOG.policy, [], CATALOG.source)}


@pytest.fixture(params=CATALOGS)
def catalog(request: pytest.FixtureRequest) -> Catalog:
    return CATALOGS[request.param]


def boxes(picture: str) -> dict[str, ET.Element]:
    """The boxes by their keys."""
    found = {}
    for group in ET.fromstring(picture).iter(f"{SVG}g"):
        found[(group.findtext(f"{SVG}title") or "").split(":")[0]] = group
    return found


def rectangle(box: ET.Element) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    shape = box.find(f"{SVG}rect")
    assert shape is not None
    x, y, width, height = (float(shape.attrib[name]) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def words(element: ET.Element) -> str:
    """All text, without the spaces at which lines may be broken."""
    return re.sub(r"\s", "", "".join(text.text or "" for text in element.iter(f"{SVG}text")))


def arrows(picture: str) -> dict[str, str]:
    """What every arrow says, with its path."""
    paths = ET.fromstring(picture).iter(f"{SVG}path")
    return {title: path.attrib["d"] for path in paths if "→" in (title := path.findtext(f"{SVG}title") or "")}


def ends(text: ET.Element) -> tuple[float, float]:
    """Where a text begins and ends, in the widest of the usual fonts."""
    size, weight = STYLES.get(text.get("class", "").split(" ")[0], (11, ""))
    font = FONTS[weight]
    font.set_size(size, 72)
    codes = [ord(character) for character in text.text or ""]
    # What the font lacks is taken from another, as wide as it is high.
    width = sum(font.load_char(c).linearHoriAdvance / 65536 if font.get_char_index(c) else size for c in codes)
    x = float(text.attrib["x"]) - (width / 2 if text.get("class") == "move" else 0)
    return x, x + width


def points(path: str) -> Iterator[tuple[float, float]]:
    """Many points along a path of M, H, V, Q and C."""
    here = (0.0, 0.0)
    for command, text in re.findall(r"([MHVQC])([^MHVQC]*)", path):
        numbers = [float(number) for number in text.split()]
        if command == "H":
            numbers = [numbers[0], here[1]]
        if command == "V":
            numbers = [here[0], numbers[0]]
        corners = [here, *zip(numbers[::2], numbers[1::2], strict=True)]
        if command != "M":
            for step in range(201):
                yield between(corners, step / 200)
        here = corners[-1]


def between(corners: list[tuple[float, float]], share: float) -> tuple[float, float]:
    """De Casteljau's construction."""
    while len(corners) > 1:
        corners = [(a + (c - a) * share, b + (d - b) * share) for (a, b), (c, d) in pairwise(corners)]
    return corners[0]


def test_every_dataset_has_a_box_in_every_zone_it_passes(catalog: Catalog) -> None:
    zones = {True: ("landing", "raw", "staged", "quarantine"), False: ("curated", "quarantine")}
    assert set(boxes(draw(catalog))) == {f"{zone}/{d.name}" for d in catalog for zone in zones[d.ingested is not None]}


@pytest.mark.parametrize("chosen", ["ours", "many"])
def test_every_box_names_readers_writer_and_keep_until(chosen: str) -> None:
    catalog = CATALOGS[chosen]
    for key, box in boxes(draw(catalog)).items():
        zone, _, name = key.partition("/")
        dataset = catalog[name]
        writer = dataset.ingested.source.provider if zone == "landing" and dataset.ingested else "production pipeline only"
        rights = f"read{', '.join(dataset.attributes.readers)}write{writer}keep{catalog.keep(dataset, zone)}"  # type: ignore[arg-type]
        assert re.sub(r"\s", "", rights) in words(box), key
        assert name in words(box), key
        if zone in ("staged", "curated"):
            assert f"owner{dataset.attributes.owner}·{dataset.attributes.classification}" in words(box), key


def test_a_dataset_that_is_corrected_says_by_which_file() -> None:
    found = boxes(draw(CATALOG))
    edited = {key for key, box in found.items() if "edits" in words(box)}
    assert edited == {"staged/airports", "staged/planes", "staged/weather"}
    assert "editsairports/corrections.yaml" in words(found["staged/airports"])


def test_a_dataset_that_is_fetched_is_dropped_by_the_pipeline() -> None:
    fetched = replace(CATALOG["airports"], fetch=lambda partition, folder: None)
    box = boxes(draw(Catalog(CATALOG.policy, [fetched], CATALOG.source)))["landing/airports"]
    assert "writeproductionpipelineonly,askingOpenFlights" in words(box)


@pytest.mark.parametrize("chosen", ["ours", "many"])
def test_every_dependency_has_an_arrow_and_no_arrow_is_invented(chosen: str) -> None:
    catalog = CATALOGS[chosen]
    expected = set()
    for dataset in catalog:
        name, main = dataset.name, f"{dataset.zone}/{dataset.name}"
        if dataset.ingested:
            edits = f", corrected by {name}/corrections.yaml" if dataset.corrections else ""
            expected |= {f"landing/{name} → raw/{name}: receive", f"raw/{name} → {main}: stage{edits}"}
            expected.add(f"raw/{name} → quarantine/{name}: rejected rows")
        else:
            expected.add(f"{main} → quarantine/{name}: rejected rows")
        inputs = dataset.derived.inputs if dataset.derived else ()
        expected |= {f"{catalog[other].zone}/{other} → {main}: derive by {name}/transform.py" for other in inputs}
        looked_up = {reference.dataset for reference in dataset.attributes.references} - set(inputs)
        expected |= {f"{catalog[other].zone}/{other} → {main}: looked up by the gate" for other in looked_up}
    assert set(arrows(draw(catalog))) == expected


def test_an_arrow_ends_at_the_box_it_names(catalog: Catalog) -> None:
    picture = draw(catalog)
    places = {key: rectangle(box) for key, box in boxes(picture).items()}
    for title, path in arrows(picture).items():
        source, target = re.match(r"(\S+) → (\S+):", title).groups()  # type: ignore[union-attr]
        (x, y), (end_x, end_y) = next(points(path)), list(points(path))[-1]
        left, top, right, bottom = places[target]
        assert end_x == left, title
        assert top < end_y < bottom, title
        left, top, right, bottom = places[source]
        # Rejected rows branch off at the gate, from the arrow that comes from their source.
        assert "rejected" in title or (x in (left, right) and top < y < bottom), title


def test_no_arrow_runs_through_a_box(catalog: Catalog) -> None:
    picture = draw(catalog)
    places = [rectangle(box) for box in boxes(picture).values()]
    for title, path in arrows(picture).items():
        for x, y in points(path):
            assert not any(left < x < right and top < y < bottom for left, top, right, bottom in places), title


def test_boxes_stand_apart(catalog: Catalog) -> None:
    for one, other in combinations([rectangle(box) for box in boxes(draw(catalog)).values()], 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] < other[1] or other[3] < one[1]


def test_no_text_leaves_its_box_or_the_picture(catalog: Catalog) -> None:
    picture = draw(catalog)
    _, _, width, height = (float(number) for number in ET.fromstring(picture).attrib["viewBox"].split())
    for text in ET.fromstring(picture).iter(f"{SVG}text"):
        left, right = ends(text)
        assert left >= 0, text.text
        assert right <= width, text.text
        assert 0 < float(text.attrib["y"]) < height, text.text
    for box in boxes(picture).values():
        left, top, right, bottom = rectangle(box)
        for text in box.iter(f"{SVG}text"):
            assert left < ends(text)[0], text.text
            assert ends(text)[1] <= right, text.text
            assert top + 10 < float(text.attrib["y"]) < bottom - 3, text.text


@given(st.text())
@example(HOSTILE)
@settings(max_examples=50)
def test_any_provider_fits(provider: str) -> None:
    picture = draw(Catalog(CATALOG.policy, [provided(CATALOG["airports"], provider)], CATALOG.source))
    box = boxes(picture)["landing/airports"]
    assert all(ends(text)[1] <= rectangle(box)[2] for text in box.iter(f"{SVG}text"))


def test_hostile_text_stays_text() -> None:
    picture = draw(hostile())
    assert not list(ET.fromstring(picture).iter(f"{SVG}script"))
    assert "</text><script>alert('&amp;')</script>" in words(boxes(picture)["landing/flights"])
    picture.encode()


def test_the_same_contracts_give_the_same_bytes() -> None:
    code = "import sys; from dataops_assets.catalog import load_catalog; from dataops_assets.observe.map import draw;"
    code += "sys.stdout.reconfigure(encoding='utf-8'); sys.stdout.write(draw(load_catalog()))"
    environment = {"PYTHONHASHSEED": "1"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, cwd=MAP.parents[1], capture_output=True, check=True)
    assert ran.stdout.decode() == draw(CATALOG)
    assert draw(Catalog(CATALOG.policy, reversed(list(CATALOG)), CATALOG.source)) == draw(CATALOG)


def test_the_committed_map_is_current() -> None:
    assert MAP.read_text(encoding="utf-8") == draw(CATALOG), "run `dataops map` and commit it"


def test_the_map_stands_alone_on_any_background(catalog: Catalog) -> None:
    picture = draw(catalog)
    root = ET.fromstring(picture)
    background = root.find(f"{SVG}rect")
    assert background is not None
    assert [background.get("width"), background.get("height")] == root.attrib["viewBox"].split()[2:]
    assert background.get("fill") == "#fbfcfe"
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "marker", "path", "rect", "text", "g"}
    assert set(re.findall(r"url\((.*?)\)", picture)) <= {"#flow", "#rejected"}
    assert "href" not in "".join(name for element in root.iter() for name in element.attrib)


def test_what_a_contract_says_anew_is_on_the_map(tree: Tree) -> None:
    tree.edit("daily/defs.yaml", "lifecycle: standard", "lifecycle: short")
    tree.edit("daily/defs.yaml", "readers: [analysts, press]", "readers: [press]")
    assert "readpresswriteproductionpipelineonlykeep60days" in words(boxes(draw(tree.catalog()))["curated/daily"])
