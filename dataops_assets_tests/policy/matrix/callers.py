"""Everybody who may ask: a session of each role, of some several, and those who should not get anywhere.

Of tokens, pods and services it is asked which role they may become, so what else they ask for is denied: a token is no
session. Not here: sessions of our roles of which one lock alone is closed (`locks`).
"""

from collections.abc import Iterator
from dataclasses import replace

from dataops_assets.policy.access import ANYBODY, Access, Caller, Role, session
from dataops_assets.policy.language import Policy, read_policy
from dataops_assets_tests.policy.matrix.places import STRANGER
from dataops_assets_tests.values import (
    ACCOUNTS,
    GITHUB,
    OWNER,
    OWNER_ID,
    PEOPLE,
    PREFIX,
    REGION,
    REPOSITORY,
    REPOSITORY_ID,
    audience,
)

DEV, PROD = ACCOUNTS["dev"], ACCOUNTS["prod"]
ALL_RIGHTS = read_policy(
    {"Version": "2012-10-17", "Statement": [{"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"}]},
    "all rights",
    "identity",
)
_LOG = "kms:EncryptionContext:aws:logs:arn"
_SIGNED = {"aws:SecureTransport": "true"}
_SESSIONS = {
    "dev/branch": [{"kubernetes-namespace": "pr-7"}, {"kubernetes-namespace": "pr-8"}],
    "dev/engineer": [{"person": "ann"}, {"person": "ben"}],
}
"""Roles of which more than one session is tried, against each other."""
_PODS_OF_DEV = ("branch pr-7", "adhoc", "sweeper", "migration")


def callers(access: Access) -> list[Caller]:
    return [*sessions(access), *_mighty(access), *_strangers(), *_tokens(access), *_pods(), *_services()]


def sessions(access: Access) -> Iterator[Caller]:
    """A session of each role, of some several."""
    for role in access.roles:
        for tags in _SESSIONS.get(role.full_name, [{}]):
            yield session(role, tags)


def _mighty(access: Access) -> Iterator[Caller]:
    """Whom others must hold: an administrator of each account, and a role with all rights and the boundary."""
    for environment, account in (("dev", DEV), ("prod", PROD)):
        boundary = next(role.boundary for role in access.roles if role.environment == environment)
        for name, role_name, limit in (("administrator", "administrator", None), ("new", f"{PREFIX}-new", boundary)):
            yield session(_with_all_rights(environment, name, f"arn:aws:iam::{account}:role/{role_name}", limit))


def _with_all_rights(environment: str, name: str, arn: str, boundary: Policy | None = None) -> Role:
    trust = read_policy({"Version": "2012-10-17", "Statement": []}, "trust", "trust")
    return Role(environment, name, arn, trust, (ALL_RIGHTS,), boundary, 3600)


def _strangers() -> Iterator[Caller]:
    """Nobody; somebody of another account, who may do everything there."""
    yield ANYBODY
    yield Caller("anybody, over plain HTTP", "*", {"aws:SecureTransport": "false"})
    for name, role in (("stranger", "administrator"), ("stranger called pipeline", f"{PREFIX}-pipeline")):
        yield replace(session(_with_all_rights("elsewhere", role, f"arn:aws:iam::{STRANGER}:role/{role}")), name=name)


def _tokens(access: Access) -> Iterator[Caller]:
    for environment, account in (("dev", DEV), ("prod", PROD)):
        for name, (issuer, context) in (*_of_github(), *_of_people(access)):
            provider = f"arn:aws:iam::{account}:oidc-provider/{issuer}"
            yield Caller(f"token at {environment}: {name}", provider, {**_SIGNED, **context})


