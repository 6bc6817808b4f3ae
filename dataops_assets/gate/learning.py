"""Rules that nobody wrote: what a clean history tells of its columns, and which rules it supports.

A rule is learned from the first four fifths of the history, and suggested only if the last fifth keeps it, too:

* Numbers have a bound with a margin. Of n parts with the greatest values x₁ ≥ x₂ ≥ …, a bound that the numbers have by nature
  lies above x₁ + 19 (x₁ - x₂) in 5 % of the cases (Robson and Whitlock, Estimation of a truncation point, Biometrika 51, 1964).
  So what has wild days gets a wide bound. What reaches the same end again and again gets just that end, and what comes near to
  0, but never below, ends there.
* A text is one of a few if each value came in two parts at least, and none was new in the later half. What was seen just once
  tells how much was not seen yet (Good, The population frequencies of species, Biometrika 40, 1953).
* Two columns are compared if no row breaks it, but many would with the value of another row.

Here: facts, and suggestions. Not here: where the history lies, and how a suggestion is written (`components.patching`).
"""

import itertools
import math
import re
import statistics
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.contract.schema import names_rows
from dataops_assets.gate.examples import broken_by, good_row

_LEAST_PARTS, _LEAST_ROWS = 10, 100
"""Of less than that nothing is learned."""
_LEARNED = 0.8
_ODDS = 19  # 95 % to 5 %
_AGAIN = 5
"""How many parts reach the same end, if it is one by nature; of whole numbers, a few do so by chance."""
_NEAR = 0.05
_FEW = 20
_UNIQUE_AMONG = 20
_WOULD_BREAK = 0.05
_LOWER = {"greater_than", "greater_than_or_equal_to", "in_range", "isin", "equal_to"}
_UPPER = {"less_than", "less_than_or_equal_to", "in_range", "isin", "equal_to"}
_NO_TEXT = "∅"
_SHAPES = (("[A-Z]", "A"), ("[a-z]", "a"), ("[0-9]", "0"))

_Number = int | float
_Label = tuple[str, str]


@dataclass(frozen=True)
class Suggestion:
    """A rule that a history supports.

    Attributes:
        rule: The name that it will have.
        columns: The columns that it looks at.
        arguments: What the `Field` of its column says then; empty for a comparison of two columns.
        compares: `<=` or `==`, for a comparison.
        evidence: What supports it, in words.
        example: The change of the good row that it must reject; None if that follows from the declaration.
    """

    rule: str
    columns: tuple[str, ...]
    arguments: Mapping[str, Any]
    compares: str
    evidence: str
    example: Mapping[str, Any] | None


