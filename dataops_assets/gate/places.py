"""Where a rule, a column or a line that fails stands, as file and line: in `schema.py`, or in a module that datasets share.

Not here: what is wrong with it (`problems`, `functions`).
"""

import inspect
import re
import traceback
from contextlib import suppress
from types import FrameType

from dataops_assets.contract import Dataset
from dataops_assets.contract.schema import Schema


def rule_at(dataset: Dataset, rule: str) -> str:
    """Where a rule is written: the method that makes it, the column that declares it, or the top of `schema.py`."""
    column, _, label = rule.rpartition(".")
    method = getattr(dataset.schema.model, label, None)
    if inspect.ismethod(method) and (file := _file(dataset, method.__module__)):
        return f"{file}:{method.__code__.co_firstlineno}"
    return declared_at(dataset, dataset.schema, column)


def declared_at(dataset: Dataset, schema: Schema, name: str) -> str:
    """Where a model names a column or a method, itself or by what it inherits; else the top of `schema.py`."""
    stands = re.compile(rf"""\s+(def )?{re.escape(name)}\s*[:(=]|.*alias\s*=\s*["']{re.escape(name)}["']""")
    for model in schema.model.__mro__ if name else ():
        if file := _file(dataset, model.__module__):
            with suppress(OSError):  # it was edited meanwhile
                lines, first = inspect.getsourcelines(model)
                for number, line in enumerate(lines, first):
                    if stands.match(line):
                        return f"{file}:{number}"
    return f"{dataset.folder}/schema.py:1"


def raised_at(dataset: Dataset, error: BaseException) -> str:
    """The innermost line of `defs/` that an exception came through; empty if none."""

    def place(frame: FrameType, line: int) -> str:
        file = _file(dataset, frame.f_globals.get("__name__", ""))
        return f"{file}:{line}" if file else ""

    own = [found for frame, line in traceback.walk_tb(error.__traceback__) if (found := place(frame, line))]
    return own[-1] if own else ""


def _file(dataset: Dataset, module: str) -> str:
    """The file of a module of `defs/`; empty for one of a library."""
    package, _, name = module.partition(".")
    of_defs = package == dataset.schema.model.__module__.partition(".")[0]
    return f"{dataset.folder.partition('/')[0]}/{name.replace('.', '/')}.py" if of_defs and name else ""
