"""Processes that publish at the same time, each as it would alone. Not in a test module: a process loads it by its name.

Each publishes deliveries that only grow: what it takes is the newest that it knows of, from a counter that all share.
"""

import tempfile
import time
from datetime import UTC, datetime
from itertools import count
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import polars as pl

from dataops_assets.catalog import load_catalog
from dataops_assets.gate.verdict import Rows, Verdict
from dataops_assets.storage.errors import Lost
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.publishing import draft, publish, say
from dataops_assets.storage.s3 import S3
from dataops_assets.storage.store import Store, jitter_seconds

DATASET = "readings"


def opened(where: str, here: Path, client: Any = None) -> Store:
    """A folder, or a prefix of a bucket of the server that the environment names."""
    if not where.startswith("s3://"):
        return Folder(Path(where))
    bucket, _, prefix = where.removeprefix("s3://").partition("/")
    return S3(bucket, prefix, Folder(here), client=client)


def publish_many(where: str, defs: Path, days: list[str], times: int, start: Barrier, told: Path) -> None:
    """Publish a newer delivery of one day after the other; what was acknowledged is told in a file, line by line."""
    here = Path(tempfile.mkdtemp(dir=told.parent))
    lake = Lake(load_catalog(defs), opened(where, here))
    dataset = lake.catalog[DATASET]
    start.wait()
    with told.open("w", encoding="utf-8") as file:
        for turn in range(times):
            day = days[turn % len(days)]
            number = 0
            for attempt in count():
                if number:
                    break
                said = lake.last_word("content", dataset, day)
                delivery = said.depends_on["delivery"] + 1 if said else 1
                frame = pl.DataFrame({"delivery": [delivery]})
                now = datetime.now(UTC)
                verdict = Verdict(
                    gate="content",
                    dataset=DATASET,
                    partition=day,
                    depends_on={"delivery": delivery, "by": told.name},
                    passed=True,
                    judged_at=now,
                    rows=Rows(delivered=1, published=1),
                )
                with draft(lake, "staged", dataset, day, frame, verdict, told.name, now) as drafted:
                    try:
                        verdict = say(lake, verdict, said)
                    except Lost:  # somebody else has taken that number
                        time.sleep(jitter_seconds(attempt))
                        continue
                    stands = publish(lake, drafted.by(verdict))
                number = verdict.number
                file.write(f"{day} {number} {delivery} {stands.number}\n")
                file.flush()
