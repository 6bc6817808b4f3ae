"""Landing in a folder or bucket of its own: received, told and erased as if it lay with the rest."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dataops_assets import steps
from dataops_assets.erasure.writing import entry_about, text_of
from dataops_assets.observe.status import overview
from dataops_assets.steps import erasing
from dataops_assets.steps.trace import Trace
from dataops_assets.steps.traces import traces
from dataops_assets.storage import landing
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.erasure.asking import KEY, LATER, SAID, WHO, kinds
from dataops_assets_tests.s3_server import ONCE, Bucket
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAY = "2024-01-01"
DROP = f"landing/readings/{DAY}.csv"


@pytest.fixture(params=["folders", "buckets"])
def apart(request: pytest.FixtureRequest, tree: Tree, tmp_path: Path) -> Iterator[Lake]:
    """A lake in which nothing is yet, and beside it a place to drop into."""
    tree.edit("readings/defs.yaml", "end: 2024-01-20", f"end: {DAY}")
    if request.param == "folders":
        yield Lake(tree.catalog(), Folder(tmp_path / "data"), erasure_key=KEY, drops=Folder(tmp_path / "drop"))
        return
    bucket: Bucket = request.getfixturevalue("bucket")
    with bucket.server.bucket() as other:
        here, client = Folder(tmp_path / "here"), bucket.client(retries=ONCE)
        store, drops = (S3(one.name, "", here, client=client) for one in (bucket, other))
        yield Lake(tree.catalog(), store, erasure_key=KEY, drops=drops)


def drop(lake: Lake, key: str, content: str) -> None:
    assert lake.drops
    lake.drops.write(key, content.encode(), {})


def run(lake: Lake, now: datetime = NOW) -> list[steps.Outcome]:
    """Receive and stage all of it."""
    done = []
    for name, partition in (("stations", None), ("readings", DAY)):
        dataset = lake.catalog[name]
        done += steps.receive(lake, dataset, [partition], now)
        done += steps.stage(lake, dataset, [partition], "run", now)
    return done


def fill(lake: Lake, *changes: dict[str, Any]) -> None:
    drop(lake, "landing/stations/stations.csv", STATIONS)
    drop(lake, DROP, readings(DAY, *changes))


def test_what_is_dropped_there_is_received_from_there_and_lies_nowhere_else(apart: Lake) -> None:
    assert apart.drops
    readings_ = apart.catalog["readings"]
    [absent] = steps.receive(apart, readings_, [DAY], NOW)
    assert absent.reason.endswith(f"nothing was delivered: drop {DAY}.csv into {apart.drops.where}/landing/readings")
    fill(apart)
    assert list(steps.pending(apart, readings_, "raw", NOW)) == [DAY]
    assert {outcome.status for outcome in run(apart)} == {"done"}
    tops = {store.where: {entry.key.split("/")[0] for entry in store.list("")} for store in (apart.store, apart.drops)}
    assert "landing" not in tops[apart.store.where]
    assert tops[apart.drops.where] == {"landing"}
    assert list(steps.pending(apart.at_a_glance(), readings_, "raw", NOW)) == []


def test_what_was_received_is_put_right_from_there(apart: Lake) -> None:
    fill(apart)
    run(apart)
    readings_ = apart.catalog["readings"]
    [raw] = [entry.key for entry in apart.store.list("raw/readings") if entry.key.endswith(".csv")]
    apart.store.write(raw, b"damaged", {})
    [outcome] = steps.receive(apart, readings_, [DAY], NOW)
    assert outcome.facts["note"] == f"{apart.store.address(raw)} was not what was received, and was put right from landing"
    assert apart.store.read(raw) == readings(DAY).encode()


def test_what_belongs_to_no_delivery_there_is_told(apart: Lake) -> None:
    fill(apart)
    for key in ("landing/readings/notes.txt", "landing/reading/2024-01-01.csv"):
        drop(apart, key, "x")
    assert [stray.key for stray in landing.strays(apart.landing, apart.catalog["readings"], NOW)] == [
        "landing/readings/notes.txt"
    ]
    assert "landing/reading belongs to no delivery" in overview(apart, NOW)


def test_who_is_erased_is_erased_there_too(apart: Lake, tree: Tree) -> None:
    assert apart.drops
    fill(apart, {"note": WHO})
    run(apart)
    tree.write("erasures.yaml", text_of(entry_about(tree["readings"], {"note": WHO}, KEY, SAID)))
    apart = replace(apart, catalog=tree.catalog())
    [request] = apart.catalog.erasures

    def left() -> list[Trace]:
        return traces(apart, request, NOW)

    assert kinds(left())["landing"] == 1
    [dropped] = [trace for trace in left() if trace.kind == "landing"]
    assert dropped.place == f"{apart.drops.where}/{DROP}"
    erasing.redact(apart, request, left(), LATER)
    run(apart, LATER)
    erasing.clean(apart, request, left(), removes=True, now=LATER)
    assert not list(apart.drops.list("landing/readings"))
    old = left()
    assert kinds(old).keys() <= {"version"}, "in buckets, what was there is left until break-glass or a rule ends it"
    assert bool(old) == isinstance(apart.drops, S3)
    assert not old or f"{apart.drops.where}/{DROP}" in {trace.place for trace in old}
