"""Status answers from storage what is there, whether it is good, who may read it, and until when."""

import re
from datetime import timedelta

import pytest

from dataops_assets.observe.findings import findings
from dataops_assets.observe.partition import describe_partition
from dataops_assets.observe.status import describe, overview
from dataops_assets.observe.tally import tally_all
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

LATER = NOW + timedelta(hours=1)


def told(tree: Tree, name: str) -> str:
    """A dataset in full, on one line."""
    return re.sub(r"\s+", " ", describe(tree.lake, tree[name], LATER))


def rows(tree: Tree) -> dict[str, str]:
    """The first line of every dataset in the table, in order."""
    lines = overview(tree.lake, LATER).splitlines()
    return {line.split()[0]: re.sub(r"\s+", " ", line) for line in lines if re.match(r"(staged|curated)/\w+ ", line)}


@pytest.fixture
def closed(filled: Tree) -> Tree:
    """The filled tree, whose days end with those that were delivered, so that all is there."""
    filled.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-03")
    filled.run()
    return filled


def test_all_is_good(closed: Tree) -> None:
    assert rows(closed) == {
        "curated/daily": "curated/daily 1/1 good lab analysts, press 2 years",
        "staged/readings": "staged/readings 3/3 good lab analysts, press 2 years",
        "staged/stations": "staged/stations 1/1 good lab analysts, press 2 years",
    }
    assert f"3 datasets in {closed.store.root}; partitions published: 5 of 5" in overview(closed.lake, LATER)


def test_nothing_was_delivered(tree: Tree) -> None:
    assert list(rows(tree)) == ["staged/readings", "curated/daily", "staged/stations"]
    assert "0/20 20 missing" in rows(tree)["staged/readings"]
    assert "nothing was received yet" in told(tree, "readings")
    assert "not delivered: 2024-01-01 to 2024-01-20" in told(tree, "readings")
    assert "missing: 1, the first: curated/daily 2024-01 is not published" in told(tree, "daily")


def test_the_worst_is_first(closed: Tree) -> None:
    closed.drop("readings", "2024-01-02.csv", "nonsense\n1\n")
    closed.run(now=LATER)
    assert list(rows(closed)) == ["staged/readings", "curated/daily", "staged/stations"]
    assert "3/3 1 refused" in rows(closed)["staged/readings"]


@pytest.mark.parametrize("kept", ["_verdicts/content", "_verdicts/envelope", "_provenance/staged", "raw"])
def test_a_damaged_record_is_named_and_hides_no_other_partition(closed: Tree, kept: str) -> None:
    folder = closed.store.path(f"{kept}/readings/date=2024-01-02" + ("/_deliveries" if kept == "raw" else ""))
    record = max(folder.iterdir())
    record.write_bytes(record.read_bytes()[:-20])
    if kept == "raw":  # nothing that is published depends on it; the run that looks at it tells
        assert "3/3 1 to be run" in rows(closed)["staged/readings"]
        assert "deliveries received: 2" in told(closed, "readings")
        return
    assert "2/3 1 damaged" in rows(closed)["staged/readings"]
    assert record.name in told(closed, "readings").replace(" ", "")
    lake = closed.lake.at_a_glance()
    unmet = [one for one in findings(lake, [(closed["readings"], tally_all(lake, closed["readings"], NOW))], NOW) if one.unmet]
    assert unmet[0].told.startswith(f"staged/readings 2024-01-02: {record}: it is no ")


def test_the_table_is_narrow_and_tells_where_there_is_more(filled: Tree) -> None:
    owner = "measurement-and-observation-department"
    filled.edit("readings/defs.yaml", "owner: lab", f"owner: {owner}")
    filled.edit("policy.yaml", "  lab:\n", f"  {owner}: {{description: x, contact: y}}\n  lab:\n")
    table = overview(filled.lake, LATER).splitlines()[1:]
    assert all(len(line) <= 100 for line in table)
    assert "department" in "".join(table)
    assert table[-1].endswith("dataops status DATASET")


def test_a_refusal_says_why_and_when_and_what_is_read_instead(closed: Tree) -> None:
    closed.drop("readings", "2024-01-02.csv", readings("2024-01-02", *[{"temperature": 999}] * 4))
    closed.run(now=LATER)
    answer = told(closed, "readings")
    assert "1 refused; partitions published: 3 of 3" in answer
    assert (
        "refused: staged/readings 2024-01-02 by its content gate at 2024-03-01 13:00:00 UTC: 2024-01-02.csv: 4 of 4" in answer
    )
    assert "the version before it is read" in answer
    assert "rows in: 12, good: 12, rejected: 4" in answer
    assert "of the rows in, 4 are of deliveries that were refused; of the good, 4 are of versions before" in answer
    closed.drop("readings", "2024-01-02.csv", readings("2024-01-02"))
    closed.run(now=LATER + timedelta(hours=1))
    assert "that were refused" not in told(closed, "readings")


