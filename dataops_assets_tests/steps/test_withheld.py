"""Of data that is not public no value is told, a key included, and it is told why."""

from pathlib import Path

from dataops_assets.components.charts import chart_metadata
from dataops_assets.components.reports import _evaluation
from dataops_assets.observe.partition import describe_partition
from dataops_assets_tests.steps.january import DAY, short_tree
from dataops_assets_tests.trees import NOW, STATIONS, readings

WHY = "values are withheld, since the data is internal"


def test_rows_that_break_a_rule_are_told_by_number_alone(tmp_path: Path) -> None:
    tree = short_tree(tmp_path)
    for name in ("readings", "daily"):
        tree.edit(f"{name}/defs.yaml", "classification: public", "classification: internal")
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAY}.csv", readings(DAY, {}, {"temperature": 98765.25}))
    [staged] = [outcome for outcome in tree.run() if outcome.verdict and outcome.quarantined]

    told = describe_partition(tree.lake, tree["readings"], DAY, NOW)
    assert f"row 2: {WHY}" in told
    assert staged.verdict
    shown = str(_evaluation(staged.verdict, staged))
    assert WHY in shown
    kept = staged.verdict.model_dump_json()
    assert [value for value in ("bergen", "98765") for text in (told, shown, kept) if value in text] == []


def test_chart_of_a_product_is_not_drawn(tmp_path: Path) -> None:
    tree = short_tree(tmp_path)
    tree.edit("daily/defs.yaml", "classification: public", "classification: internal")
    tree.edit("daily/defs.yaml", "key: [station, day]", "key: [station, day]\n  chart: {x: day, y: warmest, title: Warmth}")
    assert chart_metadata(tree.lake, tree["daily"], "2024-01") == {"chart": WHY}
