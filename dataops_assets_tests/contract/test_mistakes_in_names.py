"""What is told of a name that is near one of ours, so that what stands there would not be used."""

import pytest

from dataops_assets_tests.contract.broken import DAILY, READINGS, SCHEMA, Broken, assert_told
from dataops_assets_tests.trees import GOOD, Tree

INGESTED, DERIVED = "dataops_assets.components.IngestedDataset", "dataops_assets.components.DerivedDataset"
CASES: dict[str, Broken] = {
    # defs.yaml
    **{
        name: Broken(
            (f"readings/{name}", "", GOOD[READINGS]),
            f"`{name}` is not where a dataset is declared",
            "rename it to defs.yaml",
            at="type:",
            also=((READINGS, "", None),),
        )
        for name in ("defs.yml", "component.yaml")
    },
    **{
        f"type_{name}": Broken(
            (file, f"type: {right}", f"type: {wrong}"),
            f"unknown type `{wrong}`",
            f"did you mean `{right}`?",
            mended=f"type: {right}",
        )
        for name, file, right, wrong in (
            ("without_its_module", READINGS, INGESTED, "IngestedDataset"),
            ("of_the_distribution", READINGS, INGESTED, "dataops-assets.components.IngestedDataset"),
            ("without_a_module", DAILY, DERIVED, "DerivedDataset"),
            ("in_the_plural", READINGS, INGESTED, "dataops_assets.components.IngestedDatasets"),
        )
    },
    # schema.py
    "normalise_as_americans_spell_it": Broken(
        (SCHEMA, "class Schema(", "def normalize(rows):\n    return rows\n\n\nclass Schema("),
        "`normalize` is not used, and there is no `normalise`",
        "rename it to `normalise`",
    ),
    "delivered_misspelt": Broken(
        (SCHEMA, "class Schema(", "class Delivery(pa.DataFrameModel):\n    station: str\n\n\nclass Schema("),
        "`Delivery` is not used, and there is no `Delivered`",
        "rename it to `Delivered`",
    ),
    "schema_misspelt": Broken(
        (SCHEMA, "class Schema(", "class schema("), "`schema` is not used, and there is no `Schema`", "rename it to `Schema`"
    ),
    **{
        f"{kind}_of_a_dataset_that_is_made_here": Broken(
            ("daily/schema.py", "class Schema(", f"{given}\n\n\nclass Schema("),
            f"`{kind}` is not used, since the dataset is made here, not delivered",
            "remove it",
        )
        for kind, given in (
            ("normalise", "def normalise(rows):\n    return rows"),
            ("Delivered", "class Delivered(pa.DataFrameModel):\n    station: str"),
        )
    },
    **{
        f"{name}_where_it_is_not_used": Broken(
            (f"{of}/{name}", "", f"def {name[:-3]}(*all): ...\n"),
            f"`{name}` is not used, since the dataset is {made}",
            "remove it",
        )
        for of, name, made in (("readings", "transform.py", "delivered"), ("daily", "fetch.py", "made here, not delivered"))
    },
    "column_called_as_its_partition_in_capitals": Broken(
        ("daily/schema.py", "    station: str", "    Month: str = pa.Field(nullable=True)\n    station: str"),
        "column `Month` collides with the partition of that name in storage",
        "for instance to `Month_`",
        at="partitions:",
        told_in=DAILY,
    ),
    "columns_that_differ_in_capitals": Broken(
        (SCHEMA, "    station: str", "    STATION: str = pa.Field(nullable=True)\n    station: str"),
        "columns `STATION` and `station` differ in capitals alone",
        "give one of them another name",
        at="station: str",
    ),
    "argument_of_a_field": Broken(
        (SCHEMA, "nullable=True, ge=-60", "nulable=True, ge=-60"),
        "`pa.Field` has no argument `nulable`",
        "did you mean `nullable`?",
    ),
    "argument_of_a_field_unlike_any": Broken(
        (SCHEMA, "le=60", "at_most=60"), "`pa.Field` has no argument `at_most`", "use one of eq, ne, gt, ge, lt, le, in_range"
    ),
    # rules
    **{
        f"rule_{short}": Broken(
            (READINGS, "tolerance: 0.5", f"rules: {{temperature.{short}: warn}}"),
            f"options for the unknown rule `temperature.{short}`",
            f"did you mean `temperature.{long}`?",
            mended=f"rules: {{temperature.{long}: warn}}",
            also=((SCHEMA, "ge=-60, le=60", f"{short}=-60"),),
        )
        for short, long in (
            ("ge", "greater_than_or_equal_to"),
            ("gt", "greater_than"),
            ("le", "less_than_or_equal_to"),
            ("lt", "less_than"),
            ("eq", "equal_to"),
            ("ne", "not_equal_to"),
        )
    },
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in CASES.items()])
def test_mistake_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, broken: Broken) -> None:
    assert_told(tree, broken)


def test_what_is_near_a_name_that_is_there_only_helps(tree: Tree) -> None:
    helps = "def normalised(rows):\n    return rows\n\n\ndef normalise(rows):\n    return normalised(rows)\n\n\nclass Schema("
    tree.edit(SCHEMA, "class Schema(", helps)
    assert tree.catalog()["readings"].normalise


@pytest.mark.parametrize("kind", ["dagster.DefsFolderComponent", "other_team.lib.DerivedDataset"])
@pytest.mark.parametrize("file", ["defs.yaml", "defs.yml", "component.yaml"])
def test_component_of_another_package_is_left_to_dagster(tree: Tree, file: str, kind: str) -> None:
    tree.write(f"other/{file}", f"type: {kind}\n")
    assert "other" not in tree.catalog().datasets


@pytest.mark.parametrize(
    "helps",
    [
        "class Delivery(pa.DataFrameModel):\n    pass\n\n\nclass Schema(Delivery",
        "def normalized(rows):\n    return rows\n\n\nUSED = normalized\n\n\nclass Schema(pa.DataFrameModel",
        "COLUMN = pl.col\n\n\nclass Schema(pa.DataFrameModel",
    ],
)
def test_what_something_uses_may_be_called_nearly_like_ours(tree: Tree, helps: str) -> None:
    tree.edit(SCHEMA, "class Schema(pa.DataFrameModel", helps)
    assert tree.catalog()["readings"].normalise is None


def test_of_what_is_made_here_no_delivery_is_missed(tree: Tree) -> None:
    tree.edit("daily/schema.py", "class Schema(", "def normalized(rows):\n    return rows\n\n\nclass Schema(")
    assert tree.catalog()["daily"].transform


def test_a_model_may_hold_an_expression(tree: Tree) -> None:
    tree.edit(SCHEMA, "    note: str", "    _value = pl.col\n    note: str")
    assert "note" in tree.catalog()["readings"].schema.columns


def test_what_is_used_may_be_called_as_it_likes(tree: Tree) -> None:
    tree.write("readings/transform.py", "LEAST = -60\n")
    tree.edit("readings/schema.py", "ge=-60", "ge=LEAST")
    tree.edit("readings/schema.py", "import polars as pl\n", "import polars as pl\n\nfrom .transform import LEAST\n")
    tree.write("shared.py", "def normalise(text):\n    return text\n")
    tree.edit("daily/schema.py", "import polars as pl\n", "import polars as pl\n\nfrom ..shared import normalise\n")
    tree.catalog()
