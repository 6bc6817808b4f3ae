"""`dg scaffold defs …`: what comes out loads, passes its examples, and publishes the sample to the last row."""

import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import click
import polars as pl
import pytest

from dataops_assets.gate.examples import failed_examples
from dataops_assets_tests.components.scaffolding import TRAINS, published, sample, scaffold, written
from dataops_assets_tests.trees import Tree


def test_a_plain_sample_gives_three_short_files(tree: Tree):
    scaffold(tree, "rail/trains", sample=sample(tree), provider="The railway", classification="public", lifecycle="short")
    files = written(tree, "rail/trains")
    assert files == {
        "defs.yaml": """\
type: dataops_assets.components.IngestedDataset
attributes:
  description: One row of trains.csv.  # better: what one row is
  owner: lab
  readers: [analysts]
  lifecycle: short
  classification: public
  source:
    provider: The railway
    files: trains.csv
    null_values: [NA]  # seen in speed, price
  key: [train_no]
""",
        "schema.py": '''\
"""What a good row of trains is."""

import pandera.polars as pa
import polars as pl


class Schema(pa.DataFrameModel):
    # As found in trains.csv: say what a column means, with its unit, and what must hold (ge=, isin=, …).
    # Once there is a history, `dataops suggest trains` tells what held in it.
    train_no: pl.Int32 = pa.Field(description="Train no")
    line: str = pa.Field(description="Line")
    speed: pl.Int32 = pa.Field(description="Speed", nullable=True)
    late: bool = pa.Field(description="Late")
    price: float = pa.Field(description="Price", nullable=True)
    day: pl.Date = pa.Field(description="Day")
    seen: pl.Datetime(time_unit="us", time_zone="UTC") = pa.Field(description="Seen")
''',
        "examples.yaml": """\
# A row of trains.csv: change what is not for everyone who reads this repository.
good: {train_no: 1, line: 'Oslo, west', speed: 100, late: true, price: 1.5, day: 2024-01-05, seen: '2024-01-05T10:00:00+00:00'}
""",
    }
    assert sum(len(text.splitlines()) for text in files.values()) <= 60


def test_the_sample_is_published_to_the_last_row(tree: Tree):
    path = sample(tree)
    rows = published(tree, scaffold(tree, "trains", sample=path), path)
    assert rows.rows() == [
        (1, "Oslo, west", 100, True, 1.5, date(2024, 1, 5), datetime(2024, 1, 5, 10, tzinfo=UTC)),
        (2, "no", None, False, 2.0, date(2024, 1, 5), datetime(2024, 1, 5, 10, tzinfo=UTC)),
        (3, "no", 120, False, None, date(2024, 1, 5), datetime(2024, 1, 5, 10, tzinfo=UTC)),
    ]


def test_other_candidates_stand_beside_the_key(tree: Tree):
    scaffold(tree, "trains", sample=sample(tree, "name,train_id\na,1\nb,2\n"))
    assert "  key: [train_id]  # as unique in the sample: [name]\n" in written(tree, "trains")["defs.yaml"]


def test_a_key_may_be_named(tree: Tree):
    scaffold(tree, "trains", sample=sample(tree), key=["line,day", "train_no"])
    assert tree["trains"].attributes.key == ("line", "day", "train_no")


def test_what_was_not_stated_is_the_strictest_and_says_so(tree: Tree):
    scaffold(tree, "trains", sample=sample(tree))
    defs = written(tree, "trains")["defs.yaml"]
    assert "  classification: secret  # the strictest, as none was stated\n" in defs
    assert "  lifecycle: standard  # the first, as none was stated\n" in defs
    assert "    provider: unknown  # say who delivers\n" in defs


ODD = [
    "class",
    "dep time",
    "dep_time",
    "1st",
    "",
    "_row",
    "pl",
    "validate",
    "größe",
    "ﬁ",
    "no",
    "a:b #c",
    "delivery",
]


def test_columns_may_be_called_anything(tree: Tree):
    rows = [[f"{name}{i}" for name in ODD] for i in range(3)]
    buffer = io.StringIO()
    csv.writer(buffer).writerows([ODD, *rows])
    path = sample(tree, buffer.getvalue())
    name = scaffold(tree, "trains", sample=path)
    assert published(tree, name, path).columns == ODD
    for line in (
        '    class_: str = pa.Field(alias="class", description="Class")\n',
        '    dep_time_: str = pa.Field(alias="dep time", description="Dep time")\n',
        '    dep_time: str = pa.Field(description="Dep time")\n',
        '    column: pl.Int32 = pa.Field(alias="", description="A column without a name")\n',
        '    größe: str = pa.Field(description="Größe")\n',
    ):
        assert line in written(tree, name)["schema.py"]


