"""For assets that are not datasets of ours: published partitions as a LazyFrame."""

from functools import partial

import dagster as dg
import polars as pl

from dataops_assets.components.resource import LakeResource
from dataops_assets.contract import Partition


class LakeIOManager(dg.IOManager):
    """Hands an asset the rows of any dataset of the lake, one scan for however many partitions.

    It loads only: a dataset is published by its own step, after its gate.

    Args:
        lake: The zones.
    """

    def __init__(self, lake: LakeResource):
        self.lake = lake

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """Scan the partitions that a step asks for.

        Raises:
            NotPublished: One of them never passed its gate; the message says which gate, and when it refused.
            KeyError: The asset is no staged or curated dataset of ours.
        """
        zone, name = context.asset_key.path[0], context.asset_key.path[-1]
        lake = self.lake.lake()
        if name not in lake.catalog.datasets or lake.catalog[name].zone != zone:
            raise KeyError(f"{context.asset_key.to_user_string()} is no published dataset: load it by other means")
        keys: list[Partition] = list(context.asset_partition_keys) if context.has_asset_partitions else [None]
        dataset = lake.catalog[name]
        if sides := lake.sides(dataset, keys):
            context.log.info(sides)
        for note in filter(None, lake.store.each(partial(lake.at_a_glance().refused_since, dataset), keys)):
            context.log.warning(note)
        return lake.scan(dataset, keys)

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Accept the empty output of a step that published for itself.

        Raises:
            TypeError: A step returned a value, which would be published without a gate.
        """
        if obj is not None:
            name = context.asset_key.to_user_string() if context.has_asset_key else context.step_key
            raise TypeError(
                f"{name} returned a value: declare it as a DerivedDataset, so that a gate judges it before it is published"
            )
