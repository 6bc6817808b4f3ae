"""The law of redaction: the rows of a redacted file are those of the file minus those of the subject; all else stays."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dataops_assets.contract import Source
from dataops_assets.erasure import CannotTell, Subject, redaction
from dataops_assets.erasure.subject import canonical_text, keyed_hash
from dataops_assets.gate.reading import read_text
from dataops_assets_tests.erasure.asking import KEY
from dataops_assets_tests.trees import fatal_parquet

WHO = 'Åse "A", 7'
SUBJECT = Subject("r", {"who": keyed_hash(KEY, "who", WHO)}, {"who": pl.String()}, KEY)
TEXTS = st.sampled_from([WHO, f" {WHO}", "Åse", "", "two\nlines", 'a "quote"', "x"])
ROWS = st.lists(st.tuples(TEXTS, st.integers(-5, 5), TEXTS), min_size=1, max_size=12)


def source(ending: str) -> Source:
    return Source(provider="p", files=f"f.{ending}")


def is_theirs(who: str) -> bool:
    return who.strip() == WHO


def record(row: tuple[str, int, str], end: str) -> bytes:
    quoted = ['"' + str(value).replace('"', '""') + '"' if set(str(value)) & set('",\n') else str(value) for value in row]
    return (",".join(quoted) + end).encode()


@given(rows=ROWS, end=st.sampled_from(["\n", "\r\n"]), mark=st.booleans(), blank=st.booleans(), open_end=st.booleans())
def test_every_other_line_of_a_csv_stays_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, int, str]],
    end: str,
    mark: bool,
    blank: bool,
    open_end: bool,
) -> None:
    header = (b"\xef\xbb\xbf" if mark else b"") + record(("who", 0, "what"), end).replace(b"0", b"n")
    between = end.encode() if blank else b""
    lines = [between + record(row, end) for row in rows]
    if open_end:
        lines[-1] = lines[-1].removesuffix(end.encode())
    kept = [between if is_theirs(row[0]) else line for row, line in zip(rows, lines, strict=True)]
    packings = {
        "csv": (lambda text: text, lambda data: data),
        "csv.gz": (gzip.compress, gzip.decompress),
        "csv.zip": (zipped, unzipped),
    }
    folder = tmp_path_factory.mktemp("csv")
    for ending, (pack, unpack) in packings.items():
        file = folder / f"f.{ending}"
        file.write_bytes(before := pack(header + b"".join(lines)))
        left_out, left = redaction.redact(file, file.name, source(ending), SUBJECT)
        assert (left_out, left) == (sum(is_theirs(row[0]) for row in rows), sum(not is_theirs(row[0]) for row in rows))
        if left_out and ending == "csv.zip" and left:
            with zipfile.ZipFile(file) as archive:
                assert archive.namelist() == ["f.csv"]
        if left:
            assert unpack(file.read_bytes()) == header + b"".join(kept)
        assert left_out or file.read_bytes() == before
        assert [*folder.iterdir()] == [file]
        file.unlink()


def zipped(text: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("__MACOSX/._f.csv", b"x")
        archive.writestr("f.csv", text)
    return packed.getvalue()


def unzipped(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("f.csv")


@given(rows=ROWS)
@settings(max_examples=5)  # each reads parquet in a process of its own, twice
def test_ndjson_keeps_its_lines_and_parquet_its_rows_and_types(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("typed")
    lines = ["".join((json.dumps({"who": who, "n": n, "what": what}), "\n")) for who, n, what in rows]
    kept = [line for line, row in zip(lines, rows, strict=True) if not is_theirs(row[0])]
    json_file = folder / "f.ndjson"
    json_file.write_text("\n".join(lines))  # with a blank line between
    frame = pl.DataFrame(rows, schema={"who": pl.Categorical, "n": pl.Int8, "what": pl.String}, orient="row")
    parquet = folder / "f.parquet"
    frame.write_parquet(parquet)
    for file in (json_file, parquet):
        redaction.redact(file, file.name, source(file.suffix[1:]), SUBJECT)
    if kept:
        assert [line for line in json_file.read_text().splitlines(keepends=True) if line.strip()] == kept
        wanted = frame.filter(~pl.col("who").cast(pl.String).str.strip_chars().eq(WHO))
        assert_frame_equal(pl.read_parquet(parquet), wanted, categorical_as_str=True)
        assert_frame_equal(read_text([json_file], ["f"], source("ndjson")).lazy().collect(), wanted.cast(pl.String))


@pytest.mark.parametrize(
    ("dtype", "asked", "same", "others"),
    [
        (pl.String(), "N14228", [" N14228", "N14228\t"], ["n14228", "N142280", ""]),
        (pl.Int16(), "7", ["07", " 7 ", "+7", "7.0"], ["70", "7.5", "x7", ""]),
        (pl.Date(), "2013-01-05", [" 2013-01-05"], ["2013-01-06", "05.01.2013"]),
        (pl.Float64(), "1.5", ["1.50", "15e-1"], ["1.51"]),
        (pl.Int16(), "not a number", ["not a number "], ["7"]),
    ],
)
def test_values_are_compared_as_those_of_their_column(
    dtype: pl.DataType, asked: str, same: list[str], others: list[str]
) -> None:
    subject = Subject("r", {"c": keyed_hash(KEY, "c", canonical_text(asked, dtype))}, {"c": dtype}, KEY)
    table = pl.DataFrame({"c": [*same, *others, None]})
    assert subject.rows(table).to_list() == [*range(len(same))]
    assert subject.rows(table.lazy()).to_list() == [*range(len(same))]


def test_a_subject_of_two_columns_is_named_by_both(tmp_path: Path) -> None:
    hashes = {"first": keyed_hash(KEY, "first", "Jo"), "last": keyed_hash(KEY, "last", "Doe")}
    subject = Subject("r", hashes, {"first": pl.String(), "last": pl.String()}, KEY)
    file = tmp_path / "f.csv"
    file.write_text("last,first\nDoe,Jo\nDoe,Al\nJo,Doe\n")
    assert redaction.redact(file, "f.csv", source("csv"), subject) == (1, 2)
    assert file.read_text() == "last,first\nDoe,Al\nJo,Doe\n"


@pytest.mark.parametrize(
    ("ending", "content", "says"),
    [
        ("csv", b"whom\nx\n", "f.csv: there is no column who, by which r finds its rows"),
        ("csv.gz", gzip.compress(b"who\nx\n", mtime=0)[:-6], "f.csv.gz cannot be read: "),
        ("parquet", fatal_parquet(), "f.parquet cannot be read: "),
    ],
)
def test_a_file_of_which_it_cannot_be_told_is_not_touched(tmp_path: Path, ending: str, content: bytes, says: str) -> None:
    file = tmp_path / f"f.{ending}"
    file.write_bytes(content)
    with pytest.raises(CannotTell) as caught:
        redaction.redact(file, file.name, source(ending), SUBJECT)
    assert str(caught.value).startswith(says)
    assert file.read_bytes() == content


def test_words_in_a_text_that_name_somebody_are_masked() -> None:
    subject = Subject("r", {"who": keyed_hash(KEY, "who", "Jo Doe")}, {"who": pl.String()}, KEY)
    assert subject.masked("row 5 (who Jo Doe): Jo Doering is another. Jo Doe.") == (
        "row 5 (who [erased]): Jo Doering is another. [erased]."
    )
    number = Subject("r", {"id": keyed_hash(KEY, "id", "7")}, {"id": pl.Int64()}, KEY)
    assert number.masked("7 rows have id 7") == "7 rows have id [erased]"
    said = {"rows": [{"row": 7, "id": 7}, {"row": 8, "id": 8}], "categories": {"id": {"7": 2, "8": 1}}, "n": 7}
    assert number.without(said) == {"rows": [{"row": 8, "id": 8}], "categories": {"id": {"8": 1}}, "n": 7}
