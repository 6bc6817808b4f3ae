"""The envelope gate: is this the delivery that was promised, whole and readable, before any row is looked at?"""

import difflib
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandera.polars as pa
import polars as pl

from dataops_assets.contract import Dataset, Partition, Severity
from dataops_assets.contract.schema import has_text
from dataops_assets.gate.accepted import REMEDY, ROW_COUNT, ROWS_KEPT
from dataops_assets.gate.casting import as_text, is_moment, local_day, read_as, said
from dataops_assets.gate.query import Query, Table
from dataops_assets.gate.reading import ALIKE, DeliveryError, as_separated, of_other_types, other_separator
from dataops_assets.gate.verdict import RuleResult, Status
from dataops_assets.gate.wording import in_print, some

HISTORY = 28
"""How many partitions before this one the row count is compared with, at most."""
_COLD_START = 7
_FEW_GONE, _TOO_MANY_GONE = 0.01, 0.5


@dataclass(frozen=True)
class Part:
    """One file of a delivery.

    Attributes:
        name: What the provider called it, below the dataset's landing folder.
        sha256: The hash of its bytes, as hex.
        bytes: Its size.
        promised: What the provider's manifest says of it: any of `bytes`, `sha256`, `rows`.
        rows: How many rows it holds; None if it cannot be read.
        left_out: How many rows more it was delivered with, which were erased.
    """

    name: str
    sha256: str
    bytes: int
    promised: Mapping[str, int | str]
    rows: int | None = None
    left_out: int = 0


@dataclass(frozen=True)
class Earlier:
    """The delivery before, for the same partition.

    Attributes:
        delivery: Its hash, as hex.
        rows: How many rows it had, those that equal another one not counted.
    """

    delivery: str
    rows: int


def judge_envelope(
    dataset: Dataset,
    partition: Partition,
    parts: Sequence[Part],
    tables: Sequence[Table] | DeliveryError,
    history: Sequence[int],
    others: Mapping[str, Sequence[str]],
    earlier: Earlier | None = None,
    left_out: int = 0,
) -> tuple[RuleResult, ...]:
    """Judge one delivery as a whole.

    Args:
        dataset: Whose delivery it should be.
        partition: Which partition it was delivered for.
        parts: Its files.
        tables: The rows of each file, as `read_files` gives them; or why they cannot be read.
        history: Row counts of the partitions before it, the latest last; of a dataset without partitions, of its deliveries.
        others: The delivered columns of the other datasets, to recognise a file that was meant for one of them.
        earlier: What it takes the place of, if anything.
        left_out: How many of its rows were erased: nobody misses them.

    Returns:
        A result for every rule; the delivery is refused if any of them says so.
    """
    results = [_totals(parts)]
    readable = "every file is readable to its last byte"
    if isinstance(tables, DeliveryError):
        which = f"{in_print(tables.file)}: " if len(parts) > 1 else ""
        return (*results, _result("readable", readable, "fail", which + tables.what, tables.remedy))
    rows = sum(part.rows or 0 for part in parts)
    empty = "" if rows or left_out else "there is a header, but no row"
    results.append(_result("readable", readable, "fail", ""))
    results.append(_result("not_empty", "there is at least one row", "fail", empty, _WITH_ROWS))
    source = dataset.ingested.source if dataset.ingested else None
    if source and source.rows and rows:
        results.append(_row_count(rows + left_out, source.rows, history, _COLD_START if dataset.partitions else 1))
    if earlier and rows:
        results.append(_rows_kept(rows + left_out, earlier))
    results += _columns(dataset, partition, parts, tables, others)
    named = dataset.partitions.columns if dataset.partitions else ()
    telling = [(part, table) for part, table in zip(parts, tables, strict=True) if {*named} <= {*table.collect_schema()}]
    if partition and named and telling:
        results.append(_partition(dataset, partition, named, telling, rows, len(parts) > 1))
    return tuple(results)


