"""What may be written in infra/, where no plan would show it: which files, and which blocks, functions and providers in them.

A plan is made from nothing, in a copy, with an override in place of the real provider. So what Terraform reads and no plan
shows is found in the text, and refused; and code may not ask where or when it runs, or it could be planned otherwise than it is
applied. The text is not parsed: what looks like one of these is refused in a comment, too. `moved` is let be: what is moved is
planned as what it becomes. Not here: what a plan shows (`kinds`).

Source of the forms: HashiCorp, "Terraform Language", "Files and Configuration Structure" and "Syntax".
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

FOLDERS = ("bootstrap", "environments", "modules")
"""Of infra/, what an environment is planned from."""
_LEFT = re.compile(r"\.terraform|\.terraform\.lock\.hcl|.*\.tfstate(\.\d+)?(\.backup|\.lock\.info)?|.*\.tfplan")
_CODE = re.compile(r"[\w-]+\.tf")
_OVERRIDES = re.compile(r"(.+_)?override\.tf(\.json)?")
_OF_ENVIRONMENTS = frozenset({"README.md", "backend.hcl", "contracts.auto.tfvars.json", "terraform.tfvars"})
_TESTS = re.compile(r"\w+\.tftest\.hcl")
_GAP = r"(?:\s|/\*.*?\*/|(?:\#|//)[^\n]*\n)*+"
"""What may stand between two words of a block or a call."""
_LABEL = rf'(?:{_GAP}(?:"[^"\n]*"|[\w-]++))'
_UNSHOWN = {
    "removed": "what its provisioners run, and what it leaves at AWS, no plan from nothing shows: remove the resource alone",
    "import": "what it takes over no plan from nothing shows: `terraform import` does it, by hand",
    "check": "what it asks no plan shows: leave it out",
    "action": "what it does no plan shows: leave it out",
    "ephemeral": "what it asks no plan shows: pass it in as a value",
    "cloud": "states lie in the bucket of bootstrap: leave it out",
}
_FOUND = re.compile(rf"(?<![\w.-])({'|'.join(_UNSHOWN)})\b{_LABEL}{{0,2}}{_GAP}\{{", re.DOTALL)
_ASKS = re.compile(
    rf"\b(?:(?:file\w*|templatefile|abspath|pathexpand|timestamp|plantimestamp){_GAP}\(|path{_GAP}\.{_GAP}(?:root|module|cwd)\b"
    rf"|terraform{_GAP}\.{_GAP}(?:workspace|env|applying)\b)",
    re.DOTALL,
)
_IGNORES = re.compile(r"\bignore_changes\b(?! = \[scaling_config\[0\]\.desired_size\])")
"""All but how many machines there are: what is ignored is planned, and AWS is never told it."""
_DYNAMIC = re.compile(rf'(?<![\w.-])dynamic{_GAP}"?([^"\s{{]*)"?{_GAP}\{{', re.DOTALL)
_MADE_OF_MANY = frozenset(
    {"abort_incomplete_multipart_upload", "advanced_event_selector", "and", "columns", "expiration"}
    | {"noncurrent_version_expiration", "partition_keys", "rule", "statement", "transition"}
    | {"bypass_actors", "deployment_branch_policy", "required_check", "reviewers"}
)
"""Blocks that may be dynamic: a plan's configuration leaves those out, so that `kinds` would not see them."""
_ACTS = re.compile(rf"(?<![\w.-])(provider|backend)\b{_LABEL}{{1,2}}{_GAP}\{{", re.DOTALL)
_OF_OURS = "region = var.region allowed_account_ids = [var.accounts[var.environment]]"
_AS_OURS = (
    'backend "s3" {}',
    f'provider "aws" {{ {_OF_OURS} }}',
    f'provider "aws" {{ {_OF_OURS} default_tags {{ tags = {{ environment = var.environment made-by = "terraform" }} }} }}',
    'provider "github" { owner = var.github.owner }',
)
"""Who acts, where, and where states lie. The tags are those of every role, too, and a role's tags are its sessions'."""


class NotRendered(Exception):
    """Something that does not say who may do what, or that could let somebody do more unseen."""


def left_by_terraform(_folder: str, names: Iterable[str]) -> set[str]:
    """What Terraform itself writes into a folder, and git does not have; as `shutil.copytree` asks for what to pass over."""
    return {name for name in names if _LEFT.fullmatch(name)}


def copy(infra: Path, to: Path) -> None:
    """Copy what an environment is planned from.

    Raises:
        NotRendered: There is a file or a text that no plan would show.
    """
    for name in FOLDERS:
        if (infra / name).exists():
            shutil.copytree(infra / name, to / name, ignore=left_by_terraform)
    # Of the copy, in which links are what they lead to.
    for path in sorted(path for path in to.rglob("*") if path.is_file()):
        if not (path.name in _OF_ENVIRONMENTS or _TESTS.fullmatch(path.name)):
            code(path, str(path.relative_to(to)))


def code(path: Path, name: str) -> None:
    """Refuse a file of code that is called, or holds, what no plan would show.

    Args:
        path: Where it is.
        name: How it is told.

    Raises:
        NotRendered: It is.
    """
    if _OVERRIDES.fullmatch(path.name):
        raise NotRendered(f"{name}: what it overrides is planned as if it were not there: write it where it is said first")
    if not _CODE.fullmatch(path.name):
        raise NotRendered(f"{name}: it is not known what this tells Terraform: say it in a file of *.tf")
    text = path.read_text(encoding="utf-8")

    def at(place: int) -> str:
        return f"{name}:{text.count(chr(10), 0, place) + 1}"

    for found in _FOUND.finditer(text):
        raise NotRendered(f"{at(found.start())}: `{found[1]}`: {_UNSHOWN[found[1]]}")
    for found in _ASKS.finditer(text):
        said = " ".join(found[0].split()).rstrip("( ")
        raise NotRendered(
            f"{at(found.start())}: by `{said}` it could be planned otherwise here than it is applied: pass in a value"
        )
    for found in _IGNORES.finditer(text):
        remedy = "leave it out, or list it in infra/written.py where nobody may do more by it"
        raise NotRendered(f"{at(found.start())}: by `ignore_changes` AWS is not told what is planned: {remedy}")
    for found in _DYNAMIC.finditer(text):
        if found[1] not in _MADE_OF_MANY:
            remedy = "write it as it is, or list it in infra/written.py where nobody may do more by it"
            raise NotRendered(f"{at(found.start())}: a dynamic `{found[1]}` stands in no plan's configuration: {remedy}")
    for found in _ACTS.finditer(text):
        said = " ".join(re.sub(r"\s#.*", "", text[found.start() :]).split())
        if not said.startswith(_AS_OURS):
            ours = "; ".join(one for one in _AS_OURS if one.startswith(found[1]))
            raise NotRendered(f"{at(found.start())}: it says who acts, and where, in another way than infra/written.py: {ours}")
