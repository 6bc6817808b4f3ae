"""The content gate: every row is published, rejected or merged, and what is rejected has all its reasons."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pandera.errors
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dataops_assets.contract import Dataset
from dataops_assets.gate.content import CodeError, Judged, judge_delivery, judge_product, quarantined, read_as
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.trees import Tree

SCHEMA = '''
    import pandera.polars as pa
    import polars as pl


    class Schema(pa.DataFrameModel):
        k: pl.Int16 = pa.Field(ge=0, le=300)
        s: str = pa.Field(isin=["a", "b"])
        code: str = pa.Field(nullable=True, str_matches="^[A-Z][0-9]$")
        x: float = pa.Field(nullable=True, ge=-10, le=10)
        d: pl.Date = pa.Field(nullable=True)
        flag: bool = pa.Field(nullable=True)
        town: str = pa.Field(nullable=True)

        @pa.check("k")
        def lucky(cls, data: pa.PolarsData) -> pl.LazyFrame:
            """k is not 13"""
            return data.lazyframe.select(pl.col(data.key) != 13)

        @pa.dataframe_check
        def explained(cls, data: pa.PolarsData) -> pl.LazyFrame:
            """what is flagged has a code"""
            return data.lazyframe.select(~pl.col("flag") | pl.col("code").is_not_null())
    '''
TOWNS = {"oslo", "bergen"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dataset with a rule of every kind."""
    tree = Tree(tmp_path_factory.mktemp("tree"))
    tree.write("sample/schema.py", SCHEMA)
    tree.write("sample/defs.yaml", (tree.defs / "stations/defs.yaml").read_text())
    tree.edit(
        "sample/defs.yaml",
        "key: [station]",
        "key: [k, s]\n  references: [{columns: [town], dataset: stations}]\n  tolerance: 1",
    )
    return tree["sample"]


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Tree(tmp_path_factory.mktemp("tree"))["readings"]


def judge(dataset: Dataset, text: pl.DataFrame, public: bool = True) -> Judged:
    rules = compile_rules(dataset)
    towns = pl.LazyFrame({"town": sorted(TOWNS)})
    tables = {rule.name: towns.rename({"town": rule.columns[0]}) for rule in rules if rule.reference}
    found = judge_delivery(dataset, rules, text, tables, public)
    assert [result.rule for result in found.rules] == [rule.name for rule in rules]
    return found


# The law: every row goes to exactly one place, for exactly the reasons that a slow reader of the contract would give.

CELLS: dict[str, st.SearchStrategy[str | None]] = {
    "k": st.sampled_from(
        ["0", "1", "1", "2", " 2 ", "+1", "01", "13", "300", "301", "-1", "40000", "1.0", "1e2", "x", "", None]
    ),
    "s": st.sampled_from(["a", "a", "b", "c", "A", " a", "", None]),
    "code": st.sampled_from(["A1", "B2", "a1", "A12", None, None]),
    "x": st.sampled_from(["0", "0.0", "-10", "10", "10.5", "-11", "nan", "inf", "-inf", "1e400", "1e-400", "1,5", "x", None]),
    "d": st.sampled_from(["2024-02-29", "2024-02-29", "2023-02-29", "24-01-05", "2024-1-5", "2024-01-05T00:00:00", "x", None]),
    "flag": st.sampled_from(["true", "True", "false", "0", "1", "2", "yes", None]),
    "town": st.sampled_from(["oslo", "bergen", "Oslo", "paris", None]),
}
Row = tuple[str | None, ...]


@st.composite
def deliveries(draw: st.DrawFn) -> list[Row]:
    """Rows of which many are equal, or share a key."""
    some = draw(st.lists(st.tuples(*CELLS.values()), min_size=1, max_size=6))
    fine = ("1", "a", "A1", "0", "2024-02-29", "true", "oslo")
    return draw(st.lists(st.sampled_from([*some, fine, ("1", "a", *fine[2:6], "bergen"), ("2", *fine[1:])]), max_size=10))


UNREADABLE = object()


