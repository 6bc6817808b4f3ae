"""`dataops correct`: the old values are filled in, the rows are shown before and after, and what does not fit is told."""

import io
from datetime import date
from pathlib import Path
from typing import Any

import click
import polars as pl
import pytest
import yaml

from dataops_assets.cli import sample
from dataops_assets.cli.correct import correct_dataset
from dataops_assets.contract import Partition
from dataops_assets.contract.errors import Mistake
from dataops_assets.corrections.writing import Wish
from dataops_assets.steps.correcting import propose
from dataops_assets_tests.checkout import Checkout, make_checkout
from dataops_assets_tests.corrections.entries import correct
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAY = "2024-01-01"
SAID = {"reason": "read wrongly", "requested_by": "lab", "reference": "the lab's book", "valid_until": date(2030, 12, 31)}
NOTHING = Wish(key={}, where=None, changes={}, drop=False, add={}, said=SAID)
HOUR = {"station": "bergen", "day": DAY, "hour": "0"}


def wish(**said: Any) -> Wish:
    return Wish(**{**vars(NOTHING), **said})


@pytest.fixture
def received(tree: Tree) -> Tree:
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    tree.drop("readings", f"{DAY}.csv", readings(DAY, {}, {"temperature": "warm", "note": "a, b"}))
    tree.receive("readings", DAY)
    return tree


def ask(tree: Tree, dataset: str, partition: Partition, asked: Wish, dry_run: bool = False) -> None:
    correct_dataset(tree.lake, tree[dataset], partition, asked, tree.defs, dry_run)
    tree.write(f"{dataset}/touched", "")  # the contracts are read anew
    tree.remove(f"{dataset}/touched")


