"""Leaving rows out of a delivered file: every other row stays byte for byte, as far as its format allows.

Text stays as it is, line by line; what is packed is packed again. Parquet is written anew, with equal rows.

Not here: which rows (`subject`).
"""

import csv
import gzip
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import polars as pl

from dataops_assets.contract import Source
from dataops_assets.erasure.subject import CannotTell, Subject
from dataops_assets.gate.reading import DeliveryError, height, read_files, try_apart

_ROW = "\nrow"
_ROW_GROUP_ROWS = 131_072
_PACKED_AT = (1980, 1, 1, 0, 0, 0)
"""The earliest time that an archive can tell: equal rows are packed into equal bytes."""

_Pieces = Callable[[IO[bytes]], Iterator[tuple[bytes, bool]]]
"""Cuts a text into its pieces, each with whether it is a row."""


def redact(path: Path, name: str, source: Source, subject: Subject) -> tuple[int, int]:
    """Leave the rows of a subject out of a file; one that has none is not touched.

    Args:
        path: The file.
        name: What the provider called it, for messages.
        source: How it is written.
        subject: Whose rows.

    Returns:
        How many rows were left out, and how many stay.

    Raises:
        CannotTell: The file cannot be read, or has not the columns by which rows are found.
    """
    rows, whole = find(path, name, source, subject)
    if rows.is_empty():
        return 0, whole
    beside = path.with_name(f"{path.stem}.redacted.tmp")  # as a draft is called: one that is left is swept
    try:
        leave_out(path, beside, source, set(rows))
        left = whole - len(rows)
        if left:
            still, whole = find(beside, name, source, subject)
            assert (len(still), whole) == (0, left), f"{name}: what was left out is not just the rows of the request"
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return len(rows), left


def find(path: Path, name: str, source: Source, subject: Subject, apart: bool = True) -> tuple[pl.Series, int]:
    """The rows of a file that are about a subject, from 0, and how many it has.

    Args:
        path: The file.
        name: What the provider called it, for messages.
        source: How it is written.
        subject: Whose rows.
        apart: Whether reading it may end the process, so that it is tried in another one first.

    Raises:
        CannotTell: The file cannot be read, or has not the columns by which rows are found.
    """
    try:
        if apart:
            try_apart([path], [name], source)
        [table] = read_files([path], [name], source)
        return subject.rows(table), height(table)
    except DeliveryError as error:
        raise CannotTell(f"{name} cannot be read: {error.what}") from error
    except CannotTell as error:
        raise CannotTell(f"{name}: {error}") from error


def leave_out(path: Path, target: Path, source: Source, rows: Collection[int]) -> None:
    """Write a file without some of its rows.

    Args:
        path: The file, which can be read to its last byte.
        target: The file to write.
        source: How it is written.
        rows: Which rows, from 0.
    """
    if source.format == "parquet":
        kept = pl.scan_parquet(path, glob=False).with_row_index(_ROW).filter(~pl.col(_ROW).is_in(list(rows))).drop(_ROW)
        kept.sink_parquet(target, compression="zstd", row_group_size=_ROW_GROUP_ROWS)
        return
    pieces: _Pieces = _lines if source.format == "ndjson" else lambda text: _records(text, source.separator)
    with _unpacked(path, source) as given, _packed(path, target, source) as taken:
        number = 0
        for piece, is_row in pieces(given):
            if not (is_row and number in rows):
                taken.write(piece)
            number += is_row


def _lines(text: IO[bytes]) -> Iterator[tuple[bytes, bool]]:
    for line in text:
        yield line, bool(line.strip())


def _records(text: IO[bytes], separator: str) -> Iterator[tuple[bytes, bool]]:
    """The records of a csv, each with the lines that it stands on; the header is no row, nor is a blank line."""
    lines: list[bytes] = []

    def decoded() -> Iterator[str]:
        for number, line in enumerate(text):
            lines.append(line)
            yield line.decode("utf-8" if number else "utf-8-sig")

    is_header = True
    for fields in csv.reader(decoded(), delimiter=separator, strict=True):
        yield b"".join(lines), bool(fields) and not is_header
        is_header = is_header and not fields
        lines.clear()


@contextmanager
def _unpacked(path: Path, source: Source) -> Iterator[IO[bytes]]:
    if source.format == "csv.gz":
        with gzip.open(path) as text:
            yield cast(IO[bytes], text)
    elif source.format == "csv.zip":
        with zipfile.ZipFile(path) as archive, archive.open(_member(archive)) as text:
            yield text
    else:
        with path.open("rb") as text:
            yield text


@contextmanager
def _packed(path: Path, target: Path, source: Source) -> Iterator[IO[bytes]]:
    with target.open("wb") as file:
        if source.format == "csv.gz":
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as text:
                yield cast(IO[bytes], text)
        elif source.format == "csv.zip":
            with zipfile.ZipFile(path) as given:
                member = zipfile.ZipInfo(_member(given).filename, _PACKED_AT)
                member.compress_type = zipfile.ZIP_DEFLATED
            with zipfile.ZipFile(file, "w") as archive, archive.open(member, "w", force_zip64=True) as text:
                yield text
        else:
            yield file


def _member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one file of an archive: what a Mac adds to every archive is none."""
    [found] = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    return found
