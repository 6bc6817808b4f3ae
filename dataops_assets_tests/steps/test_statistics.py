"""Statistics over time, from landing to the verdict: in the order of the partitions, and told wherever verdicts are."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from dataops_assets.observe.partition import describe_partition
from dataops_assets.observe.tally import tally_all
from dataops_assets.steps import Outcome, stage
from dataops_assets.storage.lake import Lake
from dataops_assets_tests.trees import NOW, STATIONS, Tree, csv

FIRST = date(2024, 1, 1)
DAYS = [str(FIRST + timedelta(days=number)) for number in range(31)]


def day(number: int, factor: float = 1.0) -> str:
    rows = [
        {
            "station": ("oslo", "bergen")[hour % 2],
            "day": DAYS[number],
            "hour": hour // 2,
            "temperature": factor * (hour + number % 3 / 10),
        }
        for hour in range(24)
    ]
    return csv([{**row, "note": None} for row in rows])


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A month but its last two days are staged."""
    tree = Tree(tmp_path)
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-31")
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    return tree


def staged(tree: Tree, numbers: range, factor: float = 1.0) -> list[Outcome]:
    for number in numbers:
        tree.drop("readings", f"{DAYS[number]}.csv", day(number, factor))
    tree.receive("readings", *DAYS[numbers.start : numbers.stop])
    return tree.stage("readings", *DAYS[numbers.start : numbers.stop])


def test_a_day_that_is_unlike_those_before_is_published_with_a_warning_that_tells_in_what(tree: Tree):
    assert [outcome.reason for outcome in staged(tree, range(28)) if outcome.status != "done"] == []
    [usual, unusual] = [*staged(tree, range(28, 29)), *staged(tree, range(29, 30), factor=-2.0)]
    assert usual.verdict
    assert unusual.verdict
    [found] = [result for result in usual.verdict.rules if result.rule == "statistics.usual"]
    assert (found.status, found.detail) == ("passed", "by the 28 partitions from 2024-01-01 to 2024-01-28")
    assert [result.rule for result in unusual.verdict.warnings] == ["statistics.usual"]
    assert "temperature.mean" in {one.statistic for one in unusual.verdict.unusual}
    assert len(unusual.verdict.unusual[0].before) == 28
    told = describe_partition(tree.lake, tree["readings"], DAYS[29], NOW)
    assert "it is like the partitions before it, but temperature is " in told
    assert "by the 29 partitions from 2024-01-01 to 2024-01-29" in told


def test_values_of_data_that_is_not_public_are_not_told(tree: Tree):
    for name in ("readings", "daily"):
        tree.edit(f"{name}/defs.yaml", "classification: public", "classification: internal")
    staged(tree, range(28))
    header, *rows = day(28).splitlines()
    tree.drop("readings", f"{DAYS[28]}.csv", "\n".join([header, *rows, *rows, ""]))
    tree.receive("readings", DAYS[28])
    [outcome] = tree.stage("readings", DAYS[28])
    assert outcome.verdict
    assert "merged" in {one.statistic for one in outcome.verdict.unusual}
    assert outcome.verdict.profile
    kept = {what for statistics in outcome.verdict.profile.columns.values() for what in statistics}
    assert kept == {"nulls", "top", "distinct", "length", "lower", "padded", "decimals"}
    assert outcome.verdict.profile.categories == {}
    assert outcome.verdict.profile.relations
    assert all(name.endswith("\nnull") for name in outcome.verdict.profile.relations.of)
    kept_none = [(one.value, one.before, one.limit, one.broken) for one in outcome.verdict.unusual]
    assert set(kept_none) == {(None, (), None, None)}
    assert all("usually" not in one.told and " times is a break" in one.told for one in outcome.verdict.unusual)


