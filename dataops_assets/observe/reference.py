"""The reference of the contract: a page written from its types and docstrings alone.

    python -m dataops_assets.observe.reference > docs/reference.md

Here: which attributes there are, of which type, with which default. Not here: what they mean, which stands in the docstrings
of `contract`, and how a contract is written (`docs/contract.md`).
"""

import inspect
import json
import sys
from collections.abc import Iterator
from datetime import date
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from dataops_assets.contract.correction import CorrectionAttributes
from dataops_assets.contract.duration import Days, Duration, Kept, Limited
from dataops_assets.contract.erasure import ErasureAttributes
from dataops_assets.contract.model import DatasetAttributes, DerivedAttributes, IngestedAttributes, Reason, Share, Until
from dataops_assets.contract.parse import attribute_docs
from dataops_assets.contract.policy import Policy
from dataops_assets.contract.retention import Area, Landed, Retained, Retention

_PAGES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("Every dataset", DatasetAttributes),
    ("A delivered dataset", IngestedAttributes),
    ("A product", DerivedAttributes),
    ("An entry of corrections.yaml", CorrectionAttributes),
    ("An entry of erasures.yaml", ErasureAttributes),
    ("policy.yaml", Policy),
    ("How long a zone is kept", Retention),
    ("When an area ends", Area),
)
_ALIASES: tuple[tuple[Any, str], ...] = (
    (Retained, "duration, `{forever: <reason>}`, or [in full](#how-long-a-zone-is-kept)"),
    (Landed, "duration in days, or `{forever: <reason>}`"),
    (Kept, "duration in days, or `{forever: <reason>}`"),
    (Days, "duration in days"),
    (Limited, "duration"),
    (Area, "[an area](#when-an-area-ends)"),
    (Share, "share, from 0 to 1"),
    (Reason, "text, not empty"),
    (Until, "day"),
)
_WORDS: dict[Any, str] = {
    Any: "value",
    bool: "`true`",
    str: "text",
    int: "whole number",
    float: "number",
    date: "day, month or year",
    Duration: "duration",
}

_INTRODUCTION = """\
# Reference of the contract

Written by `python -m dataops_assets.observe.reference` from the docstrings that error messages quote, too; change it there.
How a contract is written, with an example: [the contract](contract.md).

A *duration* is written `12 hours`, `90 days`, `6 months` or `7 years`; a month counts 30 days, a year 365. A *mapping* has a
table of its own. *In days* means without a part of a day, as S3 counts. An attribute without a default must be written, and one
that is not on this page is refused.
"""


def reference() -> str:
    """The page, in Markdown."""
    sections = [section for title, model in _PAGES for section in _sections(title, model, "")]
    return "\n".join([_INTRODUCTION, *sections])


def _sections(title: str, model: type[BaseModel], path: str) -> Iterator[str]:
    """A table of a model's own attributes, and one for every model in them."""
    hints, docs = get_type_hints(model, include_extras=True), attribute_docs(model)
    own = {name: field for name, field in model.model_fields.items() if name in model.__annotations__}
    about = inspect.cleandoc(model.__doc__ or "").partition("\n\nAttributes:")[0].replace("\n", " ").replace("  ", "\n\n")
    yield f"## {title}\n\n{about}\n\n| attribute | type | default | meaning |\n| --- | --- | --- | --- |"
    for name, field in own.items():
        cells = (f"`{field.alias or name}`", _type(hints[name]), _default(field), docs[name])
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
    yield ""
    for name in own:
        for inner in _models(hints[name]):
            here = f"{path}{own[name].alias or name}"
            yield from _sections(f"`{here}`", inner, f"{here}.")


def _type(hint: Any) -> str:
    """A type, in the words of who writes YAML."""
    for alias, words in _ALIASES:
        if hint == alias:
            return words
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(_written(hint))
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(one) for one in arguments if one is not NoneType))
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return f"list of {_type(arguments[0])}s"
    if origin is tuple:
        return f"`[{', '.join(map(_type, arguments))}]`"
    if origin is dict:
        return f"by name: {_type(arguments[1])}"
    return _WORDS.get(hint, "mapping")


def _written(hint: Any) -> Any:
    """What may be written, where a validator makes the type of it."""
    validators = [one for one in get_args(hint)[1:] if isinstance(one, BeforeValidator)]
    written = [one.json_schema_input_type for one in validators if one.json_schema_input_type is not PydanticUndefined]
    return written[0] if written else get_args(hint)[0]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.default
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_none=True)
    return f"`{json.dumps(value)}`" if value else "none" if value is None or not isinstance(value, float) else "`0`"


def _models(hint: Any) -> Iterator[type[BaseModel]]:
    """The models of ours in a type, each of which has a table; what is told in words has none below it."""
    if any(hint == alias for alias, _ in _ALIASES):
        return
    if inspect.isclass(hint) and issubclass(hint, BaseModel) and hint is not Duration:
        yield hint
    for argument in get_args(hint):
        yield from _models(argument)


if __name__ == "__main__":
    sys.stdout.write(reference())
