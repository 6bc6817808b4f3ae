"""Rules find what pandera finds: generated models on generated rows, rule by rule and row by row."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pandera.errors
import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_assets.contract import Dataset
from dataops_assets.contract.schema import Schema
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.gate.judging import judge
from dataops_assets_tests.trees import Tree

NAN, INF = float("nan"), float("inf")
VALUES: dict[Any, list[Any]] = {
    pl.Int16: [0, 1, -1, 13, 300, -32768],
    pl.Float64: [0.0, -0.0, 1.0, -2.5, 1e300, NAN, INF, -INF],
    pl.String: ["", "a", "ab", "B1", "é"],
    pl.Date: [date(2024, 1, 1), date(2024, 2, 29), date(1900, 1, 1)],
    pl.Boolean: [True, False],
}
TEXTS = {
    "str_matches": {"pattern": "^[a-zé]"},
    "str_contains": {"pattern": "b"},
    "str_startswith": {"string": "a"},
    "str_endswith": {"string": "b"},
    "str_length": {"min_value": 1, "max_value": 2},
}
Expression = Callable[[Any], pl.LazyFrame]


def _custom(expression: Callable[[str], pl.Expr]) -> dict[str, Expression]:
    return {"check_fn": lambda data: data.lazyframe.select(expression(data.key))}


OF_A_COLUMN = [
    _custom(lambda key: pl.col(key) == pl.col(key).shift(1)),
    _custom(lambda key: pl.col(key).is_in(pl.col(key).mode())),
    _custom(lambda key: pl.col(key).is_first_distinct() | (pl.col("n") > 1)),
    _custom(lambda key: pl.col(key).n_unique() > 1),  # of the whole column
    _custom(lambda key: pl.col(key).null_count() < 2),
]
OF_ROWS = [
    _custom(lambda key: pl.all_horizontal(pl.all().is_not_null())),
    _custom(lambda key: pl.col("n") % 2 == 0),
    _custom(lambda key: pl.col("n").sum() < 9),
]
CALLED_OF_A_COLUMN = [
    {"check_fn": lambda value: str(value) < "1", "element_wise": True},
    {"check_fn": lambda value: None if value == value else False, "element_wise": True},
    {"check_fn": lambda data: data.lazyframe.collect()[data.key].null_count() < 2},
    {"check_fn": lambda data: data.lazyframe.collect().lazy().select(pl.col(data.key).is_first_distinct())},
    {"check_fn": lambda data: data.lazyframe.with_columns(m=pl.col("n").max()).select(pl.col("m") > pl.col("n"))},
]
CALLED_OF_ROWS = [
    {"check_fn": lambda value: value != 1, "element_wise": True},
    {"check_fn": lambda data: data.lazyframe.select("n").collect().height > 3},
    {"check_fn": lambda data: data.lazyframe.with_row_index("i").select(pl.all_horizontal(pl.all().is_not_null()))},
    {"check_fn": lambda data: data.lazyframe.collect().reverse().lazy().select(pl.col("n") % 3 < 2, m=pl.col("n") > 1)},
]
"""Checks that no expression can be captured of."""


@st.composite
def built_in(draw: st.DrawFn, dtype: Any) -> pa.Check:
    value = st.sampled_from([value for value in VALUES[dtype] if value == value])  # NaN is no bound
    some = st.lists(value, min_size=1, max_size=3)
    names = ["equal_to", "not_equal_to", "isin", "notin"]
    if dtype is not pl.Boolean:
        names += ["greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to", "in_range"]
    name = draw(st.sampled_from([*names, *(TEXTS if dtype is pl.String else ())]))
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
    """A model of a few columns, each with a few checks; `n` is a number for each row."""
    columns = {"n": pa.Column(pl.Int64)}
    for name in draw(st.lists(st.sampled_from("abc"), unique=True, max_size=3)):
        dtype = draw(st.sampled_from(list(VALUES)))
        checks = draw(st.lists(built_in(dtype), max_size=3))
        checks += draw(_some(OF_A_COLUMN)) + draw(_some(CALLED_OF_A_COLUMN))
        columns[name] = pa.Column(dtype, [_named(check, i) for i, check in enumerate(checks)], nullable=draw(st.booleans()))
    checks = draw(_some(OF_ROWS)) + draw(_some(CALLED_OF_ROWS))
    return pa.DataFrameSchema(columns, [_named(check, i) for i, check in enumerate(checks)])


@st.composite
def _some(draw: st.DrawFn, of: list[dict[str, Any]]) -> list[pa.Check]:
    return [pa.Check(**one, ignore_na=draw(st.booleans())) for one in draw(st.lists(st.sampled_from(of), max_size=2))]


def _named(check: pa.Check, number: int) -> pa.Check:
    check.name, check.description = f"check_{number}", "it is so"
    return check


class Model(Schema):
    """A schema without a class."""

    def __init__(self, schema: pa.DataFrameSchema):
        self.pandera = schema
        self.model = pa.DataFrameModel


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    tree = Tree(tmp_path_factory.mktemp("tree"))
    tree.write("sample/schema.py", "import pandera.polars as pa\n\n\nclass Schema(pa.DataFrameModel):\n    n: int\n")
    tree.write("sample/defs.yaml", (tree.defs / "stations/defs.yaml").read_text())
    tree.edit("sample/defs.yaml", "key: [station]", "key: [n]\n  tolerance: 1")
    return tree["sample"]


def one_by_one(schema: pa.DataFrameSchema) -> Iterator[pa.DataFrameSchema]:
    """A schema with each check by itself: pandera cannot report one that gives a single bool together with others."""
    yield pa.DataFrameSchema({name: pa.Column(one.dtype, nullable=one.nullable) for name, one in schema.columns.items()})
    bare = {name: pa.Column(one.dtype, nullable=True) for name, one in schema.columns.items()}
    yield from (pa.DataFrameSchema(bare, check) for check in schema.checks)
    for name, one in schema.columns.items():
        yield from (pa.DataFrameSchema(bare | {name: pa.Column(one.dtype, check, nullable=True)}) for check in one.checks)


def pandera_says(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> dict[str, set[int] | bool]:
    """By rule: the rows that break it, from 0; or whether it is broken, if it is about the whole frame."""
    found: dict[str, set[int] | bool] = {}
    for one in one_by_one(schema):
        try:
            one.validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as errors:
            for error in errors.schema_errors:
                what = "not_null" if error.check == "not_nullable" else error.check.name
                holds = error.check_output.lazy().collect().to_series()
                rule = f"{error.schema.name}.{what}" if error.schema.name in schema.columns else what
                found[rule] = True if holds.len() == 1 else set((~holds.fill_null(False)).arg_true())
    return found


@given(data=st.data(), schema=models())
def test_rules_find_what_pandera_finds(sample: Dataset, data: st.DataObject, schema: pa.DataFrameSchema) -> None:
    height = data.draw(st.integers(2, 6))
    types = pl.Schema({name: column.dtype.type for name, column in schema.columns.items()})
    cells = {
        name: data.draw(st.lists(st.sampled_from([*VALUES[dtype.base_type()], None]), min_size=height, max_size=height))
        for name, dtype in types.items()
        if name != "n"
    }
    frame = pl.DataFrame({"n": range(height), **cells}, schema=types)
    dataset = replace(sample, schema=Model(schema), delivered=Model(schema))
    expected = pandera_says(schema, frame)

    found = judge(dataset, frame)
    rules = {rule.name: rule for rule in compile_rules(dataset)}
    reasons = dict(zip(found.rejected["row"].to_list(), found.rejected["reasons"].to_list(), strict=True))
    for result in found.rules:
        rule = rules[result.rule]
        if rule.kind == "frame":
            assert bool(result.broken) == bool(expected.get(rule.name)), rule.name
        elif rule.kind == "value" and not rule.name.endswith(".finite"):  # which pandera knows nothing of
            ours = {row - 1 for row, why in reasons.items() if rule.name in why}
            if rule.name.endswith(".not_null") and frame.schema[rule.columns[0]].is_float():
                ours |= set(frame[rule.columns[0]].is_nan().fill_null(False).arg_true())  # ours are not finite, theirs null
            assert ours == expected.get(rule.name, set()), rule.name
