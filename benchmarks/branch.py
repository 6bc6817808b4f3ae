"""What reading through a branch costs: `python benchmarks/branch.py [partitions] [s3://bucket/prefix]`.

A dataset with many small partitions lies in prod, one in ten of them in a branch as well. Measured: finding out which side each
partition is read from and how it came to be, at first and again; reading all rows; and, to compare, a plain glob scan of prod.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from rich.progress import track

from dataops_assets.catalog import load_catalog
from dataops_assets.contract import Catalog, Dataset
from dataops_assets.deployment import Deployment
from dataops_assets.gate.verdict import Rows, Verdict
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.publishing import draft, publish, say
from dataops_assets_tests.trees import Tree

FIRST = datetime(1990, 1, 1, tzinfo=UTC)


def fill(lake: Lake, dataset: Dataset, keys: list[str], warmth: float) -> None:
    schema = dataset.schema.polars
    now = datetime.now(UTC)
    for key in track(keys, f"publishing {len(keys)} partitions in {lake.store.where}", transient=True):
        row: dict[str, Any] = {"station": "oslo", "day": datetime.fromisoformat(key).date(), "hour": 1, "temperature": warmth}
        frame = pl.DataFrame([row | {"note": None}], schema=schema)
        counted = Rows(delivered=1, published=1)
        verdict = Verdict(
            gate="content",
            dataset=dataset.name,
            partition=key,
            depends_on={"delivery": key},
            passed=True,
            judged_at=now,
            rows=counted,
        )
        with draft(lake, "staged", dataset, key, frame, verdict, "benchmark", now) as drafted:
            publish(lake, drafted.by(say(lake, verdict, None)))


def timed(what: str, act: Callable[[], Any]) -> None:
    began = time.perf_counter()
    found = act()
    print(f"{what:52}{time.perf_counter() - began:9.2f} s   {found}")


def contracts(folder: str, last: str) -> Catalog:
    tree = Tree(Path(folder))
    tree.edit("readings/defs.yaml", "start: 2024-01-01", f"start: {FIRST.date()}")
    tree.edit("readings/defs.yaml", "end: 2024-01-20", f"end: {last}")
    tree.edit("readings/defs.yaml", "readers: [analysts", "readers: [branches, analysts")
    shutil.rmtree(tree.defs / "daily")
    return load_catalog(tree.defs)


def main(count: int, address: str | None) -> None:
    keys = [str((FIRST + timedelta(days=day)).date()) for day in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        top = address or folder
        prods = Deployment("local", f"{top}/prod", cache=Path(folder, "cache"))
        own = Deployment("branch/pr-1", f"{top}/dev/branch/pr-1", prod=f"{top}/prod", cache=Path(folder, "cache"))
        catalog = contracts(folder, keys[-1])
        prod = Lake(catalog, prods.store)
        branch = Lake(catalog, own.store, base=own.base)
        dataset = catalog["readings"]
        fill(prod, dataset, keys, 1.0)
        fill(replace(branch, base=None), dataset, keys[::10], 2.0)
        timed("which side, and how each came to be, at first", lambda: len(branch.readable(dataset, keys)))
        timed("the same again", lambda: branch.sides(dataset, keys))
        timed("reading all rows through the branch", lambda: branch.scan(dataset, keys).collect().height)
        timed("the same again", lambda: branch.scan(dataset, keys).select(pl.col("temperature").sum()).collect().item())
        files = f"{prods.store.where}/staged/readings/*/*.parquet"
        timed("a plain glob scan of prod", lambda: pl.scan_parquet(files, hive_partitioning=False).collect().height)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, sys.argv[2] if len(sys.argv) > 2 else None)
