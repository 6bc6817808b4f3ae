import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataops_assets_tests.components.dagster_tree import Location, location, recording_in


@pytest.fixture(scope="session")
def nothing_recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new instance, to be copied: to make one takes longer than most tests."""
    home = tmp_path_factory.mktemp("instance")
    recording_in(home).dispose()
    return home


@pytest.fixture
def here(tmp_path: Path, nothing_recorded: Path) -> Iterator[Location]:
    home = shutil.copytree(nothing_recorded, tmp_path / "instance")
    with recording_in(home) as instance:
        yield location(tmp_path, instance)