def parsed(column: str, text: str | None) -> Any:
    """A value as the contract means it."""
    if text is None or column in ("s", "code", "town"):
        return text
    text = text.strip()
    if column == "k":
        return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) and abs(int(text)) < 2**15 else UNREADABLE
    if column == "x":
        return float(text) if re.fullmatch(r"-?([0-9.]+(e-?[0-9]+)?|inf|nan)", text) else UNREADABLE
    if column == "flag":
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), UNREADABLE)
    try:
        return date.fromisoformat(text)
    except ValueError:
        return UNREADABLE


def reasons(row: dict[str, Any], rows: Iterable[dict[str, Any]]) -> set[str]:
    """Every rule that a row breaks among those that are left after merging."""
    found = {f"{column}.type" for column, value in row.items() if value is UNREADABLE}
    k, s, code, x, _, flag, town = (None if value is UNREADABLE else value for value in row.values())
    found |= {f"{column}.not_null" for column in ("k", "s") if row[column] is None}
    if k is not None:
        found |= {"k.greater_than_or_equal_to"} if k < 0 else set()
        found |= {"k.less_than_or_equal_to"} if k > 300 else set()
        found |= {"k.lucky"} if k == 13 else set()
    found |= {"s.isin"} if s is not None and s not in ("a", "b") else set()
    found |= {"code.str_matches"} if code is not None and not re.fullmatch("[A-Z][0-9]", code) else set()
    if x is not None:
        found |= {"x.finite"} if not math.isfinite(x) else set()
        found |= {"x.greater_than_or_equal_to"} if x < -10 else set()
        found |= {"x.less_than_or_equal_to"} if not x <= 10 else set()  # no number is more than any
    found |= {"explained"} if flag and code is None else set()
    found |= {"town.in_stations"} if town is not None and town not in TOWNS else set()
    same = [other for other in rows if (other["k"], other["s"]) == (row["k"], row["s"])]
    found |= {"key.unique"} if k is not None and s is not None and len(same) > 1 else set()
    return found


