"""What pruning Dagster's records costs on PostgreSQL while runs go on: `python benchmarks/pruning.py [events]`.

A server of its own is started, from the wheel that the tests use. A few real runs over daily partitions are recorded and copied
in bulk, each copy with another run id, until there are so many events (a million). Then a process of its own goes on writing
events, while another prunes: seconds, events per second, its memory, how long a writer waited for one, before and meanwhile.
"""

import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from dataops_assets.components.pruning import CodeLocation, prune
from dataops_assets_tests import postgres
from dataops_assets_tests.components.recorded import instance_on

ASSET, DAYS = dg.AssetKey("measured"), 20
COPIED = {
    "runs": "run_id, snapshot_id, pipeline_name, status, run_body, create_timestamp, update_timestamp",
    "run_tags": "run_id, key, value",
    "event_logs": "run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition",
    "asset_check_executions": "run_id, asset_key, check_name, partition, execution_status, evaluation_event, "
    "evaluation_event_timestamp, evaluation_event_storage_id, materialization_event_storage_id",
}
PARTITIONS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-21")


@dg.asset(name="measured", partitions_def=PARTITIONS, check_specs=[dg.AssetCheckSpec("good", asset="measured")])
def measured(context: dg.AssetExecutionContext):  # no type: Dagster would read it, and wants one for each check
    """An asset with a check."""
    for line in range(10):
        context.log.info(f"line {line}")
    return dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(passed=True)], data_version=dg.DataVersion(context.run.run_id)
    )


def record(instance: dg.DagsterInstance) -> None:
    """A run for each day."""
    job = dg.Definitions(assets=[measured]).resolve_implicit_global_asset_job_def()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    for day in PARTITIONS.get_partition_keys():
        job.execute_in_process(instance=instance, partition_key=day, asset_selection=[ASSET], run_config=quiet)


def copy(engine: sa.Engine, events: int) -> int:
    """Copies of all that was recorded, each with run ids of its own; gives how many events there are then."""
    with engine.begin() as connection:
        there = connection.scalar(sa.text("SELECT count(*) FROM event_logs")) or 1
        for table in COPIED:
            connection.execute(sa.text(f"CREATE TEMP TABLE first_{table} AS SELECT * FROM {table}"))
        for number in range(events // there):
            for table, columns in COPIED.items():
                other = columns.replace("run_id", f"left(run_id, 28) || '{number:08}'", 1)
                if table == "runs":
                    other = other.replace("run_body", f"replace(run_body, run_id, left(run_id, 28) || '{number:08}')")
                connection.execute(sa.text(f"INSERT INTO {table} ({columns}) SELECT {other} FROM first_{table} ORDER BY id"))
        # Dagster writes the tags of an event with the id that it was given.
        connection.execute(sa.text("DELETE FROM asset_event_tags"))
        told = "event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"
        tags = f"SELECT id, asset_key, 'dagster/data_version', run_id FROM {told}"
        connection.execute(sa.text(f"INSERT INTO asset_event_tags (event_id, asset_key, key, value) {tags}"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
        return connection.scalar(sa.text("SELECT count(*) FROM event_logs")) or 0


def write(home: str) -> None:
    """Report events until the input is closed; tell how long each took."""
    with dg.DagsterInstance.from_config(home) as instance:
        while True:
            began = time.perf_counter()
            instance.report_runless_asset_event(dg.AssetMaterialization("written", tags={"dagster/data_version": str(began)}))
            print(time.time(), time.perf_counter() - began, flush=True)


def main(events: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres.running() as server,
        instance_on("postgresql", Path(folder), server) as here,
    ):
        record(here)
        engine = sa.create_engine(here.event_log_storage.postgres_url)  # type: ignore[attr-defined]
        found = copy(engine, events)
        print(f"{found:,} events of {here.get_runs_count():,} runs over {DAYS} partitions")
        before = here.get_latest_storage_id_by_partition(ASSET, dg.DagsterEventType.ASSET_MATERIALIZATION)

        writer = subprocess.Popen([sys.executable, __file__, "--write", folder], stdout=subprocess.PIPE, text=True)
        time.sleep(30)
        memory, began, at = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter(), time.time()
        done = prune(here, CodeLocation(None, {ASSET}), timedelta(0), timedelta(0), datetime.now(UTC), print)
        seconds, ended = time.perf_counter() - began, time.time()
        time.sleep(1)
        writer.terminate()
        assert writer.stdout
        waits = [tuple(map(float, line.split())) for line in writer.stdout.read().splitlines()]
        writer.wait()

        print(done)
        print(f"{seconds:.0f} s, {done.events / seconds:,.0f} events a second")
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
        print(f"memory: {memory / 1024:.0f} MB before, {grown:.0f} MB more at most")
        for name, begin, end in (("before", 0, at), ("meanwhile", at, ended)):
            took = sorted(wait for when, wait in waits if begin <= when <= end)
            print(
                f"a writer waited {name}: median {took[len(took) // 2]:.3f} s, at most {took[-1]:.3f} s, {len(took):,} events"
            )
        assert here.get_latest_storage_id_by_partition(ASSET, dg.DagsterEventType.ASSET_MATERIALIZATION) == before
        engine.dispose()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write(sys.argv[2])
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 1_000_000)
