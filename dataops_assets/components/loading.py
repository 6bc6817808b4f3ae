"""Loads a folder of components as Dagster's `load_from_defs_folder` does, without what a page of Dagster's UI alone shows.

For Components → Library, Dagster makes the JSON schema and a sample of each component type that is installed, at each load and
in each run. All are Dagster's own, which its documentation shows as well.

Not here: what a component becomes (`datasets`, `assets`), and what every deployment has beside it (`definitions`).
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import dagster as dg

from dataops_assets.components.dagster_private import keep_declarations
from dataops_assets.garbage import uncollected


def load_components(module: ModuleType) -> dg.Definitions:
    """Definitions of all components in a folder, which know the tree that they come from.

    Args:
        module: The package that the folder is, in a package in the root of the project.
    """
    folder = Path(module.__path__[0])
    tree = dg.ComponentTree.from_module(module, folder.parents[1])
    keep_declarations(tree)
    return dg.Definitions.merge(tree.build_defs(folder), dg.Definitions(component_tree=tree))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Neither a look for garbage nor a word on what of Dagster is in beta."""
    with uncollected(), warnings.catch_warnings():
        for category in (dg.BetaWarning, dg.PreviewWarning):
            warnings.simplefilter("ignore", category)
        yield
