"""Suggested rules are written into files as they stand: whatever is there stays, and what comes out loads."""

import ast
import subprocess
import textwrap

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataops_assets.components.patching import in_python, patch
from dataops_assets.contract import Dataset
from dataops_assets.gate.examples import failed_examples
from dataops_assets.gate.learning import Suggestion
from dataops_assets_tests.trees import Tree

SUGGESTED = [
    Suggestion("hour.greater_than_or_equal_to", ("hour",), {"ge": 0}, "", "", {"hour": -1}),
    Suggestion("hour.less_than_or_equal_to", ("hour",), {"le": 23}, "", "", {"hour": 24}),
    Suggestion("station.isin", ("station",), {"isin": ["oslo", 'ber"gen']}, "", "", {"station": "∅"}),
    Suggestion("note.not_null", ("note",), {"nullable": False}, "", "", None),
    Suggestion("hour_at_most_depth", ("hour", "depth"), {}, "<=", "", {"hour": 9}),
]
GOOD = "good: {station: oslo, hour: 3, depth: 8, note: dry}\n"
PLAIN = """
    import pandera.polars as pa
    import polars as pl


    class Schema(pa.DataFrameModel):
        station: str = pa.Field(description="Where")  # the harbour
        hour: pl.Int8 = pa.Field(description="Local hour")
        depth: pl.Int16 = pa.Field(description="m")
        note: str = pa.Field(description="In words", nullable=True)
    """
HOUR = 'pa.Field(description="Local hour")'
SCHEMAS = {
    "in a line": PLAIN,
    "in several": PLAIN.replace(HOUR, 'pa.Field(  # 0 to 23\n            description="Local hour",  # of Oslo\n        )'),
    "in several, closed in the last": PLAIN.replace(HOUR, 'pa.Field(\n            description="Local hour")'),
    "without a comma at the end": PLAIN.replace(HOUR, 'pa.Field(\n            description="Local hour"\n        )'),
    "long": PLAIN.replace('"Where"', '"Where it was measured, as the harbour master calls it, and wrote it down"'),
    "without a field": PLAIN.replace(f" = {HOUR}", ""),
    "with nothing in it": PLAIN.replace(HOUR, "pa.Field()"),
    "under another name": PLAIN.replace("station: str = pa.Field(", 'class_: str = pa.Field(alias="station", '),
    "with imports of its own": PLAIN.replace("pandera.polars as pa", "pandera.polars as p").replace("pa.", "p."),
    "without polars": '    """Harbours."""\n'
    + PLAIN.replace("import polars as pl\n", "").replace("pl.Int8", "int").replace("pl.Int16", "int"),
    "in a class above": PLAIN.replace("class Schema(pa.DataFrameModel):", "class Harbour(pa.DataFrameModel):")
    + "\n\n    class Schema(Harbour):\n        pass\n",
    "with more below": PLAIN + "\n\n    def normalise(rows):\n        return rows\n",
    "not in ASCII": PLAIN.replace('"Where"', '"Wo — in\u2028Ø"').replace("# the harbour", "# der Hafen, größer"),
    "without an end": PLAIN.rstrip(" \n"),
}
EXAMPLES = {
    "none": GOOD,
    "a block": GOOD + "reject:\n  station.not_null: {station: null}\n",
    "a block of lists": GOOD + "reject:\n  key.unique:\n    - {}\n    - {note: wet}\n\n# the end\n",
    "indented": GOOD + "reject:\n    station.not_null: {station: null}  # nowhere\n",
    "before the good row": "reject:\n  station.not_null: {station: null}\n\n" + GOOD,
    "in brackets": GOOD + "reject: {station.not_null: {station: null}}\n",
    "empty": GOOD + "reject: {}\n",
    "nothing": "reject:\n" + GOOD,
    "without an end": GOOD + "reject:\n  station.not_null: {station: null}",
}


def harbour(tree: Tree, schema: str = PLAIN, examples: str = GOOD) -> None:
    """A dataset of its own in a folder below another."""
    text = (tree.defs / "readings/defs.yaml").read_text()
    head, _, _ = text.partition("  partitions:")
    tree.write("sea/harbour/defs.yaml", head.replace("{partition}.csv", "harbour.csv") + "  key: [station, hour]\n")
    tree.write("sea/harbour/schema.py", textwrap.dedent(schema).lstrip("\n"))
    tree.write("sea/harbour/examples.yaml", examples)


def accepted(tree: Tree, suggestions: list[Suggestion] = SUGGESTED) -> Dataset:
    diff, left_out = patch(tree.defs / "sea/harbour", tree.root, suggestions)
    assert left_out == []
    subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=tree.root, check=True, capture_output=True)
    tree._lake = None
    return tree["harbour"]


