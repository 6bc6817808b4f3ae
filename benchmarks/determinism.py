"""Are the published bytes the same in every run, at 1, 2 and 4 threads? Prints one line a run, and the verdict."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

THREADS, RUNS = (1, 2, 4), 3


def one_run() -> None:
    """Deliver and run the whole year without Dagster; print the hash over the hashes of all published objects."""
    from dataops_assets import steps
    from dataops_assets.catalog import load_catalog
    from dataops_assets.cli import sample
    from dataops_assets.storage import layout
    from dataops_assets.storage.folder import Folder
    from dataops_assets.storage.lake import Lake

    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(load_catalog(), Folder(Path(folder)))
        for name in (*sample.REFERENCES, *sample.DAILY):
            for file, content in sample.deliveries(name):
                lake.store.write(f"{layout.landing(lake.catalog[name])}/{file}", content, {})
        time.sleep(2)
        now = datetime.now(UTC)
        for dataset in lake.catalog.in_order:
            if dataset.ingested:
                list(steps.receive(lake, dataset, steps.pending(lake, dataset, "raw", now), now))
            step = steps.stage if dataset.ingested else steps.derive
            list(step(lake, dataset, steps.pending(lake, dataset, dataset.zone, now), "run", now))
        found = [
            f"{entry.key} {lake.store.sha256(entry.key)}"
            for zone in ("staged", "quarantine", "curated")
            for entry in lake.store.list(zone)
        ]
        print(len(found), hashlib.sha256("\n".join(found).encode()).hexdigest())


def main() -> None:
    seen = set()
    for threads in THREADS:
        for _ in range(RUNS):
            done = subprocess.run(
                [sys.executable, __file__, "one"],
                env={**os.environ, "POLARS_MAX_THREADS": str(threads)},
                capture_output=True,
                text=True,
                check=True,
            )
            print(f"{threads} threads: {done.stdout.strip()}", flush=True)
            seen.add(done.stdout.strip())
    print("the same bytes in every run" if len(seen) == 1 else f"{len(seen)} different results")


if __name__ == "__main__":
    one_run() if sys.argv[1:] == ["one"] else main()
