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


def test_component_of_another_package_is_left_to_dagster(tree: Tree) -> None:
    tree.write("other/defs.yaml", "type: dagster.DefsFolderComponent\n")
    assert "other" not in tree.catalog().datasets
