"""Publishing and receiving in many simulated worlds. A world that fails prints its seed and what happened; to see it again:

pytest dataops_assets_tests/simulation --first-seed 553 --seeds 1
"""

import sys
from collections import Counter

import pytest

from dataops_assets.contract import Catalog
from dataops_assets_tests.simulation.actors import simulate
from dataops_assets_tests.simulation.stores import KINDS, Kind
from dataops_assets_tests.simulation.world import Weather
from dataops_assets_tests.trees import Tree

FOUND = {
    553: "the record of an object that had stood was swept: what took its place told of an older one",
    632: "rows that the published version had rejected were lost from quarantine when a newer delivery was refused meanwhile",
    212: "the same, while the version was just about to be published",
}
"""Worlds in which a law was broken once."""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Tree(tmp_path_factory.mktemp("simulation")).catalog()


@pytest.mark.parametrize("kind", KINDS)
def test_laws_hold_in_every_world(catalog: Catalog, kind: Kind, pytestconfig: pytest.Config) -> None:
    first, many = pytestconfig.getoption("--first-seed"), pytestconfig.getoption("--seeds")
    worlds = [simulate(seed, kind, catalog) for seed in range(first, first + many)]
    faults = sum((one.world.faults for one in worlds), Counter[str]())
    ends = sum((one.ends for one in worlds), Counter[str]())
    windows, steps = sum(one.laws.windows for one in worlds), sum(one.world.steps for one in worlds)
    sys.stdout.write(f"\n{kind}: seeds {first} to {first + many - 1}, {steps:,} steps, {windows} windows, {faults}, {ends}\n")
    if many < 100:
        return  # a few need not have seen everything
    assert {"dies before", "dies after"} <= faults.keys()
    assert kind == "folder" or {"lost", "unheard", "late", "twice", "refused"} <= faults.keys()
    assert min(ends["done"], ends["refused"], ends["ChangedWhileRead"]) > 0


def test_sweep_takes_no_record_that_tells_of_anything(catalog: Catalog, pytestconfig: pytest.Config) -> None:
    first, many = pytestconfig.getoption("--first-seed"), pytestconfig.getoption("--seeds")
    bad = Weather(lost=0.02, unheard=0.05, late=0.05, twice=0.02, dies=0.01, sleeps=0.4, longest=100)
    worlds = [simulate(seed, "counted", catalog, bad, swept=True) for seed in range(first, first + many // 3)]  # they are large
    swept = sum(one.ends["swept"] for one in worlds)
    sys.stdout.write(f"\n{swept} records swept in {sum(one.world.steps for one in worlds):,} steps\n")
    assert many < 100 or swept > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", FOUND)
def test_laws_hold_where_they_did_not(catalog: Catalog, kind: Kind, seed: int) -> None:
    simulate(seed, kind, catalog)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_world_again(catalog: Catalog, kind: Kind) -> None:
    bad = Weather(0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.2)
    one, other = (simulate(7, kind, catalog, bad).world for _ in range(2))
    assert (one.trace, one.faults) == (other.trace, other.faults)
    assert one.trace != simulate(8, kind, catalog, bad).world.trace
