"""What may be read, and made of: bytes that a gate let pass, with the columns and gaps that are declared today."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dataops_assets.contract import Partition
from dataops_assets.steps.content import NotReady
from dataops_assets.storage import folder, layout
from dataops_assets.storage.lake import NotPublished, Provenance
from dataops_assets.storage.leftovers import sweep
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
DAY, MONTH = DAYS[0], "2024-01"
BAD = [{"hour": 99}] * 4


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """As the good tree, but the month has only three days."""
    tree = Tree(tmp_path)
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-03")
    return tree


def published(tree: Tree, name: str, partition: Partition = None) -> Provenance | None:
    return tree.lake.published(tree[name], partition)


def path(tree: Tree, name: str, partition: Partition = None) -> Path:
    return tree.store.path(layout.data(tree[name].zone, tree[name], partition))


def why(tree: Tree, partition: Partition = DAY) -> str:
    """Why a day cannot be read; the month that is made of it is refused for the same reason."""
    with pytest.raises(NotPublished) as caught:
        tree.read("readings", partition)
    [outcome] = tree.derive("daily", MONTH)
    assert (outcome.status, outcome.reason.startswith(str(caught.value))) == ("refused", True)
    assert tree.pending("curated", "daily") == []
    return str(caught.value)


# Bytes that no gate has seen.


def test_bytes_that_no_gate_let_pass_are_not_read(filled: Tree) -> None:
    pl.read_parquet(path(filled, "readings", DAY)).with_columns(temperature=999.0).write_parquet(path(filled, "readings", DAY))
    assert published(filled, "readings", DAY) is None
    altered = f"{path(filled, 'readings', DAY)} is not what was written: it was damaged or edited"
    assert why(filled) == f"staged/readings {DAY} is not to be read: {altered}; `dataops run readings` makes it again"
    filled.run()
    assert filled.read("readings", DAY)["temperature"].max() == 3.5


def test_bytes_that_no_gate_let_pass_are_not_referred_to(filled: Tree) -> None:
    pl.read_parquet(path(filled, "stations")).with_columns(height=pl.lit(1, pl.Int16)).write_parquet(path(filled, "stations"))
    with pytest.raises(NotReady, match=r"staged/stations is not to be read: .* was damaged or edited"):
        filled.stage("readings", DAY)


# Objects of an older contract.


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ("hour: pl.Int8", "hour: pl.Int16", "whose column `hour` is Int8, not Int16"),
        ("    note: str", "    wind: float = pa.Field(nullable=True)\n    note: str", "which had no column `wind`"),
        (
            '    temperature: float = pa.Field(description="°C", nullable=True, ge=-60, le=60)\n',
            "",
            "whose column `temperature` is declared no more",
        ),
    ],
)
def test_object_of_an_older_contract_is_told_by_its_column(filled: Tree, old: str, new: str, differs: str) -> None:
    schema = (filled.defs / "readings/schema.py").read_text()
    filled.write("readings/schema.py", schema.partition("    @pa.dataframe_check\n")[0].rstrip() + "\n")
    filled.edit("readings/schema.py", old, new)
    assert why(filled) == f"staged/readings {DAY} was published under an older contract, {differs}; run it again"


def test_object_of_an_older_contract_is_read_once_it_is_made_again(filled: Tree) -> None:
    filled.edit("readings/schema.py", "hour: pl.Int8", "hour: pl.Int16")
    filled.drop("readings", f"{DAY}.csv", readings(DAY, *BAD))
    filled.run("readings")
    told = why(filled)
    assert told.startswith(
        f"staged/readings {DAY} was published under an older contract, whose column `hour` is Int8, not Int16; "
        "and since then its content gate refused it at "
    )
    assert filled.read("readings", DAYS[1])["hour"].dtype == pl.Int16
    filled.drop("readings", f"{DAY}.csv", readings(DAY))
    filled.run()
    assert filled.read("readings", *DAYS)["hour"].dtype == pl.Int16
    assert filled.read("daily", MONTH).height == 6


def test_reference_of_an_older_contract_is_waited_for(filled: Tree) -> None:
    filled.edit("stations/schema.py", "height: pl.Int16", "height: pl.Int32")
    with pytest.raises(NotReady, match="under an older contract, whose column `height` is Int16, not Int32; run it again"):
        filled.stage("readings", DAY)


def test_older_contract_with_the_same_columns_is_read(filled: Tree) -> None:
    filled.edit("readings/schema.py", "ge=-60", "ge=-50")
    columns = [line for line in (filled.defs / "readings/schema.py").read_text().splitlines() if ": pl.Date" in line]
    filled.edit("readings/schema.py", columns[0] + "\n", "")
    filled.edit("readings/schema.py", "    station:", columns[0] + "\n    station:")
    found = filled.read("readings", *DAYS)
    assert (found.height, found.columns) == (12, ["day", "station", "hour", "temperature", "note"])


TYPES = {
    "a": pl.Boolean(),
    "b": pl.Categorical(),
    "c": pl.Enum(["x", "y"]),
    "d": pl.Datetime("ms", "Europe/Oslo"),
    "e": pl.Datetime("us"),
    "f": pl.Duration("ms"),
    "g": pl.Time(),
    "h": pl.Decimal(10, 2),
    "i": pl.List(pl.Int8),
    "j": pl.Struct({"x": pl.Int8}),
    "k": pl.Array(pl.Float32, 2),
    "l": pl.Binary(),
    "m": pl.UInt8(),
    "n": pl.Date(),
}


def test_column_of_any_type_is_found_as_it_was_written(tmp_path: Path) -> None:
    pl.DataFrame(schema=TYPES).write_parquet(tmp_path / "a.parquet")
    assert dict(pl.read_parquet_schema(tmp_path / "a.parquet")) == TYPES


# Gaps that are withdrawn.


@pytest.fixture
def withdrawn(tree: Tree) -> Tree:
    """The second day was a gap, is no longer, and nothing came."""
    gap = "tolerance: 0.5\n  gaps: [{partition: 2024-01-02, reason: a holiday}]"
    tree.edit("readings/defs.yaml", "tolerance: 0.5", gap)
    tree.drop("stations", "stations.csv", STATIONS)
    for day in (DAYS[0], DAYS[2]):
        tree.drop("readings", f"{day}.csv", readings(day))
    tree.run()
    assert tree.read("daily", MONTH).height == 4
    tree.edit("readings/defs.yaml", gap, "tolerance: 0.5")
    return tree


def test_gap_that_is_withdrawn_counts_no_more(withdrawn: Tree) -> None:
    assert published(withdrawn, "readings", DAYS[1]) is None
    told = f"staged/readings {DAYS[1]} is not published: its gap is no longer declared, and nothing was delivered"
    assert why(withdrawn, DAYS[1]) == told
    [outcome] = withdrawn.stage("readings", DAYS[1])
    assert (outcome.status, outcome.reason) == ("refused", told)
    withdrawn.run()
    assert why(withdrawn, DAYS[1]) == told


def test_gap_that_is_withdrawn_does_not_stand_in_for_what_is_refused(withdrawn: Tree) -> None:
    withdrawn.drop("readings", f"{DAYS[1]}.csv", readings(DAYS[1], *BAD))
    [outcome] = [outcome for outcome in withdrawn.run("readings") if outcome.status == "refused"]
    assert outcome.partition == DAYS[1]
    assert "what was published before stays" not in outcome.reason
    assert "is not published: its content gate refused it at" in why(withdrawn, DAYS[1])


def test_gap_that_is_withdrawn_and_delivered_is_read(withdrawn: Tree) -> None:
    withdrawn.drop("readings", f"{DAYS[1]}.csv", readings(DAYS[1]))
    withdrawn.run()
    assert withdrawn.read("daily", MONTH).height == 6


# What explains it.


def test_product_is_explained_by_the_version_of_every_partition_it_is_made_of(filled: Tree) -> None:
    found = filled.lake.published(filled["daily"], MONTH)
    assert found is not None
    versions = {day: filled.lake.version("staged", filled["readings"], day) for day in DAYS}
    assert found.depends_on["inputs"] == {
        "readings": versions,
        "stations": filled.lake.version("staged", filled["stations"], None),
    }
    [record] = filled.store.path(f"_provenance/curated/daily/month={MONTH}").glob(f"*-{found.sha256}.json")
    assert json.loads(record.read_text())["depends_on"]["inputs"]["readings"] == versions


def test_bytes_that_did_not_change_are_hashed_once(filled: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    filled.read("readings", *DAYS)
    hashed: list[Path] = []
    real = folder.hash_file
    monkeypatch.setattr(folder, "hash_file", lambda file: (hashed.append(file), real(file))[1])
    filled.read("readings", *DAYS)
    assert hashed == []
    path(filled, "readings", DAY).touch()
    filled.read("readings", *DAYS)
    assert hashed == [path(filled, "readings", DAY)]


# What is rejected.


def test_quarantine_has_the_rows_of_the_newest_refusal_and_those_of_what_stays_published(tree: Tree) -> None:
    def deliver(*hours: int, **more: str) -> list[tuple[str, str]]:
        """A day with these hours, and maybe a column more: the delivery and the hour of every row in quarantine."""
        text = pl.read_csv(readings(DAY, *({"hour": hour} for hour in hours)).encode(), infer_schema=False)
        tree.drop(
            "readings", f"{DAY}.csv", text.with_columns(**{name: pl.lit(value) for name, value in more.items()}).write_csv()
        )
        tree.run()
        return tree.quarantine("readings", DAY).select("delivery", "hour").rows()

    tree.drop("stations", "stations.csv", STATIONS)
    [stays] = deliver(98)
    [first, *refused] = deliver(99, 99, 99, wind="9")
    assert (first, [hour for _, hour in refused]) == (stays, ["99"] * 3)
    assert tree.quarantine("readings", DAY)["wind"].to_list() == [None, "9", "9", "9"]
    [first, *refused] = deliver(97, 97, 97)
    assert (first, [hour for _, hour in refused]) == (stays, ["97"] * 3)
    verdicts = tree.quarantine("readings", DAY)["verdict"].to_list()
    newest, kept = tree.lake.newest_verdict(tree["readings"], DAY), published(tree, "readings", DAY)
    assert newest
    assert kept
    assert verdicts == [kept.verdict, *[newest.id] * 3]
    assert [hour for _, hour in deliver(96)] == ["96"]


# What is lost.


def test_partition_whose_verdicts_were_lost_is_published_again(filled: Tree) -> None:
    for warmth in (1, 2):
        filled.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 20 + warmth}))
        filled.run("readings", now=NOW + timedelta(hours=warmth))
    shutil.rmtree(filled.store.path("_verdicts/content/readings"))
    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 25}))
    assert {outcome.status for outcome in filled.run("readings", now=NOW + timedelta(hours=3))} == {"done"}
    assert filled.read("readings", DAY)["temperature"].max() == 25
    assert filled.pending("staged", "readings") == []


def test_store_that_begins_anew_is_seen_as_it_is(filled: Tree) -> None:
    before = filled.lake.receipt(filled["readings"], DAY)
    shutil.rmtree(filled.store.root)
    assert filled.lake.receipt(filled["readings"], DAY) is None
    filled.drop("stations", "stations.csv", STATIONS)
    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 25}))
    filled.run("stations", "readings")
    after = filled.lake.receipt(filled["readings"], DAY)
    assert before
    assert after
    assert (before.number, after.number, before.sha256 == after.sha256) == (1, 1, False)
    assert filled.read("readings", DAY)["temperature"].max() == 25


def test_record_of_what_was_published_stays_when_the_object_is_gone(filled: Tree) -> None:
    made = filled.lake.published(filled["readings"], DAY)
    assert made
    filled.store.remove([f"staged/readings/date={DAY}/data.parquet"])
    later = datetime.now(UTC) + timedelta(days=9)
    assert sweep(filled.lake, later, remove=True).orphans == ()
    assert filled.lake.records(made.sha256) == [made]
