"""A mistake in corrections.yaml is told when the contracts load, with file, line and a way out, as in any declared file."""

from typing import Any

import pytest

from dataops_assets.contract import ContractError
from dataops_assets_tests.corrections.entries import correct, written
from dataops_assets_tests.trees import Tree

OSLO = {"key": {"station": "oslo"}, "set": {"height": {"from": 94, "to": 95}}}
BERGEN = {"key": {"station": "bergen"}, "drop": {"height": 12}}
BODO = {"add": {"station": "bodo", "height": 11}}
LOW = {"where": "height < 15", "rows": 1, "set": {"height": {"to": 13}}}
GOOD = [OSLO, BERGEN, BODO, LOW]

HOUR: dict[str, Any] = {"partition": "2024-01-01", "key": {"station": "oslo", "day": "2024-01-01", "hour": 0}}
COLDER = {**HOUR, "set": {"temperature": {"from": 0.5, "to": -0.5}}}
MORE = {"station": "oslo", "day": "2024-01-01", "hour": 5, "temperature": 1.5, "note": None}


def test_every_shape_loads(tree: Tree) -> None:
    correct(tree, "stations", *GOOD)
    correct(tree, "readings", COLDER, {"partition": "2024-01-02", "where": "temperature IS NULL", "rows": 3, "drop": True})
    assert [len(tree[name].corrections) for name in ("stations", "readings")] == [4, 2]


@pytest.mark.parametrize("text", ["", "# nothing is wrong\n", "[]\n"])
def test_a_file_may_be_empty(tree: Tree, text: str) -> None:
    tree.write("stations/corrections.yaml", text)
    assert tree["stations"].corrections == ()


