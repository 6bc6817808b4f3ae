"""What somebody types cannot read, write or take more than it was given, however it is written."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dataops_assets.areas.sandbox import Limits, QueryError, Refused, run, tables

LIMITS = Limits(seconds=6, memory_bytes=256 << 20, result_bytes=8 << 20)


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[str], pl.DataFrame]:
    """Runs a query over one table `numbers` with the column `n`; a file `secret` lies beside it."""
    numbers, secret, result = (tmp_path / f"{name}.parquet" for name in ("numbers", "secret", "result"))
    pl.DataFrame({"n": [1, 2, 3]}).write_parquet(numbers)
    pl.DataFrame({"n": [42]}).write_parquet(secret)

    def ask(sql: str) -> pl.DataFrame:
        before = set(tmp_path.rglob("*"))
        try:
            named, _ = tables(sql, LIMITS)
            run(sql.replace("FOLDER", str(tmp_path)), {name: [numbers] for name in named if name == "numbers"}, result, LIMITS)
            return pl.read_parquet(result)
        finally:
            result.unlink(missing_ok=True)
            assert set(tmp_path.rglob("*")) <= before | {result}

    return ask


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT sum(n) FROM numbers", [(6,)]),
        ("FROM numbers ORDER BY n DESC LIMIT 1;", [(3,)]),
        ("WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t WHERE i < 5) SELECT max(i) FROM t -- five", [(5,)]),
        ("SELECT n, sum(n) OVER (ORDER BY n) AS sofar FROM main.numbers /* all */ ORDER BY n", [(1, 1), (2, 3), (3, 6)]),
        ("SELECT n FROM numbers JOIN numbers AS same USING (n) WHERE n = 3", [(3,)]),
        ("WITH numbers AS (SELECT 7 AS n) SELECT n FROM numbers", [(7,)]),
    ],
)
def test_query_is_answered(ask: Callable[[str], pl.DataFrame], sql: str, rows: list[tuple[int, ...]]) -> None:
    assert ask(sql).rows() == rows


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/proc/self/environ')",
        "SELECT * FROM read_parquet('FOLDER/secret.parquet')",
        "SELECT * FROM parquet_metadata('FOLDER/secret.parquet')",
        "SELECT * FROM query('SELECT * FROM read_parquet(''FOLDER/secret.parquet'')')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM read_csv('https://example.com/a.csv')",
        "SELECT * FROM read_parquet('s3://bucket/a.parquet')",
        "SELECT getenv('HOME')",
        "SELECT * FROM enable_logging(storage = 'file', storage_config = {'path': 'FOLDER/log'})",
        "WITH t AS (INSERT INTO numbers VALUES (4) RETURNING n) SELECT * FROM t",
    ],
)
def test_nothing_else_is_read_or_written(ask: Callable[[str], pl.DataFrame], sql: str) -> None:
    with pytest.raises(Refused):
        ask(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "COPY numbers TO 'FOLDER/copy.parquet'",
        "COPY (SELECT 1) TO 'FOLDER/copy.csv'",
        "EXPORT DATABASE 'FOLDER/all'",
        "ATTACH 'FOLDER/other.db'",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "PRAGMA enable_logging",
        "CALL enable_logging()",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW numbers",
        "INSERT INTO numbers VALUES (4)",
        "EXPLAIN ANALYZE SELECT * FROM numbers",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY numbers TO 'FOLDER/copy.parquet'",
        "",
        "-- nothing",
    ],
)
def test_one_select_and_nothing_else(ask: Callable[[str], pl.DataFrame], sql: str) -> None:
    with pytest.raises(QueryError, match="write one SELECT, and nothing else"):
        ask(sql)


@pytest.mark.parametrize("sql", ["SELECT 1) TO 'FOLDER/copy.csv'; --", "SELECT 1 /*", "SELECT $$"])
def test_what_is_no_sql_is_told(ask: Callable[[str], pl.DataFrame], sql: str) -> None:
    with pytest.raises(Refused) as caught:
        ask(sql)
    assert (caught.value.kind, caught.value.holds_values) == ("ParserException", False)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT * FROM t", "takes longer than 6 s"),
        (f"SELECT {'(' * 20_000}1{')' * 20_000}", "takes longer than 6 s|expression depth"),
        ("SELECT range, random() FROM range(1000000000)", "its result is larger than 8 MB"),
        ("SELECT list(r) FROM range(1000000000) t(r)", "Out of Memory"),
        ("SELECT repeat('x', 4000000000) FROM range(8)", "memory|longer than"),
    ],
)
def test_no_more_is_taken_than_the_limits(ask: Callable[[str], pl.DataFrame], sql: str, told: str) -> None:
    with pytest.raises(QueryError, match=told):
        ask(sql)


def test_process_has_no_variables_of_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    result = tmp_path / "result.parquet"
    for sql in ("SELECT name FROM duckdb_settings() WHERE value = 'secret'", "SELECT name FROM duckdb_secrets()"):
        run(sql, {}, result, LIMITS)
        assert pl.read_parquet(result).is_empty()


def test_words_that_may_hold_values_are_told_apart(ask: Callable[[str], pl.DataFrame]) -> None:
    with pytest.raises(Refused) as caught:
        ask("SELECT ('id ' || n)::INT FROM numbers")
    assert "id 1" in str(caught.value)
    assert caught.value.holds_values
    with pytest.raises(Refused) as caught:
        ask("SELECT m FROM numbers")
    assert not caught.value.holds_values
