"""What the modules of datasets share and may ask for: whatever can change a verdict is among its grounds, or does not load."""

import ast
import gc
from pathlib import Path

import polars as pl
import pytest

from dataops_assets.components.resource import cached_catalog
from dataops_assets.contract import ContractError
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.contract.broken import SCHEMA, TRANSFORM, Broken, assert_told
from dataops_assets_tests.trees import STATIONS, Tree, readings

SAME = "which is not the same whenever it is asked"
HOLD = "judge and make rows by what they hold"
TYPED = "temperature: float"


def asking(line: str, file: str = SCHEMA, says: str = SAME, remedy: str = HOLD) -> Broken:
    """A line more, at the top of a module."""
    return Broken((file, "import polars as pl\n", f"import polars as pl\n{line}\n"), says, remedy, at=line.splitlines()[-1])


CASES = {
    "today": asking("from datetime import date\nTODAY = date.today()", says="asks for `datetime.date.today`"),
    "now": asking("import datetime as dt\nNOW = dt.datetime.now(dt.UTC)", says="asks for `datetime.datetime.now`"),
    "now_that_is_not_called": asking("from datetime import datetime\nCLOCK = datetime.now"),
    "now_of_anything": asking("import pandas as pd\nNOW = pd.Timestamp.now()", says="asks for `….now`"),
    "everything_of_datetime": asking("from datetime import *\nTODAY = date.today()", says="asks for `datetime.date.today`"),
    "the_clock": asking("from time import time as clock\nNOW = clock()", says="asks for `time`"),
    "the_environment": asking('import os\nLEAST = os.environ.get("LEAST", 0)', says="asks for `os.environ`"),
    "a_variable": asking('from os import getenv\nLEAST = getenv("LEAST")', says="asks for `os.getenv`"),
    "dice": asking("import random\nLEAST = random.random()", says="asks for `random`"),
    "dice_without_a_seed": asking("import random\nLEAST = random.Random(None).random()", says="asks for `random`"),
    "another_program": asking('import subprocess\nLEAST = subprocess.run(["true"])', says="asks for `subprocess`"),
    "the_command_line": asking("import sys\nLEAST = len(sys.argv)", says="asks for `sys.argv`"),
    "the_time_zone_of_the_machine": asking(
        "from datetime import datetime\nFIRST = datetime.fromtimestamp(0)", says="asks for `datetime.datetime.fromtimestamp`"
    ),
    "all_dice": asking("from random import *", says="asks for `random`"),
    "dice_of_numpy": asking("import numpy as np\nLEAST = np.random.default_rng().random()", says="asks for `numpy.random`"),
    "a_hash_that_differs_by_process": asking('LEAST = hash("a")', says="asks for `hash`"),
    "in_a_transform": asking("import uuid\nNAME = uuid.uuid4()", TRANSFORM, "asks for `uuid.uuid4`"),
    "a_sample": Broken((TRANSFORM, "return days.join", "return days.collect().sample(9).join"), "asks for `….sample`", HOLD),
    "a_normalise": Broken(
        (
            SCHEMA,
            "\nclass Schema",
            "def normalise(rows):\n    import time\n    return rows.filter(time.time() > 0)\n\nclass Schema",
        ),
        "asks for `time`",
        HOLD,
        at="return rows.filter",
    ),
    "code_as_text": asking('LEAST = eval("1")', says="`eval` runs code", remedy="import it by its name"),
    "a_module_by_text": asking(
        'import importlib\nUNITS = importlib.import_module("json")',
        says="`importlib` runs code",
        remedy="import it by its name",
    ),
    "the_platform": asking(
        "from dataops_assets.contract import Problem", says="imports `dataops_assets.contract`", remedy="move it below defs/"
    ),
    "the_platforms_defs": asking(
        "import dataops_assets.defs.aviation", says="neither in defs/ nor a library", remedy="write `from ..aviation import …`"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_no_version_tells_of_does_not_load(tree: Tree, name: str) -> None:
    assert_told(tree, CASES[name])


@pytest.fixture
def team_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of a team, where Python finds it."""
    file = tmp_path / "team/team_rules.py"
    file.parent.mkdir()
    file.write_text("LEAST = 0\n")
    monkeypatch.syspath_prepend(file.parent)
    return file


@pytest.mark.usefixtures("team_rules")
def test_module_that_lies_anywhere_does_not_load(tree: Tree) -> None:
    assert_told(
        tree,
        asking(
            "import team_rules",
            says="imports `team_rules`, which is neither in defs/ nor a library",
            remedy="move it below defs/, and write `from ..team_rules import …`; or install it as a library",
        ),
    )


def test_fetch_may_ask_for_all_that(tree: Tree, team_rules: Path) -> None:
    tree.write(
        "readings/fetch.py", "import os, team_rules\n\ndef fetch(partition, folder):\n    print(os.environ, team_rules)\n"
    )
    assert tree.catalog()["readings"].fetch
    tree.write("readings/schema.py", (tree.defs / "readings/schema.py").read_text() + "\nfrom .fetch import os\n")
    with pytest.raises(ContractError, match=r"defs/readings/fetch\.py:1: imports `team_rules`"):
        tree.catalog()


def test_what_is_the_same_whenever_it_is_asked_loads(tree: Tree) -> None:
    imports = "import math\nimport time as clock\nfrom datetime import date, time\n\nimport numpy as np\n"
    said = "NOON = time(12)\nFIRST = date(2024, 1, 1)\nLEAST = np.float64(math.floor(0.5))\nTODAY = pl.col.today\n"
    tree.edit(SCHEMA, "import polars as pl\n", f"{imports}import polars as pl\n{said}ROWS = pl.Series([1]).sample(1, seed=1)\n")
    assert tree.catalog()


@pytest.mark.parametrize(
    "said",
    [
        "class Words:\n    eval: str = 'x'\n    time: str",
        "def called(exec):\n    return exec",
        "import time\nclass Words:\n    time: str",
        "import time\ndef called(time):\n    return time + 1",
        "ROWS = pl.col('a').shuffle(1)",
        "def hash(value):\n    return value\nLEAST = hash(1)",
        "def called(input):\n    return input(1)",
        "import random\nLEAST = random.Random(7).random()",
        "import numpy as np\nLEAST = np.random.default_rng(1).random()",
        "class Calendar:\n    def today(self, day):\n        return day\ncalendar = Calendar()\nFIRST = calendar.today(1)",
        "from datetime import UTC, datetime\nFIRST = datetime.fromtimestamp(0, UTC)",
    ],
)
def test_plain_names_and_seeded_dice_load(tree: Tree, said: str) -> None:
    tree.edit(SCHEMA, "import polars as pl\n", f"import polars as pl\n{said}\n")
    assert tree.catalog()


def shared(tree: Tree) -> Tree:
    """Least and greatest temperature stand in a module that two datasets share, through another one."""
    tree.write("limits.py", "from .units.celsius import COLDEST\n\nLEAST = COLDEST\n")
    tree.write("units/celsius.py", "COLDEST = -60\n")
    tree.edit(SCHEMA, "import polars as pl\n", "import polars as pl\n\nfrom ..limits import LEAST\n")
    tree.edit(SCHEMA, "ge=-60", "ge=LEAST")
    imported = "    from ..units.celsius import COLDEST\n\n"
    tree.edit(
        TRANSFORM, "    days = ", f"{imported}    readings = readings.filter(pl.col('temperature') > COLDEST)\n    days = "
    )
    return tree


def test_shared_module_that_changes_judges_again_by_the_rule_that_it_makes(tree: Tree) -> None:
    shared(tree)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", "2024-01-01.csv", readings("2024-01-01"))
    tree.run()
    assert (tree.read("readings", "2024-01-01").height, tree.pending("raw", "readings")) == (4, [])
    before = {dataset.name: dataset.version for dataset in tree.catalog()}

    tree.write("units/celsius.py", "COLDEST = 2\n")

    after = {dataset.name: dataset.version for dataset in tree.catalog()}
    assert {name for name in after if after[name] != before[name]} == {"readings", "daily"}
    rule = next(rule for rule in compile_rules(tree["readings"]) if rule.name == "temperature.greater_than_or_equal_to")
    assert rule.sentence == "temperature is at least 2"
    assert tree.pending("raw", "readings") == ["2024-01-01"]
    tree.run()
    assert tree.read("readings", "2024-01-01").height == 2


def test_layout_of_a_shared_module_and_one_that_nobody_imports_change_nothing(tree: Tree) -> None:
    shared(tree)
    before = {dataset.name: dataset.version for dataset in tree.catalog()}
    tree.write("units/celsius.py", "# as agreed\nCOLDEST = (-60)\n")
    tree.write("units/fahrenheit.py", "import os\n\nCOLDEST = os.environ\n")
    assert {dataset.name: dataset.version for dataset in tree.catalog()} == before


def test_contracts_are_read_again_when_a_shared_module_changes(tree: Tree) -> None:
    found = cached_catalog(shared(tree).defs)
    tree.write("units/celsius.py", "COLDEST = 2\n")
    assert cached_catalog(tree.defs)["readings"].version != found["readings"].version


def test_two_readings_of_two_folders_share_no_module(tree: Tree, tmp_path: Path) -> None:
    here, there = shared(tree), shared(Tree(tmp_path / "there"))
    there.write("units/celsius.py", "COLDEST = 2\n")
    both = [one.catalog()["readings"] for one in (here, there)]
    assert [next(r.sentence for r in compile_rules(one) if "at least" in r.sentence) for one in both] == [
        "temperature is at least -60",
        "temperature is at least 2",
    ]


def test_what_stands_in_the_init_of_a_package_is_told_to_be_moved(tree: Tree) -> None:
    tree.write("__init__.py", "LEAST = 0\n")
    tree.edit(SCHEMA, "import polars as pl\n", "import polars as pl\n\nfrom .. import LEAST\n")
    with pytest.raises(ContractError, match=r"ImportError[^~]*put it in a module of its own, not in __init__\.py"):
        tree.catalog()


def test_a_transform_outlives_its_catalog(tree: Tree) -> None:
    transform = shared(tree).catalog()["daily"].transform
    gc.collect()
    assert transform
    rows = pl.LazyFrame({"station": ["oslo"], "day": ["2024-01-01"], "temperature": [1.0]})
    made = transform(readings=rows, stations=pl.LazyFrame({"station": ["oslo"], "height": [94]}))
    assert made.collect()["warmest"].to_list() == [1.0]


def test_no_syntax_tree_is_held_once_all_is_read(tree: Tree) -> None:
    def trees() -> int:
        gc.collect()
        return sum(isinstance(one, ast.Module) for one in gc.get_objects())

    before = trees()
    catalog = tree.catalog()
    assert trees() == before
    assert catalog


def test_what_a_shared_module_asks_for_is_told_where_it_stands(tree: Tree) -> None:
    shared(tree).write("units/celsius.py", "import os\n\nCOLDEST = float(os.environ['COLDEST'] if 0 else -60)\n")
    with pytest.raises(ContractError) as caught:
        tree.catalog()
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [("defs/units/celsius.py", 3)]


def test_shared_module_that_cannot_be_imported_is_told_where_it_fails(tree: Tree) -> None:
    shared(tree).write("units/celsius.py", "WARM = 1\nCOLDEST = (\n")
    with pytest.raises(ContractError, match=r"^1 mistake in the contracts:\ndefs/units/celsius\.py:2: SyntaxError: "):
        tree.catalog()
    tree.write("units/celsius.py", "WARM = 1\nCOLDEST = 1 / 0\n")
    with pytest.raises(ContractError, match=r"defs/readings/schema\.py:4: ZeroDivisionError"):
        tree.catalog()


def test_a_check_of_a_shared_model_is_told_where_it_stands(tree: Tree) -> None:
    base = (
        "import pandera.polars as pa\nimport polars as pl\n\n\nclass Warm(pa.DataFrameModel):\n"
        '    @pa.check("temperature", element_wise=True)\n    def warm(cls, value):\n        {said}return 1 / value > 0\n'
    )
    tree.write("common.py", base.format(said=""))
    tree.edit(SCHEMA, "import polars as pl\n", "import polars as pl\n\nfrom ..common import Warm\n")
    tree.edit(SCHEMA, "class Schema(pa.DataFrameModel)", "class Schema(Warm)")
    with pytest.raises(ContractError, match=r"defs/common\.py:6: rule `temperature\.warm` has no sentence"):
        tree.catalog()

    tree.write("common.py", base.format(said='"""in words"""\n        '))
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", "2024-01-01.csv", readings("2024-01-01", {"temperature": 0}))
    *_, refused = tree.run("stations", "readings")
    assert "ZeroDivisionError" in refused.reason
    assert refused.reason.endswith("(defs/common.py:9)")
