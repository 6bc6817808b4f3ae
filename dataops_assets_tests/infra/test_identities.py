"""What each identity may do, in the sentences that matter most; the matrix asks for everything."""

import json
from typing import Any

import pytest

from dataops_assets.contract.policy import ZONES
from dataops_assets.lifecycle.table import AREAS, TRASH
from dataops_assets.storage import conformance, layout
from dataops_assets_tests import values
from dataops_assets_tests.infra.accounts import CLUSTER, EVERYTHING, becomes, may, roles
from dataops_assets_tests.values import ACCOUNTS, OWNER, OWNER_ID, PREFIX, REGION, REPOSITORY, REPOSITORY_ID

pytestmark = pytest.mark.terraform

Context = dict[str, Any]
Row = tuple[str, str, str, str, Context]
TAGGED: Context = {"sets_readers": "branches", "sets_lifecycle": "reference", "sets": ["readers", "lifecycle"]}
PR_7: Context = {"is_namespace": "pr-7"}
ANN: Context = {"is_person": "ann"}
VIA_S3: Context = {"via": f"s3.{REGION}.amazonaws.com"}
ROLES = {name: f"arn:aws:iam::{account}:role/{PREFIX}" for name, account in ACCOUNTS.items()}
BOUNDARIES = {name: f"arn:aws:iam::{account}:policy/{PREFIX}-boundary" for name, account in ACCOUNTS.items()}
KEYS = {name: f"arn:aws:kms:{REGION}:{account}:key/1234" for name, account in ACCOUNTS.items()}
REGISTRY = f"arn:aws:ecr:{REGION}:{ACCOUNTS['prod']}:repository/{PREFIX}"
DATABASE = f"arn:aws:rds-db:{REGION}:{ACCOUNTS['prod']}:dbuser:db-ABCDEFGHIJKL01234"
OF_NO_SERVICE = ("postgres", "dagster_owner", "dataops_reader", "dataops_pruner")
MASTER = f"arn:aws:secretsmanager:{REGION}:{ACCOUNTS['prod']}:secret:rds!db-00000000-abcdef"
PROVIDER = "prod/provider-weather-service"

