from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import yaml
from sqlalchemy import event
from sqlalchemy.engine import Engine

from dataops_assets_tests.checkout import PROJECT

KEY = dg.AssetKey("a")
OURS = yaml.safe_load((PROJECT / "dagster.yaml").read_text())["storage"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def instance(home: Path, ours: bool = True) -> dg.DagsterInstance:
    where = {"base_dir": str(home / ".dagster")}
    storage = {"custom": OURS["custom"] | {"config": where}} if ours else {"sqlite": where}
    return dg.DagsterInstance.local_temp(str(home), overrides={"storage": storage})


def tell(instance: dg.DagsterInstance, partition: str) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=partition))


@dg.asset
def a() -> None: ...


@contextmanager
def connections() -> Iterator[Counter[str]]:
    """By the name of the file, how many connections are opened."""
    found: Counter[str] = Counter()

    def opened(connection, _) -> None:
        found[Path(connection.execute("PRAGMA database_list").fetchone()[2]).name] += 1

    event.listen(Engine, "connect", opened)
    try:
        yield found
    finally:
        event.remove(Engine, "connect", opened)


def test_what_is_recorded_is_read_by_dagsters_own_storage_and_the_other_way_round(home: Path):
    with instance(home) as ours, instance(home, ours=False) as its_own:
        for number, writer in enumerate((ours, its_own, ours, its_own)):
            tell(writer, f"p{number}")
            assert dg.materialize([a], instance=writer).success
        for reader in (ours, its_own):
            assert set(reader.get_materialized_partitions(KEY)) == {"p0", "p1", "p2", "p3"}
            runs = reader.get_runs()
            assert len(runs) == 4
            assert all(reader.all_logs(run.run_id) for run in runs)


def test_many_threads_tell_at_once_and_nothing_is_lost(home: Path):
    with instance(home) as ours, ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: tell(ours, f"p{number}"), range(40)))
        assert len(ours.get_materialized_partitions(KEY)) == 40


def test_a_run_opens_its_files_once_and_leaves_none_open_but_its_own(home: Path):
    with instance(home) as ours:
        tell(ours, "first")
        with connections() as opened:
            runs = [dg.materialize([a], instance=ours).run_id for _ in range(3)]
        for run in runs:
            assert 1 <= opened[f"{run}.db"] <= 3  # two to make the tables
        left_open = {path.name for path in Path(home, ".dagster").rglob("*.db-wal")}
        assert left_open & {f"{run}.db-wal" for run in runs} == {f"{runs[-1]}.db-wal"}
    assert not list(Path(home, ".dagster/history/runs").glob("*.db-wal"))


def test_records_that_were_wiped_are_begun_anew(home: Path):
    with instance(home) as ours:
        run = dg.materialize([a], instance=ours).run_id
        ours.wipe()
        assert not ours.all_logs(run)
        assert dg.materialize([a], instance=ours).success
        assert len(ours.get_runs()) == 1