class Learner:
    """What the parts of a history have told, one after the other.

    Columns that tell which partition a row is of are left alone, as are those that are not delivered under their name: no
    example can be given for them.

    Args:
        dataset: Whose history it is. Of one that is not public, nothing is suggested that tells the value of a row.
        part: What a part of it is called.
    """

    def __init__(self, dataset: Dataset, part: str):
        self._dataset, self._part = dataset, part
        aside = dataset.partitions.columns if dataset.partitions else ()
        known = {name: column.dtype for name, column in dataset.schema.columns.items() if not column.dtype.is_nested()}
        self._types = {name: dtype for name, dtype in known.items() if name in dataset.delivered.columns and name not in aside}
        self._told: list[dict[_Label, Any]] = []
        self._pairs = {
            (left, right): set("<>")
            for left, right in itertools.combinations(self._types, 2)
            if _comparable(self._types[left], self._types[right])
        }
        self._many: set[_Label] = set()

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return sum(one["", "rows"] for one in self._told)

    @property
    def parts(self) -> int:
        """How many parts were looked at that had rows."""
        return len(self._told)

    def add(self, rows: pl.LazyFrame) -> None:
        """Look at the next part of the history; one without rows tells nothing."""
        questions = {label: one for label, one in self._questions() if label not in self._many}
        found = rows.select(one.alias(f"{name}\n{what}") for (name, what), one in questions.items()).collect(engine="streaming")
        told = dict(zip(questions, found.row(0), strict=True))
        if not told["", "rows"]:
            return
        self._told.append(told)
        # What is decided is not asked again: of most columns and pairs, the first part tells it.
        self._many |= {label for label, most in self._most().items() if len(told.get(label) or ()) > most}
        for (left, right), open_signs in self._pairs.items():
            for sign in [sign for sign in open_signs if told[f"{left}\t{right}", sign]]:
                open_signs.discard(sign)
        self._pairs = {pair: signs for pair, signs in self._pairs.items() if signs}

    def _most(self) -> dict[_Label, int]:
        texts = [name for name, dtype in self._types.items() if dtype == pl.String]
        return {(name, what): most for name in texts for what, most in (("values", _FEW), ("shapes", 1))}

    def _questions(self) -> Iterator[tuple[_Label, pl.Expr]]:
        yield ("", "rows"), pl.len()
        for name, dtype in self._types.items():
            value = pl.col(name)
            yield (name, "nulls"), value.null_count()
            if names_rows(dtype):
                yield (name, "distinct"), value.n_unique()
            if dtype.is_integer() or dtype.is_float():
                yield (name, "least"), value.min()
                yield (name, "greatest"), value.max()
            if dtype == pl.String:
                yield (name, "least"), value.str.len_chars().min()
                yield (name, "greatest"), value.str.len_chars().max()
                yield (name, "values"), value.drop_nulls().unique().head(_FEW + 1).implode()
                shape = value
                for pattern, sign in _SHAPES:
                    shape = shape.str.replace_all(pattern, sign)
                yield (name, "shapes"), shape.drop_nulls().unique().head(2).implode()
        for left, right in self._pairs:
            a, b, other = pl.col(left), pl.col(right), pl.col(right).reverse()
            pair = f"{left}\t{right}"
            yield (pair, "<"), (a < b).any()
            yield (pair, ">"), (a > b).any()
            yield (pair, "would <"), (a < other).sum()
            yield (pair, "would >"), (a > other).sum()
            yield (pair, "both"), (a.is_not_null() & b.is_not_null()).sum()

    def suggestions(self) -> list[Suggestion]:
        """The rules that hold in the whole history and of the good row, and that no other rule says already.

        Raises:
            LookupError: There are too few rows or parts, or the examples have no good row to make others of.
        """
        if self.parts < _LEAST_PARTS or self.rows < _LEAST_ROWS:
            raise LookupError(
                f"{self.rows:,} rows in {self.parts} {self._part}s are too few to learn from: "
                f"{_LEAST_ROWS} in {_LEAST_PARTS} are needed"
            )
        good = good_row(self._dataset)
        if not good:
            raise LookupError(f"{self._dataset.folder}/examples.yaml has no good row that passes, of which examples are made")
        found = (one for name in self._types for one in self._of_column(name))
        possible = (one for one in itertools.chain(found, self._comparisons(good)) if _keeps(good, one))
        return [one for one in possible if not (one.example and broken_by(self._dataset, one.example))]

    def _of_column(self, name: str) -> Iterator[Suggestion]:
        dtype, declared = self._types[name], self._dataset.schema.pandera.columns[name]
        said = {check.name for check in declared.checks}
        values, where = self._values(name), f"{self.rows:,} rows in {self.parts:,} {self._part}s"
        if values < _LEAST_ROWS:
            return
        emptied = any(one.empties(name) for one in self._dataset.corrections)
        if declared.nullable and values == self.rows and not emptied:
            yield _about(name, "not_null", {"nullable": False}, f"no value is missing in {where}")
        if names_rows(dtype) and self._is_unique(name):
            yield _about(name, "unique", {"unique": True}, f"no two of a {self._part} are equal in {where}")
        if dtype == pl.String and not said:
            yield from self._of_text(name)
        elif dtype != pl.String and "least" in {what for column, what in self._told[0] if column == name}:
            yield from self._bounds(name, said)

    def _is_unique(self, name: str) -> bool:
        if self._dataset.schema.pandera.columns[name].unique or self._dataset.attributes.key == (name,):
            return False
        if not self._dataset.partitions:  # the parts of a table do not tell what is twice in the whole
            return False
        height = self._all("", "rows")
        distinct = self._all(name, "distinct")
        return statistics.median(height) >= _UNIQUE_AMONG and distinct == height and not any(self._all(name, "nulls"))

    def _bounds(self, name: str, said: set[str]) -> Iterator[Suggestion]:
        least, greatest = self._known(name, "least"), self._known(name, "greatest")
        if min(least) == max(greatest):
            return  # what is always the same tells nothing of what it may be
        public = self._dataset.is_public
        told = f"{self._values(name):,} values in {self.parts:,} {self._part}s"
        widest = max(greatest) - min(least)  # a margin as wide as all that was seen says nothing
        low = None if said & _LOWER else _upper_bound([-one for one in self._learned(name, "least")])
        near_zero = 0 <= min(least) <= _NEAR * max(greatest)
        if low is not None and near_zero and (low > 0 or not public):
            yield from self._bound(name, "ge", 0, -1, f"none of {told} is negative")
        elif low is not None and public and 0 <= min(least) + low <= widest:
            yield from self._bound(name, "ge", -low, -1, f"{told}; least {_told(least, False)}")
        high = None if said & _UPPER else _upper_bound(self._learned(name, "greatest"))
        if high is not None and public and 0 <= high - max(greatest) <= widest:
            yield from self._bound(name, "le", high, 1, f"{told}; greatest {_told(greatest, True)}")

    def _bound(self, name: str, argument: str, bound: _Number, step: int, evidence: str) -> Iterator[Suggestion]:
        beyond = self._beside(name, bound, step)
        if beyond is not None:  # else the type says as much
            rule = {"ge": "greater_than_or_equal_to", "le": "less_than_or_equal_to"}[argument]
            yield _about(name, rule, {argument: bound}, evidence, beyond)

    def _beside(self, name: str, value: _Number, step: int) -> _Number | None:
        """A number next to another; None if it is none of the type of the column."""
        beyond = value + step * max(1, abs(value) // 100) if self._types[name].is_float() else int(value) + step
        return beyond if pl.Series([beyond]).cast(self._types[name], strict=False)[0] == beyond else None

    def _of_text(self, name: str) -> Iterator[Suggestion]:
        told = f"{self._values(name):,} values in {self.parts:,} {self._part}s"
        values = {value for one in self._told for value in one.get((name, "values")) or ()}
        many = len(values) > _FEW or (name, "values") in self._many
        shapes = {shape for one in self._told for shape in one.get((name, "shapes")) or ()}
        lengths = {*self._known(name, "least"), *self._known(name, "greatest")}
        if self._dataset.is_public and (few := self._few(name)):
            evidence = f"{told} are one of {len(few)}; {self._since_when(name)}"
            yield _about(name, "isin", {"isin": few}, evidence, _NO_TEXT)
        elif many and self._dataset.is_public and len(shapes) == 1 and (name, "shapes") not in self._many and any(shapes):
            yield _about(name, "str_matches", {"str_matches": _pattern(shapes.pop())}, f"{told} all look like it", _NO_TEXT)
        elif many and len(lengths) == 1 and (length := lengths.pop()):
            arguments = {"str_length": {"min_value": length, "max_value": length}}
            yield _about(name, "str_length", arguments, f"{told} have {length} characters", "x" * (length + 1))

    def _few(self, name: str) -> list[str]:
        """The values of a text, if they are few, and none is rare or new."""
        if (name, "values") in self._many:
            return []
        parts = [set(one[name, "values"]) for one in self._told]
        values = set().union(*parts)
        seen_once = any(sum(value in part for part in parts) < 2 for value in values)
        settled = values == set().union(*parts[: math.ceil(self._training / 2)])
        return sorted(values) if 1 < len(values) <= _FEW and settled and not seen_once else []

    def _since_when(self, name: str) -> str:
        known: set[str] = set()
        last = 0
        for number, one in enumerate(self._told, 1):
            if not known.issuperset(one[name, "values"]):
                known.update(one[name, "values"])
                last = number
        return f"all came within the first {last} {self._part}s" if last > 1 else f"all came in the first {self._part}"

    def _comparisons(self, good: Mapping[str, Any]) -> Iterator[Suggestion]:
        found: dict[tuple[str, str], tuple[str, float, int]] = {}
        for (left, right), signs in self._pairs.items():
            pair = f"{left}\t{right}"
            both = sum(self._all(pair, "both"))
            would = {sign: sum(self._all(pair, f"would {sign}")) / both if both else 0.0 for sign in "<>"}
            if signs == set("<>"):
                if max(would.values()) >= _WOULD_BREAK:
                    found[left, right] = "==", sum(would.values()), both
            elif would[sign := next(iter(signs))] >= _WOULD_BREAK:
                found[(left, right) if sign == ">" else (right, left)] = "<=", would[sign], both
        for (left, right), (sign, would_break, both) in found.items():
            between = (other for a, other in found if a == left and other != right)
            if sign == "<=" and any((other, right) in found for other in between):
                continue  # it follows from two others
            example = self._broken(left, right, good)
            if example and both >= _LEAST_ROWS:
                evidence = (
                    f"no row breaks it, of {both:,} that have both; "
                    f"{would_break:.0%} would with the value of another row of the {self._part}"
                )
                words = "equals" if sign == "==" else "at_most"
                yield Suggestion(self._free(f"{left}_{words}_{right}"), (left, right), {}, sign, evidence, example)

    def _broken(self, left: str, right: str, good: Mapping[str, Any]) -> dict[str, Any] | None:
        """A change of the good row after which the left value is greater."""
        value, dtype = good.get(right), self._types[left]
        if value is None and dtype.is_numeric():
            return {left: 1, right: 0}
        if value is None:
            return None
        if dtype.is_numeric():
            beyond = self._beside(left, value, 1)
            return None if beyond is None else {left: beyond}
        return {left: value + (timedelta(hours=1) if isinstance(value, datetime) else timedelta(days=1))}

    def _free(self, name: str) -> str:
        """The name of a check, as Python takes it: no column, and nothing else of the model, is called so."""
        name = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", name)).strip("_")
        name = name if name.isidentifier() else f"column_{name}"
        taken = {*self._dataset.schema.columns, *dir(self._dataset.schema.model)}
        while name in taken:
            name += "_"
        return name

    @property
    def _training(self) -> int:
        return int(self.parts * _LEARNED)

    def _all(self, name: str, what: str) -> list[Any]:
        return [one[name, what] for one in self._told]

    def _known(self, name: str, what: str) -> list[Any]:
        return [one[name, what] for one in self._told if one[name, what] is not None]

    def _learned(self, name: str, what: str) -> list[Any]:
        return [one[name, what] for one in self._told[: self._training] if one[name, what] is not None]

    def _values(self, name: str) -> int:
        nulls: int = sum(self._all(name, "nulls"))
        return self.rows - nulls


def _about(column: str, rule: str, arguments: Mapping[str, Any], evidence: str, bad: Any = None) -> Suggestion:
    """A rule on a column alone; without a bad value the gate makes the example."""
    return Suggestion(f"{column}.{rule}", (column,), arguments, "", evidence, None if bad is None else {column: bad})


def _keeps(good: Mapping[str, Any], one: Suggestion) -> bool:
    """Whether the good row keeps a rule: what a person has declared good is not learned to be bad."""
    values = [good[column] for column in one.columns]
    if None in values:
        return "nullable" not in one.arguments
    if one.compares:
        return bool(values[0] == values[1] or (one.compares == "<=" and values[0] < values[1]))
    [value], [(argument, wanted)] = values, one.arguments.items()
    kept: dict[str, Callable[[], bool]] = {
        "ge": lambda: value >= wanted,
        "le": lambda: value <= wanted,
        "isin": lambda: value in wanted,
        "str_matches": lambda: re.search(wanted, value) is not None,
        "str_length": lambda: len(value) == wanted["min_value"],
    }
    return argument not in kept or kept[argument]()


def _comparable(left: pl.DataType, right: pl.DataType) -> bool:
    numbers = all(dtype.is_integer() or dtype.is_float() for dtype in (left, right))
    return numbers or (left == right and left in (pl.Date, pl.Datetime))


def _upper_bound(greatest: Sequence[_Number]) -> _Number | None:
    """The bound of numbers by the greatest of each part; None if they are too few."""
    if len(greatest) < _LEAST_PARTS / 2:
        return None
    first = max(greatest)
    if sum(one == first for one in greatest) >= _AGAIN:
        return first
    return _outwards(first + _ODDS * (first - max(one for one in greatest if one < first)))


def _outwards(bound: float) -> _Number:
    """The next number above with two digits: nobody believes a bound of 4,417."""
    if not bound:
        return 0
    unit = 10.0 ** (math.floor(math.log10(abs(bound))) - 1)
    rounded = float(f"{math.ceil(bound / unit) * unit:.6g}")
    return int(rounded) if rounded.is_integer() else rounded


def _told(extremes: Sequence[_Number], greatest: bool) -> str:
    ordered = sorted(extremes, reverse=greatest)
    again = sum(one == ordered[0] for one in ordered)
    return f"{ordered[0]:,.6g}, " + (f"{again:,} times" if again > 1 else f"once, and then {ordered[1]:,.6g}")


def _pattern(shape: str) -> str:
    """The regular expression of a shape: `AAA` is three capital letters."""
    classes = {sign: pattern for pattern, sign in _SHAPES}
    written = ""
    for sign, several in itertools.groupby(shape):
        count = len(list(several))
        written += classes.get(sign, re.escape(sign)) + (f"{{{count}}}" if count > 1 else "")
    return f"^{written}$"