ALLOWED: list[Row] = [
    ("the pipeline writes what has known tags", "prod/pipeline", "s3:PutObject", "prod/staged/x", TAGGED),
    ("it tags so", "prod/pipeline", "s3:PutObjectTagging", "prod/staged/x", TAGGED),
    ("the parts of a large object have no tags", "prod/pipeline", "s3:PutObject", "prod/raw/x", {}),
    ("it uses prod's key", "prod/pipeline", "kms:GenerateDataKey", KEYS["prod"], VIA_S3),
    ("it looks for older versions, for erasures", "prod/pipeline", "s3:GetObjectVersion", "prod/raw/x", {}),
    ("and with their tags, to bring one back", "prod/pipeline", "s3:GetObjectVersionTagging", "prod/raw/x", {}),
    (
        "the code server reads receipts",
        "prod/code-server",
        "s3:GetObject",
        "prod/raw/flights/date=2013-01-01/_deliveries/1.json",
        {},
    ),
    ("a provider delivers into its folders", PROVIDER, "s3:PutObject", "landing/landing/stations/x", {}),
    ("the pipeline receives it", "prod/pipeline", "s3:GetObject", "landing/landing/stations/x", {}),
    ("and drops what it fetches itself", "prod/pipeline", "s3:PutObject", "landing/landing/weather/x", {}),
    ("a group reads what is for it", "prod/analyst-operations", "s3:GetObject", "prod/curated/x", {"readers": "operations"}),
    ("and for others", "prod/analyst-operations", "s3:GetObject", "prod/staged/x", {"readers": "analysts+operations"}),
    ("first", "prod/analyst-operations", "s3:GetObject", "prod/staged/x", {"readers": "operations+z"}),
    ("or among them", "prod/analyst-operations", "s3:GetObject", "prod/gate_results/x", {"readers": "a+operations+z"}),
    ("its queries leave results", "prod/analyst-operations", "s3:PutObject", "athena-prod/operations/x", {}),
    ("a branch writes below its name", "dev/branch", "s3:PutObject", "dev/branch/pr-7/x", PR_7),
    ("and removes there", "dev/branch", "s3:DeleteObject", "dev/branch/pr-7/x", PR_7),
    ("it reads what is for branches", "dev/branch", "s3:GetObject", "prod/raw/x", {"readers": "analysts+branches"}),
    ("with prod's key", "dev/branch", "kms:Decrypt", KEYS["prod"], VIA_S3),
    ("it lists prod", "dev/branch", "s3:ListBucket", "prod", {}),
    ("an engineer writes below the own name", "dev/engineer", "s3:PutObject", "dev/dev/ann/x", ANN),
    ("and reads what is for branches", "dev/engineer", "s3:GetObject", "prod/staged/x", {"readers": "branches"}),
    ("a query reads what is for any group", "dev/adhoc", "s3:GetObject", "prod/staged/x", {"readers": "operations"}),
    ("who answers them tells the rules of the bucket", "dev/adhoc", "s3:GetLifecycleConfiguration", "dev", {}),
    ("and so does the sweeper", "dev/sweeper", "s3:GetLifecycleConfiguration", "dev", {}),
    ("a query is answered in its area", "dev/adhoc", "s3:PutObject", "dev/adhoc/a/result.parquet", {}),
    *(("the sweeper ends areas", "dev/sweeper", "s3:DeleteObjectVersion", f"dev/{top}/x", {}) for top in (*AREAS, TRASH)),
    ("it sees who has read", "dev/sweeper", "s3:GetObject", f"audit-dev/access/{PREFIX}-dev/x", {}),
    ("and lists that", "dev/sweeper", "s3:ListBucket", "audit-dev", {"prefix": f"access/{PREFIX}-dev/"}),
    ("break-glass removes versions", "prod/break-glass", "s3:DeleteObjectVersion", "prod/raw/x", {}),
    ("and lifts locks", "prod/break-glass", "s3:BypassGovernanceRetention", "prod/raw/x", {}),
    ("infra says what ends when", "prod/infra", "s3:PutLifecycleConfiguration", "prod", {}),
    ("it makes roles", "prod/infra", "iam:CreateRole", f"{ROLES['prod']}-x", {"boundary": BOUNDARIES["prod"]}),
    ("it changes the boundary", "prod/infra", "iam:CreatePolicyVersion", BOUNDARIES["prod"], {}),
    (
        "it gives roles to pods",
        "prod/infra",
        "iam:PassRole",
        f"{ROLES['prod']}-pipeline",
        {"passed_to": "pods.eks.amazonaws.com"},
    ),
    ("it keeps its state", "prod/infra", "s3:PutObject", "state-prod/prod.tfstate", {}),
    ("and takes the lock of it away", "prod/infra", "s3:DeleteObject", "state-prod/prod.tfstate.tflock", {}),
    ("drift reads the state", "prod/drift", "s3:GetObject", "state-prod/prod.tfstate", {}),
    ("and how a bucket is set up", "prod/drift", "s3:GetLifecycleConfiguration", "prod", {}),
    ("the deployer pushes images", "prod/deployer", "ecr:PutImage", REGISTRY, {}),
    ("in dev it binds service accounts", "dev/deployer", "eks:CreatePodIdentityAssociation", CLUSTER["dev"], {}),
    (
        "of branches",
        "dev/deployer",
        "iam:PassRole",
        f"{ROLES['dev']}-branch",
        {"passed_to": "pods.eks.amazonaws.com"},
    ),
]
DENIED: list[Row] = [
    ("the pipeline removes nothing", "prod/pipeline", "s3:DeleteObject", "prod/staged/x", {}),
    ("no version", "prod/pipeline", "s3:DeleteObjectVersion", "prod/staged/x", {}),
    ("no tag", "prod/pipeline", "s3:DeleteObjectTagging", "prod/staged/x", {}),
    ("it gives no tag that nobody knows", "prod/pipeline", "s3:PutObject", "prod/staged/x", TAGGED | {"sets_readers": "all"}),
    ("by no way", "prod/pipeline", "s3:PutObjectTagging", "prod/staged/x", TAGGED | {"sets_lifecycle": "one day"}),
    (
        "nor leaves one away",
        "prod/pipeline",
        "s3:PutObjectTagging",
        "prod/x",
        {"sets_readers": "branches", "sets": ["readers"]},
    ),
    ("nor removes what was dropped", "prod/pipeline", "s3:DeleteObject", "landing/landing/weather/x", {}),
    ("it does not say what ends when", "prod/pipeline", "s3:PutLifecycleConfiguration", "prod", {}),
    ("its key opens nothing but objects", "prod/pipeline", "kms:Decrypt", KEYS["prod"], {}),
    ("the code server reads no delivery", "prod/code-server", "s3:GetObject", "prod/raw/flights/date=2013-01-01/x.csv", {}),
    ("nor what was rejected", "prod/code-server", "s3:GetObject", "prod/quarantine/flights/data.parquet", {}),
    ("it writes nothing", "prod/code-server", "s3:PutObject", "prod/_verdicts/x", TAGGED),
    ("nor makes tables of Dagster's", "prod/code-server", "rds-db:connect", f"{DATABASE}/dagster_owner", {}),
    ("the pipeline is not who made the database", "prod/pipeline", "rds-db:connect", f"{DATABASE}/postgres", {}),
    ("a migration reads no other secret", "prod/migration", "secretsmanager:GetSecretValue", MASTER.replace("rds!db", "x"), {}),
    ("a provider reads nothing", PROVIDER, "s3:GetObject", "landing/landing/weather/x", {}),
    ("and lists nothing", PROVIDER, "s3:ListBucket", "landing", {}),
    ("nor has anything in prod's data", PROVIDER, "s3:PutObject", "prod/landing/weather/x", {}),
    ("it does not deliver for others", PROVIDER, "s3:PutObject", "landing/landing/weather_2/x", {}),
    (
        "a group does not read what is for another",
        "prod/analyst-operations",
        "s3:GetObject",
        "prod/staged/x",
        {"readers": "analysts"},
    ),
    ("that begins alike", "prod/analyst-operations", "s3:GetObject", "prod/staged/x", {"readers": "operations-night"}),
    ("that ends alike", "prod/analyst-operations", "s3:GetObject", "prod/staged/x", {"readers": "x-operations"}),
    ("nor what is for nobody that is known", "prod/analyst-operations", "s3:GetObject", "prod/staged/x", {}),
    ("nor the results of another", "prod/analyst-operations", "s3:GetObject", "athena-prod/analysts/x", {}),
    ("nor leaves any with the data", "prod/analyst-operations", "s3:PutObject", "prod/staged/x", {}),
    ("nor raw", "prod/analyst-operations", "s3:GetObject", "prod/raw/x", {"readers": "operations"}),
    ("a branch does not write another's", "dev/branch", "s3:PutObject", "dev/branch/pr-8/x", PR_7),
    ("that begins alike", "dev/branch", "s3:PutObject", "dev/branch/pr-77/x", PR_7),
    ("nor prod", "dev/branch", "s3:PutObject", "prod/branch/pr-7/x", PR_7),
    ("nor anything if it has no name", "dev/branch", "s3:PutObject", "dev/branch/pr-7/x", {}),
    ("nor as a person", "dev/branch", "s3:PutObject", "dev/branch/pr-7/x", ANN),
    ("it does not read what is for others", "dev/branch", "s3:GetObject", "prod/raw/x", {"readers": "analysts"}),
    ("an engineer does not write another's", "dev/engineer", "s3:PutObject", "dev/dev/ben/x", ANN),
    ("nor a branch's", "dev/engineer", "s3:PutObject", "dev/branch/ann/x", ANN),
    ("nor prod", "dev/engineer", "s3:PutObject", "prod/staged/x", ANN),
    ("a query reads nothing that is for nobody", "dev/adhoc", "s3:GetObject", "prod/_doctor/x", {"readers": "nobody"}),
    ("and writes nowhere else", "dev/adhoc", "s3:PutObject", "dev/trash/x", {}),
    ("the sweeper removes nothing in prod", "dev/sweeper", "s3:DeleteObject", "prod/adhoc/x", {}),
    ("nor beside its four tops", "dev/sweeper", "s3:DeleteObject", "dev/x", {}),
    ("it reads nothing of prod", "dev/sweeper", "s3:GetObject", "prod/staged/x", {"readers": "branches"}),
    ("nor other logs", "dev/sweeper", "s3:ListBucket", "audit-dev", {"prefix": "trail/"}),
    ("break-glass does not touch what is told of it", "prod/break-glass", "s3:DeleteObjectVersion", "audit-prod/trail/x", {}),
    ("it reads nothing", "prod/break-glass", "s3:GetObject", "prod/raw/x", {}),
    ("infra reads no data", "prod/infra", "s3:GetObject", "prod/staged/x", {"readers": "branches"}),
    ("decrypts none", "prod/infra", "kms:Decrypt", KEYS["prod"], VIA_S3),
    ("writes none", "prod/infra", "s3:PutObject", "prod/staged/x", TAGGED),
    ("makes no role without the boundary", "prod/infra", "iam:CreateRole", f"{ROLES['prod']}-x", {}),
    (
        "takes it from none",
        "prod/infra",
        "iam:DeleteRolePermissionsBoundary",
        f"{ROLES['prod']}-x",
        {"boundary": BOUNDARIES["prod"]},
    ),
    ("makes no user", "prod/infra", "iam:CreateUser", f"arn:aws:iam::{ACCOUNTS['prod']}:user/x", {}),
    ("removes no state", "prod/infra", "s3:DeleteObject", "state-prod/prod.tfstate", {}),
    ("touches nothing of the other account", "dev/infra", "s3:PutBucketPolicy", "prod", {}),
    ("drift changes nothing", "prod/drift", "s3:PutBucketPolicy", "prod", {}),
    ("and reads no data", "prod/drift", "s3:GetObject", "prod/staged/x", {"readers": "branches"}),
    ("the deployer reads no data", "prod/deployer", "s3:GetObject", "prod/staged/x", {"readers": "branches"}),
    ("it binds none in prod", "prod/deployer", "eks:CreatePodIdentityAssociation", CLUSTER["prod"], {}),
    ("nor unbinds one in dev", "dev/deployer", "eks:DeletePodIdentityAssociation", CLUSTER["dev"], {}),
    (
        "it binds no other role in dev",
        "dev/deployer",
        "iam:PassRole",
        f"{ROLES['dev']}-sweeper",
        {"passed_to": "pods.eks.amazonaws.com"},
    ),
    (
        "and gives no role away",
        "prod/deployer",
        "iam:PassRole",
        f"{ROLES['prod']}-pipeline",
        {"passed_to": "pods.eks.amazonaws.com"},
    ),
]