def test_what_a_column_of_an_input_means_is_taken_over(filled: Tree):
    name = scaffold(filled, "hours", inputs=["readings"], readers=[])
    assert [column.description for column in filled.catalog()[name].schema.columns.values()] == [
        "Where",
        "Local day",
        "Local hour",
    ]


class TestPartitions:
    def test_every_day_is_one(self, tree: Tree):
        path = sample(tree)
        name = scaffold(tree, "trains", sample=path, partition_column="day")
        assert '    files: "{partition}/trains.csv"\n' in (defs := written(tree, name)["defs.yaml"])
        assert "  partitions:\n    every: day\n    start: 2024-01-05\n    columns: [day]\n" in defs
        assert "  due: 1 day  # how long after its end a partition may come before it is late\n" in defs
        assert published(tree, name, path, "2024-01-05").height == 3

    def test_a_day_in_the_name_of_the_file_is_the_partition(self, tree: Tree):
        path = sample(tree, TRAINS, "trains-2024-01-05.csv")
        name = scaffold(tree, "trains", sample=path, partition_column="day")
        assert '    files: "trains-{partition}.csv"\n' in written(tree, name)["defs.yaml"]
        assert published(tree, name, path, "2024-01-05").height == 3

    @pytest.mark.parametrize(
        ("value", "key", "every"),
        [
            ("2024-01-05T23:30:00Z", "2024-01-05", "day"),
            ("2024-01-06T00:30:00+01:00", "2024-01-05", "day"),
            ("2024-01-05 10:00:00", "2024-01-05", "day"),
            ("2024-02", "2024-02", "month"),
        ],
    )
    def test_moments_tell_a_day_and_months_a_month(self, tree: Tree, value: str, key: str, every: str):
        path = sample(tree, f"train,at\n1,{value}\n", f"trains-{key}.csv")
        name = scaffold(tree, "trains", sample=path, partition_column="at", key="train")
        assert f"  partitions:\n    every: {every}\n    start: {key}\n    columns: [at]\n" in written(tree, name)["defs.yaml"]
        assert '    files: "trains-{partition}.csv"\n' in written(tree, name)["defs.yaml"]
        assert published(tree, name, path, key).height == 1

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            (("2024-05-01T01:00:00+02:00", "2024-05-01T09:00:00+02:00"), "2 days"),
            (("2024-05-01", "2024-05-02"), "2 days"),
            (("2024-05", "2024-06"), "2 months"),
            (("2024-05-01T03:00:00+02:00", "2024-05-01T09:00:00+02:00"), ""),
        ],
    )
    def test_a_sample_of_several_partitions_is_told_as_such(
        self, tree: Tree, capsys: pytest.CaptureFixture[str], values: tuple[str, str], told: str
    ):
        path = sample(tree, "train,at\n" + "".join(f"{number},{value}\n" for number, value in enumerate(values)))
        name = scaffold(tree, "trains", sample=path, partition_column="at", key="train")
        said = capsys.readouterr().out
        assert f"they are of {told}, each of which is to come by itself" in said if told else "they are of" not in said
        zoned = "    timezone: UTC  # whose days these are\n" in written(tree, name)["defs.yaml"]
        assert zoned == ("T" in values[0])

    def test_a_column_called_month_may_tell_the_month(self, tree: Tree):
        path = sample(tree, "train,month\n1,2024-02\n")
        name = scaffold(tree, "trains", sample=path, partition_column="month", key="train")
        assert published(tree, name, path, "2024-02")["month_"].to_list() == ["2024-02"]

    def test_of_one_row_one_is_told(self, tree: Tree, capsys: pytest.CaptureFixture[str]):
        scaffold(tree, "trains", sample=sample(tree, "train,speed\n1,2\n"))
        assert "; the row of trains.csv passes. Next: " in capsys.readouterr().out

    @pytest.mark.parametrize("columns", [["date", "train"], ["train", "date", "line"]])
    def test_a_column_called_like_the_partition_in_storage_is_staged_under_another_name(self, tree: Tree, columns: list[str]):
        row = {"date": "2024-01-05", "train": "1", "line": "A"}
        path = sample(tree, f"{','.join(columns)}\n{','.join(row[column] for column in columns)}\n")
        name = scaffold(tree, "trains", sample=path, partition_column="date", key="train")
        rows = published(tree, name, path, "2024-01-05")
        assert rows.columns == [column.replace("date", "date_") for column in columns]
        assert rows["date_"].to_list() == [date(2024, 1, 5)]

    @pytest.mark.parametrize(
        ("column", "message"),
        [
            (
                "line",
                "`line` of trains.csv is no column of dates as in 2013-01-05, moments as in 2013-01-05T10:00:00Z, "
                "or months as in 2013-01: choose another, or none",
            ),
            ("month", "trains.csv has no column `month`; it has train_no, line, speed, late, price, day, seen"),
            ("speed", "`speed` of trains.csv is without a value in 1 of 3 rows"),
        ],
    )
    def test_other_columns_cannot_be(self, tree: Tree, column: str, message: str):
        with pytest.raises(click.ClickException) as refused:
            scaffold(tree, "trains", sample=sample(tree), partition_column=column)
        assert refused.value.message == f"nothing was written: {message}"


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"owner": "me"}, "--owner: there is no `me`; choose from lab"),
    ({"readers": ["analysts,all"]}, "--readers: there is no `all`; choose from analysts, press, branches"),
    ({"readers": []}, "--readers is missing; choose from analysts, press, branches"),
    ({"lifecycle": "long"}, "--lifecycle: there is no `long`; choose from standard, short"),
    ({"classification": "open"}, "--classification: there is no `open`; choose from public, internal, secret"),
    ({"key": ["line"]}, "different rows of trains.csv share line: add a column to the key"),
    ({"key": ["speed"]}, "`speed` of trains.csv is without a value in 1 of 3 rows"),
    ({"key": ["number"]}, "trains.csv has no column `number`; it has train_no, line, speed, late, price, day, seen"),
    ({"inputs": ["trains"]}, "--inputs: there is no `trains`; choose from daily, readings, stations"),
    ({"form": "python"}, "a contract is declared in defs.yaml: leave `--format` out, or say `--format yaml`"),
]


