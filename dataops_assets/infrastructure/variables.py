"""The variables of Terraform that follow from the contracts: who reads, who delivers, how long things are kept, the tables.

They hold no account, no region and no name of a company, so that they are the same for every environment; those are in its
`terraform.tfvars`. Equal contracts give equal bytes.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dataops_assets.contract import Catalog, ContractError, Dataset, Problem
from dataops_assets.contract.model import NOT_SAID
from dataops_assets.contract.policy import Zone
from dataops_assets.infrastructure.quotas import quota_problems, slug
from dataops_assets.infrastructure.tables import table_problems, tables
from dataops_assets.lifecycle.rules import as_terraform, rules
from dataops_assets.lifecycle.table import BUCKETS
from dataops_assets.storage import conformance, layout

FILE = "contracts.auto.tfvars.json"
"""Read by Terraform without being named."""
_ENVIRONMENTS = ("dev", "prod")
_KEPT = {
    "lock_days": "locked",
    "query_results_days": "query_results",
    "logs_days": "logs",
    "images_days": "images",
    "backups_days": "backups",
}
"""What Terraform ends, or has AWS end, and which attribute of `platform` says when."""
_LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""For how long a log group keeps its events. Source: Amazon CloudWatch Logs API, `PutRetentionPolicy`."""
_BACKUP_DAYS = 35
"""For how long at most. Source: Amazon RDS API, `ModifyDBInstance`, BackupRetentionPeriod."""


def files(infra: Path) -> list[Path]:
    """Where the variables lie: one file for each environment."""
    return [infra / "environments" / name / FILE for name in _ENVIRONMENTS]


def as_text(catalog: Catalog) -> str:
    """The content of the file.

    Raises:
        ContractError: AWS cannot express what the contracts say.
    """
    return json.dumps(variables(catalog), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def variables(catalog: Catalog) -> dict[str, Any]:
    """The variables, by name.

    Raises:
        ContractError: AWS cannot express what the contracts say.
    """
    tags = _tags(catalog)
    delivered = _delivered(catalog)
    problems = [*_retention_problems(catalog), *quota_problems(catalog, delivered, tags["readers"], tags["lifecycle"])]
    for dataset in catalog:
        problems += table_problems(dataset)
    try:
        blocks = {bucket: as_terraform(rules(catalog, bucket))["rule"] for bucket in BUCKETS}
    except ContractError as error:
        problems += error.problems
    if problems:
        raise ContractError(problems)
    platform = catalog.policy.platform
    return {
        "lifecycle_rules": blocks,
        "reader_groups": catalog.policy.readers,
        "readers_classes": tags["readers"],
        "lifecycle_classes": tags["lifecycle"],
        "data_providers": {  # `providers` alone is a word of Terraform's own
            name: {"name": _provider(datasets[0]), "landing": sorted({dataset.deliveries for dataset in datasets})}
            for name, datasets in delivered.items()
        },
        "tables": tables(catalog),
        "retention": {name: int(getattr(platform, attribute).days) for name, attribute in _KEPT.items()},
    }


def nobody_delivers(catalog: Catalog) -> list[Problem]:
    """The datasets for which no role is made that may drop into landing, as it is not said yet who delivers."""
    message = f"the provider is `{NOT_SAID}`: no role is made that may drop into landing/"
    remedy = "say who delivers, and run `dataops export infra` again"
    return [
        one.problem(("source", "provider"), f"{message}{one.deliveries}/", remedy)
        for one in _dropped(catalog)
        if slug(_provider(one)) == NOT_SAID
    ]


def _tags(catalog: Catalog) -> dict[str, list[str]]:
    """The values of each tag that the pipeline puts on what it writes, sorted."""
    written = [layout.tags(dataset, zone) for dataset in catalog for zone in _zones(dataset)]
    written += [layout.MARK_TAGS, conformance.TAGS]
    return {key: sorted({tags[key] for tags in written}) for key in ("readers", "lifecycle")}


def _zones(dataset: Dataset) -> tuple[Zone, ...]:
    """Where something of a dataset lies that has tags: what is dropped has none."""
    return ("raw", "staged", "quarantine") if dataset.ingested else ("curated", "quarantine")


def _delivered(catalog: Catalog) -> dict[str, list[Dataset]]:
    """The datasets that each provider drops, by what its role is called; who is asked drops nothing."""
    found: dict[str, list[Dataset]] = {}
    for dataset in _dropped(catalog):
        found.setdefault(slug(_provider(dataset)), []).append(dataset)
    found.pop(NOT_SAID, None)
    return found


def _dropped(catalog: Catalog) -> list[Dataset]:
    return sorted((one for one in catalog if one.ingested and not one.fetch), key=lambda one: one.name)


def _provider(dataset: Dataset) -> str:
    assert dataset.ingested
    return dataset.ingested.source.provider


def _retention_problems(catalog: Catalog) -> Iterator[Problem]:
    platform = catalog.policy.platform
    if platform.logs.days not in _LOG_DAYS:
        nearest = min(_LOG_DAYS, key=lambda days: abs(days - platform.logs.days))
        message = f"`logs`: a log group of CloudWatch keeps nothing for {platform.logs}"
        yield catalog.source.problem(("platform", "logs"), message, f"write `logs: {nearest} days`")
    if platform.backups.days > _BACKUP_DAYS:
        message = f"`backups`: RDS keeps them for {_BACKUP_DAYS} days at most, but it is {platform.backups}"
        yield catalog.source.problem(("platform", "backups"), message, f"write `backups: {_BACKUP_DAYS} days` or less")