def entries(tree: Tree, dataset: str) -> Any:
    return yaml.safe_load((tree.defs / dataset / "corrections.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("asked", "entry", "published"),
    [
        pytest.param(
            wish(key=HOUR, changes={"temperature": "7", "note": "null"}),
            {
                "key": {"station": "bergen", "day": date(2024, 1, 1), "hour": 0},
                "set": {"temperature": {"from": "warm", "to": 7.0}, "note": {"from": "a, b", "to": None}},
            },
            [0.5, 2.5, 3.5, 7.0],
            id="set",
        ),
        pytest.param(
            wish(key=HOUR, drop=True),
            {
                "key": {"station": "bergen", "day": date(2024, 1, 1), "hour": 0},
                "drop": {"temperature": "warm", "note": "a, b"},
            },
            [0.5, 2.5, 3.5],
            id="drop",
        ),
        pytest.param(
            wish(add={**HOUR, "hour": "9", "temperature": "-1"}),
            {"add": {"station": "bergen", "day": date(2024, 1, 1), "hour": 9, "temperature": -1.0, "note": None}},
            [-1.0, 0.5, 2.5, 3.5],
            id="add",
        ),
        pytest.param(
            wish(where="hour = 1", changes={"temperature": "0"}),
            {"where": "hour = 1", "rows": 2, "set": {"temperature": {"to": 0.0}}},
            [0.0, 0.0, 0.5],
            id="where",
        ),
        pytest.param(wish(where="hour = 1", drop=True), {"where": "hour = 1", "rows": 2, "drop": True}, [0.5], id="where_drop"),
    ],
)
def test_what_is_written_is_what_staging_applies(
    received: Tree, asked: Wish, entry: dict[str, Any], published: list[float]
) -> None:
    ask(received, "readings", DAY, asked)
    assert entries(received, "readings") == [{"partition": date(2024, 1, 1), **entry, **SAID}]
    [done] = received.stage("readings", DAY)
    assert done.status == "done", done.reason
    assert sorted(received.read("readings", DAY)["temperature"].to_list()) == published


def test_a_row_is_dropped_by_the_values_that_can_be_written(tree: Tree) -> None:
    tree.edit("stations/defs.yaml", "files: stations.csv", "files: stations.parquet")
    types = {
        "some": pl.List(pl.Int64),
        "raw": pl.Binary(),
        "lasts": pl.Duration("us"),
        "at": pl.Datetime("ns"),
        "opens": pl.Time(),
    }
    fields = ("pl.List(pl.Int64)", "pl.Binary", 'pl.Duration("us")', 'pl.Datetime("ns")', "pl.Time")
    declared = "".join(f"    {name}: {dtype} = pa.Field(nullable=True)\n" for name, dtype in zip(types, fields, strict=True))
    tree.write("stations/schema.py", (tree.defs / "stations/schema.py").read_text() + declared)
    rows = pl.DataFrame(
        {
            "station": ["oslo", "bergen"],
            "height": pl.Series([94, 12], dtype=pl.Int16),
            "some": pl.Series([[1], None], dtype=types["some"]),
            "raw": pl.Series([b"\xff", None]),
            "lasts": pl.Series([86_400_000_000, None]).cast(types["lasts"]),
            "at": pl.Series([1704067200123456789, None]).cast(types["at"]),
            "opens": pl.Series([1, None]).cast(pl.Time),
        }
    )
    written = io.BytesIO()
    rows.write_parquet(written)
    tree.drop("stations", "stations.parquet", written.getvalue())
    tree.run("stations")

    with pytest.raises(
        click.UsageError, match="`some`: values of type List\\(Int64\\) cannot be written here: name the row by `--where`"
    ):
        ask(tree, "stations", None, wish(key={"station": "oslo"}, changes={"some": "null"}))
    ask(tree, "stations", None, wish(key={"station": "oslo"}, drop=True))
    [entry] = entries(tree, "stations")
    assert entry["drop"] == {"height": 94, "at": "2024-01-01 00:00:00.123456789", "opens": "00:00:00.000000001"}
    assert [outcome.status for outcome in tree.run("stations")] == ["done"]
    assert tree.read("stations")["station"].to_list() == ["bergen"]


@pytest.mark.parametrize("dtype", ["pl.Float32", "pl.Float64"])
def test_a_number_is_written_in_the_digits_that_are_shown(tree: Tree, capsys: pytest.CaptureFixture[str], dtype: str) -> None:
    tree.edit("stations/schema.py", "    height:", f"    share: {dtype} = pa.Field()\n    height:")
    tree.drop("stations", "stations.csv", "station,height,share\noslo,94,0.1\nbergen,12,0.3\n")
    tree.receive("stations")
    ask(tree, "stations", None, wish(key={"station": "oslo"}, changes={"share": "0.20"}))
    assert entries(tree, "stations")[0]["set"] == {"share": {"from": 0.1, "to": 0.2}}
    _, before, after, *_ = capsys.readouterr().out.splitlines()
    assert (before.split()[-1], after.split()[-1]) == ("0.1", "0.2")
    assert [outcome.status for outcome in tree.run("stations")] == ["done"]


def test_a_value_of_several_lines_stays_in_its_row(received: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    received.drop("readings", f"{DAY}.csv", readings(DAY, {}, {"note": "warm\nand wet"}))
    received.receive("readings", DAY)
    ask(received, "readings", DAY, wish(key=HOUR, changes={"note": "wet"}), dry_run=True)
    _, before, after, *_ = capsys.readouterr().out.splitlines()
    assert (before.split()[4:], after.split()[4:]) == ([r"warm\nand", "wet"], ["wet"])


def test_a_dry_run_shows_the_rows_before_and_after_and_writes_nothing(
    received: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(received, "readings", DAY, wish(where="hour = 1", changes={"temperature": "0"}), dry_run=True)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["station", "day", "hour", "temperature"]
    assert lines[1:5] == [
        ["before", "oslo", DAY, "1", "2.5"],
        ["after", "oslo", DAY, "1", "0.0"],
        ["before", "bergen", DAY, "1", "3.5"],
        ["after", "bergen", DAY, "1", "0.0"],
    ]
    assert not (received.defs / "readings/corrections.yaml").exists()


def test_a_value_that_cannot_be_read_is_shown_as_it_was_delivered(received: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    ask(received, "readings", DAY, wish(key=HOUR, changes={"temperature": "7"}), dry_run=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[:3]] == ["temperature", "warm", "7.0"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (wish(key=HOUR, changes={"temperature": "7"}), ["find nothing wrong with it"]),
        (wish(key=HOUR, changes={"temperature": "61", "note": "x"}), ["reject row 2: temperature.less_than_or_equal_to"]),
        (wish(key=HOUR, changes={"temperature": "null", "note": "null"}), ["reject row 2: noted"]),
        (wish(key=HOUR, drop=True), ["find nothing wrong with it"]),
        (wish(add={**HOUR, "hour": "9", "temperature": "-61"}), ["reject row 5: temperature.greater_than_or_equal_to"]),
        (
            wish(where="hour >= 0 AND temperature > 0", changes={"temperature": "99"}),
            [
                *(f"reject row {row}: temperature.less_than_or_equal_to" for row in (1, 3, 4)),
                "refuse the partition: 4 of 4 rows rejected, 100.0%; 50.0% tolerated: "
                "temperature.less_than_or_equal_to (3), temperature.type (1)",
            ],
        ),
    ],
)
def test_what_the_gate_would_say_of_the_rows_is_told(
    received: Tree, capsys: pytest.CaptureFixture[str], asked: Wish, says: list[str]
) -> None:
    ask(received, "readings", DAY, asked, dry_run=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("the content gate")] == [f"the content gate would {one}" for one in says]


def test_a_rule_that_only_warns_is_told_of_the_rows(received: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    received.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.5\n  rules: {noted: warn}")
    ask(received, "readings", DAY, wish(key=HOUR, changes={"temperature": "null", "note": "null"}), dry_run=True)
    told = "the content gate would find noted broken by row 2: without a temperature there is a note\n"
    assert told in capsys.readouterr().out


def test_where_the_gate_cannot_be_asked_the_entry_is_written_all_the_same(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.drop("readings", f"{DAY}.csv", readings(DAY))
    tree.receive("readings", DAY)
    ask(tree, "readings", DAY, wish(key=HOUR, changes={"temperature": "7"}))
    told = "the content gate cannot be asked: staged/stations is not published: it was never delivered, or has not been run yet"
    assert told in capsys.readouterr().out
    assert len(entries(tree, "readings")) == 1


def test_what_stands_in_the_file_stays_comments_and_all(received: Tree) -> None:
    correct(received, "stations", {"key": {"station": "oslo"}, "set": {"height": {"from": 94, "to": 95}}})
    file = received.defs / "stations/corrections.yaml"
    before = f"# measured anew\n{file.read_text(encoding='utf-8')}# the end"
    received.write("stations/corrections.yaml", before)
    ask(received, "stations", None, wish(key={"station": "bergen"}, changes={"height": "13"}))
    assert file.read_text(encoding="utf-8").startswith(f"{before}\n\n- key: {{station: bergen}}\n")
    assert len(received["stations"].corrections) == 2


def test_old_values_are_those_before_any_correction(received: Tree) -> None:
    """As they must be in the file, whose order does not matter."""
    correct(received, "stations", {"where": "height < 50", "rows": 1, "set": {"height": {"to": 13}}})
    says = r"^the new entry: it collides with .*corrections\.yaml:1 on .*: both set height"
    with pytest.raises(click.ClickException, match=says):
        ask(received, "stations", None, wish(key={"station": "bergen"}, changes={"height": "14"}))
    assert len(entries(received, "stations")) == 1


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (wish(key=HOUR, changes={"temprature": "1"}), "readings has no column `temprature`: did you mean `temperature`?"),
        (wish(key={**HOUR, "hour": "7"}, changes={"note": "x"}), "no row of readings: station bergen, day 2024-01-01, hour 7"),
        (wish(key={"station": "oslo"}, changes={"note": "x"}), "the key is station, day, hour: add `--key day=…`"),
        (wish(key={**HOUR, "hour": "x"}, changes={"note": "x"}), "`hour`: 'x' cannot be read as Int8"),
        (wish(key=HOUR, changes={"temperature": "x"}), "`temperature`: 'x' cannot be read as Float64"),
        (wish(where="hour = 7", drop=True), "no row of readings fits `hour = 7`"),
        (wish(where="hour", drop=True), "`where` is not true or false of each row"),
        (wish(key=HOUR), "say --set or --drop; or say --add"),
        (wish(key=HOUR, where="hour = 0", drop=True), "name a row by --key, or rows by --where"),
        (wish(key=HOUR, changes={"note": "x"}, drop=True), "say --set or --drop"),
    ],
)
def test_what_is_not_clear_is_told(received: Tree, asked: Wish, says: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        ask(received, "readings", DAY, asked)
    assert says in caught.value.message
    assert not (received.defs / "readings/corrections.yaml").exists()


def test_one_of_several_rows_cannot_be_named_by_their_key(received: Tree) -> None:
    received.drop("stations", "stations.csv", STATIONS + "oslo,95\n")
    received.receive("stations")
    with pytest.raises(click.UsageError, match="2 different rows of stations: station oslo: name them by `--where`"):
        ask(received, "stations", None, wish(key={"station": "oslo"}, changes={"height": "96"}))


def test_rows_that_are_equal_are_named_by_their_key(received: Tree) -> None:
    received.drop("stations", "stations.csv", STATIONS + "oslo,94\n")
    received.receive("stations")
    ask(received, "stations", None, wish(key={"station": "oslo"}, changes={"height": "96"}))
    [done] = received.stage("stations")
    assert done.verdict
    assert done.verdict.rows
    assert (done.verdict.rows.corrected, done.verdict.rows.merged) == (2, 1)


@pytest.mark.parametrize("asked", [{"changes": {"note": "c"}}, {"drop": True}], ids=["set", "drop"])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("oslo,94,true,10:00:00,b", "oslo, 94.0 ,TRUE,10:00:00.000,b"),
        ("oslo,94,NA,10:00:00,b", "oslo,94,,10:00:00,b"),
    ],
)
def test_rows_that_are_written_in_other_words_are_one_all_the_same(
    tree: Tree, asked: dict[str, Any], one: str, other: str
) -> None:
    columns = {"open": "bool", "opens": "pl.Time", "note": "str"}
    declared = "".join(f"    {name}: {dtype} = pa.Field(nullable=True)\n" for name, dtype in columns.items())
    tree.write("stations/schema.py", (tree.defs / "stations/schema.py").read_text() + declared)
    tree.edit("stations/defs.yaml", "files: stations.csv", 'files: stations.csv\n    null_values: ["NA", ""]')
    tree.drop("stations", "stations.csv", f"station,height,open,opens,note\n{one}\n{other}\nbergen,12,,,\n")
    tree.receive("stations")
    ask(tree, "stations", None, wish(key={"station": "oslo"}, **asked))
    [done] = tree.stage("stations")
    assert done.verdict
    assert done.verdict.rows
    assert done.verdict.rows.corrected + done.verdict.rows.dropped == 2


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"requested_by": "lap"}, "the new entry: unknown owner `lap`: did you mean `lab`?"),
        ({"reason": ""}, "the new entry: `reason` is ''"),
        ({"valid_until": date(2020, 1, 1)}, "the new entry: it was valid until 2020-01-01 and has expired"),
    ],
)
def test_a_mistake_in_the_entry_is_told_of_the_new_one(received: Tree, said: dict[str, Any], says: str) -> None:
    correct(received, "stations", {"key": {"station": "bergen"}, "set": {"height": {"from": 12, "to": 13}}})
    asked = wish(key={"station": "oslo"}, changes={"height": "96"}, said={**SAID, **said})
    with pytest.raises(click.ClickException) as caught:
        ask(received, "stations", None, asked)
    assert caught.value.message.startswith(says)
    assert "corrections.yaml" not in caught.value.message