@pytest.mark.parametrize(("params", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_a_refusal_names_what_is_known_and_leaves_nothing_behind(tree: Tree, params: dict[str, Any], message: str):
    (tree.defs / "trains").mkdir()  # as dg does before it asks
    given = params if "inputs" in params else {"sample": sample(tree), **params}
    with pytest.raises(click.ClickException) as refused:
        scaffold(tree, "trains", **given)
    assert refused.value.message == f"nothing was written: {message}"
    assert not (tree.defs / "trains").exists()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("trains.xlsx", "x", "trains.xlsx has no known ending: use one of .csv, .csv.gz, .csv.zip, .parquet, .ndjson"),
        ("trains.csv", "a,b\n", "trains.csv has no row: take a sample that has some"),
        ("trains.csv", "", "trains.csv: it is empty. Deliver it again"),
        (
            "trains.csv",
            "a,b\n1,2\n1,\n",
            "up to 3 columns of trains.csv do not tell its rows apart: say which do, with `--key <column>,…`",
        ),
    ],
)
def test_a_sample_that_tells_nothing_is_refused(tree: Tree, file: str, content: str, message: str):
    with pytest.raises(click.ClickException) as refused:
        scaffold(tree, "trains", sample=sample(tree, content, file))
    assert refused.value.message == f"nothing was written: {message}"


@pytest.mark.parametrize(
    ("file", "files"),
    [("export [1].csv", "export *1*.csv"), ("what?.csv", "what*.csv"), ("{x}.csv", "*x*.csv"), ("a**b.csv", "a*b.csv")],
)
def test_what_is_a_pattern_elsewhere_is_left_open_in_the_name_of_the_files(tree: Tree, file: str, files: str):
    content = "train,speed\n1,100\n2,120\n"
    scaffold(tree, "trains", sample=sample(tree, content, file))
    assert (ingested := tree["trains"].ingested)
    assert ingested.source.files == files
    tree.drop("trains", file, content)
    assert [outcome.status for outcome in tree.receive("trains")] == ["done"]


def test_a_sample_that_is_not_there_is_refused(tree: Tree):
    with pytest.raises(click.ClickException, match=r"there is no file nowhere\.csv"):
        scaffold(tree, "trains", sample="nowhere.csv")


def test_a_sample_that_its_own_gate_would_reject_is_refused(tree: Tree):
    buffer = io.BytesIO()
    pl.DataFrame({"id": [1, 2], "speed": [1.5, float("nan")]}).write_parquet(buffer)
    with pytest.raises(click.ClickException, match=r"it would not pass\n.*speed\.finite"):
        scaffold(tree, "trains", sample=sample(tree, buffer.getvalue(), "trains.parquet"))
    assert not (tree.defs / "trains").exists()


def test_files_that_stand_there_are_not_touched(tree: Tree):
    before = written(tree, "stations")
    with pytest.raises(click.ClickException, match="is not empty"):
        scaffold(tree, "stations", sample=sample(tree))
    assert written(tree, "stations") == before


