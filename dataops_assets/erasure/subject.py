"""Whom a request is about, for who holds the key: the rows and the words that name them.

A request holds a keyed hash for each column, so that git does not hold the person. A value is compared as its column's type, as
text; where it cannot be read as that, as it was delivered. So `007` and `7` are the same number, and blanks around count not.

Source: HMAC, RFC 2104.
"""

import hmac
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset, Erasure
from dataops_assets.contract.erasure import KEY_VARIABLE
from dataops_assets.gate.casting import as_text, read_as
from dataops_assets.gate.query import Table

_FINGERPRINT_DIGITS = 12
_MOST_WORDS = 4
ERASED = "[erased]"
"""Stands in a text in place of what named somebody."""
_WORD = re.compile(r"""[^\s"'`,;:=()\[\]{}<>|]+""")


class CannotTell(Exception):
    """It cannot be told which rows a request is about. The message says why, and the way out."""


def fingerprint(key: bytes) -> str:
    """What tells one key from another, and nothing about it."""
    return hmac.digest(key, b"fingerprint", "sha256").hex()[:_FINGERPRINT_DIGITS]


def keyed_hash(key: bytes, column: str, value: str) -> str:
    """The HMAC-SHA256 of a column's value, in its canonical form, as hex."""
    return hmac.digest(key, json.dumps([column, value], ensure_ascii=True).encode(), "sha256").hex()


def canonical(value: pl.Expr, given: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    """A value as the text that is hashed.

    Args:
        value: The value.
        given: The type that it has.
        wanted: The type of its column.
    """
    read = as_text(read_as(value, given, wanted), wanted)
    return pl.coalesce(read, as_text(value, given)).str.strip_chars()


def canonical_text(text: str, dtype: pl.DataType) -> str:
    """A written value as the text that is hashed."""
    if dtype == pl.String:
        return text.strip()
    frame = pl.DataFrame({"value": [text]}, schema={"value": pl.String})
    return str(frame.select(canonical(pl.col("value"), pl.String(), dtype)).item())


def subject_of(erasure: Erasure, dataset: Dataset, key: bytes | None) -> "Subject | None":
    """Whom a request is about; None if it is about whole partitions.

    Raises:
        CannotTell: The key of its hashes is not known here.
    """
    said = erasure.attributes
    if said.subject is None:
        return None
    if key is None:
        raise CannotTell(f"{erasure.name} ({erasure.at}) names its subject by keyed hashes: set {KEY_VARIABLE}")
    if (found := fingerprint(key)) != said.key:
        told = f"{KEY_VARIABLE} is another key ({found}) than the one by which {erasure.name} ({erasure.at}) was written"
        raise CannotTell(f"{told}, {said.key}: set that one")
    types = {name: dataset.delivered.columns[name].dtype for name in said.subject}
    return Subject(erasure.name, said.subject, types, key)


@dataclass(frozen=True, eq=False)
class Subject:
    """Whom a request is about.

    Attributes:
        request: The name of the request.
        hashes: The keyed hash of the value of each column.
        types: The type of each.
        key: The key.
    """

    request: str
    hashes: Mapping[str, str]
    types: Mapping[str, pl.DataType]
    key: bytes = field(repr=False)
    _masked: dict[str, str] = field(default_factory=dict, repr=False)

    def is_named(self, column: str, value: Any) -> bool:
        """Whether a value of a column is theirs."""
        if column not in self.hashes or value is None or isinstance(value, dict | list):
            return False
        return self._is_theirs(column, canonical_text(str(value), self.types[column]))

    def rows(self, table: Table) -> pl.Series:
        """Which rows of a table are about them, from 0.

        Raises:
            CannotTell: It has not all of the columns.
        """
        types = table.lazy().collect_schema()
        if missing := [name for name in self.hashes if name not in types]:
            told = f"there is no column {', '.join(missing)}, by which {self.request} finds its rows"
            raise CannotTell(told)
        texts = [canonical(pl.col(name), types[name], self.types[name]).alias(name) for name in self.hashes]
        asked = table.lazy().select(texts)
        rows = asked.with_row_index("__row")
        for name in self.hashes:
            every = asked.select(name).unique().collect(engine="streaming").to_series()
            theirs = [value for value in every if value is not None and self._is_theirs(name, value)]
            rows = rows.filter(pl.col(name).is_in(theirs))
        return rows.select("__row").collect(engine="streaming").to_series().sort()

    def without(self, value: Any, column: str = "") -> Any:
        """A JSON value without what names them: rows that do, keys of a mapping, words in a text.

        Args:
            value: The value.
            column: The name that it stands under.
        """
        if isinstance(value, dict):
            kept = {name: one for name, one in value.items() if not self.is_named(column, name)}
            return {name: self.without(one, name) for name, one in kept.items()}
        if isinstance(value, list | tuple):
            return [self.without(one, column) for one in value if not self._is_row_of(one)]
        return self.masked(value) if isinstance(value, str) else value

    def masked(self, text: str) -> str:
        """A text without what names them."""
        if text not in self._masked:
            masked, end = "", 0
            for start, stop in self._named_in(text):
                if start >= end:
                    masked, end = masked + text[end:start] + ERASED, stop
            self._masked[text] = masked + text[end:]  # the sentences of rules come again and again
        return self._masked[text]

    def _named_in(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a text names them: of a column of text, up to four words in a row; of others, what follows its name."""
        words = [(match.start(), match.end()) for match in _WORD.finditer(text)]
        for place, (start, _) in enumerate(words):
            before = text[slice(*words[place - 1])] if place else ""
            columns = [name for name, dtype in self.types.items() if dtype == pl.String or name == before]
            for _, end in words[place : place + _MOST_WORDS]:
                said = text[start:end].rstrip(".?!…")
                if any(self.is_named(name, said) for name in columns):
                    yield start, start + len(said)

    def _is_row_of(self, value: Any) -> bool:
        return isinstance(value, dict) and any(self.is_named(name, one) for name, one in value.items())

    def _is_theirs(self, column: str, canonical_value: str) -> bool:
        return hmac.compare_digest(keyed_hash(self.key, column, canonical_value), self.hashes[column])
