"""The tables of Dagster that are pruned are as `dagster_private_storage` takes them to be, on both databases."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from dataops_assets.components.dagster_private_storage import Records
from dataops_assets_tests.components.recorded import DATABASES, Past, instance_on, made

COLUMNS = {
    "event_logs": {"id", "run_id", "event", "dagster_event_type", "timestamp", "step_key", "asset_key", "partition"},
    "asset_event_tags": {"id", "event_id", "asset_key", "key", "value", "event_timestamp"},
    "asset_check_executions": {
        "id",
        "asset_key",
        "check_name",
        "partition",
        "run_id",
        "execution_status",
        "evaluation_event",
        "evaluation_event_timestamp",
        "evaluation_event_storage_id",
        "materialization_event_storage_id",
        "create_timestamp",
    },
    "runs": {
        "id",
        "run_id",
        "snapshot_id",
        "pipeline_name",
        "mode",
        "status",
        "run_body",
        "partition",
        "partition_set",
        "create_timestamp",
        "update_timestamp",
        "start_time",
        "end_time",
        "backfill_id",
    },
    "run_tags": {"id", "run_id", "key", "value"},
}
"""A new column may be a new question that what is pruned answers."""
INDEXES = {
    "event_logs": {
        ("run_id", "id"),
        ("asset_key", "dagster_event_type", "id"),
        ("asset_key", "dagster_event_type", "partition", "id"),
    },
    "asset_event_tags": {("event_id",)},
    "asset_check_executions": {("asset_key", "check_name", "materialization_event_storage_id", "partition")},
    "runs": set(),
    "run_tags": {("key", "value"), ("run_id", "id")},
}
"""Those without which a prune would read whole tables."""
REFERRING = {
    "event_logs": {
        "event_logs",
        "asset_event_tags",
        "asset_check_executions",
        "asset_keys",
        "secondary_indexes",
        "dynamic_partitions",
        "concurrency_limits",
        "concurrency_slots",
        "pending_steps",
    },
    "runs": {
        "runs",
        "run_tags",
        "snapshots",
        "secondary_indexes",
        "daemon_heartbeats",
        "bulk_actions",
        "backfill_tags",
        "instance_info",
        "kvs",
    },
}
"""All tables beside each: a new one may hold ids of what is pruned."""


@pytest.mark.parametrize("database", DATABASES)
def test_the_tables_are_those_that_dagster_makes(database: str, tmp_path: Path, request: pytest.FixtureRequest):
    server = request.getfixturevalue("postgresql") if database == "postgresql" else None
    with instance_on(database, tmp_path / "instance", server) as instance:
        events, runs = instance.event_log_storage, instance.run_storage
        seen = set()
        for connected in (events.index_connection, runs.connect):  # type: ignore[attr-defined]
            with connected() as connection:
                look = sa.inspect(connection)
                seen |= set(look.get_table_names())
                for table in COLUMNS.keys() & set(look.get_table_names()):
                    assert {column["name"] for column in look.get_columns(table)} == COLUMNS[table]
                    assert INDEXES[table] <= {tuple(index["column_names"]) for index in look.get_indexes(table)}
                    keys = {(key["referred_table"], *key["constrained_columns"]) for key in look.get_foreign_keys(table)}
                    assert keys == {"runs": {("snapshots", "snapshot_id")}, "run_tags": {("runs", "run_id")}}.get(table, set())
        scheduling = {"jobs", "instigators", "job_ticks", "asset_daemon_asset_evaluations"}
        assert seen - scheduling - {"alembic_version"} == REFERRING["event_logs"] | REFERRING["runs"]


def test_the_id_of_the_last_event_is_never_given_again(tmp_path: Path):
    with instance_on("sqlite", tmp_path / "instance", None) as instance:
        past = Past(instance)
        past.run(made("a"))
        records = Records(instance)
        last = instance.event_log_storage.get_maximum_record_id()
        assert last
        assert records.horizon(datetime.now(UTC)) == last - 1
        assert records.horizon(datetime(2020, 1, 1, tzinfo=UTC)) == 0
        assert instance.get_latest_materialization_event(dg.AssetKey("a"))
