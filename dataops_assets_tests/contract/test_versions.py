"""The version of a contract: another one if, and only if, it judges otherwise. For attributes, see `test_what_is_judged_by`."""

import textwrap

import pytest

from dataops_assets.components.resource import cached_catalog
from dataops_assets_tests.trees import GOOD, Tree

READINGS, SCHEMA, DAILY = "readings/defs.yaml", "readings/schema.py", "daily/transform.py"


LEFT_BY_TOOLS = (
    ".schema.py.swp",
    "#schema.py#",
    "schema.py~",
    "__pycache__/schema.cpython-311.pyc",
    "__pycache__/more/schema.py",
    ".ipynb_checkpoints/schema-checkpoint.py",
    ".ipynb_checkpoints/defs.yaml",
    ".tool/kept/schema.py",
)
NO_PYTHON = "kept while somebody was ("


def leave_a_lock(tree: Tree) -> None:
    """As Emacs does: a link to a file that never was."""
    (tree.defs / "stations/.#schema.py").symlink_to("someone@somewhere.1234")


def versions(tree: Tree) -> dict[str, str]:
    return {dataset.name: dataset.version for dataset in tree.catalog()}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        pytest.param(READINGS, "owner: lab", "owner: lab  # they measure", id="comment_in_yaml"),
        pytest.param(READINGS, "owner: lab", "owner:   'lab'", id="quotes"),
        pytest.param(READINGS, "key: [station, day, hour]", "key:\n  - station\n  - day\n  - hour", id="list_in_lines"),
        pytest.param(
            READINGS, "  owner: lab\n  readers: [analysts, press]", "  readers: [analysts, press]\n  owner: lab", id="order"
        ),
        pytest.param(SCHEMA, "    hour: pl.Int8", "    # local\n\n    hour: pl.Int8", id="comment_in_python"),
        pytest.param(SCHEMA, '(description="Where")', "(\n        description='Where',\n    )", id="layout_of_python"),
        pytest.param("readings/examples.yaml", "temperature: -3.5", "temperature: 3.5", id="examples"),
        pytest.param("policy.yaml", "raw: 7 years", "raw: 8 years", id="policy"),
    ],
)
def test_version_stays_when_nothing_else_is_promised(tree: Tree, file: str, old: str, new: str) -> None:
    before = versions(tree)
    tree.edit(file, old, new)
    assert versions(tree) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        *(
            pytest.param(READINGS, old, new, "readings", id=new)
            for old, new in [
                ("rows: [0.5, 2]", "null_values: [x]"),
                ("tolerance: 0.5", "tolerance: 0.4"),
            ]
        ),
        pytest.param(SCHEMA, "ge=-60", "ge=-61", "readings", id="a_rule"),
        pytest.param(SCHEMA, "there is a note", "there is some note", "readings", id="a_sentence"),
        pytest.param(DAILY, ".max()", ".min()", "daily", id="a_transform"),
    ],
)
def test_version_changes_with_every_promise(tree: Tree, file: str, old: str, new: str, changed: str) -> None:
    before = versions(tree)
    tree.edit(file, old, new)
    after = versions(tree)
    assert {name for name in before if before[name] != after[name]} == {changed}


def test_version_covers_modules_that_come_to_it(tree: Tree) -> None:
    before = versions(tree)
    tree.write("stations/fetch.py", "def fetch(partition, folder): ...\n")
    assert {name for name, version in versions(tree).items() if version != before[name]} == {"stations"}


def test_version_covers_data_beside_a_transform(tree: Tree) -> None:
    found = [versions(tree)["daily"]]
    for text in (b"code,town\n1,oslo\n", b"code,town\n1,bergen\n", b"\xff\x00"):
        tree.write("daily/codes.csv", text)
        found.append(versions(tree)["daily"])
        tree.write("daily/more/codes.csv", text)
        found.append(versions(tree)["daily"])
    assert len(set(found)) == 7


def test_version_is_of_the_contract_not_of_what_is_written_about_it(tree: Tree) -> None:
    before = versions(tree)
    for file in ("README.md", *LEFT_BY_TOOLS):
        tree.write(f"stations/{file}", NO_PYTHON)
    leave_a_lock(tree)
    assert versions(tree) == before


def test_contracts_are_read_again_when_a_file_of_theirs_changes_and_only_then(tree: Tree) -> None:
    found = cached_catalog(tree.defs)
    for file in LEFT_BY_TOOLS:
        tree.write(f"stations/{file}", NO_PYTHON)
    leave_a_lock(tree)
    assert cached_catalog(tree.defs) is found
    tree.write("daily/codes.csv", "code,town\n1,oslo\n")
    with_data = cached_catalog(tree.defs)
    assert with_data["daily"].version != found["daily"].version
    tree.edit("readings/examples.yaml", "temperature: -3.5", "temperature: 3.5")
    assert cached_catalog(tree.defs)["readings"].examples["good"]["temperature"] == 3.5


def test_version_is_not_of_a_dataset_that_lies_below(tree: Tree) -> None:
    before = versions(tree)
    for file, text in GOOD.items():
        if file.startswith("stations/"):
            tree.write(f"readings/more/{file}".replace("stations/", "places/"), text)
    nested = versions(tree)
    assert {name: nested[name] for name in before} == before
    tree.write("readings/more/places/fetch.py", "def fetch(partition, folder): ...\n")
    assert {name for name, version in versions(tree).items() if version != nested[name]} == {"places"}
    tree.write("readings/more/helper.py", "x = 1\n")
    assert versions(tree)["readings"] != before["readings"]


def test_version_is_of_what_is_said_not_of_where(tree: Tree) -> None:
    before = versions(tree)
    for file, text in GOOD.items():
        if file.startswith("stations/"):
            tree.remove(file)
            tree.write(f"reference/{file}", textwrap.dedent(text))
    assert versions(tree) == before