def test_a_name_is_taken_once_in_all_folders(tree: Tree):
    with pytest.raises(click.ClickException, match="a dataset `stations` stands in defs/stations already"):
        scaffold(tree, "rail/stations", sample=sample(tree))


def test_a_name_that_no_dataset_can_have_is_refused(tree: Tree):
    with pytest.raises(click.ClickException, match="`Trains` cannot be the name of a dataset"):
        scaffold(tree, "Trains", sample=sample(tree))


def test_other_contracts_must_load_first(tree: Tree):
    tree.edit("stations/defs.yaml", "owner: lab", "owner: labs")
    with pytest.raises(click.ClickException, match="unknown owner `labs`"):
        scaffold(tree, "trains", sample=sample(tree))


class TestDerived:
    def test_it_holds_each_key_of_its_first_input(self, filled: Tree):
        name = scaffold(filled, "weather/hours", inputs="readings,stations", readers=[])
        files = written(filled, "weather/hours")
        assert (
            files["defs.yaml"]
            == """\
type: dataops_assets.components.DerivedDataset
attributes:
  description: One row of hours.  # better: what one row is
  owner: lab
  readers: [analysts, press]
  lifecycle: standard
  classification: public
  inputs: [readings, stations]
  key: [station, day, hour]
  partitions:
    every: day
    start: 2024-01-01
    end: 2024-01-20
    timezone: Europe/Oslo
  due: 1 day  # how long after its end a partition may come before it is late
"""
        )
        assert "def transform(readings: pl.LazyFrame, stations: pl.LazyFrame) -> pl.LazyFrame:" in files["transform.py"]
        assert "good: {station: oslo, day: 2024-01-01, hour: 0}" in files["examples.yaml"]
        filled.edit("weather/hours/defs.yaml", "One row of hours.", "One hour at one station.")
        assert failed_examples(filled[name]) == []
        (made,) = filled.derive(name, "2024-01-02")
        assert made.reason == ""
        keys = filled.read("readings", "2024-01-02").select("station", "day", "hour")
        assert filled.read(name, "2024-01-02").equals(keys)

    def test_it_is_due_no_earlier_than_its_inputs(self, tree: Tree):
        tree.edit("readings/defs.yaml", "  key: [", "  due: 3 days\n  key: [")
        assert (due := tree[scaffold(tree, "hours", inputs=["readings", "stations"])].attributes.due)
        assert due.text == "3 days"

    def test_it_is_no_more_open_than_its_inputs(self, tree: Tree):
        tree.edit("stations/defs.yaml", "classification: public", "classification: internal")
        tree.edit("daily/defs.yaml", "classification: public", "classification: internal")
        tree.edit("readings/defs.yaml", "readers: [analysts, press]", "readers: [press, branches, analysts]")
        name = scaffold(tree, "hours", inputs=["readings", "stations"], readers=[])
        assert tree[name].attributes.classification == "internal"
        assert tree[name].attributes.readers == ("press", "analysts")

    def test_wider_readers_are_refused_in_the_words_of_the_contract(self, tree: Tree):
        with pytest.raises(click.ClickException, match="readers are wider than those of the input `stations`: branches"):
            scaffold(tree, "hours", inputs=["stations"], readers=["branches"])
        assert not (tree.defs / "hours").exists()

    def test_an_input_without_partitions_gives_none(self, tree: Tree):
        assert tree[scaffold(tree, "places", inputs=["stations", "readings"])].partitions is None

    def test_a_moment_can_be_a_key(self, tree: Tree):
        scaffold(tree, "trains", sample=sample(tree, "seen,speed\n2024-01-05T10:00:00Z,1\n2024-01-05T11:00:00Z,2\n"))
        name = scaffold(tree, "moments", inputs=["trains"])
        assert failed_examples(tree[name]) == []

    def test_an_input_that_cannot_be_judged_is_named(self, tree: Tree):
        schema = (tree.defs / "stations/schema.py").read_text(encoding="utf-8")
        tree.write("stations/schema.py", f"{schema}\n\ndef normalise(rows):\n    raise ValueError('high')\n")
        with pytest.raises(click.ClickException, match="normalise of stations failed: ValueError: high"):
            scaffold(tree, "places", inputs=["stations"])

    def test_a_new_example_needs_one_of_the_input(self, tree: Tree):
        tree.remove("stations/examples.yaml")
        with pytest.raises(click.ClickException, match=r"stations/examples\.yaml has no good row that passes"):
            scaffold(tree, "places", inputs=["stations"])
