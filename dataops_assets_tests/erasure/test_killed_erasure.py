"""Killed at any write or removal, an erasure is carried out by the next attempt, and nothing that is not theirs is lost."""

import shutil
from pathlib import Path

import pytest

from dataops_assets_tests.erasure.asking import DAYS, THEIRS, ask, erase_all, files_naming, left
from dataops_assets_tests.killing import kill_at, opened, run_until
from dataops_assets_tests.trees import STATIONS, Tree, readings


def raw(tree: Tree) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in tree.store.path("raw").rglob("*.csv")}


def test_erasure_that_is_killed_at_any_change(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """By default not at each of the points, which take a second each."""
    base = opened(tmp_path / "base")
    base.drop("stations", "stations.csv", STATIONS)
    for day in DAYS[:2]:
        base.drop("readings", f"{day}.csv", readings(day, *THEIRS))
    base.run()
    ask(base)
    before = base.read("readings", *DAYS[:2])
    shutil.copytree(tmp_path / "base", tmp_path / "undisturbed")
    points = run_until(tmp_path / "undisturbed", None, None, erase_all)
    after = raw(opened(tmp_path / "undisturbed"))
    assert points >= 60
    for point in range(1, points + 1, 1 if pytestconfig.getoption("--rounds") > 1 else 11):
        root = tmp_path / str(point)
        shutil.copytree(tmp_path / "base", root)

        kill_at(root, point, None, erase_all)

        tree = opened(root)
        read = tree.read("readings", *DAYS[:2])
        assert set(read.rows()) <= set(before.rows())
        assert set(read["note"]) >= {None, "Jo Doering"}
        erase_all(tree)
        assert left(tree) == [], f"killed at {point}"
        assert raw(tree) == after, f"killed at {point}"
        shutil.rmtree(root / "data/_tmp")  # what the one that was killed was writing; it is swept once it is old
        assert files_naming(tree.store.root) == [], f"killed at {point}"
        shutil.rmtree(root)
