"""What is published, how it came to be, and what gates said."""

import hashlib
import os
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dataops_assets.gate.verdict import VERSION, Gate, Verdict
from dataops_assets.storage import layout
from dataops_assets.storage.errors import Lost
from dataops_assets.storage.lake import NotPublished
from dataops_assets.storage.publishing import draft, publish, say
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAY = "2024-01-01"


def verdict(gate: Gate = "content", at: datetime = NOW, passed: bool = True, **depends_on: object) -> Verdict:
    reasons = () if passed else ("hour.in_range: hour is wrong, but 4 of 4 rows break it",)
    return Verdict(
        gate=gate, dataset="readings", partition=DAY, depends_on=depends_on, passed=passed, reasons=reasons, judged_at=at
    )


# Keys are a promise to DuckDB, Athena and whoever else reads without us.


@pytest.mark.parametrize(
    ("name", "partition", "key"),
    [
        ("readings", DAY, "staged/readings/date=2024-01-01/data.parquet"),
        ("stations", None, "staged/stations/data.parquet"),
        ("daily", "2024-01", "curated/daily/month=2024-01/data.parquet"),
    ],
)
def test_published_objects_lie_where_anyone_finds_them(tree: Tree, name: str, partition: str | None, key: str) -> None:
    assert layout.data(tree[name].zone, tree[name], partition) == key


def test_published_partitions_are_read_without_us(filled: Tree) -> None:
    top = filled.store.path("staged/readings")
    found = pl.scan_parquet(top / "**/*.parquet", hive_partitioning=True).collect()
    days = ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert found["date"].cast(pl.String).unique().sort().to_list() == days
    assert_frame_equal(found.drop("date"), filled.read("readings", *days))


# Publishing.


def test_published_object_is_explained(filled: Tree) -> None:
    lake, dataset = filled.lake, filled["readings"]
    path = filled.store.path(f"staged/readings/date={DAY}/data.parquet")
    found = lake.provenance("staged", dataset, DAY)
    assert found is not None
    assert found.sha256 == lake.version("staged", dataset, DAY) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.zone, found.dataset, found.partition) == ("staged", "readings", DAY)
    assert (found.bytes, found.rows, found.run_id, found.published_at) == (path.stat().st_size, 4, "run", NOW)
    judged = lake.verdict_of(found)
    assert judged is not None
    assert judged.depends_on == found.depends_on
    assert found.depends_on == {
        "delivery": hashlib.sha256(readings(DAY).encode()).hexdigest(),
        "contract": dataset.version,
        "gate": VERSION,
        "references": {"stations": lake.version("staged", filled["stations"], None)},
    }


def test_object_that_is_not_ours_has_no_provenance(filled: Tree) -> None:
    path = filled.store.path(f"staged/readings/date={DAY}/data.parquet")
    path.write_bytes(path.read_bytes() + b"more")
    assert filled.lake.provenance("staged", filled["readings"], DAY) is None
    assert filled.pending("staged", "readings") == [DAY]  # and is made again


