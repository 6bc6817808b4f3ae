"""Both environments, made at a stand-in for AWS: all of it is made, the sample runs on it, and what must not go does not.

moto takes whatever parses, so this proves how things hang together, not that AWS would take each. What it does not know or
forgets, of clusters above all, stand_in.py adds.
"""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dataops_assets_tests.checkout import make_checkout
from dataops_assets_tests.infra import terraform
from dataops_assets_tests.infra.terraform import ENVIRONMENTS, Copy, Done, client, moto
from dataops_assets_tests.values import ACCOUNTS, PREFIX, REGION

pytestmark = pytest.mark.terraform

STAYS = (
    "module.storage",
    *(f"module.audit.{one}" for one in ("aws_kms_key.audit", "aws_kms_alias.audit", "aws_cloudtrail.this")),
)
"""What an environment that is given up leaves behind."""
KEY_OF_RUNTIME = tuple(f"module.runtime.{one}.runtime" for one in ("aws_kms_key", "aws_kms_alias"))
STAYS_OF_RUNTIME = tuple(
    f"module.runtime.{one}.this" for one in ("aws_ecr_repository", "aws_ecr_lifecycle_policy", "aws_cloudwatch_log_group")
)
"""Images, as long as there are any, and logs, into which the database goes on to write: with the rules that end them."""
STAYS_OF_DATABASE = tuple(
    f"module.runtime.{one}"
    for one in (
        "aws_db_instance.this",
        "aws_db_subnet_group.this",
        "aws_db_parameter_group.this",
        "aws_security_group.database",
        "aws_subnet.private",
        "aws_vpc.this",
    )
)
"""The database, and what it rests on: AWS removes none of it under it."""
_LOOKED_UP = re.compile(r"(module\.[\w-]+(\[.*?\])?\.)*data\.")


@dataclass(frozen=True)
class Story:
    """What became of an environment, one command after the other.

    Attributes:
        address: Where the stand-in is.
        planned: The addresses of what was to be made.
        made: The addresses of what was made.
        state: What Terraform remembers of it.
        applied: What the first apply said.
        again: What a second plan said.
        ran: What the sample said, delivered and run in prod.
        destroy: What it said to a plan that destroys all.
        left: What it said when that was done: in prod without all that stays, in dev without what the code itself protects.
        kept: The addresses of what was there after that.
    """

    address: str
    planned: list[str]
    made: list[str]
    state: str
    applied: Done
    again: Done
    ran: Done | None
    destroy: Done
    left: Done
    kept: list[str]


def story(copy: Copy, environment: str, address: str) -> Story:
    folder = f"environments/{environment}"
    copy.lead_to(folder, address)
    copy.init(folder)
    words = ("-input=false", "-no-color")

    first = copy.run(folder, "plan", "-out=first", *words)
    assert first.code == 0, first.out
    planned = re.findall(r"^  # (\S.*) will be created$", first.out, re.M)
    applied = copy.run(folder, "apply", "-input=false", "-no-color", "first")
    made = there(copy, folder)
    state = (copy.root / folder / "terraform.tfstate").read_text()
    again = copy.run(folder, "plan", "-detailed-exitcode", *words)
    ran = run_the_sample(copy.root.parent / "checkout", address) if environment == "prod" else None
    destroy = copy.run(folder, "plan", "-destroy", *words)
    push_an_image(address)
    stays = (*STAYS, *KEY_OF_RUNTIME, *((*STAYS_OF_RUNTIME, *STAYS_OF_DATABASE) if environment == "prod" else ()))
    assert (done := copy.run(folder, "state", "rm", *stays)).code == 0, done.out
    left = copy.run(folder, "destroy", "-auto-approve", *words)
    return Story(address, sorted(planned), made, state, applied, again, ran, destroy, left, there(copy, folder))


def there(copy: Copy, folder: str) -> list[str]:
    """The addresses of what Terraform has made, and not only looked up."""
    listed = copy.run(folder, "state", "list").out.splitlines()
    return sorted(found for found in listed if not _LOOKED_UP.match(found))


def push_an_image(address: str) -> None:
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": {}, "layers": []}
    ecr = client("ecr", address, REGION)
    ecr.put_image(repositoryName=PREFIX, imageTag="tested", imageManifest=json.dumps(manifest))


