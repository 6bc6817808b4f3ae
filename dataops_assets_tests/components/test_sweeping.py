"""What killed runs left behind goes once a day, by itself; in prod it stays, and is counted."""

import os
import time
from datetime import datetime
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest

from dataops_assets import deployment
from dataops_assets.components import sweeping
from dataops_assets.definitions import build
from dataops_assets.deployment import Deployment
from dataops_assets_tests.components.dagster_tree import Location
from dataops_assets_tests.killing import dying_before
from dataops_assets_tests.trees import STATIONS, Tree, readings

DAY = "2024-01-05"
TWO_DAYS_SECONDS = 2 * 86_400
NOTHING = {"interrupted_writes": 0, "orphaned_records": 0, "outlived_records": 0}
LEFT = NOTHING | {"interrupted_writes": 1, "orphaned_records": 1}


@pytest.fixture
def left(here: Location) -> set[Path]:
    """A run was killed between the record and the object, and the next one was not: what nobody reads, two days later."""
    tree = here.tree
    tree.drop("stations", "stations.csv", STATIONS)
    deliver(tree, 1)
    tree.run()
    deliver(tree, 2)
    with dying_before(f"staged/readings/date={DAY}/data.parquet"):
        tree.run()
    draft = tree.store.path("_tmp/half.parquet.tmp")
    draft.write_bytes(b"half")
    orphan = newest(tree.store.path(f"_provenance/staged/readings/date={DAY}"))
    deliver(tree, 3)
    tree.run()
    for path in files(tree):
        os.utime(path, (time.time() - TWO_DAYS_SECONDS,) * 2)
    digest = orphan.stem.rpartition("-")[2]
    return {draft, orphan, *(path for path in files(tree) if digest in path.parts)}


def deliver(tree: Tree, warmth: float) -> None:
    tree.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": warmth}))


def files(tree: Tree) -> set[Path]:
    return {path for path in tree.store.root.rglob("*") if path.is_file()}


def newest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: path.name)


def swept(here: Location, deployed: Deployment) -> dict[str, object]:
    """What one run of the job tells."""
    job = build(here.tree.defs, deployed).resolve_job_def("sweep_leftovers")
    done = job.execute_in_process(instance=here.instance)
    [output] = [event for event in done.all_events if event.is_successful_output]
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


def test_it_goes(here: Location, left: set[Path]):
    before = files(here.tree)
    assert len(left) == 3
    assert left < before
    local = Deployment("local", str(here.tree.root / "data"))
    assert swept(here, local) == LEFT
    assert before - files(here.tree) == left
    assert here.tree.read("readings", DAY).height == 4
    assert swept(here, local) == NOTHING


def test_in_prod_it_stays(here: Location, left: set[Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(deployment, "code", lambda: ("a" * 40, True))
    before = files(here.tree)
    prod = Deployment("prod", str(here.tree.root / "data"), pipeline=deployment.identity(False))
    assert swept(here, prod) == LEFT
    assert files(here.tree) == before


def test_it_is_young(here: Location, left: set[Path]):
    for path in left:
        os.utime(path)
    assert swept(here, Deployment("local", str(here.tree.root / "data"))) == NOTHING
    assert left < files(here.tree)


def test_it_is_asked_for_once_a_day_and_nobody_needs_to_turn_it_on(here: Location):
    sensor = here.defs.resolve_sensor_def("sweep")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    asked = []
    for day in ("2024-03-01T01:00", "2024-03-01T23:00", "2024-03-02T00:30"):
        with dg.build_sensor_context(instance=here.instance) as context, mock.patch.object(sweeping, "datetime") as clock:
            clock.now.return_value = datetime.fromisoformat(day)
            request = sensor(context)
        assert isinstance(request, dg.RunRequest)
        asked.append(request.run_key)
    assert (asked[0] == asked[1], asked[1] == asked[2]) == (True, False)
