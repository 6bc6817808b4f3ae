"""What the gates cost: `python benchmarks/gate.py [ROWS [ROUNDS]]` (10,000,000, three times).

Flights, as often as it takes, with rules of every kind; in parquet and in csv, clean and with 1 % of bad rows, in order of
the key and not, and with one number, at the very end, that cannot be read. Each figure comes from a process of its own. All
are taken in turn, so that other work on the machine is in each of them alike: told are the median of the processors, the
least of the clock, the most of the memory, and how many times as much of the processors that is as what it is compared with.

* `bare`: the same rules on typed rows, in one query of polars, without any question for uniqueness; a csv is typed as it is
  read, for which no value may be one that cannot be read.
* `bare_unique`: that, and how many keys differ, which is the plainest way to ask for the last rule.
* `copy`: the same rows, read so and written as parquet.
* `envelope`: what raw pays: reading to the last byte, apart, and the envelope gate.
* `verdict`: what staged pays before it writes: uniqueness, and every rule. By its hash, raw has read these bytes.
* `whole`: that, and quarantine and partition written.
* `verdict_statistics`, `whole_statistics`: the same of a dataset with partitions, each of which has its statistics taken.
* `pandera`: the same model, validated by pandera itself; it knows neither keys that are null nor NaN.
* `unique`: pandera, asked for uniqueness of the key as well, as the verdict is.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import polars as pl

from dataops_assets.catalog import DEFS, load_catalog
from dataops_assets.cli import sample
from dataops_assets.contract import Dataset
from dataops_assets.gate.content import Judged, judge_delivery, quarantined
from dataops_assets.gate.envelope import Part, judge_envelope
from dataops_assets.gate.query import Table
from dataops_assets.gate.reading import height, read_files, try_apart
from dataops_assets.gate.rules import MISCAST, compile_rules
from dataops_assets.steps.receiving import read_good

CONTRACT = """
type: dataops_assets.components.IngestedDataset
attributes:
  description: Flights, many times
  owner: flight-operations
  readers: [analysts]
  lifecycle: operational
  classification: public
  source: {provider: "the benchmark", files: "flights.parquet"}
  key: [copy, carrier, flight, origin, sched_dep_time, day, month]
  tolerance: 0.05
