"""What AWS takes of all that grows with the contracts: names, sizes of policies, numbers of roles.

Most of it does not grow. Rules and rights go by shared classes of tags and by prefixes: so the policies of buckets and keys, of
readers, of branches and of people are as large for one dataset as for a thousand. What grows is told here, with the quota. The
rules of a bucket are counted where they are made (`lifecycle.rules`), a tag of readers where it is stated (`contract.catalog`).

Source: IAM User Guide, "IAM and AWS STS quotas", which tells the characters of names, too.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dataops_assets.contract import Catalog, Dataset, Problem

AUDIENCES = 100
"""Of a provider of identities, by which people and those who deliver sign in: each role has an audience of its own."""
ROLE_NAME_CHARACTERS = 64
ROLE_POLICY_CHARACTERS = 10_240
"""Of all policies in a role together, blanks left out."""
PREFIX_CHARACTERS = 16
"""Of the name of the company before the names of all that is made; the modules of Terraform see to it."""
_GROUP = re.compile("[a-z0-9]+([_-][a-z0-9]+)*")
OTHER_AUDIENCES = 2
"""Of the roles `engineer` and `break-glass`."""
OTHER_CHARACTERS = 3072
"""For what does not grow with the contracts in the policy of a role."""


def slug(provider: str) -> str:
    """The name of a provider as a part of the name of its role; empty if it has no Latin letters or digits."""
    plain = unicodedata.normalize("NFKD", provider).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")


def pipeline_characters(values: Iterable[str]) -> int:
    """How long the pipeline's policy is: it lists each value of a tag where it writes and where it tags, and gives no other."""
    return OTHER_CHARACTERS + 2 * sum(len(f'"{value}",') for value in values)


def queries_characters(groups: Iterable[str]) -> int:
    """How long the policy is of who answers queries for any group: by four patterns, alone, first, last, and in between."""
    return OTHER_CHARACTERS + sum(len(f'"{group}","{group}+*","*+{group}","*+{group}+*",') for group in groups)


def provider_characters(folders: Iterable[str]) -> int:
    """How long the policy of a provider is, who may drop into some folders of landing."""
    bucket = f"arn:aws:s3:::{'x' * PREFIX_CHARACTERS}-landing"
    return OTHER_CHARACTERS + sum(len(f'"{bucket}/landing/{folder}/*",') for folder in folders)


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
    signing_in = len(delivered) + len(catalog.policy.readers) + OTHER_AUDIENCES
    if signing_in > AUDIENCES:
        message = (
            f"{len(delivered):,} providers and {len(catalog.policy.readers):,} reader groups sign in by roles of their own"
        )
        quota = f"and IAM takes {AUDIENCES - OTHER_AUDIENCES:,} of both together"
        yield catalog.source.problem(("readers",), f"{message}, {quota}", "name fewer of either")
    if (size := pipeline_characters((*readers, *lifecycles))) > ROLE_POLICY_CHARACTERS:
        message = f"{len(readers):,} combinations of readers and {len(lifecycles):,} classes of lifecycle in use"
        quota = f"make the policy of the pipeline {size:,} characters long, and IAM takes {ROLE_POLICY_CHARACTERS:,}"
        remedy = "let datasets share them: name one group for readers that go together, and differ from a class alike"
        yield catalog.source.problem(("readers",), f"{message} {quota}", remedy)


def _groups(catalog: Catalog) -> Iterator[Problem]:
    most = _left_of_a_name("analyst")
    for group in catalog.policy.readers:
        path = ("readers", group)
        if not _GROUP.fullmatch(group):
            message = f"`{group}` cannot be part of the name of a role of IAM, or of a pattern of names"
            remedy = "call the group by small letters and digits, with single `-` or `_` in between"
            yield catalog.source.problem(path, message, remedy)
        if len(group) > most:
            message = f"`{group}` has {len(group)} characters, and the name of a role of IAM leaves {most} for it"
            yield catalog.source.problem(path, message, "shorten it")
    if (size := queries_characters(catalog.policy.readers)) > ROLE_POLICY_CHARACTERS:
        message = f"{len(catalog.policy.readers):,} reader groups make the policy of ad-hoc queries {size:,} characters long"
        remedy = "name fewer groups, or shorter ones"
        yield catalog.source.problem(("readers",), f"{message}, and IAM takes {ROLE_POLICY_CHARACTERS:,}", remedy)


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
    folders = {dataset.deliveries for dataset in datasets}
    if (size := provider_characters(folders)) > ROLE_POLICY_CHARACTERS:
        message = f"`{next(iter(called))}` drops into {len(folders):,} folders, which makes the policy of its role {size:,}"
        remedy = "name its parts as providers of their own, as `… (north)`: each has a role then"
        yield first.problem(path, f"{message} characters long, and IAM takes {ROLE_POLICY_CHARACTERS:,}", remedy)


def _left_of_a_name(kind: str) -> int:
    return ROLE_NAME_CHARACTERS - PREFIX_CHARACTERS - len(f"-{kind}-")