def comparable(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple("nan" if isinstance(value, float) and math.isnan(value) else value for value in row.values())


@settings(max_examples=200)
@given(rows=deliveries())
def test_every_row_goes_to_one_place_for_all_its_reasons(sample: Dataset, rows: list[Row]) -> None:
    text = pl.DataFrame(rows, schema=dict.fromkeys(CELLS, pl.String), orient="row")
    found = judge(sample, text)

    kept: dict[Any, tuple[int, dict[str, Any]]] = {}
    for number, cells in enumerate(rows, 1):
        row = {column: parsed(column, cell) for column, cell in zip(CELLS, cells, strict=True)}
        kept.setdefault(number if UNREADABLE in row.values() else comparable(row), (number, row))
    left = [row for _, row in kept.values()]
    expected = {number: reasons(row, left) for number, row in kept.values()}

    assert {row["row"]: row["reasons"] for row in found.rejected.to_dicts()} == {
        number: [rule.name for rule in compile_rules(sample) if rule.name in why] for number, why in expected.items() if why
    }
    good = [row for number, row in kept.values() if not expected[number]]
    assert found.good.to_dicts() == sorted(good, key=lambda row: (row["k"], row["s"]))
    counts = found.rows
    assert (counts.delivered, counts.published, counts.merged) == (len(rows), len(good), len(rows) - len(kept))
    assert counts.delivered == counts.published + counts.rejected + counts.merged
    assert {result.rule: result.broken for result in found.rules if result.broken} == Counter(
        rule for why in expected.values() for rule in why
    )
    assert found.reasons == ()  # all is tolerated here
    sample.schema.model.validate(found.good, lazy=True)

    kept_text = quarantined("d1", text, found.rejected)
    assert kept_text.select(list(CELLS)).rows() == [rows[number - 1] for number in found.rejected["row"]]
    assert kept_text.columns == ["delivery", "row", "reasons", *CELLS]


def test_pandera_would_tell_if_a_published_row_were_bad(sample: Dataset) -> None:
    # Keeps the law above honest: it asks pandera, which must be able to say no.
    bad = pl.DataFrame({"k": [13], "s": ["a"], "code": [None], "x": [None], "d": [None], "flag": [None], "town": [None]})
    with pytest.raises(pandera.errors.SchemaErrors, match="lucky"):
        sample.schema.model.validate(bad.cast(sample.schema.polars), lazy=True)  # type: ignore[arg-type]


def test_empty_delivery_is_judged(sample: Dataset) -> None:
    found = judge(sample, pl.DataFrame(schema=dict.fromkeys(CELLS, pl.String)))
    assert found.rows.delivered == found.rows.published == 0
    assert found.good.schema == sample.schema.polars
    assert found.reasons == ()


# Typed deliveries: a value is read as its type only if nothing of it is lost.


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        (1.0, pl.Int8, 1),
        (1.5, pl.Int8, None),
        (300, pl.Int8, None),
        (-1, pl.UInt8, None),
        (float("nan"), pl.Int64, None),
        (1e300, pl.Int64, None),
        (Decimal("2.0"), pl.Int8, 2),
        (Decimal("2.5"), pl.Int8, None),
        (1, pl.Float64, 1.0),
        (1, pl.Boolean, True),
        (2, pl.Boolean, None),
        (True, pl.Boolean, True),
        (True, pl.Int8, None),
        (1, pl.Date, None),
        (date(2024, 1, 5), pl.Int32, None),
        (date(2024, 1, 5), pl.Datetime("us"), datetime(2024, 1, 5)),  # noqa: DTZ001
        (datetime(2024, 1, 5), pl.Date, date(2024, 1, 5)),  # noqa: DTZ001
        (datetime(2024, 1, 5, 12), pl.Date, None),  # noqa: DTZ001
        (datetime(2024, 1, 5, 12), pl.Datetime("us", "UTC"), None),  # noqa: DTZ001
        (time(12), pl.Datetime("us"), None),
        ([1], pl.Int8, None),
        (b"1", pl.Int8, None),
        ("1", pl.Int8, 1),
        ("2024-01-05", pl.Date, date(2024, 1, 5)),
        ("13-01-05", pl.Date, None),
        ("12:30:00", pl.Time, time(12, 30)),
        ("9:30:00", pl.Time, None),
        ("2024-01-05T12:00:00", pl.Datetime("us"), datetime(2024, 1, 5, 12)),  # noqa: DTZ001
        ("2024-01-05T12:00:00", pl.Datetime("us", "UTC"), None),
        ("13-01-05T12:00:00Z", pl.Datetime("us", "UTC"), None),
        (1, pl.String, "1"),
        (date(2024, 1, 5), pl.String, "2024-01-05"),
        ([1, 2], pl.String, "[1, 2]"),
        (b"\xff", pl.String, r"b'\xff'"),
    ],
)
def test_value_is_read_only_if_nothing_is_lost(value: object, wanted: Any, expected: object) -> None:
    frame = pl.DataFrame({"v": [value]})
    dtype = wanted if isinstance(wanted, pl.DataType) else wanted()
    found = frame.select(v=read_as(pl.col("v"), frame.schema["v"], dtype))
    assert found.dtypes == [dtype]
    assert found["v"].to_list() == [expected]


@pytest.mark.parametrize("wanted", [pl.Int8(), pl.Int64(), pl.UInt32(), pl.Boolean(), pl.Date(), pl.String()])
@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["1", "true", "2024-01-05"])])
def test_categories_are_read_as_their_text(dtype: pl.DataType, wanted: pl.DataType) -> None:
    frame = pl.DataFrame({"v": pl.Series(["1", "true", "2024-01-05", None], dtype=pl.String)})
    as_text = frame.select(read_as(pl.col("v"), pl.String(), wanted))
    assert_frame_equal(frame.cast(dtype).select(read_as(pl.col("v"), dtype, wanted)), as_text)


def test_column_without_any_value_is_read_as_its_type(sample: Dataset) -> None:
    nothing = pl.DataFrame({column: [None] for column in CELLS})
    assert judge(sample, nothing).rejected["reasons"].to_list() == [["k.not_null", "s.not_null"]]


