"""Plans as `terraform show -json` says them, written by hand. Not here: what is read in them (the tests beside)."""

from typing import Any


def plan(*resources: dict[str, Any]) -> dict[str, Any]:
    """A plan of an environment that would make these, as `terraform show -json` says it."""
    accounts = {"dev": "111111111111", "prod": "222222222222"}
    said = {"environment": "prod", "accounts": accounts, "region": "eu-central-1", "prefix": "company"}
    return {
        "variables": {name: {"value": value} for name, value in said.items()},
        "planned_values": {"root_module": {"resources": list(resources)}},
        "configuration": {"root_module": {"resources": [one | {"expressions": one["values"]} for one in resources]}},
    }


def resource(kind: str, name: str = "this", /, **values: Any) -> dict[str, Any]:
    return {"address": f"{kind}.{name}", "mode": "managed", "type": kind, "name": name, "values": values}


BUCKET = resource("aws_s3_bucket", bucket="company-prod")