def test_last_word_is_the_newest_whatever_its_partition(filled: Tree) -> None:
    filled.drop("readings", "2024-01-02.csv", readings("2024-01-02", {"temperature": 9.5}))
    filled.run(now=LATER)
    assert "the last word for 2024-01-02: passed by the content gate at 2024-03-01 13:00" in told(filled, "readings")


def test_what_never_passed_is_refused_and_not_read(filled: Tree) -> None:
    filled.drop("readings", "2024-01-04.csv", "nonsense\n1\n")
    filled.run(now=LATER)
    answer = told(filled, "readings")
    assert "1 refused, 16 missing; partitions published: 3 of 20" in answer
    assert "the last word for 2024-01-04: refused by the envelope gate" in answer
    assert "the version before it is read" not in answer
    assert "not delivered: 2024-01-05 to 2024-01-20" in answer


def test_many_refusals_are_not_all_told(filled: Tree) -> None:
    for day in range(4, 13):
        filled.drop("readings", f"2024-01-{day:02}.csv", "nonsense\n1\n")
    filled.run(now=LATER)
    text = describe(filled.lake, filled["readings"], LATER)
    assert text.count("refused: staged/readings") == 5
    assert "… and 4 more" in text


def test_rejected_rows_are_counted_by_rule_and_found(tree: Tree) -> None:
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", "2024-01-01.csv", readings("2024-01-01", {"temperature": 999}, {"hour": 24}))
    tree.run()
    answer = told(tree, "readings")
    assert "rows in: 4, good: 2, rejected: 2, merged: 0" in answer
    assert "temperature.less_than_or_equal_to 1" in answer
    assert "hour.in_range 1" in answer
    place = tree.store.path("quarantine/readings")
    assert f"rejected rows lie in {place}" in answer
    assert list(place.rglob("data.parquet"))


def test_warnings_and_what_is_tolerated(tree: Tree) -> None:
    tree.edit(
        "readings/defs.yaml",
        "tolerance: 0.5",
        "rules:\n    temperature.less_than_or_equal_to: {severity: warn, tolerance: 0.3}",
    )
    tree.drop("stations", "stations.csv", STATIONS)
    unmeasured = {"temperature": None, "note": "broken"}
    tree.drop("readings", "2024-01-01.csv", readings("2024-01-01", *[unmeasured] * 3, {"temperature": 61}))
    tree.run()
    assert "19 missing, 1 warned; partitions published: 1 of 20" in told(tree, "readings")
    assert "warned of, by partitions: mostly_measured 1 (the last for 2024-01-01)" in told(tree, "readings")
    assert "tolerated, by rows: temperature.less_than_or_equal_to 1" in told(tree, "readings")
    assert "rejected, by rows" not in told(tree, "readings")


def test_nan_and_infinity_are_told_as_such(tree: Tree) -> None:
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", "2024-01-01.csv", readings("2024-01-01", {"temperature": "NaN"}, {"temperature": "-inf"}))
    tree.run()
    answer = describe_partition(tree.lake, tree["readings"], "2024-01-01", LATER)
    assert re.findall(r"row (\d): .*temperature (\S+)", answer)[:2] == [("1", "NaN"), ("2", "-inf")]


def test_a_rule_in_shadow_rejects_nothing(tree: Tree) -> None:
    options = "rules:\n    temperature.less_than_or_equal_to: {shadow_until: 2024-12-31}"
    tree.edit("readings/defs.yaml", "tolerance: 0.5", options)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", "2024-01-01.csv", readings("2024-01-01", {"temperature": 61}))
    tree.run()
    assert "warned of, by partitions: temperature.less_than_or_equal_to 1" in told(tree, "readings")
    assert "rejected, by rows" not in told(tree, "readings")


