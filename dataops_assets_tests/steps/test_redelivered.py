"""A partition that is delivered again with fewer rows: what is missed, what is refused, and what a person accepts."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from dataops_assets.gate.verdict import RuleResult, Verdict
from dataops_assets.observe.partition import describe_partition
from dataops_assets.observe.status import describe
from dataops_assets_tests.steps.january import DAY, DAYS, HOUR, again, everything, left, short_tree, statuses
from dataops_assets_tests.trees import NOW, Tree, readings


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Forty rows of a day are published, and two whole days beside it."""
    tree = short_tree(tmp_path)
    tree.drop("stations", "stations.csv", "station,height\noslo,94\nbergen,12\nvoss,58\n")
    for day in DAYS:
        tree.drop("readings", f"{day}.csv", readings(day, rows=40))
    tree.run()
    return tree


def deliver(tree: Tree, text: str) -> Verdict:
    """Deliver the day again; the verdict of its envelope gate."""
    tree.drop("readings", f"{DAY}.csv", text)
    tree.run(now=NOW + HOUR)
    verdict = tree.lake.last_word("envelope", tree["readings"], DAY)
    assert verdict
    return verdict


def kept(verdict: Verdict) -> RuleResult | None:
    return next((result for result in verdict.rules if result.rule == "rows_kept"), None)


def of(rows: Sequence[int]) -> list[str]:
    return [readings(DAY, {"temperature": place}, rows=count) for place, count in enumerate(rows)]


def test_a_first_delivery_is_compared_with_nothing(tree: Tree) -> None:
    verdict = tree.lake.last_word("envelope", tree["readings"], DAY)
    assert verdict
    assert (kept(verdict), "earlier" in verdict.depends_on) == (None, False)


def test_an_old_verdict_that_is_damaged_does_not_hide_what_is_gone(tree: Tree) -> None:
    deliver(tree, readings(DAY, {"temperature": 7}, rows=40))
    oldest = next(tree.store.list(f"_verdicts/content/readings/date={DAY}"))
    tree.store.path(oldest.key).unlink()
    tree.store.write(oldest.key, b"{", {})
    found = kept(deliver(tree, readings(DAY, {"temperature": 8}, rows=20)))
    assert found
    assert found.status == "refused"


@pytest.mark.parametrize(("rows", "status"), [(48, "passed"), (40, "passed"), (39, "warned"), (21, "warned"), (20, "refused")])
def test_rows_that_are_gone_are_missed(tree: Tree, rows: int, status: str) -> None:
    before = tree.lake.receipt(tree["readings"], DAY)
    verdict = deliver(tree, readings(DAY, {"temperature": 7}, rows=rows))
    found = kept(verdict)
    assert found
    assert found.status == status
    assert tree.read("readings", DAY).height == (40 if status == "refused" else rows)
    assert before
    assert verdict.depends_on["earlier"] == {"delivery": before.sha256, "rows": 40}
    if status != "passed":
        gone = f"{rows} rows; the delivery {before.sha256[:12]} before it had 40, of which {1 - rows / 40:.1%} are gone"
        assert gone in describe_partition(tree.lake, tree["readings"], DAY, NOW)


def test_it_is_judged_once_and_a_new_contract_compares_it_with_the_same(tree: Tree) -> None:
    refused = deliver(tree, readings(DAY, rows=20))
    before = everything(tree)
    assert (left(tree), statuses(again(tree))[DAY]) == ({}, "refused")
    assert everything(tree) == before
    tree.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.4")
    tree.run(now=NOW + 2 * HOUR)
    anew = tree.lake.last_word("envelope", tree["readings"], DAY)
    assert anew
    assert (anew.number, anew.reasons) == (refused.number + 1, refused.reasons)


def test_what_was_refused_is_not_missed_nor_what_was_there_twice(tree: Tree) -> None:
    header, *rows = readings(DAY, rows=40).splitlines()
    assert not deliver(tree, "\n".join([header, *rows[:4]])).passed
    assert kept(deliver(tree, "\n".join([header, *rows, *rows]))).status == "passed"  # type: ignore[union-attr]
    assert tree.read("readings", DAY).height == 40
    assert deliver(tree, "\n".join([header, *rows])).passed, "the rows that came twice are not missed"
    assert tree.read("readings", DAY).height == 40
    all_hot = readings(DAY, *[{"temperature": 999}] * 48, rows=48)
    assert deliver(tree, all_hot).passed, "its content is refused"
    assert kept(deliver(tree, readings(DAY, {"temperature": 7}, rows=40))).status == "passed"  # type: ignore[union-attr]


def test_an_older_delivery_that_comes_again_takes_the_place_of_the_newer(tree: Tree) -> None:
    whole, small = readings(DAY, rows=40), readings(DAY, rows=30)
    found = [kept(deliver(tree, text)) for text in (small, whole, small)]
    assert [one.status for one in found if one] == ["warned", "passed", "warned"]


def test_a_table_without_partitions_is_compared_with_itself(tree: Tree) -> None:
    tree.drop("stations", "stations.csv", "station,height\noslo,94\nbergen,12\n")
    [outcome] = tree.receive("stations")
    assert outcome.verdict
    assert [result.rule for result in outcome.verdict.warnings] == ["rows_kept"]


def accept(tree: Tree, name: str, entry: str) -> None:
    tree.edit(f"{name}/defs.yaml", "  key:", f"  accepted:\n    - {{{entry}}}\n  key:")


def test_what_a_person_accepts_is_published_and_tells_why(tree: Tree) -> None:
    refused = deliver(tree, readings(DAY, rows=20))
    assert "one that is right is declared under `accepted` in defs.yaml" in refused.why
    delivery = refused.depends_on["delivery"]
    accept(tree, "readings", f"partition: {DAY}, delivery: '{delivery[:12]}', reason: the mast was down")
    assert left(tree) == {"raw/readings": [DAY]}, "no other partition is judged again"
    [received, staged] = tree.run("readings", now=NOW + 2 * HOUR)
    assert (received.status, staged.status, tree.read("readings", DAY).height) == ("done", "done", 20)
    assert received.facts["note"] == "accepted: the mast was down"
    assert f"accepted: staged/readings {DAY}: the mast was down" in describe(tree.lake, tree["readings"], NOW)
    assert "are gone; accepted: the mast was down" in describe_partition(tree.lake, tree["readings"], DAY, NOW)
    assert left(tree) == {"curated/daily": ["2024-01"]}
    assert not deliver(tree, readings(DAY, {"temperature": 7}, rows=8)).passed, "another delivery is judged as usual"


def test_what_is_accepted_no_more_is_judged_again(tree: Tree) -> None:
    small = readings(DAY, rows=20)
    accept(tree, "readings", f"partition: {DAY}, reason: the mast was down")
    assert deliver(tree, small).passed
    tree.edit("readings/defs.yaml", f"    - {{partition: {DAY}, reason: the mast was down}}\n", "    []\n")
    assert left(tree)["raw/readings"] == [DAY]
    assert statuses(tree.receive("readings", DAY)) == {DAY: "refused"}
    assert tree.read("readings", DAY).height == 20, "what was published stays"


def test_an_entry_that_nothing_needs_changes_and_tells_nothing(tree: Tree) -> None:
    version = tree.lake.version("staged", tree["readings"], DAY)
    accept(tree, "readings", f"partition: {DAY}, reason: the mast was down")
    [received, staged] = tree.run("readings", now=NOW + HOUR)
    assert (received.facts["note"], staged.facts["note"], staged.version) == ("", "", version)
    assert "accepted" not in describe(tree.lake, tree["readings"], NOW)
