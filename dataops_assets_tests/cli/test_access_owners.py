"""`dataops grants` about who must agree to a change: `.github/CODEOWNERS`."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dataops_assets import catalog
from dataops_assets_tests.cli.granted import commit, told

OWNERS = ".github/CODEOWNERS"
NOTHING = {"Version": "2012-10-17", "Statement": []}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with contracts, in which nobody has access to anything: to evaluate that would take most of the time."""
    shutil.copytree(catalog.DEFS, tmp_path / "package" / "defs", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / OWNERS).parent.mkdir()
    (tmp_path / "infra/access").mkdir(parents=True)
    for environment, account in (("dev", "1" * 12), ("prod", "2" * 12)):
        role = {"arn": f"arn:aws:iam::{account}:role/x-one", "trust": NOTHING, "policies": {}, "boundary": None}
        said: dict[str, Any] = {"environment": environment, "account": account, "prefix": "x", "buckets": {}, "keys": {}}
        said["roles"] = {"x-one": role | {"max_session_seconds": 3600}}
        (tmp_path / f"infra/access/{environment}.json").write_text(json.dumps(said), encoding="utf-8")
    monkeypatch.setattr(catalog, "DEFS", tmp_path / "package" / "defs")
    return tmp_path


def owned(project: Path, *lines: str) -> None:
    """Write who owns what, by lines."""
    (project / OWNERS).write_text("".join(f"{line}\n" for line in ("# Who agrees.", *lines)), encoding="utf-8")


ALL, DOCS, TABLES = "* @x/infra", "/docs/", "/deploy/postgres/ @x/infra @x/data  # both"
MORE = "owned by @x/data and @x/infra and @x/more, @x/data and @x/infra before"


@pytest.mark.parametrize(
    ("lines", "path", "how"),
    [
        ((ALL, DOCS), "/deploy/postgres/", "owned by @x/infra, @x/data and @x/infra before"),
        ((ALL, DOCS, "/deploy/postgres/ @x/infra @x/data @x/more"), "/deploy/postgres/", MORE),
        ((ALL, DOCS, TABLES, "/infra/ @x/data"), "/infra/", "owned by @x/data, @x/infra before"),
        ((ALL, DOCS, TABLES, "/deploy/"), "/deploy/", "owned by nobody, @x/infra before"),
        ((DOCS, TABLES), "*", "owned by nobody, @x/infra before"),
    ],
)
def test_whose_agreement_is_not_asked_for_any_more_is_told(project: Path, lines: tuple[str, ...], path: str, how: str):
    owned(project, ALL, DOCS, TABLES)
    commit(project)
    owned(project, *lines)
    code, gained, lost = told()
    assert (code, lost) == (1, set())
    assert ("whoever changes it", path, how) in gained


def test_a_line_that_comes_last_counts_whatever_stands_before(project: Path):
    owned(project, ALL, DOCS, TABLES)
    commit(project)
    owned(project, DOCS, TABLES, ALL)
    code, gained, lost = told()
    assert (code, lost) == (1, {("whoever changes it", "/docs/", "owned by @x/infra, nobody before")})
    assert gained == {("whoever changes it", "/deploy/postgres/", "owned by @x/infra, @x/data and @x/infra before")}


def test_what_had_no_owner_and_gets_one_is_access_lost(project: Path):
    owned(project, ALL, DOCS)
    commit(project)
    owned(project, ALL, "/docs/ @x/infra")
    assert told() == (0, set(), {("whoever changes it", "/docs/", "owned by @x/infra, nobody before")})


def test_owners_that_change_nothing_are_not_told(project: Path):
    owned(project, ALL, DOCS)
    commit(project)
    owned(project, ALL, "/docs/  # words", "", "/infra/ @x/infra")
    assert told() == (0, set(), set())


def test_of_patterns_it_is_not_known_what_they_fit_so_each_line_that_differs_is_told(project: Path):
    owned(project, ALL, "*.tf @x/infra", DOCS)
    commit(project)
    owned(project, ALL, "*.tf @x/data", DOCS, "/infra/ @x/infra")
    lines = {("*.tf @x/infra", "is gone"), ("*.tf @x/data", "is new"), ("/infra/ @x/infra", "is new")}
    assert told() == (1, {(OWNERS, line, how) for line, how in lines}, set())
    owned(project, ALL, DOCS, "*.tf @x/infra")
    assert told() == (1, {(OWNERS, "*", "in another order")}, set())


def test_without_the_file_nobody_is_asked(project: Path):
    owned(project, ALL)
    commit(project)
    (project / OWNERS).unlink()
    assert told() == (1, {("whoever changes it", "*", "owned by nobody, @x/infra before")}, set())
