"""Receive → stage → derive on a small tree: what flows on, and what is left to do."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from dataops_assets.contract import Partition
from dataops_assets.gate import reading
from dataops_assets.observe.quarantine import rejected
from dataops_assets.steps.content import NotReady
from dataops_assets.storage.lake import NotPublished
from dataops_assets_tests.steps.january import DAY, DAYS, HOUR, MONTH, again, everything, left, short_tree, statuses
from dataops_assets_tests.trees import NOW, STATIONS, Tree, fatal_parquet, readings


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return short_tree(tmp_path)


# What is good flows on.


def test_good_deliveries_flow_from_landing_to_curated(filled: Tree) -> None:
    assert filled.read("daily", MONTH).rows(named=True)[0] == {
        "station": "bergen",
        "day": pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 1, 1), eager=True)[0],
        "height": 12,
        "warmest": 3.5,
    }
    assert filled.read("daily", MONTH).height == 6
    assert filled.read("readings", *DAYS).height == 12
    assert filled.read("stations").height == 2
    assert left(filled) == {}


def test_a_product_of_no_row_is_published_and_says_so(filled: Tree) -> None:
    filled.edit("daily/transform.py", 'on="station")', 'on="station").filter(pl.lit(False))')
    [derived] = filled.derive("daily", MONTH)
    assert (derived.status, derived.facts["rows"], derived.facts["note"]) == ("done", 0, "the transform made no row")


def test_outcomes_tell_what_was_done(tree: Tree) -> None:
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 99}, {}, {}, {}) + readings(DAY).splitlines()[1] + "\n")
    tree.run("stations")
    [received] = tree.receive("readings", DAY)
    [staged] = tree.stage("readings", DAY)
    assert (received.status, received.facts["rows"], received.quarantined) == ("done", 5, 0)
    facts = {name: staged.facts[name] for name in ("rows", "rejected", "merged", "normalised")}
    assert (staged.status, facts) == ("done", {"rows": 4, "rejected": 1, "merged": 0, "normalised": 0})
    assert (staged.version, staged.quarantined) == (tree.lake.version("staged", tree["readings"], DAY), 1)
    assert staged.facts["path"] == str(tree.store.path(f"staged/readings/date={DAY}/data.parquet"))
    [row] = tree.quarantine("readings", DAY).to_dicts()
    assert staged.verdict is not None
    assert row == {
        "verdict": staged.verdict.id,
        "delivery": received.version,
        "row": 1,
        "reasons": ["hour.in_range"],
        "station": "oslo",
        "day": DAY,
        "hour": "99",
        "temperature": "0.5",
        "note": None,
    }


def test_what_is_streamed_becomes_the_same_bytes(tmp_path: Path, filled: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [{"hour": 99}, {}, {}, {"temperature": None}]
    bad = readings(DAYS[1], *changes) + readings(DAYS[1]).splitlines()[2] + "\n"
    streamed = short_tree(tmp_path / "streamed")
    for tree in (filled, streamed):
        for dataset, file in (("stations", "stations.csv"), *(("readings", f"{day}.csv") for day in DAYS)):
            tree.drop(dataset, file, bad if DAYS[1] in file else STATIONS if dataset == "stations" else readings(file[:-4]))
        assert {outcome.status for outcome in tree.run()} == {"done"}
        monkeypatch.setattr(reading, "LARGE_BYTES", -1)
    for zone in ("staged", "quarantine", "curated"):
        made = {
            str(path.relative_to(filled.store.root)): path.read_bytes()
            for path in filled.store.root.glob(f"{zone}/**/*.parquet")
        }
        assert made
        assert made == {file: streamed.store.path(file).read_bytes() for file in made}
    assert streamed.quarantine("readings", DAYS[1])["reasons"].to_list() == [["hour.in_range"], ["noted"]]


@pytest.mark.parametrize("large", [False, True])
def test_a_folder_with_the_signs_of_a_pattern_in_its_name_is_one_as_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    beside, tree = short_tree(tmp_path / "lake1 a"), short_tree(tmp_path / "lake[1] ?*")
    for each, changes in ((beside, [{}]), (tree, [{"hour": 99}])):
        each.drop("stations", "stations.csv", STATIONS)
        for day in DAYS:
            each.drop("readings", f"{day}.csv", readings(day, *changes))
    if large:
        monkeypatch.setattr(reading, "LARGE_BYTES", -1)
    assert {outcome.status for each in (beside, tree) for outcome in each.run()} == {"done"}
    tree.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 98}, {"hour": 99}))
    assert {outcome.status for outcome in tree.run()} == {"done"}
    assert (tree.read("readings", *DAYS).height, beside.read("readings", *DAYS).height) == (8, 12)
    rows = rejected(tree.lake, tree["readings"], [DAY])
    assert rows["hour"].to_list() == ["98", "99"]


def test_the_copy_of_what_is_streamed_lies_beside_the_drafts_and_goes(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGE_BYTES", -1)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    tree.run("stations")
    tree.receive("readings", DAY)
    aside, copies = tree.store.path("_tmp"), list[Path]()
    sink = pl.LazyFrame.sink_parquet

    def written(rows: pl.LazyFrame, path: Path, **how: str) -> None:
        sink(rows, path, **how)
        copies.append(path)

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", written)
    [outcome] = tree.stage("readings", DAY)
    assert outcome.status == "done", outcome.reason
    assert len(copies) > 1
    assert {path.parent for path in copies} == {aside}
    assert list(aside.iterdir()) == []


def test_nothing_is_judged_or_written_twice(filled: Tree) -> None:
    before = everything(filled)
    outcomes = again(filled)
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert everything(filled) == before


def test_later_hour_changes_nothing(filled: Tree) -> None:
    before = everything(filled)
    for days in (1, 400):
        assert filled.run(now=NOW + timedelta(days=days)) == []
    assert everything(filled) == before


def test_run_that_died_half_way_is_made_up_for(filled: Tree) -> None:
    [verdict] = filled.store.path(f"_verdicts/content/readings/date={DAY}").iterdir()
    verdict.unlink()  # as if it had died between publishing and the verdict
    assert left(filled) == {"staged/readings": [DAY]}
    before = filled.lake.version("staged", filled["readings"], DAY)
    assert statuses(filled.run()) == {DAY: "done"}
    assert filled.lake.version("staged", filled["readings"], DAY) == before
    assert left(filled) == {}


# What is not there.


def test_partition_without_a_delivery_is_absent_and_not_pending(tree: Tree) -> None:
    [outcome] = tree.receive("readings", DAY)
    assert (outcome.status, outcome.reason) == (
        "absent",
        f"readings {DAY}: nothing was delivered: drop {DAY}.csv into {tree.store.path('landing/readings')}",
    )
    assert left(tree) == {}


def test_staging_needs_its_references(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    tree.receive("readings", DAY)
    assert left(tree) == {}
    with pytest.raises(NotReady, match="staged/stations is not published: it was never delivered"):
        tree.stage("readings", DAY)


def test_staging_needs_the_envelope_of_today(filled: Tree) -> None:
    filled.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.4")
    [outcome] = filled.stage("readings", DAY)
    assert (outcome.status, outcome.reason) == (
        "refused",
        f"readings {DAY}: run raw/readings first, its delivery or contract is new, or the gate has changed",
    )


def test_month_waits_for_its_last_day(tree: Tree) -> None:
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS[:2]:
        tree.drop("readings", f"{day}.csv", readings(day))
    tree.run()
    assert left(tree) == {}
    [outcome] = tree.derive("daily", MONTH)
    assert outcome.status == "refused"
    assert outcome.reason.startswith("staged/readings 2024-01-03 is not published: it was never delivered")
    tree.drop("readings", f"{DAYS[2]}.csv", readings(DAYS[2]))
    tree.run("readings")
    assert left(tree) == {"curated/daily": [MONTH]}
    assert statuses(tree.run()) == {MONTH: "done"}


# Gaps.


@pytest.fixture
def gapped(tree: Tree) -> Tree:
    """The second day is a declared gap; the others came."""
    tree.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.5\n  gaps: [{partition: 2024-01-02, reason: a holiday}]")
    tree.drop("stations", "stations.csv", STATIONS)
    for day in (DAYS[0], DAYS[2]):
        tree.drop("readings", f"{day}.csv", readings(day))
    tree.run()
    return tree


def test_gap_is_present_and_empty(gapped: Tree) -> None:
    assert gapped.read("readings", DAYS[1]).height == 0
    assert gapped.read("daily", MONTH).height == 4
    assert left(gapped) == {}
    before = everything(gapped)
    received, staged = gapped.receive("readings", DAYS[1])[0], gapped.stage("readings", DAYS[1])[0]
    assert (received.status, received.version, received.facts["note"]) == ("done", "gap", "declared gap: a holiday")
    assert (staged.status, staged.facts["note"]) == ("done", "declared gap: a holiday")
    assert everything(gapped) == before


def test_gap_that_is_delivered_after_all_is_taken(gapped: Tree) -> None:
    gapped.drop("readings", f"{DAYS[1]}.csv", readings(DAYS[1]))
    assert left(gapped) == {"raw/readings": [DAYS[1]]}
    gapped.run()
    assert gapped.read("daily", MONTH).height == 6


def test_another_reason_for_a_gap_is_told_of_its_own_day_and_of_no_other(gapped: Tree) -> None:
    published = {day: gapped.lake.published(gapped["readings"], day) for day in DAYS}
    gapped.edit("readings/defs.yaml", "reason: a holiday", "reason: a strike")
    assert left(gapped) == {"raw/readings": [DAYS[1]]}
    gapped.run()
    verdict = gapped.lake.last_word("envelope", gapped["readings"], DAYS[1])
    assert verdict is not None
    assert verdict.rules[0].detail == "a strike"
    assert (left(gapped), {day: gapped.lake.published(gapped["readings"], day) for day in DAYS}) == ({}, published)


def test_gap_that_is_declared_no_more_is_no_day_without_rows(gapped: Tree) -> None:
    gaps = "\n  gaps: [{partition: 2024-01-02, reason: a holiday}]"
    gapped.edit("readings/defs.yaml", gaps, "")
    assert left(gapped) == {}
    with pytest.raises(NotPublished, match="its gap is no longer declared, and nothing was delivered"):
        gapped.read("readings", DAYS[1])
    assert gapped.stage("readings", DAYS[1])[0].status == "refused"
    gapped.edit("readings/defs.yaml", "tolerance: 0.5", f"tolerance: 0.5{gaps}")
    assert (left(gapped), gapped.read("readings", DAYS[1]).height) == ({}, 0)


def test_delivery_that_would_end_the_process_is_refused(tree: Tree) -> None:
    tree.edit("stations/defs.yaml", "stations.csv", "stations.parquet")
    tree.drop("stations", "stations.parquet", fatal_parquet())
    [outcome] = tree.receive("stations")
    assert (outcome.status, tree.pending("raw", "stations")) == ("refused", [])
    assert "stations.parquet: readable: reading it ends the process (signal 6)" in outcome.reason


def test_gap_does_not_count_as_usual(tree: Tree) -> None:
    gaps = ", ".join(f"{{partition: 2024-01-{day:02}, reason: closed}}" for day in range(1, 10))
    tree.edit("readings/defs.yaml", "end: 2024-01-03", "end: 2024-01-20")
    tree.edit("readings/defs.yaml", "tolerance: 0.5", f"gaps: [{gaps}]")
    tree.drop("readings", "2024-01-10.csv", readings("2024-01-10"))
    assert statuses(tree.receive("readings")[:10])["2024-01-10"] == "done"


# What changes, and what is left to do then.


@pytest.mark.parametrize(
    ("change", "pending"),
    [
        pytest.param(lambda tree: None, [{}], id="nothing"),
        pytest.param(
            lambda tree: tree.drop("readings", f"{DAYS[1]}.csv", readings(DAYS[1], {"temperature": 7})),
            [{"raw/readings": [DAYS[1]]}, {"staged/readings": [DAYS[1]]}, {"curated/daily": [MONTH]}, {}],
            id="delivery",
        ),
        pytest.param(
            lambda tree: tree.drop("readings", f"{DAYS[1]}.csv", readings(DAYS[1])),
            [{"raw/readings": [DAYS[1]]}, {}],
            id="same_delivery_again",
        ),
        pytest.param(
            lambda tree: tree.drop("stations", "stations.csv", STATIONS + "bodo,5\n"),
            [
                {"raw/stations": [None]},
                {"staged/stations": [None]},
                {"staged/readings": DAYS, "curated/daily": [MONTH]},
                {"curated/daily": [MONTH]},
                {},
            ],
            id="reference",
        ),
        pytest.param(
            lambda tree: tree.drop("stations", "stations.csv", "station,height\nbergen,12\noslo,94\n"),
            [{"raw/stations": [None]}, {"staged/stations": [None]}, {}],
            id="reference_in_another_order",
        ),
        pytest.param(
            lambda tree: tree.edit("readings/schema.py", "le=60", "le=61"),
            [{"raw/readings": DAYS}, {"staged/readings": DAYS}, {}],
            id="contract",
        ),
        pytest.param(
            lambda tree: tree.edit("daily/transform.py", ".max()", ".min()"),
            [{"curated/daily": [MONTH]}, {}],
            id="transform",
        ),
        pytest.param(lambda tree: tree.edit("policy.yaml", "raw: 7 years", "raw: 8 years"), [{}], id="policy"),
        pytest.param(
            lambda tree: tree.edit("readings/examples.yaml", "temperature: -3.5", "temperature: 3.5"), [{}], id="examples"
        ),
    ],
)
def test_what_is_left_to_do_after_a_change(
    filled: Tree, change: Callable[[Tree], object], pending: list[dict[str, list[Partition]]]
) -> None:
    """Layer by layer: whatever is done first is no longer left, and what it changed is."""
    change(filled)
    for expected in pending:
        assert left(filled) == expected
        first = next(iter(expected), None)
        if first:
            zone, name = first.split("/")
            verb = {"raw": filled.receive, "staged": filled.stage, "curated": filled.derive}[zone]
            assert set(statuses(verb(name, *expected[first], now=NOW + HOUR)).values()) == {"done"}


# Derived datasets of all shapes.


def test_dataset_without_partitions_is_made_from_all(filled: Tree) -> None:
    filled.edit("daily/defs.yaml", "  partitions: {every: month, start: 2024-01, end: 2024-01, timezone: Europe/Oslo}\n", "")
    filled.run()
    assert filled.read("daily").height == 6
    filled.drop("readings", f"{DAYS[2]}.csv", readings(DAYS[2], {"temperature": 8}))
    filled.run()
    assert filled.read("daily")["warmest"].max() == 8


def test_product_that_its_gate_refuses_is_not_published(tree: Tree) -> None:
    tree.edit("daily/schema.py", "le=60", "le=3")
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS:
        tree.drop("readings", f"{day}.csv", readings(day))
    outcome = tree.run()[-1]
    assert (outcome.status, outcome.quarantined) == ("refused", 3)
    assert outcome.reason == (
        f"curated/daily {MONTH}: 3 of 6 rows rejected, 50.0%; 0.0% tolerated: warmest.less_than_or_equal_to (3). "
        "Mend transform.py or its inputs, or change the rule; what was rejected lies in quarantine"
    )
    assert tree.quarantine("daily", MONTH).select("station", "warmest").rows() == [("bergen", "3.5")] * 3
    assert left(tree) == {}
