"""What Terraform plans, and how a plan is gone through.

Terraform plans in a copy, without state and without AWS: all policies are made from names, so they are known before anything
is made. What is not known then is an error. Not here: what may be written in infra/ at all (`written`), what a plan may hold
(`kinds`), and what it comes to (`render`).

Source of the format: Terraform, "JSON Output Format", "Values Representation" and "Configuration Representation".
"""

import difflib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra import written
from infra.written import NotRendered

_OVERRIDE = """\
terraform {
  backend "local" {}
}
provider "aws" {
  allowed_account_ids         = null
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
}
"""
"""In place of the real backend and credentials: a plan of what is not there yet asks nobody."""
_DECLARED = re.compile(r'^variable "(\w+)"', re.MULTILINE)
_GIVEN = re.compile(r"(\w+)\s*=")
Plan = dict[str, Any]
Resource = dict[str, Any]
"""As a plan says it, and the plan itself as `plan`: what its configuration says of the resource stands there."""


def plan(environment: str, infra: Path) -> list[Plan]:
    """What Terraform would make of an environment, as its JSON says it, and of the bucket of its states: two roots.

    Args:
        environment: Its name, a folder of `environments/`.
        infra: The folder that holds `bootstrap/`, `environments/` and `modules/`.

    Raises:
        NotRendered: Terraform refuses, or something is written that a plan would not show.
    """
    only_declared(infra / "environments" / environment)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "infra"
        written.copy(infra, place)
        return [_plan(place, root, environment) for root in (f"environments/{environment}", "bootstrap")]


def _plan(infra: Path, root: str, environment: str) -> Plan:
    folder = infra / root
    values = os.path.relpath(infra / "environments" / environment / "terraform.tfvars", folder)
    (folder / "render_override.tf").write_text(_OVERRIDE, encoding="utf-8")
    terraform(folder, "init", "-input=false", "-no-color")
    asked = ("-input=false", "-no-color", "-refresh=false", "-lock=false", "-compact-warnings", f"-var-file={values}")
    terraform(folder, "plan", *asked, "-out=plan")
    shown: Plan = json.loads(terraform(folder, "show", "-json", "plan"))
    return shown


def only_declared(root: Path) -> None:
    """Refuse values of no variable: Terraform passes them over, with a warning.

    Raises:
        NotRendered: There is one.
    """
    known = [name for file in sorted(root.glob("*.tf")) for name in _DECLARED.findall(file.read_text(encoding="utf-8"))]
    for number, line in enumerate((root / "terraform.tfvars").read_text(encoding="utf-8").splitlines(), 1):
        if (given := _GIVEN.match(line)) and given[1] not in known:
            near = difflib.get_close_matches(given[1], known, 1)
            remedy = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"
            raise NotRendered(f"{root.name}/terraform.tfvars:{number}: no variable is called `{given[1]}`: {remedy}")


def terraform(folder: Path, *command: str) -> str:
    """What a command of Terraform says in a folder.

    Raises:
        NotRendered: It fails.
    """
    environment = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    done = subprocess.run(["terraform", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotRendered(f"terraform {command[0]} in {folder.name}:\n{done.stderr or done.stdout}")
    return done.stdout


def resources(planned: Plan) -> list[Resource]:
    """All that a plan would make, in whatever module."""

    def within(module: dict[str, Any]) -> Iterator[Resource]:
        yield from (one | {"plan": planned} for one in module.get("resources", ()) if one["mode"] == "managed")
        for inner in module.get("child_modules", ()):
            yield from within(inner)

    return list(within(planned["planned_values"]["root_module"]))


def configured(planned: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    """All blocks that the configuration has in whatever module, each with its address: also those of which nothing is made."""

    def within(module: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        yield from ((f"{path}{block['address']}", block) for block in module.get("resources", ()))
        for name, call in module.get("module_calls", {}).items():
            yield from within(call["module"], f"{path}module.{name}.")

    return within(planned["configuration"]["root_module"], "")


def module_of(one: Resource) -> str:
    """What the address of a resource begins with, of the module that it is in; empty for the root."""
    return str(one["address"]).rpartition(f"{one['type']}.{one['name']}")[0]


def known(one: Resource, attribute: str, **default: Any) -> Any:
    """A value of a resource.

    Raises:
        NotRendered: It is not known before something is made, or not said.
    """
    if one["values"].get(attribute) is None and not default:
        raise NotRendered(f"{one['address']}: `{attribute}` is not known before it is made: make it from names, not from .arn")
    return one["values"].get(attribute)


def expressions(one: Resource) -> dict[str, Any]:
    """What the configuration says of a resource, by argument: a value that is not planned may not be said, or not be known."""
    path = re.sub(r"\[[^]]*\]", "", module_of(one))
    blocks = dict(configured(one["plan"]))
    said: dict[str, Any] = blocks[f"{path}{one['type']}.{one['name']}"]["expressions"]
    return said
