"""The rights that Terraform renders, enforced by a store: the pipeline does its work with them, and nobody else changes prod.

A server that enforces IAM is given each identity's own policies and nothing else (rights.py says how they are translated, and
why that only allows more). So what it refuses is refused by these policies alone, with no boundary and no policy of a bucket to
help; what it lets through is held against all of the rendered policies as well, and proves that the rights suffice, no more.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from dataops_assets.cli import sample
from dataops_assets.policy.access import Access, load, session
from dataops_assets_tests import rights, s3_server
from dataops_assets_tests.checkout import PROJECT, make_checkout
from dataops_assets_tests.infra.acts import BUCKETS, OBJECTS, OF_LOCKS, Outcome, Target, tried
from dataops_assets_tests.s3_server import ONCE, Bucket, Server
from dataops_assets_tests.values import PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.s3

DAY = "2013-01-02"
LOCKED_DAYS = 14
PROD = ("raw", "staged", "curated", "_verdicts", "_provenance")
LANDING = ("landing/flights",)
DEV = ("adhoc/delays", "branch/pr-7", "branch/pr-8", "dev/ann", "dev/ben", "elsewhere")
PLACES = (
    *(f"prod/{zone}" for zone in PROD),
    *(f"landing/{folder}" for folder in LANDING),
    *(f"dev/{area}" for area in DEV),
)
SESSIONS = {"dev/branch": ("kubernetes-namespace", "pr-7"), "dev/engineer": ("person", "ann")}

READ = {"read"}
WRITE = {"write", "overwrite", "overwrite unseen", "write in parts"}
REWRITE = WRITE | {"copy over", "tag"}
DELETE = {"delete", "delete several"}
_SETTINGS = {"suspend versions", "lock no more", "let others in", "drop the policy", "let writers own"}
CONFIGURE = {*_SETTINGS, "tag the bucket", "delete the bucket"}
LISTS = {"list"}
_ALL_OF_PROD = {f"prod/{zone}": READ for zone in PROD} | {"bucket prod": LISTS}
_PUBLISHED = {"prod/staged": READ, "prod/curated": READ, "bucket prod": LISTS}
MAY: Mapping[str, Mapping[str, set[str]]] = {
    "prod/pipeline": {
        **{f"prod/{zone}": READ | REWRITE for zone in PROD},
        "landing/landing/flights": READ | WRITE | {"copy over"},
        "bucket prod": LISTS,
        "bucket landing": LISTS,
    },
    "prod/code-server": {
        **{f"prod/{zone}": READ for zone in PROD if zone != "raw"},
        "landing/landing/flights": READ,
        "bucket prod": LISTS,
        "bucket landing": LISTS,
    },
    "prod/provider-bureau-of-transportation-statistics": {"landing/landing/flights": WRITE},
    "prod/analyst-analysts": _PUBLISHED,
    "prod/analyst-operations": _PUBLISHED,
    "prod/break-glass": {
        **{f"prod/{zone}": {*DELETE, "shorten the lock", "remove the locked version"} for zone in PROD},
        "landing/landing/flights": {*DELETE, "remove the version"},
        "bucket prod": LISTS,
        "bucket landing": LISTS,
    },
    "prod/infra": {"bucket prod": LISTS | CONFIGURE, "bucket landing": LISTS | CONFIGURE},
    "prod/drift": {"bucket prod": LISTS, "bucket landing": LISTS},
    "dev/branch": _ALL_OF_PROD | {"dev/branch/pr-7": READ | REWRITE | DELETE, "bucket dev": LISTS},
    "dev/engineer": _ALL_OF_PROD | {"dev/dev/ann": READ | REWRITE | DELETE, "bucket dev": LISTS},
    "dev/adhoc": _ALL_OF_PROD | {"dev/adhoc/delays": READ | REWRITE, "bucket dev": LISTS},
    "dev/sweeper": {
        **{f"dev/{area}": {*READ, *REWRITE, *DELETE, "remove the version"} for area in DEV if area != "elsewhere"},
        "bucket dev": LISTS,
    },
    "dev/break-glass": {f"dev/{area}": {*DELETE, "remove the version"} for area in DEV} | {"bucket dev": LISTS},
    "dev/infra": {"bucket dev": LISTS | CONFIGURE},
    "dev/drift": {"bucket dev": LISTS},
}
"""All that the server is to let through. A role that is not here does nothing with data or its buckets."""

LOCKED = {"prod/break-glass": [f"prod/{zone}" for zone in PROD]}
"""Where somebody might remove a version, if he lifted its lock first."""

ONLY_HERE = {
    *(("prod/pipeline", f"prod/{zone}", name) for zone in PROD for name in ("copy over", "overwrite unseen", "tag")),
    ("prod/pipeline", "landing/landing/flights", "copy over"),
}
"""What the server lets through, and AWS would not: the policy of the bucket forbids it, to change tags that are there, say. Of
that, nothing is proved."""


@dataclass
class World:
    """Prod, made by its pipeline in a bucket that locks; its landing; and the bucket of dev, with an object in each area.

    Attributes:
        owner: A client of whoever may do everything.
        ran: What the pipeline's run said.
        before: All of it, before anybody tried anything.
        tags: Those of what lies in each place of prod.
    """

    server: Server
    prod: Bucket
    landing: Bucket
    dev: Bucket
    pipeline: Bucket
    owner: "S3Client"
    ran: subprocess.CompletedProcess[str]
    before: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def bucket(self, place: str) -> Bucket:
        name = place.removeprefix("bucket ").partition("/")[0]
        return {"prod": self.prod, "landing": self.landing, "dev": self.dev}[name]

    def made(self, place: str, by: "S3Client") -> Target:
        """Something that lies there, for somebody to try what he may not."""
        bucket, prefix = self.bucket(place).name, place.partition("/")[2]
        found = self.owner.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/").get("Contents", [])
        return self._target(by, bucket, next(one["Key"] for one in found if "/made-for-" not in one["Key"]))

    def made_for(self, identity: str, place: str, by: "S3Client") -> Target:
        """Something that is put there for somebody to do what he may."""
        bucket, key = self.bucket(place).name, f"{place.partition('/')[2]}/made-for-{identity.replace('/', '-')}/{uuid4().hex}"
        self.owner.put_object(Bucket=bucket, Key=key, Body=b"1")
        return self._target(by, bucket, key)

    def _target(self, by: "S3Client", bucket: str, key: str) -> Target:
        head = self.owner.head_object(Bucket=bucket, Key=key)
        return Target(by, bucket, key, head["VersionId"], head["ETag"])

    def all_of_it(self) -> dict[str, Any]:
        """Every version in all three, with locks and tags, and what the buckets are set to; but not what tests put there."""
        found: dict[str, Any] = {}
        for bucket in (self.prod.name, self.landing.name, self.dev.name):
            for page in self.owner.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for one in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                    if "/made-for-" not in one["Key"]:
                        found[f"{bucket} {one['Key']} {one['VersionId']}"] = (one.get("ETag"), one["IsLatest"])
            found[f"{bucket} versions"] = self.owner.get_bucket_versioning(Bucket=bucket)["Status"]
        found["lock"] = self.owner.get_object_lock_configuration(Bucket=self.prod.name)["ObjectLockConfiguration"]
        for zone in PROD:
            what: Any = {"Bucket": self.prod.name, "Key": self.made(f"prod/{zone}", self.owner).key}
            tags = self.owner.get_object_tagging(**what)["TagSet"]
            found[zone] = ({tag["Key"]: tag["Value"] for tag in tags}, self.owner.get_object_retention(**what)["Retention"])
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Each provider drops what is its own, and the pipeline runs the sample, with the rights that are rendered for them."""
    server = s3_server.from_environment()
    checkout = make_checkout(tmp_path_factory.mktemp("clone"), DAY)
    with ExitStack() as stack:
        prod = stack.enter_context(server.bucket(locked_days=LOCKED_DAYS))
        landing, dev = (stack.enter_context(server.bucket()) for _ in range(2))

        def user(name: str, policy: dict[str, Any]) -> Bucket:
            return prod.by(stack.enter_context(server.user(f"{prod.name}-{name}", policy)))

        for dataset in (*sample.REFERENCES, *sample.DAILY):
            provider = user(f"provider-of-{dataset}", rights.of_provider(dataset, landing=landing.name)).client(retries=ONCE)
            for day in [None] if dataset in sample.REFERENCES else ["2013-01-01", DAY]:
                for name, content in sample.deliveries(dataset, day):
                    provider.put_object(Bucket=landing.name, Key=f"landing/{dataset}/{name}", Body=content)
        pipeline = user("pipeline", rights.of("prod/pipeline", prod=prod.name, landing=landing.name))
        home = checkout.root / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        deployment = {
            "DATAOPS_DEPLOYMENT": "prod",
            "DATAOPS_DATA": f"s3://{prod.name}",
            "DATAOPS_LANDING": f"s3://{landing.name}",
            "DATAOPS_PIPELINE": pipeline.sts().get_caller_identity()["Arn"],
            "DATAOPS_COMMIT": "ab" * 20,
            "DAGSTER_HOME": str(home),
        }
        checkout.variables.update(pipeline.environment() | deployment)
        ran = checkout.run("dataops", "run")
        found = World(server, prod, landing, dev, pipeline, prod.client(), ran)
        for area in DEV:
            found.owner.put_object(Bucket=dev.name, Key=f"{area}/x", Body=b"1")
        locked: Any = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=LOCKED_DAYS)}
        for zone in PROD:  # the server keeps a default lock, but does not tell of it: so that a change would be seen
            key = found.made(f"prod/{zone}", found.owner).key
            found.owner.put_object_retention(Bucket=prod.name, Key=key, Retention=locked)
            tags = found.owner.get_object_tagging(Bucket=prod.name, Key=key)["TagSet"]
            found.tags[f"prod/{zone}"] = {tag["Key"]: tag["Value"] for tag in tags}
        found.before = found.all_of_it()
        yield found