def test_what_it_is_and_where_it_comes_from(closed: Tree) -> None:
    answer = told(closed, "readings")
    assert "One hour at one station. 5 columns; key: station, day, hour" in answer
    assert "one partition every day, from 2024-01-01 to 2024-01-03, time zone Europe/Oslo" in answer
    assert f"lies in {closed.store.path('staged/readings')}" in answer
    assert "The lab delivers {partition}.csv into landing/readings" in answer
    assert "deliveries received: 3, the newest for 2024-01-03 at 2024-03-01 12:00:00 UTC" in answer
    assert "its gate looks values up in staged/stations" in answer
    assert "made by defs/daily/transform.py from staged/readings, staged/stations" in told(closed, "daily")
    assert "one part, without partitions" in told(closed, "stations")


def test_a_delivery_that_is_not_whole_is_told(filled: Tree) -> None:
    filled.edit(
        "readings/defs.yaml", 'files: "{partition}.csv"', 'files: "{partition}.csv"\n    complete: {marker: "{partition}.done"}'
    )
    filled.drop("readings", "2024-01-04.csv", readings("2024-01-04"))
    assert "a delivery for 2024-01-04 lies in landing, waiting for 2024-01-04.done" in told(filled, "readings")


def test_a_declared_gap_counts_as_published(closed: Tree) -> None:
    closed.edit("readings/defs.yaml", "end: 2024-01-03", "end: 2024-01-04")
    closed.edit("readings/defs.yaml", "  key:", "  gaps: [{partition: 2024-01-04, reason: a holiday}]\n  key:")
    closed.run(now=LATER)
    assert "good; partitions published: 4 of 4, declared gaps among them: 1" in told(closed, "readings")


def test_a_declared_gap_that_was_delivered_counts_as_delivered(closed: Tree) -> None:
    closed.edit("readings/defs.yaml", "  key:", "  gaps: [{partition: 2024-01-03, reason: a holiday}]\n  key:")
    closed.run(now=LATER)
    answer = told(closed, "readings")
    assert "partitions published: 3 of 3 declared a gap, but delivered: 2024-01-03: the delivery counts; take it out" in answer


def test_who_may_and_who_reads_it(closed: Tree) -> None:
    answer = told(closed, "readings")
    assert "owner: lab, lab@example.com readers: analysts, press classification: public. For anyone." in answer
    assert "writer of landing: The lab writer of raw, staged, quarantine: production pipeline only" in answer
    assert "made from it: curated/daily" in answer
    assert "whose gates look values up in it: staged/readings" in told(closed, "stations")
    assert "writer of curated, quarantine: production pipeline only" in told(closed, "daily")
    assert told(closed, "daily").endswith("no dataset")


def test_a_declassified_dataset_says_why(tree: Tree) -> None:
    tree.edit("daily/defs.yaml", "  key:", "  declassified: means tell nothing of a person\n  key:")
    assert "declassified: means tell nothing of a person" in told(tree, "daily")


def test_until_when_with_the_reasons(tree: Tree) -> None:
    tree.edit(
        "readings/defs.yaml",
        "lifecycle: standard",
        "lifecycle: {class: standard, reason: the court asks, raw: {forever: a suit is open},"
        " staged: {keep: 3 years, colder: {after: 90 days, to: GLACIER_IR}}}",
    )
    answer = told(tree, "readings")
    assert "lifecycle class standard. What is measured." in answer
    assert "landing: 30 days after it was dropped" in answer
    assert "raw: forever, because a suit is open; its class says otherwise, but the court asks" in answer
    assert (
        "staged: 3 years after it was published; in GLACIER_IR from 90 days on; its class says otherwise, but the court asks"
        in answer
    )
    assert "quarantine: 90 days after it was rejected" in answer


@pytest.mark.parametrize("name", ["readings", "stations", "daily"])
def test_an_answer_fits_a_screen(filled: Tree, name: str) -> None:
    lines = describe(filled.lake, filled[name], LATER).splitlines()
    assert len(lines) <= 40
    assert all(len(line) <= 100 for line in lines if str(filled.store.root) not in line)


def test_status_changes_nothing(filled: Tree) -> None:
    def everything() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in filled.root.rglob("*") if path.is_file()}

    before = everything()
    overview(filled.lake, LATER)
    describe(filled.lake, filled["readings"], LATER)
    assert everything() == before


def test_an_offending_value_is_told_in_one_line_that_can_be_printed(filled: Tree) -> None:
    filled.drop("readings", "2024-01-02.csv", readings("2024-01-02", {"temperature": "warm\n\x1b[31m"}))
    filled.run("readings")
    page = describe_partition(filled.lake, filled["readings"], "2024-01-02", LATER)
    assert r"row 1: station oslo, day 2024-01-02, hour 0, temperature warm\n\x1b[31m" in page
