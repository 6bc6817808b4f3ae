"""`dataops quality`: the rules that were broken, by month, the worst first."""

import pytest
from click.testing import CliRunner

from dataops_assets.cli import main
from dataops_assets_tests.steps.january import HOUR
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings


@pytest.fixture
def tree(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-02-02")
    tree.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.5\n  rules: {hour.in_range: warn}")
    tree.drop("stations", "stations.csv", STATIONS)
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    return tree


def told(*arguments: str) -> list[str]:
    found = CliRunner().invoke(main.cli, ["quality", *arguments])
    assert found.exit_code == 0, found.output
    return found.output.splitlines()


def test_nothing_was_judged_yet(tree: Tree) -> None:
    assert told() == ["no gate has judged anything yet"]


def test_rules_are_told_by_month_the_worst_first(tree: Tree) -> None:
    hot, odd = {"temperature": 999}, {"hour": 99}
    tree.drop("readings", "2024-01-30.csv", readings("2024-01-30", odd))
    tree.drop("readings", "2024-01-31.csv", readings("2024-01-31"))
    tree.drop("readings", "2024-02-01.csv", readings("2024-02-01", hot, odd))
    tree.drop("readings", "2024-02-02.csv", readings("2024-02-02", *[hot] * 4))
    tree.run()
    head, _, months, *rules, _, foot = told("readings")
    assert head.startswith("2024-01 to 2024-02: 8 verdicts, 1 refused; ")
    assert months.split() == ["24-01", "24-02"]
    assert [line.split() for line in rules] == [
        ["temperature.less_than_or_equal_to", "·", "62%-"],
        ["hour.in_range", "12%!", "12%!"],
    ]
    assert foot.startswith("21 of 23 rules always held")
    assert told()[3].split()[:2] == ["readings", "temperature.less_than_or_equal_to"]


def test_of_a_partition_the_newest_verdict_counts(tree: Tree) -> None:
    tree.drop("readings", "2024-01-30.csv", readings("2024-01-30", {"hour": 99}))
    tree.run()
    assert told("readings")[3].split() == ["hour.in_range", "25%!"]
    tree.drop("readings", "2024-01-30.csv", readings("2024-01-30"))
    tree.run(now=NOW + HOUR)
    assert told("readings")[3].startswith("24 of 24 rules always held")  # and that no rows were lost since


def test_what_a_person_has_accepted_is_told_without_a_mark(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "  key:", "  accepted: [{partition: 2024-01-30, reason: a station closed}]\n  key:")
    for hours, rows in enumerate((20, 4)):
        tree.drop("readings", "2024-01-30.csv", readings("2024-01-30", rows=rows))
        tree.run(now=NOW + hours * HOUR)
    assert told("readings")[3].split() == ["rows_kept", "100%"]


def test_a_table_has_the_months_in_which_it_was_judged(tree: Tree) -> None:
    tree.edit("stations/defs.yaml", "key: [station]", "key: [station]\n  tolerance: 0.9")
    tree.drop("stations", "stations.csv", STATIONS + "Oslo,1\n")
    tree.run("stations")
    tree.drop("stations", "stations.csv", STATIONS + "hammerfest,1\n")
    tree.run("stations", now=NOW + 31 * 24 * HOUR)
    _, _, months, rule, _, _ = told("stations")
    assert months.split() == ["24-03", "24-04"]
    assert rule.split() == ["station.str_matches", "33%-", "·"]


def test_what_is_more_than_a_screen_is_counted(tree: Tree) -> None:
    schema = (tree.defs / "readings/schema.py").read_text()
    more = "".join(f'    x{i}: pl.Int8 = pa.Field(description="x", ge=1)\n' for i in range(30))
    tree.write("readings/schema.py", schema.replace("    note:", more + "    note:"))
    tree.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 1.0")
    day, *rows = readings("2024-01-30").splitlines()
    extra = ",".join(f"x{i}" for i in range(30)), ",".join("0" * 30)
    tree.drop("readings", "2024-01-30.csv", "\n".join([f"{day},{extra[0]}", *(f"{row},{extra[1]}" for row in rows)]))
    tree.run()
    lines = told()
    assert len(lines) == 3 + 20 + 3
    assert lines[-2] == "… and 11 more: dataops quality DATASET"  # the columns come in another order, too