@pytest.mark.parametrize(("sentence", "who", "action", "about", "context"), ALLOWED)
def test_identity_may(sentence: str, who: str, action: str, about: str, context: Context) -> None:
    assert may(who, action, about, **context), sentence


@pytest.mark.parametrize(("sentence", "who", "action", "about", "context"), DENIED)
def test_identity_may_not(sentence: str, who: str, action: str, about: str, context: Context) -> None:
    assert not may(who, action, about, **context), sentence


def test_roles_are_those_of_their_account() -> None:
    prod = {
        "pipeline",
        "code-server",
        "webserver",
        "daemon",
        "provider-weather-service",
        "analyst-analysts",
        "analyst-operations",
    }
    dev = {"branch", "engineer", "adhoc", "sweeper"}
    both = {"migration", "deployer", "infra", "drift", "break-glass"}
    assert set(roles()) == {f"prod/{name}" for name in prod | both} | {f"dev/{name}" for name in dev | both}


def test_every_statement_has_a_name_of_its_own() -> None:
    for name, role in roles().items():
        for kind, document in role.documents.items():
            sids = [statement.get("Sid") for statement in document["Statement"]]
            assert None not in sids, f"{name}, {kind}"
            assert len(set(sids)) == len(sids), f"{name}, {kind}"


