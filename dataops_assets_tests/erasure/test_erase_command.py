"""`dataops erase`: from a prompt to the proof, on the real sample; and what Dagster has recorded."""

import json
import subprocess
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import yaml
from click.testing import CliRunner, Result

from dataops_assets.cli import erase, main, sample
from dataops_assets.components.erasing import in_records
from dataops_assets.definitions import build
from dataops_assets.deployment import Deployment
from dataops_assets_tests.checkout import Checkout, make_checkout
from dataops_assets_tests.components.dagster_tree import Location
from dataops_assets_tests.erasure.asking import DAYS, KEY, WHO, ask, files_naming, the_request
from dataops_assets_tests.trees import STATIONS, Tree, readings

TAIL = "N725MQ"
SAID = ("--reason", "its owner asked", "--requested-by", "flight-operations", "--due", "2090-01-31")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Three days of flights with what they refer to, and aircraft in use, run through."""
    checkout = make_checkout(tmp_path_factory.mktemp("clone"), "2013-01-03")
    delivered = [(name, None) for name in sample.REFERENCES]
    for name, day in [*delivered, *(("flights", f"2013-01-0{number}") for number in (1, 2, 3))]:
        for file, content in sample.deliveries(name, day):
            path = checkout.root / "data/landing" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    done = checkout.run("dataops", "run", *sample.REFERENCES, "flights", "aircraft_use")
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


def run(clone: Checkout, *words: str) -> subprocess.CompletedProcess[str]:
    return Checkout(clone.root, {"DATAOPS_ERASURE_KEY": "k" * 32}).run("dataops", "erase", *words)


def test_a_tail_number_is_erased_from_three_days_of_flights_and_from_what_is_made_of_them(clone: Checkout) -> None:
    flights = clone.root / "data/staged/flights"
    before = pl.read_parquet(flights, hive_partitioning=False)
    theirs = before.filter(pl.col("tailnum") == TAIL).height
    asked = run(clone, "request", "flights", f"tailnum={TAIL}", *SAID)
    assert asked.returncode == 0, asked.stderr
    assert TAIL not in asked.stdout + (clone.root / "dataops_assets/defs/erasures.yaml").read_text(encoding="utf-8")

    planned = run(clone, "plan", "--json")
    assert planned.returncode == 0, planned.stderr
    found: list[dict[str, Any]] = json.loads(planned.stdout)
    assert sum(one["rows"] for one in found if one["kind"] == "delivery") == theirs > 3
    assert {(one["dataset"], one["partition"]) for one in found if one["kind"] == "object"} == {
        *(("flights", f"2013-01-0{number}") for number in (1, 2, 3)),
        ("aircraft_use", "2013-01"),
    }
    done = run(clone, "run")

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{theirs} rows of 3 deliveries were left out" in done.stdout
    assert pl.read_parquet(flights, hive_partitioning=False).equals(before.filter(pl.col("tailnum").ne_missing(TAIL)))
    assert TAIL not in pl.read_parquet(clone.root / "data/curated/aircraft_use")["tailnum"].to_list()
    assert files_naming(clone.root, TAIL) == []
    for told in (planned, done):
        assert TAIL not in told.stdout + told.stderr
        assert "k" * 32 not in told.stdout + told.stderr


@pytest.fixture
def asked(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    tree.erasure_key = KEY
    monkeypatch.setattr("dataops_assets.cli.arguments.open_lake", lambda: tree.lake)
    monkeypatch.setattr("dataops_assets.catalog.DEFS", tree.defs)
    return tree


def invoke(*words: str, said: str | None = None) -> Result:
    return CliRunner().invoke(main.cli, ["erase", *words], input=said)


OF_LAB = ("--reason", "asked for it", "--requested-by", "lab", "--due", "2030-01-31")


def test_a_value_that_is_left_out_is_asked_for_and_not_shown(asked: Tree) -> None:
    done = invoke("request", "readings", "note", *OF_LAB, said=f"{WHO}\n")
    assert done.exit_code == 0, done.output
    assert WHO not in done.output
    asked.write("touched", "")
    written = the_request(asked).attributes
    assert ask(asked).attributes.subject == written.subject


@pytest.mark.parametrize(
    ("words", "entry"),
    [
        (("readings", "--partitions", "2024-01-01", "2024-01-03"), {"partitions": ["2024-01-01", "2024-01-03"]}),
        (("stations", "--all"), {"partitions": "all"}),
    ],
)
def test_whole_partitions_are_asked_for_below_what_stands_there(asked: Tree, words: tuple[str, ...], entry: Any) -> None:
    ask(asked, {"station": "oslo"}, "stations")
    done = invoke("request", *words, *OF_LAB)
    assert done.exit_code == 0, done.output
    first, second = yaml.safe_load((asked.defs / "erasures.yaml").read_text(encoding="utf-8"))
    assert first["dataset"] == "stations"
    assert json.loads(json.dumps(second["partitions"], default=str)) == entry["partitions"]
    again = invoke("request", *words, *OF_LAB)
    assert again.exit_code != 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("readings", *OF_LAB), "say whom it is about by COLUMN=VALUE"),
        (("readings", "note=x", "--all", *OF_LAB), "say whom it is about by COLUMN=VALUE"),
        (("readings", "nota=x", *OF_LAB), "delivered without a column `nota`: did you mean `note`?"),
        (("readings", "note= ", *OF_LAB), "`note` has no value"),
        (("nobody", "note=x", *OF_LAB), "there is no dataset `nobody`"),
    ],
)
def test_what_is_not_clear_is_told(asked: Tree, words: tuple[str, ...], says: str) -> None:
    done = invoke("request", *words)
    assert (done.exit_code, says in done.output) == (2, True), done.output
    assert not (asked.defs / "erasures.yaml").exists()


def test_without_a_key_nobody_can_be_asked_for(asked: Tree) -> None:
    asked.erasure_key = None
    done = invoke("request", "readings", "note=x", *OF_LAB)
    assert (done.exit_code, "DATAOPS_ERASURE_KEY is not set" in done.output) == (1, True), done.output


def test_records_of_dagster_name_them_no_more_and_keep_all_else(tree: Tree, tmp_path: Path) -> None:
    """Run by the job that the UI launches: once to redact, and once more when all is made again."""
    tree.erasure_key = KEY
    here = Deployment("local", str(tree.root / "data"), erasure_key=KEY)
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        location = Location(tree, instance, here)
        tree.drop("stations", "stations.csv", STATIONS)
        tree.drop("readings", f"{DAYS[0]}.csv", readings(DAYS[0], {"station": WHO}))
        location.references()
        location.run("raw/readings", "staged/readings", partition=DAYS[0])
        ask(tree, {"station": WHO})
        [told, *_] = in_records(instance, tree.lake, the_request(tree))
        assert told.kind == "record"
        staged = dg.AssetKey(["staged", "readings"])
        before = instance.fetch_materializations(staged, limit=5).records

        definitions = build(tree.defs, here)
        dg.Definitions.validate_loadable(definitions)
        job = definitions.resolve_job_def("erase")
        assert job.execute_in_process(instance=instance).success
        location.run("raw/readings", "staged/readings", partition=DAYS[0])
        assert job.execute_in_process(instance=instance).success

        assert list(in_records(instance, tree.lake, the_request(tree))) == []
        assert instance.fetch_materializations(staged, limit=5).records[1:] == before
        checks = instance.event_log_storage.get_asset_check_execution_history(dg.AssetCheckKey(staged, "content"), limit=5)
        rows = [check.event.dagster_event.asset_check_evaluation_data.metadata for check in checks if check.event]  # type: ignore[union-attr]
        assert "station [erased]" in str(rows[-1]["offending_rows"])
    assert files_naming(tmp_path) == []


def test_a_request_that_nobody_wrote_is_told(asked: Tree) -> None:
    assert erase._chosen(asked.lake, None) == []
    ask(asked)
    done = invoke("status", "nobody")
    assert (done.exit_code, "there is no erasure request `nobody`; there are: readings-" in done.output) == (2, True)
