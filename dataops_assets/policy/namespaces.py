"""What pods of a namespace may ask of their machine: `deploy/namespaces.yaml`, read to be compared.

Kubernetes' Pod Security admission decides by it. Not here: who may do what in a namespace (`rbac`), what a change means
(`observe.beside`).

Source: Kubernetes, "Pod Security Admission", "Pod Security Standards".
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dataops_assets.contract.errors import choose
from dataops_assets.policy.refused import Refused

LEVELS = ("privileged", "baseline", "restricted")
"""From all to nothing; where none is said, it is the first."""
_ENFORCE = "pod-security.kubernetes.io/enforce"
_VERSION, _LATEST = f"{_ENFORCE}-version", "latest"


def read_levels(file: Path) -> Mapping[str, str]:
    """The level of each namespace that a file makes; none, if it is not there.

    Raises:
        Refused: It has something else than namespaces, a level that is not known, or one as an older Kubernetes meant it.
    """
    if not file.exists():
        return {}
    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise Refused(str(file), "", "", f"it is no YAML: {error}", "write it as YAML") from None
    return dict(_level(document, str(file)) for document in documents if document)


def _level(document: Any, file: str) -> tuple[str, str]:
    try:
        kind, metadata = document["kind"], document["metadata"]
        name, labels = str(metadata["name"]), metadata.get("labels", {})
        level, version = labels.get(_ENFORCE, LEVELS[0]), labels.get(_VERSION, _LATEST)
    except (KeyError, TypeError, AttributeError):
        raise Refused(file, "", "", f"{document!r} is no manifest", "write it with kind and metadata.name") from None
    if kind != "Namespace":
        raise Refused(file, "", "kind", f"`{kind}` is no namespace", "write it into a file of its own")
    if level not in LEVELS:
        raise Refused(file, f"Namespace {name}", _ENFORCE, f"`{level}` is no level", choose(str(level), LEVELS))
    if version != _LATEST:  # in that of v1.20 a pod may do what `restricted` refuses since
        message = f"what `{level}` refused in `{version}` is not known here, and it may be less than today"
        raise Refused(file, f"Namespace {name}", _VERSION, message, "leave it out: then it is that of the cluster")
    return name, level
