"""How a correction, and what it found, is told: with values of public data alone, as everywhere."""

from collections.abc import Mapping
from typing import Any

from dataops_assets.contract import Correction, Dataset


class Wording:
    """The words for the corrections of a dataset.

    Args:
        dataset: Whose corrections.
    """

    def __init__(self, dataset: Dataset):
        self._keys = dataset.attributes.key
        self._public = dataset.is_public

    def key(self, values: tuple[Any, ...]) -> str:
        """The key of a row: `origin EWR, hour 3`."""
        if not self._public:
            return "a row by its key"
        return ", ".join(f"{name} {value}" for name, value in zip(self._keys, values, strict=True))

    def what(self, correction: Correction) -> str:
        """What a correction does, in a line: `faa EEN: lat 72.27 → 42.9`."""
        said = correction.attributes
        if said.add is not None:
            return f"{self.key(tuple(said.add[name] for name in self._keys))}: added"
        if said.key is not None:
            which = self.key(tuple(said.key[name] for name in self._keys))
        else:
            which = str(said.where) if self._public else "rows by a condition"
        if said.drop is not None:
            return f"{which}: dropped"
        changes = said.changes or {}
        if not self._public:
            return f"{which}: {', '.join(changes)} set"
        before = {name: f"{_value(change.before)} " if change.expects else "" for name, change in changes.items()}
        return f"{which}: {', '.join(f'{name} {before[name]}→ {_value(change.after)}' for name, change in changes.items())}"

    def differs(self, name: str, expected: Any, found: str | None, unread: bool, original: str | None) -> str:
        """That another value stands in a column than was expected."""
        if unread:
            what = f": {original}" if self._public and original is not None else ""
            return f"`{name}` cannot be read{what}; expect its original text, if that is meant"
        if not self._public:
            return f"`{name}` has another value than expected"
        return f"`{name}` is {_value(found)}, not {_value(expected)}"

    def mended(self, found: Mapping[str, str | None], whole: bool) -> str:
        """That the provider delivers what a correction sets.

        Args:
            found: What is delivered, by column.
            whole: Whether that is all that the correction sets.
        """
        values = ", ".join(
            f"`{name}` as {_value(value)}" if self._public else f"`{name}` as it is set here" for name, value in found.items()
        )
        return f"the provider delivers {values} now, so " + ("it has nothing to do" if whole else "that has nothing to do here")


def _value(value: Any) -> str:
    return "null" if value is None else str(value)
