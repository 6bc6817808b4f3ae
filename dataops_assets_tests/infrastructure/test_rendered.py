"""What Terraform makes of the contracts: of those that are committed, and of a thousand datasets and fifty reader groups.

The quotas that are told when the contracts are exported are held against the policies themselves.
"""

from pathlib import Path
from typing import Any

import pytest

from dataops_assets.infrastructure import quotas
from dataops_assets.infrastructure.variables import variables
from dataops_assets_tests.infra.terraform import planned
from dataops_assets_tests.infrastructure.scale import SAMPLE, company
from dataops_assets_tests.values import ACCOUNTS, OWNER, OWNER_ID, PEOPLE, REGION, REPOSITORY, REPOSITORY_ID

pytestmark = pytest.mark.terraform

PREFIX = "x" * quotas.PREFIX_CHARACTERS
CATALOG = {
    "prefix": PREFIX,
    "account": ACCOUNTS["prod"],
    "audit_bucket": f"{PREFIX}-audit-prod",
    "kms_key_arn": f"arn:aws:kms:{REGION}:{ACCOUNTS['prod']}:key/00000000-0000-0000-0000-000000000000",
}
IDENTITIES = {
    "prefix": PREFIX,
    "region": REGION,
    "accounts": ACCOUNTS,
    "github": {"owner": OWNER, "owner_id": OWNER_ID, "repository": REPOSITORY, "repository_id": REPOSITORY_ID},
    "people": {"issuer": PEOPLE},
}


def tables(told: dict[str, Any], work: Path) -> list[dict[str, Any]]:
    asked = {name: told[name] for name in ("tables", "reader_groups")}
    made = planned("catalog", CATALOG | asked | {"query_results_days": told["retention"]["query_results_days"]}, work)
    return [one for one in made if one["type"] == "aws_glue_catalog_table"]


def policies(told: dict[str, Any], environment: str, work: Path) -> dict[str, str]:
    asked = {name: told[name] for name in ("reader_groups", "readers_classes", "lifecycle_classes", "data_providers")}
    made = planned("identities", IDENTITIES | asked | {"environment": environment}, work)
    return {str(one["index"]): one["values"]["policy"] for one in made if one["type"] == "aws_iam_role_policy"}


def test_every_published_dataset_is_a_table_with_the_columns_of_its_contract(tmp_path: Path) -> None:
    made = {table["values"]["name"]: table["values"] for table in tables(variables(SAMPLE), tmp_path)}
    assert made.keys() == SAMPLE.datasets.keys()
    for dataset in SAMPLE:
        [storage] = made[dataset.name]["storage_descriptor"]
        assert storage["location"] == f"s3://{PREFIX}-prod/{dataset.zone}/{dataset.name}/"
        assert [column["name"] for column in storage["columns"]] == list(dataset.schema.columns)


@pytest.fixture(scope="module", params=["dev", "prod"])
def environment(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """The variables of a thousand datasets."""
    return variables(company())


@pytest.fixture(scope="module")
def many(environment: str, told: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The policies of a thousand datasets by role."""
    return policies(told, environment, tmp_path_factory.mktemp("many"))


def test_no_policy_of_a_thousand_datasets_is_longer_than_it_may_be(environment: str, many: dict[str, str]) -> None:
    lengths = {name: len(policy) for name, policy in many.items()}
    assert max(lengths.values()) <= quotas.ROLE_POLICY_CHARACTERS, lengths
    per = {kind: sum(name.startswith(f"{kind}-") for name in lengths) for kind in ("analyst", "provider")}
    assert per == ({"analyst": 50, "provider": 40} if environment == "prod" else {"analyst": 0, "provider": 0})


def test_policies_grow_with_groups_and_classes_not_with_datasets(
    environment: str, many: dict[str, str], tmp_path: Path
) -> None:
    few = policies(variables(company(datasets=300)), environment, tmp_path)
    assert few.keys() == many.keys()
    grown = {name for name in few if len(few[name]) != len(many[name])}
    assert all(name.startswith("provider-") for name in grown), grown


def test_a_policy_is_never_longer_than_was_counted(environment: str, many: dict[str, str], told: dict[str, Any]) -> None:
    """What does not grow is within what is set aside for it, with the longest prefix: so whatever passes the count, fits."""
    counted = {
        "pipeline": quotas.pipeline_characters([*told["readers_classes"], *told["lifecycle_classes"]]),
        "adhoc": quotas.queries_characters(told["reader_groups"]),
        **{f"provider-{name}": quotas.provider_characters(one["landing"]) for name, one in told["data_providers"].items()},
    }
    here = counted.keys() & many.keys()
    assert here == ({"adhoc"} if environment == "dev" else counted.keys() - {"adhoc"})
    assert {name: (len(many[name]), counted[name]) for name in here if len(many[name]) > counted[name]} == {}
