"""A correction as it is written into a file, from what somebody asked for and the rows as they were delivered.

Here: the values that are expected, the count, the text of an entry. Not here: where the rows come from, and the file
(`steps.correcting`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
import yaml

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.errors import Mistake, choose
from dataops_assets.contract.schema import has_text
from dataops_assets.corrections.plan import alike
from dataops_assets.corrections.values import checked, column_of, condition
from dataops_assets.gate.rules import MISCAST, ORIGINAL

_NONE = "null"
_WIDTH = 120


class _Quoting(yaml.SafeDumper):
    """Puts in quotes what is a number to readers of YAML 1.2 as well, as 00009 and 1e3: PyYAML knows those of 1.1 alone."""


_Quoting.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|0o[0-7]+$|0x[0-9a-fA-F]+$"),
    list("-+.0123456789"),
)


@dataclass(frozen=True)
class Wish:
    """What somebody wants to be corrected; values are text, and `null` is none.

    Attributes:
        key: The one row, by the columns of its key.
        where: The rows, by a condition in SQL.
        changes: The new values, by column.
        drop: Whether the rows are left out.
        add: A row more, by column; what it leaves out has no value.
        said: Reason, `requested_by`, `reference` and `valid_until`.
    """

    key: Mapping[str, str]
    where: str | None
    changes: Mapping[str, str]
    drop: bool
    add: Mapping[str, str]
    said: dict[str, Any]


def entry_of(dataset: Dataset, partition: Partition, wish: Wish, hit: pl.DataFrame) -> dict[str, Any]:
    """The entry for a wish, with the values that stand in the rows that it hits, and their number.

    Raises:
        Mistake: The rows are not those that are meant, or a value cannot be read.
    """
    entry: dict[str, Any] = {"partition": _plain_partition(partition)} if partition else {}
    if wish.add:
        nothing = dict.fromkeys(dataset.schema.columns, _NONE)
        return entry | {"add": _values(dataset, {**nothing, **wish.add}), **wish.said}
    new = _values(dataset, wish.changes)
    if wish.where is not None:
        if hit.is_empty():
            raise Mistake(f"no row of {dataset.name} fits `{wish.where}`", "write another condition")
        entry |= {"where": wish.where, "rows": hit.height}
        return (
            entry | ({"drop": True} if wish.drop else {"set": {name: {"to": value} for name, value in new.items()}}) | wish.said
        )
    columns = dataset.schema.columns.items()
    others = [name for name, column in columns if name not in dataset.attributes.key and has_text(column.dtype)]
    expected = (others or dataset.attributes.key) if wish.drop else new
    marks = [name for name in hit.columns if name.startswith(MISCAST)]
    different = hit.select(alike(dataset.schema.columns, expected, marks)).unique().height
    if different != 1:
        told = ", ".join(f"{name} {value}" for name, value in wish.key.items())
        remedy = "name them by `--where`" if different else "look for it in what was delivered"
        raise Mistake(f"{f'{different} different rows' if different else 'no row'} of {dataset.name}: {told}", remedy)
    entry["key"] = _values(dataset, wish.key)
    before = {name: _stands(hit, name) for name in expected}
    if wish.drop:
        return entry | {"drop": before, **wish.said}
    return entry | {"set": {name: {"from": before[name], "to": value} for name, value in new.items()}, **wish.said}


def hit_by(dataset: Dataset, wish: Wish, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that a wish is about; none, if it adds one.

    Raises:
        Mistake: It names columns that there are not, or not the whole key.
    """
    if wish.add:
        return rows.clear()
    if wish.where is not None:
        return rows.filter(condition(wish.where, dataset))
    missing = [name for name in dataset.attributes.key if name not in wish.key]
    if missing:
        raise Mistake(f"the key is {', '.join(dataset.attributes.key)}", f"add `--key {missing[0]}=…`")
    _values(dataset, wish.key)
    types = {name: dataset.schema.columns[name].dtype for name in wish.key}
    return rows.filter(pl.col(name) == column_of([wish.key[name]], dtype)[0] for name, dtype in types.items())


def text_of(entry: Mapping[str, Any]) -> str:
    """An entry as it stands in a file."""
    return yaml.dump([dict(entry)], Dumper=_Quoting, default_flow_style=None, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _plain_partition(partition: str) -> Any:
    return date.fromisoformat(partition) if len(partition) == len("2013-01-05") else partition


def _values(dataset: Dataset, said: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name, text in said.items():
        if name not in dataset.schema.columns:
            raise Mistake(f"{dataset.name} has no column `{name}`", choose(name, dataset.schema.columns))
        dtype = dataset.schema.columns[name].dtype
        try:
            written = None if text == _NONE else checked(text, dtype)
        except Mistake as mistake:
            raise Mistake(f"`{name}`: {mistake.message}", mistake.remedy) from mistake
        found[name] = _plain(column_of([written], dtype))
    return found


def _stands(hit: pl.DataFrame, name: str) -> Any:
    """What is expected of a value: its original text, where it could not be read.

    Raises:
        Mistake: There is no text for it.
    """
    dtype = hit.schema[name]
    if not has_text(dtype) and hit[name][0] is not None:
        raise Mistake(f"`{name}`: values of type {dtype} cannot be written here", "name the row by `--where`")
    if MISCAST + name in hit.columns and hit[MISCAST + name][0]:
        return hit[ORIGINAL + name][0]
    return _plain(hit[name])


def _plain(values: pl.Series) -> Any:
    """The first of some values as YAML knows it; as text in ISO form where it does not, nor Python all of its digits."""
    if values.dtype == pl.Time or getattr(values.dtype, "time_unit", None) == "ns":
        values = values.dt.to_string("iso")
    value = values[0]
    if isinstance(value, float):
        return float(values.cast(pl.String)[0])  # in no more digits than tell it from others of its type
    if value is None or isinstance(value, str | int) or type(value) is date:
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
