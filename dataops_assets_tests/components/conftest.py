from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from dataops_assets_tests.components.dagster_tree import Location, location


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Location]:
    home = tmp_path / "instance"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield location(tmp_path, instance)
