"""What each role of roles.sql may do on a real PostgreSQL: each statement on each table, as docs/access.md says by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from dagster_postgres import DagsterPostgresStorage
from psycopg2.errors import InsufficientPrivilege

from dataops_assets.components.pruning import CodeLocation, prune
from dataops_assets_tests import postgres
from dataops_assets_tests.components.recorded import Past, checked, made, planned
from dataops_assets_tests.docs.tables import rows

ROLES_SQL = Path(__file__).parents[2] / "deploy/postgres/roles.sql"
ROLES = ("dagster_owner", "dagster", "dataops_reader", "dataops_pruner")
STATEMENTS = {
    "read": ["SELECT * FROM {table} LIMIT 0"],
    "insert": ["INSERT INTO {table} DEFAULT VALUES"],
    "update": ["UPDATE {table} SET {column} = NULL WHERE false"],
    "delete": ["DELETE FROM {table} WHERE false"],
    "truncate": ["TRUNCATE {table}"],
    "reindex": ["REINDEX TABLE {table}"],
    "alter": ["ALTER TABLE {table} ADD COLUMN more int"],
    "drop": ["DROP TABLE {table} CASCADE"],
    "own": ["ALTER TABLE {table} OWNER TO CURRENT_USER", "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"],
    "trigger": ["CREATE TRIGGER more BEFORE UPDATE ON {table} EXECUTE FUNCTION suppress_redundant_updates_trigger()"],
    "rule": ["CREATE RULE more AS ON INSERT TO {table} DO INSTEAD NOTHING"],
    "policy": ["CREATE POLICY more ON {table}"],
    "lock": ["LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"],
}
OF_ROWS = {"read", "insert", "update", "delete"}
ELSEWHERE = {
    "make a table": "CREATE TABLE more (x int)",
    "make a temporary table": "CREATE TEMPORARY TABLE more (x int)",
    "make a schema": "CREATE SCHEMA more",
    "make a function": "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "make a role": "CREATE ROLE more",
    "become the owner": "SET ROLE dagster_owner",
    "set another's password": "ALTER ROLE owner_of_all PASSWORD 'x'",
    "read a file": "SELECT pg_read_file('PG_VERSION')",
    "run a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "read hashes of passwords": "SELECT rolpassword FROM pg_authid",
}


@pytest.fixture(scope="module")
def database(postgresql: postgres.Server) -> Iterator[str]:
    """A database of Dagster's tables with the roles, set up by somebody who is no superuser, as on RDS."""
    with postgresql.database() as url:
        root = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        name = sa.make_url(url).database
        with root.connect() as connection:
            for statement in (
                "CREATE ROLE owner_of_all LOGIN CREATEROLE CREATEDB",
                "CREATE ROLE rds_iam",
                "GRANT rds_iam TO owner_of_all WITH ADMIN OPTION",
                "CREATE ROLE anybody LOGIN",
                f"ALTER DATABASE {name} OWNER TO owner_of_all",
            ):
                connection.execute(sa.text(statement))
        grant(url)
        DagsterPostgresStorage(of(url, "dagster_owner"), should_autocreate_tables=True)
        grant(url)
        yield url
        with root.connect() as connection:
            for role in (*ROLES, "anybody", "rds_iam", "owner_of_all"):
                connection.execute(sa.text(f"REASSIGN OWNED BY {role} TO CURRENT_USER"))
                connection.execute(sa.text(f"DROP OWNED BY {role} CASCADE"))
            for role in (*ROLES, "anybody", "rds_iam", "owner_of_all"):
                connection.execute(sa.text(f"DROP ROLE {role}"))


def of(url: str, role: str) -> str:
    return sa.make_url(url).set(username=role).render_as_string(hide_password=False)


def grant(url: str, role: str = "owner_of_all") -> None:
    """Run roles.sql."""
    connection = sa.create_engine(of(url, role), poolclass=sa.NullPool).raw_connection()
    try:
        connection.driver_connection.autocommit = True  # type: ignore[union-attr]  # the file begins and ends its transaction
        connection.cursor().execute(ROLES_SQL.read_text())
    finally:
        connection.close()


def allows(connection: sa.Connection, statement: str) -> bool:
    """Whether a statement is not refused for lack of a right; nothing of it stays."""
    attempt = connection.begin_nested()
    try:
        connection.exec_driver_sql(statement)
    except sa.exc.DBAPIError as error:
        return not isinstance(error.orig, InsufficientPrivilege)
    else:
        return True
    finally:
        attempt.rollback()


def tables(url: str) -> dict[str, str]:
    """Each table, with one of its columns."""
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        query = (
            "SELECT table_name, min(column_name::text) FROM information_schema.columns WHERE table_schema = 'public' GROUP BY 1"
        )
        return {row[0]: row[1] for row in connection.execute(sa.text(query))}