def test_pipeline_writes_each_place_that_the_code_writes() -> None:
    zones = [f"{'landing' if zone == layout.LANDING else 'prod'}/{zone}/" for zone in ZONES]
    tops = [*zones, *(f"prod/{top}" for top in layout.PLATFORM)]
    assert [top for top in tops if not may("prod/pipeline", "s3:PutObject", f"{top}x", **TAGGED)] == []
    elsewhere = ("prod/elsewhere/x", "prod/landing/x", "landing/elsewhere/x")
    assert [place for place in elsewhere if may("prod/pipeline", "s3:PutObject", place, **TAGGED)] == []


@pytest.mark.parametrize("tags", [layout.MARK_TAGS, conformance.TAGS])
def test_pipeline_gives_the_tags_that_the_code_gives_beside_those_of_datasets(tags: dict[str, str]) -> None:
    given = {"sets_lifecycle": tags["lifecycle"], "sets_readers": tags["readers"], "sets": list(tags)}
    assert may("prod/pipeline", "s3:PutObjectTagging", "prod/_doctor/x", **given)


CONFIGURE = (
    "s3:PutBucketPolicy",
    "s3:PutLifecycleConfiguration",
    "s3:PutBucketVersioning",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutReplicationConfiguration",
    "s3:PutBucketAcl",
)
RULE = (
    ("iam:PutRolePolicy", "{role}-pipeline"),
    ("iam:UpdateAssumeRolePolicy", "{role}-pipeline"),
    ("iam:DeleteRolePermissionsBoundary", "{role}-pipeline"),
    ("iam:PutRolePermissionsBoundary", "{role}-pipeline"),
    ("iam:PassRole", "{role}-pipeline"),
    ("iam:CreatePolicyVersion", "{boundary}"),
    ("kms:ScheduleKeyDeletion", "{key}"),
    ("kms:DisableKey", "{key}"),
    ("kms:PutKeyPolicy", "{key}"),
    ("kms:CreateGrant", "{key}"),
)


