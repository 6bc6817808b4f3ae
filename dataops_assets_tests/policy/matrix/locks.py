"""Each lock by itself: what holds when the others on the same door are open.

Much is locked twice: what a role may not do by its own policy, its boundary forbids, and the policy of the bucket or key as
well. What no cell needs while the others hold, nobody would miss. So everybody of ours is asked four times more, by names that
the table has rows for:

    prod/pipeline with all rights           no boundary: what buckets, keys and trusts hold against it by themselves
    prod/pipeline with no rights            none of its own: what buckets and keys give by themselves
    prod/pipeline by its own policies       no boundary, and buckets and keys let everybody of both accounts in
    prod/pipeline by the boundary           all rights, and buckets and keys let everybody of both accounts in
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from dataops_assets.policy.access import Access, Caller, Resource, session
from dataops_assets.policy.language import read_policy
from dataops_assets_tests.policy.matrix.callers import ALL_RIGHTS, sessions
from dataops_assets_tests.policy.matrix.places import Place


def of_resources(access: Access) -> Iterator[Caller]:
    """Whom buckets, keys and trusts alone hold, or let in."""
    for caller in sessions(access):
        if caller.role:
            for name, rights in (("all", (ALL_RIGHTS,)), ("no", ())):
                role = replace(caller.role, policies=rights, boundary=None)
                yield replace(caller, name=f"{caller.name} with {name} rights", role=role)


def of_identities(access: Access) -> Iterator[Caller]:
    """Whom his own policies alone hold."""
    for caller in sessions(access):
        if caller.role:
            yield replace(caller, name=f"{caller.name} by its own policies", role=replace(caller.role, boundary=None))


def of_the_boundary(access: Access) -> Iterator[Caller]:
    """Whom the boundary alone holds."""
    for role in access.roles:
        mighty = replace(role, policies=(ALL_RIGHTS,))
        yield replace(session(mighty), name=f"{role.full_name} by the boundary")


def has_a_policy(access: Access, place: Place) -> bool:
    """Whether a bucket, a key or a role of ours says itself who may do that there."""
    ours = {role.environment for role in access.roles}
    named = {
        "s3": {one.arn for one in access.buckets.values() if one.environment in ours},
        "kms": {one.arn for one in access.keys.values() if one.environment in ours},
        "sts": {role.arn for role in access.roles},
    }
    return (place.arn.partition("/")[0] if place.service == "s3" else place.arn) in named.get(place.service, ())


def opened(access: Access) -> Access:
    """The access where buckets and keys let everybody of both accounts in."""
    accounts = sorted({role.arn.split(":")[4] for role in access.roles})
    return replace(
        access,
        buckets={name: _lets_in(one, open_to(accounts, "s3")) for name, one in access.buckets.items()},
        keys={arn: _lets_in(one, open_to(accounts, "kms")) for arn, one in access.keys.items()},
    )


def open_to(accounts: Sequence[str], service: str) -> dict[str, Any]:
    """The policy of a bucket or key that lets everybody of some accounts in; without TLS nobody, of which roles say nothing."""
    roots = [f"arn:aws:iam::{account}:root" for account in accounts]
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    about = {"Action": f"{service}:*", "Resource": "*"}
    statements = [
        {"Sid": "Open", "Effect": "Allow", "Principal": {"AWS": roots}, **about},
        {"Sid": "NothingWithoutTls", "Effect": "Deny", "Principal": "*", "Condition": plain, **about},
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _lets_in(one: Resource, policy: dict[str, Any]) -> Resource:
    return replace(one, policy=read_policy(policy, one.name, "resource"))
