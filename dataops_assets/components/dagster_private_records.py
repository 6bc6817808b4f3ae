"""The text of Dagster's records: nothing of Dagster's changes it, and an erasure must.

Records of runs tell values of rows, and what a run was launched with may be a query that names somebody.

Not here: which rows of the tables may go (`dagster_private_storage`).
"""

import json
from collections.abc import Callable, Collection

import dagster as dg
import sqlalchemy as db
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable


def runs_about(instance: dg.DagsterInstance, keys: Collection[dg.AssetKey]) -> list[str]:
    """The runs whose records are about some assets; none where an instance keeps them in no database."""
    storage, wanted = instance.event_log_storage, [key.to_string() for key in keys]
    if not isinstance(storage, SqlEventLogStorage):
        return []
    events, checks = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
    with storage.index_connection() as connection:
        found = {
            row[0]
            for table in (events, checks)
            for row in connection.execute(db.select(table.run_id).where(table.asset_key.in_(wanted)).distinct())
        }
    return sorted(found)


def rewrite_records(instance: dg.DagsterInstance, run: str, rewritten: Callable[[str], str], write: bool) -> int:
    """Let the records of a run say something else; the newest materialization of an asset is kept beside it once more.

    Args:
        instance: Where they are kept; in SQLite that is a file for the run, and one for what is asked across runs.
        run: The id of the run.
        rewritten: Gives the text that takes the place of one; the same, if it may stay.
        write: Whether it does; else they are only counted.

    Returns:
        How many of them say something else then.
    """
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    found = 0
    events, checks, assets = SqlEventLogStorageTable, AssetCheckExecutionsTable, AssetKeyTable
    of_run = {
        events: events.c.run_id == run,
        checks: checks.c.run_id == run,
        assets: assets.c.last_materialization.contains(run),
    }
    for connected, table, text in (
        (storage.run_connection(run), events, "event"),
        (storage.index_connection(), events, "event"),
        (storage.index_connection(), checks, "evaluation_event"),
        (storage.index_connection(), assets, "last_materialization"),
    ):
        with connected as connection:
            rows = connection.execute(db.select(table.c.id, table.c[text]).where(of_run[table])).fetchall()
            changed = {row[0]: after for row in rows if row[1] and (after := rewritten(row[1])) != row[1]}
            found += len(changed)
            for number, after in changed.items() if write else ():
                connection.execute(table.update().where(table.c.id == number).values({text: after}))
    return found


def rewrite_launch(instance: dg.DagsterInstance, run: str, rewritten: Callable[[str], str], write: bool) -> int:
    """Let what a run was launched with say something else: its config and its tags, each given as JSON.

    Args:
        instance: Where that is kept.
        run: The id of the run.
        rewritten: Gives the JSON that takes the place of one; the same, if it may stay.
        write: Whether it does; else it is only counted.

    Returns:
        How many of the two say something else then; 0 if there is no such run any more.
    """
    storage = instance.run_storage
    assert isinstance(storage, SqlRunStorage)
    with storage.connect() as connection:
        body = connection.execute(db.select(RunsTable.c.run_body).where(RunsTable.c.run_id == run)).scalar()
        said = json.loads(body) if body else {}
        after = {name: json.loads(rewritten(json.dumps(said[name]))) for name in ("run_config", "tags") if said.get(name)}
        changed = [name for name, one in after.items() if one != said[name]]
        if changed and write:
            text = json.dumps(said | after)
            connection.execute(RunsTable.update().where(RunsTable.c.run_id == run).values(run_body=text))
            for key in after.get("tags", ()):
                tag = RunTagsTable.update().where(RunTagsTable.c.run_id == run, RunTagsTable.c.key == key)
                connection.execute(tag.values(value=after["tags"][key]))
    return len(changed)
