"""Delimited text: is every row of a csv file as long as its header?

polars takes more than it should: it fills up a short row with nulls, drops an empty field too many, and makes nothing of a
quote that never ends. So a row that was cut off could pass. Most files hold no quotes: in those, counting separators is enough.

Not here: what is read from such a file (`reading`).
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_CHUNK_BYTES = 16 * 2**20
csv.field_size_limit(2**31 - 1)  # a long value is no fault


@dataclass(frozen=True)
class Structure:
    """What a csv file is made of.

    Attributes:
        header: The names of its columns.
        rows: How many rows stand below them.
        blank: Which of these, from 0, are but blank lines.
    """

    header: list[str]
    rows: int
    blank: tuple[int, ...] = ()


class Uneven(Exception):
    """A row is longer or shorter than the header.

    Args:
        row: Which, from 1.
        fields: How many fields it has.
        header: The names of the columns.
    """

    def __init__(self, row: int, fields: int, header: list[str]):
        self.header = header
        super().__init__(f"row {row} has {fields} fields, the header {len(header)}")


def structure(text: str, separator: str) -> Structure:
    """The structure of a text.

    Raises:
        Uneven: A row has not as many fields as the header.
        csv.Error: A quote never ends, or stands where none may.
    """
    return _counted(io.BytesIO(text.encode()), separator) or _parsed(text, separator)


def stray(text: str, separator: str) -> tuple[int, str]:
    """The line, from 1, where a quote or a carriage return stands where it may not, and which of them; 0 if none does.

    That is in a value without quotes; of a quote also amid one with them. A quote that never ends is no such: that is how a
    file ends that was cut off.
    """
    quotes = 0

    def lines() -> Iterator[str]:
        nonlocal quotes
        for line in io.StringIO(text, newline="\n"):
            quotes += line.count('"')
            yield line

    rows = csv.reader(lines(), delimiter=separator, strict=True)
    try:
        return next((rows.line_num for _ in rows if quotes % 2), 0), '"'
    except csv.Error as error:
        return 0 if "end of data" in str(error) else rows.line_num, "\r" if "new-line" in str(error) else '"'


def counted(path: Path, separator: str) -> Structure | None:
    """The structure of a file of any size; None if there may be more to it than counting tells: parse it to know."""
    with path.open("rb") as file:
        return _counted(file, separator)


def _parsed(text: str, separator: str) -> Structure:
    header: list[str] = []
    rows, blank = 0, []
    for fields in csv.reader(io.StringIO(text, newline="\n"), delimiter=separator, strict=True):
        if not header:
            header = fields
            continue
        if not fields:
            blank.append(rows)
        rows += 1
        if fields and len(fields) != len(header):
            raise Uneven(rows, len(fields), header)
    return Structure(header, rows, tuple(blank))


def _counted(file: io.BufferedIOBase, separator: str) -> Structure | None:
    first = file.readline()
    try:
        header = first.decode().rstrip("\r\n").split(separator)
    except UnicodeDecodeError:
        return None
    if not first or first.startswith(b"\xef\xbb\xbf") or _rows(first, separator, len(header)) is None:
        return None
    rows = 0
    for lines in _chunks(file):
        found = _rows(lines, separator, len(header))
        if found is None:
            return None
        rows += found
    return Structure(header, rows)


def _chunks(file: io.BufferedIOBase) -> Iterator[bytes]:
    """Whole lines, each with an end."""
    while lines := file.read(_CHUNK_BYTES):
        lines += file.readline()
        yield lines if lines.endswith(b"\n") else lines + b"\n"


def _rows(lines: bytes, separator: str, fields: int) -> int | None:
    """How many rows lines are, if counting separators tells that each has so many fields; None if there may be more to them.

    And if not all of it can be read as text.
    """
    between = separator.encode()
    if b'"' in lines or b"\0" in lines or len(between) > 1:
        return None
    if b"\r" in lines and lines.count(b"\r") != lines.count(b"\r\n"):
        return None
    if fields == 1 and b"\n\n" in b"\n" + lines.replace(b"\r\n", b"\n"):  # it may be blank
        return None
    try:
        _ = lines.isascii() or lines.decode()
    except UnicodeDecodeError:
        return None
    left = lines.translate(None, delete=_all_but(between))
    rows = len(left) // fields
    return rows if left == (between * (fields - 1) + b"\n") * rows else None


@cache
def _all_but(separator: bytes) -> bytes:
    """Every byte but those that end fields and lines."""
    return bytes(byte for byte in range(256) if byte not in separator + b"\n")
