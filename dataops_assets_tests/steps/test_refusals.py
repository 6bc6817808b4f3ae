"""What is refused, by a gate or by code that fails, leaves what was published, and heals."""

import errno
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dataops_assets.gate.content import judge_delivery
from dataops_assets.steps import staging
from dataops_assets.steps.quarantine import with_released
from dataops_assets.storage.errors import Gone, Unreachable
from dataops_assets_tests.steps.january import BAD, DAY, DAYS, HOUR, MONTH, again, everything, left, short_tree, statuses
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return short_tree(tmp_path)


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


# Code that fails.

BROKEN_NORMALISE = (
    "\n\ndef normalise(rows):\n    return rows.with_columns(hour=pl.date(2024, 1, pl.col('hour') + 1).dt.day() - 1)\n"
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


@pytest.mark.parametrize("reads", ["pl.read_csv('names.csv')", "pl.scan_csv('names.csv')"])
def test_a_file_that_code_reads_and_is_not_there_refuses_its_partition_by_name(filled: Tree, reads: str) -> None:
    filled.edit(
        "daily/transform.py", "days = readings", f"names = {reads}\n    days = readings.join(names.lazy(), how='cross')"
    )
    [refused] = filled.derive("daily", MONTH)
    assert refused.status == "refused"
    assert refused.reason.startswith(f"curated/daily {MONTH}: ")
    assert "names.csv" in refused.reason
    assert "was changed by others" not in refused.reason


def test_a_fault_of_the_machine_in_code_of_a_dataset_refuses_one_partition_and_no_other(filled: Tree) -> None:
    filled.edit(
        "readings/schema.py",
        "import polars as pl",
        "import polars as pl\n\n\ndef normalise(rows):\n"
        f"    if rows.select(pl.col('day').min().cast(pl.String)).collect().item() == '{DAY}':\n"
        "        raise ConnectionError('the registry of stations is down')\n    return rows\n\n",
    )
    filled.receive("readings", *DAYS)
    outcomes = {outcome.partition: outcome for outcome in filled.stage("readings", *DAYS)}
    assert [outcomes[day].status for day in DAYS] == ["refused", "done", "done"]
    told = "normalise of readings failed: ConnectionError: the registry of stations is down (defs/readings/schema.py:7)"
    assert told in outcomes[DAY].reason
    assert "what was published before stays" in outcomes[DAY].reason


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_is_no_fault_of_the_code_that_met_it(filled: Tree, code: int) -> None:
    filled.edit("daily/transform.py", "days = readings", f"raise OSError({code}, 'of the disk', 'x')\n    days = readings")
    with pytest.raises(OSError, match="of the disk"):
        filled.derive("daily", MONTH)


def test_a_store_that_fails_while_rows_are_judged_ends_the_run(filled: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> Any:
        raise Unreachable("no answer")

    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 9}))
    filled.receive("readings", DAY)
    monkeypatch.setattr(staging, "judge_delivery", failing)
    with pytest.raises(Unreachable):
        filled.stage("readings", DAY)


def test_a_version_that_is_replaced_time_and_again_is_looked_for_anew(filled: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    races = iter(range(4))

    def racing(*args: Any) -> Any:
        if next(races, None) is not None:
            raise Gone("quarantine/readings", "is of another version by now")
        return with_released(*args)

    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 9}))
    filled.receive("readings", DAY)
    monkeypatch.setattr(staging, "with_released", racing)
    assert statuses(filled.stage("readings", DAY)) == {DAY: "done"}