@contextmanager
def without_policy(address: str, bucket: str) -> Iterator[Any]:
    """A client, while a bucket has no policy: moto passes over conditions, and forbids to everybody what some may do."""
    s3 = client("s3", address, REGION)
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    yield s3
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def run_the_sample(root: Path, address: str) -> Done:
    """Five days of it, by the pipeline of prod, in the buckets that were made."""
    checkout = make_checkout(root)
    checkout.variables |= {
        **dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS"), address),
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "DATAOPS_DEPLOYMENT": "prod",
        "DATAOPS_DATA": f"s3://{PREFIX}-prod",
        "DATAOPS_LANDING": f"s3://{PREFIX}-landing",
        "DATAOPS_PIPELINE": client("sts", address, REGION).get_caller_identity()["Arn"],
        "DATAOPS_COMMIT": "ab" * 20,
        "DATAOPS_CACHE": str(root / "cache"),
    }
    with without_policy(address, f"{PREFIX}-prod"), without_policy(address, f"{PREFIX}-landing"):
        done = checkout.run("dataops", "deliver")
        if done.returncode == 0:
            done = checkout.run("dataops", "run")
    return Done(done.returncode, done.stdout + done.stderr)


def protected(done: Done) -> set[str]:
    """What a plan that destroys says it must not; it does not look at what that rests on."""
    return set(re.findall(r"Resource (\S+) has lifecycle.prevent_destroy", done.told))


@pytest.fixture(scope="module")
def stories(infra: Copy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Story]]:
    """Both at once, since most of it is waiting."""
    at = tmp_path_factory.mktemp("applied")
    copy = terraform.copy(at)
    with ExitStack() as servers, ThreadPoolExecutor() as pool:
        stand_ins = [servers.enter_context(moto(ACCOUNTS[name], at / f"{name}.log")) for name in ENVIRONMENTS]
        told = pool.map(story, [copy] * len(ENVIRONMENTS), ENVIRONMENTS, stand_ins)
        yield dict(zip(ENVIRONMENTS, told, strict=True))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_all_that_is_planned_is_made(stories: dict[str, Story], environment: str) -> None:
    told = stories[environment]
    assert told.applied.code == 0, told.applied.out
    assert told.made == told.planned
    catalog = {"catalog"} if environment == "prod" else set()
    assert {re.split(r"[.[]", one)[1] for one in told.made} == {"audit", "identities", "runtime", "storage"} | catalog


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_second_plan_finds_nothing_to_do(stories: dict[str, Story], environment: str) -> None:
    assert stories[environment].again.code == 0, stories[environment].again.out


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_to_destroy_all_is_refused_and_what_must_not_go_is_named(stories: dict[str, Story], environment: str) -> None:
    done = stories[environment].destroy
    assert done.code == 1
    trail, key = "module.audit.aws_cloudtrail.this", "module.runtime.aws_kms_key.runtime"
    assert protected(done) >= {"module.storage.module.data.aws_s3_bucket_policy.this", trail, key}


def test_what_the_database_rests_on_stays_with_it() -> None:
    text = "\n".join(path.read_text() for path in sorted((terraform.INFRA / "modules/runtime").glob("*.tf")))
    blocks = {f"{one[1]}.{one[2]}": one[3] for one in re.finditer(r'^resource "(\w+)" "(\w+)" \{\n(.*?)^\}', text, re.M | re.S)}
    rests_on: set[str] = set()
    follow = {"aws_db_instance.this"}
    while follow:
        rests_on |= follow
        said = "\n".join(re.sub(r"^  depends_on .*$", "", blocks[one], flags=re.M) for one in follow)
        follow = (set(re.findall(r"\baws_\w+\.\w+", said)) & blocks.keys()) - rests_on
    assert len(rests_on) > 3
    assert {f"module.runtime.{one}" for one in rests_on} <= {*KEY_OF_RUNTIME, *STAYS_OF_DATABASE}


def test_aws_removes_neither_the_database_nor_a_registry_with_images(stories: dict[str, Story]) -> None:
    told = stories["dev"]
    assert told.left.code == 1
    refused = re.findall(r"Error: (.*?):", told.left.out)
    images, database = (
        f"ECR Repository ({PREFIX}) not empty, consider using force_delete",
        f"deleting RDS DB Instance ({PREFIX}-dev)",
    )
    assert sorted(refused) == [images, database]
    assert "Cannot delete protected DB Instance" in told.left.told
    assert {one.partition("[")[0] for one in told.kept} <= {*STAYS_OF_RUNTIME, *STAYS_OF_DATABASE}


