"""What infra/github holds, as far as Terraform evaluates it without the provider."""

import shutil
from pathlib import Path
from typing import Any

from dataops_assets_tests.infra.terraform import INFRA, Copy

ROOT = INFRA / "github"


def rules(work: Path) -> dict[str, Any]:
    """The values of rules.tf, by name.

    Args:
        work: An empty folder.
    """
    for name in ("rules.tf", "variables.tf", "terraform.tfvars"):
        shutil.copy(ROOT / name, work)
    names = ("ruleset", "push_ruleset", "workflows", "actions", "labels", "environments", "subjects")
    (work / "told.tf").write_text("\n".join(f'output "{name}" {{\n value = local.{name}\n}}' for name in names))
    alone = Copy(work)
    alone.run(".", "init", "-input=false")
    outputs = alone.shown(".")["planned_values"]["outputs"]
    return {name: output["value"] for name, output in outputs.items()}
