"""Every format is read as text, and whatever is wrong with a file is told as a `DeliveryError` that names it."""

import csv
import gzip
import io
import json
import random
import re
import warnings
import zipfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dataops_assets.contract import Source
from dataops_assets.gate import reading
from dataops_assets.gate.reading import DeliveryError, read_text, read_whole, try_apart
from dataops_assets_tests.trees import fatal_parquet

ROWS: list[dict[str, str | None]] = [
    {"a": "1", "b": "x"},
    {"a": "2", "b": None},
    {"a": "3", "b": 'ein "Wort", zwei\nZeilen'},
    {"a": "4", "b": "Åse"},
]


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    return pl.DataFrame(rows).write_csv().encode()


def as_zip(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def as_parquet(rows: Any) -> bytes:
    written = io.BytesIO()
    pl.DataFrame(rows).write_parquet(written)
    return written.getvalue()


FORMATS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "csv": as_csv,
    "csv.gz": lambda rows: gzip.compress(as_csv(rows), mtime=0),
    "csv.zip": lambda rows: as_zip(data=as_csv(rows)),
    "parquet": as_parquet,
    "ndjson": lambda rows: "".join(json.dumps(row) + "\n" for row in rows).encode(),
}


def everything_is_large() -> AbstractContextManager[object]:
    return mock.patch.object(reading, "LARGE_BYTES", -1)


def read(folder: Path, form: str, *files: bytes, **source: Any) -> pl.DataFrame:
    paths = [folder / str(number) for number in range(len(files))]
    for path, content in zip(paths, files, strict=True):
        path.write_bytes(content)
    names = [f"part-{number}.{form}" for number in range(len(files))]
    asked = paths, names, Source(provider="them", files=f"*.{form}", **source)
    try:
        with everything_is_large():
            streamed: pl.DataFrame | pl.LazyFrame | DeliveryError = read_text(*asked)
    except DeliveryError as error:
        streamed = error
    found = read_text(*asked)
    assert isinstance(found, pl.DataFrame)
    assert isinstance(streamed, pl.LazyFrame)
    assert_frame_equal(streamed.collect(engine="streaming"), found)
    return found


def refused(folder: Path, form: str, *files: bytes, **source: Any) -> str:
    with everything_is_large(), pytest.raises(DeliveryError):
        read(folder, form, *files, **source)
    with pytest.raises(DeliveryError) as caught:
        read(folder, form, *files, **source)
    message = str(caught.value)
    assert str(folder) not in message
    assert re.fullmatch(r"(part-\d\.[a-z.]+(, )?)+: .+\. [A-Z].+", message, re.DOTALL), message
    return message


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_text(tmp_path: Path, form: str) -> None:
    found = read(tmp_path, form, FORMATS[form](ROWS))
    assert found.to_dicts() == ROWS
    assert set(found.dtypes) == {pl.String}


@pytest.mark.parametrize("form", FORMATS)
def test_parts_are_read_one_below_the_other(tmp_path: Path, form: str) -> None:
    found = read(tmp_path, form, FORMATS[form](ROWS[2:]), FORMATS[form](ROWS[:2]))
    assert found.to_dicts() == ROWS[2:] + ROWS[:2]


@pytest.mark.parametrize("form", FORMATS)
def test_texts_that_mean_no_value_are_read_as_texts_in_every_format(tmp_path: Path, form: str) -> None:
    rows = [{"a": "NA", "b": "-"}, {"a": "n", "b": "NA-"}]
    found = read(tmp_path, form, FORMATS[form](rows), null_values=("NA", "-"))
    assert found.to_dicts() == rows


@pytest.mark.parametrize("form", ["csv", "csv.gz", "csv.zip", "parquet"])
def test_parts_are_read_by_name(tmp_path: Path, form: str) -> None:
    def found(*other: str) -> list[dict[str, str | None]]:
        first, second = ([{name: name for name in names}] for names in (("a", "b"), other))
        return read(tmp_path, form, FORMATS[form](first), FORMATS[form](second)).to_dicts()

    assert found("b", "a") == [{"a": "a", "b": "b"}] * 2
    assert found("b") == [{"a": "a", "b": "b"}, {"a": None, "b": "b"}]
    assert found("c", "a") == [{"a": "a", "b": "b", "c": None}, {"a": "a", "b": None, "c": "c"}]


