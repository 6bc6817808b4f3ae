"""Every command and snippet of the documentation does what the page says, block by block, in a clone of the project.

A page has a clone of its own, in which the first days of 2013 were delivered and run once; its blocks are run in order, as a
reader would. A block that should fail, or cannot be run here, is marked in the page; every other one must succeed.
"""

import ast
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest
import yaml

from dataops_assets.catalog import load_catalog
from dataops_assets.cli import sample
from dataops_assets_tests import warm
from dataops_assets_tests.checkout import BIN, LAST, PROJECT, Checkout, make_checkout
from dataops_assets_tests.components.scaffolding import TRAINS
from dataops_assets_tests.docs.pages import Block, blocks

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
BLOCKS = [block for page in PAGES for block in blocks(page)]
RUN = [block for block in BLOCKS if block.language and block.mark != "not run"]
LEFT_OUT = {
    "make dev": "serves until it is stopped",
    "make test": "would run itself",
    "make check": "is run by .ci/run",
}
"""Commands of any page that cannot be run here."""
DAYS = ["2013-01-01", "2013-01-02", "2013-01-03", "2013-01-04"]
"""The days that are delivered whole; of the fifth, which is the last, there is no weather."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone in which the first days were delivered and run once."""
    checkout = make_checkout(tmp_path_factory.mktemp("clone"))
    for file in ("Makefile", "locks", "docs", "deploy", "ruff.toml"):
        copy = shutil.copytree if (PROJECT / file).is_dir() else shutil.copy
        copy(PROJECT / file, checkout.root / file)
    shutil.copytree(PROJECT / "infra", checkout.root / "infra", ignore=shutil.ignore_patterns(".terraform"))
    # As after `make install-dev`; not the folder itself, or `make` would install the clone into the environment of the tests.
    (checkout.root / ".venv").mkdir()
    (checkout.root / ".venv/bin").symlink_to(BIN, target_is_directory=True)
    for stamp in (".installed", ".installed-dev"):
        (checkout.root / ".venv" / stamp).touch()
    (checkout.root / "trains.csv").write_text(TRAINS, encoding="utf-8")
    for name, day in [*((name, None) for name in sample.REFERENCES), *itertools.product(sample.DAILY, DAYS), ("flights", LAST)]:
        for file, content in sample.deliveries(name, day):
            path = checkout.root / "data/landing" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    done = checkout.run("dataops", "run")
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


@pytest.fixture(scope="module")
def clones(ran: Checkout, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Checkout]:
    """A clone for every page."""
    found = {}
    for page in {block.page for block in RUN}:
        found[page] = Checkout(tmp_path_factory.mktemp("page") / page)
        shutil.copytree(ran.root, found[page].root, symlinks=True)
    return found


@pytest.mark.parametrize("block", [pytest.param(block, id=f"{block.page}:{block.line}") for block in RUN])
def test_snippet(clones: dict[str, Checkout], block: Block) -> None:
    clone = clones[block.page]
    if block.file:
        write(clone, block)
    else:
        {"sh": run_commands, "python": run_python, "yaml": load_contract, "sql": query, "json": read}[block.language](
            clone, block
        )


def run_commands(clone: Checkout, block: Block) -> None:
    lines = block.text.splitlines(keepends=True)
    script = "".join(line for line in lines if not line.startswith(tuple(LEFT_OUT)))
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=clone.root,
        env=warm.first_in(clone.environment),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    told = done.stdout + done.stderr
    assert "Traceback" not in told
    assert done.returncode == (1 if block.mark == "fails" else 0), told


def run_python(clone: Checkout, block: Block) -> None:
    done = clone.run("python", "-c", block.text)
    assert done.returncode == 0, done.stderr


def write(clone: Checkout, block: Block) -> None:
    """Write the file that a block holds; what has no type stands below the attributes of the file that is there.

    What a page shows of the policy comes to what is there by name.
    """
    path = clone.root / block.file
    path.parent.mkdir(parents=True, exist_ok=True)
    if block.language == "python":
        ast.parse(block.text)
        path.write_text(block.text, encoding="utf-8")
        return
    said = yaml.safe_load(block.text)
    if path.name == "defs.yaml" and "type" not in said:
        before = yaml.safe_load(path.read_text(encoding="utf-8"))
        said = {**before, "attributes": {**before["attributes"], **said}}
    if path.name == "policy.yaml":
        before = yaml.safe_load(path.read_text(encoding="utf-8"))
        said = before | {name: before[name] | more for name, more in said.items()}
    path.write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True), encoding="utf-8")


def load_contract(clone: Checkout, block: Block) -> None:
    """A whole contract in place of the one with the same files to deliver, which is what a page shows."""
    said = yaml.safe_load(block.text)
    files = said["attributes"]["source"]["files"]
    (path,) = [
        path
        for path in (clone.root / "dataops_assets/defs").rglob("defs.yaml")
        if yaml.safe_load(path.read_text(encoding="utf-8"))["attributes"].get("source", {}).get("files") == files
    ]
    path.write_text(block.text, encoding="utf-8")
    load_catalog(clone.root / "dataops_assets/defs")


def query(clone: Checkout, block: Block) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"SET file_search_path = '{clone.root}'")
        assert connection.execute(block.text).fetchall()


def read(clone: Checkout, block: Block) -> None:
    assert json.loads(block.text)


def test_every_block_that_fails_or_is_not_run_says_why() -> None:
    marked = [block for block in BLOCKS if block.mark]
    assert all(block.reason for block in marked)
    nowhere = [block for block in marked if block.mark == "not run" and not block.reason.endswith("test_buckets.py runs it")]
    assert len(nowhere) < len(RUN) / 10


def test_what_has_a_language_is_known_and_what_is_no_command_is_a_drawing() -> None:
    assert {block.language for block in BLOCKS if block.language} <= {"sh", "python", "yaml", "sql", "json"}
    for block in BLOCKS:
        if not block.language:
            assert not re.search(r"^(dataops|dg|make) [a-z]", block.text, re.MULTILINE), f"{block.page}:{block.line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    linked = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in linked if not (page.parent / link).exists()] == []
