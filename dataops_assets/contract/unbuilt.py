"""Where the mistake stands in a pandera model that cannot be built: pandera raises whatever its parts raise.

Not here: mistakes in a model that can be built (`gate.problems`).
"""

import inspect
import re
from collections.abc import Mapping
from typing import Any

import pandera.polars as pa
import polars as pl

from dataops_assets.contract.errors import choose
from dataops_assets.contract.schema import Schema

_TYPE = "give `{0}` one type that polars knows, with all that it needs, as `str`, `float`, `pl.Date` or `pl.List(pl.Int64)`"
_FIELD = "mend the `pa.Field(…)` of `{0}`; where it has none, write one, or nothing"
_NO_COLUMN = re.compile("non-existing field '(.*)'")
_NO_TYPE = re.compile(r"missing annotations: \['(\w+)'")
_NO_ATTRIBUTE = re.compile(r"its Config has no attribute `(\w+)`")
_CONFIG = ("strict", "ordered", "unique", "name", "title", "description", "metadata", "coerce")
"""What the Config of a model may say."""


def unbuilt(model: type[pa.DataFrameModel], error: Exception) -> tuple[int, str]:
    """The line of the mistake, from 1, and the way to mend it.

    Args:
        model: What cannot be built.
        error: What was raised when it was tried.
    """
    own = [base for base in reversed(model.__mro__) if issubclass(base, pa.DataFrameModel) and base is not pa.DataFrameModel]
    columns = {name: (base, said) for base in own for name, said in inspect.get_annotations(base).items()}
    if found := _NO_COLUMN.search(str(error)):
        known = [getattr(vars(base).get(name), "alias", None) or name for name, (base, _) in columns.items()]
        return _line(model, rf""".*@.*["']{re.escape(found[1])}["']"""), choose(found[1], known)
    if found := _NO_TYPE.search(str(error)):
        return _line(model, rf"\s*{found[1]}\s*="), f"write `{found[1]}: <type> = …`"
    if found := _NO_ATTRIBUTE.search(str(error)):
        return _line(model, rf"\s*{found[1]}\s*="), choose(found[1], _CONFIG)
    for name, (base, said) in columns.items():
        alone = {"__module__": base.__module__, "__annotations__": {name: said}}
        values = {name: vars(base)[name]} if name in vars(base) else {}
        if not _can_be_built(alone | values):
            remedy = _with_arguments(name, said, values.get(name)) or (_FIELD if _can_be_built(alone) else _TYPE).format(name)
            return _line(model, rf"\s*{name}\s*:"), remedy
    return _line(model, ""), "mend the model"


def _with_arguments(name: str, said: object, field: object) -> str:
    """How to write a type with what `dtype_kwargs` gives it, which pandera does not do for polars; empty if that is not it."""
    given = getattr(field, "dtype_kwargs", None)
    if not (given and inspect.isclass(said) and issubclass(said, pl.DataType)):
        return ""
    arguments = ", ".join(f"{argument}={value!r}" for argument, value in given.items())
    return f"write `{name}: pl.{said.__name__}({arguments})`, and remove `dtype_kwargs`"


def _can_be_built(attributes: Mapping[str, Any]) -> bool:
    """Whether a model of these attributes alone can be."""
    try:
        _ = Schema(type("Alone", (pa.DataFrameModel,), dict(attributes))).columns
    except Exception:  # as above
        return False
    return True


def _line(model: type[pa.DataFrameModel], pattern: str) -> int:
    """The first line of a model that begins as a pattern; else that of its class, or of the file."""
    try:
        lines, first = inspect.getsourcelines(model)
    except (OSError, TypeError):  # it is made by a call, or was edited meanwhile
        return 1
    return next((number for number, line in enumerate(lines, first) if re.match(pattern, line)), first)
