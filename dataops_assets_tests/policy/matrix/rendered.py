"""The access that is tested: what is committed in infra/access, as Terraform rendered it."""

import json
from functools import cache
from typing import Any

from dataops_assets.policy.access import Access, Written, combine
from dataops_assets_tests.checkout import PROJECT

FOLDER = PROJECT / "infra" / "access"


def files() -> list[dict[str, Any]]:
    """The access files, as JSON."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]


@cache
def access() -> Access:
    return combine(Written.model_validate(file) for file in files())
