"""Codified edits: what the entries of a `corrections.yaml` are, and what they do to the rows of a partition.

Here: whether an entry fits its dataset, whether two of them collide, what they find and change, and how one is written. Not
here: where a delivery is read, and what becomes of a partition whose corrections fail (`steps`).
"""

from dataops_assets.corrections.identity import id_of, of_partition, version_of
from dataops_assets.corrections.plan import Plan
from dataops_assets.corrections.problems import correction_problems

__all__ = ["Plan", "correction_problems", "id_of", "of_partition", "version_of"]
