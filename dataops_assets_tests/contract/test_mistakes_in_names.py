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
        for name in ("defs.yml", "component.yaml", "component.yml")
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
            ("of_another_package", DAILY, DERIVED, "components.DerivedDataset"),
            ("in_the_plural", READINGS, INGESTED, "dataops_assets.components.IngestedDatasets"),
        )
    },
    # schema.py
    "normalise_as_americans_spell_it": Broken(
        (SCHEMA, "class Schema(", "def normalize(rows):\n    return rows\n\n\nclass Schema("),
        "`normalize` is not used, and there is no `normalise`",
        "rename it to `normalise`; or, if it only helps, to `_normalize`",
        mended="def _normalize(rows):\n    return rows\n\n\nclass Schema(",
    ),
    "delivered_misspelt": Broken(
        (SCHEMA, "class Schema(", "class Delivery(pa.DataFrameModel):\n    station: str\n\n\nclass Schema("),
        "`Delivery` is not used, and there is no `Delivered`",
        "rename it to `Delivered`",
    ),
    "schema_misspelt": Broken(
        (SCHEMA, "class Schema(", "class schema("), "`schema` is not used, and there is no `Schema`", "rename it to `Schema`"
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


def test_component_of_another_package_is_left_to_dagster(tree: Tree) -> None:
    tree.write("other/defs.yaml", "type: dagster.DefsFolderComponent\n")
    assert "other" not in tree.catalog().datasets