def test_rights_of_providers_and_the_pipeline_are_all_that_the_sample_needs(world: World) -> None:
    assert world.ran.returncode == 0, world.ran.stdout + world.ran.stderr
    assert "all that the contracts demand holds" in world.ran.stdout
    assert "Contents" not in world.owner.list_objects_v2(Bucket=world.prod.name, Prefix="landing/")


@cache
def access() -> Access:
    return load(PROJECT / "infra/access")


@cache
def identities() -> list[str]:
    """Every role that is rendered."""
    return sorted(role.full_name for role in access().roles)


def would_be_allowed(world: World, identity: str, place: str, name: str) -> bool:
    """What all of the rendered policies say of the same request: boundary, conditions, policies of buckets."""
    caller = session(access().role(identity), dict([SESSIONS[identity]]) if identity in SESSIONS else {})
    of_bucket = place.startswith("bucket ")
    act = (BUCKETS if of_bucket else OBJECTS)[name]
    about = f"arn:aws:s3:::{PREFIX}-{place.removeprefix('bucket ')}" + ("" if of_bucket else "/x")
    tags = {f"s3:ExistingObjectTag/{key}": value for key, value in world.tags.get(place, {}).items()}
    return all(access().may(caller, f"s3:{action}", about, {**act.context, **tags}).allowed for action in act.actions)