def test_parts_with_other_types_are_refused(tmp_path: Path) -> None:
    message = refused(tmp_path, "parquet", as_parquet({"a": [1], "b": [2]}), as_parquet({"b": ["1"], "a": [1]}))
    assert message.startswith("part-0.parquet, part-1.parquet: b is String in part-1.parquet, and Int64 in part-0.parquet.")


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
def test_a_part_in_which_a_column_has_no_value_has_no_type_for_it(tmp_path: Path, order: tuple[int, ...]) -> None:
    parts = [{"a": [1], "b": ["x"]}, {"a": [2], "b": [None]}, {"a": [None], "b": ["y"]}]
    found = read(tmp_path, "parquet", *(as_parquet(parts[number]) for number in order))
    assert found.schema == {"a": pl.Int64, "b": pl.String}
    assert found.rows() == [(*parts[number]["a"], *parts[number]["b"]) for number in order]
    parts.append({"a": ["3"], "b": [None]})
    assert "a is String in" in refused(tmp_path, "parquet", *(as_parquet(parts[number]) for number in (*order, 3)))


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    found = read(tmp_path, "parquet", as_parquet({"a": [1, None], "b": [[1.5], []]}))
    assert found.schema == {"a": pl.Int64, "b": pl.List(pl.Float64)}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n", [("1", "2")], id="bom"),
        pytest.param(b"a,b\r\n1,\r\n3,4\r\n", [("1", None), ("3", "4")], id="crlf"),
        pytest.param(b"a,b\n1,2", [("1", "2")], id="no_last_line_end"),
        pytest.param(b"\n\na,b\n\n1,2\n\n3,4\n\n\n", [("1", "2"), ("3", "4")], id="blank_lines"),
        pytest.param(b"a,b\n,\n", [(None, None)], id="row_without_values"),
        pytest.param(b'a,b\n"1\n,2",""\n', [("1\n,2", "")], id="quoted_line_break"),
        pytest.param(b'a,b\n"x""y",""""\n', [('x"y', '"')], id="quotes"),
        pytest.param(b'a,b\n"x\ry",2\n', [("x\ry", "2")], id="quoted_carriage_return"),
        pytest.param(b'a,b\n" 1 ", 2\n', [(" 1 ", " 2")], id="blanks_are_kept"),
        pytest.param(b"a,b\n", [], id="header_only"),
        pytest.param(b"a,b\n" + b"x" * 200_000 + b",2\n", [("x" * 200_000, "2")], id="long_value"),
        pytest.param("a,b\nø,€\n".encode(), [("ø", "€")], id="utf8"),
    ],
)
def test_csv(tmp_path: Path, text: bytes, rows: list[tuple[str | None, ...]]) -> None:
    found = read(tmp_path, "csv", text)
    assert found.columns == ["a", "b"]
    assert found.rows() == rows


def test_quotes_in_the_name_of_a_column_are_those_that_it_has(tmp_path: Path) -> None:
    header = b'"size 5"" wide",a,"""x"", ""y""","a""""b"\n'
    found = read(tmp_path, "csv", header + b"1,2,3,4\n")
    assert found.columns == ['size 5" wide', "a", '"x", "y"', 'a""b']
    assert found.rows() == [("1", "2", "3", "4")]
    parts = read(tmp_path, "csv", b'"a""b",c\n1,2\n', b'c,"a""b"\n4,3\n')
    assert parts.to_dicts() == [{'a"b': "1", "c": "2"}, {'a"b': "3", "c": "4"}]


