"""SQL that somebody typed, run where it can read nothing but the files that it was given, and write nothing but its result.

It runs in a process of its own: without the variables of this one, so without credentials, and within limits of the operating
system for memory, time and the size of a file. In it, DuckDB opens the given files alone, loads no extension, and its settings
are locked before it sees the query.

This file is also that process: it imports nothing of ours. Not here: which files a query may read (`query`).
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


class QueryError(Exception):
    """A query cannot be run. The message says why."""


@dataclass(frozen=True)
class Limits:
    """How much a query may take.

    Attributes:
        seconds: How long it may run.
        memory_bytes: How much memory it may hold; beyond that it writes to the disk, as far as it can.
        result_bytes: How large its result may be, and each file that it holds meanwhile.
        threads: How many of its parts run at the same time, at most.
    """

    seconds: int = 900
    memory_bytes: int = 2 << 30
    result_bytes: int = 8 << 30
    threads: int = 4


class Refused(QueryError):
    """DuckDB has refused a query.

    Args:
        kind: The name of its error.
        words: What it said; that may hold values of what was read.
    """

    def __init__(self, kind: str, words: str):
        self.kind = kind
        super().__init__(words)

    @property
    def holds_values(self) -> bool:
        """Whether its words may hold values: those about names, types and rights do not."""
        return self.kind not in _ABOUT_THE_QUERY


_ABOUT_THE_QUERY = (
    "BinderException",
    "CatalogException",
    "NotImplementedException",
    "OutOfMemoryException",
    "ParserException",
    "PermissionException",
)
_FOR_ALL_ELSE_BYTES = 1 << 30
"""Memory that DuckDB does not count: its code, its threads, long texts."""
_OPTIONS: dict[str, Any] = {
    "allow_community_extensions": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


def tables(sql: str, limits: Limits) -> tuple[set[str], set[str]]:
    """The names of all tables in a query, as they stand in it, and of those that it makes itself (`WITH name AS …`).

    Raises:
        QueryError: It is not one SELECT.
    """
    said = _ask({"sql": sql}, limits)
    return set(said["tables"]), set(said["made"])


def run(sql: str, files: Mapping[str, Sequence[Path]], result: Path, limits: Limits) -> int:
    """Write what a query gives into a Parquet file.

    Args:
        sql: The query.
        files: The Parquet files that each name stands for: `flights` or `staged.flights`.
        result: The file that is written.
        limits: How much it may take.

    Returns:
        The number of rows.

    Raises:
        QueryError: It cannot be run, or takes too much.
    """
    rows: int = _ask({"sql": sql, "files": _texts(files), "result": str(result)}, limits)["rows"]
    return rows


def _texts(files: Mapping[str, Sequence[Path]]) -> dict[str, list[str]]:
    return {name: [str(path) for path in paths] for name, paths in files.items()}


def _ask(asked: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="query-") as folder:
        command = [sys.executable, "-I", "-X", "utf8", __file__]
        apart: dict[str, Any] = {"env": {}, "cwd": folder, "timeout": limits.seconds}
        given = json.dumps({**asked, "limits": asdict(limits), "folder": folder})
        try:
            done = subprocess.run(command, input=given, capture_output=True, encoding="utf-8", check=False, **apart)
        except subprocess.TimeoutExpired as error:
            raise QueryError(f"it takes longer than {limits.seconds:,} s: read fewer partitions, or columns") from error
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        how = f"was ended by signal {-done.returncode}" if done.returncode < 0 else "failed"
        raise QueryError(f"it {how}: it takes more than {limits.memory_bytes >> 20:,} MB, or DuckDB cannot do it") from error
    if "refused" in said:
        raise Refused(said["kind"], said["refused"])
    if "error" in said:
        raise QueryError(said["error"])
    return said


def _answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the process of its own does."""
    limits = Limits(**asked["limits"])
    memory = limits.memory_bytes + _FOR_ALL_ELSE_BYTES
    for what, most in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_FSIZE, limits.result_bytes), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(what, (most, most))
    import duckdb  # within the limits

    try:
        statements = duckdb.extract_statements(asked["sql"])
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            return {"error": "write one SELECT, and nothing else: no second statement, and none that writes or sets anything"}
        with duckdb.connect(":memory:", config=_OPTIONS) as connection:
            _set_up(connection, asked["folder"], limits)
            files: dict[str, list[str]] = asked.get("files", {})
            for name, paths in files.items():
                _make_view(connection, name, paths)
            given = [path for paths in files.values() for path in paths]
            _lock(connection, [*given, *map(_pattern, given), asked.get("result", "")])
            if "result" not in asked:
                return _named(json.loads(connection.execute("SELECT json_serialize_sql(?)", [asked["sql"]]).fetchall()[0][0]))
            Path(asked["result"]).unlink(missing_ok=True)  # or it would be written beside, which is not allowed
            connection.sql(statements[0].query).write_parquet(asked["result"], compression="zstd")
        return {"rows": _rows(asked["result"])}
    except MemoryError:
        return {"refused": "there is not enough memory", "kind": "OutOfMemoryException"}
    except duckdb.Error as error:
        if "File too large" in str(error):
            return {"error": f"its result is larger than {limits.result_bytes >> 20:,} MB: select fewer columns or rows"}
        return {"refused": str(error), "kind": type(error).__name__}


def _set_up(connection: Any, folder: str, limits: Limits) -> None:
    connection.execute(f"SET temp_directory = {_text(folder)}")
    connection.execute(f"SET memory_limit = '{limits.memory_bytes} B'")
    connection.execute(f"SET max_temp_directory_size = '{limits.result_bytes} B'")
    connection.execute(f"SET threads = {min(limits.threads, os.cpu_count() or 1)}")


def _make_view(connection: Any, name: str, paths: Sequence[str]) -> None:
    schema, _, table = name.rpartition(".")
    if schema:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_name(schema)}")
    listed = ", ".join(_text(_pattern(path)) for path in paths)
    place = f"{_name(schema)}.{_name(table)}" if schema else _name(table)
    connection.execute(f"CREATE VIEW {place} AS SELECT * FROM read_parquet([{listed}], hive_partitioning = false)")


def _pattern(path: str) -> str:
    """What DuckDB reads as this path and no other: it takes every path that it reads from for a pattern."""
    return re.sub(r"([\[*?])", r"[\1]", path)


def _lock(connection: Any, allowed: Sequence[str]) -> None:
    connection.execute(f"SET allowed_paths = [{', '.join(map(_text, allowed))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _named(tree: Any) -> dict[str, list[str]]:
    """The names of tables in the parsed query; DuckDB's own list of them does not understand `JOIN … USING`."""
    found: dict[str, set[str]] = {"tables": set(), "made": set()}
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            if node.get("type") == "BASE_TABLE":
                found["tables"].add(node["table_name"])
            found["made"].update(one["key"] for one in (node.get("cte_map") or {}).get("map", ()))
            left += node.values()
        elif isinstance(node, list):
            left += node
    return {name: sorted(names) for name, names in found.items()}


def _rows(path: str) -> int:
    import duckdb

    found = duckdb.execute("SELECT coalesce(sum(num_rows), 0) FROM parquet_file_metadata(?)", [_pattern(path)]).fetchone()
    return int(found[0]) if found else 0


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer(json.load(sys.stdin))))
