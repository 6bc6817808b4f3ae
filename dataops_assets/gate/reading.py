"""A delivery as a table of text: every value as the provider wrote it, whatever the format.

Values are cast later (`content`), so that one that cannot be read is a reason to reject its row, not an accident. What is large
is not held in memory from here on: it is a LazyFrame.
"""

import codecs
import csv
import glob
import gzip
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from dataops_assets.contract import Source
from dataops_assets.gate.delimited import Structure, Uneven, counted, stray, structure
from dataops_assets.gate.ndjson import NoRow, read_lines
from dataops_assets.gate.query import Table
from dataops_assets.gate.wording import in_print, some


class DeliveryError(Exception):
    """A delivered file cannot be read to its last byte.

    Args:
        file: Its name.
        what: What is wrong with it.
        remedy: What the provider can do.
    """

    def __init__(self, file: str, what: str, remedy: str):
        self.file, self.what, self.remedy = file, what, remedy
        super().__init__(f"{in_print(file)}: {what}. {remedy}")


LARGE_BYTES = 128 * 2**20
"""A delivery of more bytes (of parquet, which is compressed, of a quarter of that) is streamed."""
_PACKED = {"gzip": b"\x1f\x8b", "zip": b"PK\x03\x04"}
"""How the bytes begin of what no text is in."""
ALIKE = "Deliver parts that are alike"
_STRAYS = {
    '"': ("a quote by itself, as an inch sign", """Quote a value that holds a quote, and double that: "5"" wide\""""),
    "\r": ("a carriage return inside a value", r"Quote a value that holds one, and end every line in \n, or \r\n"),
}
"""What is said of a character that stands where it may not, and the remedy."""
_APART = {
    False: "import sys, polars; [polars.read_parquet(file, glob=False) for file in sys.argv[1:]]",
    True: "import sys, polars; [polars.scan_parquet(file, glob=False).sink_batches(lambda _: None) for file in sys.argv[1:]]",
}


def try_apart(files: Sequence[Path], names: Sequence[str], source: Source) -> None:
    """Read parquet in a process of its own, before anyone reads it in this one.

    A damaged length makes polars ask for more memory than there is, which ends the process: nothing can catch that, and the run
    of all partitions would die of one file, again and again.

    Raises:
        DeliveryError: A file cannot be read to its last byte, or ends the process that reads it.
    """
    if source.format != "parquet":
        return
    reading = _APART[_is_large(files, source)]  # as it will be read here
    tried = subprocess.run([sys.executable, "-I", "-c", reading, *map(str, files)], capture_output=True, check=False)
    if tried.returncode < 0:
        raise DeliveryError(some(names), f"reading it ends the process (signal {-tried.returncode})", "Deliver it again, whole")
    if tried.returncode:
        read_files(files, names, source)  # which says what is wrong


def _is_large(files: Sequence[Path], source: Source) -> bool:
    return sum(file.stat().st_size for file in files) * (4 if source.format == "parquet" else 1) > LARGE_BYTES


def read_text(files: Sequence[Path], names: Sequence[str], source: Source) -> Table:
    """Read the files of one delivery, one below the other.

    Args:
        files: Where they are.
        names: What the provider called them, in the same order; for messages.
        source: How they are written.

    Returns:
        Every delivered column as text, under its delivered name, also where that means "none"; what is null has no text at
        all. For parquet, the columns keep their type. A LazyFrame, if it is large.

    Raises:
        DeliveryError: A file is damaged, empty, or not of its format; or a column is of another type in another file.
    """
    return _joined(names, read_files(files, names, source))


