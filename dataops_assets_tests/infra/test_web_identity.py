"""The trust policies that Terraform renders for CI, enforced: a token with exactly the right subject, from the repository with
the right id, opens a role, no other.

Not asked here: roles of people and pods, which depend on session tags. The server has none; the matrix asks for them.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.infra import web_identity
from dataops_assets_tests.infra.web_identity import WEED, Roles
from dataops_assets_tests.values import OWNER, OWNER_ID, PREFIX, REPOSITORY, REPOSITORY_ID

pytestmark = pytest.mark.skipif(not WEED.exists(), reason="needs SeaweedFS, which comes as a wheel for Linux on x86-64 alone")

OURS, OLDER = f"repo:{OWNER}@{OWNER_ID}/{REPOSITORY}@{REPOSITORY_ID}", f"repo:{OWNER}/{REPOSITORY}"
ENVIRONMENT_OF = {
    "prod/deployer": "prod",
    "prod/infra": "infra",
    "prod/drift": "drift",
    "dev/deployer": "branch",
    "dev/infra": "infra",
    "dev/drift": "drift",
}
SUBJECTS = {
    role: {f"{ours}:environment:{environment}" for ours in (OURS, OLDER)} for role, environment in ENVIRONMENT_OF.items()
}
OTHERS = [
    f"{OURS}:environment:production",
    f"{OURS}:environment:Infra",
    f"{OURS}:environment:*",
    f"{OURS}:environment:infra:extra",
    f"{OURS}:ref:refs/heads/main",
    f"{OURS}:ref:refs/heads/environment:infra",
    f"{OURS}:pull_request",
    f"repo:{OWNER}@{OWNER_ID}/{REPOSITORY}@1:environment:infra",
    f"repo:{OWNER}@{OWNER_ID}/{REPOSITORY}:environment:infra",
    f"repo:somebody/{REPOSITORY}:environment:infra",
    f"repo:somebody/{REPOSITORY}:environment:prod",
    f"repo:{OWNER}/{REPOSITORY}-2:environment:infra",
    "",
]


def trusts() -> dict[str, Any]:
    """The trust policies of all roles that GitHub's tokens open."""
    found = {}
    for environment in ("dev", "prod"):
        for name, role in json.loads((PROJECT / f"infra/access/{environment}.json").read_text())["roles"].items():
            if web_identity.ISSUER in json.dumps(role["trust"]):
                found[f"{environment}-{name.removeprefix(f'{PREFIX}-')}"] = role["trust"]
    return found


@pytest.fixture(scope="module")
def roles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roles]:
    with web_identity.serving(trusts(), tmp_path_factory.mktemp("weed")) as served:
        yield served


def becomes(roles: Roles, role: str, token: str) -> bool:
    try:
        arn = roles.arn_by(role.replace("/", "-"), token)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (400, 403):
            raise  # it was not refused
        return False
    assert arn.endswith(f"assumed-role/{role.replace('/', '-')}/session")
    return True


def test_roles_of_ci_are_those_that_are_asked_here() -> None:
    assert {name.replace("-", "/", 1) for name in trusts()} == SUBJECTS.keys()


@pytest.mark.parametrize("role", SUBJECTS)
def test_subject_that_is_exactly_right_becomes_the_role_and_no_other_does(roles: Roles, role: str) -> None:
    asked = {*OTHERS}.union(*SUBJECTS.values())
    ours = {"repository_id": REPOSITORY_ID}
    assert {subject for subject in asked if becomes(roles, role, roles.issuer.token(sub=subject, **ours))} == SUBJECTS[role]


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": f"https://github.com/{OWNER}"},
        {"iss": "http://127.0.0.1:1"},
        {"exp": int(time.time()) - 60},
        {"key": "another"},
        {"repository_id": "1"},
        {"repository_id": None},
    ],
    ids=["audience", "issuer", "time", "key", "repository", "no repository"],
)
@pytest.mark.parametrize("role", SUBJECTS)
def test_right_subject_in_a_token_that_is_wrong_otherwise_does_not(roles: Roles, role: str, wrong: dict[str, Any]) -> None:
    right = {"sub": f"{OLDER}:environment:{ENVIRONMENT_OF[role]}", "repository_id": REPOSITORY_ID}
    assert becomes(roles, role, roles.issuer.token(**right))
    assert not becomes(roles, role, roles.issuer.token(**right | wrong))
