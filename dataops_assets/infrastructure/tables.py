"""Published datasets as tables of the AWS Glue Data Catalog, so that Athena finds them without a crawler.

Sources: Athena User Guide, "Data types in Amazon Athena", "Name databases, tables, and columns", "Supported types for partition
projection"; AWS Glue API, "Table API", for the lengths; Apache Parquet, "Logical Types", for what our writer writes.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from dataops_assets.contract import Catalog, Dataset, Problem
from dataops_assets.contract.errors import Mistake
from dataops_assets.contract.schema import Column

PUBLISHED = ("staged", "curated")
"""The zones that are read as tables."""
_COMMENT_BYTES, _DESCRIPTION_BYTES = 255, 2048
_NAME = re.compile("[a-z0-9_]{1,255}")
_TYPES: dict[Any, str] = {
    pl.Boolean: "boolean",
    pl.Int8: "tinyint",
    pl.Int16: "smallint",
    pl.Int32: "int",
    pl.Int64: "bigint",
    pl.UInt8: "smallint",
    pl.UInt16: "int",
    pl.Float32: "float",
    pl.Float64: "double",
    pl.String: "string",
    pl.Categorical: "string",
    pl.Enum: "string",
    pl.Binary: "binary",
    pl.Date: "date",
    pl.Datetime: "timestamp",
}
"""Athena has no unsigned numbers: one takes the next wider type. A timestamp is in UTC, without its time zone."""
_INSTEAD: dict[Any, str] = {
    pl.UInt32: "pl.Int64",  # stored in 32 bits, of which Athena takes the first for a sign: trinodb/trino issue 27274
    pl.UInt64: "pl.Int64, or pl.Decimal(20, 0)",
    pl.Float16: "pl.Float32",
    pl.Time: "text, or the seconds since midnight as pl.Int32",
    pl.Duration: "its seconds or days as pl.Int64",
}


def tables(catalog: Catalog) -> dict[str, dict[str, Any]]:
    """Every published dataset, by zone and name, as the module `catalog` of Terraform takes it."""
    found: dict[str, dict[str, Any]] = {zone: {} for zone in PUBLISHED}
    for dataset in sorted(catalog, key=lambda one: one.name):
        found[dataset.zone][dataset.name] = _table(dataset)
    return found


def table_problems(dataset: Dataset) -> Iterator[Problem]:
    """What keeps a dataset from being a table of Athena's; that it knows small letters alone is told when contracts load."""
    for column in dataset.schema.columns.values():
        try:
            _name(column.name)
            athena_type(column.dtype)
        except Mistake as mistake:
            message = f"column `{column.name}`: {mistake.message}"
            yield Problem(f"{dataset.folder}/schema.py", _line(dataset, column), message, mistake.remedy)


def athena_type(dtype: pl.DataType | pl.datatypes.DataTypeClass) -> str:
    """The type by which Athena reads what our writer makes of a column.

    Raises:
        Mistake: There is none, or it would be read wrongly.
    """
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.List | pl.Array):
        return f"array<{athena_type(dtype.inner)}>"
    if isinstance(dtype, pl.Struct):
        return f"struct<{','.join(f'{_name(field.name)}:{athena_type(field.dtype)}' for field in dtype.fields)}>"
    known = _TYPES.get(dtype.base_type())
    if known is None:
        instead = _INSTEAD.get(dtype.base_type(), f"one of {', '.join(known.__name__ for known in _TYPES)}")
        raise Mistake(f"Athena has no type for {dtype}, or reads it wrongly", f"make it {instead} in schema.py")
    return known


def _table(dataset: Dataset) -> dict[str, Any]:
    attributes, partitions = dataset.attributes, dataset.partitions
    return {
        "description": _short(attributes.description, _DESCRIPTION_BYTES),
        "columns": [
            {
                "name": _name(column.name),
                "type": athena_type(column.dtype),
                "comment": _short(column.description, _COMMENT_BYTES),
            }
            for column in dataset.schema.columns.values()
        ],
        "partition": partitions
        and {
            "name": partitions.hive_name,
            "every": partitions.every,
            "start": partitions.key_of(partitions.start),
            "end": partitions.end and partitions.key_of(partitions.end),
        },
        "classification": attributes.classification,
        "owner": attributes.owner,
        "readers": sorted(attributes.readers),
    }


def _name(name: str) -> str:
    small = name.lower()
    if not _NAME.fullmatch(small):
        raise Mistake(f"Athena takes no name as `{name}`", "call it by letters, digits and `_` in schema.py")
    return small


def _short(text: str, most_bytes: int) -> str:
    """A text in one line, cut where Glue takes no more."""
    line = " ".join(text.split())
    if len(line.encode()) <= most_bytes:
        return line
    end = "…"
    return line.encode()[: most_bytes - len(end.encode())].decode(errors="ignore") + end


def _line(dataset: Dataset, column: Column) -> int:
    """Where a column is declared; the class, where that is not told by its text."""
    lines, first = inspect.getsourcelines(dataset.schema.model)
    declared = re.compile(rf"\s+{re.escape(column.name)}\s*:|.*alias=[\"']{re.escape(column.name)}[\"']")
    return next((first + i for i, line in enumerate(lines) if declared.match(line)), first)
