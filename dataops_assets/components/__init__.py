"""The Dagster components that turn a contract into assets and checks, and the runs that they take part in.

Only this room and `definitions.py` know Dagster's graph as a whole. What a step does to a partition is in `steps`.
"""

import warnings

import dagster as dg

# Features in beta that we chose knowingly, and hold with tests: checks with partitions, column schemas from pandera.
for _category in (dg.BetaWarning, dg.PreviewWarning):
    warnings.filterwarnings("ignore", category=_category, module=r"dataops_assets\.")

from dataops_assets.components.datasets import DerivedDataset, IngestedDataset  # noqa: E402  (after the filter)

__all__ = ["DerivedDataset", "IngestedDataset"]
