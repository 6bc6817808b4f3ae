"""The proof by examples: every rule of every dataset bites, and one without a proof is told by its name."""

import pytest

from dataops_assets.catalog import load_catalog
from dataops_assets.contract import Dataset
from dataops_assets.gate.examples import failed_examples
from dataops_assets_tests.trees import Tree


@pytest.mark.parametrize("dataset", [pytest.param(dataset, id=dataset.name) for dataset in load_catalog()])
def test_every_rule_of_every_dataset_bites(dataset: Dataset) -> None:
    assert failed_examples(dataset) == []


@pytest.mark.parametrize("name", ["stations", "readings", "daily"])
def test_every_rule_of_the_good_tree_bites(tree: Tree, name: str) -> None:
    assert failed_examples(tree[name]) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "failure"),
    [
        pytest.param(
            "examples",
            "  noted: {temperature: null}\n",
            "",
            "rule `noted` has no example: add `noted: {<column>: <bad value>}` to `reject`",
            id="rule_without_example",
        ),
        pytest.param(
            "schema",
            "ge=-60",
            "ge=-60, ne=7",
            "rule `temperature.not_equal_to` has no example: add",
            id="new_rule_without_example",
        ),
        pytest.param(
            "examples",
            "{hour: 24}",
            "{hour: 23}",
            "rule `hour.in_range` does not catch its example {'hour': 23}",
            id="harmless_example",
        ),
        pytest.param(
            "schema",
            'pl.col("note").is_not_null())',
            'pl.date(1, pl.col("hour") + 1, 1).is_null() | True)',
            "rule `noted` does not catch its example {'temperature': None}",
            id="rule_that_never_bites",
        ),
        pytest.param(
            "schema",
            "<= pl.len() / 2",
            "> pl.len()",
            "the good row alone breaks mostly_measured, and so does an empty delivery: does it ever hold? "
            "(most hours have a temperature)",
            id="rule_on_the_whole_delivery_that_never_holds",
        ),
        pytest.param(
            "examples", "{hour: 24}", "{hour: 24}\n  nope: {hour: 1}", "example for the unknown rule `nope`", id="unknown_rule"
        ),
        pytest.param(
            "examples",
            "temperature: -3.5",
            "temperature: null",
            "the good row breaks noted: without a temperature there is a note",
            id="good_is_bad",
        ),
        pytest.param(
            "examples",
            "good:",
            "best:",
            "`good` is missing: write one good row as a mapping of columns to values",
            id="no_good_row",
        ),
    ],
)
def test_what_is_not_proved_is_named(tree: Tree, file: str, old: str, new: str, failure: str) -> None:
    file = {"examples": "readings/examples.yaml", "schema": "readings/schema.py"}[file]
    tree.edit(file, old, new)
    failures = failed_examples(tree["readings"])
    assert any(told.startswith(f"defs/readings/examples.yaml: {failure}") for told in failures), failures


def test_rule_on_the_whole_delivery_may_ask_for_more_than_one_row(tree: Tree) -> None:
    tree.edit("readings/schema.py", 'pl.col("temperature").null_count() <= pl.len() / 2', "pl.len() != 1")
    assert failed_examples(tree["readings"]) == []


WHOLE = 'pl.col("temperature").null_count() <= pl.len() / 2'


def test_example_of_a_rule_on_the_whole_delivery_may_be_several_rows(tree: Tree) -> None:
    tree.edit("readings/schema.py", WHOLE, 'pl.col("temperature").unique().sort() > -60')
    several = "mostly_measured: [{temperature: 1}, {temperature: -60}, {temperature: 2}]"
    tree.edit("readings/examples.yaml", "mostly_measured: {temperature: null}", several)
    assert failed_examples(tree["readings"]) == []


@pytest.mark.parametrize(
    ("written", "failure"),
    [
        (
            "mostly_measured: {temperature: 7}",
            "the example {'temperature': 7} of `mostly_measured` cannot be judged: check `mostly_measured` of readings failed: "
            "ZeroDivisionError: float division by zero (defs/readings/schema.py:",
        ),
        ("mostly_measured: 7", "`mostly_measured` is 7, no example: write `{<column>: <bad value>}` or several"),
    ],
)
def test_example_that_cannot_be_judged_is_told(tree: Tree, written: str, failure: str) -> None:
    body = f"return data.lazyframe.select({WHOLE})"
    tree.edit("readings/schema.py", body, 'return 1 / (7 - (data.lazyframe.collect()["temperature"].max() or 0)) > 0')
    tree.edit("readings/examples.yaml", "mostly_measured: {temperature: null}", written)
    [told] = [told for told in failed_examples(tree["readings"]) if "mostly_measured" in told]
    assert told.startswith(f"defs/readings/examples.yaml: {failure}")


def test_good_row_that_cannot_be_judged_is_told(tree: Tree) -> None:
    body = f"return data.lazyframe.select({WHOLE})"
    tree.edit("readings/schema.py", body, "return 1 / (data.lazyframe.collect().height - 1) > 0")
    [told] = failed_examples(tree["readings"])
    assert "the good row, or an empty delivery, cannot be judged: check `mostly_measured` of readings failed: " in told


def test_rule_that_cannot_be_evaluated_does_not_count_as_biting(tree: Tree) -> None:
    condition = 'pl.col("temperature").is_not_null() | pl.col("note").is_not_null()'
    tree.edit("readings/schema.py", condition, 'pl.date(2024, pl.col("hour"), 1).is_not_null()')
    tree.edit("readings/examples.yaml", "hour: 0,", "hour: 1,")
    tree.edit("readings/examples.yaml", "noted: {temperature: null}", "noted: {hour: 13}")
    [failure] = failed_examples(tree["readings"])
    assert "rule `noted` does not catch its example {'hour': 13}: it cannot be evaluated on these rows: " in failure
