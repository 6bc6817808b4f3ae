"""Which commit the code is, and what is no more just that."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataops_assets import checkout


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout of one commit, from which this process has its code, as it believes; its one module."""
    module = tmp_path / "checkout/dataops_assets/module.py"
    module.parent.mkdir(parents=True)
    module.write_text("1")
    (tmp_path / "checkout/pyproject.toml").touch()
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "one"]):
        git(module, *command)
    monkeypatch.setattr(checkout, "PROJECT", tmp_path / "checkout")
    monkeypatch.setattr(checkout, "_BEGAN", time.time() + 0.05)
    monkeypatch.setattr(checkout, "_CODE", ("dataops_assets",))
    checkout._checked_out.cache_clear()
    yield module
    checkout._checked_out.cache_clear()


def git(module: Path, *command: str) -> str:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
    asked = ["git", "-C", str(module.parent.parent), *who, *command]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def code_now(built_from: str | None = None) -> tuple[str | None, bool | None]:
    checkout._checked_out.cache_clear()
    return checkout.code(built_from)


def test_code_is_that_of_a_commit(module: Path) -> None:
    assert code_now() == (git(module, "rev-parse", "HEAD"), True)
    module.write_text("2")
    assert code_now() == (git(module, "rev-parse", "HEAD"), False)


@pytest.mark.parametrize(
    "overlook",
    [
        ["update-index", "--assume-unchanged", "dataops_assets/module.py"],
        ["update-index", "--skip-worktree", "dataops_assets/module.py"],
    ],
)
def test_change_that_git_was_told_to_overlook_is_one(module: Path, overlook: list[str]) -> None:
    git(module, *overlook)
    module.write_text("2")
    assert git(module, "status", "--porcelain") == ""
    assert code_now() == (git(module, "rev-parse", "HEAD"), False)


@pytest.mark.parametrize("overlook", ["config", "exclude"])
def test_file_that_git_was_told_to_overlook_is_a_change(module: Path, overlook: str) -> None:
    if overlook == "config":
        git(module, "config", "status.showUntrackedFiles", "no")
    else:
        (module.parent.parent / ".git/info/exclude").write_text("extra.py\n")
    (module.parent / "extra.py").write_text("1")
    assert git(module, "status", "--porcelain") == ""
    assert code_now() == (git(module, "rev-parse", "HEAD"), False)


def test_code_that_was_committed_after_it_was_loaded_is_not_what_runs(module: Path) -> None:
    time.sleep(0.1)
    module.write_text("2")
    git(module, "commit", "--quiet", "--all", "--message", "two")
    assert code_now() == (git(module, "rev-parse", "HEAD"), False)


def test_checkout_that_git_does_not_explain_is_of_no_commit(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(module.parent))  # no git there
    assert code_now("ab" * 20) == (None, None)
