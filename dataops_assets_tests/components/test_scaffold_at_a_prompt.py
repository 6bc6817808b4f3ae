"""`dg scaffold defs …` as a user types it, in a clone of the project."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from dataops_assets_tests.checkout import PROJECT, Checkout, make_checkout
from dataops_assets_tests.components.scaffolding import TRAINS


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = make_checkout(tmp_path_factory.mktemp("clone"))
    (checkout.root / "trains.csv").write_text(TRAINS, encoding="utf-8")
    return checkout


INGESTED = ("dg", "scaffold", "defs", "dataops_assets.components.IngestedDataset")


def test_at_a_prompt(clone: Checkout):
    """The command of a user, with both ways to name several readers."""
    options = [
        "--sample",
        "trains.csv",
        "--owner",
        "reference-data",
        "--readers",
        "analysts,operations",
        "--readers",
        "branches",
    ]
    done = clone.run(*INGESTED, "rail/trains", *options, "--key", "train_no")
    assert done.returncode == 0, done.stderr
    assert "Wrote defs.yaml, schema.py, examples.yaml: 7 columns, key [train_no]; all 3 rows of trains.csv pass." in done.stdout

    derived = ("dg", "scaffold", "defs", "dataops_assets.components.DerivedDataset", "rail/numbers")
    done = clone.run(*derived, "--inputs", "trains", "--owner", "reference-data")
    assert done.returncode == 0, done.stderr

    landing = clone.root / "data/landing/trains"
    landing.mkdir(parents=True)
    (landing / "trains.csv").write_text(TRAINS, encoding="utf-8")
    ran = clone.run("dataops", "run", "trains", "numbers")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert pl.read_parquet(clone.root / "data/staged/trains/data.parquet").height == 3
    assert pl.read_parquet(clone.root / "data/curated/numbers/data.parquet").height == 3

    # Partitions that no other dataset has, and columns that Python could not name.
    (clone.root / "stops.csv").write_text("day,class,,stop no\n2024-01-05,A,x,1\n", encoding="utf-8")
    done = clone.run(*INGESTED, "stops", "--sample", "stops.csv", *options[2:], "--partition-column", "day")
    assert done.returncode == 0, done.stderr
    checked = clone.run("dg", "check", "defs")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    defs = clone.root / "dataops_assets/defs"
    for check in (("check",), ("format", "--check")):
        clean = clone.run("ruff", *check, "--config", str(PROJECT / "ruff.toml"), str(defs / "rail"), str(defs / "stops"))
        assert clean.returncode == 0, clean.stdout


def test_at_a_prompt_a_mistake_is_told_in_a_line_and_can_be_mended(clone: Checkout):
    options = ["--sample", "trains.csv", "--readers", "analysts"]
    wrong = clone.run(*INGESTED, "rail/wagons", *options, "--owner", "me")
    assert wrong.returncode == 1
    told = "Error: nothing was written: --owner: there is no `me`; choose from flight-operations, reference-data\n"
    assert wrong.stderr.endswith(told)
    assert "Traceback" not in wrong.stderr
    right = clone.run(*INGESTED, "rail/wagons", *options, "--owner", "reference-data")
    assert right.returncode == 0, right.stderr
    again = clone.run(*INGESTED, "rail/wagons", *options, "--owner", "reference-data")
    assert again.returncode == 1
    assert "already exists" in again.stderr


def test_the_projects_own_tests_pass_with_a_new_dataset_once_the_map_is_drawn(tmp_path: Path):
    mine = make_checkout(tmp_path)
    for folder in ("dataops_assets_tests", "docs"):
        shutil.copytree(PROJECT / folder, mine.root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (mine.root / "trains.csv").write_text(TRAINS, encoding="utf-8")
    options = ("--sample", "trains.csv", "--owner", "flight-operations", "--readers", "analysts")
    done = mine.run(*INGESTED, "trains", *options)
    assert done.returncode == 0, done.stderr
    folder = mine.root / "dataops_assets/defs/trains"
    files = [path for path in folder.iterdir() if path.is_file()]
    assert sorted(path.name for path in files) == ["defs.yaml", "examples.yaml", "schema.py"]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) <= 60

    assert "draw it with `dataops map`" in done.stdout
    assert mine.run("dataops", "map").returncode == 0
    tests = [f"dataops_assets_tests/{file}.py" for file in ("components/test_graph", "gate/test_examples", "observe/test_map")]
    tested = mine.run("pytest", "-p", "no:cacheprovider", *tests, "-k", "published or every or watched or flows or committed")
    assert tested.returncode == 0, tested.stdout
    assert "deselected" in tested.stdout


def test_dg_checks_every_contract_not_one_of_each_type(tmp_path: Path):
    mine = make_checkout(tmp_path)
    shutil.copytree(PROJECT / ".ci", mine.root / ".ci")
    for name in ("airlines", "planes"):
        mine.edit(f"defs/aviation/{name}/defs.yaml", "owner:", "oner:")
    bad = mine.run("python", ".ci/check_yaml.py")
    assert (bad.returncode, bad.stdout) == (1, "dg checked 11 defs.yaml, 2 with mistakes\n")
    for name in ("airlines", "planes"):
        assert f"{name}/defs.yaml:4" in bad.stderr


def test_dg_is_not_asked_about_yaml_that_it_would_never_have_written_out(tmp_path: Path):
    mine = make_checkout(tmp_path)
    shutil.copytree(PROJECT / ".ci", mine.root / ".ci")
    doubled = "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    (mine.root / "dataops_assets/defs/aviation/planes/defs.yaml").write_text(f"a0: &a0 [1, 1]\n{doubled}type: *a39\n")
    bad = mine.run("python", ".ci/check_yaml.py", timeout_seconds=60)
    assert bad.returncode == 1
    assert "dataops_assets/defs/aviation/planes/defs.yaml:2: a YAML alias" in bad.stderr