@pytest.mark.parametrize("environment", ACCOUNTS)
def test_whatever_a_policy_says_the_boundary_leaves_infrastructure_to_infra(environment: str) -> None:
    named = {"role": ROLES[environment], "boundary": BOUNDARIES[environment], "key": KEYS[environment]}
    asked = [(action, environment) for action in CONFIGURE] + [(action, about.format(**named)) for action, about in RULE]
    others = [name for name in roles() if name.startswith(environment) and not name.endswith("/infra")]
    got = [(who, action) for who in others for action, about in asked if may(who, action, about, rights=EVERYTHING)]
    assert got == []


def test_whatever_a_policy_says_the_boundary_lets_break_glass_alone_remove_in_prod() -> None:
    remove = ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:PutObjectRetention")
    able = {
        who
        for who in roles()
        if who.startswith("prod/")
        for action in remove
        for place in ("prod/raw/x", "landing/landing/flights/x")
        if may(who, action, place, rights=EVERYTHING)
    }
    assert able == {"prod/break-glass"}


def test_whatever_a_policy_says_the_boundary_leaves_the_master_of_the_database_to_the_migration() -> None:
    doors = [("secretsmanager:GetSecretValue", MASTER), *(("rds-db:connect", f"{DATABASE}/{user}") for user in OF_NO_SERVICE)]
    prod = [who for who in roles() if who.startswith("prod/")]
    assert {who for who in prod for action, about in doors if may(who, action, about, rights=EVERYTHING)} == {"prod/migration"}


def test_whatever_a_policy_says_the_boundary_leaves_the_state_to_infra_and_drift() -> None:
    able = {who for who in roles() if may(who, "s3:GetObject", f"state-{who[: who.index('/')]}/x", rights=EVERYTHING)}
    assert able == {"dev/drift", "dev/infra", "prod/drift", "prod/infra"}


def test_whatever_a_policy_says_the_boundary_keeps_dev_from_writing_prod() -> None:
    writes = ("s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject")
    assert not [
        who for who in roles() if who.startswith("dev/") for one in writes if may(who, one, "prod/raw/x", rights=EVERYTHING)
    ]


GITHUB, PEOPLE = (
    {name: f"arn:aws:iam::{account}:oidc-provider/{issuer}" for name, account in ACCOUNTS.items()}
    for issuer in (values.GITHUB, values.PEOPLE)
)
CI = {"github_aud": "sts.amazonaws.com", "github_id": REPOSITORY_ID}
OURS, OLDER = f"repo:{OWNER}@{OWNER_ID}/{REPOSITORY}@{REPOSITORY_ID}", f"repo:{OWNER}/{REPOSITORY}"
WHO = {"aud": f"{PREFIX}-engineer", "person": "ann"}
POD = {"namespace": "prod", "service_account": "pipeline", "cluster": CLUSTER["prod"]}
BRANCH = {"namespace": "pr-7", "service_account": "branch", "cluster": CLUSTER["dev"]}


@pytest.mark.parametrize(("who", "environment"), [("deployer", "prod"), ("infra", "infra"), ("drift", "drift")])
@pytest.mark.parametrize(
    "wrong",
    [
        {"github_sub": "{ours}:ref:refs/heads/main"},
        {"github_sub": "{ours}:pull_request"},
        {"github_sub": "{ours}:environment:branch"},
        {"github_sub": f"repo:fork/{REPOSITORY}:environment:{{environment}}"},
        {"github_sub": f"repo:{OWNER}/{REPOSITORY}-2:environment:{{environment}}"},
        {"github_sub": f"repo:{OWNER}@1/{REPOSITORY}@2:environment:{{environment}}"},
        {"github_sub": "{ours}:environment:{environment}-2"},
        {"github_aud": f"https://github.com/{OWNER}"},
        {"github_id": "2"},
    ],
)
@pytest.mark.parametrize("ours", [OURS, OLDER], ids=["with ids", "names alone"])
def test_github_opens_a_role_to_its_environment_alone(who: str, environment: str, ours: str, wrong: dict[str, str]) -> None:
    right = CI | {"github_sub": f"{ours}:environment:{environment}"}
    given = {name: value.format(environment=environment, ours=ours) for name, value in wrong.items()}
    assert becomes(f"prod/{who}", GITHUB["prod"], **right)
    assert not becomes(f"prod/{who}", GITHUB["prod"], **right | given)
    assert not becomes(f"prod/{who}", PEOPLE["prod"], **right)
    assert not becomes(f"prod/{who}", GITHUB["prod"], **right, **{"aws:RequestTag/kubernetes-namespace": "prod"})


