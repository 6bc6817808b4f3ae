"""Which deployment this is. The only module that reads the environment.

Today there is one, `local`: a folder beside the project. An unknown or incomplete one fails at once, naming the variable.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dataops_assets.storage.folder import Folder

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
