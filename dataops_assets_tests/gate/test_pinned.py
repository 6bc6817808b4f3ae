"""What the gates say of the same delivery changes only under another version of theirs: by that it is judged again."""

import json

import pytest

from dataops_assets.gate import verdict
from dataops_assets.observe import plan
from dataops_assets.observe.status import describe
from dataops_assets_tests.gate import pinned
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")


def test_gates_say_what_is_pinned_under_their_version() -> None:
    before = json.loads(pinned.FILE.read_text(encoding="utf-8"))
    found = pinned.said()
    differing = [name for name in {**before["said"], **found} if before["said"].get(name) != found.get(name)]
    assert not differing, (
        f"what the gates say of {', '.join(differing)} has changed, by an edit or an upgrade of a library. What they said "
        f"before stands in every store until all is judged again: raise VERSION in dataops_assets/gate/verdict.py, then "
        "`python -m dataops_assets_tests.gate.pinned`"
    )
    assert before["version"] == verdict.VERSION, "pin what is said now: `python -m dataops_assets_tests.gate.pinned`"


@pytest.fixture
def judged(tree: Tree) -> Tree:
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS:
        tree.drop("readings", f"{day}.csv", readings(day))
    tree.run()
    assert not tree.pending("raw", "readings")
    return tree


def test_gate_that_has_changed_judges_all_again_and_says_so_before(judged: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "VERSION", verdict.VERSION + 1)
    told = [str(one) for one in plan.planned(judged.lake, list(judged.lake.catalog), NOW)]
    assert told[:4] == [
        "raw/stations: the gate has changed",
        "staged/stations: after it was received",
        "raw/readings: 3 days, 2024-01-01 to 2024-01-03: the gate has changed",
        "staged/readings: 3 days, 2024-01-01 to 2024-01-03: after it was received",
    ]
    status = " ".join(describe(judged.lake, judged["readings"], NOW).split())
    assert "to be run: raw/readings: 3 days, 2024-01-01 to 2024-01-03: the gate has changed" in status
    before = {day: judged.lake.version("staged", judged["readings"], day) for day in DAYS}

    judged.receive("readings", *DAYS)
    assert [str(one) for one in plan.planned(judged.lake, [judged["readings"]], NOW)] == [
        "staged/readings: 3 days, 2024-01-01 to 2024-01-03: the gate has changed"
    ]
    judged.run()

    assert plan.planned(judged.lake, list(judged.lake.catalog), NOW) == []
    assert {day: judged.lake.version("staged", judged["readings"], day) for day in DAYS} == before
    made = judged.lake.published(judged["readings"], DAYS[0])
    assert made is not None
    assert made.depends_on["gate"] == verdict.VERSION


def test_gate_that_has_changed_makes_products_again(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.drop("stations", "stations.csv", STATIONS)
    for day in range(1, 32):
        tree.drop("readings", f"2024-01-{day:02}.csv", readings(f"2024-01-{day:02}"))
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-31")
    tree.run()
    monkeypatch.setattr(verdict, "VERSION", verdict.VERSION + 1)
    tree.run("stations", "readings")
    assert [str(one) for one in plan.planned(tree.lake, [tree["daily"]], NOW)] == [
        "curated/daily: 1 month, 2024-01: the gate has changed"
    ]


def test_whoever_pins_something_else_under_the_same_version_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned, "said", lambda: {"readings 2024-01-01": "another"})
    with pytest.raises(SystemExit, match=r"raise it in dataops_assets/gate/verdict\.py"):
        pinned.pin()
