"""What Terraform makes of a module: a plan, in which every policy stands as AWS would have it. AWS is not asked."""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from dataops_assets_tests.checkout import PROJECT

PROVIDER = """
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "nobody"
  secret_key                  = "nothing"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""


@cache
def plugins() -> Path | None:
    """The folder of providers that this machine has; None leaves it to Terraform to fetch them."""
    for top in (Path("/opt"), Path("/usr/local"), Path("/usr/share"), Path.home()):
        for found in top.glob("*/*/hashicorp/aws"):
            return found.parents[2]
    return None


def planned(module: str, work: Path, variables: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources that a module would make, each with `address` and `values`.

    Args:
        module: Its name, of those below `infra/modules`.
        work: A folder to copy it to.
        variables: Its variables.
    """
    shutil.copytree(
        PROJECT / "infra/modules" / module, work, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".terraform*", "tests")
    )
    (work / "provider_override.tf").write_text(PROVIDER)
    (work / "terraform.tfvars.json").write_text(json.dumps(variables))
    run(work, "init", "-input=false", *([f"-plugin-dir={plugins()}"] if plugins() else []))
    run(work, "plan", "-input=false", "-refresh=false", "-out=plan")
    root = json.loads(run(work, "show", "-json", "plan"))["planned_values"]["root_module"]
    found: list[dict[str, Any]] = root["resources"]
    return found


def run(folder: Path, *words: str) -> str:
    """Run Terraform in a folder.

    Raises:
        AssertionError: It failed; what it says.
    """
    environment = {key: value for key, value in os.environ.items() if key != "TF_CLI_CONFIG_FILE"}
    done = subprocess.run(
        ["terraform", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