def _of_github() -> Iterator[tuple[str, tuple[str, dict[str, str]]]]:
    """Of each environment both forms of the subject, with the ids of owner and repository and without; all else as it comes."""
    ours, old = f"{OWNER}@{OWNER_ID}/{REPOSITORY}@{REPOSITORY_ID}", f"{OWNER}/{REPOSITORY}"
    aud, other_aud = "sts.amazonaws.com", f"https://github.com/{OWNER}"
    tokens = {
        "another environment": (f"{ours}:environment:production", aud, REPOSITORY_ID),
        "environment infra, another case": (f"{ours}:environment:Infra", aud, REPOSITORY_ID),
        "branch main, no environment": (f"{ours}:ref:refs/heads/main", aud, REPOSITORY_ID),
        "another branch": (f"{ours}:ref:refs/heads/environment:infra", aud, REPOSITORY_ID),
        "pull request": (f"{ours}:pull_request", aud, REPOSITORY_ID),
        "fork": (f"somebody@7/{REPOSITORY}@8:environment:infra", aud, "8"),
        "fork, prod": (f"somebody/{REPOSITORY}:environment:prod", aud, "8"),
        "another repository": (f"{OWNER}@{OWNER_ID}/{REPOSITORY}-2@9:environment:infra", aud, "9"),
        "environment infra, in a repository that took the name": (f"{OWNER}@7/{REPOSITORY}@8:environment:infra", aud, "8"),
        "environment infra, of no repository": (f"{old}:environment:infra", aud, None),
    }
    for name in ("prod", "branch", "infra", "drift"):
        of = f"environment {name}"
        tokens |= {
            of: (f"{ours}:environment:{name}", aud, REPOSITORY_ID),
            f"{of} without ids": (f"{old}:environment:{name}", aud, REPOSITORY_ID),
            f"{of} without ids, in a repository that took the name": (f"{old}:environment:{name}", aud, "8"),
            f"{of}, wrong audience": (f"{ours}:environment:{name}", other_aud, REPOSITORY_ID),
        }
    for name, (repository, whom, number) in tokens.items():
        said = {f"{GITHUB}:sub": f"repo:{repository}", f"{GITHUB}:aud": whom}
        yield name, (GITHUB, said | ({f"{GITHUB}:repository_id": number} if number else {}))


def _of_people(access: Access) -> Iterator[tuple[str, tuple[str, dict[str, str | list[str]]]]]:
    people = [role.name for role in access.roles if role.name.startswith(("analyst-", "engineer"))]
    providers = [role.name for role in access.roles if role.name.startswith("provider-")]
    mfa = {"person": "ann", "mfa": "true"}
    tokens: dict[str, tuple[str, dict[str, str]]] = {}
    for name in (*people, "break-glass"):
        more = {"mfa": "true"} if name == "break-glass" else {}
        tokens |= {
            f"for {name}": (name, {"person": "ann", **more}),
            f"for {name}, nobody": (name, more),
            f"for {name}, no name": (name, {"person": "", **more}),
            f"for {name}, a folder": (name, {"person": "ann/x", **more}),
            f"for {name}, a way up": (name, {"person": "..", **more}),
            f"for {name}, as a pod": (name, {"person": "ann", "kubernetes-namespace": "prod", **more}),
        }
    tokens |= {
        **{f"for {name}": (name, {}) for name in providers},
        "for break-glass, one factor": ("break-glass", {"person": "ann"}),
        "for break-glass, second factor denied": ("break-glass", {"person": "ann", "mfa": "false"}),
        "for a provider, as a pod": (providers[0], {"kubernetes-namespace": "prod"}),
        "for something else": ("reports", mfa),
        "for infra": ("infra", mfa),
    }
    for name, (role, tags) in tokens.items():
        context: dict[str, str | list[str]] = {f"{PEOPLE}:aud": audience(role), f"{PEOPLE}:sub": "ann"}
        context |= {f"aws:RequestTag/{tag}": value for tag, value in tags.items()}
        yield name, (PEOPLE, context | ({"aws:TagKeys": sorted(tags)} if tags else {}))


def _pods() -> Iterator[Caller]:
    """EKS, with what it says of a pod."""
    pods = {
        "prod, pipeline": ("prod", "prod", "pipeline"),
        "prod, another service account": ("prod", "prod", "default"),
        "prod, another namespace": ("prod", "pr-7", "pipeline"),
        "prod, pipeline of dev's cluster": ("dev", "prod", "pipeline"),
        "dev, branch pr-7": ("dev", "pr-7", "branch"),
        "dev, another service account of pr-7": ("dev", "pr-7", "default"),
        "dev, no pull request": ("dev", "pr-", "branch"),
        "dev, branch service account elsewhere": ("dev", "kube-system", "branch"),
        "dev, a folder": ("dev", "pr-7/x", "branch"),
        "dev, a way up": ("dev", "pr-..", "branch"),
        "dev, branch of prod's cluster": ("prod", "pr-7", "branch"),
        "dev, adhoc": ("dev", "adhoc", "adhoc"),
        "dev, sweeper": ("dev", "adhoc", "sweeper"),
        "dev, adhoc in another namespace": ("dev", "pr-7", "adhoc"),
        "dev, adhoc of prod's cluster": ("prod", "adhoc", "adhoc"),
        "dev, sweeper in another namespace": ("dev", "pr-7", "sweeper"),
        "dev, sweeper of prod's cluster": ("prod", "adhoc", "sweeper"),
    }
    services = ("code-server", "webserver", "daemon")
    for account in services:
        pods |= {
            f"prod, {account}": ("prod", "prod", account),
            f"prod, {account} in another namespace": ("prod", "pr-7", account),
            f"prod, {account} of dev's cluster": ("dev", "prod", account),
        }
    for cluster in ("dev", "prod"):
        pods |= {
            f"{cluster}, migration": (cluster, "migration", "migration"),
            f"{cluster}, migration in another namespace": (cluster, "pr-7", "migration"),
            f"{cluster}, another service account of migration": (cluster, "migration", "default"),
        }
    ours = {*(f"prod, {one}" for one in ("pipeline", "migration", *services)), *(f"dev, {one}" for one in _PODS_OF_DEV)}
    for name, (cluster, namespace, account) in pods.items():
        arn = f"arn:aws:eks:{REGION}:{PROD if cluster == 'prod' else DEV}:cluster/{PREFIX}-{cluster}"
        tags = {"eks-cluster-arn": arn, "kubernetes-namespace": namespace, "kubernetes-service-account": account}
        context = {**_SIGNED, **{f"aws:RequestTag/{tag}": value for tag, value in tags.items()}, "aws:TagKeys": sorted(tags)}
        yield Caller(f"pod of {name}", "pods.eks.amazonaws.com", context)
        if name in ours:
            yield Caller(f"machine that says it is a pod of {name}", "ec2.amazonaws.com", context)


