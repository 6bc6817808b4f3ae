"""The Dagster components that turn a contract into assets and checks, and the runs that they take part in.

Only this room and `definitions.py` know Dagster's graph as a whole. What a step does to a partition is in `steps`.
"""

from dataops_assets.components.datasets import DerivedDataset, IngestedDataset

__all__ = ["DerivedDataset", "IngestedDataset"]
