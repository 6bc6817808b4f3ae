"""A small tree of contracts with a store beside it, for any test that needs both.

`stations` (no partitions) and `readings` (by day, refer to stations) are delivered, `daily` (by month) is made from them:

    tree = Tree(tmp_path)
    tree.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.1")
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", "2024-01-01.csv", readings("2024-01-01", {"temperature": 999}))
    tree.run()
    tree.read("readings", "2024-01-01")
"""

import io
import os
import shutil
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from dataops_assets import steps
from dataops_assets.catalog import load_catalog
from dataops_assets.contract import Catalog, Dataset, Partition
from dataops_assets.steps.pending import partitions_of
from dataops_assets.storage import layout
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
"""The time of every step, unless a test says otherwise: all partitions of the tree are over."""

GOOD: dict[str, str] = {
    "policy.yaml": """
        owners:
          lab:
            description: Measures the weather.
            contact: lab@example.com
        readers:
          analysts: Who builds reports.
          press: Who tells the public.
          branches: Branch and dev deployments.
        classifications:
          public: For anyone.
          internal: For people of the lab.
          secret: For named people.
        lifecycles:
          standard:
            description: What is measured.
            landing: 30 days
            raw: 7 years
            staged: 2 years
            quarantine: 90 days
            curated: 2 years
          short:
            description: What nobody asks for again.
            landing: 7 days
            raw: 90 days
            staged: 60 days
            quarantine: 30 days
            curated: 60 days
        platform:
          adhoc: {disuse: 30 days, notice: 7 days, trash: 14 days, record: 1 year}
          branch: {disuse: 14 days, notice: 3 days, trash: 7 days, record: 1 year}
          dev: {disuse: 60 days, notice: 7 days, trash: 30 days, record: 1 year}
          at_most: {areas: 20, share: 0.25}
          versions: 30 days
          locked: 14 days
          verdicts: {forever: they are asked for in any year}
          provenance: {forever: it is asked for in any year}
          gate_results: {forever: they are compared with all before}
          mark: {forever: it stays prod's}
          doctor: 1 day
          interrupted_uploads: 7 days
          access_logs: 400 days
          query_results: 7 days
          logs: 90 days
          metrics: 400 days
          images: 1 year
          runs: 90 days
          ticks: 7 days
          compute_logs: 30 days
          backups: 35 days
        """,
    "stations/defs.yaml": """
        type: dataops_assets.components.IngestedDataset
        attributes:
          description: A place where we measure.
          owner: lab
          readers: [analysts, press]
          lifecycle: standard
          classification: public
          source:
            provider: The lab
            files: stations.csv
          key: [station]
        """,
    "stations/schema.py": """
        import pandera.polars as pa
        import polars as pl


        class Schema(pa.DataFrameModel):
            station: str = pa.Field(description="Its name", str_matches=r"^[a-z]+$")
            height: pl.Int16 = pa.Field(description="Height above the sea, m", ge=0)
        """,
    "stations/examples.yaml": """
        good: {station: oslo, height: 94}
        reject:
          station.str_matches: {station: Oslo}
          height.greater_than_or_equal_to: {height: -1}
        """,
    "readings/defs.yaml": """
        type: dataops_assets.components.IngestedDataset
        attributes:
          description: One hour at one station.
          owner: lab
          readers: [analysts, press]
          lifecycle: standard
          classification: public
          source:
            provider: The lab
            files: "{partition}.csv"
            rows: [0.5, 2]
          partitions:
            every: day
            start: 2024-01-01
            end: 2024-01-20
            timezone: Europe/Oslo
            columns: [day]
          key: [station, day, hour]
          references:
            - {columns: [station], dataset: stations}
          tolerance: 0.5
        """,
    "readings/schema.py": """
        import pandera.polars as pa
        import polars as pl


        class Schema(pa.DataFrameModel):
            station: str = pa.Field(description="Where")
            day: pl.Date = pa.Field(description="Local day")
            hour: pl.Int8 = pa.Field(description="Local hour", in_range={"min_value": 0, "max_value": 23})
            temperature: float = pa.Field(description="°C", nullable=True, ge=-60, le=60)
            note: str = pa.Field(description="In words", nullable=True)

            @pa.dataframe_check
            def noted(cls, data: pa.PolarsData) -> pl.LazyFrame:
                \"\"\"without a temperature there is a note\"\"\"
                return data.lazyframe.select(pl.col("temperature").is_not_null() | pl.col("note").is_not_null())

            @pa.dataframe_check(raise_warning=True)
            def mostly_measured(cls, data: pa.PolarsData) -> pl.LazyFrame:
                \"\"\"most hours have a temperature\"\"\"
                return data.lazyframe.select(pl.col("temperature").null_count() <= pl.len() / 2)
        """,
    "readings/examples.yaml": """
        good: {station: oslo, day: 2024-01-01, hour: 0, temperature: -3.5, note: null}
        reject:
          hour.in_range: {hour: 24}
          temperature.greater_than_or_equal_to: {temperature: -61}
          temperature.less_than_or_equal_to: {temperature: 61}
          noted: {temperature: null}
          mostly_measured: {temperature: null}
        """,
    "daily/defs.yaml": """
        type: dataops_assets.components.DerivedDataset
        attributes:
          description: One day at one station.
          owner: lab
          readers: [analysts, press]
          lifecycle: standard
          classification: public
          inputs: [readings, stations]
          key: [station, day]
          partitions: {every: month, start: 2024-01, end: 2024-01, timezone: Europe/Oslo}
        """,
    "daily/schema.py": """
        import pandera.polars as pa
        import polars as pl


        class Schema(pa.DataFrameModel):
            station: str = pa.Field(description="Where")
            day: pl.Date = pa.Field(description="Local day")
            height: pl.Int16 = pa.Field(description="Height above the sea, m")
            warmest: float = pa.Field(description="°C", nullable=True, le=60)
        """,
    "daily/examples.yaml": """
        good: {station: oslo, day: 2024-01-01, height: 94, warmest: 1.5}
        reject:
          warmest.less_than_or_equal_to: {warmest: 61}
        """,
    "daily/transform.py": """
        import polars as pl


        def transform(readings: pl.LazyFrame, stations: pl.LazyFrame) -> pl.LazyFrame:
            days = readings.group_by("station", "day").agg(warmest=pl.col("temperature").max())
            return days.join(stations, on="station").select("station", "day", "height", "warmest")
        """,
}

