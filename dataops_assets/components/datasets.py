"""`IngestedDataset` and `DerivedDataset`: the components that a `defs.yaml` names as its type."""

from pathlib import Path
from typing import Self

import dagster as dg
from pydantic import BaseModel

from dataops_assets.components.assets import dataset_definitions
from dataops_assets.components.resource import defs_root, loaded_catalog
from dataops_assets.components.scaffold import DerivedScaffolder, IngestedScaffolder
from dataops_assets.contract import DerivedAttributes, IngestedAttributes


class _DatasetComponent(dg.Component):
    """What both kinds share: the contract is the catalog's, read with lines and checked against all others."""

    attributes: type[BaseModel]

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return cls.attributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        return cls()

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        folder = Path(context.path)
        catalog = loaded_catalog(defs_root(folder))
        return dataset_definitions(catalog, catalog[folder.name])


@dg.scaffold_with(IngestedScaffolder)
class IngestedDataset(_DatasetComponent):
    """A dataset that a provider delivers: landing → raw → staged, with quarantine and two gates.

    Its scaffold needs `--sample FILE --owner TEAM --readers GROUP,GROUP`; the rest is inferred, or taken from policy.yaml.
    """

    attributes = IngestedAttributes


@dg.scaffold_with(DerivedScaffolder)
class DerivedDataset(_DatasetComponent):
    """A dataset that a function makes from others: gated on its way out like a delivery on its way in.

    Its scaffold needs `--inputs DATASET,DATASET --owner TEAM`; readers, classification and partitions follow from the inputs.
    """

    attributes = DerivedAttributes