def whole(tree: Tree) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in (tree.defs / "sea/harbour").iterdir() if path.is_file()}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_schemas_of_any_shape_have_the_rules_then(tree: Tree, schema: str) -> None:
    harbour(tree, schema)
    before = whole(tree)
    dataset = accepted(tree)
    assert failed_examples(dataset) == []
    model = dataset.schema.pandera
    checks = {name: sorted(str(check.name) for check in column.checks) for name, column in model.columns.items()}
    assert checks["hour"] == ["greater_than_or_equal_to", "less_than_or_equal_to"]
    assert checks["station"] == ["isin"]
    assert not model.columns["note"].nullable
    assert [check.name for check in model.checks] == ["hour_at_most_depth"]
    remarks = [line.partition("#")[2] for line in before["schema.py"].splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in whole(tree)["schema.py"].splitlines() if "#" in line] == remarks


def test_what_stood_there_stays_in_its_place(tree: Tree) -> None:
    harbour(tree, SCHEMAS["in several"])
    accepted(tree)
    assert whole(tree)["schema.py"] == textwrap.dedent('''\
        import pandera.polars as pa
        import polars as pl


        class Schema(pa.DataFrameModel):
            station: str = pa.Field(description="Where", isin=["oslo", "ber\\"gen"])  # the harbour
            hour: pl.Int8 = pa.Field(  # 0 to 23
                description="Local hour",  # of Oslo
                ge=0,
                le=23,
            )
            depth: pl.Int16 = pa.Field(description="m")
            note: str = pa.Field(description="In words", nullable=False)

            @pa.dataframe_check
            def hour_at_most_depth(cls, data: pa.PolarsData) -> pl.LazyFrame:
                """hour is at most depth"""
                return data.lazyframe.select(pl.col("hour") <= pl.col("depth"))
        ''')


@pytest.mark.parametrize("examples", EXAMPLES.values(), ids=EXAMPLES)
def test_examples_of_any_shape_have_the_changes_then(tree: Tree, examples: str) -> None:
    harbour(tree, examples=examples)
    dataset = accepted(tree)
    assert failed_examples(dataset) == []
    assert {one.rule for one in SUGGESTED if one.example} <= set(dataset.examples["reject"])
    assert examples.count("#") == whole(tree)["examples.yaml"].count("#")


def test_lines_end_as_they_did(tree: Tree) -> None:
    harbour(tree)
    for name, text in whole(tree).items():
        (tree.defs / "sea/harbour" / name).write_bytes(text.replace("\n", "\r\n").encode())
    assert failed_examples(accepted(tree)) == []


def test_a_long_list_has_a_line_for_each(tree: Tree) -> None:
    harbour(tree)
    names = ["oslo", *(f"a harbour with the number {number}" for number in range(9))]
    dataset = accepted(tree, [Suggestion("station.isin", ("station",), {"isin": names}, "", "", {"station": "∅"})])
    assert max(map(len, whole(tree)["schema.py"].splitlines())) < 80
    assert failed_examples(dataset) == []


def test_a_text_of_any_kind_is_in_the_schema_as_it_was_delivered(tree: Tree) -> None:
    harbour(tree)
    names = ["oslo", "C:\\", 'C:\\"', "a\\b", "a\\\n", "a\\\r", "a\\\0", "\\\u2028", "\n", " "]
    dataset = accepted(tree, [Suggestion("station.isin", ("station",), {"isin": names}, "", "", {"station": "∅"})])
    [check] = dataset.schema.pandera.columns["station"].checks
    assert set(check.statistics["allowed_values"]) == set(names)
    assert failed_examples(dataset) == []


@given(text=st.text() | st.text(alphabet='\\"\n\r\0a{'))
@example(text="C:\\")
def test_a_text_reads_back_as_it_was(text: str) -> None:
    written = in_python(Suggestion("", ("a",), {"isin": [text], "str_matches": text}, "", "", None))
    call = ast.parse(f"Field({written})", mode="eval").body
    assert isinstance(call, ast.Call)
    assert {one.arg: ast.literal_eval(one.value) for one in call.keywords} == {"isin": [text], "str_matches": text}


def test_what_the_schema_takes_from_elsewhere_is_left_out(tree: Tree) -> None:
    harbour(tree)
    tree.write("sea/harbour/base.py", textwrap.dedent(PLAIN).replace("class Schema", "class Base"))
    tree.write(
        "sea/harbour/schema.py",
        """
        import importlib.util, pathlib
        import pandera.polars as pa

        spec = importlib.util.spec_from_file_location("base_of_harbour", pathlib.Path(__file__).with_name("base.py"))
        base = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(base)

        class Schema(base.Base):
            pass
        """,
    )
    diff, left_out = patch(tree.defs / "sea/harbour", tree.root, SUGGESTED)
    assert left_out == SUGGESTED[:-1]
    assert "hour_at_most_depth" in diff
    assert "isin" not in diff
