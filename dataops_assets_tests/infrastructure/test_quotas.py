"""A thousand datasets and fifty reader groups stay within what AWS takes, by count; more than that is an error that says so.

Quotas: IAM User Guide, "IAM and AWS STS quotas"; Amazon S3 User Guide on lifecycle and on tags; AWS General Reference,
"AWS Glue endpoints and quotas" and "Amazon Athena endpoints and quotas".
"""

from collections.abc import Callable
from typing import Any

import pytest

from dataops_assets.contract import Catalog, ContractError
from dataops_assets.infrastructure import quotas
from dataops_assets.infrastructure.variables import as_text, variables
from dataops_assets_tests.infrastructure.scale import GROUPS, SAMPLE, company

RULES_OF_A_BUCKET = 1000
TAG_CHARACTERS = 256
TABLES_OF_A_DATABASE = 200_000
WORKGROUPS = 1000
AUDIENCES = 100


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """The variables of a thousand datasets."""
    return variables(company())


def test_a_thousand_datasets_of_fifty_groups_fit(told: dict[str, Any]) -> None:
    counts = {
        **{f"rules of the {name} bucket": (len(rules), RULES_OF_A_BUCKET) for name, rules in told["lifecycle_rules"].items()},
        "characters of a tag": (max(map(len, told["readers_classes"] + told["lifecycle_classes"])), TAG_CHARACTERS),
        "tables of a database": (max(map(len, told["tables"].values())), TABLES_OF_A_DATABASE),
        "workgroups": (len(told["reader_groups"]), WORKGROUPS),
        "audiences": (len(told["data_providers"]) + len(told["reader_groups"]) + quotas.OTHER_AUDIENCES, AUDIENCES),
    }
    assert {name: count for name, count in counts.items() if count[0] > count[1]} == {}
    assert sum(map(len, told["tables"].values())) == 1000
    assert len(told["reader_groups"]) == len(GROUPS) + 1
    assert len(told["data_providers"]) == 40


def test_rules_and_values_of_tags_grow_with_classes_not_with_datasets(told: dict[str, Any]) -> None:
    fewer = variables(company(datasets=300))
    for name in ("lifecycle_rules", "readers_classes", "lifecycle_classes", "reader_groups"):
        assert fewer[name] == told[name], name


def test_the_file_of_a_thousand_datasets_is_no_burden() -> None:
    assert len(as_text(company()).encode()) < 10_000_000


def provider_of(folders: int) -> Callable[[], Catalog]:
    return lambda: company(datasets=2 * folders, providers=1)


@pytest.mark.parametrize(
    ("fits", "too_much", "told", "remedy"),
    [
        (
            lambda: company(providers=47),
            lambda: company(providers=48),
            "48 providers and 51 reader groups sign in by roles of their own, and IAM takes 98 of both together",
            "name fewer of either",
        ),
        (
            provider_of(90),
            provider_of(110),
            "`Provider number 000` drops into 110 folders, which makes the policy of its role",
            "name its parts as providers of their own",
        ),
        (
            lambda: company(readers=60),
            lambda: company(readers=90),
            "92 combinations of readers and 32 classes of lifecycle in use make the policy of the pipeline",
            "let datasets share them",
        ),
        (
            lambda: company(groups=[f"readers-of-{i:02}" for i in range(70)], providers=10),
            lambda: company(groups=[f"readers-of-department-{i:03}" for i in range(70)], providers=10),
            "71 reader groups make the policy of ad-hoc queries",
            "name fewer groups, or shorter ones",
        ),
    ],
    ids=["audiences", "folders_of_a_provider", "combinations_of_readers", "groups"],
)
def test_more_than_aws_takes_is_an_error_that_says_what_to_do(
    fits: Callable[[], Catalog], too_much: Callable[[], Catalog], told: str, remedy: str
) -> None:
    variables(fits())
    with pytest.raises(ContractError) as caught:
        variables(too_much())
    [problem] = caught.value.problems
    assert problem.message.startswith(told)
    assert remedy in problem.remedy
    expected = (
        SAMPLE.source.line(("readers",))
        if "policy.yaml" in problem.file
        else SAMPLE["flights"].source.line(("source", "provider"))
    )
    assert problem.line == expected


def test_more_rules_than_a_bucket_takes_are_told_with_the_rest() -> None:
    with pytest.raises(ContractError) as caught:
        variables(company(classes=400, readers=80))
    told = [problem.message for problem in caught.value.problems]
    assert any("and S3 takes 1,000" in message for message in told)
    assert any("make the policy of the pipeline" in message for message in told)