_WITH_ROWS = "Deliver it with its rows; a partition that rightly has none is declared under `gaps` in defs.yaml"
_NAMED = "Deliver it with the promised names, or change schema.py"
_NEWER = "A column that was not always delivered is named under `source.since`, with the partition that it came with"
_AS_TEXT = "Deliver it as text in UTF-8, or give the column its type in schema.py"
_OWN_FILE = "Deliver the file of this dataset here, and that one where it belongs"
_IN_ITS_PARTITION = "Deliver every row in the file of its own partition"
_TOTALLED = "Deliver the files again, and the totals that belong to them"
_AS_USUAL = "Deliver it whole, or widen `rows` in defs.yaml"
_MOST = 5


def _result(rule: str, sentence: str, severity: Severity, found: str, remedy: str = "") -> RuleResult:
    status: Status = "passed" if not found else "warned" if severity == "warn" else "refused"
    return RuleResult(
        rule=rule,
        sentence=sentence,
        severity=severity,
        checked=1,
        broken=int(bool(found)),
        status=status,
        detail=found,
        remedy=remedy if found else "",
    )


def _totals(parts: Sequence[Part]) -> RuleResult:
    found = []
    for part in parts:
        rows = None if part.rows is None else part.rows + part.left_out
        for total, actual in (("bytes", part.bytes), ("sha256", part.sha256), ("rows", rows)):
            if total in part.promised and actual is not None and str(part.promised[total]).lower() != str(actual):
                found.append(f"{in_print(part.name)}: {total} is {actual}, promised was {in_print(str(part.promised[total]))}")
    return _result("control_totals", "the delivery equals the provider's control totals", "fail", "; ".join(found), _TOTALLED)


def _row_count(rows: int, allowed: tuple[float, float], history: Sequence[int], enough: int) -> RuleResult:
    name, sentence = ROW_COUNT, f"there are {allowed[0]:g} to {allowed[1]:g} times as many rows as usual"
    if len(history) < enough:
        return _result(name, f"{sentence}, once {enough} came before", "fail", "")
    usual = statistics.median(history)
    outside = not usual * allowed[0] <= rows <= usual * allowed[1]
    found = f"{rows} rows; the median of the {len(history)} before is {usual:g}" if outside else ""
    return _result(name, sentence, "fail", found, f"{_AS_USUAL}; {REMEDY}")


def _rows_kept(rows: int, earlier: Earlier) -> RuleResult:
    gone = 1 - rows / earlier.rows if earlier.rows else 0.0
    sentence = f"at most {_FEW_GONE:.0%} of the rows of the delivery before are gone; if half are, it is refused"
    before = f"the delivery {earlier.delivery[:12]} before it had {earlier.rows:,}"
    found = f"{rows:,} rows; {before}, of which {gone:.1%} are gone" if gone > _FEW_GONE else ""
    severity: Severity = "warn" if _FEW_GONE < gone < _TOO_MANY_GONE else "fail"
    return _result(ROWS_KEPT, sentence, severity, found, f"Deliver it whole; {REMEDY}")


