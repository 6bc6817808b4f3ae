"""`dataops quality --statistics`: what each partition was like, as a picture."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataops_assets.cli import main
from dataops_assets_tests.steps.test_statistics import DAYS, day
from dataops_assets_tests.trees import STATIONS, Tree

RED = "#d92d20"


@pytest.fixture
def tree(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-31")
    tree.drop("stations", "stations.csv", STATIONS)
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    return tree


def drawn(file: Path, dataset: str = "readings") -> Result:
    return CliRunner().invoke(main.cli, ["quality", dataset, "--statistics", str(file)])


def publish(tree: Tree, *texts: str) -> None:
    for name, text in zip(DAYS, texts, strict=False):
        tree.drop("readings", f"{name}.csv", text)
    tree.run()


def test_every_column_has_its_curves(tree: Tree, tmp_path: Path) -> None:
    publish(tree, day(0), day(1), day(2))
    file = tmp_path / "statistics.svg"
    assert drawn(file).output == f"3 partitions in {file}\n"
    picture = file.read_text(encoding="utf-8")
    assert f"staged/readings, {DAYS[0]} to {DAYS[2]}: 3 partitions, 0 unusual (red)" in picture
    told = [f"{name}: share without a value" for name in ("station", "day", "hour", "temperature", "note")]
    assert all(text in picture for text in [*told, "rows", "temperature: middle, 5 % to 95 %", "station: different values"])
    assert "station: middle" not in picture
    assert RED not in picture


def test_unusual_partition_is_red(tree: Tree, tmp_path: Path) -> None:
    publish(tree, *(day(number) for number in range(30)), day(30, factor=2.2))
    assert "31 partitions" in drawn(tmp_path / "s.svg").output
    picture = (tmp_path / "s.svg").read_text(encoding="utf-8")
    assert "1 unusual (red)" in picture
    assert RED in picture


def test_values_of_closed_data_are_not_drawn(tree: Tree, tmp_path: Path) -> None:
    for name in ("readings", "daily"):
        tree.edit(f"{name}/defs.yaml", "classification: public", "classification: internal")
    publish(tree, day(0))
    assert drawn(tmp_path / "s.svg").exit_code == 0
    picture = (tmp_path / "s.svg").read_text(encoding="utf-8")
    assert "values are withheld, since the data is internal" in picture
    assert "temperature: middle" not in picture


@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_other_kinds_of_pictures(tree: Tree, tmp_path: Path, ending: str) -> None:
    publish(tree, day(0))
    assert drawn(tmp_path / f"s.{ending}").exit_code == 0
    assert ending.upper().encode() in (tmp_path / f"s.{ending}").read_bytes()[:8]


@pytest.mark.parametrize(
    ("dataset", "name", "told"),
    [
        ("readings", "s.jpeg", "s.jpeg is no picture that can be drawn: end its name in .svg, .png, .pdf"),
        ("stations", "s.svg", "stations has no partitions, so nothing of it is told over time"),
    ],
)
def test_what_cannot_be_drawn_is_told(tree: Tree, tmp_path: Path, dataset: str, name: str, told: str) -> None:
    found = drawn(tmp_path / name, dataset)
    assert (found.exit_code, told in found.output) == (2, True)


def test_file_that_cannot_be_written_is_told(tree: Tree, tmp_path: Path) -> None:
    publish(tree, day(0))
    file = tmp_path / "nowhere" / "s.svg"
    found = drawn(file)
    assert (found.exit_code, found.output) == (1, f"Error: Could not open file '{file}': No such file or directory\n")


def test_nothing_is_published_yet(tree: Tree, tmp_path: Path) -> None:
    assert drawn(tmp_path / "s.svg").output == "nothing of readings is published, so nothing is drawn\n"
    assert not (tmp_path / "s.svg").exists()
