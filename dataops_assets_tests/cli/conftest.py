"""What tests of commands share. Not here: what they ask of a project (`granted`)."""

import shutil
from pathlib import Path

import pytest

from dataops_assets import catalog
from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.cli.granted import commit


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that is committed, with the contracts and policies of this one."""
    shutil.copytree(catalog.DEFS, tmp_path / "package" / "defs", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("infra/access", "deploy/rbac"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    commit(tmp_path)
    monkeypatch.setattr(catalog, "DEFS", tmp_path / "package" / "defs")
    return tmp_path
