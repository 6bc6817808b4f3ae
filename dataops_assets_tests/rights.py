"""What each identity may do in prod's bucket and in the one that dev and branches share, as policies of IAM.

docs/how-to.md shows them; a test holds the two together.
"""

from typing import Any

_READ = ["s3:GetObject"]
_PUT = ["s3:PutObject", "s3:AbortMultipartUpload"]
_WRITE = [*_PUT, "s3:PutObjectTagging"]
# Not limited to prefixes: without the right to list, what is absent cannot be told from what is forbidden.
_LIST = ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketVersioning"]


def pipeline(prod: str) -> dict[str, Any]:
    """The pipeline reads and writes prod, and deletes nothing."""
    return _policy((_READ + _WRITE, [f"{prod}/*"]), (_LIST, [prod]))


def through_to_prod(prod: str, shared: str, name: str) -> dict[str, Any]:
    """A branch, or an engineer: reads prod, and does what it likes below its own name."""
    own = f"{shared}/{name}/*"
    return _policy((_READ, [f"{prod}/*", own]), ([*_WRITE, "s3:DeleteObject"], [own]), (_LIST, [prod, shared]))


def keeper(prod: str, shared: str) -> dict[str, Any]:
    """Who looks after areas: reads prod, moves and removes versions in what dev and branches share, and nothing above that."""
    tops = [f"{shared}/{top}/*" for top in ("adhoc", "branch", "dev", "trash")]
    copied = ["s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
    return _policy(
        (_READ, [f"{prod}/*", *tops]),
        ([*_WRITE, *copied, "s3:DeleteObject", "s3:DeleteObjectVersion"], tops),
        ([*_LIST, "s3:ListBucketVersions"], [shared]),
        (_LIST, [prod]),
    )


def provider(prod: str, dataset: str) -> dict[str, Any]:
    """A provider drops into its own folder, and sees nothing."""
    return _policy((_PUT, [f"{prod}/landing/{dataset}/*"]))


def reader(prod: str, dataset: str) -> dict[str, Any]:
    """A reader reads what is published of a dataset, and what its gates found; pyarrow asks for the folder first."""
    published = [f"{prod}/{top}/{dataset}{below}" for top in ("staged", "curated", "gate_results") for below in ("", "/*")]
    return _policy((_READ, published), (["s3:ListBucket"], [prod]))


def _policy(*allowed: tuple[list[str], list[str]]) -> dict[str, Any]:
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": [f"arn:aws:s3:::{what}" for what in resources]}
        for actions, resources in allowed
    ]
    return {"Version": "2012-10-17", "Statement": statements}
