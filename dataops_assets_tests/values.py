"""The values of the organisation whose infra/ this is: its prefix, accounts, region, repository, and where its people sign in.

They stand in `infra/environments/*/terraform.tfvars`, and tests take names from here: whoever has other values writes them
there alone. Tests that bring policies, plans or pages of their own name what they like. Not here: what is made of the values.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from dataops_assets_tests.checkout import PROJECT

_TOKEN = re.compile(r'(?:#|//)[^\n]*|("(?:[^"\\]|\\.)*"|[\w.-]+|[{}\[\]=:,])')


def read(text: str) -> dict[str, Any]:
    """What a file of Terraform's values says, which are texts, numbers, lists and maps.

    Source: Terraform, "Variable Definitions (.tfvars) Files".
    """
    found: dict[str, Any] = _value(iter(["{", *filter(None, _TOKEN.findall(text)), "}"]))
    return found


def of(root: str) -> dict[str, Any]:
    """The values of a root of Terraform, as `environments/prod`."""
    return read((PROJECT / "infra" / root / "terraform.tfvars").read_text(encoding="utf-8"))


def _value(tokens: Iterator[str]) -> Any:
    first = next(tokens)
    if first == "{":
        return dict(_entries(tokens))
    if first == "[":
        return [_value(chain([token], tokens)) for token in iter(tokens.__next__, "]") if token != ","]
    return json.loads(first)


def _entries(tokens: Iterator[str]) -> Iterator[tuple[str, Any]]:
    for name in iter(tokens.__next__, "}"):
        if name != ",":
            next(tokens)  # the = or : after it
            yield name.strip('"'), _value(tokens)


_VALUES = of("environments/prod")
PREFIX: str = _VALUES["prefix"]
REGION: str = _VALUES["region"]
ACCOUNTS: dict[str, str] = _VALUES["accounts"]
OWNER: str = _VALUES["github"]["owner"]
OWNER_ID: str = _VALUES["github"]["owner_id"]
REPOSITORY: str = _VALUES["github"]["repository"]
REPOSITORY_ID: str = _VALUES["github"]["repository_id"]
REVIEWERS = [f"@{OWNER}/{team}" for team in of("github")["infra_reviewers"]]
"""The teams that own what decides about access, as .github/CODEOWNERS names them."""
PEOPLE: str = _VALUES["people"]["issuer"]
"""Who gives people their tokens."""
GITHUB = "token.actions.githubusercontent.com"
"""Who gives CI its tokens."""


def audience(role: str) -> str:
    """The audience of the tokens by which a person or provider becomes a role."""
    name: str = _VALUES["people"].get("audiences", {}).get(role, f"{PREFIX}-{role}")
    return name
