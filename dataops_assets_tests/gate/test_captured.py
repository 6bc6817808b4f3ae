"""Checks that select an expression: what they may select, and that nothing but the columns of the dataset is selected."""

import polars as pl
import pytest

from dataops_assets.contract import ContractError, Dataset
from dataops_assets.gate.rules import Rule, compile_rules
from dataops_assets_tests.gate.judging import delivered, judge
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

CHECK = """\
    @pa.dataframe_check
    def extra(cls, data):
        \"\"\"it is right\"\"\"
        {body}

    note: str ="""


def with_check(tree: Tree, selected: str) -> Dataset:
    """Readings whose check `extra` selects something, or does what is given."""
    body = selected if "return" in selected else f"return data.lazyframe.select({selected})"
    tree.edit("readings/schema.py", "    note: str =", CHECK.format(body=body))
    return tree["readings"]


def extra(dataset: Dataset) -> Rule:
    return next(rule for rule in compile_rules(dataset) if rule.name == "extra")


def rejected(dataset: Dataset, hours: str, **columns: pl.Series) -> list[int]:
    """The numbers of the rows that `extra` rejects."""
    rows = delivered(len(hours)).with_columns(hour=pl.Series([*hours], dtype=pl.String), **columns)
    found = judge(dataset, rows).rejected
    return [row["row"] for row in found.to_dicts() if "extra" in row["reasons"]]


# What stands beside the columns of a dataset (numbers of rows, marks of what could not be read) is no part of a selection.


@pytest.mark.parametrize(
    ("selected", "hours", "expected"),
    [
        ('pl.struct(pl.exclude("temperature")).is_unique()', "1123", []),  # the equal row is merged before
        ('pl.struct(pl.exclude("hour", "temperature")).is_unique()', "123", [1, 2, 3]),
        ("pl.all_horizontal(pl.lit(True), pl.col(pl.Boolean))", "12", []),
        ("pl.sum_horizontal(pl.col(pl.Int8, pl.UInt32)) < 3", "1234", [3, 4]),
        ("pl.max_horizontal(pl.selectors.integer()) < 3", "1234", [3, 4]),
        ('pl.all_horizontal(pl.col("^.*hour$") < 3)', "1234", [3, 4]),
        ("pl.nth(2) < 3", "1234", [3, 4]),
        ("pl.last().is_null()", "1234", []),
        ("pl.sum_horizontal(pl.all().is_null()) == 1", "12", []),  # the note
    ],
)
def test_columns_are_selected_by_type_or_pattern_among_those_of_the_schema(
    tree: Tree, selected: str, hours: str, expected: list[int]
) -> None:
    dataset = with_check(tree, selected)
    assert rejected(dataset, hours) == expected
    rule = extra(dataset)
    assert rule.called
    assert rule.called.why == "it selects columns by a type or a pattern, not by their names"


def test_columns_that_are_selected_by_name_are_asked_in_one_pass_with_all_others(tree: Tree) -> None:
    dataset = with_check(tree, 'pl.all_horizontal(pl.col("hour", "temperature") < 3)')
    assert rejected(dataset, "1234") == [3, 4]
    rule = extra(dataset)
    assert (rule.called, rule.columns) == (None, ("hour", "temperature"))


@pytest.mark.parametrize(
    "selected",
    [
        '[pl.col("hour") < 3, pl.col("temperature") < 9]',
        '(pl.col(name) < 3 for name in ("hour", "temperature"))',
        'fits=pl.col("hour") < 3, warm=pl.col("hour") >= 0',
        'pl.col("hour") < 3, True',
        '[pl.lit(True), pl.col("hour") < 3]',
    ],
)
def test_whatever_polars_takes_may_be_selected(tree: Tree, selected: str) -> None:
    dataset = with_check(tree, selected)
    assert rejected(dataset, "1234") == [3, 4]
    assert extra(dataset).called is None


@pytest.mark.parametrize(("selected", "passes"), [("True", True), ("False", False)])
def test_bool_is_about_the_whole_delivery(tree: Tree, selected: str, passes: bool) -> None:
    found = judge(with_check(tree, selected), delivered(2))
    assert found.reasons == (() if passes else ("extra: it is right, but not here",))


def test_check_that_looks_at_the_frame_first_is_called(tree: Tree) -> None:
    body = 'return data.lazyframe.select(pl.col("hour") < 3 if hasattr(data.lazyframe, "collect_schema") else pl.lit(True))'
    dataset = with_check(tree, body)
    assert rejected(dataset, "1234") == [3, 4]
    rule = extra(dataset)
    assert rule.called
    assert rule.called.why == "it does more than select an expression (`collect_schema`)"


def test_check_of_a_row_by_its_place_is_about_the_whole_delivery(tree: Tree) -> None:
    dataset = with_check(tree, 'pl.col("hour").get(0) < 3')
    assert not judge(dataset, delivered(4)).reasons
    assert extra(dataset).kind == "frame"


# One value for two rows without any, and more for others.


