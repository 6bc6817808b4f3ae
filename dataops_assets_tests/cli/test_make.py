"""What `make` says before anything is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dataops_assets_tests.checkout import PROJECT


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run make as at a prompt, where no other make is at work."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    shutil.copy(PROJECT / "Makefile", folder)
    shutil.copytree(PROJECT / "locks", folder / "locks")
    shutil.copy(PROJECT / "pyproject.toml", folder)
    return subprocess.run(
        ["make", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def old_python(folder: Path) -> str:
    """A Python that says it is 3.10."""
    script = folder / "python3.10"
    ours = f'exec {sys.executable} -c "import sys; sys.version_info = (3, 10, 0); exec(sys.argv[1])" "$2"'
    script.write_text(f"#!/bin/sh\n{ours}\n")
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("nowhere", "Python 3.11, 3.12 or 3.13 is needed, and nowhere does not run: make PYTHON=python3.11 run"),
        ("old", "is 3.10: make PYTHON="),
    ],
)
def test_a_python_that_will_not_do_is_one_line_with_the_remedy(tmp_path: Path, python: str, told: str):
    done = make(tmp_path, f"PYTHON={old_python(tmp_path) if python == 'old' else python}", "run")
    plan, why = done.stdout.splitlines()[:2], [line for line in (done.stdout + done.stderr).splitlines() if told in line]
    assert plan[0].startswith("delivers a year of flights into data/landing")
    assert "nothing leaves this folder" in plan[1]
    assert len(why) == 1
    assert done.returncode == 2
    assert not (tmp_path / ".venv").exists()
