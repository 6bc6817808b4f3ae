"""Many processes publish to the same and to different partitions: what was acknowledged is there, or something newer is."""

import multiprocessing
import os
from collections import defaultdict
from datetime import date, timedelta

import polars as pl
import pytest

from dataops_assets.storage import journal, layout
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.store import hash_file
from dataops_assets_tests import publishers
from dataops_assets_tests.s3_server import Bucket
from dataops_assets_tests.trees import Tree

DAYS = [str(date(2024, 1, 1) + timedelta(days=number)) for number in range(41)]
SAME, *OTHERS = DAYS


def test_on_a_folder(tree: Tree, pytestconfig: pytest.Config) -> None:
    publish_at_once(tree, str(tree.store.root), pytestconfig.getoption("--rounds"))


@pytest.mark.s3
def test_on_s3(tree: Tree, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    publish_at_once(tree, f"s3://{bucket.name}/data", pytestconfig.getoption("--rounds"))


def publish_at_once(tree: Tree, where: str, rounds: int) -> None:
    processes, times = (32, 100) if rounds > 1 else (6, 8)
    start = multiprocessing.get_context("forkserver").Barrier(processes + 1)
    spawned = multiprocessing.get_context("forkserver")
    spawned.set_forkserver_preload(["__main__", publishers.__name__])
    told = [tree.root / f"told-{number}" for number in range(processes)]
    days = [[day_of(number, turn) for turn in range(times)] for number in range(processes)]
    runs = [
        spawned.Process(target=publishers.publish_many, args=(where, tree.defs, mine, times, start, file))
        for mine, file in zip(days, told, strict=True)
    ]
    for run in runs:
        run.start()
    lake = Lake(tree.catalog(), publishers.opened(where, tree.root / "reader"))
    seen = read_until_all_are_done(lake, start, runs)
    assert {run.exitcode for run in runs} == {0}
    for numbers in seen.values():
        assert numbers == sorted(numbers)  # a newer one always wins

    dataset = lake.catalog[publishers.DATASET]
    acknowledged = [line.split() for file in told for line in file.read_text().splitlines()]
    assert len(acknowledged) == processes * times
    by_day: dict[str, list[int]] = defaultdict(list)
    for day, number, delivery, stood in acknowledged:
        assert int(stood) >= int(number), "it is there, or something newer is"
        assert number == delivery
        by_day[day].append(int(number))
    for day, numbers in by_day.items():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), "each number was given once, and none is missing"
        records = journal.entries(lake.store, layout.verdicts("content", dataset, day))
        assert [journal.number_of(record.key) for record in records] == sorted(numbers)
        made = lake.published(dataset, day)
        assert made
        assert made.number == len(numbers)
        assert pl.read_parquet(lake.read("staged", dataset, day, made.sha256))["delivery"].to_list() == [len(numbers)]


def day_of(process: int, turn: int) -> str:
    """Every fourth time all go for the same day; else each for one that others go for at other times."""
    return OTHERS[(7 * process + turn) % len(OTHERS)] if turn % 4 else SAME


def read_until_all_are_done(lake: Lake, start: object, runs: list[multiprocessing.process.BaseProcess]) -> dict[str, list[int]]:
    """Read all the time what is published, whole and with its record; the numbers that were read, by day."""
    dataset, seen = lake.catalog[publishers.DATASET], defaultdict[str, list[int]](list)
    start.wait()  # type: ignore[attr-defined]
    while any(run.is_alive() for run in runs):
        for day in DAYS:
            made = lake.published(dataset, day)
            assert made or not seen[day], "what was there is no more"
            if made is None:
                continue
            try:
                path = lake.read("staged", dataset, day, made.sha256)
                content = path.read_bytes()
            except FileNotFoundError:  # a newer one is there
                continue
            copy = lake.store.here.root.parent / f"copy-{os.getpid()}"
            copy.write_bytes(content)
            if hash_file(copy) == made.sha256:  # of a folder, the path may hold a newer one by now
                assert pl.read_parquet(copy)["delivery"].to_list() == [made.number]
            seen[day].append(made.number)
    return seen
