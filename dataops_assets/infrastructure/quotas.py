"""What AWS takes of all that grows with the contracts: names, sizes of policies, numbers of roles.

Most of it does not grow. Rules and rights go by shared classes of tags and by prefixes: so the policies of buckets and keys, of
readers, of branches and of people are as large for one dataset as for a thousand. What grows is told here, with the quota. The
rules of a bucket are counted where they are made (`lifecycle.rules`), a tag of readers where it is stated (`contract.catalog`).

Sources: IAM User Guide, "IAM and AWS STS quotas", and its "Name requirements"; Amazon S3 User Guide, "Bucket naming rules".
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from dataops_assets.contract import Catalog, Dataset, Problem

ROLES = 1000
"""Roles in an account, unless AWS grants more."""
ROLE_NAME_CHARACTERS = 64
ROLE_POLICY_CHARACTERS = 10_240
"""Of all policies in a role together, blanks left out."""
PREFIX_CHARACTERS = 16
"""Of the name of the company before the names of all that is made; the modules of Terraform see to it."""
OTHER_ROLES = 30
"""For roles that are not made for one group or provider: ours are a dozen, and the services of AWS make some."""
OTHER_CHARACTERS = 4096
"""For what does not grow with the contracts in the policy of a role."""


def slug(provider: str) -> str:
    """The name of a provider as a part of the name of its role; empty if it has no Latin letters or digits."""
    plain = unicodedata.normalize("NFKD", provider).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")


def quota_problems(
    catalog: Catalog, delivered: Mapping[str, Sequence[Dataset]], readers: Sequence[str], lifecycles: Sequence[str]
) -> Iterator[Problem]:
    """What of the contracts AWS does not take.

    Args:
        catalog: The contracts.
        delivered: The datasets that each provider drops, by `slug`.
        readers: The values of the tag `readers` in use.
        lifecycles: The values of the tag `lifecycle` in use.
    """
    yield from _groups(catalog)
    for name, datasets in delivered.items():
        yield from _provider(name, datasets)
    roles = len(delivered) + len(catalog.policy.readers) + OTHER_ROLES
    if roles > ROLES:
        message = f"{len(delivered):,} providers and {len(catalog.policy.readers):,} reader groups need {roles:,} roles of IAM"
        yield catalog.source.problem(("readers",), f"{message}, and an account takes {ROLES:,}", "name fewer of either")
    # The policy of the pipeline lists each value, so that it cannot tag what it writes with another.
    size = sum(len(f'"{value}",') for value in (*readers, *lifecycles)) + OTHER_CHARACTERS
    if size > ROLE_POLICY_CHARACTERS:
        message = f"the pipeline may write {len(readers):,} combinations of readers and {len(lifecycles):,} classes"
        quota = f"which makes its policy {size:,} characters long, and IAM takes {ROLE_POLICY_CHARACTERS:,}"
        remedy = "let datasets share combinations of `readers`: name one group for those that go together"
        yield catalog.source.problem(("readers",), f"{message}, {quota}", remedy)


def _groups(catalog: Catalog) -> Iterator[Problem]:
    most, seen = _left_of_a_name("analyst"), dict[str, str]()
    for group in catalog.policy.readers:
        path = ("readers", group)
        if re.search("[:/]", group):
            remedy = "call the group by letters, digits, `-`, `_`, `.` or `@`"
            yield catalog.source.problem(path, f"`{group}` cannot be part of the name of a role of IAM", remedy)
        if len(group) > most:
            message = f"`{group}` has {len(group)} characters, and the name of a role of IAM leaves {most} for it"
            yield catalog.source.problem(path, message, "shorten it")
        if (other := seen.setdefault(group.lower(), group)) != group:
            message = f"`{group}` and `{other}` are the same to IAM, which does not tell capital letters apart"
            yield catalog.source.problem(path, message, "rename one of the two")


def _provider(name: str, datasets: Sequence[Dataset]) -> Iterator[Problem]:
    first, path = datasets[0], ("source", "provider")
    called = {dataset.ingested.source.provider: dataset for dataset in datasets if dataset.ingested}
    most = _left_of_a_name("provider")
    if not name:
        message = f"`{next(iter(called))}` has no Latin letter, and a role of IAM is named after the provider"
        yield first.problem(path, message, "write the name in Latin letters")
    if len(name) > most:
        message = f"a role of IAM is named after the provider, and `{name}` has {len(name)} characters, of which {most} fit"
        yield first.problem(path, message, "shorten the name of the provider")
    for other in list(called)[1:]:
        message = f"`{other}` and `{next(iter(called))}` would share the role `provider-{name}`"
        yield called[other].problem(path, message, "write a provider's name alike everywhere, and each provider's otherwise")
    bucket = f'"arn:aws:s3:::{"x" * PREFIX_CHARACTERS}-prod/landing//*",'
    folders = {dataset.deliveries for dataset in datasets}
    size = sum(len(bucket) + len(folder) for folder in folders) + OTHER_CHARACTERS
    if size > ROLE_POLICY_CHARACTERS:
        message = f"`{next(iter(called))}` drops into {len(folders):,} folders, which makes the policy of its role {size:,}"
        remedy = "name its parts as providers of their own, as `… (north)`: each has a role then"
        yield first.problem(path, f"{message} characters long, and IAM takes {ROLE_POLICY_CHARACTERS:,}", remedy)


def _left_of_a_name(kind: str) -> int:
    return ROLE_NAME_CHARACTERS - PREFIX_CHARACTERS - len(f"-{kind}-")
