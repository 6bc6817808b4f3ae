"""The functions that a dataset brings along, `normalise`, `transform`, checks: what they do wrong is told by their names.

Not here: what is judged of the rows that they make (`content`).
"""

import errno
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.gate import uniqueness
from dataops_assets.gate.casting import as_text, cast, is_moment, local_day
from dataops_assets.gate.places import raised_at, rule_at
from dataops_assets.gate.query import Query, Table, select
from dataops_assets.gate.rules import MISCAST, ORIGINAL, ROW

_ROW_BEFORE = "__row_before"
_WAS = "__was_"
_CHANGED = "__changed"
_ASTRAY = "__astray"


_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What no code of a dataset can help: a disk is full, or what lies there is damaged."""


_FILES = {"normalise": "schema.py", "transform": "transform.py"}
"""Where the functions of a dataset stand."""


class CodeError(Exception):
    """`normalise`, `transform` or a check failed, or did not keep its promise. The message says which, and how to mend it."""


@contextmanager
def code_of(dataset: Dataset, step: str, rule: str | None = None) -> Iterator[None]:
    """Run a function of a dataset's own: whatever it raises is told by its name, and where that was.

    Args:
        dataset: Whose function it is.
        step: What it is for.
        rule: The rule that it makes, to say where that stands if the error comes from none of their own lines; without one it
            is `normalise` or `transform`.

    Raises:
        CodeError: In place of any exception but those of disks and memory, and of storage that no line of theirs has asked.
    """
    try:
        yield
    except (CodeError, MemoryError):
        raise
    except (Exception, SystemExit, pl.exceptions.PanicException) as error:
        place = raised_at(dataset, error)
        if isinstance(error, OSError) and (not place or error.errno in _OF_THE_DISK):
            raise
        why = told(error, dataset.withheld)
        # What is lazy fails once none of its own lines is at work.
        place = place or (rule_at(dataset, rule) if rule is not None else f"{dataset.folder}/{_FILES[step]}")
        raise CodeError(f"{step} of {dataset.name} failed: {why} ({place})") from error


def told(error: BaseException, withheld: str) -> str:
    """An exception in a line; polars puts values into its messages, which only public data may show.

    Args:
        error: The exception.
        withheld: Why no value may be shown; empty if they may.
    """
    if withheld:
        return f"{type(error).__name__} ({withheld})"
    text = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@dataclass(frozen=True)
class Normalised:
    """The rows of a delivery, typed and normalised.

    Attributes:
        rows: The columns of the schema, row numbers, and marks of what could not be read.
        changed: How many rows `normalise` changed.
        in_order: Whether they are in strict order of the key.
    """

    rows: Table
    changed: int
    in_order: bool


def normalised(
    dataset: Dataset, text: Table, query: Query, originals: Collection[str] = (), numbers: pl.LazyFrame | None = None
) -> Normalised:
    """Type and normalise the rows of a delivery.

    Args:
        dataset: Whose delivery it is.
        text: The delivered columns as `read_text` gives them.
        query: How they are read.
        originals: The columns whose delivered text is kept beside the value.
        numbers: The same as `read_whole` gives them, if it does.

    Raises:
        CodeError: `normalise` failed, lost, added or reordered rows, moved some to another partition, or did not make the
            columns of the schema.
    """
    rows = _typed(dataset, text, query, originals, numbers)
    marks = [MISCAST + name for name, column in dataset.delivered.columns.items() if column.dtype != pl.String]
    marks += [ORIGINAL + name for name in originals]
    if dataset.normalise is None:
        rows = query.kept(select(rows, [*dataset.schema.columns, ROW, *marks]))
        return Normalised(rows, 0, uniqueness.in_order(rows, dataset, query))
    with code_of(dataset, "normalise"):
        rows = _beside(dataset, rows, marks, query)
        unordered = uniqueness.out_of_order(dataset).alias("unordered")
        was, now = pl.col(_ROW_BEFORE), pl.col(ROW)
        moved = was.ne_missing(now).any().alias("moved")
        seen = query.asked(rows, [unordered, moved, was.count(), now.count(), pl.col(_CHANGED).sum(), pl.col(_ASTRAY).sum()])
    if seen["moved"][0]:
        what = f"changed which rows there are or their order ({seen[_ROW_BEFORE][0]} in, {seen[ROW][0]} out)"
        raise CodeError(f"normalise of {dataset.name} {what}: use `with_columns` only")
    if seen[_ASTRAY][0]:
        assert dataset.partitions
        told = ", ".join(f"`{name}`" for name in dataset.partitions.columns)
        what = f"moves {seen[_ASTRAY][0]} rows to another partition, by {told}"
        raise CodeError(f"normalise of {dataset.name} {what}: leave what tells it as delivered, and make a column beside it")
    return Normalised(rows.drop(_ROW_BEFORE, _CHANGED, _ASTRAY), seen[_CHANGED][0], seen["unordered"][0] <= 1)


def _typed(dataset: Dataset, text: Table, query: Query, originals: Collection[str], numbers: pl.LazyFrame | None) -> Table:
    nulls = dataset.ingested.source.null_values if dataset.ingested else ()
    if numbers is not None and not originals:
        # Where one of them is none, it takes the text to tell which.
        with suppress(pl.exceptions.ComputeError):
            return query.written(cast(numbers, dataset.delivered, (), nulls))
    return query.written(cast(text, dataset.delivered, originals, nulls))


def _beside(dataset: Dataset, before: Table, marks: list[str], query: Query) -> Table:
    """Normalised rows, beside the numbers that they had before, whether they were changed, and whether they moved away."""
    assert dataset.normalise
    types = {name: column.dtype for name, column in dataset.delivered.columns.items()}
    kept = [name for name, column in dataset.schema.columns.items() if types.get(name) == column.dtype]
    telling = _telling(dataset)
    compared = dict.fromkeys([*kept, *telling])
    # It sees neither the marks nor the copies to compare with: `pl.col(pl.String)` would change them, too.
    made = dataset.normalise(before.lazy().drop(marks))
    check_made(made, dataset, "normalise")
    if ROW not in made.collect_schema():
        raise CodeError(f"normalise of {dataset.name} drops columns: use `with_columns` only")
    was = select(before, [pl.col(ROW).alias(_ROW_BEFORE), *marks, *(pl.col(name).alias(_WAS + name) for name in compared)])
    sides: Any = was, query.kept(made.select(*dataset.schema.columns, ROW))
    beside: Table = pl.concat(sides, how="horizontal_extend")
    changed = pl.any_horizontal(pl.lit(False), *(pl.col(name).ne_missing(pl.col(_WAS + name)) for name in kept))
    astray = pl.any_horizontal(pl.lit(False), *(_told(dataset, name, _WAS).ne(_told(dataset, name)) for name in telling))
    flags = changed.alias(_CHANGED), astray.fill_null(False).alias(_ASTRAY)
    return select(beside, [*dataset.schema.columns, ROW, *marks, _ROW_BEFORE, *flags])


def _telling(dataset: Dataset) -> list[str]:
    """The columns that tell a partition before `normalise` and after it; not text or local times made of something else."""
    parting = dataset.partitions.columns if dataset.partitions else ()
    sides = {name: (dataset.delivered.columns.get(name), dataset.schema.columns.get(name)) for name in parting}
    both = {name: (was.dtype, now.dtype) for name, (was, now) in sides.items() if was and now}
    return [name for name, (was, now) in both.items() if was == now or is_moment(now) or now not in (pl.Datetime, pl.String)]


def _told(dataset: Dataset, name: str, side: str = "") -> pl.Expr:
    """What a column tells of the partition, before `normalise` or after it, as the envelope gate compares it."""
    assert dataset.partitions
    schema = dataset.delivered if side else dataset.schema
    value, dtype = pl.col(side + name), schema.columns[name].dtype
    if is_moment(dtype):
        value, dtype = local_day(value, dataset.partitions.timezone), pl.String()
    in_parts = len(dataset.partitions.columns) > 1
    if in_parts and dtype.is_numeric():
        return value.cast(pl.Int64, strict=False)
    text = as_text(value, dtype).str.strip_chars()
    key_length = len(dataset.partitions.key_of(dataset.partitions.start))
    return text.cast(pl.Int64, strict=False) if in_parts else text.str.head(key_length)


def check_made(frame: Any, dataset: Dataset, step: str) -> None:
    """Whether a function gave a LazyFrame with the columns of the schema.

    Raises:
        CodeError: It did not.
    """
    if not isinstance(frame, pl.LazyFrame):
        remedy = "return a LazyFrame, which a DataFrame becomes by `.lazy()`"
        raise CodeError(f"{step} of {dataset.name} gives {type(frame).__name__}: {remedy}")
    found = frame.collect_schema()
    missing = [name for name in dataset.schema.columns if name not in found]
    if missing:
        raise CodeError(f"{step} of {dataset.name} leaves out {', '.join(missing)}: make every column of schema.py")
    for name, column in dataset.schema.columns.items():
        if found[name] != column.dtype:
            message = f"{step} of {dataset.name} makes column `{name}` as {found[name]}, but schema.py says {column.dtype}"
            raise CodeError(f"{message}: cast it there")
