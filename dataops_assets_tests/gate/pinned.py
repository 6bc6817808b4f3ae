"""What the gates say of deliveries that never change, pinned beside the version that they say it under.

    python -m dataops_assets_tests.gate.pinned

writes `pinned.json` again, once `VERSION` in `dataops_assets/gate/verdict.py` was raised.

Here: the deliveries, and how what is said of them becomes a hash. Polars, pandera and numpy are a part of what judges, so an
upgrade of theirs counts like an edit. Left out are times and ids, and what is beyond nine digits of a number, in which machines
differ.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import polars.selectors as cs

from dataops_assets.cli.faults import FAULTS
from dataops_assets.gate.verdict import VERSION, Gate, digest
from dataops_assets.steps.pending import partitions_of
from dataops_assets.storage.layout import data
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

FILE = Path(__file__).with_suffix(".json")
_NOT_SAID = {"number", "judged_at", "arrived", "depends_on", "released"}
_IDS = ("verdict", "delivery", "earlier")
_GATES: tuple[Gate, ...] = ("envelope", "content")

_DEFS = """
    type: dataops_assets.components.IngestedDataset
    attributes:
      description: A value of every type.
      owner: lab
      readers: [analysts]
      lifecycle: standard
      classification: {classification}
      source: {{provider: The lab, files: "*.{ending}", null_values: ["", NA]}}
      key: [id]
      tolerance: 1
      rules:
        positive.not_equal_to: {{severity: warn, tolerance: 0.01}}
        whole.in_range: {{severity: fail, tolerance: 0.9}}
        code.str_length: {{shadow_until: 2024-12-31}}
    """
_SCHEMA = """
    import pandera.polars as pa
    import polars as pl


    class Schema(pa.DataFrameModel):
        id: int = pa.Field()
        small: pl.Int8 = pa.Field(nullable=True)
        whole: pl.Int64 = pa.Field(nullable=True, in_range={"min_value": -100, "max_value": 100})
        positive: pl.UInt16 = pa.Field(nullable=True, ne=3)
        number: float = pa.Field(nullable=True, gt=-1000, lt=1000)
        short: pl.Float32 = pa.Field(nullable=True)
        exact: pl.Decimal(9, 2) = pa.Field(nullable=True)
        flag: bool = pa.Field(nullable=True)
        day: pl.Date = pa.Field(nullable=True)
        moment: pl.Datetime("us") = pa.Field(nullable=True)
        zoned: pl.Datetime("us", "Europe/Oslo") = pa.Field(nullable=True)
        clock: pl.Time = pa.Field(nullable=True)
        code: str = pa.Field(nullable=True, str_length={"min_value": 1, "max_value": 4}, unique=True)
        kind: str = pa.Field(nullable=True, isin=["a", "b"], notin=["c"], str_matches="^[a-z]$")
        filled: str = pa.Field()

        @pa.check("number", element_wise=True)
        def even(cls, value: float) -> bool:
            \"\"\"its whole part is even\"\"\"
            return int(value) % 2 == 0 if abs(value) < 1e9 else True

        @pa.dataframe_check
        def later(cls, data: pa.PolarsData) -> pl.LazyFrame:
            \"\"\"the moment is not before the day\"\"\"
            return data.lazyframe.select(pl.col("moment") >= pl.col("day"))

        @pa.dataframe_check
        def grows(cls, data: pa.PolarsData) -> pl.LazyFrame:
            \"\"\"no id is before the one above it\"\"\"
            return data.lazyframe.select(pl.col("id").diff().fill_null(0) >= 0)

        @pa.dataframe_check(raise_warning=True)
        def mostly(cls, data: pa.PolarsData) -> pl.LazyFrame:
            \"\"\"at most a tenth of the flags is missing\"\"\"
            return data.lazyframe.select(pl.col("flag").is_null().mean() <= 0.1)

        @pa.dataframe_check
        def whole_frame(cls, data: pa.PolarsData) -> pl.LazyFrame:
            \"\"\"a kind has four rows at most\"\"\"
            counts = data.lazyframe.group_by("kind").len()
            counted = data.lazyframe.join(counts, on="kind", how="left", maintain_order="left")
            return counted.select(pl.col("len").fill_null(0) <= 4)


    def normalise(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.with_columns(pl.col("filled").replace("tidy me", "tidied"))
    """
_CORRECTIONS = """
    - partition: 2024-01-05
      key: {station: oslo, day: 2024-01-05, hour: 0}
      set: {temperature: {from: 1.25, to: 61}}
      reason: it was read wrongly
      requested_by: lab
      reference: the log of the station
      valid_until: 2030-12-31
    - partition: 2024-01-05
      where: hour >= 15 AND station = 'bergen'
      rows: 5
      drop: true
      reason: the sensor was stuck
      requested_by: lab
      reference: the log of the station
      valid_until: 2030-12-31
    - partition: 2024-01-05
      add: {station: oslo, day: 2024-01-05, hour: 23, temperature: null, visits: 0, note: by hand}
      reason: it was left out
      requested_by: lab
      reference: the log of the station
      valid_until: 2030-12-31
    """
_TEXTS = {
    "small": ["1", "-1", "+1", " 1", "127", "128", "1.0", "1e1", "01", "1_0", "0x1", "NA"],
    "whole": ["0", "-0", "100", "101", "9223372036854775807", "9223372036854775808", "1.5", "one", "1,000"],
    "positive": ["0", "3", "-1", "65535", "65536", "2.0"],
    "number": ["0.5", "-0.0", "1e3", "1E-3", "NaN", "inf", "-Infinity", "nan", ".5", "5.", "1,5", "1e99", "999.999999999999"],
    "short": ["0.1", "16777217", "3.5e38", "1e-46", "x"],
    "exact": ["1.00", "1.005", "1234567.89", "12345678.9", "-0.01", "1e2", "1.2.3"],
    "flag": ["true", "false", "True", "FALSE", "1", "0", "yes", "t"],
    "day": [
        "2024-01-31",
        "2024-02-30",
        "2024-1-5",
        "20240105",
        "05.01.2024",
        "2024-01-05T00:00:00",
        "0000-01-01",
        "9999-12-31",
    ],
    "moment": ["2024-01-05T01:02:03", "2024-01-05 01:02", "2024-01-05T25:00:00", "2024-01-05T01:02:03.1234567", "2024-01-05"],
    "zoned": ["2024-01-05T01:02:03Z", "2024-01-05T01:02:03+01:00", "2024-03-31T02:30:00", "2024-01-05 01:02:03", "now"],
    "clock": ["01:02:03", "24:00:00", "01:02", "1:02:03", "01:02:03.5", "noon"],
    "code": ["abcd", "abcde", "same", "same", "", " ", "é", "\u00a0", "x\ty"],
    "kind": ["a", "b", "c", "A", "a", "a", "a", "a", "aa", "b"],
    "filled": ["yes", "tidy me", "", "NA", "null"],
}
"""What providers write where a value of each type should stand; the rest of its row is good."""
_GOOD = {
    "small": "1",
    "whole": "1",
    "positive": "1",
    "number": "0.5",
    "short": "0.5",
    "exact": "1.50",
    "flag": "true",
    "day": "2024-01-05",
    "moment": "2024-01-05T01:02:03",
    "zoned": "2024-01-05T01:02:03Z",
    "clock": "01:02:03",
    "code": "",
    "kind": "",
    "filled": "yes",
}


def _kinds() -> pl.DataFrame:
    """A row for every text; of two texts, a row twice, a key twice, and a row without any value."""
    rows = [{**_GOOD, name: text} for name, texts in _TEXTS.items() for text in texts]
    rows = [{"id": str(number), **row} for number, row in enumerate(rows)]
    twice = [rows[1], {**rows[2], "filled": "other"}, dict.fromkeys(rows[0])]
    return pl.DataFrame([*rows, *twice, {**_GOOD, "id": "1e2"}], schema=dict.fromkeys(rows[0], pl.String))


def _typed() -> pl.DataFrame:
    """Values as parquet has them, and in other types than the schema says."""
    nan, inf = float("nan"), float("inf")
    return pl.DataFrame(
        {
            "id": [1, 2, 3, 3, 5],
            "small": pl.Series([1, 127, 128, None, -129], dtype=pl.Int64),
            "whole": [1.0, 1.5, None, 101.0, 1e19],
            "positive": pl.Series([3, 65535, -1, 70000, None], dtype=pl.Int32),
            "number": [nan, inf, -inf, 2.5, 3.5],
            "short": [0.1, 1e39, None, 2.0, nan],
            "exact": ["1.00", "1.005", None, "x", "2.5"],
            "flag": [1, 0, None, 2, 1],
            "day": [date(2024, 1, 5), None, date(1, 1, 1), date(9999, 12, 31), date(2024, 2, 29)],
            "moment": ["2024-01-05T01:02:03", None, "x", "2024-01-05", "2024-01-05T00:00:00"],
            "zoned": pl.Series(["2024-01-05T01:02:03Z"] * 5).str.to_datetime(time_zone="UTC"),
            "clock": ["01:02:03", None, "24:00:00", "1:02", "x"],
            "code": pl.Series(["a", "b", "a", None, "abcde"], dtype=pl.Categorical),
            "kind": ["a", "c", "", None, "b"],
            "filled": ["x", None, "", "y", "tidy me"],
        }
    )


def _day(number: int, rows: int = 40) -> str:
    """A day that is like all others, and yet not the same."""
    day = str(date(2024, 1, 1) + timedelta(days=number))
    values = ({"temperature": (row * 7 + number * 3) % 11 + 0.25, "visits": (row * 5 + number) % 9} for row in range(rows))
    return readings(day, *values, rows=rows)


def _filled(root: Path) -> Tree:
    """A store in which all deliveries were judged: forty good days, then a day for each fault, and a few more."""
    tree = Tree(root)
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-02-29")
    note = 'note: str = pa.Field(description="In words", nullable=True)'
    tree.edit("readings/schema.py", note, f"{note}\n    visits: pl.Int8 = pa.Field(ge=0)")
    tree.edit("stations/defs.yaml", "key: [station]", "key: [station]\n  tolerance: 0.6")
    tree.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.5\n  accepted: [{partition: 2024-02-15, reason: a storm}]")
    tree.write("readings/corrections.yaml", _CORRECTIONS)
    tree.edit("daily/defs.yaml", "end: 2024-01,", "end: 2024-02,")
    tree.edit("daily/schema.py", "nullable=True, le=60", "nullable=True, le=10")
    for ending, classification in (("csv", "public"), ("ndjson", "internal"), ("parquet", "public")):
        tree.write(f"kinds_{ending}/defs.yaml", _DEFS.format(ending=ending, classification=classification))
        tree.write(f"kinds_{ending}/schema.py", _SCHEMA)
    tree.drop("stations", "stations.csv", STATIONS + "Oslo,1\nvoss,-1\nbodo,high\nbergen,12\n")
    for number in range(40):
        tree.drop("readings", f"{date(2024, 1, 1) + timedelta(days=number)}.csv", _day(number))
    tree.run("stations", "readings")
    days = [str(date(2024, 2, 10) + timedelta(days=number)) for number in range(len(FAULTS))]
    for number, (day, fault) in enumerate(zip(days, FAULTS.values(), strict=True)):
        tree.drop("readings", f"{day}.csv", fault.packed(fault.text(_day(40 + number).encode())))
    unlike = {"temperature": None, "visits": 3, "note": "the sensor was stuck"}
    tree.drop("readings", "2024-02-25.csv", readings("2024-02-25", *[unlike] * 40, rows=40))
    tree.drop("readings", "2024-02-26.csv", _day(57))
    tree.drop("readings", "2024-01-09.csv", _day(8, rows=15))  # less than before
    tree.drop("readings", "2024-01-10.csv", _day(9, rows=30))
    tree.drop("readings", "2024-01-11.csv", _day(10).replace("oslo", "nowhere", 3))
    tree.drop("kinds_csv", "kinds.csv", _kinds().write_csv(null_value="NA"))
    tree.drop("kinds_ndjson", "kinds.ndjson", _kinds().write_ndjson())
    with tempfile.NamedTemporaryFile() as typed:
        _typed().write_parquet(typed.name)
        tree.drop("kinds_parquet", "kinds.parquet", Path(typed.name).read_bytes())
    tree.run()
    return tree


def said() -> dict[str, str]:
    """By partition, a hash of all that was said of it: the verdicts, and the rows in staged, curated and quarantine."""
    with tempfile.TemporaryDirectory() as root:
        return {name: digest(_plain(found))[:16] for name, found in _told(_filled(Path(root)))}


def _told(tree: Tree) -> Iterator[tuple[str, Any]]:
    for dataset in tree.lake.catalog:
        for partition in partitions_of(dataset, NOW):
            verdicts = [one for gate in _GATES for one in tree.lake.verdicts(gate, dataset, partition)]
            objects = [tree.store.path(data(zone, dataset, partition)) for zone in (dataset.zone, "quarantine")]
            frames = [pl.read_parquet(path).drop(_IDS, strict=False) for path in objects if path.exists()]
            frames = [frame.cast({cs.temporal(): pl.String}) for frame in frames]  # Python knows no year 0
            if verdicts:
                words = [one.model_dump(mode="json", exclude=_NOT_SAID) for one in verdicts]
                yield f"{dataset.name} {partition or ''}".strip(), [words, [frame.to_dicts() for frame in frames]]


def _plain(value: Any) -> Any:
    """What JSON can hold; of a number, nine digits."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return f"{value:.9g}"
    return value if isinstance(value, bool | int | str) or value is None else str(value)


def pin() -> None:
    """Write `pinned.json` again.

    Raises:
        SystemExit: Something else is said under the version that stands there already.
    """
    pinned, now = json.loads(FILE.read_text()) if FILE.exists() else {"version": 0, "said": {}}, said()
    if pinned["said"] != now and pinned["version"] == VERSION:
        sys.exit(f"the gates say something else, and VERSION is {VERSION} still: raise it in dataops_assets/gate/verdict.py")
    FILE.write_text(json.dumps({"version": VERSION, "said": now}, indent=1) + "\n")


if __name__ == "__main__":
    pin()
