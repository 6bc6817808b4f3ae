"""The texts of a dataset's files, written as a person would: `defs.yaml`, `schema.py`, `transform.py`, `examples.yaml`.

Whatever a column is called and whatever stands in it, the text reads back as it was meant. Not here: what to say (`scaffold`).
"""

import json
import keyword
import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandera.polars as pa
import polars as pl
import yaml

_TYPES: dict[pl.DataType, str] = {pl.String(): "str", pl.Boolean(): "bool", pl.Int64(): "int", pl.Float64(): "float"}
_HIDING = frozenset({"pa", "pl", *_TYPES.values()})
"""Names that a field of the model would hide from those below it."""
_SHOWN = 3
_WIDTH = 120
LONGEST = 128
"""Characters in a line of Python, as the project's formatter has it."""


@dataclass(frozen=True)
class Field:
    """A column of a model: its type, what it means, and whether it may be without a value."""

    dtype: pl.DataType
    description: str
    nullable: bool = False


def in_words(column: str) -> str:
    """The name of a column as words, which is all that a sample tells of its meaning."""
    words = re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", column)).strip()
    return words[:1].upper() + words[1:] or "A column without a name"


def defs_yaml(component: str, attributes: Mapping[str, Any], remarks: Mapping[str, str]) -> str:
    """A `defs.yaml`.

    Args:
        component: The name of its type.
        attributes: What it says; what is None is left out.
        remarks: By attribute, what there is to decide.
    """
    lines = [f"type: dataops_assets.components.{component}", "attributes:", *_attributes(attributes, remarks, "  ")]
    return "\n".join(lines) + "\n"


def _attributes(attributes: Mapping[str, Any], remarks: Mapping[str, str], indent: str) -> Iterator[str]:
    for name, value in attributes.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from _attributes(value, remarks, indent + "  ")
        elif value is not None:
            remark = remarks.get(name)
            yield f"{indent}{name}: {flow(value)}" + (f"  # {remark}" if remark else "")


def schema_py(
    name: str, fields: Mapping[str, Field], hints: Iterable[str] = (), delivered: Mapping[str, str] | None = None
) -> str:
    """A `schema.py`.

    Args:
        name: The dataset.
        fields: The columns of its model.
        hints: What there is to decide.
        delivered: The columns that are delivered under another name, by the one in the model.
    """
    names = _python_names(fields)
    lines = [f'"""What a good row of {name} is."""', "", "import pandera.polars as pa"]
    lines += ["import polars as pl"] if delivered or any(field.dtype not in _TYPES for field in fields.values()) else []
    lines += ["", "", "class Schema(pa.DataFrameModel):", *(f"    # {hint}" for hint in hints)]
    lines += [_field(names[column], column, field) for column, field in fields.items()]
    if delivered:
        lines += ["", "", "class Delivered(Schema):"]
        lines += [_field(names[column], old, fields[column]) for column, old in delivered.items()]
        copies = ", ".join(f"pl.col({text(old)}).alias({text(column)})" for column, old in delivered.items())
        lines += ["", "", "def normalise(rows: pl.LazyFrame) -> pl.LazyFrame:"]
        lines += [
            '    """In storage the delivered name is that of the partition."""',
            f"    return rows.with_columns({copies})",
        ]
    return "\n".join(lines) + "\n"


def transform_py(name: str, inputs: Sequence[str], columns: Iterable[str]) -> str:
    """A `transform.py` that gives the columns of the first input, each row once."""
    arguments = ", ".join(f"{argument}: pl.LazyFrame" for argument in inputs)
    selected = ", ".join(map(text, columns))
    return f'''"""How {name} is made."""

import polars as pl


def transform({arguments}) -> pl.LazyFrame:
    """Each key of {inputs[0]}, once.

    Write here what a row really is: filter, join, group and aggregate the inputs. What it returns has the columns of schema.py.
    """
    return {inputs[0]}.select({selected}).unique()
'''


def examples_yaml(remark: str, good: Mapping[str, Any], reject: Mapping[str, Any]) -> str:
    """An `examples.yaml`: a good row, and for rules the change that they must reject."""
    examples = {"good": {column: _plain(value) for column, value in good.items()}, **({"reject": reject} if reject else {})}
    return f"# {remark}\n{yaml.safe_dump(examples, default_flow_style=None, sort_keys=False, allow_unicode=True, width=_WIDTH)}"


def examples_of(reject: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The changes that rules must reject, each in a line of YAML."""
    plain = ({rule: {column: _plain(value) for column, value in change.items()}} for rule, change in reject.items())
    dumped = (
        yaml.safe_dump(one, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf) for one in plain
    )
    return [line.strip()[1:-1] for line in dumped]


def _plain(value: Any) -> Any:
    """A value as YAML knows it; as text in ISO form where it does not."""
    if value is None or isinstance(value, str | int | float) or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def flow(value: Any) -> str:
    """A value, or a list of values, in one line of YAML."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    line = _in_brackets(value)
    return _in_brackets(value, default_style='"') if line.startswith("'") else line


def _in_brackets(value: Any, **style: Any) -> str:
    line: str = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=math.inf, **style)
    return line.strip()[1:-1]


def some(values: Collection[Any]) -> str:
    """The first few of some values, in one line."""
    return ", ".join(flow(value) for value in [*values][:_SHOWN]) + (", …" if len(values) > _SHOWN else "")


def free_name(name: str, taken: Collection[str]) -> str:
    """A name that is not taken yet, and is like the one given."""
    while name in taken:
        name += "_"
    return name


def _python_names(columns: Collection[str]) -> dict[str, str]:
    """A name in Python for every column: its own wherever that can be one."""
    names = {column: column for column in columns if _is_attribute(column)}
    for column in columns:
        if column not in names:
            name = re.sub(r"[^0-9A-Za-z]+", "_", unicodedata.normalize("NFKD", column)).strip("_")
            name = name if name[:1].isalpha() else f"column_{name}".strip("_")
            names[column] = free_name(name if _is_attribute(name) else f"{name}_", names.values())
    return names


def _is_attribute(name: str) -> bool:
    """Whether a field can be called so: Python reads the name as it is, and pandera takes it for a column."""
    plain = name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name
    return plain and not name.startswith("_") and name not in _HIDING and not hasattr(pa.DataFrameModel, name)


def _field(name: str, column: str, field: Field) -> str:
    options = [f"alias={text(column)}"] if name != column else []
    options += [f"description={text(field.description)}"]
    options += ["nullable=True"] if field.nullable else []
    written = _TYPES.get(field.dtype) or "pl." + repr(field.dtype).replace("'", '"')
    line = f"    {name}: {written} = pa.Field({', '.join(options)})"
    if len(line) <= LONGEST:
        return line
    return "\n".join([f"    {name}: {written} = pa.Field(", *(f"        {option}," for option in options), "    )"])


def text(value: str) -> str:
    """A text as Python reads it, between double quotes."""
    return json.dumps(value, ensure_ascii=False)