@pytest.mark.parametrize("person", ["", "ann/../ben", "ben/x", "..", "/"])
def test_no_name_of_a_person_is_more_than_one_name(person: str) -> None:
    assert becomes("dev/engineer", PEOPLE["dev"], **WHO)
    assert not becomes("dev/engineer", PEOPLE["dev"], **WHO | {"person": person})


@pytest.mark.parametrize("namespace", ["", "pr-", "prod", "xpr-7", "pr-7/../pr-8", "pr-7/x"])
def test_no_namespace_but_that_of_a_pull_request_is_a_branch(namespace: str) -> None:
    assert becomes("dev/branch", "pods.eks.amazonaws.com", "sts:AssumeRole", **BRANCH)
    assert not becomes("dev/branch", "pods.eks.amazonaws.com", "sts:AssumeRole", **BRANCH | {"namespace": namespace})


def test_who_signs_in_brings_no_tag_but_his_own() -> None:
    assert not becomes("dev/engineer", PEOPLE["dev"], aud=f"{PREFIX}-engineer")
    assert not becomes("dev/engineer", PEOPLE["dev"], **WHO | {"aud": f"{PREFIX}-break-glass"})
    assert not becomes("dev/engineer", PEOPLE["dev"], **WHO, namespace="pr-7")
    assert not becomes("dev/engineer", GITHUB["dev"], **WHO)


def test_break_glass_needs_a_second_factor_and_lasts_an_hour() -> None:
    said = WHO | {"aud": f"{PREFIX}-break-glass"}
    assert becomes("prod/break-glass", PEOPLE["prod"], **said, mfa="true")
    assert not becomes("prod/break-glass", PEOPLE["prod"], **said, mfa="false")
    assert not becomes("prod/break-glass", PEOPLE["prod"], **said)
    assert roles()["prod/break-glass"].max_session_seconds == 3600


@pytest.mark.parametrize("wrong", [{"namespace": "pr-7"}, {"service_account": "default"}, {"cluster": CLUSTER["dev"]}])
def test_a_pod_becomes_the_pipeline_by_its_service_account_alone(wrong: dict[str, str]) -> None:
    assert becomes("prod/pipeline", "pods.eks.amazonaws.com", "sts:AssumeRole", **POD)
    assert not becomes("prod/pipeline", "pods.eks.amazonaws.com", "sts:AssumeRole", **POD | wrong)
    assert not becomes("prod/pipeline", "ec2.amazonaws.com", "sts:AssumeRole", **POD)


def test_a_provider_signs_in_without_tags() -> None:
    assert becomes(PROVIDER, PEOPLE["prod"], aud=f"{PREFIX}-provider-weather-service")
    assert not becomes(PROVIDER, PEOPLE["prod"], aud=f"{PREFIX}-provider-other")
    assert not becomes(PROVIDER, PEOPLE["prod"], aud=f"{PREFIX}-provider-weather-service", person="ann")


@pytest.mark.parametrize("who", ["prod/pipeline", "prod/break-glass", "dev/branch", "dev/engineer", "prod/infra"])
def test_no_role_leads_to_another(who: str) -> None:
    account = ACCOUNTS[who.partition("/")[0]]
    sessions = [f"arn:aws:sts::{account}:assumed-role/{PREFIX}-{name}/session" for name in ("pipeline", "infra", "deployer")]
    said = {**POD, **WHO, **CI, "mfa": "true"}
    assert not [one for one in [*sessions, "*"] for said_too in ({}, said) if becomes(who, one, "sts:AssumeRole", **said_too)]


def test_policies_stay_within_the_quotas_of_aws() -> None:
    most = {"trust": 2_048, "rights": 10_240, "boundary": 6_144}
    for name, role in roles().items():
        for kind, document in role.documents.items():
            assert len(json.dumps(document, separators=(",", ":"))) <= most[kind], f"{name}, {kind}"