def test_same_rows_give_the_same_bytes_on_any_number_of_threads(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from dataops_assets_tests.trees import STATIONS, Tree, readings

        tree = Tree(Path(sys.argv[1]))
        tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-02")
        tree.drop("stations", "stations.csv", STATIONS)
        for day in ("2024-01-01", "2024-01-02"):
            tree.drop("readings", f"{day}.csv", readings(day, {"hour": 99}, rows=48))
        tree.run()
        for name, partition in (("readings", "2024-01-01"), ("daily", "2024-01")):
            print(tree.lake.version(tree[name].zone, tree[name], partition))
        print(tree.store.sha256("quarantine/readings/date=2024-01-01/data.parquet"))
        """
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / threads)],
            env={**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            text=True,
        )
        for threads in ("1", "2", "4")
    ]
    found = [process.communicate()[0].split() for process in running]
    assert [len(versions) for versions in found] == [3, 3, 3]
    assert "None" not in found[0]
    assert found[0] == found[1] == found[2]


def test_many_rows_give_the_same_bytes(filled: Tree) -> None:
    # More than one row group, whose boundaries wander unless they are fixed.
    rows = 300_000
    frame = pl.DataFrame({"station": ["oslo"] * rows, "hour": pl.int_range(rows, eager=True) % 24})
    versions = set()
    for streaming in (False, True):
        made = frame.lazy().with_columns(hour=pl.col("hour") + 1).collect(engine="streaming" if streaming else "in-memory")
        with draft(filled.lake, "staged", filled["readings"], DAY, made, verdict(), "run", NOW) as drafted:
            versions.add(drafted.provenance.sha256)
    assert len(versions) == 1


def test_writer_that_fails_leaves_what_was_published(filled: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    before = filled.read("readings", DAY)

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", fail)
    with (
        pytest.raises(OSError, match="no space left"),
        draft(filled.lake, "staged", filled["readings"], DAY, before.clear(), verdict(), "run", NOW) as drafted,
    ):
        publish(filled.lake, drafted)
    monkeypatch.undo()
    assert_frame_equal(filled.read("readings", DAY), before)
    assert not list(filled.store.root.rglob("*.tmp"))


# Verdicts.


def test_verdict_is_named_by_the_hash_of_its_grounds_and_kept_by_number(tree: Tree) -> None:
    one, same, other = verdict(a=1, b=2), verdict(b=2, a=1, at=NOW + timedelta(days=1)), verdict(a=1, b=3)
    assert one.id == same.id != other.id
    first = say(tree.lake, one, None)
    assert (first.number, first.id) == (1, one.id)
    assert say(tree.lake, same, first) == first, "what says the same again adds nothing"
    second = say(tree.lake, other, first)
    assert [v.number for v in tree.lake.verdicts("content", tree["readings"], DAY)] == [1, 2]
    assert (tree.lake.last_word("content", tree["readings"], DAY), second.number) == (second, 2)
    assert tree.lake.last_word("envelope", tree["readings"], DAY) is None
    assert tree.store.read(f"_verdicts/content/readings/date={DAY}/00000002.json") is not None


def test_nobody_has_the_last_word_without_knowing_the_one_before(tree: Tree) -> None:
    first = say(tree.lake, verdict(a=1), None)
    say(tree.lake, verdict(a=2), first)
    for known in (None, first):
        with pytest.raises(Lost):
            say(tree.lake, verdict(a=3), known)


def test_last_verdict_is_the_last_word_even_if_the_clock_is_set_back(tree: Tree) -> None:
    said: dict[str, Verdict] = {}
    for gate, hours, a in (("envelope", 0, 1), ("content", 0, 1), ("envelope", -24, 2), ("content", -48, 2)):
        judged = verdict(gate, NOW + timedelta(hours=hours), delivery=a)  # type: ignore[arg-type]
        said[gate] = say(tree.lake, judged, said.get(gate))
        newest = tree.lake.newest_verdict(tree["readings"], DAY)
        assert newest is not None
        assert (newest.gate, newest.depends_on) == (gate, {"delivery": a})
    given = tree.lake.verdicts("envelope", tree["readings"], DAY)
    assert [v.depends_on["delivery"] for v in given] == [1, 2]
    assert given[0].judged_at < given[1].judged_at


# Reading.


def test_partitions_are_read_in_the_order_asked_for(filled: Tree) -> None:
    found = filled.read("readings", "2024-01-03", "2024-01-01")
    assert found["day"].cast(pl.String).unique(maintain_order=True).to_list() == ["2024-01-03", "2024-01-01"]


def test_no_partition_gives_an_empty_table(filled: Tree) -> None:
    found = filled.lake.scan(filled["readings"], []).collect()
    assert (found.height, found.schema) == (0, filled["readings"].schema.polars)


def test_what_was_never_delivered_or_made_says_so(tree: Tree) -> None:
    with pytest.raises(
        NotPublished, match="staged/readings 2024-01-01 is not published: it was never delivered, or has not been run yet"
    ):
        tree.lake.scan(tree["readings"], [DAY])
    with pytest.raises(
        NotPublished, match="curated/daily 2024-01 is not published: it was never made, or has not been run yet"
    ):
        tree.lake.scan(tree["daily"], ["2024-01"])


@pytest.mark.parametrize("gate", ["envelope", "content"])
def test_what_was_refused_says_by_which_gate_when_and_why(tree: Tree, gate: Gate) -> None:
    say(tree.lake, verdict(gate, datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC), passed=False), None)
    with pytest.raises(NotPublished) as caught:
        tree.lake.scan(tree["readings"], [DAY])
    assert str(caught.value) == (
        f"staged/readings {DAY} is not published: its {gate} gate refused it at 2024-02-03 04:05:06 UTC: "
        "hour.in_range: hour is wrong, but 4 of 4 rows break it"
    )


def test_what_passed_one_gate_says_that_the_next_step_is_missing(tree: Tree) -> None:
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    tree.receive("readings", DAY)
    with pytest.raises(
        NotPublished, match=r"its envelope gate passed at 2024-03-01 12:00:00 UTC, but the next step has not run, or has failed"
    ):
        tree.lake.scan(tree["readings"], [DAY])


def test_what_waits_for_a_reference_names_it_and_the_way_out(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    tree.receive("readings", DAY)
    with pytest.raises(NotPublished) as caught:
        tree.lake.scan(tree["readings"], [DAY])
    assert str(caught.value) == (
        f"staged/readings {DAY} is not published: its gate waits for what it looks values up in: "
        "staged/stations is not published: it was never delivered, or has not been run yet. "
        "Deliver that, then `dataops run stations readings`"
    )


def test_many_missing_partitions_are_told_by_the_first(tree: Tree) -> None:
    with pytest.raises(NotPublished, match=r"2024-01-05 is not published: [^;]+ … and 2 more$"):
        tree.lake.scan(tree["readings"], [f"2024-01-0{i}" for i in range(1, 8)])


def test_reader_is_told_that_something_newer_was_refused(filled: Tree) -> None:
    assert filled.lake.refused_since(filled["readings"], DAY) == ""
    filled.drop("readings", f"{DAY}.csv", readings(DAY, *[{"hour": 99}] * 4))
    filled.run("readings", now=NOW + timedelta(hours=1))
    assert filled.lake.refused_since(filled["readings"], DAY) == (
        f"staged/readings {DAY}: a newer delivery was refused by its content gate at 2024-03-01 13:00:00 UTC; "
        "the version before it is read"
    )
    assert filled.read("readings", DAY).height == 4


def test_stations_have_one_part(tree: Tree) -> None:
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run()
    assert tree.read("stations")["station"].to_list() == ["bergen", "oslo"]


def test_lists_in_equal_order_give_equal_bytes_however_they_come(filled: Tree) -> None:
    rows = pl.DataFrame({"a": range(200_000)}).with_columns(
        pl.concat_list("a", pl.col("a") % 7).list.head(pl.col("a") % 3).alias("b")
    )
    in_parts = pl.concat([rows[:1000], rows[1000:150_000], rows[150_000:]], rechunk=False)
    hashes = set()
    for frame in (rows.rechunk(), in_parts, in_parts.lazy()):
        with draft(filled.lake, "staged", filled["readings"], DAY, frame, verdict(), "run", NOW) as drafted:
            hashes.add(drafted.provenance.sha256)
    assert len(hashes) == 1