"""
SCHEMA = '''
import pandera.polars as pa
import polars as pl


class Schema(pa.DataFrameModel):
    copy: pl.Int16 = pa.Field(ge=0)
    month: pl.Int8 = pa.Field(in_range={"min_value": 1, "max_value": 12})
    day: pl.Int8 = pa.Field(in_range={"min_value": 1, "max_value": 31})
    sched_dep_time: pl.Int16 = pa.Field(in_range={"min_value": 0, "max_value": 2359})
    dep_delay: pl.Int16 = pa.Field(nullable=True, in_range={"min_value": -60, "max_value": 1440})
    arr_delay: pl.Int16 = pa.Field(nullable=True, in_range={"min_value": -120, "max_value": 1440})
    carrier: str = pa.Field()
    flight: pl.Int16 = pa.Field(ge=1)
    tailnum: str = pa.Field(nullable=True, str_matches={"pattern": "^[ND][0-9A-Z]*$", "description": "begins with N or D"})
    origin: str = pa.Field(isin=["EWR", "JFK", "LGA"])
    dest: str = pa.Field(str_matches={"pattern": "^[A-Z]{3}$", "description": "dest is three capital letters"})
    air_time: pl.Int16 = pa.Field(nullable=True, gt=0)
    distance: pl.Int16 = pa.Field(ge=17)

    @pa.dataframe_check
    def ground_speed(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """not faster than sound"""
        return data.lazyframe.select(pl.col("distance") * 60.0 / pl.col("air_time") <= 760)

    @pa.dataframe_check
    def in_the_air(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """who was in the air had departed"""
        return data.lazyframe.select(pl.col("air_time").is_null() | pl.col("dep_delay").is_not_null())

    @pa.dataframe_check(raise_warning=True)
    def cancelled_share(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """at most 20 % are cancelled"""
        return data.lazyframe.select(pl.col("dep_delay").is_null().mean() <= 0.2)
'''


def dataset(folder: Path, form: str) -> Dataset:
    defs = folder / "defs"
    (defs / "flights").mkdir(parents=True, exist_ok=True)
    (defs / "policy.yaml").write_text((DEFS / "policy.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (defs / "flights/defs.yaml").write_text(CONTRACT.replace("parquet", form), encoding="utf-8")
    (defs / "flights/schema.py").write_text(SCHEMA, encoding="utf-8")
    return load_catalog(defs)["flights"]


def generate(folder: Path, rows: int) -> None:
    columns = dataset(folder, "parquet").schema.polars
    year = pl.concat(pl.read_csv(content, null_values="NA") for name, content in sample.deliveries("flights") if "csv" in name)
    key = list(dataset(folder, "parquet").attributes.key)
    year = year.with_columns(pl.lit(0).alias("copy")).select(pl.col(name).cast(dtype) for name, dtype in columns.items())
    year = year.unique(key, maintain_order=True).sort(key)
    copies = [year.with_columns(pl.lit(number, pl.Int16).alias("copy")) for number in range(-(-rows // year.height))]
    clean = pl.concat(copies).head(rows)
    bad = pl.int_range(rows, eager=True).hash(1) % 100 == 0
    worse = clean.with_columns(pl.when(bad).then(pl.lit(-1, pl.Int16)).otherwise("distance").alias("distance"))
    for name, frame in {"clean": clean, "bad": worse, "shuffled": clean.sample(fraction=1, shuffle=True, seed=1)}.items():
        frame.write_parquet(folder / f"{name}.parquet")
        frame.write_csv(folder / f"{name}.csv")
    content = (folder / "clean.csv").read_bytes()
    (folder / "late.csv").write_bytes(content[: content.rindex(b",") + 1] + b"far\n")


def scan(folder: Path, file: Path) -> pl.LazyFrame:
    if file.suffix == ".parquet":
        return pl.scan_parquet(file)
    return pl.scan_csv(file, schema=dataset(folder, "csv").schema.polars)


def bare(folder: Path, file: Path, *more: pl.Expr) -> None:
    rules = [rule for rule in compile_rules(dataset(folder, "parquet")) if rule.kind == "value"]
    frame = scan(folder, file)
    frame = frame.with_columns(pl.lit(False).alias(MISCAST + name) for name in frame.collect_schema())
    frame.select(*((~rule.passes).sum().alias(rule.name) for rule in rules), *more).collect(engine="streaming")


def bare_unique(folder: Path, file: Path) -> None:
    bare(folder, file, pl.struct(dataset(folder, "parquet").attributes.key).n_unique().alias("keys"))


def copy(folder: Path, file: Path) -> None:
    scan(folder, file).sink_parquet(folder / "copy", compression="zstd", row_group_size=131_072)


def envelope(folder: Path, file: Path) -> None:
    of = dataset(folder, file.suffix[1:])
    assert of.ingested
    files = [file], [file.name], of.ingested.source
    try_apart(*files)
    [text] = read_files(*files, whole=True)
    judge_envelope(of, None, [Part(file.name, "", 0, {}, height(text))], [text], [], {})


def judged(folder: Path, file: Path, began: datetime | None) -> tuple[Table, Judged]:
    of = dataset(folder, file.suffix[1:])
    assert of.ingested
    text, numbers = read_good(of, None, ([file], [file.name], of.ingested.source))
    rules = compile_rules(of)
    return text, judge_delivery(of, rules, text, {}, public=True, began=began, copy=folder / "rows", numbers=numbers)


def verdict(folder: Path, file: Path) -> None:
    judged(folder, file, None)


def verdict_statistics(folder: Path, file: Path) -> None:
    judged(folder, file, BEGAN)


def whole(folder: Path, file: Path, began: datetime | None = None) -> None:
    text, found = judged(folder, file, began)
    if found.rejected.height:
        quarantined("delivery", text, found).lazy().sink_parquet(folder / "quarantine", compression="zstd")
    found.good.lazy().sink_parquet(folder / "staged", compression="zstd", row_group_size=131_072)


def whole_statistics(folder: Path, file: Path) -> None:
    whole(folder, file, BEGAN)


def pandera(folder: Path, file: Path, unique: bool = False) -> None:
    frame, of = pl.read_parquet(file), dataset(folder, "parquet")
    schema = of.schema.pandera
    schema.unique = list(of.attributes.key) if unique else None
    try:
        schema.validate(frame, lazy=True)
    except Exception as error:  # what it finds
        print(type(error).__name__, file=sys.stderr)


def unique(folder: Path, file: Path) -> None:
    pandera(folder, file, unique=True)


FILES = ("clean.parquet", "bad.parquet", "shuffled.parquet", "clean.csv", "bad.csv", "late.csv")
MEASURED: dict[Callable[[Path, Path], None], tuple[str, ...]] = {
    bare: ("clean.parquet", "bad.parquet", "clean.csv"),
    bare_unique: ("clean.parquet", "clean.csv"),
    copy: ("clean.parquet", "shuffled.parquet", "clean.csv"),
    envelope: FILES[:4:3],
    verdict: FILES,
    verdict_statistics: FILES[:3:2],
    whole: FILES,
    whole_statistics: FILES[:4],
    pandera: FILES[:2],
    unique: FILES[:1],
}
AGAINST = {
    "bare_unique": "bare",
    "verdict": "bare",
    "verdict_statistics": "verdict",
    "whole": "copy",
    "whole_statistics": "whole",
    "pandera": "verdict",
    "unique": "verdict",
}
BEGAN = datetime(2013, 1, 1, tzinfo=UTC)
Cost = tuple[float, float, float]
"""Seconds, seconds of the processors, and the most bytes."""


def measure(folder: Path, name: str, file: str) -> None:
    """In a process of its own, which tells the cost."""
    [what] = [one for one in MEASURED if one.__name__ == name]
    began, cpu = time.perf_counter(), _processors()
    what(folder, folder / file)
    seconds, cpu_seconds = time.perf_counter() - began, _processors() - cpu
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(seconds, cpu_seconds, peak * (1 if sys.platform == "darwin" else 1024))


def _processors() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def tell(costs: dict[tuple[str, str], list[Cost]]) -> None:
    typical = {what: statistics.median(cpu for _, cpu, _ in each) for what, each in costs.items()}
    for (name, file), each in costs.items():
        other = AGAINST.get(name, name)
        # What was not measured of the same file was of the same rows, or as many, in the same format.
        base = next(typical[other, one] for one in (file, f"clean.{file.split('.')[1]}") if (other, one) in typical)
        seconds, peak = min(one for one, _, _ in each), max(one for _, _, one in each)
        figures = f"{seconds:7.2f} s{typical[name, file]:9.2f} s of processors{peak / 1e9:7.2f} GB"
        ratio = f"{typical[name, file] / base:7.2f} times {other}" if other != name else ""
        print(f"{name:19}{file:18}{figures}{ratio}", flush=True)


def main(rows: int = 10_000_000, rounds: int = 3) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"making {rows:,} rows", file=sys.stderr, flush=True)
        # What a process has held counts for those that it starts, so this one holds nothing.
        subprocess.run([sys.executable, __file__, "generate", name, str(rows)], check=True)
        print(f"{rows:,} rows, {len(compile_rules(dataset(folder, 'parquet')))} rules, {rounds} rounds", flush=True)
        costs: dict[tuple[str, str], list[Cost]] = {}
        for number, (what, files) in product(range(rounds), MEASURED.items()):
            for file in files:
                print(f"round {number + 1} of {rounds}: {what.__name__} {file}", file=sys.stderr, flush=True)
                asked = [sys.executable, __file__, what.__name__, name, file]
                told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
                costs.setdefault((what.__name__, file), []).append((float(told[0]), float(told[1]), float(told[2])))
        tell(costs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["generate"]:
        generate(Path(sys.argv[2]), int(sys.argv[3]))
    elif len(sys.argv) == 4:
        measure(Path(sys.argv[2]), sys.argv[1], sys.argv[3])
    else:
        main(*map(int, sys.argv[1:3]))
