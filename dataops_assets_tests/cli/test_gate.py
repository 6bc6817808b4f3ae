"""`dataops gate`: a file is judged as a delivery of it would be, nothing is written; and what the gates ask is told."""

import gzip
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataops_assets.catalog import load_catalog
from dataops_assets.cli import main
from dataops_assets.contract import Dataset
from dataops_assets.gate import reading
from dataops_assets.gate.rules import compile_rules
from dataops_assets.gate.verdict import Verdict
from dataops_assets.observe.partition import told
from dataops_assets.observe.rules import explain
from dataops_assets.steps.trying import try_files
from dataops_assets_tests.gate.test_called import EVEN, WHOLE, with_check
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAY = "2024-01-01"


@pytest.fixture
def filled(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A tree in which what the readings refer to is published."""
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    return tree


def gate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main.cli, ["gate", *map(str, arguments)])


def written(tree: Tree, content: str | bytes, name: str = f"{DAY}.csv") -> Path:
    file = tree.root / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def lies(tree: Tree) -> list[str]:
    return [entry.key for entry in tree.store.list("")]


def test_good_file_would_pass_and_nothing_is_written(filled: Tree) -> None:
    before = lies(filled)
    asked = gate("readings", written(filled, readings(DAY)), "--partition", DAY)
    assert (asked.exit_code, lies(filled)) == (0, before), asked.output
    lines = asked.output.splitlines()
    assert lines[0] == "the envelope gate would pass it"
    assert lines[-1] == "nothing was written"
    assert "the content gate would pass it" in lines
    assert "    rows: delivered 4, published 4" in lines


@pytest.mark.parametrize("large", [False, True])
def test_the_file_that_is_named_is_judged_and_no_other(filled: Tree, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    if large:
        monkeypatch.setattr(reading, "LARGE_BYTES", -1)
    written(filled, readings(DAY, {"hour": 99}), "g1.csv")
    asked = gate("readings", written(filled, readings(DAY), "g[1].csv"), "--partition", DAY)
    assert "    rows: delivered 4, published 4" in asked.output.splitlines()


CORRECTION = f"""
    - key: {{station: oslo, day: {DAY}, hour: 0}}
      partition: {DAY}
      set: {{temperature: {{from: 999, to: 9}}}}
      reason: read wrongly
      requested_by: lab
      reference: the lab's book
      valid_until: 2030-12-31
    """


@pytest.mark.parametrize(
    ("rows", "correction", "gates"),
    [
        pytest.param([{}], "", 2, id="good"),
        pytest.param([{"temperature": 999}, {"station": "paris", "note": None}], "", 2, id="rejected"),
        pytest.param([{"temperature": 999}], CORRECTION, 2, id="corrected"),
        pytest.param([{"hour": 99}] * 4, "", 2, id="refused"),
        pytest.param([{"day": "2024-01-02"}], "", 1, id="refused at the door"),
    ],
)
def test_it_finds_what_a_delivery_would(filled: Tree, rows: Sequence[dict[str, object]], correction: str, gates: int) -> None:
    if correction:
        filled.write("readings/corrections.yaml", correction)
    dataset, content = filled["readings"], readings(DAY, *rows)
    tried = list(try_files(filled.lake, dataset, DAY, [written(filled, content)], NOW))
    filled.drop("readings", f"{DAY}.csv", content)
    filled.run("readings")
    said = [filled.lake.last_word("envelope", dataset, DAY), filled.lake.last_word("content", dataset, DAY)]
    assert len(tried) == gates
    for one, delivered in zip(tried, said[:gates], strict=True):
        assert delivered
        assert found(one) == found(delivered)
        in_quarantine = "Deliver it again, mended, or change the rule; what was rejected lies in quarantine"
        assert list(told(delivered)) == [line.replace("Mend it, or change the rule", in_quarantine) for line in told(one)]


def found(verdict: Verdict) -> dict[str, object]:
    return verdict.model_dump(exclude={"number", "depends_on", "arrived", "judged_at", "remedy"})


def test_what_would_be_refused_ends_with_1_and_names_rows_and_rules(filled: Tree) -> None:
    asked = gate("readings", written(filled, readings(DAY, {"hour": 99}, {"hour": -1}, {"hour": 24})), "--partition", DAY)
    assert asked.exit_code == 1
    assert "the content gate would refuse it" in asked.output
    assert "3 of 4 rows rejected, 75.0%; 50.0% tolerated: hour.in_range (3)" in asked.output
    assert f"row 2: station bergen, day {DAY}, hour -1" in asked.output


def test_the_content_is_not_looked_at_where_the_envelope_would_refuse(filled: Tree) -> None:
    asked = gate("readings", written(filled, readings(DAY).replace("note", "notes")), "--partition", DAY)
    assert asked.exit_code == 1
    assert "columns: note seems to be renamed notes" in asked.output
    assert "content" not in asked.output


def test_it_may_be_called_anything_and_is_told_what_it_must_be_called(filled: Tree) -> None:
    packed = written(filled, gzip.compress(readings(DAY).encode()), "mail-attachment.csv.gz")
    asked = gate("readings", packed, "--partition", DAY)
    assert asked.exit_code == 0, asked.output
    assert asked.output.splitlines()[0] == f"delivered, it must be called {DAY}.csv"


def test_what_cannot_be_asked_is_told(filled: Tree) -> None:
    file = written(filled, readings(DAY))
    assert "readings has partitions: name one from 2024-01-01" in gate("readings", file).output
    assert "daily is made here, not delivered" in gate("daily", file).output
    for arguments in ((), (file, "--explain")):
        asked = gate("readings", *arguments)
        assert (asked.exit_code, "name the FILEs to judge, or say --explain" in asked.output) == (2, True)
    assert "note.txt has no known ending: use one of .csv, " in gate("stations", written(filled, "", "note.txt")).output


def test_what_the_rules_refer_to_must_be_published(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    asked = gate("readings", written(tree, readings(DAY)), "--partition", DAY)
    assert asked.exit_code == 1
    assert "Error: staged/stations is not published" in asked.output


def test_code_that_fails_is_told(filled: Tree) -> None:
    with_check(filled, EVEN, "return value % 2")
    asked = gate("readings", written(filled, readings(DAY)), "--partition", DAY)
    assert asked.exit_code == 1
    assert "Error: check `hour.even` of readings failed: SchemaError" in asked.output


@pytest.mark.parametrize("dataset", [pytest.param(one, id=one.name) for one in load_catalog()])
def test_every_rule_is_explained_once(dataset: Dataset) -> None:
    lines = explain(dataset, date(2024, 1, 1)).splitlines()
    for rule in compile_rules(dataset, date(2024, 1, 1)):
        [at] = [place for place, line in enumerate(lines) if line.startswith(f"    {rule.name} · ")]
        assert rule.severity in lines[at]
        assert lines[at + 1].strip() == rule.sentence


def test_how_rules_are_evaluated_is_told(filled: Tree) -> None:
    with_check(filled, EVEN, "return value % 2 == 0")
    with_check(filled, WHOLE, "return data.lazyframe.select('hour').collect().height < 99")
    options = "rules: {noted: {severity: warn, tolerance: 0.1}, hour.even: {shadow_until: 2999-12-31}}"
    filled.edit("readings/defs.yaml", "tolerance: 0.5", f"tolerance: 0.5\n  {options}")
    asked = gate("readings", "--explain")
    assert asked.exit_code == 0
    content = asked.output.split("the content gate asks")[1].split("\n\n")
    assert [block.splitlines()[0].strip() for block in content[1:]] == [
        "by the hashes of the columns; rows that are equal in every column are merged before",
        "through pandera, on the columns that it looks at",
        "by a join with another dataset",
        "in one pass over all rows",
        "by the partitions before",
    ]
    assert content[2].splitlines()[1:] == [
        "    hour.even · warn · hour",
        "        hour is even (until 2999-12-31 it only warns)",
        "        element-wise: Python is called for each value",
        "    whole · fail · the whole delivery by hour",
        "        it is right as a whole",
        "        it does more than select an expression (`collect`); held in memory: hour",
    ]
    assert "    noted · warn beyond 10.0% of the rows · temperature, note" in content[4]
    assert "    hour.in_range · reject · hour\n        hour is between 0 and 23\n        [([(col(" in content[4]
    assert (
        asked.output.index("control_totals · fail") < asked.output.index("own_file · fail") < asked.output.index("key.unique")
    )


def test_a_product_has_one_gate(filled: Tree) -> None:
    asked = gate("curated/daily", "--explain")
    assert asked.exit_code == 0
    assert "envelope" not in asked.output
    assert "once they are made, in this order" in asked.output
