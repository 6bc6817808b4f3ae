"""What is worth a look, ranked; and one partition in full."""

import re
from datetime import timedelta

import pytest

from dataops_assets.observe.findings import Finding, findings
from dataops_assets.observe.partition import describe_partition
from dataops_assets.observe.tally import tally_all
from dataops_assets_tests.trees import NOW, Tree, readings

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
LATER = NOW + timedelta(hours=1)
HOT, COLD = {"temperature": 999}, {"temperature": None, "note": "broken"}


@pytest.fixture
def tree(filled: Tree) -> Tree:
    """The filled tree, whose days end with those that were delivered."""
    filled.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-03")
    filled.run()
    return filled


def worth(tree: Tree) -> list[Finding]:
    return findings(tree.lake, [(dataset, tally_all(tree.lake, dataset, LATER)) for dataset in tree.lake.catalog], LATER)


def told(tree: Tree) -> list[str]:
    return [finding.told for finding in worth(tree)]


def deliver(tree: Tree, day: str, *changes: dict[str, object]) -> None:
    tree.drop("readings", f"{day}.csv", readings(day, *changes))
    tree.run(now=LATER)


def test_nothing_is_worth_a_look_where_all_is_good(tree: Tree) -> None:
    assert worth(tree) == []


def test_a_rule_is_told_once_where_it_is_broken_worst(tree: Tree) -> None:
    deliver(tree, DAYS[0], HOT)
    deliver(tree, DAYS[1], HOT, HOT)
    [finding] = worth(tree)
    assert finding.told == f"staged/readings {DAYS[1]}: 2 of 4 rows rejected by the rule that temperature is at most 60"
    assert (finding.unmet, finding.page) == (False, "/assets/staged/readings?view=checks&checkDetail=content")


def test_what_was_never_made_says_what_it_waits_for(tree: Tree) -> None:
    tree.edit("daily/defs.yaml", "start: 2024-01, end: 2024-01,", "start: 2024-01, end: 2024-02,")
    tree.edit("readings/defs.yaml", "end: 2024-01-03", "end: 2024-02-01")
    tree.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.5\n  gaps: []")
    for day in [f"2024-01-{number:02}" for number in range(4, 32)]:
        tree.drop("readings", f"{day}.csv", readings(day))
    deliver(tree, "2024-02-01", *[HOT] * 4)
    why = (
        "curated/daily 2024-02 is not published: it was never made, or has not been run yet; "
        "staged/readings 2024-02-01 is not published: its content gate refused it at "
    )
    assert [one for one in told(tree) if why in one]
    assert why in describe_partition(tree.lake, tree["daily"], "2024-02", LATER)


def test_what_is_unmet_comes_first_then_what_is_broken_farthest(tree: Tree) -> None:
    deliver(tree, DAYS[0], HOT)
    deliver(tree, DAYS[1], *[COLD] * 3)
    deliver(tree, DAYS[2], *[HOT] * 4)
    tree.edit("readings/defs.yaml", "end: 2024-01-03", "end: 2024-01-04")
    refused, missing, *others = told(tree)
    assert refused.startswith(
        f"staged/readings {DAYS[2]} refused by its content gate: 2024-01-03.csv: 4 of 4 rows rejected, 100.0%"
    )
    assert refused.endswith("; the version before stays published")
    assert missing == "staged/readings: 1 of 4 partitions not delivered: 2024-01-04; lab owns it, The lab delivers it"
    assert worth(tree)[1].page == "/assets/landing/readings?view=checks&checkDetail=arrivals"
    assert [one.unmet for one in worth(tree)] == [True, True, False, False]
    assert any("most hours have a temperature, but not here" in other for other in others)


def test_how_far_a_measure_is_from_its_bound_counts(tree: Tree) -> None:
    tree.edit(
        "readings/schema.py", 'pl.col("temperature").null_count() <= pl.len() / 2', 'pl.col("temperature").null_count() <= 1'
    )
    deliver(tree, DAYS[0], HOT)
    deliver(tree, DAYS[1], COLD, COLD)
    deliver(tree, DAYS[2], COLD, COLD, COLD)
    assert told(tree)[0] == f"staged/readings {DAYS[2]}: most hours have a temperature, but it is 3 (1 more partition)"


def describe(tree: Tree, name: str, partition: str | None = None) -> str:
    return re.sub(r"\s+", " ", describe_partition(tree.lake, tree[name], partition, LATER))


def test_a_partition_tells_its_arrivals_its_verdicts_and_what_lies_where(tree: Tree) -> None:
    deliver(tree, DAYS[0], HOT)
    deliver(tree, DAYS[0], *[HOT] * 3)
    text = describe(tree, "readings", DAYS[0])
    assert text.count(" received 2024-03-01") == 3
    assert text.count("counts") == 1
    assert "the content gate refused the delivery" in text
    assert "refused temperature.less_than_or_equal_to" not in text, "the rule rejects rows, the tolerance refused"
    assert "rejected temperature.less_than_or_equal_to: temperature is at most 60, but 3 of 4 rows (75.0%) break it" in text
    assert "row 1: station oslo, day 2024-01-01, hour 0, temperature 999.0" in text
    assert "rows: delivered 4, rejected 3, good 1" in text
    assert "published 2024-03-01 13:00:00 UTC · 3 rows · " in text
    assert str(tree.store.path(f"quarantine/readings/date={DAYS[0]}/data.parquet")) in text
    assert "a newer delivery was refused by its content gate" in text


def test_a_partition_that_is_not_there_says_why(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "end: 2024-01-03", "end: 2024-01-04")
    assert "nothing was received" in describe(tree, "readings", "2024-01-04")
    tree.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.5\n  gaps: [{partition: 2024-01-04, reason: a holiday}]")
    assert "nothing was received" not in describe(tree, "readings", "2024-01-04")
    assert "a declared gap: a holiday" in describe(tree, "readings", "2024-01-04")
    tree.store.path("staged/stations/data.parquet").unlink()
    assert "staged/stations is not published" in describe(tree, "stations")


def test_a_product_tells_its_own_gate(tree: Tree) -> None:
    text = describe(tree, "daily", "2024-01")
    assert text.startswith("curated/daily 2024-01 the content gate passed at")
    assert "received" not in text
