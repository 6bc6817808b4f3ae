"""What may stand in `fetch.py`: one good function, and one broken for every rule."""

import pytest

from dataops_assets_tests.contract.broken import Broken, assert_told
from dataops_assets_tests.trees import Tree

FETCH, GOOD = "readings/fetch.py", "def fetch(partition, folder): ...\n"
WRITE = "write `def fetch(partition: str | None, folder: Path) -> None`"
NOT_ALONE = "`fetch` cannot be called with the partition and the folder alone: "
CASES: dict[str, tuple[str, str, str]] = {
    "missing": ("made = 1\n", "there is no function `fetch`", WRITE),
    "of_nothing": ("def fetch(): ...\n", f"{NOT_ALONE}too many positional arguments", WRITE),
    "of_more": ("def fetch(context, partition, folder): ...\n", f"{NOT_ALONE}missing a required argument: 'folder'", WRITE),
    "by_name_alone": ("def fetch(*, partition, folder): ...\n", f"{NOT_ALONE}too many positional arguments", WRITE),
    "the_wrong_way_round": ("def fetch(folder, partition): ...\n", "is given the partition first, and then the folder", WRITE),
    "async": (f"async {GOOD}", "`fetch` brings nothing, because of its `async`", f"{WRITE}, without `async`"),
    "yielding": (GOOD.replace("...", "yield"), "`fetch` brings nothing, because of its `yield`", f"{WRITE}, without `yield`"),
    "async_and_yielding": (f"async {GOOD.replace('...', 'yield')}", "because of its `async`", f"{WRITE}, without `async`"),
}


@pytest.mark.parametrize(("written", "says", "remedy"), [pytest.param(*case, id=name) for name, case in CASES.items()])
def test_mistake_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, written: str, says: str, remedy: str) -> None:
    assert_told(
        tree, Broken((FETCH, "", f"import os\n\n{written}"), says, remedy, at=written if "def" in written else "import")
    )


@pytest.mark.parametrize(
    "arguments", ["partition, folder", "day, target", "partition, folder, tries=3", "*args", "partition, /, folder"]
)
def test_any_function_of_a_partition_and_a_folder_loads(tree: Tree, arguments: str) -> None:
    tree.write(FETCH, f"def fetch({arguments}): ...\n")
    assert tree.catalog()["readings"].fetch
