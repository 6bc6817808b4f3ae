"""Which deployment this is. The only module that reads the environment.

Today there is one, `local`: a folder beside the project. An unknown or incomplete one fails at once, naming the variable.
"""

import getpass
import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from dataops_assets.storage.folder import Folder
from dataops_assets.storage.provenance import MadeBy

PROJECT = Path(__file__).parent.parent
"""The checkout, when the package runs from one."""


class DeploymentError(Exception):
    """The environment does not describe a deployment. The message names the variable and how to set it."""


@dataclass(frozen=True)
class Deployment:
    """Where this process reads and writes.

    Attributes:
        name: `local`.
        data: The folder that holds every zone.
        dagster_home: The folder of the Dagster instance, or None: then the `dagster.yaml` of the working directory counts.
        ui: The address of the Dagster UI, for links.
    """

    name: str
    data: Path
    dagster_home: Path | None
    ui: str

    @property
    def store(self) -> Folder:
        """The store that holds every zone."""
        return Folder(self.data)


def made_by(environment: Mapping[str, str] = os.environ) -> MadeBy:
    """Who runs this process, and which code it is.

    Variables: `DATAOPS_COMMIT` and `DATAOPS_IMAGE` (an image knows them; a checkout asks git), and who is logged in.
    """
    try:
        identity = f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):  # a user without a name
        identity = f"{os.getuid()}@{socket.gethostname()}"
    given, image = environment.get("DATAOPS_COMMIT"), environment.get("DATAOPS_IMAGE")
    commit, clean = (given, True) if given else _checked_out()
    return MadeBy(identity=identity, version=version("dataops_assets"), git_commit=commit, clean=clean, image=image)


@lru_cache(maxsize=1)
def _checked_out() -> tuple[str | None, bool | None]:
    """The commit of the checkout, and whether the code is just that; as it was when this process first asked."""
    if not (PROJECT / "pyproject.toml").exists():
        return None, None
    asked = [
        "git",
        "-C",
        str(PROJECT),
        "status",
        "--porcelain=v2",
        "--branch",
        "--",
        "dataops_assets",
        "locks",
        "pyproject.toml",
    ]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return None, None
    commits = [line.split()[-1] for line in told if line.startswith("# branch.oid ")]
    changes = [line for line in told if not line.startswith("#")]
    return (commits[0] if commits and commits[0] != "(initial)" else None), not changes


def current(environment: Mapping[str, str] = os.environ) -> Deployment:
    """The deployment that the environment describes.

    Variables: `DATAOPS_DEPLOYMENT` (default `local`), `DATAOPS_DATA` (the folder of all data; default `data/` in the checkout,
    or in the working directory where the package is installed), `DAGSTER_HOME`, `DATAOPS_UI` (default that of `make dev`).

    Raises:
        DeploymentError: A variable has a value that means nothing.
    """
    name = environment.get("DATAOPS_DEPLOYMENT", "local")
    if name != "local":
        raise DeploymentError(f"DATAOPS_DEPLOYMENT is {name!r}, which is no deployment: unset it, or write `local`")
    given = environment.get("DATAOPS_DATA")
    base = PROJECT if (PROJECT / "pyproject.toml").exists() else Path.cwd()
    data = Path(given).expanduser().absolute() if given else base / "data"
    home = environment.get("DAGSTER_HOME")
    ui = environment.get("DATAOPS_UI", "http://127.0.0.1:3000").rstrip("/")
    return Deployment(name, data, Path(home) if home else None, ui)