def read_whole(
    files: Sequence[Path], names: Sequence[str], source: Source, numbers: Mapping[str, pl.DataType]
) -> tuple[Table, pl.LazyFrame | None]:
    """As `read_text`, where it is known that these bytes can be read to the last one: large parquet is not read for that alone.

    Args:
        files: Where they are.
        names: What the provider called them, in the same order; for messages.
        source: How they are written.
        numbers: The columns that polars may read as numbers of these types; see `casting.plain_numbers`.

    Returns:
        The rows; and where they are streamed from csv, also with those numbers read at once, which takes less time. A query of
        these fails with a `ComputeError` where a value is none.

    Raises:
        DeliveryError: As `read_text` does.
    """
    tables = _read_each(files, names, source, whole=True)
    text = _joined(names, _alike_held(tables))
    if source.format != "csv" or not numbers or not all(isinstance(table, pl.LazyFrame) for table in tables):
        return text, None
    how = {"schema_overrides": dict(numbers), "null_values": list(source.null_values), **_as_written(source)}
    return text, pl.concat((pl.scan_csv(file, **how) for file in files), how="diagonal")


def _joined(names: Sequence[str], tables: Sequence[Table]) -> Table:
    if mixed := of_other_types(names, tables):
        raise DeliveryError(some(names), mixed[0], ALIKE)
    # By name: what a file lacks is null in its rows. Relaxed: a column without any value may have no type.
    joined: Table = pl.concat(tables, how="diagonal_relaxed")  # type: ignore[type-var]  # all of them are of one kind
    return joined.lazy() if isinstance(joined, pl.DataFrame) and joined.estimated_size() > LARGE_BYTES else joined


def read_files(files: Sequence[Path], names: Sequence[str], source: Source, whole: bool = False) -> list[Table]:
    """As `read_text`, but file by file: each has its own columns.

    Raises:
        DeliveryError: A file is damaged, empty, or not of its format.
    """
    return _alike_held(_read_each(files, names, source, whole))


def _read_each(files: Sequence[Path], names: Sequence[str], source: Source, whole: bool) -> list[Table]:
    """Each file, streamed only if that one can be."""
    if _is_large(files, source):
        return [_scan(path, name, source, whole) for path, name in zip(files, names, strict=True)]
    frames = [_read(path, name, source) for path, name in zip(files, names, strict=True)]
    if source.format == "ndjson" and len(frames) > 1:  # where a key without a value may be left out, and comes in any order
        of_all = pl.DataFrame(schema={name: pl.String for frame in frames for name in frame.columns})
        frames = [pl.concat([of_all, frame], how="diagonal") for frame in frames]
    return [*frames]


def _alike_held(tables: list[Table]) -> list[Table]:
    """The same, all streamed if one is."""
    return [table.lazy() for table in tables] if any(isinstance(table, pl.LazyFrame) for table in tables) else tables


def height(frame: Table) -> int:
    """How many rows it has."""
    return frame.height if isinstance(frame, pl.DataFrame) else int(frame.select(pl.len()).collect(engine="streaming").item())


def of_other_types(names: Sequence[str], tables: Sequence[Table]) -> list[str]:
    """The columns that are of another type in a later file than in an earlier one, in words; without a value they have none."""
    first: dict[str, tuple[str, pl.DataType]] = {}
    found = []
    for name, table in zip(names, tables, strict=True):
        for column, dtype in table.collect_schema().items():
            if dtype == pl.Null:
                continue
            earlier, known = first.setdefault(column, (name, dtype))
            if dtype != known:
                found.append(f"{in_print(column)} is {dtype} in {in_print(name)}, and {known} in {in_print(earlier)}")
    return found


def _read(path: Path, name: str, source: Source) -> pl.DataFrame:
    data = path.read_bytes()  # an OSError here is the storage's, and may pass; all below is the delivery's own
    with _readable(name, source):
        if not data:
            raise DeliveryError(name, "it is empty", "Deliver it again")
        if source.format == "parquet":
            read = pl.read_parquet(data)
            _check_reach(read, path, name)
            return read
        text = _text(_unpack(data, name, source), name, source)
        if source.format == "ndjson":
            try:
                return read_lines(text)
            except NoRow as error:
                raise DeliveryError(name, str(error), error.remedy) from error
        return _csv(text, name, source)