STATIONS = "station,height\noslo,94\nbergen,12\n"


def csv(rows: Iterable[dict[str, Any]]) -> str:
    """Rows as a provider writes them; None is the empty text."""
    return pl.DataFrame([{key: _text(value) for key, value in row.items()} for row in rows]).write_csv()


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def readings(day: str, *changes: dict[str, Any], rows: int = 4) -> str:
    """A day of good readings as csv; each change is made to one row, the first to the first."""
    good = [
        {"station": ("oslo", "bergen")[i % 2], "day": day, "hour": i // 2, "temperature": i + 0.5, "note": None}
        for i in range(rows)
    ]
    return csv([{**row, **change} for row, change in zip(good, [*changes, *[{}] * (rows - len(changes))], strict=True)])


def fatal_parquet() -> bytes:
    """A file with one wrong bit, which makes polars ask for 2 exabytes and end the process; found by trying every bit."""
    written = io.BytesIO()
    pl.DataFrame([{"a": str(i), "b": f"text {i % 7}"} for i in range(50)]).write_parquet(written)
    content = bytearray(written.getvalue())
    content[1152 // 8] ^= 1
    return bytes(content)


@dataclass
class Tree:
    """A folder of contracts, good until edited, and a store.

    Attributes:
        root: Where both lie, as `defs/` and `data/`.
        erasure_key: The key of the hashes in erasure requests.
        apart: Whether landing lies apart from the rest, in `drop/`.
    """

    root: Path
    erasure_key: bytes | None = None
    apart: bool = False
    _drops: int = 0
    _lake: Lake | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for file, text in GOOD.items():
            self.write(file, text)

    @property
    def defs(self) -> Path:
        return self.root / "defs"

    @property
    def store(self) -> Folder:
        return Folder(self.root / "data")

    @property
    def landing(self) -> Folder:
        """Where providers drop."""
        return Folder(self.root / "drop") if self.apart else self.store

    def write(self, file: str, text: str | bytes) -> None:
        """Write a file below `defs/`; text may be indented."""
        path = self.defs / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).lstrip("\n").encode())
        # Of one that is as long and was written in the same second, Python would take what it has compiled before.
        shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
        self._lake = None

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that stands in the file exactly once."""
        text = (self.defs / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        self.write(file, text.replace(old, new))

    def remove(self, file: str) -> None:
        (self.defs / file).unlink()
        self._lake = None

    def line(self, file: str, text: str) -> int:
        """The line of a file, from 1, that is the first to hold the text."""
        lines = (self.defs / file).read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def catalog(self) -> Catalog:
        return load_catalog(self.defs)

    @property
    def lake(self) -> Lake:
        """The store, seen through the contracts as they are now."""
        if self._lake is None:
            drops = self.landing if self.apart else None
            self._lake = Lake(self.catalog(), self.store, erasure_key=self.erasure_key, drops=drops)
        return self._lake

    def __getitem__(self, name: str) -> Dataset:
        return self.lake.catalog[name]

    def drop(self, dataset: str, file: str, content: str | bytes, written: datetime | None = None) -> Path:
        """Drop a file into landing; each is written a second after the one before, an hour before `NOW`."""
        key = f"{layout.landing(self[dataset])}/{file}"
        self.landing.write(key, content if isinstance(content, bytes) else content.encode(), {})
        self._drops += 1
        moment = (written or NOW - timedelta(hours=1, seconds=-self._drops)).timestamp()
        os.utime(self.landing.path(key), (moment, moment))
        return self.landing.path(key)

    def receive(self, name: str, *partitions: Partition, now: datetime = NOW) -> list[steps.Outcome]:
        return list(steps.receive(self.lake, self[name], self._asked(name, partitions, now), now))

    def stage(self, name: str, *partitions: Partition, now: datetime = NOW) -> list[steps.Outcome]:
        return list(steps.stage(self.lake, self[name], self._asked(name, partitions, now), "run", now))

    def derive(self, name: str, *partitions: Partition, now: datetime = NOW) -> list[steps.Outcome]:
        return list(steps.derive(self.lake, self[name], self._asked(name, partitions, now), "run", now))

    def _asked(self, name: str, partitions: tuple[Partition, ...], now: datetime) -> list[Partition]:
        return list(partitions) or partitions_of(self[name], now)

    def pending(self, zone: Any, name: str, now: datetime = NOW) -> list[Partition]:
        return list(steps.pending(self.lake, self[name], zone, now))

    def run(self, *names: str, now: datetime = NOW) -> list[steps.Outcome]:
        """Do what is pending, from left to right: for the named datasets, else for all."""
        done = []
        for dataset in self.lake.catalog.in_order:
            if names and dataset.name not in names:
                continue
            verbs = {"raw": self.receive, "staged": self.stage} if dataset.ingested else {"curated": self.derive}
            for zone, verb in verbs.items():
                waiting = self.pending(zone, dataset.name, now)
                done += verb(dataset.name, *waiting, now=now) if waiting else []
        return done

    def read(self, name: str, *partitions: Partition) -> pl.DataFrame:
        """Published rows; of a dataset without partitions, all."""
        return self.lake.scan(self[name], partitions or [None]).collect()

    def quarantine(self, name: str, partition: Partition = None) -> pl.DataFrame:
        return pl.read_parquet(self.store.path(layout.data("quarantine", self[name], partition)), glob=False)
