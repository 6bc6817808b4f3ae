"""Whoever adopts this writes values of his own, renders, and has to change no test: done here with values that are unlike ours.

Run are the tests that ask what is rendered and cost little. That no other names a value of the example: `test_values`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dataops_assets_tests import values
from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.infra import terraform
from dataops_assets_tests.infra.terraform import ENVIRONMENTS, Copy

REPOSITORY = {"owner": "Acme-Corp", "owner_id": "73106", "repository": "flight.lake", "repository_id": "907345118"}
THEIRS: dict[str, Any] = {
    "prefix": "acme-data",
    "region": "us-east-2",
    "accounts": {"dev": "482159036417", "prod": "905173628840"},
    "github": REPOSITORY,
    "people": {"issuer": "login.acme.example.org/realms/data", "audiences": {"engineer": "0oa8fq2x"}},
    "alarm_email": "on-call@acme.example.org",
    "reached_from": ["192.0.2.0/24"],
}
COPIED = (".ci", ".github", "dataops_assets", "dataops_assets_tests", "deploy", "docs", "infra", "README.md", "pyproject.toml")
TESTS = (
    "infra/test_values.py",
    "infra/test_web_identity.py",
    "workflows/test_analyzed.py",
    "workflows/test_codeowners.py",
    "workflows/test_trusted.py",
    "policy/matrix/test_matrix.py",
)


def write(file: Path, said: dict[str, Any]) -> None:
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in said.items()), encoding="utf-8")


@pytest.fixture
def theirs(infra: Copy, tmp_path: Path) -> Path:
    """A clone with the values of others, by the first step of infra/README.md; without Terraform it is skipped."""
    for name in COPIED:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", ".terraform*"))
        else:
            shutil.copy(PROJECT / name, tmp_path / name)
    for name in ENVIRONMENTS:
        write(tmp_path / f"infra/environments/{name}/terraform.tfvars", values.of(f"environments/{name}") | THEIRS)
    write(tmp_path / "infra/github/terraform.tfvars", values.of("github") | {"github": REPOSITORY})
    for root, name in (("environments/dev", "dev"), ("environments/prod", "prod"), ("github", "prod")):
        file = tmp_path / "infra" / root / "backend.hcl"
        said = values.read(file.read_text(encoding="utf-8"))
        write(file, said | {"bucket": f"acme-data-state-{name}", "region": "us-east-2"})
    owners = tmp_path / ".github/CODEOWNERS"
    owners.write_text(owners.read_text(encoding="utf-8").replace(f"@{values.OWNER}/", "@Acme-Corp/"), encoding="utf-8")
    return tmp_path


@pytest.mark.terraform
def test_whoever_has_other_values_changes_no_test(theirs: Path) -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_", "PYTEST_"))}
    environment = ours | terraform.plugins_of_this_machine() | {"PYTHONPATH": str(theirs)}
    tests = [f"dataops_assets_tests/{name}" for name in TESTS]
    for command in (["infra/render.py"], ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]):
        done = subprocess.run(
            [sys.executable, *command], cwd=theirs, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    rendered = "".join(file.read_text(encoding="utf-8") for file in (theirs / "infra/access").glob("*.json"))
    assert "acme-data-pipeline" in rendered
    before = (values.PREFIX + "-", *values.ACCOUNTS.values(), values.PEOPLE, values.REGION, values.REPOSITORY_ID)
    left = [str(one) for one in before if one in rendered]
    assert left == [], "of the values before, that stand in no file which the guide names"