def _scan(path: Path, name: str, source: Source, whole: bool) -> Table:
    """As `_read`, but where the format allows it, every byte is read once and none is kept; of what is whole, not even that."""
    path.open("rb").close()  # an OSError here is the storage's, as in `_read`
    made_of = counted(path, source.separator) if source.format == "csv" else None
    with _readable(name, source):
        if source.format == "parquet":
            frame = pl.scan_parquet(path, glob=False)
            if not whole:
                frame.sink_batches(lambda batch: None)
                _check_reach(frame, path, name)
            return frame
        scanned = _scan_csv(path, made_of, source) if made_of else None
    return _read(path, name, source) if scanned is None else scanned


def _check_reach(frame: Table, path: Path, name: str) -> None:
    """Refuse times that nanoseconds do not reach: of an INT96, which Spark and Hive write, polars makes the last that they do.

    Source: https://github.com/apache/parquet-format/blob/master/LogicalTypes.md, "Deprecated Timestamps (INT96)".
    """
    columns, last = list(enumerate(frame.collect_schema().items())), pl.Int64.max()
    times = [(column, time) for number, (column, dtype) in columns for time in _in_nanoseconds(pl.nth(number), dtype)]
    asked = [(time.to_physical() == last).any().alias(str(number)) for number, (_, time) in enumerate(times)]
    beyond = frame.lazy().select(asked).collect(engine="streaming").row(0) if asked else ()
    named = dict.fromkeys(in_print(column) for (column, _), is_so in zip(times, beyond, strict=True) if is_so)
    if named and _has_int96(path):
        what = f"{some([*named])} holds times before 1677-09-21 or after 2262-04-11, written as INT96"
        how = "in Spark by `spark.sql.parquet.outputTimestampType=TIMESTAMP_MICROS`"
        raise DeliveryError(name, what, f"Deliver them as timestamps in microseconds, {how}")


def _has_int96(path: Path) -> bool:
    """Whether a parquet file holds values of that type, which polars does not tell from nanoseconds."""
    import duckdb  # it is asked for this alone

    asked = duckdb.connect().execute("SELECT true FROM parquet_schema(?) WHERE type = 'INT96'", [glob.escape(str(path))])
    return asked.fetchone() is not None


def _in_nanoseconds(value: pl.Expr, dtype: Any) -> Iterator[pl.Expr]:
    """The times in nanoseconds of a column, also those within lists and objects."""
    if isinstance(dtype, pl.Datetime) and dtype.time_unit == "ns":
        yield value
    elif isinstance(dtype, pl.List | pl.Array):
        yield from _in_nanoseconds(value.explode(), dtype.inner)
    elif isinstance(dtype, pl.Struct):
        for field in dtype.fields:
            yield from _in_nanoseconds(value.struct.field(field.name), field.dtype)


@contextmanager
def _readable(name: str, source: Source) -> Iterator[None]:
    try:
        yield
    except (DeliveryError, MemoryError):
        raise
    # A damaged file can make its reader raise anything: from parquet even PanicException, which is no Exception.
    except (Exception, pl.exceptions.PanicException) as error:
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DeliveryError(name, f"not readable as {source.format}: {in_print(what)}", "Deliver it again, whole") from error


def _unpack(data: bytes, name: str, source: Source) -> bytes:
    if source.format == "csv.gz":
        return gzip.decompress(data)
    if source.format == "csv.zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # What a Mac adds to every archive is no delivery.
            members = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
            if len(members) != 1:
                raise DeliveryError(name, f"it holds {len(members)} files", "Deliver an archive of exactly one")
            return archive.read(members[0])
    return data


