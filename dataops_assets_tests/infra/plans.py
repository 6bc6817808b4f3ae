"""Plans as `terraform show -json` says them, written by hand. Not here: what is read in them (the tests beside)."""

from typing import Any


def plan(*made: dict[str, Any]) -> dict[str, Any]:
    """A plan of an environment that would make these, as `terraform show -json` says it; a bucket has what each has."""
    there = {(one["type"], one["values"].get("bucket")) for one in made}
    buckets = [one["values"]["bucket"] for one in made if one["type"] == "aws_s3_bucket"]
    switches = [one for bucket in buckets for one in switched(bucket) if (one["type"], bucket) not in there]
    resources = [*made, *switches]
    accounts = {"dev": "111111111111", "prod": "222222222222"}
    said = {"environment": "prod", "accounts": accounts, "region": "eu-central-1", "prefix": "company"}
    return {
        "variables": {name: {"value": value} for name, value in said.items()},
        "planned_values": {"root_module": {"resources": resources}},
        "configuration": {"root_module": {"resources": [one | {"expressions": one["values"]} for one in resources]}},
    }


def switched(bucket: str) -> list[dict[str, Any]]:
    """What each bucket has, as AWS is told it."""
    closed = dict.fromkeys(("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"), True)
    said = {
        "ownership_controls": {"rule": [{"object_ownership": "BucketOwnerEnforced"}]},
        "public_access_block": closed,
        "versioning": {"versioning_configuration": [{"status": "Enabled"}]},
    }
    return [resource(f"aws_s3_bucket_{of}", f"of_{bucket}", bucket=bucket, **values) for of, values in said.items()]


def resource(kind: str, name: str = "this", /, **values: Any) -> dict[str, Any]:
    return {"address": f"{kind}.{name}", "mode": "managed", "type": kind, "name": name, "values": values}


BUCKET = resource("aws_s3_bucket", bucket="company-prod")
