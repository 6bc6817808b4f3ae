"""The structure of delimited text: counting tells the same as parsing, or nothing."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dataops_assets.gate import delimited
from dataops_assets.gate.delimited import Uneven, counted, structure

LINES = st.lists(st.text(alphabet='a,;"\r\0é ', max_size=5), min_size=1, max_size=6)


def parsed(text: str) -> tuple[list[str], list[list[str]]]:
    [header, *rows] = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    return header, rows


@settings(max_examples=500)
@given(lines=LINES, end=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
@example(lines=["a", "", "b"], end="\r\n", last=True)
@example(lines=["a,b", "1,2", "3"], end="\n", last=False)
@example(lines=["a,b", "1,2", ""], end="\n", last=True)
def test_counting_tells_what_parsing_tells_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, last: bool
) -> None:
    text = end.join(lines) + (end if last else "")
    file = tmp_path_factory.getbasetemp() / "counted.csv"
    file.write_bytes(text.encode())
    found = counted(file, ",")
    if found is None:
        return
    header, rows = parsed(text)
    assert (found.header, found.rows, found.blank) == (header, len(rows), ())
    assert {len(row) for row in rows} <= {len(header)}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_plain_files_are_counted_whole_however_many_chunks_they_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(delimited, "_CHUNK_BYTES", 7)
    file = tmp_path / "a.csv"
    file.write_bytes(end.join(["a;b", *(f"{n};é{n}" for n in range(100))]).encode())
    found = counted(file, ";")
    assert found is not None
    assert (found.header, found.rows) == (["a", "b"], 100)
    file.write_bytes(file.read_bytes() + f"{end}7".encode())
    assert counted(file, ";") is None


def test_blank_lines_are_named_and_uneven_rows_refused() -> None:
    assert structure('a,b\n\n1,"x\n,y"\n\n', ",") == delimited.Structure(["a", "b"], 3, (0, 2))
    with pytest.raises(Uneven, match="row 2 has 1 fields, the header 2"):
        structure("a,b\n1,2\n3\n", ",")