def _text(data: bytes, name: str, source: Source) -> str:
    if not data.strip():
        raise DeliveryError(name, "it is empty", "Deliver it again")
    for kind, begins in _PACKED.items():
        if data.startswith(begins):
            if "." in source.format:
                raise DeliveryError(name, f"it is packed twice: what it holds is {kind}", "Pack it once")
            raise DeliveryError(name, f"it is packed: it is {kind}, not text", "Deliver it unpacked")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DeliveryError(name, "it is UTF-16", "Deliver it as UTF-8")
    if b"\0" in data:
        raise DeliveryError(name, "it holds zero bytes, as a half-written file does", "Deliver it again, whole")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"it is not UTF-8: byte {error.start + 1} is 0x{data[error.start]:02x}"
        raise DeliveryError(name, what, "Deliver it as UTF-8") from error


def _csv(text: str, name: str, source: Source) -> pl.DataFrame:
    if "\r\r" in text:
        raise DeliveryError(name, r"its lines end in \r\r\n, as after a conversion made twice", "Deliver it in binary mode")
    if "\r" in text and "\n" not in text:
        raise DeliveryError(name, r"its lines end in \r alone", r"Deliver it with \n, or \r\n, at the end of each line")
    try:
        made_of = structure(text, source.separator)
        frame = pl.read_csv(text.encode(), infer_schema=False, separator=source.separator)
    except Uneven as error:
        other = other_separator(error.header, source)
        remedy = as_separated(source) if other else "Deliver rows of equal length, and quote values that hold the separator"
        raise DeliveryError(name, str(error) + (f", as if {other!r} separated them" if other else ""), remedy) from error
    except (csv.Error, pl.exceptions.PolarsError):
        _check_strays(text, name, source)
        raise
    if not _are_names(frame.columns, made_of.header):
        # Not by their names: in a file without a header, they are the values of its first row.
        again = [number for number, column in enumerate(made_of.header, 1) if column in made_of.header[: number - 1]]
        what = f"column {again[0]} is named like one before it" if again else "its first line names no columns"
        raise DeliveryError(name, what, "Name every column once, in the first line")
    if frame.height != made_of.rows:
        _check_strays(text, name, source)
        raise DeliveryError(name, f"it has {made_of.rows} or {frame.height} rows", "Quote values that hold a line break")
    frame.columns = made_of.header
    blank = pl.Series(made_of.blank, dtype=pl.UInt32)
    return frame.filter(~pl.row_index().is_in(blank.implode())) if made_of.blank else frame


def _are_names(columns: Sequence[str], header: Sequence[str]) -> bool:
    """Whether polars takes the header for the names of columns; it leaves a quote in one doubled, as it is written."""
    return len(columns) == len(header) and all(
        column in (name, name.replace('"', '""')) for column, name in zip(columns, header, strict=True)
    )


def _check_strays(text: str, name: str, source: Source) -> None:
    """Say where a character stands that may not, which is why something else is wrong further on."""
    line, which = stray(text, source.separator)
    if line:
        what, remedy = _STRAYS[which]
        raise DeliveryError(name, f"line {line} has {what}", remedy)


def _scan_csv(path: Path, made_of: Structure, source: Source) -> pl.LazyFrame | None:
    """A csv of a known structure; None if polars finds another."""
    frame = pl.scan_csv(path, **_as_written(source))
    return frame if frame.collect_schema().names() == made_of.header and height(frame) == made_of.rows else None


def _as_written(source: Source) -> dict[str, Any]:
    """How polars is to scan a csv file: all of it as text."""
    return {"infer_schema": False, "separator": source.separator, "glob": False}


def other_separator(header: Sequence[str], source: Source) -> str:
    """What a csv file seems to be separated by in place of what was promised; empty if nothing hints at that."""
    return next((other for other in ",;\t|" if len(header) == 1 and other != source.separator and other in header[0]), "")


def as_separated(source: Source) -> str:
    """The remedy for a file with another separator."""
    return f"Deliver it separated by {source.separator!r}, or change `separator` in defs.yaml"
