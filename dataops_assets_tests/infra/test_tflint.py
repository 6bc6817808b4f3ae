"""What only tflint holds of infra/: mistakes that Terraform and its provider take are told by the command of .ci/run.

That infra/ itself has none, `.ci/run check` says.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.infra import terraform
from dataops_assets_tests.infra.terraform import Done, Missing

pytestmark = pytest.mark.terraform

FOLDER = "modules/storage"
MISTAKES = {
    "terraform_unused_declarations": 'locals {\n  nobody_reads = "this"\n}\n',
    "terraform_naming_convention": 'output "storageOfAll" {\n  description = "What is there."\n  value       = var.prefix\n}\n',
}
"""By the rule that tells of it."""


@pytest.fixture
def copy(tmp_path: Path) -> terraform.Copy:
    """A copy of infra/ to make mistakes in; without Terraform and Go it is skipped."""
    if not shutil.which("go"):
        pytest.skip("needs Go, which runs tflint: https://go.dev/doc/install")
    try:
        made = terraform.copy(tmp_path)
        made.init(FOLDER)
    except Missing as missing:
        pytest.skip(str(missing))
    return made


def linted(copy: terraform.Copy) -> Done:
    """What tflint says of the folder, in the version and with the rules of .ci/run."""
    (program,) = re.findall(r"go run (github\.com/terraform-linters/tflint@\S+)", (PROJECT / ".ci/run").read_text())
    words = ["go", "run", program, f"--config={copy.root / '.tflint.hcl'}", f"--chdir={copy.root / FOLDER}", "--format=compact"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout + done.stderr)


def test_what_only_tflint_sees_is_told(copy: terraform.Copy) -> None:
    assert linted(copy).code == 0, "without a mistake"
    for rule, written in MISTAKES.items():
        (copy.root / FOLDER / "more.tf").write_text(written)
        for asked in (["fmt", "-check"], ["validate", "-no-color"]):
            done = copy.run(FOLDER, *asked)
            assert done.code == 0, done.out
        done = linted(copy)
        assert done.code, rule
        assert re.findall(r"more\.tf:.*\((\w+)\)", done.out) == [rule], done.out
