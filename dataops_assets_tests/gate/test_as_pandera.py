"""Rules find what pandera finds: generated models on generated rows, rule by rule and row by row.

Where they differ, it is on purpose and stands here. What cannot be read is told apart from what is missing. NaN is no number;
pandera takes it for no value. What shares columns with another has a value in each, as in SQL; pandera takes all that is
missing for equal. And a rule on the whole delivery is asked of what is published, too.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandera.errors
import pandera.polars as pa
import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_assets.contract import Dataset
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.gate.judging import Held, judge, of_model, with_key_n
from dataops_assets_tests.trees import Tree

NAN, INF = float("nan"), float("inf")
OSLO = ZoneInfo("Europe/Oslo")
VALUES: dict[pl.DataType, list[Any]] = {
    pl.Int16(): [0, 1, -1, 13, 300, -32768],
    pl.Float64(): [0.0, -0.0, 1.0, -2.5, 1e300, NAN, INF, -INF],
    pl.String(): ["", "a", "ab", "B1", "é"],
    pl.Date(): [date(2024, 1, 1), date(2024, 2, 29), date(1900, 1, 1)],
    pl.Boolean(): [True, False],
    pl.Decimal(10, 2): [Decimal("0.00"), Decimal("-1.50"), Decimal("12345678.90")],
    pl.Datetime("us", "Europe/Oslo"): [
        datetime(2024, 3, 31, 1, tzinfo=OSLO),
        datetime(2024, 10, 27, 2, 30, tzinfo=OSLO),
        datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=OSLO),
    ],
    pl.Enum(["b", "a", "ab"]): ["a", "b", "ab"],
    pl.Categorical(): ["a", "B1", ""],
    pl.List(pl.Int64): [[], [1], [1, None], [2, 1]],
    pl.Struct({"a": pl.Int64, "b": pl.String}): [{"a": 1, "b": "x"}, {"a": None, "b": "x"}, {"a": None, "b": None}],
}
TEXTS = {
    "str_matches": {"pattern": "^[a-zé]"},
    "str_contains": {"pattern": "b"},
    "str_startswith": {"string": "a"},
    "str_endswith": {"string": "b"},
    "str_length": {"min_value": 1, "max_value": 2},
}
Expression = Callable[[Any], pl.LazyFrame]


def _custom(*expressions: Callable[[str], Any], **named: pl.Expr) -> dict[str, Expression]:
    return {"check_fn": lambda data: data.lazyframe.select(*(one(data.key) for one in expressions), **named)}


OF_A_COLUMN = [
    _custom(lambda key: pl.col(key) == pl.col(key).shift(1)),
    _custom(lambda key: pl.col(key).is_not_null() | (pl.col("n") > 1)),
    _custom(lambda key: pl.col(key).n_unique() > 1),  # of the whole column
    _custom(lambda key: pl.col(key).null_count() < 2),
    _custom(lambda key: pl.col(key).unique().is_not_null()),  # of as many rows as there are values
    _custom(lambda key: pl.len().over(key) < 3),
    _custom(lambda key: pl.col(f"^{key}$").is_not_null()),
]
OF_A_PLAIN_COLUMN = [
    _custom(lambda key: pl.col(key).is_in(pl.col(key).mode().implode())),
    _custom(lambda key: pl.col(key).is_first_distinct() | (pl.col("n") > 1)),
]
OF_ROWS = [
    _custom(lambda key: pl.all_horizontal(pl.all().is_not_null())),
    _custom(lambda key: pl.struct(pl.exclude("a")).is_unique()),
    _custom(lambda key: pl.struct(pl.exclude(pl.Float64)).is_first_distinct()),
    _custom(lambda key: pl.all_horizontal(pl.lit(True), pl.col(pl.Boolean))),
    _custom(lambda key: pl.sum_horizontal(cs.integer()) < 20),
    _custom(lambda key: pl.all_horizontal(cs.ends_with("a", "n").is_not_null())),
    _custom(lambda key: pl.nth(0) > 1),
    _custom(lambda key: pl.last().is_not_null()),
    _custom(lambda key: pl.all().is_null().sum() < 3),
    _custom(lambda key: [pl.col("n") > 1, (pl.col("n") < 9).alias("few")]),
    _custom(lambda key: (pl.col("n") < most for most in (9,))),
    _custom(some=pl.col("n") > 1, few=pl.col("n") < 9),
    _custom(lambda key: pl.col("n") > 1, few=pl.len() < 9),
    _custom(lambda key: True),
    _custom(lambda key: pl.col("n") % 2 == 0),
    _custom(lambda key: pl.col("n").sum() < 9),
    _custom(lambda key: pl.col("n").unique().sort() < 8),
]
CALLED_OF_A_COLUMN = [
    {"check_fn": lambda value: str(value) < "1", "element_wise": True},
    {"check_fn": lambda value: None if str(value) < "1" else False, "element_wise": True},
    {"check_fn": lambda data: data.lazyframe.collect()[data.key].null_count() < 2},
    {"check_fn": lambda data: data.lazyframe.collect().lazy().select(pl.len().over(data.key) < 3)},
    {"check_fn": lambda data: data.lazyframe.with_columns(m=pl.col("n").max()).select(pl.col("m") > pl.col("n"))},
    {"check_fn": lambda data: data.lazyframe.group_by(data.key, maintain_order=True).agg(pl.len()).select(pl.col("len") < 3)},
]
CALLED_OF_ROWS = [
    {"check_fn": lambda value: str(value) != "1", "element_wise": True},
    {"check_fn": lambda data: data.lazyframe.select("n").collect().height > 3},
    {"check_fn": lambda data: data.lazyframe.with_row_index("i").select(pl.all_horizontal(pl.all().is_not_null()))},
    {"check_fn": lambda data: data.lazyframe.collect().reverse().lazy().select(pl.col("n") % 3 < 2, m=pl.col("n") > 1)},
]
"""Checks that no expression can be captured of."""


@st.composite
def built_in(draw: st.DrawFn, dtype: pl.DataType) -> pa.Check:
    value = st.sampled_from([value for value in VALUES[dtype] if value == value])  # NaN is no bound
    some = st.lists(value, min_size=1, max_size=3)
    names = ["equal_to", "not_equal_to", "isin", "notin"]
    if dtype not in (pl.Boolean, pl.Enum, pl.Categorical):
        names += ["greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to", "in_range"]
    name = draw(st.sampled_from([*names, *(TEXTS if dtype == pl.String else ())]))
    options: dict[str, Any] = {"ignore_na": draw(st.booleans())}
    if name in TEXTS:
        options |= TEXTS[name]
    elif name == "in_range":
        low, high = sorted([draw(value), draw(value)])
        within = [draw(st.booleans()) or low == high for _ in "[]"]
        options |= {"min_value": low, "max_value": high, "include_min": within[0], "include_max": within[1]}
    else:
        arguments = {"equal_to": "value", "not_equal_to": "value", "isin": "allowed_values", "notin": "forbidden_values"}
        argument = arguments.get(name, "min_value" if "greater" in name else "max_value")
        options[argument] = draw(some if name in ("isin", "notin") else value)
    return getattr(pa.Check, name)(**options)


@st.composite
def models(draw: st.DrawFn) -> pa.DataFrameSchema:
    """A model of a few columns, each with a few checks; `n` is the key."""
    columns = {"n": pa.Column(pl.Int64)}
    for name in draw(st.lists(st.sampled_from("abc"), unique=True, max_size=3)):
        dtype = draw(st.sampled_from(list(VALUES)))
        checks = draw(_some(OF_A_COLUMN)) + draw(_some(CALLED_OF_A_COLUMN))
        if not dtype.is_nested():
            checks += draw(st.lists(built_in(dtype), max_size=3)) + draw(_some(OF_A_PLAIN_COLUMN))
        named = [_named(check, i) for i, check in enumerate(checks)]
        columns[name] = pa.Column(dtype, named, nullable=draw(st.booleans()), unique=draw(st.integers(0, 4)) == 0)
    checks = draw(_some(OF_ROWS)) + draw(_some(CALLED_OF_ROWS))
    unique = draw(st.lists(st.sampled_from(list(columns)), unique=True, min_size=1)) if draw(st.integers(0, 4)) == 0 else None
    return pa.DataFrameSchema(columns, [_named(check, i) for i, check in enumerate(checks)], unique=unique)


@st.composite
def _some(draw: st.DrawFn, of: list[dict[str, Any]]) -> list[pa.Check]:
    return [pa.Check(**one, ignore_na=draw(st.booleans())) for one in draw(st.lists(st.sampled_from(of), max_size=2))]


def _named(check: pa.Check, number: int) -> pa.Check:
    check.name, check.description = f"check_{number}", "it is so"
    return check


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return with_key_n(Tree(tmp_path_factory.mktemp("tree")))


UNREADABLE = "nobody can read this"


@st.composite
def deliveries(draw: st.DrawFn, types: dict[str, pl.DataType]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Rows as they are delivered, as text where no type is nested; what they mean; and what of that cannot be read.

    Some are equal, and some share a key.
    """
    as_text = not any(dtype.is_nested() for dtype in types.values()) and draw(st.booleans())
    cells: list[st.SearchStrategy[Any]] = [st.integers(0, 30)]
    for name, dtype in list(types.items())[1:]:
        unread = [UNREADABLE] if as_text and dtype not in (pl.String, pl.Categorical) else []
        cells.append(st.sampled_from([*VALUES[types[name]], None, *unread]))
    few = draw(st.lists(st.tuples(*cells), min_size=1, max_size=8))
    rows = draw(st.one_of(st.lists(st.sampled_from(few), max_size=12), st.lists(st.tuples(*cells), max_size=40)))
    columns = {name: [row[i] for row in rows] for i, name in enumerate(types)}
    unreadable = {name: [value is UNREADABLE for value in values] for name, values in columns.items()}
    marks = pl.DataFrame(unreadable, schema=dict.fromkeys(types, pl.Boolean))
    none = (UNREADABLE, "")  # an empty text means that there is no value
    readable = {name: [None if value in none else value for value in values] for name, values in columns.items()}
    typed = pl.DataFrame(readable, schema=types)
    texts = {name: [_text(value) for value in values] for name, values in columns.items()}
    return pl.DataFrame(texts, schema=dict.fromkeys(types, pl.String)) if as_text else typed, typed, marks