@pytest.mark.parametrize(
    ("dataset", "entry", "at", "says", "remedy"),
    [
        *(
            pytest.param(
                "readings",
                {**HOUR, "set": {"temperature": {"from": 0.5, "to": value}}},
                "to",
                f"{value} is no finite number",
                "`null` for none",
                id=str(value),
            )
            for value in (float("nan"), float("inf"))
        ),
        *(
            pytest.param(
                "stations",
                {**LOW, "where": where},
                "where",
                f"asks for `{word}`, which is not the same whenever it is asked",
                "true of the same rows at any time",
                id=word,
            )
            for word, where in (
                ("current_date", "height < 50 AND CURRENT_DATE < '2030-01-01'"),
                ("row_number", "ROW_NUMBER() OVER () = 1"),
            )
        ),
        pytest.param("stations", {**OSLO, "key": {}}, "key", "leaves out station", "name all of station", id="no_key"),
        pytest.param(
            "stations", {**OSLO, "key": {"staton": "oslo"}}, "staton", "not in the schema", "`station`", id="key_typo"
        ),
        pytest.param("stations", {**OSLO, "key": {"station": 1}}, "station", "1 is no text", "in quotes", id="key_type"),
        pytest.param("stations", {**OSLO, "key": {"station": None}}, "station", "no value", "the whole of its key", id="null"),
        pytest.param(
            "readings",
            {**COLDER, "key": {"station": "oslo"}},
            "key",
            "leaves out day, hour",
            "station, day, hour",
            id="part_of_key",
        ),
        pytest.param(
            "stations",
            {**OSLO, "key": {"station": "oslo", "height": 94}},
            "height",
            "not part of the key",
            "alone",
            id="not_in_key",
        ),
        pytest.param(
            "stations", {**OSLO, "set": {"hight": {"from": 1, "to": 2}}}, "hight", "not in the schema", "height", id="set"
        ),
        pytest.param("stations", {**OSLO, "set": {"height": {"from": 94}}}, "height", "`to`", "", id="no_to"),
        pytest.param(
            "stations", {**OSLO, "set": {"height": {"to": 95}}}, "- key", "which value is expected", "from", id="no_from"
        ),
        pytest.param(
            "stations", {**OSLO, "set": {"height": {"from": 94, "to": 1.5}}}, "to", "1.5 cannot", "provider", id="type"
        ),
        pytest.param(
            "stations", {**OSLO, "set": {"height": {"from": 9.5, "to": 1}}}, "from", "9.5 cannot", "quotes", id="from"
        ),
        pytest.param(
            "stations", {**OSLO, "set": {"height": {"from": 94, "to": [1]}}}, "to", "no single value", "one", id="list"
        ),
        pytest.param(
            "stations", {**OSLO, "set": {"height": {"from": 94, "to": None}}}, "to", "without a value", "drop", id="to_null"
        ),
        pytest.param(
            "stations", {**OSLO, "set": {"height": {"from": 94, "to": 94}}}, "height", "not changed", "another", id="same"
        ),
        pytest.param(
            "stations",
            {**OSLO, "set": {"station": {"from": "oslo", "to": "moss"}}},
            "  station",
            "part of the key",
            "add it",
            id="key",
        ),
        pytest.param(
            "readings",
            {"partition": "2024-01-01", "where": "hour = 1", "rows": 1, "set": {"day": {"to": "2024-01-02"}}},
            "day",
            "`day`",
            "add it",
            id="moves",
        ),
        pytest.param("stations", {**BERGEN, "drop": {}}, "- key", "which value is expected", "drop", id="drop_unguarded"),
        pytest.param("stations", {**BERGEN, "drop": False}, "drop", "tells not what", "true", id="drop_false"),
        pytest.param("stations", {**BERGEN, "drop": {"x": 1}}, "x", "not in the schema", "height", id="drop_typo"),
        pytest.param("stations", {"add": {"station": "bodo"}}, "add", "leaves out height", "station, height", id="add_less"),
        pytest.param("stations", {"add": {"station": "bodo", "height": None}}, "height", "without a value", "", id="add_null"),
        pytest.param("stations", {"add": {"station": "bodo", "height": "x"}}, "height", "cannot be read", "", id="add_type"),
        pytest.param(
            "readings",
            {"partition": "2024-01-02", "add": MORE},
            "day",
            "another partition: day 2024-01-01",
            "there",
            id="add_elsewhere",
        ),
        pytest.param(
            "readings", {**COLDER, "set": {"note": {"from": None, "to": ""}}}, "to", "'' means no value", "`null`", id="to_none"
        ),
        pytest.param(
            "readings", {"partition": "2024-01-01", "add": {**MORE, "note": ""}}, "note", "'' means", "`null`", id="add_none"
        ),
        pytest.param("stations", {**LOW, "rows": None}, "- where", "`rows`", "both", id="no_rows"),
        pytest.param("stations", {**LOW, "rows": 0}, "rows", "`rows`", "at least 1", id="no_row"),
        pytest.param("stations", {**OSLO, "rows": 1}, "- key", "`rows`", "both", id="rows_of_key"),
        pytest.param("stations", {**LOW, "where": "hight < 1"}, "where", "hight", "schema.py", id="where_typo"),
        pytest.param(
            "readings",
            {**LOW, "partition": "2024-01-01", "set": {"note": {"to": "x"}}, "where": "day = '2024-01-01'"},
            "where",
            "cannot be evaluated",
            "DATE '2024",
            id="where_day",
        ),
        pytest.param("stations", {**LOW, "where": "height"}, "where", "not true or false", "seats = 379", id="where_number"),
        pytest.param("stations", {**LOW, "where": "MAX(height) < 1"}, "where", "not true or false", "", id="where_one_value"),
        pytest.param("stations", {**LOW, "where": "height <"}, "where", "cannot be evaluated", "", id="where_syntax"),
        pytest.param("stations", {**LOW, "where": "EXISTS (SELECT 1)"}, "where", "cannot be evaluated", "", id="where_query"),
        pytest.param(
            "stations", {**LOW, "set": {"height": {"from": 12, "to": 1}}}, "- where", "`where` says", "", id="where_from"
        ),
        pytest.param("stations", {**OSLO, **LOW}, "- key", "not clear", "`key` or `where`", id="key_and_where"),
        pytest.param("stations", {**OSLO, **BERGEN}, "- key", "not clear", "`set` or `drop`", id="set_and_drop"),
        pytest.param("stations", {"key": {"station": "oslo"}}, "- key", "not clear", "`add`", id="nothing"),
        pytest.param("stations", {**OSLO, "partition": "2024-01-01"}, "partition", "no partitions", "remove", id="partition"),
        pytest.param(
            "readings", {**COLDER, "partition": None}, "- key", "`partition` is missing", "2024-01-01", id="no_partition"
        ),
        pytest.param(
            "readings", {**COLDER, "partition": "2024-02-01"}, "partition", "no partition", "between", id="no_such_day"
        ),
        pytest.param("stations", {**OSLO, "reason": None}, "- key", "`reason` is missing", "reason", id="no_reason"),
        pytest.param("stations", {**OSLO, "reason": " "}, "reason", "reason", "text that is not empty", id="empty_reason"),
        pytest.param("stations", {**OSLO, "requested_by": None}, "- key", "`requested_by` is missing", "team", id="nobody"),
        pytest.param(
            "stations", {**OSLO, "requested_by": "lap"}, "requested_by", "unknown owner `lap`", "`lab`", id="no_owner"
        ),
        pytest.param("stations", {**OSLO, "reference": None}, "- key", "`reference` is missing", "", id="no_reference"),
        pytest.param("stations", {**OSLO, "valid_until": None}, "- key", "`valid_until` is missing", "", id="for_ever"),
        pytest.param("stations", {**OSLO, "valid_until": 2030}, "valid_until", "2030 is not a day", "2027-12-31", id="a_year"),
        pytest.param("stations", {**OSLO, "valid_until": "soon"}, "valid_until", "'soon'", "a day", id="no_day"),
        pytest.param("stations", {**OSLO, "resaon": "x"}, "resaon", "unknown attribute `resaon`", "`reason`", id="unknown"),
        pytest.param("daily", OSLO, "- key", "made here, not delivered", "transform.py", id="product"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    tree: Tree, dataset: str, entry: dict[str, Any], at: str, says: str, remedy: str
) -> None:
    tree.write(f"{dataset}/corrections.yaml", f"# the first line\n{written(entry)}")

    with pytest.raises(ContractError) as caught:
        tree.catalog()

    [problem] = caught.value.problems
    lines = (tree.defs / problem.file.removeprefix("defs/")).read_text(encoding="utf-8").splitlines()
    assert (problem.file, at in lines[problem.line - 1]) == (f"defs/{dataset}/corrections.yaml", True), str(problem)
    assert says in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("dtype", "value", "says"),
    [
        ("pl.Int64", "1_000", "1_000 cannot be read as Int64"),
        ("pl.Int64", "0x1F", "0x1F cannot be read as Int64"),
        ("pl.Float64", "1:30", "1:30 cannot be read as Float64"),
        ("pl.Decimal(38, 2)", "1.005", "1.005 cannot be read as Decimal"),
        ("pl.Date", "2024-02-30", "2024-02-30 cannot be read as Date"),
        ('pl.Datetime("us", "UTC")', "'2024-01-31T12:00'", "'2024-01-31T12:00' cannot be read as Datetime"),
        ("str", "010", "010 is no text"),
        ("str", ".nan", "nan is no text"),
        ("pl.Categorical", "NO", "False is no text"),
        ('pl.Enum(["NO", "false"])', "NO", "False is no text"),
    ],
)
def test_a_value_that_only_yaml_reads_is_told(tree: Tree, dtype: str, value: str, says: str) -> None:
    tree.edit("stations/schema.py", "    height:", f"    more: {dtype} = pa.Field(nullable=True)\n    height:")
    text = written({**OSLO, "set": {"more": {"from": None, "to": "value"}}}).replace("to: value", f"to: {value}")
    tree.write("stations/corrections.yaml", text)
    with pytest.raises(ContractError) as caught:
        tree.catalog()
    [problem] = caught.value.problems
    assert (problem.file, problem.line) == ("defs/stations/corrections.yaml", tree.line("stations/corrections.yaml", "to: "))
    assert says in problem.message
    assert "in quotes" in problem.remedy
    assert ("with its offset from UTC" in problem.remedy) == ("UTC" in dtype)


def _more(tree: Tree, dtype: str, before: str, after: str) -> None:
    """A correction of a column of some type, in words of YAML."""
    tree.edit("stations/schema.py", "    height:", f"    more: {dtype} = pa.Field(nullable=True)\n    height:")
    text = written({**OSLO, "set": {"more": {"from": "FROM", "to": "TO"}}})
    tree.write("stations/corrections.yaml", text.replace("FROM", before).replace("TO", after))


@pytest.mark.parametrize(
    ("dtype", "before", "after"),
    [
        ("pl.Decimal(38, 2)", "0", "-0.00"),
        ("pl.Decimal(38, 2)", "1.0", "1.00"),
        ("pl.Float64", "1", "'1.0'"),
        ("pl.Int64", "10", "010"),
        ("pl.Datetime('us', 'UTC')", "2024-01-01T12:00:00Z", "2024-01-01T13:00:00+01:00"),
        ("str", "a", "a"),
        ("bool", "true", "'true'"),
        ("pl.Int64", "null", "null"),
    ],
)
def test_a_value_that_is_only_written_otherwise_is_not_changed(tree: Tree, dtype: str, before: str, after: str) -> None:
    _more(tree, dtype, before, after)
    with pytest.raises(ContractError) as caught:
        tree.catalog()
    [problem] = caught.value.problems
    assert (problem.message, problem.line) == ("`more` is not changed", tree.line("stations/corrections.yaml", "more"))


@pytest.mark.parametrize(
    ("dtype", "before", "after"),
    [
        ("pl.Datetime('ns')", "2024-01-01T12:00:00.000000001", "2024-01-01T12:00:00.000000002"),
        ("pl.Decimal(38, 2)", "0.01", "0.02"),
        ("pl.Float64", "'1,5'", "1.5"),
        ("str", "'1.0'", "'1.00'"),
        ("str", "null", "a"),
    ],
)
def test_a_value_that_is_read_as_another_is_changed(tree: Tree, dtype: str, before: str, after: str) -> None:
    _more(tree, dtype, before, after)
    assert len(tree["stations"].corrections) == 1


def test_a_text_that_its_provider_may_not_write_so_is_changed_to_the_value_that_it_means(tree: Tree) -> None:
    schema = (tree.defs / "stations/schema.py").read_text(encoding="utf-8")
    narrow = "class Delivered(Schema):\n    more: int = pa.Field()\n\n\ndef normalise(rows):\n    return rows\n"
    tree.write("stations/schema.py", f"{schema}\n\n{narrow}")
    _more(tree, "float", "'1.5'", "1.5")
    assert len(tree["stations"].corrections) == 1


@pytest.mark.parametrize("dtype", ["pl.List(pl.Int64)", 'pl.Struct({"a": pl.Int64})', "pl.Binary", 'pl.Duration("us")'])
def test_a_value_that_nobody_can_write_is_neither_expected_nor_set(tree: Tree, dtype: str) -> None:
    tree.edit("stations/defs.yaml", "files: stations.csv", "files: stations.parquet")
    tree.edit("stations/schema.py", "    height:", f"    more: {dtype} = pa.Field(nullable=True)\n    height:")
    where = {"where": "station = 'oslo'", "rows": 1, "set": {"more": {"to": None}}}
    correct(tree, "stations", where, {**BERGEN, "drop": {"more": None}})
    assert tree.catalog()
    more = {"more": {"from": "x", "to": None}}
    for entry, at in (({**BERGEN, "drop": {"more": "[1]"}}, "more"), ({**OSLO, "set": more}, "from")):
        correct(tree, "stations", entry)
        with pytest.raises(ContractError) as caught:
            tree.catalog()
        [problem] = caught.value.problems
        assert (problem.file, problem.line) == ("defs/stations/corrections.yaml", tree.line("stations/corrections.yaml", at))
        assert problem.message.startswith("`more`: values of type ")
        assert "name the row by `where`" in problem.remedy


def test_a_mistaken_key_is_not_told_of_right_corrections(tree: Tree) -> None:
    correct(tree, "stations", *GOOD)
    tree.edit("stations/defs.yaml", "key: [station]", "key: [sation]")
    with pytest.raises(ContractError) as caught:
        tree.catalog()
    files = {problem.file for problem in caught.value.problems}
    assert ("defs/stations/defs.yaml" in files, "defs/stations/corrections.yaml" in files) == (True, False), str(caught.value)


def test_what_is_no_list_is_told(tree: Tree) -> None:
    tree.write("stations/corrections.yaml", "key: {station: oslo}\n")
    with pytest.raises(ContractError, match=r"defs/stations/corrections\.yaml:1: not a list\n    remedy: write every entry"):
        tree.catalog()


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([OSLO, OSLO], "both set height"),
        ([BERGEN, BERGEN], "both drop the row"),
        ([BODO, {"add": {"station": "bodo", "height": 12}}], "both add the row"),
        ([OSLO, {**BERGEN, "key": {"station": "oslo"}}], "one drops the row, the other changes it"),
    ],
    ids=["set", "drop", "add", "drop_and_set"],
)
def test_two_corrections_of_one_row_collide(tree: Tree, entries: list[dict[str, Any]], says: str) -> None:
    [first, _, second] = correct(tree, "stations", entries[0], LOW, entries[1])
    with pytest.raises(ContractError) as caught:
        tree.catalog()
    [problem] = caught.value.problems
    assert problem.line == second
    assert problem.message == f"collides with the correction in line {first}: {says}"


