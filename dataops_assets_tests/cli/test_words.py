"""What commands say of one thing, and of half a name."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataops_assets.cli.main import cli
from dataops_assets.cli.verbs import DAILY


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAOPS_DATA", str(tmp_path))
    monkeypatch.delenv("DATAOPS_DEPLOYMENT", raising=False)


def test_one_file_is_a_file(tmp_path: Path) -> None:
    assert CliRunner().invoke(cli, ["deliver", "airlines"]).stdout == f"delivered 1 file into {tmp_path}/landing\n"
    told = CliRunner().invoke(cli, ["deliver", "flights", "2013-01-03"]).stdout
    assert told == f"delivered 2 files into {tmp_path}/landing\n"


def test_beginning_of_a_hash_is_not_guessed_at() -> None:
    asked = CliRunner().invoke(cli, ["why", "0123456789ab"])
    assert asked.exit_code == 2
    told = "0123456789ab is the beginning of a SHA-256: write all of its 64 digits; `dataops why DATASET PARTITION` tells it"
    assert told in asked.stderr


def test_help_opens_with_the_verbs_of_a_normal_day_and_leaves_none_out() -> None:
    told = CliRunner().invoke(cli, ["--help"]).stdout
    listed = re.findall("^  ([a-z]+) ", told.partition("A normal day:")[2], re.MULTILINE)
    assert listed[: len(DAILY)] == list(DAILY)
    assert sorted(listed) == sorted(cli.commands)
    assert "More:" not in told
    assert "..." not in told.partition("A normal day:")[2]