def test_a_gate_that_fails_withholds_what_may_not_be_shown(filled: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for dataset in ("readings", "daily"):
        filled.edit(f"{dataset}/defs.yaml", "classification: public", "classification: internal")
    filled.receive("readings", *DAYS)
    monkeypatch.setattr(staging, "judge_delivery", lambda *_: int("the secret"))
    [refused] = filled.stage("readings", DAY)
    assert "its gate failed, which is a fault of this platform: ValueError" in refused.reason
    assert "secret" not in refused.reason


def test_a_gate_that_fails_refuses_its_partition_and_no_other(filled: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: Any) -> Any:
        if "2024-01-01" in args[2]["day"].to_list():
            raise OverflowError("date value out of range")
        return judge_delivery(*args)

    for day in DAYS:
        filled.drop("readings", f"{day}.csv", readings(day, {"temperature": 9}))
    filled.receive("readings", *DAYS)
    monkeypatch.setattr(staging, "judge_delivery", failing)
    outcomes = {outcome.partition: outcome for outcome in filled.stage("readings", *DAYS)}
    assert [outcomes[day].status for day in DAYS] == ["refused", "done", "done"]
    assert "OverflowError: date value out of range" in outcomes[DAY].reason
    assert left(filled)["staged/readings"] == [DAY]


def test_transform_that_fails_refuses_its_partition_by_name(filled: Tree) -> None:
    filled.edit("daily/transform.py", "days = readings", 'raise KeyError("x")\n    days = readings')
    [outcome] = filled.derive("daily", MONTH)
    assert (outcome.status, outcome.verdict) == ("refused", None)
    failed = "transform of daily failed: KeyError: 'x' (defs/daily/transform.py:5)"
    assert outcome.reason == f"curated/daily {MONTH}: {failed}; what was published before stays"
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
    assert f"{kept}: its bytes have the SHA-256 " in outcomes[0].reason
    assert outcomes[0].reason.endswith(
        f"but {kept.stem} was written: bring that version of it back; what was published before stays"
    )
    filled.drop("readings", f"{DAY}.csv", readings(DAY), written=NOW - timedelta(hours=1))
    filled.run("readings")
    assert {outcome.status for outcome in filled.stage("readings", *DAYS)} == {"done"}


@pytest.mark.parametrize(
    "journal",
    [
        "_verdicts/content/readings/date={}",
        "_verdicts/envelope/readings/date={}",
        "_provenance/staged/readings/date={}",
        "raw/readings/date={}/_deliveries",
    ],
)
def test_record_that_is_damaged_stops_its_own_partition_alone(filled: Tree, journal: str) -> None:
    damaged, other = "2024-01-02", "2024-01-03"
    [record] = filled.store.path(journal.format(damaged)).iterdir()
    record.write_bytes(record.read_bytes()[:-20])
    filled.drop("readings", f"{other}.csv", readings(other, {"temperature": 30}))
    outcomes = filled.run("readings", now=NOW + timedelta(hours=1))
    told = {outcome.partition: outcome for outcome in outcomes if outcome.status != "done"}
    assert set(told) == {damaged}
    assert f"{record.parent.name}/{record.name}: it is no " in told[damaged].reason
    assert "bring that version of it back" in told[damaged].reason
    assert filled.read("readings", other)["temperature"].max() == 30


def test_rule_in_shadow_only_warns_until_its_last_day_is_over(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "tolerance: 0.5", f"tolerance: 0\n  rules: {{noted: {{shadow_until: {NOW.date()}}}}}")
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS[:2]:
        tree.drop("readings", f"{day}.csv", readings(day, {"temperature": None}))
    tree.run("stations")
    tree.receive("readings", *DAYS[:2])

    [first] = tree.stage("readings", DAYS[0])
    assert (first.status, first.facts["rows"], first.quarantined) == ("done", 4, 0)
    assert first.verdict
    [warned] = first.verdict.warnings
    told = f"without a temperature there is a note (until {NOW.date()} it only warns)"
    assert (warned.rule, warned.sentence, warned.broken) == ("noted", told, 1)

    tomorrow = NOW + timedelta(days=1)
    [second] = tree.stage("readings", DAYS[1], now=tomorrow)
    assert (second.status, second.quarantined) == ("refused", 1)
    [again] = tree.stage("readings", DAYS[0], now=tomorrow)
    assert (again.status, again.version) == ("done", first.version)


def test_a_row_that_two_verdicts_rejected_is_released_once_with_the_newer_reasons(filled: Tree) -> None:
    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 99}))
    filled.run("readings")
    filled.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.1")
    filled.edit("readings/schema.py", '"max_value": 23', '"max_value": 22')
    filled.run("readings")
    stays, newer = filled.quarantine("readings", DAY).rows(named=True)
    assert (stays["row"], newer["row"]) == (1, 1)
    filled.edit("readings/schema.py", '"max_value": 22', '"max_value": 99')
    filled.edit("readings/examples.yaml", "{hour: 24}", "{hour: 100}")
    filled.run("readings")
    said = filled.lake.last_word("content", filled["readings"], DAY)
    assert said
    assert said.rows
    assert said.rows.released == 1
    assert [(one.verdict, one.rows) for one in said.released] == [(newer["verdict"], (1,))]


def test_a_row_that_is_merged_into_a_rejected_one_is_not_released(filled: Tree) -> None:
    rows = [f"oslo,{DAY},0,hot,{note}" for note in ("a", "b")] + [f"oslo,{DAY},{hour},1,c" for hour in range(1, 9)]
    filled.drop("readings", f"{DAY}.csv", "\n".join(["station,day,hour,temperature,note", *rows]) + "\n")
    filled.run("readings")
    assert filled.quarantine("readings", DAY)["row"].to_list() == [1, 2]
    schema = (filled.defs / "readings/schema.py").read_text()
    filled.write("readings/schema.py", f"{schema}\n\ndef normalise(rows):\n    return rows.with_columns(note=pl.lit('a'))\n")
    filled.run("readings")
    said = filled.lake.last_word("content", filled["readings"], DAY)
    assert said
    assert said.rows
    assert (said.rows.rejected, said.rows.merged, said.rows.released, said.released) == (1, 1, 0, ())


def test_changed_rule_releases_rows_from_quarantine(filled: Tree) -> None:
    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 24}, {"hour": 99}, {"temperature": None}))
    filled.run("readings")
    before = filled.quarantine("readings", DAY)
    assert before["row"].to_list() == [1, 2, 3]
    filled.edit("readings/schema.py", '"max_value": 23', '"max_value": 24')
    [staged] = [
        done for done in filled.run("readings") if done.verdict and done.verdict.gate == "content" and done.partition == DAY
    ]
    assert (staged.facts["released"], staged.facts["rows"]) == (1, 2)
    assert staged.verdict
    [released] = staged.verdict.released
    assert (released.verdict, released.rows, released.reasons) == (before["verdict"][0], (1,), ("hour.in_range",))
    after = filled.quarantine("readings", DAY)
    assert after.drop("verdict", "earlier").equals(before.drop("verdict")[1:])
    [again] = filled.stage("readings", DAY)
    assert again.verdict == staged.verdict
