"""Asks IAM Access Analyzer about the policies in `infra/access/<account>.json`: whether one is open to everybody, and which of
those that changed allow more than in another commit. Here AWS judges them; all else in this repository judges by itself.

    python infra/analyze.py prod --diff origin/main

Prints a table, and ends with 1 if one is open. That one allows more is told and no more: whether it is meant was said by
the label of the pull request. Each question costs a fraction of a cent, and needs credentials of AWS, in whatever account. Not
here: what a policy comes to together with others (`dataops grants`), since each is asked about by itself.

Source: AWS, "IAM Access Analyzer API Reference", CheckNoNewAccess and CheckNoPublicAccess.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

ACCESS = Path(__file__).parent / "access"
Document = dict[str, Any]
PUBLIC = {"bucket": "AWS::S3::Bucket", "key": "AWS::KMS::Key", "trust": "AWS::IAM::AssumeRolePolicyDocument"}
"""What could be open to everybody, as Access Analyzer calls it."""
CLOSED, NO_MORE = "is not open to everybody", "allows no more than before"
_NOTHING: dict[str, Document] = {
    "IDENTITY_POLICY": {"Effect": "Deny", "Action": "*", "Resource": "*"},
    "RESOURCE_POLICY": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"},
}
"""By type, the only statement of a policy that allows nothing: an empty one is no policy."""


@dataclass(frozen=True)
class Policy:
    """A policy, by itself.

    Attributes:
        of: What it is of: `bucket`, `key`, `trust`, `role` or `boundary`.
        name: The name of that, and of the policy where a role has several.
        document: What it says.
    """

    of: str
    name: str
    document: Document

    @property
    def type(self) -> str:
        """As Access Analyzer calls it."""
        return "RESOURCE_POLICY" if self.of in PUBLIC else "IDENTITY_POLICY"


@dataclass(frozen=True)
class Told:
    """What Access Analyzer says of a policy.

    Attributes:
        policy: The policy.
        asked: What was asked: `CLOSED` or `NO_MORE`.
        holds: Whether it is so.
        why: Its words, and which statements it names.
    """

    policy: Policy
    asked: str
    holds: bool
    why: str


def policies(access: Document) -> Iterator[Policy]:
    """Every policy of an access file."""
    for name, bucket in access["buckets"].items():
        if bucket["policy"]:
            yield Policy("bucket", name, bucket["policy"])
    yield from (Policy("key", alias, key["policy"]) for alias, key in access["keys"].items())
    for name, role in access["roles"].items():
        yield Policy("trust", name, role["trust"])
        yield from (Policy("role", f"{name}/{label}", document) for label, document in role["policies"].items())
        if role["boundary"]:
            yield Policy("boundary", name, role["boundary"])


def ask(client: Any, before: Document, now: Document) -> Iterator[Told]:
    """What Access Analyzer says of the policies of an account.

    Args:
        client: Of `accessanalyzer`.
        before: The access file as it was.
        now: The access file as it is.

    Raises:
        botocore.exceptions.ClientError: It refuses to answer, or takes something for no policy.
    """
    known = {(one.of, one.name): one.document for one in policies(before)}
    for one in policies(now):
        document = json.dumps(one.document)
        if one.of in PUBLIC:
            said = client.check_no_public_access(policyDocument=document, resourceType=PUBLIC[one.of])
            yield _told(one, CLOSED, said)
        nothing = {"Version": "2012-10-17", "Statement": [_NOTHING[one.type]]}
        existing = known.get((one.of, one.name), nothing)
        if existing != one.document:
            asked = {"newPolicyDocument": document, "existingPolicyDocument": json.dumps(existing), "policyType": one.type}
            yield _told(one, NO_MORE, client.check_no_new_access(**asked))


def _told(policy: Policy, asked: str, said: dict[str, Any]) -> Told:
    reasons = [
        f"{one['description']}{f' ({sid})' if (sid := one.get('statementId')) else ''}" for one in said.get("reasons", ())
    ]
    return Told(policy, asked, said["result"] == "PASS", "; ".join([said["message"], *reasons]))


def table(account: str, told: list[Told]) -> Iterator[str]:
    """What does not hold, as Markdown; one line if all does."""
    yield f"## What IAM Access Analyzer says of {account}"
    yield ""
    broken = [one for one in told if not one.holds]
    if not broken:
        yield f"{len(told)} questions: none is open to everybody, and none that has changed allows more than before."
        return
    yield "| policy | does not hold | why |"
    yield "| --- | --- | --- |"
    yield from (f"| {one.policy.of} {one.policy.name} | {one.asked} | {one.why} |" for one in broken)


def _committed(account: str, commit: str) -> Document:
    """The access file of a commit; one that names nothing, where it has none."""
    git = ["git", "-C", str(ACCESS)]
    subprocess.run([*git, "rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}"], check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run([*git, "show", f"{commit}:./{account}.json"], capture_output=True, text=True, check=False)
    found: Document = json.loads(done.stdout) if done.returncode == 0 else {"roles": {}, "buckets": {}, "keys": {}}
    return found


def main() -> None:
    """Ask, and print what is told.

    Raises:
        SystemExit: With 1 if a policy is open to everybody.
    """
    parser = argparse.ArgumentParser(description="Ask IAM Access Analyzer about the policies in infra/access.")
    parser.add_argument("account", help="dev or prod")
    parser.add_argument("--diff", required=True, metavar="GITREF", help="the commit to compare with")
    asked = parser.parse_args()
    now = json.loads((ACCESS / f"{asked.account}.json").read_text(encoding="utf-8"))
    before = _committed(asked.account, asked.diff)
    told = list(ask(boto3.client("accessanalyzer"), before, now))
    sys.stdout.write("\n".join(table(asked.account, told)) + "\n")
    if any(not one.holds and one.asked == CLOSED for one in told):
        sys.exit(1)


if __name__ == "__main__":
    main()