@pytest.mark.parametrize("separator", [";", "\t", "|", " "])
def test_csv_with_another_separator(tmp_path: Path, separator: str) -> None:
    assert read(tmp_path, "csv", f"a{separator}b\n1,5{separator}2\n".encode(), separator=separator).rows() == [("1,5", "2")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(b"a,b\n1,2\n3\n", "row 2 has 1 fields, the header 2", id="too_few"),
        pytest.param(b"a,b\n1,2\n3", "row 2 has 1 fields, the header 2", id="cut_off"),
        pytest.param(b"a,b\n1,2,3\n", "row 1 has 3 fields, the header 2", id="too_many"),
        pytest.param(b"a,b\n1,2,\n", "row 1 has 3 fields, the header 2", id="an_empty_one_too_many"),
        pytest.param(b"a,b\n  \n", "row 1 has 1 fields, the header 2", id="blank_but_not_empty"),
        pytest.param(b'a,b\n1,"2\n3,4\n', "not readable as csv: unexpected end of data", id="quote_never_ends"),
        pytest.param(b'a,b\n1,"2"3\n', "line 2 has a quote by itself", id="quote_ends_early"),
        pytest.param(b"a,b,a\n1,2,3\n", "column 3 is named like one before it", id="column_twice"),
        pytest.param(b'"a""",b,"a"""\n1,2,3\n', "column 3 is named like one before it", id="column_with_a_quote_twice"),
        pytest.param(b"a,b\r1,2\r", r"its lines end in \r alone", id="line_ends_of_old"),
        pytest.param(b"a,b\r\r\n1,2\r\r\n", r"its lines end in \r\r\n", id="line_ends_converted_twice"),
        pytest.param(b'a,b\n"1\n",2\n' + b'3,4" wide\n5,6\n' * 1000, "line 4 has a quote by itself", id="inch"),
        pytest.param(b'a,b" wide\n1,2\n', "line 1 has a quote by itself", id="inch_in_header"),
        pytest.param(b"a,b\n1,x\ry\n2,z\n", "line 2 has a carriage return inside a value. Quote", id="carriage_return"),
        pytest.param(b'a,b\n1,"2"\r3,4\n5,6\n', "line 2 has a carriage return", id="carriage_return_behind_quotes"),
        pytest.param(b"a,b\n1,2\n3,4\r5,6\n", r"end every line in \n, or \r\n", id="line_end_of_old_amid_others"),
        pytest.param(b'a,b\n1,2"\n3,x\ry\n', "line 2 has a quote by itself", id="inch_above_a_carriage_return"),
        pytest.param(b"a,b\n1,2\n" + bytes(4096), "zero bytes", id="half_written"),
        pytest.param("a,b\n1,é\n".encode("latin-1"), "not UTF-8: byte 7 is 0xe9", id="latin1"),
        pytest.param("é,b\n1,2\n".encode("latin-1"), "not UTF-8: byte 1 is 0xe9", id="latin1_header"),
        pytest.param("a,b\n1,2\n".encode("utf-16"), "it is UTF-16", id="utf16"),
        pytest.param("a,b\n1,2\n".encode("utf-16-le"), "zero bytes", id="utf16_without_its_mark"),
        pytest.param(gzip.compress(b"a,b\n1,2\n"), "it is gzip, not text", id="packed"),
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b"\n \r\n", "it is empty", id="blank"),
    ],
)
def test_csv_that_is_damaged(tmp_path: Path, text: bytes, says: str) -> None:
    assert says in refused(tmp_path, "csv", text)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param(b'{"a": 1, "b": true}\n{"b": null, "a": 1.5}\n', [("1", "true"), ("1.5", None)], id="values"),
        pytest.param(b'{"a": "1", "b": "x\\ny"}\n\n{"a": "2"}', [("1", "x\ny"), ("2", None)], id="missing_key_and_blank_line"),
        pytest.param(b'\xef\xbb\xbf{"a": [1, {"c": 2}], "b": {}}\r\n', [('[1, {"c": 2}]', "{}")], id="nested"),
    ],
)
def test_ndjson(tmp_path: Path, text: bytes, rows: list[tuple[str | None, ...]]) -> None:
    found = read(tmp_path, "ndjson", text)
    assert found.columns == ["a", "b"]
    assert found.rows() == rows


def test_ndjson_keeps_numbers_as_they_were_written(tmp_path: Path) -> None:
    nested = '[1.50, 7, {"d": 2e400, "é": 0.12345678901234567891}, null, true, "\\"' + "9" * 5000 + '"]'
    found = read(tmp_path, "ndjson", f'{{"a": 1.50e1, "b": 1.50, "c": {nested}, "e": -0, "f": [{"1" * 5000}]}}\n'.encode())
    assert found.rows() == [("1.50e1", "1.50", nested, "-0", f"[{'1' * 5000}]")]


