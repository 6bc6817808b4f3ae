"""The corrections of one partition, compiled to polars: what they ask of the rows, and what they do to them.

All of them are about the rows as they were delivered and normalised, so their order does not matter. Those by key become one
table that is joined to the rows, however many they are; each condition is an expression. Not here: when they are asked and
applied (`gate.corrected`), what can be told without rows (`problems`), how they are told (`wording`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import combinations
from typing import Any

import polars as pl

from dataops_assets.contract import Correction, Dataset, Partition
from dataops_assets.corrections.identity import id_of, of_partition
from dataops_assets.corrections.problems import collide, key_of
from dataops_assets.corrections.values import as_written, column_of, condition, is_readable
from dataops_assets.corrections.wording import Wording
from dataops_assets.gate.casting import as_text
from dataops_assets.gate.corrected import REMEDY, Corrected, CorrectionError
from dataops_assets.gate.functions import told
from dataops_assets.gate.query import FAILURES
from dataops_assets.gate.rules import MISCAST, ORIGINAL, ROW
from dataops_assets.gate.verdict import AppliedCorrection

_SLOT, _DROPS, _WHERE = "__slot", "__drops", "__where_"
_EXPECTS, _FROM, _UNREAD, _HAS = "__expects_", "__from_", "__unread_", "__has_"
_SETS, _TO, _AGREES, _IS, _MARKED, _MENDED = "__sets_", "__to_", "__agrees_", "__is_", "__marked_", "__mended_"
_ROWS, _CHANGED, _ALIKE = "__rows", "__changed", "__alike_"


@dataclass
class _Slot:
    """All that is said of the row with one key.

    Attributes:
        key: The key.
        entries: The corrections that name it.
        expects: By column, the value that must stand there.
        sets: By column, the value that takes its place.
        drops: Whether the row is left out.
    """

    key: tuple[Any, ...]
    entries: list[Correction] = field(default_factory=list)
    expects: dict[str, Any] = field(default_factory=dict)
    sets: dict[str, Any] = field(default_factory=dict)
    drops: bool = False


def alike(columns: Iterable[str], originals: Iterable[str], marks: Sequence[str]) -> Iterator[pl.Expr]:
    """What tells a row from others with its key: rows that are the same in all of it are one.

    Args:
        columns: The columns of the schema.
        originals: Those of which a value that could not be read is compared as its text; any other tells its row from all.
        marks: The columns of the frame that tell which values could not be read.
    """
    yield from (pl.col(name).alias(_ALIKE + name) for name in columns)
    known = [name for name in originals if MISCAST + name in marks]
    yield from (pl.when(MISCAST + name).then(ORIGINAL + name).alias(_ALIKE + MISCAST + name) for name in known)
    others = [mark for mark in marks if mark.removeprefix(MISCAST) not in known]
    yield pl.when(pl.any_horizontal(pl.lit(False), *others)).then(ROW).alias(_ALIKE + ROW)


class Plan:
    """The corrections of a partition.

    Args:
        dataset: Whose partition it is; its contract was found without mistakes.
        partition: Which part.
        today: The day, which decides whether a correction has expired.
    """

    def __init__(self, dataset: Dataset, partition: Partition, today: date):
        self._dataset, self._today = dataset, today
        self._entries = of_partition(dataset, partition)
        self._wording = Wording(dataset)
        self._types = {name: column.dtype for name, column in dataset.schema.columns.items()}
        self._slots: dict[tuple[Any, ...], _Slot] = {}
        self._where: list[tuple[Correction, pl.Expr]] = []
        for entry in self._entries:
            key, where = key_of(entry, dataset), entry.attributes.where
            if key is not None:
                self._take(entry, self._slots.setdefault(key, _Slot(key)))
            elif where is not None:
                self._where.append((entry, condition(where, dataset)))
        slots = self._slots.values()
        self.originals = [name for name in self._types if any(self._unread(slot, name) is not None for slot in slots)]
        self._expected = [name for name in self._types if any(name in slot.expects for slot in slots)]
        self._set = [name for name in self._types if any(name in slot.sets for slot in slots)]

    def asked(self, rows: pl.LazyFrame) -> Sequence[pl.LazyFrame]:
        """The rows whose keys are named, how many rows each condition is true of, and how many several are true of together."""
        marks = [name for name in rows.collect_schema() if name.startswith(MISCAST)]
        hits = [hit.alias(f"{_WHERE}{i}") for i, (_, hit) in enumerate(self._where)]
        # The conditions first: one may compare a row with all others.
        named = self._joined(rows.with_columns(hits)).filter(pl.col(_SLOT).is_not_null())
        found = named.select(
            _SLOT,
            *(f"{_WHERE}{i}" for i in range(len(self._where))),
            *(self._agrees(name, marks).alias(_AGREES + name) for name in self._expected),
            *(self._mended(name, marks).alias(_MENDED + name) for name in self._set),
            *(as_text(pl.col(name), self._types[name]).alias(_IS + name) for name in self._expected),
            *(pl.col(MISCAST + name).alias(_MARKED + name) for name in self._expected if MISCAST + name in marks),
            *(pl.col(ORIGINAL + name) for name in self.originals),
            *alike(self._types, self.originals, marks),
        )
        counts = [hit.sum().alias(f"{_WHERE}{i}") for i, (_, hit) in enumerate(self._where)]
        changed = pl.any_horizontal(pl.lit(False), *(hit for entry, hit in self._where if entry.columns))
        counted = rows.select(pl.len().alias(_ROWS), changed.sum().alias(_CHANGED), *counts)
        # Of many conditions, hardly any two are true of the same row: to ask for each pair would take most of the time.
        met = rows.select(hits).filter(pl.sum_horizontal(pl.all()) > 1).group_by(pl.all()).len(_ROWS)
        return (found, counted, met) if len(hits) > 1 else (found, counted)

    def failed(self, rows: pl.LazyFrame) -> str:
        """Which conditions cannot be evaluated on these rows; empty if all can."""
        wrong = []
        for entry, hit in self._where:
            try:
                rows.select(hit.sum()).collect()
            except FAILURES as error:
                why = told(error, self._dataset.withheld)
                wrong.append(f"{entry.at}: `where` cannot be evaluated on these rows: {why}")
        return "; ".join(wrong)

    def told(self, answers: Sequence[pl.DataFrame]) -> Corrected:
        """What the corrections do, by what was asked.

        Raises:
            CorrectionError: One has expired, does not find its rows, expects another value, or meets another one.
        """
        named, counts = answers[0].to_dicts(), answers[1].row(0, named=True)
        # Rows that are equal are one, as the gate merges them: an entry is about all of them.
        compared = [name for name in answers[0].columns if not name.startswith(ORIGINAL)]
        by_slot: dict[int, list[Mapping[str, Any]]] = {}
        for row in answers[0].unique(compared, keep="first", maintain_order=True).iter_rows(named=True):
            by_slot.setdefault(row[_SLOT], []).append(row)
        met = self._met(answers[2]) if len(answers) > 2 else {}
        wrong = [*self._expired(), *self._wrong_by_key(by_slot), *self._wrong_by_condition(counts, met)]
        if wrong:
            raise CorrectionError("; ".join(dict.fromkeys(wrong)) + f". {REMEDY}")
        conditions = {entry: counts[f"{_WHERE}{i}"] for i, (entry, _) in enumerate(self._where)}
        setting = {number for number, slot in enumerate(self._slots.values()) if slot.sets}
        hit = [row for row in named if row[_SLOT] in setting and not list(self._by_condition(row))]
        drops = {number for number, slot in enumerate(self._slots.values()) if slot.drops}
        copies = Counter(row[_SLOT] for row in named)
        by_key = {id_of(entry): copies[i] for i, slot in enumerate(self._slots.values()) for entry in slot.entries}
        return Corrected(
            delivered=counts[_ROWS],
            corrected=counts[_CHANGED] + len(hit),
            added=self._as_text,
            added_by=tuple(id_of(entry) for entry, _ in self._adds),
            dropped=sum(row[_SLOT] in drops for row in named)
            + sum(n for entry, n in conditions.items() if entry.attributes.drop is not None),
            applied=tuple(
                AppliedCorrection(
                    id=id_of(entry),
                    what=self._wording.what(entry),
                    rows=1 if entry.attributes.add is not None else conditions.get(entry, by_key.get(id_of(entry), 0)),
                    reason=entry.attributes.reason,
                    requested_by=entry.attributes.requested_by,
                    reference=entry.attributes.reference,
                )
                for entry in self._entries
            ),
        )

    def applied(self, rows: pl.LazyFrame, found: Corrected) -> pl.LazyFrame:
        """The rows as they are corrected."""
        schema = rows.collect_schema()
        named = pl.col(_SLOT).is_not_null()
        changes, dropping = [], [named & pl.col(_DROPS)]
        for name, dtype in self._types.items():
            value, hit = pl.col(name), pl.lit(False)
            if name in self._set:
                by_key = named & pl.col(_SETS + name)
                value, hit = pl.when(by_key).then(pl.col(_TO + name)).otherwise(value), by_key
            for entry, where in self._where:
                if name in entry.columns:
                    assert entry.attributes.changes
                    to = as_written(entry.attributes.changes[name].after, dtype)
                    value = pl.when(where).then(pl.lit(column_of([to], dtype)).first()).otherwise(value)
                    hit |= where
            changes += [value.alias(name)]
            changes += [(pl.col(MISCAST + name) & ~hit).alias(MISCAST + name)] if MISCAST + name in schema else []
        dropping += [where for entry, where in self._where if entry.attributes.drop is not None]
        gone = pl.any_horizontal(pl.lit(False), *dropping).fill_null(False).alias(_DROPS)
        kept = self._joined(rows).with_columns(*changes, gone).filter(~pl.col(_DROPS)).select(schema.names())
        return pl.concat([kept, self._added_rows(schema, found.delivered)]) if self._adds else kept

    def _take(self, entry: Correction, slot: _Slot) -> None:
        said = entry.attributes
        slot.entries.append(entry)
        changes = said.changes or {}
        slot.expects |= {name: change.before for name, change in changes.items()} | (said.drop or {})
        slot.sets |= {name: change.after for name, change in changes.items()}
        slot.drops |= said.drop is not None

    def _unread(self, slot: _Slot, name: str) -> str | None:
        """The text that is expected in place of a value that could be read as it was delivered."""
        text = as_written(slot.expects.get(name), self._types[name])
        delivered = self._dataset.delivered.columns.get(name)
        both = (self._types[name], delivered.dtype if delivered else self._types[name])
        return None if all(is_readable(text, dtype) for dtype in both) else text

    @cached_property
    def _table(self) -> pl.DataFrame:
        """One row for each key that is named."""
        slots = list(self._slots.values())
        columns: dict[str, Any] = {
            name: pl.Series([slot.key[i] for slot in slots], dtype=self._types[name])
            for i, name in enumerate(self._dataset.attributes.key)
        }
        columns[_SLOT] = pl.Series(range(len(slots)), dtype=pl.UInt32)
        columns[_DROPS] = pl.Series([slot.drops for slot in slots], dtype=pl.Boolean)
        for name in self._expected:
            columns[_EXPECTS + name] = [name in slot.expects for slot in slots]
            columns[_FROM + name] = self._column(name, [slot.expects.get(name) for slot in slots])
            columns[_UNREAD + name] = pl.Series([self._unread(slot, name) for slot in slots], dtype=pl.String)
            columns[_HAS + name] = columns[_FROM + name].is_not_null() | columns[_UNREAD + name].is_null()
        for name in self._set:
            columns[_SETS + name] = [name in slot.sets for slot in slots]
            columns[_TO + name] = self._column(name, [slot.sets.get(name) for slot in slots])
        return pl.DataFrame(columns)

    def _column(self, name: str, values: Sequence[Any]) -> pl.Series:
        return column_of([as_written(value, self._types[name]) for value in values], self._types[name])

    def _joined(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.join(self._table.lazy(), on=list(self._dataset.attributes.key), how="left", maintain_order="left")

    def _agrees(self, name: str, marks: Sequence[str]) -> pl.Expr:
        marked = pl.col(MISCAST + name) if MISCAST + name in marks else pl.lit(False)
        same = pl.col(name).eq_missing(pl.col(_FROM + name)) & ~marked & pl.col(_HAS + name)
        if name in self.originals:
            same |= marked & pl.col(ORIGINAL + name).eq(pl.col(_UNREAD + name)).fill_null(False)
        return same | ~pl.col(_EXPECTS + name)

    def _mended(self, name: str, marks: Sequence[str]) -> pl.Expr:
        """Whether what takes the place of the expected value is what was delivered."""
        read = ~pl.col(MISCAST + name) if MISCAST + name in marks else pl.lit(True)
        return pl.col(name).eq_missing(pl.col(_TO + name)) & read

    def _expired(self) -> Iterator[str]:
        for entry in self._entries:
            last = entry.attributes.valid_until
            if last < self._today:
                yield f"{entry.at}: it was valid until {last} and has expired: confirm it with a later `valid_until`"

    def _wrong_by_key(self, by_slot: Mapping[int, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
        for number, slot in enumerate(self._slots.values()):
            rows = by_slot.get(number, ())
            key = self._wording.key(slot.key)
            for entry in slot.entries:
                said = entry.attributes
                if said.add is not None:
                    if any(not slot.drops and not self._dropped(row) for row in rows):
                        yield f"{entry.at}: it adds a row that is there already: {key}"
                elif len(rows) != 1:
                    found = f"{len(rows)} different rows have" if rows else "no row has"
                    yield f"{entry.at}: {found} {key if self._dataset.is_public else 'its key'}"
                else:
                    yield from (f"{entry.at}: {key}: {wrong}" for wrong in self._differences(entry, slot, rows[0]))
                    for i in self._by_condition(rows[0]):
                        other = self._where[i][0]
                        if both := collide(entry, other):
                            yield f"{entry.at}: it collides with {other.at} on {key}: {both}"

    def _differences(self, entry: Correction, slot: _Slot, row: Mapping[str, Any]) -> Iterator[str]:
        """Where another value stands than an entry expects; what it sets stands there already if the provider has mended it."""
        changes, drop = entry.attributes.changes or {}, entry.attributes.drop or {}
        mended = [name for name in changes if not row[_AGREES + name] and row[_MENDED + name]]
        if mended:
            yield self._wording.mended({name: row[_IS + name] for name in mended}, whole=len(mended) == len(changes))
        for name in (*changes, *drop):
            if not row[_AGREES + name] and name not in mended:
                yield self._wording.differs(name, slot.expects[name], **self._found(row, name))

    def _found(self, row: Mapping[str, Any], name: str) -> dict[str, Any]:
        return {"found": row[_IS + name], "unread": row.get(_MARKED + name, False), "original": row.get(ORIGINAL + name)}

    def _met(self, several: pl.DataFrame) -> dict[tuple[int, int], int]:
        """How many rows two conditions are true of, by their numbers, where that is any."""
        found: Counter[tuple[int, int]] = Counter()
        for row in several.iter_rows(named=True):
            found.update(dict.fromkeys(combinations(self._by_condition(row), 2), row[_ROWS]))
        return found

    def _wrong_by_condition(self, counts: Mapping[str, int], met: Mapping[tuple[int, int], int]) -> Iterator[str]:
        for i, (entry, _) in enumerate(self._where):
            found = counts[f"{_WHERE}{i}"]
            if found != entry.attributes.rows:
                yield f"{entry.at}: `where` is true of {found:,} rows, not of {entry.attributes.rows:,}"
        for (i, j), rows in sorted(met.items()):
            one, other = self._where[i][0], self._where[j][0]
            if both := collide(one, other):
                yield f"{other.at}: it collides with {one.at} on {rows:,} row{'s' * (rows != 1)}: {both}"

    def _by_condition(self, row: Mapping[str, Any]) -> list[int]:
        """The conditions that are true of a row that is named by key."""
        return [i for i in range(len(self._where)) if row[f"{_WHERE}{i}"]]

    def _dropped(self, row: Mapping[str, Any]) -> bool:
        return any(self._where[i][0].attributes.drop is not None for i in self._by_condition(row))

    @cached_property
    def _adds(self) -> list[tuple[Correction, dict[str, Any]]]:
        nothing = dict.fromkeys(self._types)
        return [(entry, nothing | added) for entry in self._entries if (added := entry.attributes.add) is not None]

    def _added_rows(self, schema: pl.Schema, delivered: int) -> pl.LazyFrame:
        """The rows that are added, with all that the frame has beside the columns."""
        numbers = pl.int_range(delivered + 1, delivered + 1 + len(self._adds), eager=True, dtype=pl.Int64)
        columns = {name: self._column(name, [row[name] for _, row in self._adds]) for name in self._types}
        rows = pl.DataFrame(columns).with_columns(numbers.cast(schema[ROW]).alias(ROW))
        others = [
            pl.lit(False if dtype == pl.Boolean else None, dtype).alias(name)
            for name, dtype in schema.items()
            if name not in rows.columns
        ]
        return rows.lazy().with_columns(others).select(schema.names())

    @property
    def _as_text(self) -> pl.DataFrame:
        """The rows that are added, as they were written."""
        columns = {
            name: pl.Series([as_written(row[name], dtype) for _, row in self._adds], dtype=pl.String)
            for name, dtype in self._types.items()
        }
        return pl.DataFrame(columns)