def _columns(
    dataset: Dataset,
    partition: Partition,
    parts: Sequence[Part],
    tables: Sequence[Table],
    others: Mapping[str, Sequence[str]],
) -> Iterator[RuleResult]:
    """The rules on the columns: each part has them for itself, since the parts are read by name."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for part, table in zip(parts, tables, strict=True):
        alike.setdefault(tuple(table.collect_schema().names()), []).append(part.name)
    source = dataset.ingested.source if dataset.ingested else None
    in_order = not source or source.format != "ndjson"  # the keys of an object come in any order
    problems, warnings, strange, remedies = list[str](), list[str](), list[str](), list[str]()
    for given, names in alike.items():
        not_yet = dataset.may_lack(partition, given)
        expected = [column for column in dataset.delivered.columns if column in given or column not in not_yet]
        problem, warning = _differences(expected, given, dataset.withheld, dataset.delivered.pandera, in_order)
        meant = _meant_for(expected, given, others)
        other = other_separator(given, source) if source and problem else ""
        if source and other and set(expected) <= set(given[0].split(other)):
            problem = f"they are separated by {other!r}"
            remedies.append(as_separated(source))
        elif problem and not meant:
            remedies.append(_NAMED)
            may_be_none = (dataset.delivered.columns[name].nullable for name in expected if name not in given)
            remedies += [_NEWER] if partition and {*given} < {*expected} and all(may_be_none) else []
        where = f"{some(names, most=3)}: " if len(alike) > 1 else ""
        problems += [where + problem] if problem else []
        warnings += [where + warning] if warning else []
        strange += [where + meant] if meant else []
    if no_text := _no_text(dataset, parts, tables):
        problems.append(some(no_text, most=3))
        remedies.append(_AS_TEXT)
    if mixed := of_other_types([part.name for part in parts], tables):
        problems.append(some(mixed, most=3))
        remedies.append(ALIKE)
    remedy = ". ".join(dict.fromkeys(remedies))
    yield _result("columns", "the columns are the promised ones", "fail", _few(problems), remedy)
    promised = "the columns come in the promised order, and no more of them"
    yield _result("columns_order", promised, "warn", _few(warnings))
    yield _result("own_file", "the file belongs to this dataset", "fail", _few(strange), _OWN_FILE)


def _no_text(dataset: Dataset, parts: Sequence[Part], tables: Sequence[Table]) -> list[str]:
    """The columns of text that come as bytes, lists or durations, of which there is no one text."""
    wanted = [name for name, column in dataset.delivered.columns.items() if column.dtype == pl.String]
    found = dict[str, str]()
    for part, table in zip(parts, tables, strict=True):
        types = table.collect_schema()
        for name, dtype in ((name, types[name]) for name in wanted if name in types):
            if not has_text(dtype):
                found.setdefault(name, f"{in_print(name)} is {dtype} in {in_print(part.name)}, which is no text")
    return list(found.values())


def _few(told: Sequence[str]) -> str:
    """What was found in each of some parts that are unlike."""
    return "; ".join(told[:_MOST]) + (f"; and {len(told) - _MOST} more" if len(told) > _MOST else "")


def _differences(
    expected: Sequence[str], given: Sequence[str], withheld: str, model: pa.DataFrameSchema, in_order: bool
) -> tuple[str, str]:
    """What is wrong with the columns, and what is merely unusual: of a model that is `strict` or `ordered`, that is wrong, too.

    Names of columns are no values, except in a file without a header, where they are those of its first row.
    """
    named = not withheld or any(column in expected for column in given)
    missing = [column for column in expected if column not in given]
    extra = [column for column in given if column not in expected]
    renamed: dict[str, str] = {}
    alike = len(missing) == len(extra) < len(expected)  # else a column in the same place tells nothing
    folded = {c.casefold(): c for c in extra}
    for column in missing:
        same_place = [c for c in extra if alike and given.index(c) == expected.index(column)]
        near = [folded[c] for c in difflib.get_close_matches(column.casefold(), folded, 1)] or same_place
        if near and near[0] not in renamed.values():
            renamed[column] = near[0]
    found = [f"{old} seems to be renamed" + (f" {in_print(new)}" if named else "") for old, new in renamed.items()]
    lost = [column for column in missing if column not in renamed]
    if lost:
        found.append(f"missing: {some(lost)}")
    added = [column for column in extra if column not in renamed.values()]
    unusual = list[str]()
    if added:
        which = some(added) if named else f"{len(added)}, without a header, so that {withheld}"
        if model.strict is True:
            found.append(f"extra: {which}")
        else:
            unusual.append(f"extra: {which} (kept in raw, not read)")
    common = [column for column in given if column in expected]
    if in_order and not missing and common != list(expected):
        (found if model.ordered else unusual).append(f"another order: {some(common)}")
    return "; ".join(found), "; ".join(unusual)


def _meant_for(expected: Sequence[str], given: Sequence[str], others: Mapping[str, Sequence[str]]) -> str:
    if set(expected) == set(given):
        return ""
    meant = [name for name, columns in others.items() if set(columns) == set(given)]
    return f"its columns are those of {' or '.join(meant)}" if meant else ""


def _partition(
    dataset: Dataset,
    partition: str,
    named: Sequence[str],
    telling: Sequence[tuple[Part, Table]],
    rows: int,
    several: bool,
) -> RuleResult:
    withheld = dataset.withheld
    odd, first = 0, ""
    for part, table in telling:
        found = _odd_rows(dataset, partition, named, table)
        odd += found["__rows"]
        if found["__rows"] and not first:
            values = ", ".join(f"{column} {in_print(str(found[column]))}" for column in named)
            place = f"row {found['__row']}" + (f" of {in_print(part.name)}" if several else "")
            first = f"{place} is the first; {withheld}" if withheld else f"{place} has {values}"
    return _result(
        "partition",
        f"every row is of the partition it was delivered for, by {', '.join(named)}",
        "fail",
        f"{odd} of {rows} rows are of another partition; {first}" if odd else "",
        _IN_ITS_PARTITION,
    )


def _odd_rows(dataset: Dataset, partition: str, named: Sequence[str], text: Table) -> dict[str, Any]:
    """How many rows of a part are of another partition, and the first of them.

    A value that is missing or cannot be read names no other: the content gate rejects its row. What the others name counts.
    """
    assert dataset.partitions
    types, query = text.collect_schema(), Query(isinstance(text, pl.LazyFrame))
    pieces = [partition] if len(named) == 1 else partition.split("-")
    numbers = [int(piece) if len(named) > 1 else None for piece in pieces]
    shown, doubted = [], []
    for name, piece, number in zip(named, pieces, numbers, strict=False):
        value = as_text(pl.col(name), types[name]).str.strip_chars()
        shown.append(value.alias(name))
        if number is not None:
            alike = value.cast(pl.Int64, strict=False) == number
        elif is_moment(dataset.delivered.columns[name].dtype):
            _, read = _said_and_read(dataset, name, types[name])
            alike = local_day(read, dataset.partitions.timezone).str.starts_with(piece)
        else:
            alike = value.str.contains(f"^{piece}($|[^0-9])")
        doubted.append(~alike.fill_null(False))
    # To plan how each is read as its type takes longer than to see that all are in place.
    if not query.asked(text, [pl.any_horizontal(doubted).any()]).item():
        return {"__rows": 0}
    told = zip(doubted, named, numbers, strict=False)
    odd = [doubts & _names_another(dataset, name, types[name], number) for doubts, name, number in told]
    given = text.select(pl.any_horizontal(odd).alias("__odd"), *shown).with_row_index("__row", 1)
    found = given.filter("__odd").select(pl.len().alias("__rows"), pl.exclude("__odd").first())
    return query.collected(found).row(0, named=True)


def _names_another(dataset: Dataset, name: str, given: pl.DataType, number: int | None) -> pl.Expr:
    """Whether a delivered value that is not written as the partition's names another, read as its type, in which 5.0 is 5.

    Not one that the content gate rejects, since it is missing or cannot be read.
    """
    value, read = _said_and_read(dataset, name, given)
    column, wanted = dataset.schema.columns.get(name), dataset.delivered.columns[name].dtype
    may_be_none = pl.lit(column is None or column.nullable)
    other = read != number if number is not None and wanted.is_numeric() else pl.lit(True)
    return pl.when(value.is_null()).then(may_be_none).otherwise(read.is_not_null() & other)


def _said_and_read(dataset: Dataset, name: str, given: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    """A delivered value, and that as its type."""
    wanted = dataset.delivered.columns[name].dtype
    value = said(pl.col(name), given, wanted, dataset.ingested.source.null_values if dataset.ingested else ())
    return value, read_as(value, given, wanted)
