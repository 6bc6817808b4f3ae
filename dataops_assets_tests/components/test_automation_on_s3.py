"""A code location over buckets: prod, and a person's part that reads through to it; each with records of Dagster of its own."""

import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from dataops_assets.deployment import Deployment
from dataops_assets.policy.access import session
from dataops_assets.storage import journal, layout, s3
from dataops_assets_tests.components.dagster_tree import RANGE_END, RANGE_START, Location, newest, recording_in, requests
from dataops_assets_tests.policy.matrix.rendered import access
from dataops_assets_tests.s3_server import Bucket
from dataops_assets_tests.trees import STATIONS, Tree, readings
from dataops_assets_tests.values import PREFIX

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
DAY, MONTH = DAYS[1], "2024-01"


def location(folder: Path, deployed: Deployment) -> Location:
    tree = Tree(folder)
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-03")
    for name in ("stations", "readings", "daily"):
        tree.edit(f"{name}/defs.yaml", "readers: [", "readers: [branches, ")
    home = folder / "instance"
    home.mkdir()
    return Location(tree, recording_in(home), deployed)


@pytest.fixture
def locations(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Location, Location]]:
    """Prod, whose sensors have taken three days through to the end, and dev over it, in which nothing is."""
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    prods, devs = f"s3://{bucket.name}/prod", f"s3://{bucket.name}/dev/me"
    prod = location(tmp_path / "prod", Deployment("local", prods, cache=tmp_path / "prods-cache"))
    dev = location(tmp_path / "dev", Deployment("dev/me", devs, prod=prods, cache=tmp_path / "devs-cache"))
    with prod.instance, dev.instance:
        deliver(prod, "stations", "stations.csv", STATIONS)
        for day in DAYS:
            deliver(prod, "readings", f"{day}.csv", readings(day))
        run_what_is_asked_for(prod)
        yield prod, dev


def deliver(here: Location, dataset: str, file: str, content: str) -> None:
    assert here.deployed
    here.deployed.store.write(f"{layout.landing(here.tree[dataset])}/{file}", content.encode(), {})


def run_what_is_asked_for(here: Location) -> dict[str, set[str | None]]:
    """Tick after tick, as the daemon would, until nobody asks for anything; what was asked for, by asset."""
    time.sleep(2.1)  # until what was delivered is still
    asked: dict[str, set[str | None]] = {}
    here.requested()
    for _ in range(10):
        wanted = list(asked_by(here, "deliveries")) or list(asked_by(here, "reconcile"))
        wanted += [(asset, partition) for asset, partitions in here.requested().items() for partition in partitions]
        if not wanted:
            return asked
        for asset, partition in dict.fromkeys(wanted):
            asked.setdefault(asset, set()).add(partition)
            here.run(asset, partition=partition)
    raise AssertionError(f"it never ends: {asked}")


def asked_by(here: Location, sensor: str) -> Iterator[tuple[str, str | None]]:
    for request in requests(here, sensor):
        first, last = request.tags.get(RANGE_START), request.tags.get(RANGE_END)
        for key in request.asset_selection or ():
            for partition in [day for day in DAYS if first <= day <= last] if first and last else [request.partition_key]:
                yield key.to_user_string(), partition


def objects(here: Location) -> dict[str, str]:
    assert here.deployed
    tops = ("landing", "raw", "staged", "quarantine", "curated", "_verdicts", "_provenance", "_sha256")
    return {entry.key: entry.etag for top in tops for entry in here.deployed.store.list(top)}


def test_sensors_take_what_arrives_in_a_bucket_through_to_the_end(locations: tuple[Location, Location]) -> None:
    prod, _ = locations
    assert {key for key in objects(prod) if key.startswith(("staged", "curated"))} == {
        "staged/stations/data.parquet",
        *(f"staged/readings/date={day}/data.parquet" for day in DAYS),
        f"curated/daily/month={MONTH}/data.parquet",
    }
    assert requests(prod, "reconcile") == []


def test_sensors_of_a_person_ask_for_what_differs_from_prod_alone(locations: tuple[Location, Location]) -> None:
    prod, dev = locations
    waits = [here.defs.resolve_sensor_def("reconcile").minimum_interval_seconds for here in locations]
    assert waits == [300, 30], "in a person's part, it does what `follow` cannot"
    before = objects(prod)
    assert run_what_is_asked_for(dev) == {}
    assert requests(dev, "reconcile") == []

    deliver(dev, "readings", f"{DAY}.csv", readings(DAY, {"temperature": 33}))
    asked = run_what_is_asked_for(dev)
    assert asked == {"raw/readings": {DAY}, "staged/readings": {DAY}, "curated/daily": {MONTH}}
    assert "staged/readings: 1 of its own, 2 from prod" in str(newest(dev, "curated/daily")["note"].value)
    assert requests(dev, "reconcile") == []
    assert objects(prod) == before


ASKED_AS = {"ListObjectsV2": "s3:ListBucket", "GetObject": "s3:GetObject", "HeadObject": "s3:GetObject"}


def test_sensors_ask_a_bucket_for_what_the_code_server_may_do_alone(locations: tuple[Location, Location]) -> None:
    """Dagster has the code server evaluate them: each request that they make is held against the rights of its role."""
    prod, _ = locations
    deliver(prod, "readings", f"{DAY}.csv", readings(DAY, {"temperature": 33}))
    time.sleep(2.1)
    for kept in (s3._hash_of, journal._parsed):
        kept.cache_clear()  # as in a process that has just started
    assert prod.deployed
    assert isinstance(prod.deployed.store, s3.S3)
    asked: set[tuple[str, str]] = set()
    prod.deployed.store.client.meta.events.register(
        "provide-client-params.s3.*", lambda params, model, **_: asked.add((model.name, params.get("Key", "")))
    )
    names = {sensor.name for sensor in prod.defs.sensors or ()} - {"follow"}  # which looks at Dagster's records alone
    assert names > {"deliveries", "reconcile", "results"}
    assert {name for name in names if requests(prod, name)} >= {"deliveries", "results"}
    assert {name for name, _ in asked} == set(ASKED_AS)

    server = session(access().role("prod/code-server"))
    keys = {(ASKED_AS[name], key.removeprefix("prod")) for name, key in asked}
    refused = [(what, key) for what, key in keys if not access().may(server, what, f"arn:aws:s3:::{PREFIX}-prod{key}").allowed]
    assert sorted(refused) == []
