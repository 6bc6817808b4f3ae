"""`dataops changes`: contracts against those of a commit."""

import subprocess
from pathlib import Path

import click
import pytest

from dataops_assets.cli.changing import show_changes
from dataops_assets_tests.trees import Tree

READINGS, SCHEMA = "readings/defs.yaml", "readings/schema.py"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A tree that is committed."""
    tree = Tree(tmp_path)
    commit(tree)
    return tree


def commit(tree: Tree) -> None:
    for asked in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "The contracts"]):
        who = ["-c", "user.name=lab", "-c", "user.email=lab@example.com"]
        subprocess.run(["git", "-C", str(tree.defs), *who, *asked], check=True)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (SCHEMA, "hour: pl.Int8", "hour: pl.Int16", "breaks: column `hour` was Int8 and is Int16"),
        (SCHEMA, "temperature: float", "temperature: pl.Float32", "breaks: column `temperature` was Float64 and is Float32"),
        (
            READINGS,
            "key: [station, day, hour]",
            "key: [station, hour]",
            "breaks: the key was station, day, hour and is station, hour",
        ),
        (
            READINGS,
            "every: day\n    start: 2024-01-01",
            "every: month\n    start: 2024-01",
            "breaks: it had a partition for every day",
        ),
        (READINGS, "end: 2024-01-20", "end: 2024-01-19", "breaks: it went to 2024-01-20 and ends with 2024-01-19"),
        (READINGS, "start: 2024-01-01", "start: 2024-01-02", "breaks: it began with 2024-01-01 and begins with 2024-01-02"),
    ],
)
def test_what_breaks_is_told_and_fails(
    tree: Tree, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, told: str
) -> None:
    tree.edit(file, old, new)
    assert not show_changes(tree.defs, "HEAD")
    said = capsys.readouterr()
    assert told in said.out
    assert ("every partition is judged again" in said.out) == (not old.startswith(("start:", "end:")))
    assert "readings: others rely on what was promised" in said.err


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ([], "every contract promises what it does in HEAD"),
        ([(SCHEMA, "le=60", "le=50")], "readings\n  every partition is judged again\n"),
        ([("daily/schema.py", "le=60", "le=50")], "daily\n  every partition is made again\n"),
        (
            [
                (SCHEMA, "    note: str", "    wind: float\n    note: str"),
                ("readings/examples.yaml", "note: null}\n", "note: null, wind: 1}\n"),
            ],
            "has more columns: wind",
        ),
        (
            [("daily/schema.py", "height: pl.Int16 = pa.Field(", "height: pl.Int16 = pa.Field(nullable=True, ")],
            "daily\n  may be without a value now: height",
        ),
        ([(READINGS, "readers: [analysts, press]", "readers: [analysts, press, branches]")], "is read by branches, too"),
        ([("daily/defs.yaml", "readers: [analysts, press]", "readers: [analysts]")], "is read by press no more"),
        (
            [("stations/defs.yaml", "key: [station]", "key: [station]\n  ends: {after: 2030-01-01, instead: readings}")],
            "stations\n  is made until 2030-01-01\n",
        ),
    ],
)
def test_what_breaks_nobody_is_told(
    tree: Tree, capsys: pytest.CaptureFixture[str], edits: list[tuple[str, str, str]], told: str
) -> None:
    for edit in edits:
        tree.edit(*edit)
    assert show_changes(tree.defs, "HEAD")
    assert told in capsys.readouterr().out


def test_a_lower_classification_is_told_with_what_it_shows(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for old, new in (("public", "secret"), ("secret", "internal"), ("internal", "public")):
        tree.edit("daily/defs.yaml", f"classification: {old}", f"classification: {new}")
        assert show_changes(tree.defs, "HEAD")
        told.append(capsys.readouterr().out)
        commit(tree)
    assert [text.splitlines()[:2] for text in told] == [
        ["daily", "  is secret, it was public: values are withheld from now on"],
        ["daily", "  is internal, it was secret"],
        ["daily", "  is public, it was internal: values are shown from now on"],
    ]


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        (None, "breaks: is declared no more, and had no end"),
        ("2999-12-31", "breaks: is declared no more, and was to be made until 2999-12-31"),
        ("2024-01-31", "is declared no more; it was made until 2024-01-31"),
    ],
)
def test_a_dataset_may_go_only_after_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ends: str | None, told: str
) -> None:
    tree = Tree(tmp_path)
    if ends:
        tree.edit("daily/defs.yaml", "  key:", f"  ends: {{after: {ends}, instead: readings}}\n  key:")
    commit(tree)
    for name in ("defs.yaml", "schema.py", "examples.yaml", "transform.py"):
        tree.remove(f"daily/{name}")
    assert show_changes(tree.defs, "HEAD") == (not told.startswith("breaks"))
    assert f"daily\n  {told}\n" in capsys.readouterr().out


def test_a_commit_that_cannot_be_read_is_named(tree: Tree) -> None:
    with pytest.raises(click.ClickException, match="defs of nowhere cannot be read: fatal: not a valid object name"):
        show_changes(tree.defs, "nowhere")
