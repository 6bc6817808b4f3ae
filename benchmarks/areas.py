"""What it takes to look after areas: ticks of the sensor over many, and moving and removing one that holds many objects.

    python benchmarks/areas.py tick [N] [s3://bucket/prefix]      # N ad-hoc areas (10,000): the first ticks, and a later one
    python benchmarks/areas.py move [N] [s3://bucket/prefix]      # an area of N empty objects (10,000) to the trash, and gone

Seconds by the clock, CPU seconds, peak memory, and of a bucket the number of requests. Without a bucket, in a temporary folder.
"""

import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from dataops_assets.catalog import DEFS
from dataops_assets.definitions import build
from dataops_assets.deployment import Deployment
from dataops_assets.lifecycle.area import Area
from dataops_assets.lifecycle.registry import RECORD, Registry
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets.storage.store import Store

NOW = datetime.now(UTC)
asked: Counter[str] = Counter()


@contextmanager
def measured(what: str) -> Iterator[None]:
    asked.clear()
    began, cpu = time.perf_counter(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    requests = f" · {asked.total():,} requests {dict(asked)}" if asked else ""
    took = f"{time.perf_counter() - began:.2f} s, {time.process_time() - cpu:.2f} s CPU"
    print(f"{what:32} {took}, peak {peak:,.0f} MB{requests}", flush=True)


def put(store: Store, key: str, content: bytes) -> None:
    """Past the store, which would wait for the disk each time."""
    if isinstance(store, S3):
        store.client.put_object(Bucket=store.bucket, Key=store.full(key), Body=content)
        return
    assert isinstance(store, Folder)
    store.path(key).parent.mkdir(parents=True, exist_ok=True)
    store.path(key).write_bytes(content)


def ticks(here: Deployment, store: Store, many: int) -> None:
    def make(number: int) -> None:
        area = Area(kind="adhoc", name=f"a{number:06}", owner="lab", group="analysts", used_at=NOW, since=NOW)
        put(store, f"{area.path}/{RECORD}", area.model_dump_json().encode())

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(make, range(many)))
    defs = build(DEFS, here)
    sensor, resources = defs.resolve_sensor_def("expiry"), {"lake": (defs.resources or {})["lake"]}
    with dg.DagsterInstance.local_temp() as instance:
        number, known = 0, 0
        while known < many or number < 3:
            number, before = number + 1, known
            context = dg.build_sensor_context(instance=instance, definitions=defs, resources=resources)
            with measured(f"tick {number}, {known:,} known before"), context as given:
                told: Any = sensor(given)
            for change in told.dynamic_partitions_requests or ():
                instance.add_dynamic_partitions("adhoc", change.partition_keys)
            known = len(instance.get_dynamic_partitions("adhoc"))
            assert known > before or known == many
        for _ in range(3):
            context = dg.build_sensor_context(instance=instance, definitions=defs, resources=resources)
            with measured("a later tick, all known"), context as given:
                sensor(given)


def move(store: Store, many: int) -> None:
    def make(number: int) -> None:
        put(store, f"adhoc/large/{number // 1000:04}/{number:07}", b"")

    with ThreadPoolExecutor(16) as pool:
        for start in range(0, many, 10_000):
            list(pool.map(make, range(start, min(many, start + 10_000))))
    areas = Registry(store)
    longer = NOW - timedelta(days=100)
    areas.make(Area(kind="adhoc", name="large", owner="lab", group="analysts", used_at=longer, since=longer), "me", "to go")
    with measured(f"{many:,} listed, to plan"):
        newest = max((entry.modified_ns for entry in store.list("adhoc/large")), default=0)
    assert newest
    with measured(f"{many:,} to the trash"):
        moved = sum(store.move("adhoc/large", "trash/adhoc/large/0001", RECORD))
    with measured(f"{many:,} gone"):
        gone = sum(store.purge("trash/adhoc/large/0001"))
    left = sum(1 for top in ("adhoc", "trash") for entry in store.list(top) if not entry.key.endswith(RECORD))
    print(f"{moved:,} moved, {gone:,} removed, {left:,} left")


def main() -> None:
    what, *more = sys.argv[1:]
    address = next((one for one in more if one.startswith("s3://")), "")
    many = int(next((one for one in more if one.isdigit()), "10000"))
    with tempfile.TemporaryDirectory() as top:
        data = address or f"{top}/shared"
        here = Deployment("adhoc", data, f"{top}/prod", cache=Path(top) / "cache")
        store = here.areas
        assert store
        if isinstance(store, S3):
            store.client.meta.events.register("before-send.s3", lambda request, **_: asked.update([request.method]))
        ticks(here, store, many) if what == "tick" else move(store, many)


if __name__ == "__main__":
    main()
