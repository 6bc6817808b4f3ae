"""Dagster's records on a laptop: its own SQLite storage, with connections that stay open. `dagster.yaml` names it.

Dagster opens a connection for each statement, so each is compiled anew, and closing the last one to a file syncs the disk
again. That was two thirds of what an event costs. And for each run it works out anew which tables its file has, which was a
fifth of what a short run costs. The files are Dagster's own, and its own storage reads them as well.

Not here: what is recorded (`components.reports`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError


class Events(SqliteEventLogStorage):
    """The log of events: a file for each run, and one for what is asked across runs.

    Args:
        base_dir: Where the files lie.
    """

    _tables: ClassVar[list[str]] = []
    """What makes the tables of a run, as Dagster made them for the first one of this process."""

    def __init__(self, base_dir: str):
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard not in self._initialized_dbs:
                self._open(shard)
            with self._engines[shard].begin() as connection:
                yield connection

    def _open(self, shard: str) -> None:
        """Keep a file open: that across runs, and that of one run, the latest that was asked for."""
        for other in self._engines.keys() - {INDEX_SHARD_NAME} | {shard}:
            if other in self._engines:
                self._engines.pop(other).dispose()
                self._initialized_dbs.discard(other)
        is_new = not Path(self.path_for_shard(shard)).exists()
        engine = create_engine(self.conn_string_for_shard(shard), connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
        event.listen(engine, "connect", _rarely_synced)
        if not is_new or not self._tables or not self._made(engine):
            self._initdb(engine)
        if is_new and not self._tables:
            Events._tables = _tables_of(engine)  # at once, since another thread may read it
        self._engines[shard] = engine
        self._initialized_dbs.add(shard)

    def _made(self, engine: Engine) -> bool:
        """Whether the tables were made; Dagster is to see what hinders."""
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                for statement in self._tables:
                    connection.exec_driver_sql(statement)
                connection.commit()
        except OperationalError:  # another process has begun the file, or there is no room
            return False
        return True

    def dispose(self) -> None:
        """Close the files."""
        super().dispose()
        while self._engines:
            shard, engine = self._engines.popitem()
            engine.dispose()
            self._initialized_dbs.discard(shard)


def _rarely_synced(connection: Any, _: Any) -> None:
    # A power failure may take the last events, but damages nothing; `reconcile` tells again what Dagster does not know.
    connection.execute("PRAGMA synchronous=NORMAL")


def _tables_of(engine: Engine) -> list[str]:
    """The statements that make the tables of a file, and the version that Dagster gave them."""
    with engine.connect() as connection:
        made = (
            connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC").scalars().all()
        )
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    return [*made, f"INSERT INTO alembic_version VALUES ('{version}')"]


class Records(DagsterSqliteStorage):
    """All that Dagster keeps: runs, events, schedules."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None):
        super().__init__(base_dir, inst_data)
        self._event_log_storage = Events(str(Path(base_dir, "history", "runs")))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """As Dagster makes it from `dagster.yaml`."""
        return cls.from_local(inst_data=inst_data, **config_value)