def expected(role: str) -> dict[str, set[str]]:
    """What a role may do to each table."""
    if role == "dagster_owner":
        return {row["table"]: set(STATEMENTS) for row in rows("access.md", "table")}
    if role == "anybody":
        return {row["table"]: set() for row in rows("access.md", "table")}
    words = {"write": {"insert", "update", "delete"}}
    found = {row["table"]: row[role].split() for row in rows("access.md", "table")}
    may = {table: {one for word in said for one in words.get(word, {word})} for table, said in found.items()}
    # Whoever changes rows may lock all of them; PostgreSQL has no right that would forbid it.
    return {table: said | ({"lock"} if said & {"update", "delete"} else set()) for table, said in may.items()}


def test_every_table_of_dagster_stands_on_the_page(database: str):
    assert sorted(tables(database)) == [row["table"] for row in rows("access.md", "table")]


@pytest.mark.parametrize("role", [*ROLES])
def test_each_role_may_do_to_each_table_what_the_page_says(database: str, role: str):
    found: dict[str, set[str]] = {}
    with sa.create_engine(of(database, role), poolclass=sa.NullPool).connect() as connection:
        for table, column in tables(database).items():
            found[table] = {
                what
                for what, statements in STATEMENTS.items()
                if all(allows(connection, one.format(table=table, column=column)) for one in statements)
            }
    assert found == expected(role)


def test_of_what_statements_cannot_try_no_right_is_granted_either(database: str):
    """A foreign key needs a table of one's own; rights can be granted for single columns, and be passed on."""
    with sa.create_engine(database, poolclass=sa.NullPool).connect() as connection:
        for table in tables(database):
            for role in (*ROLES[1:], "anybody"):
                for right in (
                    "REFERENCES",
                    "TRIGGER",
                    "TRUNCATE",
                    "MAINTAIN",
                    *(f"{one} WITH GRANT OPTION" for one in ("SELECT", "DELETE")),
                ):
                    query = sa.text("SELECT has_table_privilege(:role, :table, :right)")
                    assert not connection.scalar(query, {"role": role, "table": table, "right": right}), (role, table, right)
            for role in ("dataops_reader", "dataops_pruner", "anybody"):
                query = sa.text("SELECT has_any_column_privilege(:role, :table, 'INSERT')")
                assert not connection.scalar(query, {"role": role, "table": table}), (role, table)


def test_sequences_are_counted_on_by_whoever_inserts(database: str):
    names = [f"{table}_id_seq" for table in tables(database) if table != "alembic_version"]
    for role, may in (("dagster", (True, False)), ("dataops_reader", (False, False)), ("dataops_pruner", (False, False))):
        with sa.create_engine(of(database, role), poolclass=sa.NullPool).connect() as connection:
            for name in names:
                tried = (allows(connection, f"SELECT nextval('{name}')"), allows(connection, f"SELECT setval('{name}', 1)"))
                assert tried == may, (role, name)


def test_nobody_makes_anything_or_becomes_anybody_else(database: str):
    for role in ROLES:
        with sa.create_engine(of(database, role), poolclass=sa.NullPool).connect() as connection:
            may = {what for what, statement in ELSEWHERE.items() if allows(connection, statement)}
        if role == "dagster_owner":
            assert may == {"make a table", "make a function", "become the owner"}
        else:
            assert may == set(), role


def test_whoever_has_no_role_does_not_get_in(database: str):
    with pytest.raises(sa.exc.OperationalError, match="permission denied for database"):
        sa.create_engine(of(database, "anybody"), poolclass=sa.NullPool).connect()


def test_nobody_has_a_password_and_each_signs_in_by_iam(database: str):
    with sa.create_engine(database, poolclass=sa.NullPool).connect() as connection:
        without = connection.scalars(sa.text("SELECT rolname FROM pg_authid WHERE rolcanlogin AND rolpassword IS NULL"))
        assert set(ROLES) <= set(without)
        by_iam = connection.scalars(
            sa.text("SELECT member::regrole::text FROM pg_auth_members WHERE roleid = 'rds_iam'::regrole")
        )
        assert set(ROLES) <= set(by_iam)


