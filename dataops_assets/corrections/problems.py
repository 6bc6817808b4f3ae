"""The mistakes in a `corrections.yaml` that can be told before any row is read."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from dataops_assets.contract import Correction, Dataset, Policy, Problem
from dataops_assets.contract.correction import Change
from dataops_assets.contract.errors import Mistake, choose
from dataops_assets.contract.parse import Path
from dataops_assets.contract.schema import Column, has_text
from dataops_assets.corrections.values import as_written, checked, column_of, condition, is_readable
from dataops_assets.gate.casting import is_moment

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def correction_problems(dataset: Dataset, policy: Policy) -> list[Problem]:
    """Every mistake in the corrections of a dataset: in each by itself, and between two of them.

    None, if the dataset's key is mistaken: a correction that names rows by the right one would be told to change.
    """
    if not set(dataset.attributes.key) <= set(dataset.schema.columns):
        return []
    if dataset.derived and dataset.corrections:
        remedy = "correct what it is made from, or change transform.py"
        return [dataset.corrections[0].problem((), f"`{dataset.name}` is made here, not delivered", remedy)]
    found = [problem for correction in dataset.corrections for problem in _of(correction, dataset, policy)]
    return found or list(_collisions(dataset))


def key_of(correction: Correction, dataset: Dataset) -> tuple[Any, ...] | None:
    """The values of the key of the row that a correction is about; None if it names rows by a condition."""
    said = correction.attributes.key if correction.attributes.add is None else correction.attributes.add
    if said is None:
        return None
    types = {name: dataset.schema.columns[name].dtype for name in dataset.attributes.key}
    return tuple(column_of([as_written(said[name], dtype)], dtype)[0] for name, dtype in types.items())


def _of(correction: Correction, dataset: Dataset, policy: Policy) -> Iterator[Problem]:
    said = correction.attributes
    if said.requested_by not in policy.owners:
        message = f"unknown owner `{said.requested_by}`"
        yield correction.problem(("requested_by",), message, choose(said.requested_by, policy.owners))
    yield from _partition(correction, dataset)
    if said.key is not None:
        yield from _names(correction, ("key",), said.key, dataset.attributes.key, dataset)
        yield from _values(correction, ("key",), said.key, dataset)
        yield from (
            correction.problem(("key", name), f"`{name}` has no value", "name the row by the whole of its key")
            for name, value in said.key.items()
            if value is None
        )
    if said.where is not None:
        try:
            condition(said.where, dataset)
        except Mistake as mistake:
            yield correction.problem(("where",), mistake.message, mistake.remedy)
    if said.drop:
        yield from _unknown(correction, ("drop",), said.drop, dataset)
        yield from _expectations(correction, ("drop",), said.drop, dataset)
    if said.changes:
        yield from _changes(correction, dataset)
    if said.add is not None:
        yield from _names(correction, ("add",), said.add, tuple(dataset.schema.columns), dataset, nullable=True)
        yield from _new_values(correction, {name: (("add", name), value) for name, value in said.add.items()}, dataset)
        yield from _elsewhere(correction, said.add, dataset)


def _partition(correction: Correction, dataset: Dataset) -> Iterator[Problem]:
    key, partitions = correction.partition, dataset.partitions
    if partitions is None and key is not None:
        yield correction.problem(("partition",), f"{dataset.name} has no partitions", "remove `partition`")
    elif partitions and key is None:
        yield correction.problem((), "`partition` is missing", f"add `partition: {partitions.key_of(partitions.start)}`")
    elif partitions and key is not None and not partitions.contains(key, _END_OF_TIME):
        remedy = "name one between the first and the last partition"
        yield correction.problem(("partition",), f"`{key}` is no partition of this dataset", remedy)


def _changes(correction: Correction, dataset: Dataset) -> Iterator[Problem]:
    changes = correction.attributes.changes or {}
    yield from _unknown(correction, ("set",), changes, dataset)
    parting = dataset.partitions.columns if dataset.partitions else ()
    for name, change in changes.items():
        if name in dataset.attributes.key:
            remedy = "drop the row, and add it under the right key"
            yield correction.problem(("set", name), f"`{name}` is part of the key", remedy)
        elif name in parting:
            message = f"`{name}` tells the partition of a row"
            yield correction.problem(("set", name), message, "drop the row here, and add it to the partition where it belongs")
        elif change.expects and name in dataset.schema.columns and _is_same(name, change, dataset):
            yield correction.problem(("set", name), f"`{name}` is not changed", "write another value as `to`, or remove it")
    before = {name: change.before for name, change in changes.items() if change.expects}
    yield from _expectations(correction, ("set",), before, dataset, "from")
    yield from _new_values(correction, {name: (("set", name, "to"), c.after) for name, c in changes.items()}, dataset)


def _is_same(name: str, change: Change, dataset: Dataset) -> bool:
    """Whether what is expected is what takes its place, as both are read.

    Of a delivered column, what is expected may also be a text that cannot be read, which a value of the same words mends.
    """
    dtype = dataset.schema.columns[name].dtype
    try:
        before, after = (as_written(value, dtype) for value in (change.before, change.after))
    except Mistake:  # which is told of the value
        return False
    if before is None or after is None or dtype == pl.String or not has_text(dtype):
        return before == after
    read = column_of([before, after], dtype)
    delivered = dataset.delivered.columns.get(name)
    return not read.null_count() and read.n_unique() == 1 and (not delivered or is_readable(before, delivered.dtype))


def _names(
    correction: Correction,
    path: Path,
    said: Iterable[str],
    wanted: tuple[str, ...],
    dataset: Dataset,
    nullable: bool = False,
) -> Iterator[Problem]:
    """Columns that must all be named, and no others; one that is misspelled is not missing, too.

    If `nullable`, those may be left out that may be without a value.
    """
    unknown = list(_unknown(correction, path, said, dataset))
    yield from unknown
    missing = [name for name in wanted if name not in said and not (nullable and dataset.schema.columns[name].nullable)]
    others = [name for name in said if name in dataset.schema.columns and name not in wanted]
    if missing and not unknown:
        yield correction.problem(path, f"`{path[0]}` leaves out {', '.join(missing)}", f"name all of {', '.join(wanted)}")
    for name in others:
        yield correction.problem((*path, name), f"`{name}` is not part of the key", f"name {', '.join(wanted)} alone")


def _unknown(correction: Correction, path: Path, said: Iterable[str], dataset: Dataset) -> Iterator[Problem]:
    for name in said:
        if name not in dataset.schema.columns:
            message = f"column `{name}` is not in the schema"
            yield correction.problem((*path, name), message, choose(name, dataset.schema.columns))


def _values(
    correction: Correction,
    path: Path,
    said: dict[str, Any],
    dataset: Dataset,
    *below: str,
) -> Iterator[Problem]:
    for name, value in said.items():
        if name not in dataset.schema.columns:
            continue
        try:
            checked(value, dataset.schema.columns[name].dtype)
        except Mistake as mistake:
            yield correction.problem((*path, name, *below), f"`{name}`: {mistake.message}", mistake.remedy)


def _expectations(correction: Correction, path: Path, said: dict[str, Any], dataset: Dataset, *below: str) -> Iterator[Problem]:
    """Expected values: of a delivered column also a text that cannot be read, since that may be just what is corrected."""
    written = {name for name, column in dataset.schema.columns.items() if has_text(column.dtype)} & {*dataset.delivered.columns}
    texts = {name for name, value in said.items() if isinstance(value, str) and name in written}
    values = {name: value for name, value in said.items() if name not in texts}
    yield from _values(correction, path, values, dataset, *below)


def _new_values(correction: Correction, said: dict[str, tuple[Path, Any]], dataset: Dataset) -> Iterator[Problem]:
    nulls = dataset.ingested.source.null_values if dataset.ingested else ()
    for name, (path, value) in said.items():
        column = dataset.schema.columns.get(name)
        if column and value is None and not column.nullable:
            yield correction.problem(path, f"`{name}` may not be without a value", "write a value; or drop the row")
        elif column and value in nulls:
            yield correction.problem(path, f"`{name}`: {value!r} means no value, by `null_values`", "write `null` for none")
        elif column:
            try:
                text = checked(value, column.dtype)
                if column.dtype.is_float() and text is not None and not isfinite(float(text)):
                    yield correction.problem(
                        path, f"`{name}`: {text} is no finite number", "write a number, or `null` for none"
                    )
            except Mistake as mistake:
                yield correction.problem(path, f"`{name}`: {mistake.message}", mistake.remedy)


def _elsewhere(correction: Correction, row: dict[str, Any], dataset: Dataset) -> Iterator[Problem]:
    """A row that is added must be of the partition that it is added to, as every delivered one is."""
    key = correction.partition
    if key is None or dataset.partitions is None or not (names := [name for name in dataset.partitions.columns if name in row]):
        return
    told = [_told(row[name], dataset.schema.columns.get(name), dataset.partitions.timezone) for name in names]
    wanted = [key] if len(names) == 1 else key.split("-")
    fits = told[0].startswith(key) if len(names) == 1 else [part.zfill(2) for part in told] == wanted
    if not fits:
        message = f"the row is of another partition: {', '.join(map(' '.join, zip(names, told, strict=True)))}"
        yield correction.problem(("add", names[0]), message, f"add it there, or write the values of {key}")


def _told(value: Any, column: Column | None, timezone: str) -> str:
    """A value as it tells a partition: of a moment, the day that it is in."""
    if column is not None and is_moment(column.dtype):
        with suppress(Mistake):  # which is told of the value
            [moment] = column_of([as_written(value, column.dtype)], column.dtype)
            if moment is not None:
                return str(moment.astimezone(ZoneInfo(timezone)).date())
    return str(value)


def _collisions(dataset: Dataset) -> Iterator[Problem]:
    """Corrections by key that are about the same cell, or the same row; those by a condition are compared on the rows."""
    taken: dict[tuple[Any, ...], list[Correction]] = {}
    for correction in dataset.corrections:
        key = key_of(correction, dataset)
        if key is None:
            continue
        others = taken.setdefault((correction.partition, *key), [])
        for other in others:
            both = collide(correction, other)
            if both:
                message = f"collides with the correction in line {other.source.line(())}: {both}"
                yield correction.problem((), message, "make one of the two, or remove one")
        others.append(correction)


def collide(one: Correction, other: Correction) -> str:
    """What two corrections of the same row both do to it; empty if they do not meet."""
    added = [correction.attributes.add is not None for correction in (one, other)]
    dropped = [correction.attributes.drop is not None for correction in (one, other)]
    if any(added):
        return "both add the row" if all(added) else ""
    if any(dropped):
        return "both drop the row" if all(dropped) else "one drops the row, the other changes it"
    both = sorted(one.columns & other.columns)
    return f"both set {', '.join(both)}" if both else ""
