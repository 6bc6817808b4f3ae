"""A delivery as a table of text: every value as the provider wrote it, whatever the format.

Values are cast later (`content`), so that one that cannot be read is a reason to reject its row, not an accident.
"""

import gzip
import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from dataops_assets.contract import Source


class DeliveryError(Exception):
    """A delivered file cannot be read to its last byte.

    Args:
        file: Its name.
        what: What is wrong with it.
        remedy: What the provider can do.
    """

    def __init__(self, file: str, what: str, remedy: str):
        super().__init__(f"{file}: {what}. {remedy}")


def read_text(files: Sequence[Path], names: Sequence[str], source: Source) -> pl.DataFrame:
    """Read the files of one delivery, one below the other.

    Args:
        files: Where they are.
        names: What the provider called them, in the same order; for messages.
        source: How they are written.

    Returns:
        Every delivered column as text, under its delivered name; a value that means "none" is null. For parquet, the
        columns keep their type.

    Raises:
        DeliveryError: A file is damaged, empty, or not of its format; or two files have different columns.
    """
    frames = [_read(path, name, source) for path, name in zip(files, names, strict=True)]
    for name, frame in zip(names[1:], frames[1:], strict=True):
        if frame.columns != frames[0].columns:
            raise DeliveryError(name, f"its columns differ from those of {names[0]}", "Deliver parts with the same columns")
    return pl.concat(frames)


def _read(path: Path, name: str, source: Source) -> pl.DataFrame:
    try:
        if source.format == "parquet":
            return pl.read_parquet(path)
        data = _unpack(path, name, source)
        if not data:
            raise DeliveryError(name, "it is empty", "Deliver it again")
        return _ndjson(data, name) if source.format == "ndjson" else _csv(data, source)
    # A damaged parquet raises PanicException, which is not even an Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DeliveryError(name, f"not readable as {source.format}: {what}", "Deliver it again, whole") from error


def _unpack(path: Path, name: str, source: Source) -> bytes:
    try:
        if source.format == "csv.gz":
            with gzip.open(path) as stream:
                return stream.read()
        if source.format == "csv.zip":
            with zipfile.ZipFile(path) as archive:
                members = archive.namelist()
                if len(members) != 1:
                    raise DeliveryError(name, f"it holds {len(members)} files", "Deliver an archive of exactly one")
                return archive.read(members[0])
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
        raise DeliveryError(name, f"it is damaged ({error})", "Deliver it again, whole") from error
    return path.read_bytes()


def _csv(data: bytes, source: Source) -> pl.DataFrame:
    return pl.read_csv(
        data,
        infer_schema=False,
        null_values=list(source.null_values),
        separator=source.separator,
    )


def _ndjson(data: bytes, name: str) -> pl.DataFrame:
    rows = []
    for number, line in enumerate(data.splitlines(), 1):
        value = json.loads(line)
        if not isinstance(value, dict):
            raise DeliveryError(name, f"line {number} is not an object", "Deliver one JSON object a line")
        rows.append({key: _as_text(item) for key, item in value.items()})
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return pl.DataFrame(rows, schema={column: pl.String for column in columns})


def _as_text(value: object) -> str | None:
    return value if isinstance(value, str) or value is None else json.dumps(value)
