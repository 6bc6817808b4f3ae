"""Whatever a provider delivers is told by dataset, partition, file and remedy; its bytes are kept, what was published stays,
the other partitions go on, and the next good delivery heals, with nothing else to do.

One row for each fault, driven from landing to curated. What each rule finds in detail stands in `gate/`.
"""

import gzip
import io
import itertools
import json
import random
import zipfile
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dataops_assets.contract import Partition
from dataops_assets.steps import Outcome
from dataops_assets.storage import deliveries, landing
from dataops_assets_tests.trees import NOW, STATIONS, Tree, fatal_parquet, readings

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
DAY, NEXT, MONTH = DAYS[1], DAYS[2], "2024-01"
LATER, LAST = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
FILES = 'files: "{partition}.csv"'


def zipped(*members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, content in enumerate(members):
            archive.writestr(f"{number}.csv", content)
    return packed.getvalue()


def frame(text: bytes) -> pl.DataFrame:
    return pl.read_csv(text, infer_schema=False)


def as_parquet(text: bytes, *changes: pl.Expr) -> bytes:
    written = io.BytesIO()
    frame(text).with_columns(changes).write_parquet(written)
    return written.getvalue()


FORMATS: dict[str, Callable[[bytes], bytes]] = {
    "csv": lambda text: text,
    "csv.gz": lambda text: gzip.compress(text, mtime=0),
    "csv.zip": zipped,
    "parquet": as_parquet,
    "ndjson": lambda text: frame(text).write_ndjson().encode(),
}

Files = Mapping[str, bytes]
"""The files of a delivery, by their names below landing, in the order in which they are written."""


def day(form: str = "csv", of: str = DAY, warmth: float = 0.5) -> Files:
    """A good delivery."""
    return {f"{of}.{form}": FORMATS[form](readings(of, {"temperature": warmth}).encode())}


def listed(of: str = DAY, warmth: float = 0.5, **promised: object) -> Files:
    """A good delivery in two parts, with a manifest."""
    header, *rows = readings(of, {"temperature": warmth}).splitlines()
    parts = {f"{of}/{n}.csv": "\n".join([header, *rows[n::2], ""]).encode() for n in (0, 1)}
    return parts | {f"{of}/manifest.json": manifest({"name": "0.csv", **promised}, {"name": "1.csv"})}


def manifest(*files: Mapping[str, object]) -> bytes:
    return json.dumps({"files": files}).encode()


def changed(old: str, new: str, count: int = -1) -> Files:
    """The good delivery with a text in place of another."""
    text = readings(DAY)
    assert old in text
    return {f"{DAY}.csv": text.replace(old, new, count).encode()}


def row(**change: object) -> Files:
    """The good delivery with a change to its first row."""
    return {f"{DAY}.csv": readings(DAY, change).encode()}


RUBBISH = random.Random(4).randbytes(3000)
GZ, ZIP, PARQUET, NDJSON = (day(form)[f"{DAY}.{form}"] for form in ("csv.gz", "csv.zip", "parquet", "ndjson"))
WHOLE, AGAIN = "Deliver it again, whole", "Deliver it again"
NAMED = "Deliver it with the promised names, or change schema.py"
MENDED = "Deliver it again, mended, or change the rule; what was rejected lies in quarantine"
SPLIT = "Deliver it separated by ',', or change `separator` in defs.yaml"

# Fault: what lies in landing, what is said of it, and the remedy.
Refused = tuple[Files, str, str]

REFUSED: dict[str, Refused] = {
    "truncated_gzip": ({f"{DAY}.csv.gz": GZ[:-9]}, "not readable as csv.gz: Compressed file ended before", WHOLE),
    "damaged_gzip": ({f"{DAY}.csv.gz": GZ[:40] + b"\0" + GZ[41:]}, "not readable as csv.gz", WHOLE),
    "no_gzip": ({f"{DAY}.csv.gz": readings(DAY).encode()}, "not readable as csv.gz: Not a gzipped file", WHOLE),
    "zip_of_two": ({f"{DAY}.csv.zip": zipped(b"a\n", b"a\n")}, "it holds 2 files", "Deliver an archive of exactly one"),
    "truncated_zip": ({f"{DAY}.csv.zip": ZIP[:-9]}, "not readable as csv.zip: File is not a zip file", WHOLE),
    "truncated_parquet": ({f"{DAY}.parquet": PARQUET[:-9]}, "not readable as parquet", WHOLE),
    "fatal_parquet": ({f"{DAY}.parquet": fatal_parquet()}, "reading it ends the process (signal 6)", WHOLE),
    "truncated_ndjson": ({f"{DAY}.ndjson": NDJSON[:-9]}, "line 4 is no JSON", "Deliver one JSON object a line"),
    "truncated_csv": (
        {f"{DAY}.csv": readings(DAY).encode()[:-9]},
        "row 4 has 2 fields, the header 5",
        "Deliver rows of equal length",
    ),
    "empty": ({f"{DAY}.csv": b""}, "it is empty", AGAIN),
    "blank": ({f"{DAY}.csv": b"\n\n"}, "it is empty", AGAIN),
    "header_only": ({f"{DAY}.csv": readings(DAY).splitlines()[0].encode()}, "there is a header, but no row", "`gaps`"),
    "half_written": ({f"{DAY}.csv": readings(DAY).encode() + bytes(4096)}, "it holds zero bytes", WHOLE),
    **{f"rubbish_{form}": ({f"{DAY}.{form}": RUBBISH}, "readable: ", "Deliver it ") for form in FORMATS},
    "wrong_delimiter": (changed(",", ";"), "columns: they are separated by ';'", SPLIT),
    "wrong_delimiter_and_commas": (
        {f"{DAY}.csv": changed(",", ";")[f"{DAY}.csv"].replace(b".", b",")},
        "row 1 has 2 fields, the header 1, as if ';' separated them",
        SPLIT,
    ),
    "latin1": ({f"{DAY}.csv": readings(DAY, {"note": "Å"}).encode("latin-1")}, "it is not UTF-8: byte", "Deliver it as UTF-8"),
    "utf16": ({f"{DAY}.csv": readings(DAY).encode("utf-16")}, "it is UTF-16", "Deliver it as UTF-8"),
    "column_renamed": (changed("temperature", "temp"), "columns: temperature seems to be renamed temp", NAMED),
    "column_missing": (
        {f"{DAY}.csv": frame(readings(DAY).encode()).drop("hour").write_csv().encode()},
        "columns: missing: hour",
        NAMED,
    ),
    "column_twice": (changed("note", "hour"), "column 5 is named like one before it", "Name every column once"),
    "bytes_for_text": (
        {f"{DAY}.parquet": as_parquet(readings(DAY).encode(), pl.col("station").cast(pl.Binary))},
        "columns: station is Binary in ",
        "Deliver it as text in UTF-8",
    ),
    "list_for_text": (
        {f"{DAY}.parquet": as_parquet(readings(DAY).encode(), pl.concat_list("note"))},
        "columns: note is List(String) in ",
        "Deliver it as text in UTF-8",
    ),
    "another_datasets_file": (
        {f"{DAY}.csv": STATIONS.encode()},
        "own_file: its columns are those of stations",
        "Deliver the file of this dataset here, and that one where it belongs",
    ),
    "another_days_rows": (
        changed(DAY, NEXT),
        f"4 of 4 rows are of another partition; row 1 has day {NEXT}",
        "its own partition",
    ),
    "no_such_date": (row(day="2024-02-30"), "1 of 4 rows rejected, 25.0%; 0.0% tolerated: day.type (1)", MENDED),
    "no_such_time": (row(day=f"{DAY} 25:00"), "1 of 4 rows rejected, 25.0%; 0.0% tolerated: day.type (1)", MENDED),
    "number_beyond_its_type": (row(hour=300), "1 of 4 rows rejected, 25.0%; 0.0% tolerated: hour.type (1)", MENDED),
    "text_for_a_number": (row(temperature="mild"), "temperature.type (1)", MENDED),
    "no_number": (row(temperature="NaN"), "temperature.finite (1)", MENDED),
    "key_twice": (row(hour=1), "2 of 4 rows rejected, 50.0%; 0.0% tolerated: key.unique (2)", MENDED),
    "refers_to_nothing": (row(station="rome"), "station.in_stations (1)", MENDED),
    "wrong_totals": (listed(bytes=7), "control_totals: 2024-01-02/0.csv: bytes is ", "the totals that belong to them"),
    "parts_that_differ": (
        listed() | {f"{DAY}/1.csv": b"x\n1\n"},
        f"columns: {DAY}/1.csv: missing: station, day, hour, temperature, note",
        NAMED,
    ),
    "part_renamed": (
        listed() | {f"{DAY}/1.csv": listed()[f"{DAY}/1.csv"].replace(b"temperature", b"temp")},
        f"columns: {DAY}/1.csv: temperature seems to be renamed temp",
        NAMED,
    ),
    "another_days_part": (
        listed() | {f"{DAY}/1.csv": listed(NEXT)[f"{NEXT}/1.csv"]},
        f"2 of 4 rows are of another partition; row 1 of {DAY}/1.csv has day {NEXT}",
        "its own partition",
    ),
}


def promised(name: str) -> Files:
    return with_manifest(manifest({"name": name}))


def with_manifest(content: bytes) -> Files:
    return listed() | {f"{DAY}/manifest.json": content}


WAITED_FOR: dict[str, Refused] = {
    "still_growing": (day(), f"waiting for {DAY}.csv to be still for 2 s", "the run after that receives it"),
    "part_missing": (
        {name: content for name, content in listed().items() if "1.csv" not in name},
        "waiting for 1.csv, promised by manifest.json",
        "deliver it, or a manifest.json without it",
    ),
    "manifest_missing": (
        {name: content for name, content in listed().items() if "manifest" not in name},
        f"waiting for {DAY}/manifest.json, which has not arrived",
        "it is delivered last",
    ),
    "manifest_is_rubbish": (
        with_manifest(RUBBISH),
        f"{DAY}/manifest.json (it is not readable as JSON: expected value at line 1 column 1: mend the syntax there)",
        "written as {",
    ),
    "manifest_is_a_list": (with_manifest(b"[]"), "manifest.json (it is []: write an object)", "written as {"),
    "manifest_names_nothing": (
        with_manifest(b"{}"),
        "(`files` is missing: write a list with an object for every file)",
        "written as {",
    ),
    "manifest_names_no_object": (
        with_manifest(b'{"files": [{"name": "0.csv"}, "1.csv"]}'),
        "(entry 2 of `files` is '1.csv': write an object)",
        "written as {",
    ),
    "manifest_promises_no_number": (
        with_manifest(manifest({"name": "0.csv"}, {"name": "1.csv", "rows": "two", "bytes": -1})),
        "(entry 2 of `files`: `rows` is 'two': write how many rows it has, as a whole number; 1 more like this)",
        "written as {",
    ),
    "manifest_misspells_a_total": (
        with_manifest(manifest({"name": "0.csv", "Row": 1, "sha3-256": "…", "kbytes": 9}, {"name": "1.csv", "byte": 3})),
        "(entry 1 of `files`: `Row` means nothing here: write it as `rows`, or remove it; 1 more like this)",
        "written as {",
    ),
    "manifest_writes_a_total_otherwise": (
        with_manifest(manifest({"name": "0.csv", "SHA-256": "…"}, {"name": "1.csv"})),
        "(entry 1 of `files`: `SHA-256` means nothing here: write it as `sha256`, or remove it)",
        "written as {",
    ),
    "manifest_leads_out": (promised("../../x.csv"), "../../x.csv lies outside of the delivery", "written as {"),
    "manifest_leads_anywhere": (promised("/etc/passwd"), "/etc/passwd lies outside of the delivery", "written as {"),
    "manifest_names_one_twice": (
        listed() | {f"{DAY}/manifest.json": manifest({"name": "0.csv"}, {"name": f"{DAY}/0.csv"})},
        f"{DAY}/0.csv stands in it twice",
        "written as {",
    ),
    "manifest_breaks_the_line": (promised("a\nb.csv"), r"waiting for a\nb.csv, promised by manifest.json", "deliver it, or"),
    "manifest_names_300_letters": (
        promised("n" * 300),
        f"waiting for {'n' * 120}…, promised by manifest.json",
        "deliver it, or",
    ),
}


def like(files: Files, of: str, warmth: float) -> Files:
    """A good delivery of the same format."""
    if len(files) > 1:
        return listed(of, warmth)
    [name] = files
    return day(name.removeprefix(f"{DAY}."), of, warmth)


def started(root: Path, files: Files, *days: str) -> Tree:
    """A tree whose deliveries come as these do; good ones are published, and nothing is tolerated."""
    tree = Tree(root)
    in_parts = 'files: "{partition}/*.csv"\n    complete: {manifest: "{partition}/manifest.json"}'
    [ending] = {name.removeprefix(f"{DAY}.") for name in files} if len(files) == 1 else {""}
    tree.edit("readings/defs.yaml", FILES, f'files: "{{partition}}.{ending}"' if ending else in_parts)
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-03")
    tree.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0")
    tree.drop("stations", "stations.csv", STATIONS)
    for key in days:
        drop(tree, like(files, key, 0.5))
    tree.run()
    return tree


def drop(tree: Tree, files: Files, written: datetime | None = None) -> None:
    for file, content in files.items():
        tree.drop("readings", file, content, written)


def published(tree: Tree) -> dict[str, pl.DataFrame]:
    """All that can be read, by dataset and partition."""
    wanted: list[tuple[str, Partition]] = [("stations", None), *(("readings", key) for key in DAYS), ("daily", MONTH)]
    here = [(name, key) for name, key in wanted if tree.lake.published(tree[name], key)]
    return {f"{name} {key or ''}".strip(): tree.read(name, key) for name, key in here}


def news(before: dict[str, pl.DataFrame], after: dict[str, pl.DataFrame]) -> list[str]:
    """What was published anew; nothing may have gone."""
    assert set(before) <= set(after)
    return [what for what, rows in after.items() if what not in before or not rows.equals(before[what])]


def left(tree: Tree, now: datetime) -> list[Partition]:
    zones = [("raw", "stations"), ("staged", "stations"), ("raw", "readings"), ("staged", "readings"), ("curated", "daily")]
    return [key for zone, name in zones for key in tree.pending(zone, name, now)]


def is_told(outcome: Outcome, files: Files, says: str, remedy: str) -> None:
    """In one line of a bearable length: dataset, partition, one of the files at least, what is wrong, and what to do."""
    assert f"readings {DAY}: " in outcome.reason
    assert any(Path(file).name in outcome.reason for file in [*files, "manifest.json"])
    assert says in outcome.reason
    assert remedy in outcome.reason
    assert len(outcome.reason) < 500
    assert outcome.reason.isprintable()


def heals(tree: Tree, files: Files) -> None:
    """The next good delivery, and nothing else, mends all."""
    assert left(tree, LATER) == []
    drop(tree, like(files, DAY, 11.5))
    assert {outcome.status for outcome in tree.run(now=LAST)} == {"done"}
    assert left(tree, LAST) == []
    assert tree.read("readings", DAY)["temperature"].max() == 11.5
    assert sorted(tree.read("daily", MONTH)["warmest"].to_list())[-2:] == [9.5, 11.5]


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_refused(tmp_path: Path, fault: str) -> None:
    files, says, remedy = REFUSED[fault]
    tree = started(tmp_path, files, *DAYS)
    before = published(tree)
    assert list(before) == ["stations", *(f"readings {key}" for key in DAYS), f"daily {MONTH}"]
    drop(tree, files)
    drop(tree, like(files, NEXT, 9.5))

    [refused] = [outcome for outcome in tree.run(now=LATER) if outcome.status != "done"]

    assert (refused.status, refused.partition) == ("refused", DAY)
    is_told(refused, files, says, remedy)
    assert refused.reason.endswith("; what was published before stays")
    receipt = deliveries.newest_receipt(tree.store, tree["readings"], DAY)
    assert receipt
    kept = {file.name: tree.store.read(deliveries.raw_key(tree["readings"], DAY, file.sha256)) for file in receipt.files}
    assert kept == {name: content for name, content in files.items() if "manifest" not in name}
    assert news(before, published(tree)) == [f"readings {NEXT}", f"daily {MONTH}"]
    heals(tree, files)


@pytest.mark.parametrize("fault", WAITED_FOR)
def test_what_is_not_whole(tmp_path: Path, fault: str) -> None:
    files, says, remedy = WAITED_FOR[fault]
    tree = started(tmp_path, files, DAYS[0])
    before = published(tree)
    drop(tree, files, LATER if fault == "still_growing" else None)
    drop(tree, like(files, NEXT, 9.5))

    [absent, good] = tree.receive("readings", DAY, NEXT, now=LATER)
    tree.run(now=LATER)

    assert (absent.status, good.status) == ("absent", "done")
    is_told(absent, files, says, remedy)
    assert {file: tree.store.read(f"landing/readings/{file}") for file in files} == files
    assert news(before, published(tree)) == [f"readings {NEXT}"]
    heals(tree, files)


def test_file_that_has_stopped_growing_is_received_by_the_next_run(tmp_path: Path) -> None:
    tree = started(tmp_path, day(), DAYS[0], NEXT)
    drop(tree, day(), LATER)
    assert tree.run(now=LATER) == []
    assert {outcome.status for outcome in tree.run(now=LAST)} == {"done"}
    assert len(published(tree)) == 5


# What is unusual, and no fault.

READ: dict[str, tuple[Files, str, object]] = {
    "bom": ({f"{DAY}.csv": b"\xef\xbb\xbf" + readings(DAY).encode()}, "", 0),
    "windows_line_ends": (changed("\n", "\r\n"), "", 0),
    "column_added": (
        {f"{DAY}.csv": frame(readings(DAY).encode()).with_columns(wind=pl.lit("5")).write_csv().encode()},
        "extra: wind (kept in raw, not read)",
        0,
    ),
    "columns_reordered": (
        {
            f"{DAY}.csv": frame(readings(DAY).encode())
            .select("hour", "day", "station", "note", "temperature")
            .write_csv()
            .encode()
        },
        "another order: hour, day, station, note, temperature",
        0,
    ),
    "part_reordered": (
        listed() | {f"{DAY}/1.csv": frame(listed()[f"{DAY}/1.csv"])[:, ::-1].write_csv().encode()},
        f"{DAY}/1.csv: another order: note, temperature, hour, day, station",
        0,
    ),
    "part_with_a_column_added": (
        listed() | {f"{DAY}/0.csv": frame(listed()[f"{DAY}/0.csv"]).with_columns(wind=pl.lit("5")).write_csv().encode()},
        f"{DAY}/0.csv: extra: wind (kept in raw, not read)",
        0,
    ),
    "row_twice": ({f"{DAY}.csv": (readings(DAY) + readings(DAY).splitlines()[1] + "\n").encode()}, "", 1),
}


@pytest.mark.parametrize("oddity", READ)
def test_what_is_read_all_the_same(tmp_path: Path, oddity: str) -> None:
    files, warning, merged = READ[oddity]
    tree = started(tmp_path, files, DAYS[0], NEXT)
    drop(tree, files)
    received, staged, _ = tree.run(now=LATER)
    assert tree.read("readings", DAY).equals(started(tmp_path / "plain", day(), DAY).read("readings", DAY))
    assert received.verdict
    assert [result.detail for result in received.verdict.warnings] == ([warning] if warning else [])
    assert staged.facts["merged"] == merged


# What belongs to nothing.


@pytest.mark.parametrize("key", ["2023-12-31", "2024-01-04", "2024-02-30"])
def test_file_for_a_day_outside_of_the_range_is_told(tmp_path: Path, key: str) -> None:
    tree = started(tmp_path, day(), DAYS[0], NEXT)
    drop(tree, day(of=key))
    drop(tree, day())
    assert {outcome.status for outcome in tree.run(now=LATER)} == {"done"}
    told = [str(stray) for stray in landing.strays(tree.store, tree["readings"], LATER)]
    why = f"{key} is none of the partitions, 2024-01-01 to 2024-01-03: deliver it as one of them, or remove it"
    assert told == [f"landing/readings/{key}.csv belongs to no delivery: {why}"]
    assert tree.store.read(f"landing/readings/{key}.csv") == day(of=key)[f"{key}.csv"]


# What lies far down.


def test_text_for_a_number_on_row_100_000_is_found(tmp_path: Path) -> None:
    tree = started(tmp_path, day(), *DAYS)
    tree.edit("stations/defs.yaml", "files: stations.csv", "files: stations.csv\n    rows: null")
    tree.run(now=LATER)
    before = published(tree)
    names = [f"{a}{b}{c}{d}" for a, b, c, d in itertools.product("abcdefghijklmnopqr", repeat=4)][:99_997]
    good = [*STATIONS.splitlines(), *(f"{name},1" for name in names)]
    tree.drop("stations", "stations.csv", "\n".join([*good, "zzz,high", "yyy,2"]))

    [_, refused, *others] = tree.run(now=LATER)

    assert refused.reason == (
        "staged/stations: stations.csv: 1 of 100001 rows rejected, <0.1%; 0.0% tolerated: height.type (1). "
        f"{MENDED}; what was published before stays"
    )
    assert (others, published(tree)["stations"].equals(before["stations"])) == ([], True)
    [row] = tree.quarantine("stations").to_dicts()
    assert (row["row"], row["station"], row["height"], row["reasons"]) == (100_000, "zzz", "high", ["height.type"])
    tree.drop("stations", "stations.csv", "\n".join([*good, "zzz,9", "yyy,2"]))
    assert {outcome.status for outcome in tree.run(now=LAST)} == {"done"}
    assert (tree.read("stations").height, left(tree, LAST)) == (100_001, [])
