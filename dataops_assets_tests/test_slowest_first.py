"""The list of slow files: one that is called otherwise now would start last, and nothing would say so."""

from pathlib import Path

from dataops_assets_tests.conftest import SLOWEST_FIRST


def test_each_file_that_starts_first_is_there() -> None:
    there = {path.stem for path in Path(__file__).parent.rglob("test_*.py")}
    assert [name for name in SLOWEST_FIRST if name not in there] == []