def tries(world: World, identity: str) -> dict[tuple[str, str], Outcome]:
    """What becomes of everything that somebody tries, by place and act."""
    outcomes: dict[tuple[str, str], Outcome] = {}
    may = MAY.get(identity, {})
    policy = rights.of(
        identity, SESSIONS.get(identity, ("", None))[1], prod=world.prod.name, landing=world.landing.name, dev=world.dev.name
    )
    with world.server.user(f"test-{uuid4().hex}", policy) as keys:
        client = world.prod.by(keys).client(retries=ONCE)
        for place in PLACES:
            target = world.made(place, client)
            for name, act in OBJECTS.items():
                if name in may.get(place, set()) - READ:
                    outcomes[place, name] = tried(act, world.made_for(identity, place, client))
                elif place.startswith("prod/") or name not in OF_LOCKS:
                    outcomes[place, name] = tried(act, target)
        for place in ("bucket prod", "bucket landing", "bucket dev"):
            for name, act in BUCKETS.items():
                if name not in may.get(place, set()) & CONFIGURE:  # that is tried below, on a bucket that may be spoilt
                    outcomes[place, name] = tried(act, Target(client, world.bucket(place).name, "", "", ""))
    return outcomes


@pytest.mark.parametrize("identity", identities())
def test_nobody_reads_or_changes_what_is_not_his(world: World, identity: str) -> None:
    outcomes = tries(world, identity)
    done = {where for where, outcome in outcomes.items() if outcome == "done"}
    locked = {where for where, outcome in outcomes.items() if outcome == "locked"}
    assert done == {(place, name) for place, names in MAY.get(identity, {}).items() for name in names - CONFIGURE}
    assert locked == {(place, "remove the version") for place in LOCKED.get(identity, ())}
    assert world.all_of_it() == world.before

    allowed = {(place, name) for place, name in outcomes if would_be_allowed(world, identity, place, name)}
    assert allowed <= done | locked, "the translation takes rights away: that the server refuses it proves nothing"
    assert (done | locked) - allowed == {(place, name) for who, place, name in ONLY_HERE if who == identity}


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_infra_alone_configures_a_bucket(environment: str) -> None:
    server = s3_server.from_environment()
    outcomes: dict[str, Outcome] = {}
    for name, act in BUCKETS.items():
        with server.bucket() as bucket:
            policy = rights.of(f"{environment}/infra", **{environment: bucket.name})
            with server.user(f"{bucket.name}-infra", policy) as keys:
                client = bucket.by(keys).client(retries=ONCE)
                outcomes[name] = tried(act, Target(client, bucket.name, "", "", ""))
            if name == "delete the bucket":
                bucket.client().create_bucket(Bucket=bucket.name)
    assert {name for name, outcome in outcomes.items() if outcome == "done"} == LISTS | CONFIGURE


def test_break_glass_lifts_a_lock_where_the_pipeline_cannot(world: World) -> None:
    target = world.made_for("prod/break-glass", "prod/raw", world.pipeline.client(retries=ONCE))
    acts = [OBJECTS[name] for name in ("shorten the lock", "remove the version", "remove the locked version")]
    assert [tried(act, target) for act in acts] == ["refused"] * 3
    policy = rights.of("prod/break-glass", prod=world.prod.name)
    with world.server.user(f"{world.prod.name}-break-glass", policy) as keys:
        target = replace(target, client=world.prod.by(keys).client(retries=ONCE))
        assert [tried(act, target) for act in acts] == ["done", "locked", "done"]
    assert "Versions" not in world.owner.list_object_versions(Bucket=world.prod.name, Prefix=target.key)


def test_nobody_is_let_in_by_a_bucket_alone() -> None:
    """Else a user without what the bucket allows would be less than what he stands for."""
    for bucket in access().buckets.values():
        assert bucket.policy
        for statement in bucket.policy.statements:
            if statement.effect == "Allow":
                for named in statement.principals:
                    assert named.kind == "service" or named.account not in (None, bucket.account), statement.sid
