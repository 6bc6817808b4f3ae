"""Whatever stands in a file that others write, its reader gives what it is for, or an error of ours that names the file."""

import gzip
import io
import json
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_assets.catalog import load_catalog
from dataops_assets.contract import ContractError, Dataset, Source
from dataops_assets.contract.parse import parse_yaml
from dataops_assets.gate.content import judge_delivery
from dataops_assets.gate.envelope import Part, judge_envelope
from dataops_assets.gate.reading import DeliveryError, read_text, try_apart
from dataops_assets.gate.rules import compile_rules
from dataops_assets.steps.receiving import receive
from dataops_assets_tests.fuzz.mutations import damaged, share
from dataops_assets_tests.trees import GOOD, NOW, STATIONS, Tree, readings

DAY = "2024-01-05"
TEXT = readings(DAY, {"note": 'Å, "b"'}, {"temperature": None, "note": "broken"}, rows=6).encode()


def zipped(text: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("data.csv"), text)  # at no particular time
    return packed.getvalue()


def as_parquet(text: bytes) -> bytes:
    written = io.BytesIO()
    pl.read_csv(text, infer_schema=False).write_parquet(written)
    return written.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "csv": lambda text: text,
    "csv.gz": lambda text: gzip.compress(text, mtime=0),
    "csv.zip": zipped,
    "ndjson": lambda text: text,
}
WRITTEN = {
    **dict.fromkeys(("csv", "csv.gz", "csv.zip"), TEXT),
    "ndjson": pl.read_csv(TEXT, infer_schema=False).write_ndjson().encode(),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files") / "a"


def read(place: Path, form: str, content: bytes) -> pl.DataFrame | DeliveryError:
    """As a run reads it: apart first."""
    place.write_bytes(content)
    source = Source(provider="them", files=f"*.{form}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile's on names that stand twice
            try_apart([place], [f"a.{form}"], source)
            return read_text([place], [f"a.{form}"], source)
    except DeliveryError as error:
        message = str(error)
        assert message.startswith(f"a.{form}: ")
        assert message.isprintable()
        assert len(message) < 500
        return error


def is_judged(dataset: Dataset, text: pl.DataFrame | DeliveryError) -> None:
    """Both gates have an answer, in one line, and account for every row."""
    part = Part("a.csv", "ab", 1, {}, None if isinstance(text, DeliveryError) else text.height)
    tables = text if isinstance(text, DeliveryError) else [text]
    results = judge_envelope(dataset, DAY, [part], tables, [], {"stations": ["station", "height"]})
    assert all(result.detail.isprintable() and len(result.detail) < 3000 for result in results)
    if isinstance(text, DeliveryError) or any(result.status == "refused" for result in results):
        return
    rules = compile_rules(dataset)
    tables = {rule.name: pl.DataFrame({"station": ["oslo", "bergen"]}) for rule in rules if rule.reference}
    rows = judge_delivery(dataset, rules, text, tables, public=True).rows
    assert rows.delivered == text.height == rows.published + rows.rejected + rows.merged


@pytest.mark.parametrize("form", PACKED)
@share(1)
@given(data=st.data())
def test_damaged_delivery(good: Tree, place: Path, form: str, data: st.DataObject) -> None:
    text, pack = WRITTEN[form], PACKED[form]
    content = data.draw(damaged(text).map(pack) | damaged(pack(text)))
    is_judged(good["readings"], read(place, form, content))


@share(0.1)  # each is read in a process of its own first
@given(content=damaged(as_parquet(TEXT)))
def test_damaged_parquet(good: Tree, place: Path, content: bytes) -> None:
    is_judged(good["readings"], read(place, "parquet", content))


DECLARED = [file for file in GOOD if file.endswith(".yaml")]


@pytest.mark.parametrize("file", DECLARED)
@share(1)
@given(data=st.data())
def test_damaged_yaml(good: Tree, file: str, data: st.DataObject) -> None:
    text = (good.defs / file).read_bytes()
    try:
        parse_yaml(data.draw(damaged(text)).decode(errors="replace"), file)
    except ContractError as error:
        assert all(problem.file == file and problem.remedy for problem in error.problems)  # noqa: PT017


@pytest.mark.parametrize("file", DECLARED)
@share(0.2)
@given(data=st.data())
def test_damaged_contract(tmp_path_factory: pytest.TempPathFactory, good: Tree, file: str, data: st.DataObject) -> None:
    whole = (good.defs / file).read_bytes()
    (good.defs / file).write_bytes(data.draw(damaged(whole)))
    try:
        load_catalog(good.defs)
    except ContractError as error:
        assert all(problem.file.startswith("defs/") and problem.remedy for problem in error.problems)  # noqa: PT017
    finally:
        (good.defs / file).write_bytes(whole)


MANIFEST = json.dumps(
    {"files": [{"name": "1.csv", "rows": 6, "bytes": len(TEXT), "sha256": "00" * 32}, {"name": "2.csv"}]}
).encode()


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Readings come in parts, with a manifest."""
    tree = Tree(tmp_path_factory.mktemp("listed"))
    wanted = 'files: "{partition}/*.csv"\n    complete: {manifest: "{partition}/manifest.json"}'
    tree.edit("readings/defs.yaml", 'files: "{partition}.csv"', wanted)
    tree.drop("stations", "stations.csv", STATIONS)
    for part in ("1.csv", "2.csv"):
        tree.drop("readings", f"{DAY}/{part}", TEXT)
    return tree


@share(1)
@given(content=damaged(MANIFEST))
def test_damaged_manifest(listed: Tree, content: bytes) -> None:
    for zone in ("raw", "_verdicts"):  # of the example before
        shutil.rmtree(listed.store.path(zone), ignore_errors=True)
    listed.drop("readings", f"{DAY}/manifest.json", content)
    [outcome] = receive(listed.lake, listed["readings"], [DAY], NOW)
    assert outcome.status in ("done", "refused", "absent")
    assert outcome.reason.isprintable()
    assert len(outcome.reason) < 500