def _text(value: Any) -> str | None:
    return None if value is None else value.isoformat() if isinstance(value, date) else str(value)


def one_by_one(schema: pa.DataFrameSchema) -> Iterator[pa.DataFrameSchema]:
    """A schema with each check by itself: pandera cannot report one that gives a single bool together with others."""
    yield pa.DataFrameSchema({name: pa.Column(one.dtype, nullable=one.nullable) for name, one in schema.columns.items()})
    bare = {name: pa.Column(one.dtype, nullable=True) for name, one in schema.columns.items()}
    yield from (pa.DataFrameSchema(bare, check) for check in schema.checks)
    for name, one in schema.columns.items():
        yield from (pa.DataFrameSchema(bare | {name: pa.Column(one.dtype, check, nullable=True)}) for check in one.checks)


def pandera_says(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> dict[str, set[int] | bool]:
    """By rule: the rows that break it, from 0; or whether it is broken, if it gives no answer for each row."""
    found: dict[str, set[int] | bool] = {}
    for one in one_by_one(schema):
        try:
            one.validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as errors:
            for error in errors.schema_errors:
                what = "not_null" if error.check == "not_nullable" else error.check.name
                holds = error.check_output.lazy().collect().to_series()
                rule = f"{error.schema.name}.{what}" if error.schema.name in schema.columns else what
                found[rule] = True if holds.len() != frame.height else set((~holds.fill_null(False)).arg_true())
    return found


def pandera_says_of_keys(columns: tuple[str, ...], frame: pl.DataFrame) -> set[int]:
    """The rows that share columns with another, from 0; pandera is asked of those alone that have a value in each."""
    whole = frame.with_row_index("row").drop_nulls(list(columns))
    types = {name: pa.Column(dtype, nullable=True) for name, dtype in whole.schema.items()}
    try:
        pa.DataFrameSchema(types, unique=list(columns)).validate(whole, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        [error] = errors.schema_errors
        return set(whole["row"].filter(~error.check_output["check_output"]))
    return set()


def _rejected(found: Held, left: list[int], rule: str) -> set[int]:
    """The rows that are rejected by a rule, numbered from 0 among those that are left once equal ones are merged."""
    reasons = zip(found.rejected["row"].to_list(), found.rejected["reasons"].to_list(), strict=True)
    return {left.index(row - 1) for row, why in reasons if rule in why}


@given(data=st.data(), schema=models())
def test_rules_find_what_pandera_finds(sample: Dataset, data: st.DataObject, schema: pa.DataFrameSchema) -> None:
    dataset = of_model(sample, schema)
    delivered, typed, marks = data.draw(deliveries(dict(dataset.schema.polars)))
    found = judge(dataset, delivered)
    assert found.rows.delivered == found.rows.published + found.rows.rejected + found.rows.merged == delivered.height

    # Equal rows are merged before any rule is asked; what cannot be read is compared as it was delivered.
    unread = delivered.select(pl.when(marks[name]).then(pl.col(name)).alias(f"unread_{name}") for name in marks.columns)
    beside = typed.hstack(unread).with_row_index("row")
    left = beside.unique([*typed.columns, *unread.columns], keep="first", maintain_order=True)["row"]
    frame, marks = typed[left], marks[left]
    expected, of_good = pandera_says(schema, frame), pandera_says(schema, found.good)

    for rule, result in zip(compile_rules(dataset), found.rules, strict=True):
        ours = _rejected(found, left.to_list(), rule.name)
        if rule.kind == "frame":
            again = bool(of_good.get(rule.name)) and found.rows.rejected > 0
            assert bool(result.broken) == (bool(expected.get(rule.name)) or again), rule.name
        elif rule.kind == "type":
            assert ours == set(marks[rule.columns[0]].arg_true()), rule.name
        elif rule.kind == "key":
            assert ours == pandera_says_of_keys(rule.columns, frame), rule.name
        elif rule.name.endswith(".finite"):  # of which pandera knows nothing
            assert ours == set((~frame[rule.columns[0]].is_finite()).arg_true()), rule.name
        else:
            theirs = expected.get(rule.name, set())
            assert isinstance(theirs, set)
            if rule.name.endswith(".not_null"):
                column = frame[rule.columns[0]]
                theirs = theirs - set(marks[rule.columns[0]].arg_true())
                theirs = theirs - (set(column.is_nan().arg_true()) if column.dtype.is_float() else set())
            assert ours == theirs, rule.name


def test_what_pandera_counts_otherwise() -> None:
    """Keeps the test above honest: as soon as pandera does the same, the exceptions that it makes are to go."""
    shared = pa.DataFrameSchema({"a": pa.Column(pl.String, nullable=True, unique=True)})
    with pytest.raises(pandera.errors.SchemaErrors, match="not unique"):
        shared.validate(pl.DataFrame({"a": [None, None]}, schema={"a": pl.String}), lazy=True)
    with pytest.raises(pandera.errors.SchemaErrors, match="non-nullable"):
        pa.DataFrameSchema({"a": pa.Column(pl.Float64)}).validate(pl.DataFrame({"a": [NAN]}), lazy=True)
