"""What Terraform makes of the contracts: of those that are committed, and of a thousand datasets and fifty reader groups.

The quotas that are told when the contracts are exported are held against the policies themselves.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from dataops_assets.infrastructure import quotas
from dataops_assets.infrastructure.variables import variables
from dataops_assets_tests.infrastructure.rendered import planned
from dataops_assets_tests.infrastructure.scale import SAMPLE, company

pytestmark = pytest.mark.terraform

PREFIX = "x" * quotas.PREFIX_CHARACTERS
ACCOUNTS = {"dev": "111111111111", "prod": "222222222222"}
CATALOG = {"prefix": PREFIX, "kms_key_arn": "arn:aws:kms:eu-central-1:222222222222:key/00000000-0000-0000-0000-000000000000"}
IDENTITIES = {
    "prefix": PREFIX,
    "region": "eu-central-1",
    "accounts": ACCOUNTS,
    "github": {"owner": "company", "repository": "data"},
    "people": {"issuer": "people.example.com"},
}


def tables(told: dict[str, Any], work: Path) -> list[dict[str, Any]]:
    asked = {name: told[name] for name in ("tables", "reader_groups")}
    made = planned("catalog", work, CATALOG | asked | {"query_results_days": told["retention"]["query_results_days"]})
    return [one for one in made if one["type"] == "aws_glue_catalog_table"]


def policies(told: dict[str, Any], environment: str, work: Path) -> dict[str, str]:
    asked = {name: told[name] for name in ("reader_groups", "readers_classes", "lifecycle_classes", "data_providers")}
    made = planned("identities", work, IDENTITIES | asked | {"environment": environment})
    return {str(one["index"]): one["values"]["policy"] for one in made if one["type"] == "aws_iam_role_policy"}


def test_every_published_dataset_is_a_table_with_the_columns_of_its_contract(tmp_path: Path) -> None:
    made = {table["values"]["name"]: table["values"] for table in tables(variables(SAMPLE), tmp_path)}
    assert made.keys() == SAMPLE.datasets.keys()
    for dataset in SAMPLE:
        [storage] = made[dataset.name]["storage_descriptor"]
        assert storage["location"] == f"s3://{PREFIX}-prod/{dataset.zone}/{dataset.name}/"
        assert [column["name"] for column in storage["columns"]] == list(dataset.schema.columns)


def test_a_thousand_datasets_are_as_many_tables(tmp_path: Path) -> None:
    assert len(tables(variables(company()), tmp_path)) == 1000


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_no_policy_of_a_thousand_datasets_is_longer_than_it_may_be(tmp_path: Path, environment: str) -> None:
    made = policies(variables(company()), environment, tmp_path)
    lengths = {name: len(policy) for name, policy in made.items()}
    assert max(lengths.values()) <= quotas.ROLE_POLICY_CHARACTERS, lengths
    if environment == "prod":
        assert sum(name.startswith("analyst-") for name in lengths) == 50
        assert sum(name.startswith("provider-") for name in lengths) == 40


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_policies_of_people_and_branches_do_not_grow_with_the_contracts(tmp_path: Path, environment: str) -> None:
    told = variables(company())
    few, many = (
        policies(variables(company(datasets=100)), environment, tmp_path / "few"),
        policies(told, environment, tmp_path / "many"),
    )
    grow = {name for name in few if len(few[name]) != len(many[name])}
    assert all(name.startswith("provider-") for name in grow), grow


def test_a_policy_is_never_longer_than_was_counted(tmp_path: Path) -> None:
    """What does not grow is within what is set aside for it, with the longest prefix: so whatever passes the count, fits."""
    told = variables(company())
    made = {**policies(told, "dev", tmp_path / "dev"), **policies(told, "prod", tmp_path / "prod")}
    values = [*told["readers_classes"], *told["lifecycle_classes"]]
    assert len(made["pipeline"]) <= quotas.pipeline_characters(values) <= quotas.ROLE_POLICY_CHARACTERS
    assert len(made["adhoc"]) <= quotas.queries_characters(told["reader_groups"]) <= quotas.ROLE_POLICY_CHARACTERS
    for name, provider in told["data_providers"].items():
        assert len(made[f"provider-{name}"]) <= quotas.provider_characters(provider["landing"])
    assert json.loads(made["pipeline"])["Version"] == "2012-10-17"