def test_what_meets_in_no_cell_does_not_collide(tree: Tree) -> None:
    """Other columns of one row, the same cell of another partition, a row that is dropped and added anew."""
    noted = {**HOUR, "set": {"note": {"from": None, "to": "cold"}}}
    again = {"add": {"station": "bergen", "height": 13}}
    other = {**COLDER, "partition": "2024-01-02"}
    correct(tree, "readings", COLDER, noted, other)
    correct(tree, "stations", BERGEN, again)
    tree.catalog()


@pytest.mark.parametrize(
    ("at", "elsewhere"), [("2024-01-01T23:30:00Z", False), ("2024-01-02T00:00:00+01:00", False), ("2024-01-01T22:00:00Z", True)]
)
def test_a_row_is_added_to_the_day_that_its_moment_is_in(tree: Tree, at: str, elsewhere: bool) -> None:
    tree.edit("readings/defs.yaml", "columns: [day]", "columns: [at]")
    tree.edit("readings/schema.py", "    hour:", '    at: pl.Datetime(time_unit="us", time_zone="UTC")\n    hour:')
    correct(tree, "readings", {"partition": "2024-01-02", "add": {**MORE, "at": at}})
    if not elsewhere:
        assert len(tree["readings"].corrections) == 1
        return
    with pytest.raises(ContractError, match="the row is of another partition: at 2024-01-01"):
        tree.catalog()
