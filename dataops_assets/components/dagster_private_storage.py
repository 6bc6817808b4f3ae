"""The tables in which Dagster keeps runs and events, of which it exports nothing but `delete_run`.

Nothing else reads or writes them; a contract test compares them with what Dagster makes on SQLite and PostgreSQL. Here is how
rows are found and removed, and which of them nothing can ask for any more; not whose runs may go, nor when (`pruning`).

What is kept is seen from a moment, the horizon: the id of the last event that is older than the term. A row has been *followed*
if there is a later one of the same kind, asset and partition up to the horizon. Dagster asks for the newest, or for what was
the newest at a cursor; so without the followed rows it answers as before, to everyone whose cursor is not older than the term.
Followed rows stay followed, whatever else is removed: two that prune at once, or one that was killed, do no harm.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import sqlalchemy as sa
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.instance import RUNLESS_RUN_ID
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._serdes import deserialize_value

_EVENTS, _EVENT_TAGS, _EVALUATIONS = SqlEventLogStorageTable, AssetEventTagsTable, AssetCheckExecutionsTable
_Taken = TypeVar("_Taken")
_DATA_VERSION = "dagster/data_version"
_EVALUATED = ("SUCCEEDED", "FAILED")
_OVER = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_BACKFILLS_UNDER_WAY = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING)
_HOW_IT_WENT = tuple(
    kind.value
    for kind in (
        dg.DagsterEventType.RUN_START,
        dg.DagsterEventType.RUN_SUCCESS,
        dg.DagsterEventType.RUN_FAILURE,
        dg.DagsterEventType.RUN_CANCELED,
        dg.DagsterEventType.STEP_FAILURE,
    )
)
"""What the log of a run that is kept still tells: when it began, how it ended, and why."""
_ROWS = 5000
"""How many rows one transaction removes: some tenths of a second, for which nobody waits who writes other rows."""
_WORTH_PACKING = 0.25
"""The share of a SQLite file that must be free before it is written anew."""


class Records:
    """The rows of an instance.

    Args:
        instance: On SQLite or PostgreSQL.

    Raises:
        dg.DagsterInvariantViolationError: It keeps its records elsewhere.
    """

    def __init__(self, instance: dg.DagsterInstance):
        events, runs = instance.event_log_storage, instance.run_storage
        if not (isinstance(events, SqlEventLogStorage) and isinstance(runs, SqlRunStorage) and _is_known(events, runs)):
            where = f"{type(events).__name__} and {type(runs).__name__}"
            raise dg.DagsterInvariantViolationError(f"records in {where} cannot be pruned, only those on SQLite or PostgreSQL")
        self._instance, self._events, self._runs = instance, events, runs
        self._files = events if isinstance(events, SqliteEventLogStorage) else None

    def horizon(self, before: datetime) -> int:
        """The id of the last event before a moment, 0 if there is none.

        Never that of the last event of all: SQLite would give its id to the next one, which no cursor would see then.
        """
        last = sa.select(sa.func.max(_EVENTS.c.id))
        found = sa.select(_EVENTS.c.id).where(_EVENTS.c.timestamp < _naive(before)).order_by(_EVENTS.c.id.desc()).limit(1)
        with self._events.index_connection() as connection:
            return min(connection.scalar(found) or 0, (connection.scalar(last) or 1) - 1)

    def over(self, before: datetime, batch: int) -> Iterator[list[dg.DagsterRun]]:
        """The runs that were over before a moment, the oldest first."""
        statuses = [status.value for status in _OVER]
        over = sa.and_(RunsTable.c.status.in_(statuses), RunsTable.c.update_timestamp < _naive(before))
        last = 0
        while True:
            query = sa.select(RunsTable.c.id, RunsTable.c.run_body).where(over, RunsTable.c.id > last)
            with self._runs.connect() as connection:
                rows = connection.execute(query.order_by(RunsTable.c.id).limit(batch)).all()
            if not rows:
                return
            last = rows[-1].id
            yield [deserialize_value(row.run_body, dg.DagsterRun) for row in rows]

    def backfills_under_way(self) -> set[str]:
        """The ids of the backfills that have not ended."""
        under_way = BulkActionsFilter(statuses=_BACKFILLS_UNDER_WAY)
        return {backfill.backfill_id for backfill in self._instance.get_backfills(filters=under_way)}

    def repeated(self, runs: Collection[str]) -> set[str]:
        """Those of the runs that others were made from: the page of a repetition asks for them."""
        tags = RunTagsTable.c
        query = sa.select(tags.value).distinct()
        query = query.where(tags.key.in_(("dagster/root_run_id", "dagster/parent_run_id")), tags.value.in_(runs))
        with self._runs.connect() as connection:
            return set(connection.scalars(query))

    def needed(self, runs: Collection[str], horizon: int) -> set[str]:
        """Those of the runs that have told something that nothing has followed, or that is beyond the horizon."""
        events = sa.or_(_EVENTS.c.id > horizon, sa.and_(_EVENTS.c.asset_key.is_not(None), ~_followed(horizon)))
        found = set()
        with self._events.index_connection() as connection:
            for column, needed in ((_EVENTS.c.run_id, events), (_EVALUATIONS.c.run_id, ~_evaluated_again(horizon))):
                found |= set(connection.scalars(sa.select(column).distinct().where(column.in_(runs), needed)))
        return found

    def with_logs(self, runs: Collection[str]) -> set[str]:
        """Those of the runs whose events name what their processes wrote."""
        captured = _EVENTS.c.dagster_event_type == dg.DagsterEventType.LOGS_CAPTURED.value
        query = sa.select(_EVENTS.c.run_id).distinct().where(_EVENTS.c.run_id.in_(runs), captured)
        return {run for found in self._in_logs(runs, query, lambda result: result.scalars().all()) for run in found}

    def remove_events(self, whole: Collection[str], parts: Collection[str], horizon: int) -> int:
        """Remove what runs have logged, a few thousand rows at a time.

        Args:
            whole: Runs of which everything goes.
            parts: Runs of which stays what nothing has followed, when they began, how they ended, and why.
            horizon: Nothing after it goes.

        Returns:
            How many events went.
        """
        kind = _EVENTS.c.dagster_event_type
        unasked = sa.and_(_EVENTS.c.asset_key.is_(None), sa.or_(kind.is_(None), kind.not_in(_HOW_IT_WENT)))
        of_parts = sa.and_(_EVENTS.c.run_id.in_(parts), sa.or_(unasked, _followed(horizon)))
        removed = self._remove(sa.or_(_EVENTS.c.run_id.in_(whole), of_parts), horizon)
        if self._files:
            # The file of a run holds all that it logged, the index what the assets, checks and statuses of all runs ask for.
            removed += sum(self._in_logs(parts, _EVENTS.delete().where(unasked), lambda result: result.rowcount))
            for run in whole:
                removed += self._unlink(run)
        return removed

    def remove_runless(self, assets: Collection[dg.AssetKey], horizon: int) -> int:
        """Remove followed events of assets, and of their checks, that no run has told.

        Returns:
            How many events went.
        """
        named = [key.to_string() for key in assets]
        followed = sa.and_(_EVENTS.c.run_id == RUNLESS_RUN_ID, _EVENTS.c.asset_key.in_(named), _followed(horizon))
        removed = self._remove(followed, horizon)
        rows = _EVALUATIONS.c
        again = sa.and_(rows.run_id == RUNLESS_RUN_ID, rows.asset_key.in_(named), _evaluated_again(horizon))
        query = sa.select(rows.id, rows.evaluation_event_storage_id).where(again).limit(_ROWS)
        while gone := self._rows(query):
            with self._events.index_transaction() as connection:
                events = [row.evaluation_event_storage_id for row in gone]
                removed += connection.execute(_EVENTS.delete().where(_EVENTS.c.id.in_(events))).rowcount
                connection.execute(_EVALUATIONS.delete().where(rows.id.in_([row.id for row in gone])))
        return removed

    def runless_of_others(self, assets: Collection[dg.AssetKey], horizon: int) -> int:
        """How many events up to the horizon no run has told, of other assets than these."""
        others = sa.and_(_EVENTS.c.run_id == RUNLESS_RUN_ID, _EVENTS.c.asset_key.not_in([key.to_string() for key in assets]))
        with self._events.index_connection() as connection:
            return connection.scalar(sa.select(sa.func.count(_EVENTS.c.id)).where(others, _EVENTS.c.id <= horizon)) or 0

    def remove_evaluations(self, runs: Collection[str], horizon: int) -> int:
        """Remove what runs have told of checks and was told again since.

        Returns:
            How many went.
        """
        query = sa.select(_EVALUATIONS.c.id).where(_EVALUATIONS.c.run_id.in_(runs), _evaluated_again(horizon)).limit(_ROWS)
        removed = 0
        while gone := [row.id for row in self._rows(query)]:
            with self._events.index_transaction() as connection:
                connection.execute(_EVALUATIONS.delete().where(_EVALUATIONS.c.id.in_(gone)))
            removed += len(gone)
        return removed

    def remove_runs(self, runs: Collection[str]) -> None:
        """Remove runs that have no events any more, with what they hold."""
        held = self._events.get_concurrency_run_ids() if self._events.supports_global_concurrency_limits else set()
        for run in held.intersection(runs):
            self._events.free_concurrency_slots_for_run(run)
        with self._runs.connect() as connection:
            # PostgreSQL would remove the tags by itself; SQLite does not look at foreign keys.
            connection.execute(RunTagsTable.delete().where(RunTagsTable.c.run_id.in_(runs)))
            connection.execute(RunsTable.delete().where(RunsTable.c.run_id.in_(runs)))

    def pack(self) -> int:
        """Give back the space of SQLite's files; PostgreSQL uses it for the next rows.

        A file is written anew, for which there must be space beside it, and whoever writes to it waits that long. So only a
        file of which a quarter is free is packed, and not while somebody writes to it.

        Returns:
            How many bytes were given back.
        """
        if not self._files:
            return 0
        assert isinstance(self._runs, SqliteRunStorage)
        with self._runs.connect() as connection:
            runs = connection.engine.url.database
        assert runs
        return sum(_packed(Path(file)) for file in (self._files.path_for_shard(INDEX_SHARD_NAME), runs))

    def _remove(self, which: sa.ColumnElement[bool], horizon: int) -> int:
        removed = last = 0
        query = sa.select(_EVENTS.c.id).where(which, _EVENTS.c.id <= horizon).order_by(_EVENTS.c.id).limit(_ROWS)
        while gone := [row.id for row in self._rows(query.where(_EVENTS.c.id > last))]:
            with self._events.index_transaction() as connection:
                connection.execute(_EVENT_TAGS.delete().where(_EVENT_TAGS.c.event_id.in_(gone)))
                connection.execute(_EVENTS.delete().where(_EVENTS.c.id.in_(gone)))
            removed, last = removed + len(gone), gone[-1]
        return removed

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with self._events.index_connection() as connection:
            return connection.execute(query).all()

    def _in_logs(
        self, runs: Collection[str], statement: sa.Executable, take: Callable[[sa.CursorResult[Any]], _Taken]
    ) -> Iterator[_Taken]:
        """Execute a statement where all events of the runs are: in one place, or on SQLite in the file that each run has.

        Dagster's own way to the file of a run makes one if it is gone, and looks for migrations each time.
        """
        if not self._files:
            with self._events.index_connection() as connection:
                yield take(connection.execute(statement))
            return
        for run in runs:
            path = Path(self._files.path_for_shard(run))
            engine = sa.create_engine("sqlite://", creator=partial(_opened, path), poolclass=sa.NullPool)
            try:
                with engine.begin() as connection:
                    taken = take(connection.execute(statement))
            except sa.exc.OperationalError:
                if path.exists():  # else it is gone already, or went a moment ago
                    raise
            else:
                yield taken

    def _unlink(self, run: str) -> int:
        assert self._files
        logged: int = sum(self._in_logs([run], sa.select(sa.func.count(_EVENTS.c.id)), lambda result: result.scalar_one()))
        for suffix in ("-wal", "-shm", ""):
            Path(self._files.path_for_shard(run) + suffix).unlink(missing_ok=True)
        return logged


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=30)


def _is_known(events: SqlEventLogStorage, runs: SqlRunStorage) -> bool:
    with events.index_connection() as of_events, runs.connect() as of_runs:
        return {of_events.dialect.name, of_runs.dialect.name} <= {"sqlite", "postgresql"}


def _naive(moment: datetime) -> datetime:
    """As Dagster stores it: UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _followed(horizon: int) -> sa.ColumnElement[bool]:
    """Whether an event of an asset has a later one of its kind and partition; one with a data version, if it has one itself."""
    later = _EVENTS.alias("later")

    def has_version(event: sa.FromClause) -> sa.ColumnElement[bool]:
        tags = _EVENT_TAGS.alias()
        return sa.exists().where(tags.c.event_id == event.c.id, tags.c.key == _DATA_VERSION).correlate(event)

    def by(same_partition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        return sa.exists().where(
            later.c.asset_key == _EVENTS.c.asset_key,
            later.c.dagster_event_type == _EVENTS.c.dagster_event_type,
            same_partition,
            later.c.id > _EVENTS.c.id,
            later.c.id <= horizon,
            sa.or_(has_version(later), ~has_version(_EVENTS)),
        )

    # Two questions, as no index answers "equal, or both NULL".
    unpartitioned = sa.and_(_EVENTS.c.partition.is_(None), by(later.c.partition.is_(None)))
    return sa.or_(by(later.c.partition == _EVENTS.c.partition), unpartitioned)


def _evaluated_again(horizon: int) -> sa.ColumnElement[bool]:
    """Whether a check was told again of the same partition; as planned only, if nothing but a plan was there before."""
    rows, later = _EVALUATIONS.c, _EVALUATIONS.alias("later")

    def by(same_partition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        return sa.exists().where(
            later.c.asset_key == rows.asset_key,
            later.c.check_name == rows.check_name,
            same_partition,
            later.c.id > rows.id,
            later.c.evaluation_event_storage_id <= horizon,
            sa.or_(later.c.execution_status.in_(_EVALUATED), rows.execution_status.not_in(_EVALUATED)),
        )

    return sa.or_(by(later.c.partition == rows.partition), sa.and_(rows.partition.is_(None), by(later.c.partition.is_(None))))


def _packed(file: Path) -> int:
    before = file.stat().st_size
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        [[free]], [[pages]] = connection.execute("PRAGMA freelist_count"), connection.execute("PRAGMA page_count")
        if free < _WORTH_PACKING * pages:
            return 0
        with suppress(sqlite3.OperationalError):  # somebody writes: the next time
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before - file.stat().st_size
