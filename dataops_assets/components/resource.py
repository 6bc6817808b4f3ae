"""The lake as a Dagster resource: what a step of ours reads and writes."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from dataops_assets import deployment, settings
from dataops_assets.catalog import is_declared, load_catalog
from dataops_assets.contract import Catalog
from dataops_assets.deployment import Deployment
from dataops_assets.lifecycle.lease import renew
from dataops_assets.storage.lake import Lake


class LakeResource:
    """The zones of the deployment.

    It is no `ConfigurableResource`: the config of a run may replace every field of one, and with it where prod is and who may
    write there.

    Args:
        here: The deployment.
        defs: The folder of the contracts.
    """

    def __init__(self, here: Deployment, defs: Path):
        self.here, self._defs = here, defs

    def lake(self) -> Lake:
        """The zones, seen through the contracts as they are now; an area of its own is in use from then on.

        Raises:
            AreaError: That is in the trash.
            DeploymentError: The folder that providers drop into is not there.
        """
        self.here.require_drops()
        store, base = self.here.datasets
        if self.here.area:
            who = partial(deployment.identity, settings.in_a_bucket(self.here.data))
            renew(store, *self.here.area, who, datetime.now(UTC))
        return Lake(cached_catalog(self._defs), store, self.here.made_by, base, self.here.erasure_key, self.here.drops)

    @property
    def defs(self) -> Path:
        """The folder of the contracts."""
        return self._defs

    @property
    def removes(self) -> bool:
        """Whether anything is ever removed here."""
        return self.here.removes


def defs_root(folder: Path) -> Path:
    """The folder above a dataset's that holds the policy.

    Raises:
        FileNotFoundError: There is none.
    """
    for parent in folder.parents:
        if (parent / "policy.yaml").exists():
            return parent
    raise FileNotFoundError(f"no policy.yaml in any folder above {folder}: write one into defs/")


_catalogs: dict[tuple[Path, tuple[tuple[str, int], ...]], Catalog] = {}


def cached_catalog(defs: Path) -> Catalog:
    """The contracts, read once per process for every state of their files."""
    files = sorted(path for path in defs.rglob("*") if is_declared(path, defs))
    state = (defs, tuple((str(path), path.stat().st_mtime_ns) for path in files))
    if state not in _catalogs:
        _catalogs.clear()
        _catalogs[state] = load_catalog(defs)
    return _catalogs[state]


def loaded_catalog(defs: Path) -> Catalog:
    """The contracts as this process has read them last: a code location that loads asks once for each of its components."""
    return next((catalog for (root, _), catalog in _catalogs.items() if root == defs), None) or cached_catalog(defs)
