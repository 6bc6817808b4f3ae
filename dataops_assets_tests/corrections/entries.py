"""Corrections as the tests write them: with the reason and all that must be said of each."""

from typing import Any

import yaml

from dataops_assets_tests.trees import Tree

SAID = {"reason": "read wrongly", "requested_by": "lab", "reference": "the lab's book", "valid_until": "2030-12-31"}


class _WithoutAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def written(*entries: dict[str, Any]) -> str:
    """The text of a file; what an entry does not say is filled in, and None leaves it out."""
    said = [{name: value for name, value in {**entry, **SAID, **entry}.items() if value is not None} for entry in entries]
    return yaml.dump(said, Dumper=_WithoutAliases, sort_keys=False, allow_unicode=True)


def correct(tree: Tree, dataset: str, *entries: dict[str, Any]) -> list[int]:
    """Write a dataset's corrections; the line of each."""
    text = written(*entries)
    tree.write(f"{dataset}/corrections.yaml", text)
    return [number for number, line in enumerate(text.splitlines(), 1) if line.startswith("- ")]
