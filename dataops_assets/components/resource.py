"""The lake as a Dagster resource: what a step of ours reads and writes."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import dagster as dg

from dataops_assets.catalog import is_declared, load_catalog
from dataops_assets.contract import Catalog
from dataops_assets.deployment import Deployment
from dataops_assets.storage.lake import Lake


class LakeResource(dg.ConfigurableResource["LakeResource"]):
    """The zones of the deployment.

    Attributes:
        deployment: Its name.
        data: Where they lie.
        prod: Where prod's lie, if this is a branch of it.
        pipeline: Who alone may write here, if this is prod.
        cache: The folder on this machine for drafts and what was read.
        defs: The folder of the contracts.
    """

    deployment: str
    data: str
    prod: str | None
    pipeline: str | None
    cache: str
    defs: str

    @classmethod
    def of(cls, here: Deployment, defs: Path) -> Self:
        """The zones of a deployment, with the contracts of a folder."""
        cache, prod, pipeline = str(here.cache), here.prod, here.pipeline
        return cls(deployment=here.name, data=here.data, prod=prod, pipeline=pipeline, cache=cache, defs=str(defs))

    def lake(self) -> Lake:
        """The zones, seen through the contracts."""
        here = _opened(self.deployment, self.data, self.prod, self.pipeline, Path(self.cache))
        return Lake(cached_catalog(Path(self.defs)), here.store, here.made_by, here.base)


@lru_cache(maxsize=8)
def _opened(*fields: Any) -> Deployment:
    """A deployment, with its connections open: every tick of a sensor asks for it."""
    return Deployment(*fields)


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
