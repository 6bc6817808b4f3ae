"""Areas end, and come back, by `dagster dev` alone: its daemon, the sensor, and the job in a process of its own."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataops_assets.lifecycle.area import Area, Kind, Stage
from dataops_assets.lifecycle.registry import RECORD, Registry
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets.storage.store import Store
from dataops_assets_tests.checkout import make_checkout, serving
from dataops_assets_tests.s3_server import ONCE, Bucket

PATIENCE_SECONDS = 300
TAGS = {"lifecycle": "adhoc", "readers": "analysts"}


@pytest.mark.parametrize("where", ["folder", pytest.param("bucket", marks=pytest.mark.s3)])
def test_what_was_closed_goes_and_what_is_wanted_comes_back(where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    checkout = make_checkout(tmp_path / "clone")
    store: Store = Folder(checkout.root / "data")
    checkout.variables["DATAOPS_EXPIRY"] = "on"
    if where == "bucket":
        bucket: Bucket = request.getfixturevalue("bucket")
        store = S3(bucket.name, "shared", Folder(tmp_path / "here"), client=bucket.client(retries=ONCE))
        at = {"DATAOPS_DATA": f"s3://{bucket.name}/shared", "DATAOPS_PROD": f"s3://{bucket.name}/prod"}
        checkout.variables.update(bucket.environment() | at, DATAOPS_DEPLOYMENT="adhoc")
    registry = Registry(store)
    used = made(registry, "adhoc", "used")
    closed(registry, made(registry, "adhoc", "closed"))
    gone = closed(registry, made(registry, "branch", "pr-7"))
    wanted = closed(registry, made(registry, "adhoc", "wanted"))
    for stage in ("leaving", "trashed", "returning"):
        wanted = registry.change("adhoc", "wanted", lambda area, stage=stage: area.become(stage, now(), "me", "for a test"))  # type: ignore[misc]
    sum(store.move("adhoc/wanted", wanted.trash, RECORD))

    with serving(checkout, "dagster", "dev"):
        until(registry, "adhoc", "closed", "trashed")
        until(registry, "adhoc", "wanted", "living")
        if where == "bucket":  # on a laptop there are no branches
            until(registry, "branch", gone.name, "trashed")
    assert until(registry, "adhoc", "used", "living") == used
    lying = [entry.key for top in ("adhoc", "trash/adhoc") for entry in store.list(top) if not entry.key.endswith(RECORD)]
    assert lying == ["adhoc/used/data", "adhoc/wanted/data", "trash/adhoc/closed/0001/data"]
    assert [store.read(key) for key in lying] == [b"used", b"wanted", b"closed"]


def now() -> datetime:
    return datetime.now(UTC)


def made(registry: Registry, kind: Kind, name: str) -> Area:
    registry.store.write(f"{kind}/{name}/data", name.encode(), TAGS)
    new = Area(kind=kind, name=name, owner="flight-operations", group="analysts", used_at=now(), since=now())
    return registry.make(new, "me", "for a test")


def closed(registry: Registry, area: Area) -> Area:
    return registry.change(area.kind, area.name, lambda held: held.become("closed", now(), "me", "for a test"))


def until(registry: Registry, kind: Kind, name: str, stage: Stage) -> Area:
    """Wait until an area is at a stage."""
    patience = now() + timedelta(seconds=PATIENCE_SECONDS)
    while now() < patience:
        seen = registry.read(kind, name)
        if seen and seen.area.stage == stage:
            return seen.area
        time.sleep(0.5)
    raise TimeoutError(f"{kind}/{name} is not {stage}: {seen}")