@pytest.mark.parametrize(
    "by_hand",
    [
        "GRANT DELETE ON runs TO dataops_reader",
        "GRANT UPDATE (status) ON runs TO dataops_reader",
        "GRANT INSERT ON event_logs TO PUBLIC",
        "GRANT UPDATE ON alembic_version TO dagster",
        "GRANT TRUNCATE, REFERENCES ON runs TO dagster WITH GRANT OPTION",
        "GRANT UPDATE ON SEQUENCE runs_id_seq TO dataops_pruner",
        "GRANT CREATE ON SCHEMA public TO dagster",
        "GRANT CREATE ON SCHEMA public TO anybody",
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
        "GRANT CONNECT ON DATABASE {database} TO anybody",
        "GRANT TEMPORARY ON DATABASE {database} TO PUBLIC",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO anybody",
        "GRANT UPDATE (status) ON runs TO anybody",
        "GRANT ALL ON SEQUENCE runs_id_seq TO anybody",
        "GRANT SELECT ON runs TO dagster WITH GRANT OPTION; SET ROLE dagster; GRANT SELECT ON runs TO anybody; RESET ROLE",
        "ALTER TABLE kvs OWNER TO dagster",
        "ALTER ROLE dagster PASSWORD 'x'",
    ],
)
def test_what_is_granted_by_hand_is_taken_back(database: str, by_hand: str):
    def state() -> list[object]:
        queries = (
            "SELECT relname, relowner::regrole, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace",
            "SELECT attrelid::regclass, attname, attacl::text FROM pg_attribute WHERE attacl <> '{}' AND attrelid > 16384",
            "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname = 'public'",
            "SELECT datname, datacl::text FROM pg_database WHERE datname = current_database()",
            "SELECT rolname, rolpassword IS NULL FROM pg_authid WHERE rolname IN ('dagster')",
        )
        with sa.create_engine(database, poolclass=sa.NullPool).connect() as connection:
            return [sorted(map(normal, connection.execute(sa.text(query)))) for query in queries]

    def normal(row: sa.Row[tuple[object, ...]]) -> tuple[str, ...]:
        return tuple(",".join(sorted(str(value).strip("{}").split(","))) for value in row)

    before = state()
    with sa.create_engine(database, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as connection:
        connection.execute(sa.text(by_hand.format(database=sa.make_url(database).database)))
    assert state() != before
    if "OWNER TO" in by_hand:  # whoever runs it must be of the owner's role to give away what is his
        grant(database, "postgres")
    else:
        grant(database)
    assert state() == before


@pytest.mark.parametrize(
    ("by_hand", "back"),
    [
        ("ALTER ROLE dataops_reader CREATEROLE", "ALTER ROLE dataops_reader NOCREATEROLE"),
        ("ALTER ROLE dataops_reader BYPASSRLS", "ALTER ROLE dataops_reader NOBYPASSRLS"),
        ("GRANT dagster TO dataops_reader", "REVOKE dagster FROM dataops_reader"),
        ("GRANT pg_write_all_data TO dataops_reader", "REVOKE pg_write_all_data FROM dataops_reader"),
        ("GRANT dataops_reader TO anybody", "REVOKE dataops_reader FROM anybody"),
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE dagster_owner GRANT INSERT ON TABLES TO dataops_reader",
            "ALTER DEFAULT PRIVILEGES FOR ROLE dagster_owner REVOKE INSERT ON TABLES FROM dataops_reader",
        ),
    ],
)
def test_what_cannot_be_taken_back_is_told(database: str, by_hand: str, back: str):
    with sa.create_engine(database, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as connection:
        connection.execute(sa.text(by_hand))
        try:
            with pytest.raises(Exception, match="dataops_reader"):
                grant(database)
        finally:
            connection.execute(sa.text(back))
    grant(database)


def test_dagster_works_with_its_role_and_prunes_with_that_for_pruning(database: str, tmp_path: Path):
    with instance_as(database, "dagster", tmp_path) as instance:
        past = Past(instance)
        past.run(planned("a", "x"), made("a", "x", "1"), checked("a", "x"))
        last = past.run(planned("a", "x"), made("a", "x", "2"), checked("a", "x"))
        instance.event_log_storage.set_concurrency_slots("pool", 2)
    term, now = timedelta(days=90), datetime.now(UTC) + timedelta(days=100)
    ours = CodeLocation("here", frozenset({dg.AssetKey("a")}))
    with (
        instance_as(database, "dataops_reader", tmp_path) as instance,
        pytest.raises(sa.exc.ProgrammingError, match="permission denied"),
    ):
        prune(instance, ours, term, term, now)
    with instance_as(database, "dataops_pruner", tmp_path) as instance:
        assert prune(instance, ours, term, term, now).removed == 1
        assert [run.run_id for run in instance.get_runs()] == [last]
        with pytest.raises(Exception, match="permission denied"):
            Past(instance).run(made("a", "x", "3"))


def instance_as(database: str, role: str, home: Path) -> dg.DagsterInstance:
    """Dagster's instance on the database, with the rights of a role."""
    storage = {"postgres": {"postgres_url": of(database, role), "should_autocreate_tables": False}}
    (home / "dagster.yaml").write_text(yaml.safe_dump({"storage": storage, "telemetry": {"enabled": False}}))
    return dg.DagsterInstance.from_config(str(home))