def test_quarantine_keeps_what_no_table_would_hold(sample: Dataset) -> None:
    row = {"k": [1], "s": "a", "code": b"\xff", "x": 1.5, "d": datetime(2024, 1, 5), "flag": {"a": 1}, "town": None}  # noqa: DTZ001
    text = pl.DataFrame([{**row, "row": "taken", "row_": "too", "delivery": "x", "__row": 1, "__was_k": 1}])
    found = judge(sample, text)
    assert found.rejected["reasons"].to_list() == [["k.type", "flag.type", "code.str_matches"]]
    [kept] = quarantined("d1", text, found.rejected).to_dicts()
    assert (kept["delivery"], kept["row"], kept["row__"], kept["row_"], kept["delivery_"]) == ("d1", 1, "taken", "too", "x")
    assert (kept["k"], kept["code"], kept["flag"]) == ("[1]", r"b'\xff'", "{'a': 1}")


# What rules do: severities, tolerances, offenders.


def delivered(rows: int, without_note: int = 0) -> pl.DataFrame:
    """Readings, the last of which break `noted`."""
    columns = {
        "station": ["oslo"] * rows,
        "day": [str(date(2024, 1, 1).replace(day=i // 24 + 1)) for i in range(rows)],
        "hour": [str(i % 24) for i in range(rows)],
        "temperature": ["1.5"] * (rows - without_note) + [None] * without_note,
        "note": [None] * rows,
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def with_options(tree: Tree, options: str, edit: tuple[str, str] = ("", "")) -> Dataset:
    tree.edit("readings/defs.yaml", "tolerance: 0.5", options)
    if edit[0]:
        tree.edit("readings/schema.py", *edit)
    return tree["readings"]


@pytest.mark.parametrize(
    ("tolerance", "rows", "bad", "passes"),
    [
        (0, 10, 0, True),
        (0, 10, 1, False),
        (0.1, 10, 1, True),
        (0.0999, 10, 1, False),
        (0.29, 100, 29, True),  # 0.29 × 100 is less than 29 in floats
        (0.29, 100, 30, False),
        (1, 3, 3, True),
    ],
)
def test_share_of_rejected_rows_is_tolerated_up_to_its_limit(
    tree: Tree, tolerance: float, rows: int, bad: int, passes: bool
) -> None:
    found = judge(with_options(tree, f"tolerance: {tolerance}"), delivered(rows, bad))
    assert found.rows.rejected == bad
    assert (found.reasons == ()) == passes
    if not passes:
        assert re.fullmatch(rf"{bad} of {rows} rows rejected, [\d.]+%; [\d.]+% tolerated: noted \({bad}\)", found.reasons[0])


@pytest.mark.parametrize(
    ("options", "status", "published"),
    [
        ("noted: reject", "tolerated", 71),
        ("noted: {severity: reject, tolerance: 0.29}", "tolerated", 71),
        ("noted: {severity: reject, tolerance: 0.28}", "refused", 71),
        ("noted: warn", "warned", 100),
        ("noted: {severity: warn, tolerance: 0.29}", "tolerated", 100),
        ("noted: {severity: warn, tolerance: 0.28}", "warned", 100),
        ("noted: fail", "refused", 100),
        ("noted: {severity: fail, tolerance: 0.29}", "tolerated", 100),
        ("noted: {severity: fail, tolerance: 0.28}", "refused", 100),
    ],
)
def test_severity_says_what_a_broken_rule_does(tree: Tree, options: str, status: str, published: int) -> None:
    found = judge(with_options(tree, f"tolerance: 1\n  rules: {{{options}}}"), delivered(100, 29))
    result = next(result for result in found.rules if result.rule == "noted")
    assert (result.status, result.broken, found.rows.published) == (status, 29, published)
    refused = ("noted: without a temperature there is a note, but 29 of 100 rows (29.0%) break it",)
    assert found.reasons == (refused if status == "refused" else ())


@pytest.mark.parametrize(
    ("options", "bad", "status"),
    [("", 5, "passed"), ("", 6, "warned"), ("mostly_measured: fail", 5, "passed"), ("mostly_measured: fail", 6, "refused")],
)
def test_rule_on_the_whole_delivery(tree: Tree, options: str, bad: int, status: str) -> None:
    found = judge(with_options(tree, f"tolerance: 1\n  rules: {{{options}}}"), delivered(10, bad))
    result = next(result for result in found.rules if result.rule == "mostly_measured")
    assert (result.status, found.rows.published) == (status, 10 - bad)
    refused = ("mostly_measured: most hours have a temperature, but not here",)
    assert found.reasons == (refused if status == "refused" else ())


@pytest.mark.parametrize(
    ("sentence", "expression", "bad", "found"),
    [
        ("at most 20 % are missing", 'pl.col("temperature").is_null().mean() <= 0.2', 4, "it is 40.0%"),
        ("there are enough rows", "20 <= pl.len()", 0, "it is 10"),
        ("it compares two sums", 'pl.col("hour").sum() < pl.col("hour").min()', 0, "not here"),
        ("it compares texts", 'pl.col("station").first() == "bergen"', 0, "not here"),
    ],
)
def test_rule_on_the_whole_delivery_tells_what_it_measured(
    tree: Tree, sentence: str, expression: str, bad: int, found: str
) -> None:
    tree.edit("readings/schema.py", "most hours have a temperature", sentence)
    tree.edit("readings/schema.py", 'pl.col("temperature").null_count() <= pl.len() / 2', expression)
    rules = judge(with_options(tree, "tolerance: 1"), delivered(10, bad)).rules
    result = next(result for result in rules if result.rule == "mostly_measured")
    assert (result.status, result.checked, result.found) == ("warned", 10, found)


def test_offenders_are_named_by_row_and_key_and_shown_only_if_public(readings: Dataset) -> None:
    text = delivered(20).with_columns(temperature=pl.lit("99"))
    for public, values in ((True, {"temperature": 99.0}), (False, {})):
        result = next(r for r in judge(readings, text, public).rules if r.rule == "temperature.less_than_or_equal_to")
        assert result.broken == 20
        assert len(result.offenders) == 10
        assert result.offenders[3] == {"row": 4, "station": "oslo", "day": "2024-01-01", "hour": 3, **values}


# Rules that cannot be evaluated on what was delivered.

MONTH = 'pl.date(2024, pl.col("hour"), 1).is_not_null()'
NOTED = 'pl.col("temperature").is_not_null() | pl.col("note").is_not_null()'


def test_rule_that_cannot_be_evaluated_refuses_by_its_name(tree: Tree) -> None:
    found = judge(with_options(tree, "tolerance: 0.5", (NOTED, MONTH)), delivered(3, 1).with_columns(temperature=pl.lit("99")))
    [broken, refused] = [result for result in found.rules if result.broken]
    assert (broken.rule, broken.broken, broken.status) == ("temperature.less_than_or_equal_to", 3, "tolerated")
    assert (refused.rule, refused.status) == ("noted", "refused")
    assert re.match(r"noted: without .* note, but it cannot be evaluated on these rows: \w+Error: .+", found.reasons[0])
    assert found.rows.delivered == found.rows.published + found.rows.rejected + found.rows.merged


def test_rule_that_cannot_be_evaluated_but_only_warns_does_not_refuse(tree: Tree) -> None:
    found = judge(with_options(tree, "rules: {noted: warn}", (NOTED, MONTH)), delivered(3))
    assert [(result.rule, result.status) for result in found.rules if result.broken] == [("noted", "warned")]
    assert (found.reasons, found.rows.published) == ((), 3)


def test_rule_on_the_whole_delivery_that_cannot_be_evaluated_refuses(tree: Tree) -> None:
    whole = ('pl.col("temperature").null_count() <= pl.len() / 2', f"{MONTH}.all()")
    found = judge(with_options(tree, "rules: {mostly_measured: fail}", whole), delivered(3))
    assert [(result.rule, result.status) for result in found.rules if result.broken] == [("mostly_measured", "refused")]


@pytest.mark.parametrize(
    ("severity", "reasons"), [("reject", ["hour.type"]), ("warn", ["hour.not_null"]), ("fail", ["hour.not_null"])]
)
def test_value_that_is_unreadable_is_never_published_as_none(tree: Tree, severity: str, reasons: list[str]) -> None:
    dataset = with_options(tree, f"tolerance: 1\n  rules: {{hour.type: {severity}}}")
    found = judge(dataset, delivered(3).with_columns(hour=pl.Series(["1", "x", "3"])))
    assert found.rejected.to_dicts() == [{"row": 2, "reasons": reasons}]
    assert found.good["hour"].to_list() == [1, 3]


def test_error_of_a_rule_shows_no_values_that_are_not_public(tree: Tree) -> None:
    secret = delivered(1).with_columns(note=pl.lit("a secret"))
    dataset = with_options(tree, "tolerance: 1", (NOTED, 'pl.col("note").str.to_date("%Y") > pl.date(2024, 1, 1)'))
    assert "a secret" in judge(dataset, secret, public=True).reasons[0]
    assert judge(dataset, secret, public=False).reasons[0].endswith("on these rows: InvalidOperationError")


# What `normalise` and `transform` promise.


def with_normalise(tree: Tree, body: str) -> Dataset:
    path = tree.defs / "readings/schema.py"
    tree.write("readings/schema.py", f"{path.read_text()}\n\ndef normalise(rows):\n    {body}\n")
    return tree["readings"]


def test_normalise_changes_rows_and_is_counted(tree: Tree) -> None:
    dataset = with_normalise(tree, 'return rows.with_columns(pl.col("hour").replace(24, 0))')
    found = judge(dataset, delivered(3).with_columns(hour=pl.Series(["1", "24", "x"])))
    assert found.good["hour"].to_list() == [0, 1]
    assert found.rows.normalised == 1
    assert found.rejected.to_dicts() == [{"row": 3, "reasons": ["hour.type"]}]


@pytest.mark.parametrize("columns", ["pl.col(pl.String)", "pl.col('station', 'note')"])
def test_whatever_normalise_asks_for_it_changes_what_is_delivered_only(tree: Tree, columns: str) -> None:
    dataset = with_normalise(tree, f"return rows.with_columns({columns}.str.strip_chars())")
    found = judge(dataset, delivered(3).with_columns(note=pl.Series(["a", " b", "c "]), hour=pl.Series(["1", "2", "x"])))
    assert found.good["note"].to_list() == ["a", "b"]
    assert found.rows.normalised == 2
    assert found.rejected.to_dicts() == [{"row": 3, "reasons": ["hour.type"]}]


def test_normalise_sees_what_is_delivered_and_the_number_of_the_row(tree: Tree) -> None:
    dataset = with_normalise(
        tree, "assert rows.collect_schema().names() == ['__row', *Schema.to_schema().columns]; return rows"
    )
    assert judge(dataset, delivered(3)).rows.published == 3


def test_rows_that_normalise_makes_equal_are_merged(tree: Tree) -> None:
    dataset = with_normalise(tree, 'return rows.with_columns(pl.col("hour").replace(24, 0))')
    found = judge(dataset, delivered(2).with_columns(hour=pl.Series(["0", "24"])))
    assert (found.rows.published, found.rows.merged, found.rows.normalised) == (1, 1, 1)


def test_normalise_makes_other_columns_from_what_is_delivered(tree: Tree) -> None:
    tree.edit(
        "stations/schema.py",
        "class Schema",
        "class Delivered(pa.DataFrameModel):\n    station: str\n    height: str\n\n\n"
        "def normalise(rows):\n    metres = pl.col('height').str.strip_suffix(' m')\n"
        "    return rows.with_columns(metres.cast(pl.Int16, strict=False))\n\n\n"
        "class Schema",
    )
    text = pl.DataFrame({"station": ["oslo", "oslo", "bergen"], "height": ["94 m", "94", "high"]})
    found = judge(tree["stations"], text)
    assert found.good.to_dicts() == [{"station": "oslo", "height": 94}]
    assert found.rejected.to_dicts() == [{"row": 3, "reasons": ["height.not_null"]}]
    assert found.rows.merged == 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('return rows.filter(pl.col("hour") != "1")', "normalise of readings failed: "),
        (
            'return rows.filter(pl.col("hour") != 1)',
            "changed which rows there are or their order (3 in, 2 out): use `with_columns` only",
        ),
        ("return rows.reverse()", "changed which rows there are or their order (3 in, 3 out): use `with_columns` only"),
        ("return pl.concat([rows, rows])", "changed which rows there are or their order (3 in, 6 out)"),
        ('return rows.drop("note")', "leaves out note: make every column of schema.py"),
        ('return rows.select("station", "day", "hour", "temperature", "note")', "drops columns: use `with_columns` only"),
        (
            'return rows.with_columns(pl.col("hour") + 0.5)',
            "makes column `hour` as Float64, but schema.py says Int8: cast it there",
        ),
        ("return None", "normalise of readings failed: AttributeError"),
        ("raise KeyError('x')", "normalise of readings failed: KeyError: 'x'"),
        (f"return rows.with_columns(pl.when({MONTH}).then(pl.col('note')))", "normalise of readings failed: "),
    ],
)
def test_normalise_that_breaks_its_promise_is_refused(tree: Tree, body: str, says: str) -> None:
    dataset = with_normalise(tree, body)
    with pytest.raises(CodeError, match="normalise of readings") as caught:
        judge(dataset, delivered(3))
    assert says in str(caught.value)


MADE = pl.DataFrame(
    {"station": ["oslo", "bergen"], "day": [date(2024, 1, 1)] * 2, "height": [94, 12], "warmest": [1.5, None]},
    schema={"station": pl.String, "day": pl.Date, "height": pl.Int16, "warmest": pl.Float64},
)


@pytest.fixture(scope="module")
def daily(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Tree(tmp_path_factory.mktemp("tree"))["daily"]


def judge_made(dataset: Dataset, made: pl.LazyFrame) -> Judged:
    return judge_product(dataset, compile_rules(dataset), made, {}, public=True)


def test_product_is_published_in_order_of_its_key(daily: Dataset) -> None:
    found = judge_made(daily, MADE.lazy().select("warmest", "height", "day", "station"))
    assert_frame_equal(found.good, MADE.reverse())
    assert (found.rows.published, found.reasons) == (2, ())


@settings(max_examples=30)
@given(order=st.permutations(range(6)))
def test_rejected_rows_of_a_product_are_the_same_in_whatever_order_they_are_made(daily: Dataset, order: list[int]) -> None:
    twice = pl.concat([MADE, MADE.with_columns(warmest=pl.col("height") / 2), MADE.with_columns(warmest=pl.lit(99.0))])
    found = judge_made(daily, twice[order].lazy())
    assert found.rejected.columns == ["row", "reasons", *MADE.columns]
    bad = ["warmest.less_than_or_equal_to", "key.unique"]
    assert found.rejected.select("row", "reasons", "station", "warmest").rows() == [
        (1, ["key.unique"], "bergen", None),
        (2, ["key.unique"], "bergen", "6.0"),
        (3, bad, "bergen", "99.0"),
        (4, ["key.unique"], "oslo", "1.5"),
        (5, ["key.unique"], "oslo", "47.0"),
        (6, bad, "oslo", "99.0"),
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda made: made.drop("height"), "leaves out height: make every column of schema.py"),
        (
            lambda made: made.cast({"height": pl.Int64}),
            "makes column `height` as Int64, but schema.py says Int16: cast it there",
        ),
        (lambda made: made.with_columns(pl.col("nope")), "failed: ColumnNotFoundError"),
        (lambda made: made.with_columns(day=pl.date(2024, pl.col("height"), 1)), "failed: "),
        (lambda made: None, "failed: AttributeError"),
    ],
)
def test_transform_that_breaks_its_promise_is_refused(daily: Dataset, change: Callable[[pl.LazyFrame], Any], says: str) -> None:
    with pytest.raises(CodeError, match="transform of daily") as caught:
        judge_made(daily, change(MADE.lazy()))
    assert says in str(caught.value)
