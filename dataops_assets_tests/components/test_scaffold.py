"""`dg scaffold defs …`: what comes out loads, passes its examples, and publishes the sample to the last row."""

import csv
import gzip
import io
import tempfile
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
import dagster as dg
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataops_assets.components.inference import infer
from dataops_assets.components.scaffold import DerivedParams, DerivedScaffolder, IngestedParams, IngestedScaffolder
from dataops_assets.gate.examples import failed_examples
from dataops_assets_tests.checkout import PROJECT, Checkout, make_checkout
from dataops_assets_tests.trees import Tree

TRAINS = """\
train_no,line,speed,late,price,day,seen
1,"Oslo, west",100,true,1.5,2024-01-05,2024-01-05T10:00:00Z
2,no,NA,false,2,2024-01-05,2024-01-05T11:00:00+01:00
3,no,120,false,NA,2024-01-05,2024-01-05T10:00:00Z
"""


def scaffold(tree: Tree, folder: str, *, form: Any = "yaml", **params: Any) -> str:
    """Scaffold into a folder below `defs/`; the name of the dataset."""
    scaffolder, model = (DerivedScaffolder, DerivedParams) if "inputs" in params else (IngestedScaffolder, IngestedParams)
    request = dg.ScaffoldRequest(
        type_name="unused",
        target_path=tree.defs / folder,
        scaffold_format=form,
        project_root=tree.root,
        params=model(**{"readers": ["analysts"], **params}),  # type: ignore[arg-type]
    )
    scaffolder().scaffold(request)
    return Path(folder).name


def sample(tree: Tree, content: str | bytes = TRAINS, file: str = "trains.csv") -> str:
    path = tree.root / file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def written(tree: Tree, folder: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((tree.defs / folder).iterdir()) if path.is_file()}


def published(tree: Tree, name: str, path: str, partition: str | None = None) -> pl.DataFrame:
    """Deliver a file, run it through, and read what was published, all of it."""
    dataset = tree[name]
    assert failed_examples(dataset) == []
    assert dataset.ingested
    file = dataset.ingested.source.files.replace("{partition}", partition or "")
    tree.drop(name, file, Path(path).read_bytes())
    (received,), (staged,) = tree.receive(name, partition), tree.stage(name, partition)
    assert (received.reason, staged.reason) == ("", "")
    assert staged.verdict
    assert staged.verdict.rows
    assert staged.verdict.rows.rejected == 0
    return tree.read(name, partition)


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
    # As found in trains.csv: add what a column means (description=) and what must hold of it (ge=, isin=, …).
    train_no: pl.Int32
    line: str
    speed: pl.Int32 = pa.Field(nullable=True)
    late: bool
    price: float = pa.Field(nullable=True)
    day: pl.Date
    seen: pl.Datetime(time_unit="us", time_zone="UTC")
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


def zipped(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("trains.csv", text)
    return buffer.getvalue()


def parquet() -> bytes:
    buffer = io.BytesIO()
    columns = {
        "id": pl.Series([1, 2, 3], dtype=pl.UInt64),
        "kind": pl.Series(["a", "b", None], dtype=pl.Categorical),
        "fare": pl.Series(["1.50", "2.25", "3.00"]).cast(pl.Decimal(10, 2)),
        "at": [datetime(2024, 1, 5, 10, minute, tzinfo=UTC) for minute in range(3)],
        "tags": [["x"], [], None],
    }
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("trains.csv", TRAINS.replace(",", ";").replace("Oslo; west", "Oslo, west").encode()),
        ("trains.csv", "\ufefftrain\tline\n1\tA\n".encode()),
        ("trains.csv.gz", gzip.compress(TRAINS.encode())),
        ("trains.csv.zip", zipped(TRAINS)),
        ("trains.ndjson", b'{"id": 1, "late": true, "speed": null}\n{"id": 2, "speed": 1.5, "more": {"a": [1]}}\n'),
        ("trains.parquet", parquet()),
    ],
)
def test_every_format_can_be_a_sample(tree: Tree, file: str, content: bytes):
    path = sample(tree, content, file)
    name = scaffold(tree, "trains", sample=path)
    rows = published(tree, name, path)
    assert rows.height == len(rows.unique()) == infer(Path(path)).rows.height


