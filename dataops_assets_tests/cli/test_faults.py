"""Every fault that `dataops deliver --fault` makes is found, by the gate and in the words that a person would expect."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataops_assets import steps
from dataops_assets.catalog import load_catalog
from dataops_assets.cli import sample
from dataops_assets.cli.faults import FAULTS, NO_FAULT, Fault
from dataops_assets.cli.main import cli
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake

DAY = "2013-01-09"
BEFORE = [f"2013-01-{day:02}" for day in range(1, 9)]
"""Enough of them to know what is usual."""

EXPECTED = {
    "renamed-column": ("envelope", "time_hour seems to be renamed time_hour_new"),
    "missing-column": ("envelope", "missing: time_hour"),
    "extra-column": ("", "extra: remark"),
    "reordered-columns": ("", "another order: time_hour, "),
    "header-only": ("envelope", "there is a header, but no row"),
    "few-rows": ("envelope", "the median of the 8 before"),
    "duplicate-rows": ("", ""),
    "duplicate-keys": ("content", "key.unique ("),
    "text-in-number": ("content", ".type ("),
    "huge-number": ("content", "rows rejected"),
    "wrong-delimiter": ("envelope", "they are separated by ';'"),
    "wrong-encoding": ("envelope", "it is not UTF-8"),
    "empty": ("envelope", {"flights": "bytes is 0", "weather": "it is empty"}),
    "truncated": ("envelope", {"flights": "promised was", "weather": "fields, the header 15"}),
    "rubbish": ("envelope", {"flights": "promised was", "weather": "it is not UTF-8"}),
}
"""By fault: the gate that refuses, if any, and what is told."""


def deliver(lake: Lake, name: str, partition: str | None = None, fault: Fault = NO_FAULT) -> None:
    """Drop a delivery as if it had lain still for an hour."""
    for file, content in sample.deliveries(name, partition, fault):
        key = f"landing/{name}/{file}"
        lake.store.write(key, content, {})
        moment = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
        os.utime(lake.store.path(key), (moment, moment))


def run(lake: Lake, name: str, partition: str | None = None) -> list[steps.Outcome]:
    """Receive and, if that may flow on, stage."""
    dataset, now = lake.catalog[name], datetime.now(UTC)
    done = list(steps.receive(lake, dataset, [partition], now))
    return done + (list(steps.stage(lake, dataset, [partition], "run", now)) if done[0].status == "done" else [])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with nine good days."""
    lake = Lake(load_catalog(), Folder(tmp_path_factory.mktemp("lake")))
    for name in sample.REFERENCES:
        deliver(lake, name)
        run(lake, name)
    for name in sample.DAILY:
        for day in (*BEFORE, DAY):
            deliver(lake, name, day)
            assert run(lake, name, day)[-1].status == "done"
    return lake


def test_every_fault_is_expected_here():
    assert set(EXPECTED) == set(FAULTS)


@pytest.mark.parametrize("name", sample.DAILY)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_a_good_delivery_heals(lake: Lake, name: str, fault: str):
    gate, told = EXPECTED[fault]
    words = told[name] if isinstance(told, dict) else told
    before = lake.version("staged", lake.catalog[name], DAY)

    deliver(lake, name, DAY, FAULTS[fault])
    done = run(lake, name, DAY)

    refused = [outcome.verdict for outcome in done if outcome.status == "refused" and outcome.verdict]
    assert [verdict.gate for verdict in refused] == ([gate] if gate else [])
    if refused:
        assert words in refused[0].why
        assert lake.version("staged", lake.catalog[name], DAY) == before
    elif words:
        assert done[0].verdict
        assert words in "; ".join(result.detail for result in done[0].verdict.warnings)
    else:
        assert done[-1].facts["merged"] > 0

    deliver(lake, name, DAY)
    assert [outcome.status for outcome in run(lake, name, DAY)] == ["done", "done"]
    assert lake.version("staged", lake.catalog[name], DAY) == before


def ask(*words: str) -> Result:
    return CliRunner().invoke(cli, ["deliver", *words])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--fault", "truncated"), "--fault breaks one delivery: name it, as in `dataops deliver flights 2013-03-10"),
        (("flights", "--fault", "truncated"), "--fault breaks one delivery"),
        (("flights", "2013-03-10", "--fault", "trunc"), "'trunc' is not one of"),
        (("planes", "2013-03-10"), "planes has no partitions: leave out 2013-03-10"),
        (
            ("airlines", "--fault", "text-in-number"),
            "airlines cannot have the fault `text-in-number`: it has no",
        ),
        (("trains",), "the sample has no `trains`; it has: airlines, airports, planes, flights, weather"),
        (("flights", "2014-01-01"), "the sample has no flights for 2014-01-01"),
    ],
)
def test_what_cannot_be_delivered_is_told(words: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATAOPS_DATA", str(tmp_path))
    asked = ask(*words)
    assert asked.exit_code == 2
    assert told in " ".join(asked.output.split())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_fault_is_delivered_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATAOPS_DATA", str(tmp_path))
    asked = ask("weather", "2013-03-10", "--fault", "empty")
    assert asked.exit_code == 0, asked.output
    assert "in weather 2013-03-10 there is not a single byte" in asked.output
    assert (tmp_path / "landing/weather/weather-2013-03-10.csv").read_bytes() == b""
