"""What corrections do to a partition on its way to staged, and how one that does not fit its delivery refuses it."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dataops_assets.corrections import Plan
from dataops_assets.corrections.identity import id_of
from dataops_assets.gate import reading
from dataops_assets.gate.rules import MISCAST, ROW
from dataops_assets.steps.correcting import misfits
from dataops_assets_tests.corrections.entries import correct, written
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAY = "2024-01-01"
EXPECT = "expect its original text, if that is meant"
MENDED = "the provider delivers `temperature` as 40.0"
OSLO = {"key": {"station": "oslo"}, "set": {"height": {"from": 94, "to": 95}}}


def hour(number: int, station: str = "oslo", **said: Any) -> dict[str, Any]:
    """A correction of an hour of the first day."""
    return {"partition": DAY, "key": {"station": station, "day": DAY, "hour": number}, **said}


def temperature(before: Any, after: Any) -> dict[str, Any]:
    return {"temperature": {"from": before, "to": after}}


@pytest.fixture
def measured(tree: Tree) -> Tree:
    """The stations, and a day with faults: a sign that is lost, a word for a number, and a row that came twice."""
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    rows = readings(DAY, {"temperature": 40}, {"temperature": "warm"}, {}, {}, rows=6)
    tree.drop("readings", f"{DAY}.csv", rows + rows.splitlines()[-1] + "\n")
    tree.receive("readings", DAY)
    return tree


def staged(tree: Tree) -> dict[tuple[str, int], Any]:
    """The temperatures that are published, by station and hour."""
    return {(row["station"], row["hour"]): row["temperature"] for row in tree.read("readings", DAY).to_dicts()}


def test_values_rows_and_counts_after_all_shapes(measured: Tree) -> None:
    correct(
        measured,
        "readings",
        hour(0, set={**temperature(40, -4), "note": {"from": None, "to": "below zero"}}),
        hour(0, "bergen", set=temperature("warm", 7)),
        hour(1, "bergen", drop={"temperature": 3.5}),
        {"partition": DAY, "add": {"station": "oslo", "day": DAY, "hour": 23, "temperature": 1, "note": None}},
        {"partition": DAY, "where": "hour = 2 AND station = 'bergen'", "rows": 2, "set": {"temperature": {"to": 0}}},
    )
    [done] = measured.stage("readings", DAY)

    assert staged(measured) == {
        ("oslo", 0): -4,
        ("bergen", 0): 7,
        ("oslo", 1): 2.5,
        ("oslo", 2): 4.5,
        ("bergen", 2): 0,
        ("oslo", 23): 1,
    }
    assert done.verdict
    rows = done.verdict.rows
    assert rows
    assert (rows.delivered, rows.added, rows.published, rows.merged, rows.dropped, rows.corrected) == (7, 1, 6, 1, 1, 4)
    assert [(one.rows, one.requested_by) for one in done.verdict.corrections] == [(1, "lab")] * 4 + [(2, "lab")]
    assert (
        done.verdict.corrections[0].what == "station oslo, day 2024-01-01, hour 0: temperature 40 → -4, note null → below zero"
    )
    published = measured.lake.published(measured["readings"], DAY)
    assert published
    assert published.corrections == tuple(one.id for one in done.verdict.corrections)


@pytest.mark.parametrize(
    ("dtype", "before", "after"),
    [
        ("pl.Decimal(38, 2)", "1", "12345678901234567890.12"),
        ("pl.Decimal(38, 2)", "9999999999999999.99", "9999999999999999.98"),
        ('pl.Datetime("ns")', "2024-01-31T12:00:00.123456789", "2024-01-31 12:00:00.000000001"),
        ('pl.Datetime("us", "UTC")', "2024-01-31T12:00:00Z", "2024-01-31T12:00:00.5+01:00"),
        ("pl.Date", "2024-01-31", "2024-02-01"),
        ("pl.Time", "12:30:00", "12:30:01.5"),
        ("pl.Int64", "08", "010"),
        ("pl.Int64", "+5", "-9223372036854775807"),
        ("pl.Float64", "1.5", "-.5"),
        ("pl.Float64", ".nan", "2.0e+3"),
        ("pl.Boolean", "yes", "off"),
        ("pl.Categorical", "1.10", "010"),
        ('pl.Enum(["1.10", "010"])', "1.10", "010"),
    ],
)
def test_a_value_without_quotes_is_read_as_a_delivered_one(tree: Tree, dtype: str, before: str, after: str) -> None:
    tree.edit("stations/schema.py", "    height:", f"    more: {dtype} = pa.Field()\n    height:")
    delivered = {"yes": "true", ".nan": "NaN", "off": "false"}
    texts = [delivered.get(text, text) for text in (before, after)]
    tree.drop("stations", "stations.csv", "station,more,height\n" + f"oslo,{texts[0]},94\nbergen,{texts[1]},12\n")
    tree.write(
        "stations/corrections.yaml",
        written({**OSLO, "set": {"more": {"from": "before", "to": "after"}}})
        .replace("from: before", f"from: {before}")
        .replace("to: after", f"to: {after}")
        + written({"add": {"station": "bodo", "height": 11, "more": "more"}}).replace("more: more", f"more: {after}"),
    )
    tree.run("stations")

    published = tree.read("stations")["more"]
    assert (len(published), published.n_unique()) == (3, 1)  # not as Python's, which know no nanoseconds


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        pytest.param(
            [hour(0, set=temperature(41, -4))], ["0: station oslo, day {day}, hour 0: `temperature` is 40.0, not 41"], id="old"
        ),
        pytest.param(
            [hour(0, set=temperature(None, 1))],
            ["0: station oslo, day {day}, hour 0: `temperature` is 40.0, not null"],
            id="null",
        ),
        pytest.param(
            [hour(0, "bergen", set=temperature(None, 1))],
            ["0: station bergen, day {day}, hour 0: `temperature` cannot be read; " + EXPECT],
            id="unread",
        ),
        pytest.param(
            [hour(0, "bergen", set=temperature("cold", 1))],
            ["0: station bergen, day {day}, hour 0: `temperature` cannot be read: warm; " + EXPECT],
            id="other_text",
        ),
        pytest.param(
            [hour(0, set={**temperature(-4, 40), "note": {"from": "cold", "to": None}})],
            ["0: station oslo, day {day}, hour 0: " + MENDED + ", `note` as null now, so it has nothing to do"],
            id="mended",
        ),
        pytest.param(
            [hour(0, set={**temperature(-4, 40), "note": {"from": None, "to": "cold"}})],
            ["0: station oslo, day {day}, hour 0: " + MENDED + " now, so that has nothing to do here"],
            id="mended_in_part",
        ),
        pytest.param(
            [hour(0, set={**temperature(-4, 40), "note": {"from": "x", "to": "cold"}})],
            [
                "0: station oslo, day {day}, hour 0: " + MENDED + " now, so that has nothing to do here",
                "0: station oslo, day {day}, hour 0: `note` is null, not x",
            ],
            id="mended_and_wrong",
        ),
        pytest.param(
            [hour(0, "bergen", set=temperature(7, None))],
            ["0: station bergen, day {day}, hour 0: `temperature` cannot be read; " + EXPECT],
            id="unread_is_not_mended",
        ),
        pytest.param([hour(7, set=temperature(1, 2))], ["0: no row has station oslo, day {day}, hour 7"], id="no_row"),
        pytest.param(
            [hour(0, drop={"temperature": 1})], ["0: station oslo, day {day}, hour 0: `temperature` is 40.0, not 1"], id="drop"
        ),
        pytest.param(
            [{"partition": DAY, "add": {"station": "oslo", "day": DAY, "hour": 0, "temperature": 1, "note": None}}],
            ["0: it adds a row that is there already: station oslo, day {day}, hour 0"],
            id="add",
        ),
        pytest.param(
            [{"partition": DAY, "where": "hour = 0", "rows": 3, "drop": True}],
            ["0: `where` is true of 2 rows, not of 3"],
            id="count",
        ),
        pytest.param(
            [
                hour(0, set=temperature(40, -4)),
                {"partition": DAY, "where": "hour = 0", "rows": 2, "set": {"temperature": {"to": 1}}},
            ],
            ["0: it collides with 1 on station oslo, day {day}, hour 0: both set temperature"],
            id="key_and_condition",
        ),
        pytest.param(
            [
                {"partition": DAY, "where": "hour < 2", "rows": 4, "drop": True},
                {"partition": DAY, "where": "hour = 1", "rows": 2, "set": {"note": {"to": "x"}}},
            ],
            ["1: it collides with 0 on 2 rows: one drops the row, the other changes it"],
            id="conditions",
        ),
        pytest.param(
            [{"partition": DAY, "where": "CAST(station AS INT) = 1", "rows": 1, "drop": True}],
            ["0: `where` cannot be evaluated on these rows: {why}"],
            id="cast",
        ),
        pytest.param(
            [hour(0, set=temperature(40, 4), valid_until="2024-02-29")],
            ["0: it was valid until 2024-02-29 and has expired: confirm it with a later `valid_until`"],
            id="expired",
        ),
        pytest.param(
            [hour(7, set=temperature(1, 2)), hour(8, set=temperature(1, 2))],
            ["0: no row has station oslo, day {day}, hour 7", "1: no row has station oslo, day {day}, hour 8"],
            id="several",
        ),
    ],
)
def test_a_correction_that_does_not_fit_refuses_the_partition_by_file_and_line(
    measured: Tree, entries: list[dict[str, Any]], told: list[str]
) -> None:
    measured.stage("readings", DAY)
    before = measured.lake.published(measured["readings"], DAY)
    words = measured.lake.verdicts("content", measured["readings"], DAY)
    lines = [f"defs/readings/corrections.yaml:{line}" for line in correct(measured, "readings", *entries)]

    [refused] = measured.stage("readings", DAY)

    named = []
    for one in told:
        number, _, rest = one.partition(": ")
        rest = rest.replace("collides with 1", f"collides with {lines[-1]}").replace(
            "collides with 0", f"collides with {lines[0]}"
        )
        named.append(f"{lines[int(number)]}: {rest.format(day=DAY, why='')}")
    assert refused.status == "refused"
    assert refused.verdict is None
    assert refused.reason.startswith(f"staged/readings {DAY}: {'; '.join(named)}")
    assert refused.reason.endswith("Mend the correction, or remove it; what was published before stays")
    assert measured.lake.published(measured["readings"], DAY) == before
    assert measured.lake.verdicts("content", measured["readings"], DAY) == words
    assert measured.pending("staged", "readings") == [DAY]


@pytest.mark.parametrize("action", ["set", "drop"])
@pytest.mark.parametrize("text", ["5.5", "warm"])
def test_rows_that_are_equal_are_corrected_together_and_then_merged(measured: Tree, action: str, text: str) -> None:
    rows = readings(DAY, {}, {"temperature": text})
    measured.drop("readings", f"{DAY}.csv", rows + rows.splitlines()[2] + "\n")
    measured.receive("readings", DAY)
    before = 5.5 if text == "5.5" else text
    said = {"set": temperature(before, 2)} if action == "set" else {"drop": {"temperature": before}}
    correct(measured, "readings", hour(0, "bergen", **said))
    [done] = measured.stage("readings", DAY)
    assert done.verdict
    assert done.verdict.rows
    assert staged(measured).get(("bergen", 0)) == (2 if action == "set" else None)
    found = done.verdict.rows
    assert (found.corrected, found.merged, found.dropped) == ((2, 1, 0) if action == "set" else (0, 0, 2))
    assert [one.rows for one in done.verdict.corrections] == [2]


def test_what_is_large_is_asked_alike_for_a_text_that_is_no_number(measured: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    measured.drop("readings", f"{DAY}.csv", readings(DAY, {}, {"temperature": 5.5}))
    measured.receive("readings", DAY)
    correct(measured, "readings", hour(0, "bergen", set=temperature("warm", 2)))
    [in_memory] = measured.stage("readings", DAY)
    monkeypatch.setattr(reading, "LARGE_BYTES", -1)
    [streamed] = measured.stage("readings", DAY)
    assert "`temperature` is 5.5, not warm" in in_memory.reason
    assert streamed.reason == in_memory.reason


def test_rows_that_differ_are_not_corrected_by_their_key(measured: Tree) -> None:
    rows = readings(DAY, {}, {"temperature": 5.5})
    measured.drop("readings", f"{DAY}.csv", rows + rows.splitlines()[2] + "wet\n")
    measured.receive("readings", DAY)
    correct(measured, "readings", hour(0, "bergen", set=temperature(5.5, 2)))
    [refused] = measured.stage("readings", DAY)
    assert "2 different rows have station bergen, day 2024-01-01, hour 0" in refused.reason


def test_conditions_that_never_meet_are_not_asked_pair_by_pair(measured: Tree) -> None:
    where = [{"partition": DAY, "where": f"hour = {number}", "rows": 1, "set": {"note": {"to": "x"}}} for number in range(60)]
    correct(measured, "readings", *where)
    plan = Plan(measured["readings"], DAY, NOW.date())
    marks = {f"{MISCAST}{name}": pl.Boolean for name in ("day", "hour", "temperature")}
    rows = pl.LazyFrame(schema={**measured["readings"].schema.polars, **marks}).with_row_index(ROW, 1)
    assert max(len(asked.explain(optimized=False)) for asked in plan.asked(rows)) < 60 * 1000


def test_of_a_delivery_that_is_damaged_no_correction_is_told(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LARGE_BYTES", -1)  # so that its rows are asked for late
    file = tmp_path / "day.parquet"
    pl.read_csv(readings(DAY, rows=2000).encode(), infer_schema=False).write_parquet(file, statistics=False)
    content = bytearray(file.read_bytes())
    content[len(content) // 8 : len(content) // 4] = bytes(len(content) // 4 - len(content) // 8)
    tree.edit("readings/defs.yaml", 'files: "{partition}.csv"', 'files: "{partition}.parquet"')
    correct(tree, "readings", hour(0, set=temperature(0.5, 1)))
    tree.drop("readings", f"{DAY}.parquet", bytes(content))
    [refused] = tree.receive("readings", DAY)
    assert "not readable as parquet" in refused.reason
    assert misfits(tree.lake, tree["readings"], DAY, NOW.date()) == ""


def test_values_of_data_that_is_not_public_are_not_told(measured: Tree) -> None:
    for name in ("readings", "daily"):
        measured.edit(f"{name}/defs.yaml", "classification: public", "classification: secret")
    measured.receive("readings", DAY)
    correct(measured, "readings", hour(0, set=temperature(41, -4)))
    [refused] = measured.stage("readings", DAY)
    assert "a row by its key: `temperature` has another value than expected" in refused.reason
    correct(measured, "readings", hour(9, set=temperature(41, -4)))
    [refused] = measured.stage("readings", DAY)
    assert ": no row has its key. " in refused.reason
    correct(measured, "readings", hour(0, set=temperature(41, 40)))
    [refused] = measured.stage("readings", DAY)
    told = "a row by its key: the provider delivers `temperature` as it is set here now, so it has nothing to do"
    assert told in refused.reason
    correct(measured, "readings", hour(0, set=temperature(40, -4)))
    [done] = measured.stage("readings", DAY)
    assert done.verdict
    assert [one.what for one in done.verdict.corrections] == ["a row by its key: temperature set"]


def test_a_corrected_row_that_is_rejected_keeps_its_original_text(measured: Tree) -> None:
    correct(measured, "readings", hour(0, "bergen", set=temperature("warm", 999)))
    measured.stage("readings", DAY)
    [row] = measured.quarantine("readings", DAY).to_dicts()
    assert (row["temperature"], row["reasons"]) == ("warm", ["temperature.less_than_or_equal_to"])


def test_an_added_row_that_is_rejected_names_its_correction(measured: Tree) -> None:
    row = {"station": "oslo", "day": DAY, "hour": 22, "temperature": 999, "note": "hot"}
    correct(measured, "readings", {"partition": DAY, "add": row})
    [done] = measured.stage("readings", DAY)
    assert done.verdict
    [one] = done.verdict.corrections
    added = measured.quarantine("readings", DAY).filter(delivery=f"correction:{one.id}").to_dicts()
    assert [(row["row"], row["station"], row["hour"], row["temperature"]) for row in added] == [(8, "oslo", "22", "999")]


def test_a_declared_gap_can_be_filled_by_hand(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "  key: [station", "  gaps: [{partition: 2024-01-05, reason: a strike}]\n  key: [station")
    row = {"station": "oslo", "day": "2024-01-05", "hour": 1, "temperature": 1, "note": None}
    correct(tree, "readings", {"partition": "2024-01-05", "add": row})
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    tree.receive("readings", "2024-01-05")
    [done] = tree.stage("readings", "2024-01-05")
    assert done.status == "done"
    assert tree.read("readings", "2024-01-05")["hour"].to_list() == [1]


def test_an_edit_makes_pending_just_the_partitions_that_it_touches(filled: Tree) -> None:
    said = {"key": {"station": "oslo", "day": "2024-01-02", "hour": 0}, "set": temperature(0.5, -0.5)}
    correct(filled, "readings", {"partition": "2024-01-02", **said})
    before = {day: filled.lake.published(filled["readings"], day) for day in ("2024-01-01", "2024-01-02", "2024-01-03")}
    assert (filled.pending("raw", "readings"), filled.pending("staged", "readings")) == ([], ["2024-01-02"])

    done = filled.run()

    assert [outcome.partition for outcome in done] == ["2024-01-02"]
    after = {day: filled.lake.published(filled["readings"], day) for day in before}
    assert [day for day in before if before[day] != after[day]] == ["2024-01-02"]
    assert filled.pending("staged", "readings") == []


@pytest.mark.parametrize(
    "edit",
    [
        ("- partition", "# it is so\n- partition"),
        ("partition: '2024-01-02'", "partition: 2024-01-02"),
        ("reason: read", "reason:  read"),
    ],
    ids=["comment", "quotes", "layout"],
)
def test_what_a_file_looks_like_makes_nothing_pending(filled: Tree, edit: tuple[str, str]) -> None:
    said = {"key": {"station": "oslo", "day": "2024-01-02", "hour": 0}, "set": temperature(0.5, -0.5)}
    correct(filled, "readings", {"partition": "2024-01-02", **said})
    filled.run()
    filled.edit("readings/corrections.yaml", *edit)
    assert filled.pending("staged", "readings") == []


def test_the_order_of_a_file_makes_nothing_pending(tree: Tree) -> None:
    more = {"add": {"station": "bodo", "height": 11}}
    correct(tree, "stations", OSLO, more)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    correct(tree, "stations", more, OSLO)
    assert tree.pending("staged", "stations") == []


def test_what_is_published_stays_when_its_correction_expires(tree: Tree) -> None:
    correct(tree, "stations", {**OSLO, "valid_until": "2024-03-05"})
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    later = NOW + timedelta(days=30)
    assert tree.pending("staged", "stations", now=later) == []

    tree.drop("stations", "stations.csv", STATIONS + "bodo,11\n", written=later - timedelta(hours=1))
    *_, refused = tree.run("stations", now=later)

    assert "defs/stations/corrections.yaml:1: it was valid until 2024-03-05 and has expired" in refused.reason
    assert tree.read("stations")["height"].to_list() == [12, 95]


def test_the_last_day_counts(tree: Tree) -> None:
    correct(tree, "stations", {**OSLO, "valid_until": NOW.date().isoformat()})
    tree.drop("stations", "stations.csv", STATIONS)
    assert [outcome.status for outcome in tree.run("stations")] == ["done", "done"]


def test_with_quotes_or_without_an_entry_is_the_same(tree: Tree) -> None:
    ids = []
    for quote in ("", '"'):
        correct(tree, "stations", OSLO)
        file = tree.defs / "stations/corrections.yaml"
        file.write_text(re.sub(r"(from|to): [\"']?([0-9.]+)[\"']?", rf"\1: {quote}\2{quote}", file.read_text()))
        ids.append(id_of(tree["stations"].corrections[0]))
    assert ids[0] == ids[1]


def test_an_expected_nan_is_another_entry_than_expected_none(measured: Tree) -> None:
    said = [hour(0, set=temperature(before, 1)) for before in (float("nan"), None)]
    files = [(correct(measured, "readings", one), measured["readings"].corrections[0])[1] for one in said]
    assert id_of(files[0]) != id_of(files[1])


def test_a_value_that_the_provider_may_not_write_can_be_expected(tree: Tree) -> None:
    """Delivered as a whole number, and a float from there on."""
    delivered = (tree.defs / "stations/schema.py").read_text()
    staged = delivered.partition("class Schema")[2].replace("pl.Int16", "float")
    to_float = "def normalise(rows):\n    return rows.with_columns(pl.col('height').cast(pl.Float64))\n"
    tree.write(
        "stations/schema.py", delivered.replace("class Schema", "class Delivered") + f"\n\nclass Schema{staged}\n\n{to_float}"
    )
    tree.drop("stations", "stations.csv", STATIONS.replace("94", "94.5"))
    correct(tree, "stations", {"key": {"station": "oslo"}, "set": {"height": {"from": "94.5", "to": 94}}})
    tree.run("stations")
    assert tree.read("stations").rows_by_key("station", unique=True)["oslo"] == (94.0,)


def test_of_a_value_that_could_not_be_read_no_condition_is_true(measured: Tree) -> None:
    nothing = {"partition": DAY, "where": "temperature IS NULL", "rows": 1, "drop": True}
    correct(measured, "readings", nothing)
    [refused] = measured.stage("readings", DAY)
    assert "`where` is true of 0 rows, not of 1" in refused.reason
    correct(measured, "readings", {**nothing, "where": "hour = 0 AND station = 'bergen'"})
    [done] = measured.stage("readings", DAY)
    assert (done.status, ("bergen", 0) in staged(measured)) == ("done", False)