def test_a_column_that_no_rule_can_judge_is_left_out_and_named(tree: Tree):
    scaffold(tree, "trains", sample=sample(tree, parquet(), "trains.parquet"))
    schema = written(tree, "trains")["schema.py"]
    assert "# Left out, because no rule can judge their types: tags." in schema
    assert "    tags" not in schema


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ("1 -2 0", pl.Int32()),
        ("1 1000000", pl.Int64()),
        ("1 99999999999999999999", pl.String()),
        ("007 1", pl.String()),
        ("+4712345678", pl.String()),
        ("1 1.5 -.5 1e3", pl.Float64()),
        ("1e999", pl.String()),
        ("inf 1", pl.String()),
        ("True false", pl.Boolean()),
        ("true 1", pl.String()),
        ("2024-01-05 2024-02-29", pl.Date()),
        ("2024-01-05 2023-02-29", pl.String()),
        ("2024-01-05T10:00:00.5Z 2024-01-05T10:00:00+0100", pl.Datetime("us", "UTC")),
        ("2024-01-05T10:00:00", pl.String()),
        ("05.01.2024", pl.String()),
    ],
)
def test_types_are_those_that_every_value_can_be_read_as(tree: Tree, values: str, dtype: pl.DataType):
    path = sample(tree, "id,value\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values.split())))
    assert infer(Path(path)).rows.schema["value"] == dtype
    published(tree, scaffold(tree, "trains", sample=path), path)


@pytest.mark.parametrize(
    ("text", "null_values"),
    [
        ("id,a,b\n1,-,x\n2,5,-\n", {"-": ["a", "b"]}),  # what makes a number of `a` holds for `b`, as the gate has it
        ("id,a,b\n1,-,x\n2,y,-\n", {}),
        ("id,a\n1,NA\n2,Oslo\n", {"NA": ["a"]}),
        ("id,a\n1,nan\n2,1.5\n", {"nan": ["a"]}),
        ('id,a\n1,""\n2,NULL\n3,7\n', {"": ["a"], "NULL": ["a"]}),
        ("id,a\n1,\n2,7\n", {}),
    ],
)
def test_null_values_are_words_for_nothing_or_stand_in_the_way_of_a_type(
    tree: Tree, text: str, null_values: dict[str, list[str]]
):
    path = sample(tree, text)
    assert infer(Path(path)).null_values == null_values
    rows = published(tree, scaffold(tree, "trains", sample=path), path)
    assert set(rows.to_series(1).to_list()).isdisjoint(null_values)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("name,train_id\na,1\nb,2\n", [("train_id",), ("name",)]),
        ("name,trainId\na,1\nb,2\n", [("trainId",), ("name",)]),
        ("name,paid\na,1\nb,2\n", [("name",), ("paid",)]),
        ("speed,ok,line\n1.5,true,A\n2.5,false,B\n", [("line",)]),
        ("a,b,c\n1,1,1\n1,2,1\n2,1,1\n", [("a", "b")]),
        ("a,b,c\n1,1,1\n1,1,1\n2,1,1\n", [("a",)]),  # equal rows are merged
        ("a,b\n,1\n2,2\n", [("b",)]),
    ],
)
def test_key_candidates_are_small_complete_and_called_like_keys(tree: Tree, text: str, keys: list[tuple[str, ...]]):
    assert infer(Path(sample(tree, text))).keys() == keys


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
    assert (
        '    class_: str = pa.Field(alias="class")\n    dep_time_: str = pa.Field(alias="dep time")'
        in written(tree, name)["schema.py"]
    )


class TestPartitions:
    def test_every_day_is_one(self, tree: Tree):
        path = sample(tree)
        name = scaffold(tree, "trains", sample=path, partition_column="day")
        assert '    files: "{partition}/trains.csv"\n' in (defs := written(tree, name)["defs.yaml"])
        assert "  partitions:\n    every: day\n    start: 2024-01-05\n    columns: [day]\n" in defs
        assert published(tree, name, path, "2024-01-05").height == 3

    def test_a_day_in_the_name_of_the_file_is_the_partition(self, tree: Tree):
        path = sample(tree, TRAINS, "trains-2024-01-05.csv")
        name = scaffold(tree, "trains", sample=path, partition_column="day")
        assert '    files: "trains-{partition}.csv"\n' in written(tree, name)["defs.yaml"]
        assert published(tree, name, path, "2024-01-05").height == 3

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
            ("line", "`line` of trains.csv is no column of dates as in 2013-01-05: choose another, or none"),
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


