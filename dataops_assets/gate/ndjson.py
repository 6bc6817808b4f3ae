"""Lines of JSON (ndjson) as rows of text, each value as it was written.

Not here: how such a file comes to be text (`reading`).
"""

import json

import polars as pl


def read_lines(text: str) -> pl.DataFrame:
    """The rows of a text, each an object in a line of its own; their columns are those of all lines, in order of appearance.

    Raises:
        NoRow: A line is none.
    """
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append(_row(line))
            except NoRow as error:
                raise NoRow(f"line {number} {error}", error.remedy) from error
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


class NoRow(Exception):
    """A line is no row.

    Args:
        what: What is wrong with it.
        remedy: What the provider can do.
    """

    def __init__(self, what: str, remedy: str = "Deliver one JSON object a line"):
        super().__init__(what)
        self.remedy = remedy


def _row(line: str) -> dict[str, str | None]:
    try:
        value = json.loads(line, object_pairs_hook=_object, parse_float=_Number, parse_int=_Number)
        if not isinstance(value, dict):
            raise NoRow("is not an object")
        row = {key: _as_text(item) for key, item in value.items()}
        if "\\u" in line:
            "".join(text for one in row.items() for text in one if text).encode()
    except UnicodeEncodeError as error:
        remedy = "Deliver whole characters, in UTF-8"
        raise NoRow("has half of a surrogate pair, which is no character", remedy) from error
    except RecursionError as error:
        raise NoRow("is nested too deep", "Deliver what is nested as a text, or leave it out") from error
    except ValueError as error:
        raise NoRow(f"is no JSON ({error})") from error
    return row


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NoRow("has a key twice", "Deliver each key of an object once")
    return found


class _Number(str):
    """A number as it was written: 1.50 is not 1.5 in the original text of a row."""


def _as_text(value: object) -> str | None:
    return value if isinstance(value, str) or value is None else _json(value)


def _json(value: object) -> str:
    if isinstance(value, _Number):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(key)}: {_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