def test_who_leaves_as_the_guide_says_leaves_nothing_to_terraform(stories: dict[str, Story]) -> None:
    for stays in (STAYS, (*KEY_OF_RUNTIME, *STAYS_OF_RUNTIME), STAYS_OF_DATABASE):
        assert f"terraform state rm {' '.join(stays)}\n" in (terraform.INFRA / "README.md").read_text()
    told = stories["prod"]
    assert told.left.code == 0, told.left.out
    assert told.kept == []
    assert client("eks", told.address, REGION).list_clusters()["clusters"] == []
    (database,) = client("rds", told.address, REGION).describe_db_instances()["DBInstances"]
    assert (database["DBInstanceStatus"], database["DeletionProtection"]) == ("available", True)
    assert client("ecr", told.address, REGION).describe_images(repositoryName=PREFIX)["imageDetails"]
    groups = client("logs", told.address, REGION).describe_log_groups()["logGroups"]
    assert {group["logGroupName"] for group in groups if "retentionInDays" in group} >= {
        f"/aws/rds/instance/{PREFIX}-prod/{log}" for log in database["EnabledCloudwatchLogsExports"]
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_password_of_the_database_is_not_in_the_state(stories: dict[str, Story], environment: str) -> None:
    (database,) = client("rds", stories[environment].address, REGION).describe_db_instances()["DBInstances"]
    secret = database["MasterUserSecret"]["SecretArn"]
    assert secret in stories[environment].state
    secrets = client("secretsmanager", stories[environment].address, REGION)
    assert json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])["password"] not in stories[environment].state


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_data_and_keys_stay_as_they_were(stories: dict[str, Story], environment: str) -> None:
    told = stories[environment]
    s3 = client("s3", told.address, REGION)
    names = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    ours = {
        f"{PREFIX}-{environment}",
        f"{PREFIX}-audit-{environment}",
        *([f"{PREFIX}-landing"] if environment == "prod" else ()),
    }
    assert names >= ours
    for name in ours:
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
        policy = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
        assert "InfraAloneConfigures" in [statement["Sid"] for statement in policy["Statement"]]
        assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]["RestrictPublicBuckets"]
        assert s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    keys = [alias["AliasName"] for alias in client("kms", told.address, REGION).list_aliases()["Aliases"]]
    ours = {f"alias/{PREFIX}-{kept}" for kept in ("data", "audit", "runtime")}
    assert ours <= set(keys), "whose policies let nobody but infra remove an alias"


def test_the_sample_runs_in_the_buckets_that_were_made(stories: dict[str, Story]) -> None:
    told = stories["prod"]
    assert told.ran is not None
    assert told.ran.code == 0, told.ran.out
    assert "all that the contracts demand holds" in told.ran.told
    with without_policy(told.address, f"{PREFIX}-prod") as s3:
        listed = s3.list_objects_v2(Bucket=f"{PREFIX}-prod", Prefix="staged/flights/")["Contents"]
        head = s3.head_object(Bucket=f"{PREFIX}-prod", Key=listed[0]["Key"])
        assert "Contents" not in s3.list_objects_v2(Bucket=f"{PREFIX}-prod", Prefix="landing/")
    with without_policy(told.address, f"{PREFIX}-landing") as s3:
        dropped = s3.list_objects_v2(Bucket=f"{PREFIX}-landing", MaxKeys=1)["Contents"]
        assert "ObjectLockMode" not in s3.head_object(Bucket=f"{PREFIX}-landing", Key=dropped[0]["Key"])
    assert [entry["Key"] for entry in listed] == [f"staged/flights/date=2013-01-0{day}/data.parquet" for day in range(1, 6)]
    assert (head["ServerSideEncryption"], head["ObjectLockMode"]) == ("aws:kms", "GOVERNANCE")


def test_prod_locks_what_is_written_and_dev_does_not(stories: dict[str, Story]) -> None:
    lock = client("s3", stories["prod"].address, REGION).get_object_lock_configuration(Bucket=f"{PREFIX}-prod")
    days = json.loads((terraform.INFRA / "environments/prod/contracts.auto.tfvars.json").read_text())["retention"]["lock_days"]
    found = lock["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert (found["Mode"], found["Days"]) == ("GOVERNANCE", days)
    s3 = client("s3", stories["dev"].address, REGION)
    with pytest.raises(s3.exceptions.ClientError, match="ObjectLockConfigurationNotFoundError"):
        s3.get_object_lock_configuration(Bucket=f"{PREFIX}-dev")