TEXTS = st.one_of(
    st.sampled_from(
        ["no", "yes", "1e3", "2013-01-05", "~", "null", "=", "- a", "a: b", "#", "{x}", "[", "'", '"', "a\nb", "007", " x "]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8),
)
# polars does not read a quote in a header as csv has it, so the gate refuses such a file.
NAMES = TEXTS.filter(lambda text: not set(text) & set('"\n\r'))
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "whole": st.integers(-(2**70), 2**70),
    "small": st.integers(-100, 100),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "flag": st.booleans(),
    "day": st.dates(),
    "text": TEXTS,
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, int]:
    """A table as csv, and how many rows it has."""
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5))
    height = draw(st.integers(1, 6))
    marker = draw(st.sampled_from(["", "NA", "null", r"\N", "-"]))
    columns = [draw(st.lists(st.none() | KINDS[kind], min_size=height, max_size=height)) for kind in kinds]
    names = ["row_id", *(draw(NAMES) + str(i) for i in range(len(kinds)))]
    buffer = io.StringIO()
    rows = [[i, *(marker if value is None else value for value in row)] for i, row in enumerate(zip(*columns, strict=True))]
    csv.writer(buffer, lineterminator="\n").writerows([names, *rows])
    return buffer.getvalue(), height


@settings(max_examples=40)
@given(table=tables())
def test_any_table_gives_a_dataset_that_publishes_it(table: tuple[str, int]):
    text, height = table
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder))
        path = sample(tree, text)
        rows = published(tree, scaffold(tree, "trains", sample=path), path)
        assert rows.height == height
        assert rows["row_id"].to_list() == list(range(height))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = make_checkout(tmp_path_factory.mktemp("clone"))
    (checkout.root / "trains.csv").write_text(TRAINS, encoding="utf-8")
    return checkout


INGESTED = ("dg", "scaffold", "defs", "dataops_assets.components.IngestedDataset")


def test_at_a_prompt(clone: Checkout):
    """The command of a user, with both ways to name several readers."""
    options = [
        "--sample",
        "trains.csv",
        "--owner",
        "reference-data",
        "--readers",
        "analysts,operations",
        "--readers",
        "branches",
    ]
    done = clone.run(*INGESTED, "rail/trains", *options, "--key", "train_no")
    assert done.returncode == 0, done.stderr
    assert "Wrote defs.yaml, schema.py, examples.yaml: 7 columns, key [train_no]; all 3 rows of trains.csv pass." in done.stdout

    derived = ("dg", "scaffold", "defs", "dataops_assets.components.DerivedDataset", "rail/numbers")
    done = clone.run(*derived, "--inputs", "trains", "--owner", "reference-data")
    assert done.returncode == 0, done.stderr

    landing = clone.root / "data/landing/trains"
    landing.mkdir(parents=True)
    (landing / "trains.csv").write_text(TRAINS, encoding="utf-8")
    ran = clone.run("dataops", "run", "trains", "numbers")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert pl.read_parquet(clone.root / "data/staged/trains/data.parquet").height == 3
    assert pl.read_parquet(clone.root / "data/curated/numbers/data.parquet").height == 3

    # Partitions that no other dataset has, and columns that Python could not name.
    (clone.root / "stops.csv").write_text("day,class,,stop no\n2024-01-05,A,x,1\n", encoding="utf-8")
    done = clone.run(*INGESTED, "stops", "--sample", "stops.csv", *options[2:], "--partition-column", "day")
    assert done.returncode == 0, done.stderr
    checked = clone.run("dg", "check", "defs")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    defs = clone.root / "dataops_assets/defs"
    for check in (("check",), ("format", "--check")):
        clean = clone.run("ruff", *check, "--config", str(PROJECT / "ruff.toml"), str(defs / "rail"), str(defs / "stops"))
        assert clean.returncode == 0, clean.stdout


def test_at_a_prompt_a_mistake_is_told_in_a_line_and_can_be_mended(clone: Checkout):
    options = ["--sample", "trains.csv", "--readers", "analysts"]
    wrong = clone.run(*INGESTED, "rail/wagons", *options, "--owner", "me")
    assert wrong.returncode == 1
    told = "Error: nothing was written: --owner: there is no `me`; choose from flight-operations, reference-data\n"
    assert wrong.stderr.endswith(told)
    assert "Traceback" not in wrong.stderr
    right = clone.run(*INGESTED, "rail/wagons", *options, "--owner", "reference-data")
    assert right.returncode == 0, right.stderr
    again = clone.run(*INGESTED, "rail/wagons", *options, "--owner", "reference-data")
    assert again.returncode == 1
    assert "already exists" in again.stderr