def test_a_break_fails_where_the_contract_says_so_and_still_tells_what_may_become_usual(tree: Tree):
    tree.edit("readings/defs.yaml", "  tolerance: 0.5", "  rules: {statistics.usual: fail}\n  tolerance: 0.5")
    tree.edit("readings/schema.py", "ge=-60, le=60", "ge=-60000, le=60000")
    staged(tree, range(28))
    [broken] = staged(tree, range(28, 29), factor=1000.0)
    assert (broken.status, "statistics.usual: it is like the partitions before it, but" in broken.reason) == ("refused", True)
    [after] = staged(tree, range(29, 30))
    assert after.verdict
    assert after.verdict.passed
    assert after.verdict.rules[-1].detail == "by the 29 partitions from 2024-01-01 to 2024-01-29"


@pytest.mark.parametrize(("factor", "status"), [(1.25, "done"), (0.1, "refused")])
def test_drift_warns_and_a_fall_to_a_tenth_is_a_break(tree: Tree, factor: float, status: str):
    tree.edit("readings/defs.yaml", "  tolerance: 0.5", "  rules: {statistics.usual: fail}\n  tolerance: 0.5")
    staged(tree, range(28))
    [outcome] = staged(tree, range(28, 29), factor)
    assert outcome.verdict
    assert outcome.status == status
    for one in outcome.verdict.unusual:
        side = "above" if one.value > one.before[-1] else "below"
        assert f"; unusual {side} {one.limit:,.4g}, a break {side} {one.broken:,.4g}" in one.told
    broken = [one for one in outcome.verdict.unusual if abs(one.value - one.before[-1]) > abs(one.broken - one.before[-1])]
    assert (len(broken) > 0, outcome.verdict.unusual != ()) == (status == "refused", True)
    assert all(one.surprise < 3 for one in outcome.verdict.unusual if one.statistic == "temperature.mean")


def test_a_run_over_a_range_finds_what_runs_day_by_day_find_and_reads_each_verdict_once(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str | None] = []
    last_word = Lake.last_word

    def counted(lake: Lake, gate: str, dataset: object, partition: str | None) -> object:
        asked.extend([partition] if gate == "content" else [])
        return last_word(lake, gate, dataset, partition)  # type: ignore[arg-type]

    monkeypatch.setattr(Lake, "last_word", counted)
    at_once = staged(tree, range(30))
    assert len(asked) <= 4 * 30
    (tmp_path / "other").mkdir()
    other = Tree(tmp_path / "other")
    other.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-31")
    other.drop("stations", "stations.csv", STATIONS)
    other.run("stations")
    by_day = [outcome for number in range(30) for outcome in staged(other, range(number, number + 1))]
    for one, alone in zip(at_once, by_day, strict=True):
        assert one.verdict
        assert alone.verdict
        assert (one.verdict.profile, one.verdict.rules) == (alone.verdict.profile, alone.verdict.rules)


def test_a_day_before_that_arrives_late_reopens_no_verdict(tree: Tree):
    staged(tree, range(1, 29))
    staged(tree, range(1))
    assert tree.pending("staged", "readings") == []


def test_a_run_that_goes_back_to_the_first_day_reads_the_others_anew(tree: Tree):
    staged(tree, range(1, 28))
    for number in (0, 28, 29):
        tree.drop("readings", f"{DAYS[number]}.csv", day(number))
    tree.receive("readings", DAYS[0], DAYS[28], DAYS[29])
    *_, last = tree.stage("readings", DAYS[28], DAYS[0], DAYS[29])
    assert last.verdict
    assert last.verdict.rules[-1].detail == "by the 29 partitions from 2024-01-01 to 2024-01-29"


def test_a_run_goes_on_from_the_one_before_only_if_nothing_before_has_changed_since(tree: Tree):
    staged(tree, range(28))
    elsewhere = Lake(tree.catalog(), tree.store)  # of another process
    tree.drop("readings", f"{DAYS[9]}.csv", day(9, factor=3.0))
    tree.receive("readings", DAYS[9])
    [again] = stage(elsewhere, elsewhere.catalog["readings"], [DAYS[9]], "run", NOW)
    [last] = staged(tree, range(28, 29), factor=-2.0)
    assert again.verdict
    assert again.verdict.profile
    assert last.verdict
    [mean] = [one.before for one in last.verdict.unusual if one.statistic == "temperature.mean"]
    assert mean[9] == again.verdict.profile.columns["temperature"]["mean"]


