"""The whole year of sample data, from landing to curated, through Dagster: where do the seconds go, and how much memory?

Ours is all that happens in `steps` (receive, stage, derive), in `pending` and in delivering; the rest is Dagster's. Beside the
seconds stand those of the processors, which other work on the machine changes less.
"""

import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from dataops_assets import steps
from dataops_assets.catalog import DEFS
from dataops_assets.cli import sample
from dataops_assets.components import launch as launching
from dataops_assets.components.resource import cached_catalog
from dataops_assets.definitions import build
from dataops_assets.deployment import Deployment
from dataops_assets.steps import pending
from dataops_assets.storage import layout
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake

seconds: Counter[str] = Counter()
of_processors: Counter[str] = Counter()


def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        began, at_work = time.perf_counter(), time.process_time()
        found = function(*args, **kwargs)
        found = list(found) if isinstance(found, Iterator) else found
        seconds[name] += time.perf_counter() - began
        of_processors[name] += time.process_time() - at_work
        return found

    return run


def main() -> None:
    for name in ("receive", "stage", "derive"):
        setattr(steps, name, timed(name, getattr(steps, name)))
    launching.pending = timed("pending", pending)  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "dagster")
        home.mkdir()
        lake = Lake(cached_catalog(DEFS), Folder(Path(folder, "data")))
        began = time.perf_counter()
        for dataset in (*sample.REFERENCES, *sample.DAILY):
            for name, content in sample.deliveries(dataset):
                lake.store.write(f"{layout.landing(lake.catalog[dataset])}/{name}", content, {})
        print(f"deliver   {time.perf_counter() - began:6.1f} s")
        time.sleep(2)
        began, at_work = time.perf_counter(), time.process_time()
        month = None
        records = {"module": "dataops_assets.instance", "class": "Records", "config": {"base_dir": str(home)}}
        with dg.DagsterInstance.local_temp(str(home), overrides={"storage": {"custom": records}}) as instance:
            definitions = build(DEFS, Deployment("local", lake.store.where))
            for within in _months(lake):
                for zone, datasets in launching.stages(lake.catalog, lake.catalog):
                    for run in launching.due(lake, zone, datasets, datetime.now(UTC), within):
                        failed = list(launching.launch(definitions, instance, lake, run))
                        assert not failed, failed
                if within and month is None and None not in within:
                    month = time.perf_counter() - began
        total, in_all = time.perf_counter() - began, time.process_time() - at_work
    for name in ("receive", "stage", "derive", "pending"):
        print(f"{name:9} {seconds[name]:6.1f} s {of_processors[name]:6.1f} s")
    ours, at_work = seconds.total(), of_processors.total()
    print(f"ours      {ours:6.1f} s {at_work:6.1f} s, beside delivering")
    print(f"Dagster   {total - ours:6.1f} s {in_all - at_work:6.1f} s")
    print(f"in all    {total:6.1f} s {in_all:6.1f} s; the first month stood after {month:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"peak memory {peak / 1e6:,.0f} MB")


def _months(lake: Lake) -> Iterator[set[str | None] | None]:
    yield {None}
    days = lake.catalog["flights"].partitions
    assert days
    keys = days.keys(datetime.now(UTC))
    for month in sorted({key[:7] for key in keys}):
        yield {month, *(key for key in keys if key.startswith(month))}
    yield None


if __name__ == "__main__":
    main()
