"""Receive → stage → derive on a small tree: what flows on, what is refused, what is left to do."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from dataops_assets.contract import Partition
from dataops_assets.steps import Outcome
from dataops_assets.steps.content import NotReady
from dataops_assets_tests.trees import NOW, STATIONS, Tree, fatal_parquet, readings

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
DAY, MONTH = DAYS[0], "2024-01"
HOUR = timedelta(hours=1)
BAD = [{"hour": 99}] * 4
"""Makes every row of a day bad."""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """As the good tree, but the month has only three days."""
    tree = Tree(tmp_path)
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-03")
    return tree


def statuses(outcomes: list[Outcome]) -> dict[Partition, str]:
    return {outcome.partition: outcome.status for outcome in outcomes}


def left(tree: Tree) -> dict[str, list[Partition]]:
    """All that is pending, by zone and dataset."""
    zones = {"stations": ("raw", "staged"), "readings": ("raw", "staged"), "daily": ("curated",)}
    found = {f"{zone}/{name}": tree.pending(zone, name) for name, here in zones.items() for zone in here}
    return {what: partitions for what, partitions in found.items() if partitions}


def everything(tree: Tree) -> dict[str, int]:
    """Every file in the store, with the time it was written."""
    return {str(path): path.stat().st_mtime_ns for path in tree.store.root.rglob("*") if path.is_file()}


def again(tree: Tree) -> list[Outcome]:
    """Every step for every partition, whether it is pending or not."""
    done = [*tree.receive("stations"), *tree.stage("stations"), *tree.receive("readings"), *tree.stage("readings")]
    return [*done, *tree.derive("daily")]


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
        f"readings {DAY}: run raw/readings first, its contract or delivery is new",
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


# What is refused.

REFUSED: dict[str, tuple[str, str]] = {
    "envelope": ('a,"b', "2024-01-01.csv: readable: not readable as csv"),
    "content": (readings(DAY, *BAD), "4 of 4 rows rejected, 100.0%; 50.0% tolerated: hour.in_range (4)"),
}


@pytest.mark.parametrize("gate", REFUSED)
def test_refused_delivery_leaves_what_was_published(filled: Tree, gate: str) -> None:
    before = filled.read("readings", *DAYS)
    filled.drop("readings", f"{DAY}.csv", REFUSED[gate][0])

    outcomes = filled.run(now=NOW + HOUR)

    refused = outcomes[-1]
    assert (refused.status, refused.partition) == ("refused", DAY)
    assert REFUSED[gate][1] in refused.reason
    assert refused.verdict is not None
    assert (refused.verdict.gate, refused.verdict.passed) == (gate, False)
    assert filled.read("readings", *DAYS).equals(before)
    [derived] = filled.derive("daily", MONTH, now=NOW + HOUR)  # goes on with the version before, and says so
    assert derived.status == "done"
    assert f"a newer delivery was refused by its {gate} gate at 2024-03-01 13:00:00 UTC" in derived.facts["note"]


@pytest.mark.parametrize("gate", REFUSED)
def test_refused_partition_is_pending_only_when_something_changes(filled: Tree, gate: str) -> None:
    filled.drop("readings", f"{DAY}.csv", REFUSED[gate][0])
    filled.run()
    assert left(filled) == {}
    before = everything(filled)
    again(filled)
    assert everything(filled) == before
    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 7}))
    assert left(filled) == {"raw/readings": [DAY]}


@pytest.mark.parametrize("gate", REFUSED)
def test_later_good_delivery_heals(filled: Tree, gate: str) -> None:
    filled.drop("readings", f"{DAY}.csv", REFUSED[gate][0])
    filled.run(now=NOW + HOUR)
    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 7}))
    filled.run(now=NOW + 2 * HOUR)
    assert filled.read("readings", DAY)["temperature"].max() == 7
    assert filled.read("daily", MONTH)["warmest"].max() == 7
    assert filled.lake.refused_since(filled["readings"], DAY) == ""
    assert left(filled) == {}
    quarantine = filled.store.path(f"quarantine/readings/date={DAY}/data.parquet")
    assert not quarantine.exists() or pl.read_parquet(quarantine).height == 0


@pytest.mark.parametrize("gate", REFUSED)
def test_first_delivery_that_comes_again_heals(filled: Tree, gate: str) -> None:
    """A good, B refused, A again: the last word is on A."""
    versions = filled.lake.version("staged", filled["readings"], DAY)
    filled.drop("readings", f"{DAY}.csv", REFUSED[gate][0])
    filled.run(now=NOW + HOUR)
    filled.drop("readings", f"{DAY}.csv", readings(DAY))
    assert left(filled) == {"raw/readings": [DAY]}
    filled.run(now=NOW + 2 * HOUR)
    for name in ("envelope", "content"):
        assert filled.lake.verdicts(name, filled["readings"], DAY)[-1].passed  # type: ignore[arg-type]
    assert filled.lake.refused_since(filled["readings"], DAY) == ""
    assert filled.lake.version("staged", filled["readings"], DAY) == versions
    assert left(filled) == {}


def test_contract_heals_what_it_refused_and_refuses_again(filled: Tree) -> None:
    filled.drop("readings", f"{DAY}.csv", readings(DAY, *BAD[:3]))
    filled.run(now=NOW + HOUR)
    assert filled.read("readings", DAY).height == 4
    for hour, (old, new, height) in enumerate([("0.5", "0.8", 1), ("0.8", "0.5", 1)], 2):
        filled.edit("readings/defs.yaml", f"tolerance: {old}", f"tolerance: {new}")
        filled.run(now=NOW + hour * HOUR)
        assert filled.read("readings", DAY).height == height
        assert left(filled) == {}
    assert "a newer delivery was refused" in filled.lake.refused_since(filled["readings"], DAY)


def test_manifest_that_is_corrected_heals(tree: Tree) -> None:
    files = 'files: "{partition}/a.csv"\n    complete: {manifest: "{partition}/m.json"}'
    tree.edit("readings/defs.yaml", 'files: "{partition}.csv"', files)
    tree.drop("readings", f"{DAY}/a.csv", readings(DAY))
    for rows, status in ((5, "refused"), (4, "done"), (5, "refused")):
        tree.drop("readings", f"{DAY}/m.json", f'{{"files": [{{"name": "a.csv", "rows": {rows}}}]}}')
        assert tree.pending("raw", "readings") == [DAY]
        assert statuses(tree.receive("readings", DAY)) == {DAY: status}
        assert tree.pending("raw", "readings") == []


def test_delivery_that_is_far_too_small_is_refused(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "end: 2024-01-03", "end: 2024-01-20")
    days = [f"2024-01-{day:02}" for day in range(1, 10)]
    for day in days:
        tree.drop("readings", f"{day}.csv", readings(day, rows=1 if day == days[8] else 4))
    outcomes = statuses(tree.receive("readings", *days))
    assert (outcomes.pop(days[8]), set(outcomes.values())) == ("refused", {"done"})
    # Partitions that come later, of older days, do not reopen what was judged.
    tree.drop("readings", f"{days[0]}.csv", readings(days[0], rows=8))
    assert tree.pending("raw", "readings") == [days[0]]


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


# Code that fails.

BROKEN_NORMALISE = (
    "\n\ndef normalise(rows):\n    return rows.with_columns(day=pl.col('day').dt.replace(day=pl.col('hour') + 1))\n"
)


def test_normalise_that_fails_refuses_its_partition_and_no_other(filled: Tree) -> None:
    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 98}))
    schema = (filled.defs / "readings/schema.py").read_text()
    filled.write("readings/schema.py", schema + BROKEN_NORMALISE)
    filled.receive("readings", *DAYS)

    failed, good, _ = filled.stage("readings", *DAYS)

    assert (failed.status, good.status) == ("refused", "done")
    assert failed.reason.startswith(f"staged/readings {DAY}: normalise of readings failed: ")
    assert failed.reason.endswith("; what was published before stays")
    assert failed.verdict is None
    assert filled.pending("staged", "readings") == [DAY]  # nobody judged it
    filled.write("readings/schema.py", schema)
    filled.run()
    assert left(filled) == {}
    assert filled.read("readings", DAY).height == 3


def test_transform_that_fails_refuses_its_partition_by_name(filled: Tree) -> None:
    filled.edit("daily/transform.py", "days = readings", 'raise KeyError("x")\n    days = readings')
    [outcome] = filled.derive("daily", MONTH)
    assert (outcome.status, outcome.verdict) == ("refused", None)
    assert outcome.reason == f"curated/daily {MONTH}: transform of daily failed: KeyError: 'x'; what was published before stays"
    assert filled.read("daily", MONTH).height == 6


def test_rule_that_cannot_be_evaluated_refuses_its_partition_and_no_other(filled: Tree) -> None:
    condition = 'pl.col("temperature").is_not_null() | pl.col("note").is_not_null()'
    filled.edit("readings/schema.py", condition, 'pl.date(2024, pl.col("hour") + 1, 1).is_not_null()')
    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 20}))
    filled.receive("readings", *DAYS)

    outcomes = filled.stage("readings", *DAYS)

    assert list(statuses(outcomes).values()) == ["refused", "done", "done"]
    assert "noted: without a temperature there is a note, but it cannot be evaluated on these rows" in outcomes[0].reason
    assert left(filled) == {}


def test_received_file_that_rots_refuses_its_partition_and_no_other(filled: Tree) -> None:
    filled.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.4")
    filled.receive("readings", *DAYS)
    [kept] = filled.store.path(f"raw/readings/date={DAY}").glob("*.csv")
    kept.write_bytes(b"\0" * 100)
    outcomes = filled.stage("readings", *DAYS)
    assert list(statuses(outcomes).values()) == ["refused", "done", "done"]
    assert "it holds zero bytes" in outcomes[0].reason


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
