"""What differs between the grounds of two verdicts, in words. Not here: what they are (`steps`)."""

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "delivery": "another delivery counts",
    "promised": "its manifest promises something else",
    "contract": "its contract is another",
    "gate": "the gate has changed",
    "gap": "another reason is declared for its gap",
    "corrections": "its corrections are others",
    "accepted": "what is accepted of it has changed",
}
_DATASETS = ("references", "inputs")
"""Grounds that are other datasets, by name."""


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What of all that a verdict depends on is another now; empty if nothing is."""
    told = [words for name, words in _WORDS.items() if before.get(name) != now.get(name)]
    for name in _DATASETS:
        was, are = before.get(name, {}), now.get(name, {})
        told += [f"{other} is another" for other in are if was.get(other) != are[other]]
    return ", ".join(told)
