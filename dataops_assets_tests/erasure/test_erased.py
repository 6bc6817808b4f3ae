"""From a request to the proof: what held somebody holds them no more, everything else stays, and it can be told."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from dataops_assets.erasure.writing import entry_about, text_of
from dataops_assets.observe.partition import describe_partition
from dataops_assets.observe.status import overview
from dataops_assets.observe.verify import objects, verify
from dataops_assets.observe.why import why_bytes
from dataops_assets.steps import erasing
from dataops_assets.steps.traces import traces
from dataops_assets.storage import layout, results
from dataops_assets.storage.erasures import proof
from dataops_assets.storage.errors import Lost
from dataops_assets.storage.store import hash_file
from dataops_assets_tests.erasure.asking import (
    DAYS,
    KEY,
    LATER,
    SAID,
    WHO,
    ask,
    ask_for_all,
    carry_out,
    files_naming,
    kinds,
    left,
    the_request,
    with_somebody,
)
from dataops_assets_tests.trees import NOW, Tree, readings

DAY = DAYS[0]


@pytest.fixture
def held(tree: Tree) -> Tree:
    """Three days with somebody in them, a month made of them, a table of results, and a request."""
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-03")
    with_somebody(tree)
    for name in ("readings", "daily"):
        results.refresh(tree.lake, tree[name])
    ask(tree)
    return tree


def test_what_held_somebody_holds_them_no_more_and_all_else_stays(held: Tree) -> None:
    assert len(files_naming(held.store.root)) == 5 * len(DAYS)  # landing, raw, staged, quarantine, verdict
    before = {day: held.read("readings", day) for day in DAYS}
    raw = {path: path.read_bytes() for path in held.store.path("raw").rglob("*.csv")}
    assert kinds(left(held)) == {"delivery": 3, "landing": 3, "object": 7, "verdict": 3}

    gone = carry_out(held)

    assert gone
    assert (gone.deliveries, gone.rows) == (3, 6)
    assert left(held) == []
    assert files_naming(held.root) == []
    for day in DAYS:
        assert held.read("readings", day).equals(before[day].filter(pl.col("note").ne_missing(WHO)))
    now = [path.read_bytes() for path in sorted(held.store.path("raw").rglob("*.csv"))]
    assert now != list(raw.values())
    for content, path in zip(now, sorted(raw), strict=True):
        assert sorted(content.splitlines()) == sorted(
            line for line in raw[path].splitlines() if WHO.encode() + b"r" in line or WHO.encode() not in line
        )
    assert held.pending("raw", "readings") == held.pending("staged", "readings") == held.pending("curated", "daily") == []
    assert carry_out(held) == gone  # nothing is done twice


def test_an_original_stays_until_nothing_is_made_from_it_any_more(held: Tree) -> None:
    request = the_request(held)
    erasing.redact(held.lake, request, left(held), LATER)
    erasing.clean(held.lake, request, left(held), True, LATER)
    assert kinds(left(held)) == {"landing": 3, "object": 7, "original": 3}
    assert erasing.prove(held.lake, request, left(held), LATER) is None
    assert proof(held.store, request) is None
    assert f"erasure request {request.name} is open, due 2030-01-31" in " ".join(overview(held.lake, NOW).split())
    assert carry_out(held)
    assert request.name not in overview(held.lake, NOW)


def test_where_nothing_is_removed_the_originals_are_told(held: Tree) -> None:
    assert carry_out(held, removes=False) is None
    assert kinds(left(held)) == {"landing": 3, "original": 3}
    assert files_naming(held.store.path("staged")) == files_naming(held.store.path("_verdicts")) == []


def test_a_copy_of_what_was_erased_is_told_as_erased_and_nothing_as_damaged(held: Tree) -> None:
    [original] = held.store.path(f"raw/readings/date={DAY}").glob("*.csv")
    staged = held.store.path(layout.data("staged", held["readings"], DAY))
    copies = [hash_file(original), hash_file(staged)]
    carry_out(held)
    name = the_request(held).name
    for copy in copies:
        told = why_bytes(held.lake, copy)
        assert f"erased as asked by {name} · 2024-03-01 13:00" in told
        assert f"2 rows were left out of sha256 {copies[0]}" in told
        assert "its envelope gate passed it: all rules hold" in told
    [redacted] = held.store.path(f"raw/readings/date={DAY}").glob("*.csv")
    assert "erased" not in why_bytes(held.lake, hash_file(redacted))
    assert verify(held.lake, objects(held.lake, list(held.lake.catalog)), lambda entry: None) == []
    assert f"2 rows of {DAY}.csv erased 2024-03-01 13:00" in describe_partition(held.lake, held["readings"], DAY, NOW)


def test_a_delivery_that_is_replaced_does_not_come_to_count(held: Tree) -> None:
    """Deliveries A and B for a day; A again for another: each is redacted in its place."""
    held.drop("readings", f"{DAY}.csv", readings(DAY, {"note": "nobody"}))
    held.run(now=LATER)
    assert carry_out(held)
    receipts = held.lake.receipts(held["readings"], DAY)
    assert [(one.number, bool(one.erased)) for one in receipts] == [(1, True), (2, False)]
    counts = held.lake.receipt(held["readings"], DAY)
    assert counts
    assert counts == receipts[-1]
    assert "nobody" in held.read("readings", DAY)["note"].to_list()
    assert held.lake.has_arrived(held["readings"], DAY)


def test_what_comes_again_is_redacted_on_its_way_into_raw(held: Tree) -> None:
    content = held.store.path(f"landing/readings/{DAY}.csv").read_bytes()
    assert carry_out(held)
    before = held.lake.receipt(held["readings"], DAY)
    held.drop("readings", f"{DAY}.csv", content, LATER)
    [done] = held.receive("readings", DAY, now=LATER + timedelta(hours=1))
    after = held.lake.receipt(held["readings"], DAY)
    assert before
    assert after
    assert (done.status, after.sha256, after.number) == ("done", before.sha256, before.number + 1)
    assert "2 rows were left out, as asked by readings-" in done.facts["note"]
    assert files_naming(held.store.path("raw")) == []
    assert kinds(left(held)) == {"landing": 1}
    assert carry_out(held)
    assert files_naming(held.store.root) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (readings(DAY, {"note": WHO}).replace("note", "remark"), "there is no column note, by which readings-"),
        ('station,"note', "cannot be read"),
    ],
)
def test_what_cannot_be_looked_through_is_not_received(held: Tree, content: str, says: str) -> None:
    before = files_naming(held.store.path("raw"))
    held.drop("readings", f"{DAY}.csv", content)
    [refused] = held.receive("readings", DAY, now=LATER)
    assert refused.status == "refused"
    assert says in refused.reason
    assert "it was delivered, and not received" in refused.reason
    assert "what was published before stays" in refused.reason
    assert files_naming(held.store.path("raw")) == before
    assert kinds(left(held))["unknown"] == 1


def test_without_the_key_nothing_is_received_that_a_request_is_about(held: Tree) -> None:
    held.erasure_key = None
    held.write("touched", "")
    held.drop("readings", f"{DAY}.csv", readings(DAY))
    [refused] = held.receive("readings", DAY, now=LATER)
    assert "set DATAOPS_ERASURE_KEY" in refused.reason
    held.drop("stations", "stations.csv", "station,height\noslo,95\nbergen,12\n")
    assert [one.status for one in held.receive("stations", now=LATER)] == ["done"]


def test_control_totals_are_those_of_what_was_delivered(tree: Tree) -> None:
    tree.edit(
        "readings/defs.yaml",
        'files: "{partition}.csv"',
        'files: "{partition}-*.csv"\n    complete: {manifest: "{partition}.json"}',
    )
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-03")
    tree.drop("stations", "stations.csv", "station,height\noslo,94\nbergen,12\n")
    whole = readings(DAY, *[{"note": WHO}] * 2, {"note": WHO}, {"note": WHO}), readings(DAY, {"note": WHO}, rows=6)
    tree.erasure_key = KEY
    parts = [
        {"name": f"{DAY}-{n}.csv", "rows": text.count("\n") - 1, "bytes": len(text.encode())} for n, text in enumerate(whole)
    ]
    for part, text in zip(parts, whole, strict=True):
        tree.drop("readings", str(part["name"]), text)
    tree.drop("readings", f"{DAY}.json", json.dumps({"files": parts}))
    tree.run()
    ask(tree)
    assert carry_out(tree)
    receipt = tree.lake.receipt(tree["readings"], DAY)
    verdict = tree.lake.last_word("envelope", tree["readings"], DAY)
    assert receipt
    assert verdict
    assert (verdict.passed, verdict.why, verdict.rows and verdict.rows.delivered) == (True, "", 5)
    assert receipt.names == (f"{DAY}-1.csv",)  # of the other, no row is left
    assert files_naming(tree.store.root) == []
    assert not any(tree.store.list("landing/readings"))


def test_whole_partitions_are_there_and_empty(held: Tree) -> None:
    ask_for_all(held, (DAYS[1], DAYS[2]))
    assert kinds(left(held)) == {"delivery": 2, "landing": 2, "object": 5, "verdict": 2}
    gone = carry_out(held)
    assert gone
    assert (gone.deliveries, gone.rows) == (2, 8)
    assert [held.read("readings", day).height for day in DAYS] == [3, 0, 0]
    assert held.read("daily", "2024-01")["day"].unique().to_list() == [pl.Series([DAY]).str.to_date()[0]]
    assert not [path for day in DAYS[1:] for path in held.store.path(f"raw/readings/date={day}").glob("*.csv")]
    assert [name for name in files_naming(held.store.root) if DAY not in name] == []
    held.drop("readings", f"{DAYS[1]}.csv", readings(DAYS[1]))
    [done] = held.receive("readings", DAYS[1], now=LATER + timedelta(hours=1))
    assert done.status == "done", done.reason
    assert not any(held.store.path(f"raw/readings/date={DAYS[1]}").glob("*.csv"))


def test_a_table_without_partitions_ends_as_a_whole(held: Tree) -> None:
    ask_for_all(held, None, "stations")
    carry_out(held)
    assert held.read("stations").height == 0


def test_texts_in_git_are_told_with_their_line(held: Tree) -> None:
    held.write("readings/README.md", f"# Readings\n\nThose of {WHO} are odd.\n")
    assert carry_out(held) is None
    [trace] = left(held)
    assert (trace.kind, trace.place) == ("git", "defs/readings/README.md:3")


def test_of_two_who_redact_one_delivery_at_once_the_second_looks_at_it_anew(held: Tree) -> None:
    """Else it would bring back what the first has left out."""
    mine = entry_about(held["readings"], {"note": "Jo Doering"}, KEY, SAID)
    held.write("erasures.yaml", (held.defs / "erasures.yaml").read_text() + text_of(mine))
    one, other = held.lake.catalog.erasures
    seen = {request.name: traces(held.lake, request, NOW) for request in (one, other)}
    erasing.redact(held.lake, one, seen[one.name], LATER)
    with pytest.raises(Lost):
        erasing.redact(held.lake, other, seen[other.name], LATER)
    erasing.redact(held.lake, other, traces(held.lake, other, NOW), LATER)
    receipt = held.lake.receipt(held["readings"], DAY)
    assert receipt
    assert [(done.request, done.rows) for done in receipt.erased] == [(one.name, 2), (other.name, 1)]
    held.run(now=LATER)
    for request in (one, other):
        erasing.clean(held.lake, request, traces(held.lake, request, NOW), True, LATER)
        assert erasing.prove(held.lake, request, traces(held.lake, request, NOW), LATER)
    assert set(held.read("readings", DAY)["note"]) == {None}
    assert files_naming(held.store.root) == files_naming(held.store.root, "Jo Doering") == []


def test_rows_of_a_product_that_come_from_another_dataset_are_told_and_keep_no_original(held: Tree) -> None:
    """Erased from the readings, a station is still in what is made of the stations."""
    held.write(
        "daily/transform.py",
        """
        import polars as pl


        def transform(readings: pl.LazyFrame, stations: pl.LazyFrame) -> pl.LazyFrame:
            days = readings.select("day").unique().join(stations, how="cross")
            return days.select("station", "day", "height", warmest=pl.lit(0.0))
        """,
    )
    held.run(now=LATER)
    ask(held, {"station": "oslo"})
    assert carry_out(held) is None
    [trace, *examples] = left(held)
    assert (trace.kind, trace.told) == ("unknown", "3 rows are theirs, which come from another dataset")
    assert {(one.kind, one.place.rpartition("/")[2]) for one in examples} == {("git", "examples.yaml:1")}


def test_a_request_that_is_not_carried_out_in_time_is_overdue(held: Tree) -> None:
    assert "overdue since 2030-01-31" in " ".join(overview(held.lake, datetime(2030, 2, 1, tzinfo=UTC)).split())