def test_a_row_of_another_partition_is_told_of_the_new_entry(received: Tree) -> None:
    says = "the new entry: the row is of another partition: day 2024-01-02: add it there, or write the values of 2024-01-01"
    with pytest.raises(click.ClickException, match=f"^{says}$"):
        ask(received, "readings", DAY, wish(add={**HOUR, "day": "2024-01-02", "hour": "9", "temperature": "1"}))


@pytest.mark.parametrize("text", ["00009", "00004", "1e3", "0o17", "1.", "-09", "+08"])
def test_a_text_that_looks_like_a_number_stands_in_quotes(received: Tree, text: str) -> None:
    """To readers of YAML 1.2, too."""
    ask(received, "readings", DAY, wish(key=HOUR, changes={"note": text, "temperature": "7"}))
    written = (received.defs / "readings/corrections.yaml").read_text(encoding="utf-8")
    assert f"to: '{text}'}}" in written
    assert "to: 7.0}" in written
    assert "hour: 0}" in written


def test_what_was_not_received_cannot_be_corrected(received: Tree) -> None:
    with pytest.raises(click.ClickException, match="nothing was received for readings 2024-01-02"):
        ask(received, "readings", "2024-01-02", wish(key=HOUR, drop=True))


def test_values_of_data_that_is_not_public_are_not_shown(received: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("stations", "readings", "daily"):
        received.edit(f"{name}/defs.yaml", "classification: public", "classification: secret")
    ask(received, "stations", None, wish(key={"station": "oslo"}, changes={"height": "96"}), dry_run=True)
    told = capsys.readouterr().out
    assert told.startswith("staged/stations: 1 rows; secret values are not shown, but stand in the entry\n")
    assert "before" not in told


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone with the airports received and run."""
    checkout = make_checkout(tmp_path_factory.mktemp("clone"))
    for file, content in sample.deliveries("airports"):
        path: Path = checkout.root / "data/landing/airports" / file
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    done = checkout.run("dataops", "run", "airports")
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


def test_at_a_prompt_an_airport_gets_its_time_zone(clone: Checkout) -> None:
    said = ("--reason", "it has none", "--requested-by", "reference-data", "--reference", "the map", "--until", "2030-12-31")
    asked = ("dataops", "correct", "airports", "--key", "faa=YAK", "--set", "tzone=America/Anchorage", *said)
    file = clone.root / "dataops_assets/defs/aviation/airports/corrections.yaml"
    before = file.read_text(encoding="utf-8")
    tried = clone.run(*asked, "--dry-run")
    assert (tried.returncode, file.read_text(encoding="utf-8")) == (0, before), tried.stderr
    done = clone.run(*asked)
    assert done.returncode == 0, done.stderr
    assert "after   YAK  America/Anchorage" in done.stdout
    assert file.read_text(encoding="utf-8").startswith(before)
    ran = clone.run("dataops", "run", "airports")
    assert (ran.returncode, "4 corrected" in ran.stdout) == (0, True), ran.stdout
    again = clone.run(*asked)
    assert again.returncode == 1
    assert "the new entry: collides with the correction in line" in again.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("routes",), "routes is made here, not delivered: correct flights"),
        (("airports", "--set", "tz"), "write tz=<value>"),
        (("airports", "--set", "tz=1", "--set", "tz=2"), "comes twice"),
        (("airports", "2013-01-01", "--key", "faa=YAK", "--drop"), "airports has no partitions"),
    ],
)
def test_a_wrong_word_at_a_prompt_is_told(clone: Checkout, words: tuple[str, ...], says: str) -> None:
    said = ("--reason", "x", "--requested-by", "reference-data", "--reference", "x", "--until", "2030-12-31")
    failed = clone.run("dataops", "correct", *words, *said)
    assert (failed.returncode, says in failed.stderr) == (2, True), failed.stderr


def test_a_file_that_changed_meanwhile_is_left_alone(received: Tree) -> None:
    asked = wish(key={"station": "oslo"}, changes={"height": "95"})
    found = propose(received.lake, received["stations"], None, asked, received.defs, NOW)
    ask(received, "stations", None, wish(key={"station": "bergen"}, changes={"height": "13"}))
    with pytest.raises(Mistake, match="changed meanwhile: ask again"):
        found.write()
    assert [one["key"] for one in entries(received, "stations")] == [{"station": "bergen"}]