def _services() -> Iterator[Caller]:
    """Services of AWS, on behalf of something of ours or of somebody else, and others that say they are these."""
    ours = {"aws:SecureTransport": "true", "aws:PrincipalIsAWSService": "true"}
    of_others = {"aws:SourceAccount": STRANGER}
    for environment, account in (("dev", DEV), ("prod", PROD)):
        logged = {"aws:SourceArn": f"arn:aws:s3:::{PREFIX}-{environment}", "aws:SourceAccount": account}
        trail = {
            "aws:SourceArn": f"arn:aws:cloudtrail:{REGION}:{account}:trail/{PREFIX}-{environment}",
            "aws:SourceAccount": account,
        }
        log = {_LOG: f"arn:aws:logs:{REGION}:{account}:log-group:/{PREFIX}/trail"}
        results = {"aws:SourceArn": f"arn:aws:s3:::{PREFIX}-athena-prod", "aws:SourceAccount": account}
        dropped = {"aws:SourceArn": f"arn:aws:s3:::{PREFIX}-landing", "aws:SourceAccount": account}
        more = [
            ("access logs of landing", "logging.s3", dropped),
            ("access logs of landing, bucket of the name elsewhere", "logging.s3", dropped | of_others),
            ("another service: bucket of landing", "lambda", dropped),
            ("access logs of queries", "logging.s3", results),
            ("access logs of queries, bucket of the name elsewhere", "logging.s3", results | of_others),
            ("another service: bucket of queries", "lambda", results),
        ]
        runtime_logs = {
            "the cluster": f"/aws/eks/{PREFIX}-{environment}/cluster",
            "the database": f"/aws/rds/instance/{PREFIX}-{environment}/postgresql",
            "its upgrades": f"/aws/rds/instance/{PREFIX}-{environment}/upgrade",
        }
        cluster_log = {_LOG: f"arn:aws:logs:{REGION}:{account}:log-group:{runtime_logs['the cluster']}"}
        other_log = {_LOG: f"arn:aws:logs:{REGION}:{account}:log-group:/somebody/else"}
        for name, service, context in (
            (f"access logs of {environment}", "logging.s3", logged),
            *(more if environment == "prod" else ()),
            (f"access logs of {environment}, bucket of the name elsewhere", "logging.s3", logged | of_others),
            (f"access logs of another bucket in {environment}", "logging.s3", logged | {"aws:SourceArn": "arn:aws:s3:::other"}),
            (f"trail of {environment}", "cloudtrail", trail),
            (f"log group of {environment}", f"logs.{REGION}", log),
            *(
                (
                    f"log group of {what} in {environment}",
                    f"logs.{REGION}",
                    {_LOG: f"arn:aws:logs:{REGION}:{account}:log-group:{group}"},
                )
                for what, group in runtime_logs.items()
            ),
            ("another service: log group of the cluster in " + environment, "lambda", cluster_log),
            (f"another log group of {environment}", f"logs.{REGION}", other_log),
            *(
                (f"another service: {what} of {environment}", "lambda", said)
                for what, said in (("bucket", logged), ("trail", trail), ("log group", log))
            ),
        ):
            yield Caller(name, f"{service}.amazonaws.com", ours | context)
    elsewhere = {"aws:SourceArn": f"arn:aws:cloudtrail:{REGION}:{STRANGER}:trail/{PREFIX}-prod", **of_others}
    yield Caller("trail of somebody else", "cloudtrail.amazonaws.com", ours | elsewhere)
    for service in ("events", "cloudwatch", "ec2", "lambda", "glue", "eks", "rds"):
        yield Caller(f"service {service}", f"{service}.amazonaws.com", ours)