def test_zip_of_one_file_may_hold_folders_and_what_a_mac_adds(tmp_path: Path) -> None:
    packed = as_zip(**{"in/": b"", "in/a.csv": b"a\n1\n", "__MACOSX/in/._a.csv": b"\0"})
    assert read(tmp_path, "csv.zip", packed).rows() == [("1",)]


def test_ndjson_parts_may_leave_out_keys(tmp_path: Path) -> None:
    found = read(tmp_path, "ndjson", b'{"a": 1, "b": 2}\n', b'{"b": 3}\n')
    assert found.rows() == [("1", "2"), (None, "3")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(b'{"a": 1}\n[1]\n', "line 2 is not an object", id="list"),
        pytest.param(b"null\n", "line 1 is not an object", id="null"),
        pytest.param(b'{"a": 1}\n{"a": 1', "line 2 is no JSON", id="cut_off"),
        pytest.param(b'{"a": 1} {"a": 2}\n', "line 1 is no JSON", id="two_in_a_line"),
        pytest.param(b'{"a": 1}\n{"a": "\\ud800"}\n', "which is no character. Deliver whole characters", id="surrogate"),
        pytest.param(b'{"a": 1}\n{"\\udfff": 1}\n', "line 2 has half of a surrogate pair", id="surrogate_key"),
        pytest.param(
            b'{"a": 1}\n{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
            "line 2 is nested too deep. Deliver what is nested",
            id="deep",
        ),
        pytest.param(b'{"a": 1, "a": 2}\n', "line 1 has a key twice. Deliver each key of an object once", id="key_twice"),
        pytest.param('{"a": "é"}\n'.encode("latin-1"), "not UTF-8", id="latin1"),
        pytest.param(b'{"a": "\\ud800"}\n', "", id="half_a_character"),
        pytest.param(b"[" * 100_000, "", id="too_deep"),
    ],
)
def test_ndjson_that_is_damaged(tmp_path: Path, text: bytes, says: str) -> None:
    assert says in refused(tmp_path, "ndjson", text)


@pytest.mark.parametrize("form", ["csv.gz", "csv.zip", "parquet"])
@pytest.mark.parametrize("keep", [0, 1, 10, -20, -4, -1])
def test_file_that_was_cut_off_is_refused(tmp_path: Path, form: str, keep: int) -> None:
    refused(tmp_path, form, FORMATS[form](ROWS)[:keep])


@pytest.mark.parametrize(
    ("packed", "says"),
    [
        pytest.param(as_zip(one=b"a\n1\n", two=b"a\n2\n"), "it holds 2 files", id="two_files"),
        pytest.param(as_zip(), "it holds 0 files", id="no_file"),
        pytest.param(as_zip(one=b""), "it is empty", id="empty_file"),
        pytest.param(gzip.compress(b"a\n1\n"), "not readable as csv.zip", id="gzip"),
    ],
)
def test_zip_holds_exactly_one_file(tmp_path: Path, packed: bytes, says: str) -> None:
    assert says in refused(tmp_path, "csv.zip", packed)


@pytest.mark.parametrize("form", ["csv.gz", "csv.zip"])
@pytest.mark.parametrize(("inner", "kind"), [("csv.gz", "gzip"), ("csv.zip", "zip")])
def test_what_is_packed_twice_is_told(tmp_path: Path, form: str, inner: str, kind: str) -> None:
    packed = FORMATS[inner](ROWS)
    twice = gzip.compress(packed) if form == "csv.gz" else as_zip(data=packed)
    assert refused(tmp_path, form, twice) == f"part-0.{form}: it is packed twice: what it holds is {kind}. Pack it once"


def test_what_its_reader_says_is_told_in_print(tmp_path: Path) -> None:
    # Found by fuzzing: a length that was overwritten makes zipfile tell the bytes that follow.
    packed = bytearray(as_zip(data=random.Random(1).randbytes(3000)))
    packed[26:28] = (2000).to_bytes(2, "little")
    message = refused(tmp_path, "csv.zip", bytes(packed))
    assert "not readable as csv.zip: File name in directory 'data' and header" in message
    assert len(message) < 300


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_storage_that_fails_is_not_the_deliverys_fault(tmp_path: Path, form: str) -> None:
    # It may pass by itself; a delivery that was refused for it would stay refused.
    asked = [tmp_path], [f"a.{form}"], Source(provider="them", files=f"a.{form}")
    for large in (nullcontext(), everything_is_large()):
        with large, pytest.raises(IsADirectoryError):
            read_text(*asked)


