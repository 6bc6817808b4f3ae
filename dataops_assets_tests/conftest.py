"""What every test may ask for."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dataops_assets_tests.trees import STATIONS, Tree, readings

# The same examples every time, so that a failure can be repeated; no deadline, because the machine is shared.
settings.register_profile(
    "project", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("project")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A good tree with nothing delivered."""
    return Tree(tmp_path)


@pytest.fixture
def filled(tree: Tree) -> Tree:
    """A good tree with three good days and the stations run through to the end."""
    tree.drop("stations", "stations.csv", STATIONS)
    for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
        tree.drop("readings", f"{day}.csv", readings(day))
    tree.run()
    return tree
