"""Terraform as tests run it: in a copy of infra/, with the plugins that this machine has, and never against AWS.

Here: the copy, and one command after the other. Not here: what is expected of infra/ (the tests beside).
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3

from dataops_assets_tests.checkout import BIN, PROJECT
from dataops_assets_tests.infra.provider import of_nobody, reattached
from dataops_assets_tests.values import REGION
from infra.written import left_by_terraform

INFRA = PROJECT / "infra"
ENVIRONMENTS = ("dev", "prod")
NEEDED = "needs terraform 1.11 and its plugin hashicorp/aws: https://developer.hashicorp.com/terraform/install"

_PROGRAM = shutil.which("terraform") or shutil.which("tofu")
_SOURCE = re.compile(r'source\s*=\s*"([\w-]+/[\w-]+)"')
NOBODY = """
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
"""
ALONE = "  skip_requesting_account_id  = true\n  allowed_account_ids         = null\n"
_SERVICES = (
    *("athena", "cloudtrail", "cloudwatch", "cloudwatchlogs", "ec2", "ecr", "eks", "events", "glue", "iam", "kms", "rds"),
    *("s3", "s3control", "scheduler", "secretsmanager", "sns", "sqs", "sts"),
)
"""Those that have to be sought at the stand-in: one that is left out would be sought at AWS."""


class Missing(Exception):
    """Something that Terraform needs is not on this machine. The message says what."""


@lru_cache
def _plugins() -> Path | None:
    """The folder of this machine that providers lie in, named by their host; None if there is none: then they are fetched."""
    passed_over, wanted = ["-path", "/tmp", "-o", "-name", ".terraform"], ["-type", "d", "-path", "*/hashicorp/aws"]
    words = ["find", "/", "-xdev", "(", *passed_over, ")", "-prune", "-o", *wanted, "-print", "-quit"]
    found = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    return Path(found[0]).parents[1] if found else None


def plugins_of_this_machine() -> dict[str, str]:
    """What tells Terraform of them where it is not started here."""
    plugins = _plugins()
    return {"TF_CLI_ARGS_init": f"-plugin-dir={plugins.parent}", **reattached(plugins)} if plugins else {}


def folders() -> list[Path]:
    """Every module and root, seen from infra/; what a module is made of belongs to it."""
    found = sorted(path.parent.relative_to(INFRA) for path in INFRA.rglob("versions.tf") if ".terraform" not in path.parts)
    return [folder for folder in found if not any(parent in found for parent in folder.parents)]


@dataclass(frozen=True)
class Done:
    """What a command said."""

    code: int
    out: str

    @property
    def told(self) -> str:
        """The same without frames and the breaks of lines within."""
        return " ".join(self.out.replace("│", " ").split())


@dataclass(frozen=True)
class Copy:
    """A copy of infra/, in which commands may leave what they like."""

    root: Path

    def run(self, folder: Path | str, *words: str) -> Done:
        """Run a command in a folder of it."""
        assert _PROGRAM
        environment = of_nobody() | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        if not (plugins := _plugins()):
            environment["TF_PLUGIN_CACHE_DIR"] = str(self.root / "plugins")
        elif words[0] not in ("fmt", "init"):
            environment |= reattached(plugins)
        done = subprocess.run(
            [_PROGRAM, f"-chdir={self.root / folder}", *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout)

    def init(self, folder: Path | str, *words: str) -> None:
        """Get a folder ready for all other commands.

        Raises:
            Missing: A provider cannot be had.
        """
        plugins = _plugins()
        text = (self.root / folder / "versions.tf").read_text()
        for source in _SOURCE.findall(text):
            if plugins and not (plugins / source).is_dir():
                raise Missing(f"needs the provider {source}, which is not in {plugins}")
        (self.root / "plugins").mkdir(exist_ok=True)
        local = [f"-plugin-dir={plugins.parent}"] if plugins else []
        done = self.run(folder, "init", "-input=false", "-no-color", *local, *words)
        if done.code and not plugins:
            raise Missing(f"{NEEDED}: {done.told[-300:]}")
        assert done.code == 0, done.out

    def plan(self, environment: str) -> dict[str, Any]:
        """What would be made in an environment where nothing is, as Terraform shows it; nobody is asked."""
        folder = f"environments/{environment}"
        self.override(folder, NOBODY + ALONE)
        self.init(folder)
        return self.shown(folder)

    def shown(self, folder: str, *words: str) -> dict[str, Any]:
        """What would be made by a folder that is ready, as Terraform shows it."""
        done = self.run(folder, "plan", "-input=false", "-no-color", "-refresh=false", "-out=plan", *words)
        assert done.code == 0, done.out
        shown: dict[str, Any] = json.loads(self.run(folder, "show", "-json", "plan").out)
        return shown

    def override(self, folder: str, provider: str) -> None:
        """Leave the state in the folder, and say who and where AWS is."""
        text = f'terraform {{\n  backend "local" {{}}\n}}\nprovider "aws" {{{provider}}}\n'
        (self.root / folder / "test_override.tf").write_text(text)

    def lead_to(self, folder: str, address: str) -> None:
        """Let a stand-in be AWS."""
        services = "".join(f'    {service} = "{address}"\n' for service in _SERVICES)
        self.override(folder, f"{NOBODY}  s3_use_path_style = true\n  endpoints {{\n{services}  }}\n")


def copy(to: Path) -> Copy:
    """A copy of infra/.

    Raises:
        Missing: There is no Terraform.
    """
    if not _PROGRAM:
        raise Missing(NEEDED)
    shutil.copytree(INFRA, to / "infra", ignore=left_by_terraform)
    return Copy(to / "infra")


def planned(module: str, variables: Mapping[str, Any], work: Path) -> list[dict[str, Any]]:
    """The resources that a module alone would make, each with `address` and `values`; nobody is asked.

    Args:
        module: Its name.
        variables: Its variables.
        work: A folder for a copy of infra/.

    Raises:
        Missing: There is no Terraform, or no plugin of it.
    """
    made, folder = copy(work), f"modules/{module}"
    (made.root / folder / "test_provider.tf").write_text(f'provider "aws" {{\n  region = "{REGION}"\n{NOBODY}{ALONE}}}\n')
    (made.root / folder / "terraform.tfvars.json").write_text(json.dumps(variables))
    made.init(folder)
    return [*resources(made.shown(folder)["planned_values"]["root_module"])]


def resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All resources of a module that Terraform shows, also those of the modules in it."""
    yield from (found for found in module.get("resources", ()) if found["mode"] == "managed")
    for child in module.get("child_modules", ()):
        yield from resources(child)


@contextmanager
def moto(account: str, log: Path) -> Iterator[str]:
    """The address of a stand-in for AWS, in which one account is: a process, since moto knows but one account in each."""
    words = [str(BIN / "python"), str(Path(__file__).with_name("stand_in.py")), "-H", "127.0.0.1", "-p", "0"]
    environment = os.environ | {"MOTO_ACCOUNT_ID": account}
    with log.open("w") as out, subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, env=environment) as server:
        try:
            yield _address(log, server)
        finally:
            server.terminate()


def _address(log: Path, server: subprocess.Popen[bytes]) -> str:
    while server.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def client(service: str, address: str, region: str) -> Any:
    """A client of a stand-in."""
    return boto3.client(  # type: ignore[call-overload]
        service, endpoint_url=address, region_name=region, aws_access_key_id="none", aws_secret_access_key="none"
    )