FUZZ = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def survives(folder: Path, form: str, content: bytes) -> None:
    path = folder / "0"
    path.write_bytes(content)
    source = Source(provider="them", files=f"*.{form}")
    for large in (nullcontext(), everything_is_large()):
        try:
            with large, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # zipfile's on names that stand twice
                try_apart([path], [f"part-0.{form}"], source)
                read_text([path], [f"part-0.{form}"], source).lazy().collect()
        except DeliveryError as error:
            assert str(error).startswith(f"part-0.{form}: ")  # noqa: PT017


TEXTS = [form for form in FORMATS if form != "parquet"]


@pytest.mark.parametrize("form", TEXTS)
@FUZZ
@given(content=st.binary(max_size=200))
def test_rubbish_is_read_or_refused(tmp_path: Path, form: str, content: bytes) -> None:
    survives(tmp_path, form, content)


@pytest.mark.parametrize("form", TEXTS)
@FUZZ
@given(data=st.data())
def test_damaged_file_is_read_or_refused(tmp_path: Path, form: str, data: st.DataObject) -> None:
    damage(tmp_path, form, data)


@settings(FUZZ, max_examples=15)  # each is tried in a process of its own
@given(data=st.data())
def test_damaged_parquet_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    damage(tmp_path, "parquet", data)


def test_parquet_that_ends_the_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "0"
    path.write_bytes(fatal_parquet())
    with pytest.raises(DeliveryError, match=r"part\.parquet: reading it ends the process \(signal 6\)"):
        try_apart([path], ["part.parquet"], Source(provider="them", files="*.parquet"))


def test_damage_in_large_parquet_is_told_before_its_rows_are_asked_for(tmp_path: Path) -> None:
    content = bytearray(as_parquet(ROWS))
    content[4:24] = bytes(20)  # the first page; what the file says of itself, at its end, is whole
    path = tmp_path / "0"
    path.write_bytes(content)
    asked = [path], ["part.parquet"], Source(provider="them", files="*.parquet")
    with everything_is_large():
        with pytest.raises(
            DeliveryError, match=r"part\.parquet: not readable as parquet: .+\. Deliver it again, whole"
        ) as apart:
            try_apart(*asked)
        with pytest.raises(DeliveryError) as here:
            read_text(*asked)
        assert read_whole(*asked, {})[0].collect_schema().names() == list(ROWS[0])
    assert str(apart.value) == str(here.value)


def damage(folder: Path, form: str, data: st.DataObject) -> None:
    content = bytearray(FORMATS[form](ROWS))
    flips: Sequence[int] = data.draw(st.lists(st.integers(0, len(content) * 8 - 1), max_size=4))
    for bit in flips:
        content[bit // 8] ^= 1 << bit % 8
    survives(folder, form, bytes(content[: data.draw(st.integers(0, len(content)))]))


CELLS = st.text(st.sampled_from('a1 ,"\n'), max_size=4)


@FUZZ
@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_csv_is_read_as_python_reads_it(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([("a", "b"), *rows])
    assert read(tmp_path, "csv", written.getvalue().encode()).rows() == [tuple(cell or None for cell in row) for row in rows]


@FUZZ
@given(text=st.text(st.sampled_from('a1,"\n'), max_size=12))
def test_csv_that_is_accepted_has_the_values_that_were_written(tmp_path: Path, text: str) -> None:
    try:
        found = read(tmp_path, "csv", f"a,b\n{text}".encode()).rows()
    except DeliveryError:
        return
    expected = [row for row in csv.reader(io.StringIO(text, newline="\n"), strict=True) if row]
    assert all(len(row) == 2 for row in expected)
    # Nothing between two separators is null, in quotes it is a text.
    assert [tuple(cell or "" for cell in row) for row in found] == [tuple(row) for row in expected]
