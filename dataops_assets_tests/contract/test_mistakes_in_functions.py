"""What functions a dataset may bring along, `normalise`, `transform`, `fetch`: one broken of each for every rule."""

import pytest

from dataops_assets_tests.contract.broken import DAILY, SCHEMA, TRANSFORM, Broken, assert_told
from dataops_assets_tests.trees import Tree

FETCH, GOOD = "readings/fetch.py", "def fetch(partition, folder): ...\n"
WRITE = "write `def fetch(partition: str | None, folder: Path) -> None`"
NOT_ALONE = "`fetch` cannot be called with the partition and the folder alone: "
OF_FETCH: dict[str, tuple[str, str, str]] = {
    "missing": ("made = 1\n", "there is no function `fetch`", WRITE),
    "of_nothing": ("def fetch(): ...\n", f"{NOT_ALONE}too many positional arguments", WRITE),
    "of_more": ("def fetch(context, partition, folder): ...\n", f"{NOT_ALONE}missing a required argument: 'folder'", WRITE),
    "by_name_alone": ("def fetch(*, partition, folder): ...\n", f"{NOT_ALONE}too many positional arguments", WRITE),
    "the_wrong_way_round": ("def fetch(folder, partition): ...\n", "is given the partition first, and then the folder", WRITE),
    "async": (f"async {GOOD}", "`fetch` brings nothing, because of its `async`", f"{WRITE}, without `async`"),
    "yielding": (GOOD.replace("...", "yield"), "`fetch` brings nothing, because of its `yield`", f"{WRITE}, without `yield`"),
    "async_and_yielding": (f"async {GOOD.replace('...', 'yield')}", "because of its `async`", f"{WRITE}, without `async`"),
}
NO_FUNCTION = "`normalise` is no function that gives rows"
CASES: dict[str, Broken] = {
    # transform.py
    "transform_missing": Broken(
        (TRANSFORM, "", None), "transform.py is missing", "write defs/daily/transform.py", told_in=DAILY, at="type:"
    ),
    "transform_without_function": Broken(
        (TRANSFORM, "", "made = 1\n"),
        "there is no function `transform`",
        "write `def transform(readings, stations)`",
        at="made",
    ),
    "transform_arguments": Broken(
        (TRANSFORM, "def transform(readings: pl.LazyFrame, stations: pl.LazyFrame)", "def transform(readings, station)"),
        "transform takes readings, station, but the inputs are readings, stations",
        "name its arguments like the inputs",
        mended="def transform(readings, stations)",
    ),
    "transform_async": Broken(
        (TRANSFORM, "def transform(readings: pl.LazyFrame", "async def transform(readings: pl.LazyFrame"),
        "`transform` gives no rows, because of its `async`",
        "write `def transform(readings, stations)`, without `async`",
        mended="def transform(readings: pl.LazyFrame",
    ),
    **{
        f"normalise_{name}": Broken(
            (SCHEMA, "class Schema", f"{given}\n\n\nclass Schema"),
            said,
            "write `def normalise(rows: pl.LazyFrame) -> pl.LazyFrame`",
            at=at,
            mended="def normalise(rows, more=None):\n    return rows\n\n\nclass Schema",
        )
        for name, given, said, at in (
            ("of_nothing", "def normalise():\n    return 1", "with the rows alone: too many positional arguments", "def norm"),
            ("of_two", "def normalise(rows, x):\n    return 1", "with the rows alone: missing a required argument", "def norm"),
            ("async", "async def normalise(rows):\n    return rows", NO_FUNCTION, "import pand"),
            ("yielding", "def normalise(rows):\n    yield rows", NO_FUNCTION, "import pand"),
            ("no_function", "normalise = 1", NO_FUNCTION, "import pand"),
        )
    },
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in CASES.items()])
def test_mistake_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, broken: Broken) -> None:
    assert_told(tree, broken)


@pytest.mark.parametrize(("written", "says", "remedy"), [pytest.param(*case, id=name) for name, case in OF_FETCH.items()])
def test_mistake_in_fetch_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, written: str, says: str, remedy: str) -> None:
    assert_told(
        tree, Broken((FETCH, "", f"import os\n\n{written}"), says, remedy, at=written if "def" in written else "import")
    )


@pytest.mark.parametrize(
    "arguments", ["partition, folder", "day, target", "partition, folder, tries=3", "*args", "partition, /, folder"]
)
def test_any_function_of_a_partition_and_a_folder_loads(tree: Tree, arguments: str) -> None:
    tree.write(FETCH, f"def fetch({arguments}): ...\n")
    assert tree.catalog()["readings"].fetch