def test_a_gap_has_no_profile(tree: Tree):
    gaps = "key: [station, day, hour]\n  gaps:\n    - {partition: 2024-01-01, reason: the mast fell}"
    tree.edit("readings/defs.yaml", "key: [station, day, hour]", gaps)
    tree.receive("readings", DAYS[0])
    [gap] = tree.stage("readings", DAYS[0])
    assert (gap.status, gap.verdict.profile if gap.verdict else gap) == ("done", None)


def accept(tree: Tree, name: str, partition: str) -> None:
    tree.edit(f"{name}/defs.yaml", "  key:", f"  accepted: [{{partition: {partition}, reason: the sun was out}}]\n  key:")


@pytest.mark.parametrize(("factor", "severity"), [(-2.0, "warn"), (1000.0, "fail")])
def test_an_unusual_day_that_a_person_accepts_passes_and_counts_like_any_other(tree: Tree, factor: float, severity: str):
    tree.edit("readings/defs.yaml", "  tolerance: 0.5", f"  rules: {{statistics.usual: {severity}}}\n  tolerance: 0.5")
    tree.edit("readings/schema.py", "ge=-60, le=60", "ge=-60000, le=60000")
    staged(tree, range(28))
    [unusual] = staged(tree, range(28, 29), factor)
    assert unusual.verdict
    assert unusual.verdict.passed == (severity == "warn")
    assert ("declared under `accepted`" in unusual.verdict.why) == (severity == "fail")
    accept(tree, "readings", DAYS[28])
    assert (tree.pending("raw", "readings"), tree.pending("staged", "readings")) == ([DAYS[28]], [])
    tree.receive("readings", DAYS[28])
    assert tree.pending("staged", "readings") == [DAYS[28]]
    [accepted] = tree.stage("readings", DAYS[28])
    assert (accepted.status, accepted.facts["note"]) == ("done", "accepted: the sun was out")
    assert accepted.verdict
    assert (accepted.verdict.warnings, accepted.verdict.reasons) == ([], ())
    assert accepted.verdict.unusual == unusual.verdict.unusual
    told = describe_partition(tree.lake, tree["readings"], DAYS[28], NOW)
    assert "accepted  statistics.usual: it is like the partitions before it, but " in told
    assert tree.pending("staged", "readings") == []
    counted = tally_all(tree.lake, tree["readings"], NOW)
    assert (counted.accepted, counted.worst, sum(counted.broken.values())) == ({DAYS[28]: "the sun was out"}, {}, 0)
    [after] = staged(tree, range(29, 30))
    assert after.verdict
    assert after.verdict.rules[-1].detail == "by the 29 partitions from 2024-01-01 to 2024-01-29"


def test_a_product_of_which_a_partition_is_accepted_is_judged_again_alone(tree: Tree):
    staged(tree, range(31))
    assert [outcome.status for outcome in tree.derive("daily", "2024-01")] == ["done"]
    accept(tree, "daily", "2024-01")
    assert tree.pending("curated", "daily") == ["2024-01"]
    [made] = tree.derive("daily", "2024-01")
    assert (made.status, made.facts["note"], tree.pending("curated", "daily")) == ("done", "", [])


def test_what_is_accepted_keeps_all_other_rules(tree: Tree):
    accept(tree, "readings", DAYS[0])
    tree.drop("readings", f"{DAYS[0]}.csv", day(0, factor=1000.0))
    tree.receive("readings", DAYS[0])
    [refused] = tree.stage("readings", DAYS[0])
    assert (refused.status, "of 24 rows rejected" in refused.reason) == ("refused", True)


def test_a_fault_that_lasts_is_a_break_on_each_day(tree: Tree):
    tree.edit("readings/defs.yaml", "  tolerance: 0.5", "  rules: {statistics.usual: fail}\n  tolerance: 0.5")
    tree.edit("readings/schema.py", "ge=-60, le=60", "ge=-60000, le=60000")
    staged(tree, range(28))
    assert [outcome.status for outcome in staged(tree, range(28, 31), 14.0)] == ["refused"] * 3
