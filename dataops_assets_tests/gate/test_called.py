"""Checks that no expression can be captured of: called through pandera, their rows go where all others go."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dataops_assets.contract import Dataset
from dataops_assets.gate.content import judge_delivery
from dataops_assets.gate.functions import CodeError
from dataops_assets.gate.rules import Rule, compile_rules
from dataops_assets_tests.gate.judging import delivered, judge
from dataops_assets_tests.trees import Tree

EVEN = '''@pa.check("hour", element_wise=True)
    def even(cls, value):
        """hour is even"""
        {body}

    '''
WHOLE = '''@pa.dataframe_check{options}
    def whole(cls, data):
        """it is right as a whole"""
        {body}

    '''


def with_check(tree: Tree, check: str, body: str, options: str = "") -> Dataset:
    tree.edit("readings/schema.py", "    note: str =", "    " + check.format(body=body, options=options) + "note: str =")
    return tree["readings"]


def rule_of(dataset: Dataset, name: str) -> Rule:
    return next(rule for rule in compile_rules(dataset) if rule.name == name)


def test_each_value_is_asked_for_and_a_row_has_all_its_reasons(tree: Tree) -> None:
    dataset = with_check(tree, EVEN, "return value % 2 == 0")
    hours = pl.Series(["4", "4", "3", "x", None, "25"])
    found = judge(dataset, delivered(6, without_note=1).with_columns(hour=hours))
    assert found.rejected.to_dicts() == [
        {"row": 3, "reasons": ["hour.even"]},
        {"row": 4, "reasons": ["hour.type"]},
        {"row": 5, "reasons": ["hour.not_null"]},
        {"row": 6, "reasons": ["hour.in_range", "hour.even", "noted"]},
    ]
    assert (found.rows.delivered, found.rows.published, found.rows.merged, found.rows.rejected) == (6, 1, 1, 4)
    even = next(result for result in found.rules if result.rule == "hour.even")
    assert (even.checked, even.broken) == (5, 2)  # the equal row is merged before
    assert even.offenders[0] == {"row": 3, "station": "oslo", "day": "2024-01-01", "hour": 3}


def test_whole_frame_gives_an_answer_for_each_row(tree: Tree) -> None:
    body = 'return data.lazyframe.with_columns(m=pl.col("hour").max()).select(pl.col("m") - pl.col("hour") < 2)'
    dataset = with_check(tree, WHOLE, body)
    found = judge(dataset, delivered(4).with_columns(hour=pl.Series(["1", "1", "5", "4"])))
    assert found.rejected.to_dicts() == [{"row": 1, "reasons": ["whole"]}]
    assert (found.rows.published, found.rows.merged) == (2, 1)
    rule = rule_of(dataset, "whole")
    assert (rule.kind, rule.severity, rule.columns) == ("value", "reject", ("hour",))


@pytest.mark.parametrize(("options", "severity"), [("", "fail"), ("(raise_warning=True)", "warn")])
def test_one_bool_is_about_the_whole_delivery(tree: Tree, options: str, severity: str) -> None:
    body = 'return bool(data.lazyframe.select(pl.col("hour").n_unique() > 1).collect().item())'
    dataset = with_check(tree, WHOLE, body, options)
    rule = rule_of(dataset, "whole")
    assert (rule.kind, rule.severity, rule.columns) == ("frame", severity, ("hour",))
    assert judge(dataset, delivered(2)).reasons == ()
    found = judge(dataset, delivered(1))
    assert found.reasons == (("whole: it is right as a whole, but not here",) if severity == "fail" else ())
    assert found.rows.rejected == 0


def test_what_collects_all_is_found_to_look_at_all(tree: Tree) -> None:
    body = 'return data.lazyframe.collect().lazy().select(pl.col("hour") < 9)'
    assert rule_of(with_check(tree, WHOLE, body), "whole").columns == tuple(tree["readings"].schema.columns)


def test_check_sees_the_columns_of_the_schema_alone(tree: Tree) -> None:
    body = "return data.lazyframe.collect_schema().names() == [*cls.to_schema().columns]"
    assert judge(with_check(tree, WHOLE, body), delivered(3)).reasons == ()


@pytest.mark.parametrize(("hours", "passes"), [("0012", True), ("0019", False), ("1999", False), ("", True)])
def test_rule_on_the_whole_delivery_must_hold_in_all_that_it_gives(tree: Tree, hours: str, passes: bool) -> None:
    """Of two rows without a value it gives one, of others as many as there are groups."""
    body = 'return data.lazyframe.group_by("hour", maintain_order=True).agg(pl.len()).select(pl.col("hour") < 9)'
    found = judge(with_check(tree, WHOLE, body), delivered(len(hours)).with_columns(hour=pl.Series([*hours], dtype=pl.String)))
    assert found.reasons == (() if passes else ("whole: it is right as a whole, but not here",))


def test_empty_delivery_is_asked_too(tree: Tree) -> None:
    dataset = with_check(tree, EVEN, "return value % 2 == 0")
    dataset = with_check(tree, WHOLE, 'return data.lazyframe.collect().lazy().select(pl.col("hour") < 9)')
    found = judge(dataset, delivered(0))
    assert found.rows.delivered == 0
    assert found.reasons == ()


def test_large_file_is_called_with_some_rows_at_a_time(tree: Tree) -> None:
    """And the same is found as in a small one."""
    dataset = with_check(tree, EVEN, "return value % 7 != 0")
    rows = delivered(24 * 30)
    file = tree.root / "readings.csv"
    rows.write_csv(file)
    tables = {"station.in_stations": pl.DataFrame({"station": ["oslo"]})}
    streamed = judge_delivery(dataset, compile_rules(dataset), pl.scan_csv(file, infer_schema=False), tables, public=True)
    assert_frame_equal(streamed.rejected, judge(dataset, rows).rejected)
    assert streamed.rows.rejected == 4 * 30


@pytest.mark.parametrize(
    ("check", "rule", "body", "says"),
    [
        (EVEN, "hour.even", "raise KeyError(value)", "failed: KeyError: "),
        (EVEN, "hour.even", "return value % 2", "failed: SchemaError: unexpected value"),
        (WHOLE, "whole", "return 1 / (6 - data.lazyframe.collect().height) > 0", "failed: ZeroDivisionError: division by zero"),
        (
            WHOLE,
            "whole",
            "return data.lazyframe.head(2).select(pl.col('hour') >= 0).collect().lazy()",
            "gives 2 values for 6 rows",
        ),
        (WHOLE, "whole", "return bool(data.lazyframe.collect()['hour'].sum() < 9) or data.lazyframe", "failed: "),
    ],
)
def test_check_that_fails_is_told_with_dataset_rule_and_line(tree: Tree, check: str, rule: str, body: str, says: str) -> None:
    dataset = with_check(tree, check, body)
    with pytest.raises(CodeError) as caught:
        judge(dataset, delivered(6))
    told = str(caught.value)
    assert told.startswith(f"check `{rule}` of readings {says}")
    lines = [tree.line("readings/schema.py", body), tree.line("readings/schema.py", check.splitlines()[0].format(options=""))]
    assert told.endswith(tuple(f"(defs/readings/schema.py:{line})" for line in lines))


def test_check_that_fails_in_a_function_beside_it_is_told_by_the_innermost_line(tree: Tree) -> None:
    path = tree.defs / "readings/schema.py"
    raises = 'raise KeyError("beside")'
    tree.write("readings/schema.py", path.read_text().replace("class ", f"def of(value):\n    {raises}\n\n\nclass ", 1))
    dataset = with_check(tree, EVEN, "return of(value)")
    with pytest.raises(CodeError, match=rf"\(defs/readings/schema.py:{tree.line('readings/schema.py', raises)}\)$"):
        judge(dataset, delivered(6))


def test_values_of_private_data_are_not_told(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "classification: public", "classification: secret")
    tree.edit("daily/defs.yaml", "classification: public", "classification: secret")
    dataset = with_check(tree, EVEN, "raise KeyError(value)")
    told = r"KeyError \(values are withheld, since the data is secret\) \(defs/readings/schema.py:\d+\)$"
    with pytest.raises(CodeError, match=f"check `hour.even` of readings failed: {told}"):
        judge(dataset, delivered(2), public=False)
