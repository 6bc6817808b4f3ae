"""What publishing costs beyond writing the file: `python benchmarks/publishing.py [s3://bucket/prefix]`.

For one object of 1 KB, 1 MB and 1 GB each: a bare `sink_parquet`, and the whole of publishing: verdict, draft, hash, record and
the conditional write. In a folder, or below a prefix of a bucket that AWS's variables lead to. The median of several times.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from dataops_assets.catalog import load_catalog
from dataops_assets.deployment import Deployment
from dataops_assets.gate.verdict import Rows, Verdict
from dataops_assets.settings import in_a_bucket
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.publishing import draft, publish, say

DATASET, DAY = "flights", "2013-01-05"
SIZES = {"1 KB": (32, 9), "1 MB": (130_000, 9), "1 GB": (134_000_000, 2)}
"""How many random integers of 8 bytes, which cannot be compressed, and how often."""


def median_seconds(times: int, act: Callable[[int], object]) -> float:
    taken = []
    for turn in range(times):
        began = time.perf_counter()
        act(turn)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main(address: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        name = "dev/benchmark" if address and in_a_bucket(address) else "local"
        here = Deployment(name, address or f"{folder}/lake", cache=Path(folder, "cache"))
        lake = Lake(load_catalog(), here.store, here.made_by)
        dataset = lake.catalog[DATASET]
        print(f"{'object':8}{'bare sink':>12}{'publishing':>12}{'in between':>12}   {here.store.where}")
        for size, (rows, times) in SIZES.items():
            frames = [pl.DataFrame({"value": pl.int_range(rows, eager=True).hash(seed)}) for seed in range(min(times, 2))]

            def bare(turn: int, frames: list[pl.DataFrame] = frames) -> None:
                frames[turn % len(frames)].lazy().sink_parquet(Path(folder, "bare.parquet"))

            def whole(turn: int, frames: list[pl.DataFrame] = frames, size: str = size) -> None:
                frame, now = frames[turn % len(frames)], datetime.now(UTC)
                said = lake.last_word("content", dataset, DAY)
                counted = Rows(delivered=frame.height, published=frame.height)
                grounds = {"delivery": f"{size} {turn}"}
                verdict = Verdict(
                    gate="content",
                    dataset=DATASET,
                    partition=DAY,
                    depends_on=grounds,
                    passed=True,
                    judged_at=now,
                    rows=counted,
                )
                with draft(lake, "staged", dataset, DAY, frame, verdict, "benchmark", now) as drafted:
                    publish(lake, drafted.by(say(lake, verdict, said)))

            bare_seconds, whole_seconds = median_seconds(times, bare), median_seconds(times, whole)
            print(f"{size:8}{bare_seconds:11.3f}s{whole_seconds:11.3f}s{whole_seconds - bare_seconds:11.3f}s")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
