"""What a dataset promises, as plain data: no file is read here, and Dagster is not known.

Here: the attributes of `defs.yaml` and `policy.yaml`, their meaning (durations, partitions), the rules that hold
between them, and the errors that name file, line and remedy. Not here: reading files (`catalog.py`), judging data (`gate`).
"""

from dataops_assets.contract.catalog import Catalog
from dataops_assets.contract.correction import Correction
from dataops_assets.contract.dataset import Dataset
from dataops_assets.contract.erasure import Erasure
from dataops_assets.contract.errors import ContractError, Problem
from dataops_assets.contract.model import (
    DatasetAttributes,
    DerivedAttributes,
    IngestedAttributes,
    Reference,
    Severity,
    Source,
)
from dataops_assets.contract.partitions import Grain, Partition, Partitions
from dataops_assets.contract.policy import Policy

__all__ = [
    "Catalog",
    "ContractError",
    "Correction",
    "Dataset",
    "DatasetAttributes",
    "DerivedAttributes",
    "Erasure",
    "Grain",
    "IngestedAttributes",
    "Partition",
    "Partitions",
    "Policy",
    "Problem",
    "Reference",
    "Severity",
    "Source",
]