@pytest.mark.parametrize("selected", ['pl.col("hour").unique().sort() < 3', 'pl.col("hour").mode().sort(descending=True) < 3'])
@pytest.mark.parametrize(("hours", "passes"), [("0012", True), ("0339", False), ("1", True), ("9", False), ("", True)])
def test_all_that_a_rule_on_the_whole_delivery_gives_must_hold(tree: Tree, selected: str, hours: str, passes: bool) -> None:
    dataset = with_check(tree, selected)
    assert extra(dataset).kind == "frame"
    found = judge(dataset, delivered(len(hours)).with_columns(hour=pl.Series([*hours], dtype=pl.String)))
    assert found.reasons == (() if passes else ("extra: it is right, but not here",))


def test_rules_that_give_different_numbers_of_values_are_asked_together(tree: Tree) -> None:
    tree.edit(
        "readings/schema.py", 'pl.col("temperature").null_count() <= pl.len() / 2', 'pl.col("station").unique() == "oslo"'
    )
    found = judge(with_check(tree, 'pl.col("hour").unique() < 3'), delivered(5))
    assert {result.rule: result.status for result in found.rules if result.broken} == {"extra": "refused"}


# Checks that cannot live with what was delivered.


@pytest.mark.parametrize(
    ("selected", "says"),
    [
        ('pl.col("hour").head(2) >= 0', "ShapeError: "),
        ('pl.col("hour").map_elements(lambda hour: {0: True, 1: True}[hour], pl.Boolean)', "KeyError: "),
    ],
)
def test_check_that_fails_refuses_the_partition_by_its_name_and_those_after_it_go_on(
    tree: Tree, selected: str, says: str
) -> None:
    with_check(tree, selected)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    days = ("2024-01-01", "2024-01-02", "2024-01-03")
    for day, rows in zip(days, (6, 2, 6), strict=True):
        tree.drop("readings", f"{day}.csv", readings(day, rows=rows))
    tree.receive("readings", *days)
    outcomes = tree.stage("readings", *days, now=NOW)
    assert [outcome.status for outcome in outcomes] == ["refused", "done", "refused"]
    for refused in outcomes[::2]:
        assert f"extra: it is right, but it cannot be evaluated on these rows: {says}" in refused.reason


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ('"error": "no hour is so late"', "no hour is so late"),
        ('"error": "no hour is so late", "description": "hours are of a day"', "hours are of a day"),
        ('"error": "in_range(0, 23)"', "hour is between 0 and 23"),
    ],
)
def test_the_error_of_a_check_is_its_sentence_where_it_has_no_description(tree: Tree, options: str, sentence: str) -> None:
    tree.edit("readings/schema.py", '"max_value": 23}', f'"max_value": 23, {options}}}')
    assert next(rule.sentence for rule in compile_rules(tree["readings"]) if rule.name == "hour.in_range") == sentence


def test_the_error_of_a_method_without_a_docstring_is_its_sentence(tree: Tree) -> None:
    tree.edit("readings/schema.py", "@pa.dataframe_check\n", '@pa.dataframe_check(error="tell why there is none")\n')
    tree.edit("readings/schema.py", '        """without a temperature there is a note"""\n', "")
    assert next(rule.sentence for rule in compile_rules(tree["readings"]) if rule.name == "noted") == "tell why there is none"


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ('in_range={"min_value": 0, "max_value": 1}', "is between 0 and 1"),
        ('in_range={"min_value": 0, "max_value": 1, "include_min": False}', "is more than 0 and at most 1"),
        ('in_range={"min_value": 0, "max_value": 1, "include_max": False}', "is at least 0 and less than 1"),
        (
            'in_range={"min_value": 0, "max_value": 1, "include_min": False, "include_max": False}',
            "is more than 0 and less than 1",
        ),
        ('str_length={"min_value": 1, "max_value": 2}', "is 1 to 2 characters long"),
        ('str_length={"min_value": 2}', "is at least 2 characters long"),
        ('str_length={"max_value": 0}', "is at most 0 characters long"),
        ('str_length={"exact_value": 2}', "is 2 characters long"),
        ('isin={"b", "c", "a"}', "is one of ['a', 'b', 'c']"),
        ("isin={10, 9, 2}", "is one of [2, 9, 10]"),
        ('unique_values_eq=["b", "a"]', "has the values ['a', 'b'], each at least once, and no others"),
        ('str_matches=re.compile("^a{2}$")', "matches ^a{2}$"),
        ('str_contains={"pattern": "a", "description": "in words"}', "in words"),
    ],
)
def test_a_built_in_check_is_told_with_all_that_it_says(tree: Tree, field: str, sentence: str) -> None:
    dtype = "float" if "in_range" in field else "int" if "{10" in field else "str"
    tree.edit("readings/schema.py", "    note: str =", f"    more: {dtype} = pa.Field({field})\n    note: str =")
    tree.edit("readings/schema.py", "import pandera", "import re\n\nimport pandera")
    name = "more." + field.partition("=")[0]
    told = next(rule.sentence for rule in compile_rules(tree["readings"]) if rule.name == name)
    assert told.removeprefix("more ") == sentence


def test_a_check_that_is_named_like_a_built_in_one_needs_words(tree: Tree) -> None:
    method = '    @pa.check("hour")\n    def str_length(cls, data):\n        return data.lazyframe.select(pl.lit(True))\n\n'
    tree.edit("readings/schema.py", "    @pa.dataframe_check\n", method + "    @pa.dataframe_check\n")
    with pytest.raises(ContractError, match=r"rule `hour\.str_length` has no sentence in words"):
        tree.catalog()
