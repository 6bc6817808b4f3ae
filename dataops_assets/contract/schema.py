"""What `schema.py` promises: the columns of a dataset, read from its pandera model."""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from types import UnionType
from typing import Any, Union, get_origin

import pandera.polars as pa
import polars as pl
from pandera.api.dataframe.model_components import CHECK_KEY, DATAFRAME_CHECK_KEY

RESERVED = "__"
"""How the columns begin that the gate has beside those of a dataset."""
_NOT_CALLED = f"{pa.check.__qualname__}.<locals>._wrapper"


@dataclass(frozen=True)
class Column:
    """One column of a dataset.

    Attributes:
        name: Its name.
        dtype: Its polars type.
        nullable: Whether it may be without a value.
        description: What it means, with its unit.
    """

    name: str
    dtype: pl.DataType
    nullable: bool
    description: str


class Schema:
    """The columns and rules of one pandera model.

    Args:
        model: The class `Schema` of a dataset's `schema.py`.
    """

    def __init__(self, model: type[pa.DataFrameModel]):
        self.model = model

    @cached_property
    def pandera(self) -> pa.DataFrameSchema:
        """The model as pandera's schema object."""
        return self.model.to_schema()

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The columns by name, in order.

        Raises:
            TypeError: One has no type, or the model's Config says what pandera does not know.
        """
        for name in (name for name in self.model.__extras__ or () if not hasattr(pa.Check, name)):
            raise TypeError(f"its Config has no attribute `{name}`")
        found = {}
        for name, column in self.pandera.columns.items():
            if column.dtype is None:
                raise TypeError(f"column `{name}` has no type that polars knows")
            description = column.description or column.title or ""
            found[name] = Column(name, _instance(column.dtype.type), column.nullable, description)
        return found

    @cached_property
    def decimals_without_scale(self) -> list[str]:
        """The columns that are declared as a decimal of no scale, for which pandera takes none behind the point."""
        _ = self.pandera  # which reads the fields
        # Not by `in`: a polars type of some scale equals the one of none.
        return [
            name
            for name, (said, field) in self.model.__fields__.items()
            if (said.arg is pl.Decimal or said.arg is Decimal) and not (said.metadata or field.dtype_kwargs)
        ]

    @cached_property
    def columns_of_several_types(self) -> list[str]:
        """The columns that are declared as this type or that one, of which pandera takes the first."""
        _ = self.pandera  # which reads the fields
        fields = self.model.__fields__.items()
        return [name for name, (said, _) in fields if get_origin(said.raw_annotation) in (Union, UnionType)]

    @cached_property
    def checks_of_no_column(self) -> list[str]:
        """The methods that `@pa.check` was written above without a column, which pandera leaves out."""
        attributes = {
            name: value
            for base in reversed(self.model.__mro__)
            for name, value in vars(base).items()
            if inspect.isroutine(value)
        }
        checks = {name: getattr(value, CHECK_KEY, None) for name, value in attributes.items()}
        not_called = (name for name, value in attributes.items() if getattr(value, "__qualname__", "") == _NOT_CALLED)
        return [*not_called, *(name for name, check in checks.items() if check and not check.fields)]

    @cached_property
    def methods_of_no_use(self) -> list[str]:
        """The methods with the arguments of a check that are none, and that no module of `defs/` names: a decorator is missing.

        It is known once all modules are loaded.
        """
        package = self.model.__module__.partition(".")[0]
        own = [base for base in self.model.__mro__ if base.__module__.partition(".")[0] == package]
        models = [base for base in reversed(own) if issubclass(base, pa.DataFrameModel)]
        methods = {name: value for base in models for name, value in vars(base).items()}
        forgotten = [
            name
            for name, value in methods.items()
            if _takes_what_a_check_takes(value)
            and not any(hasattr(value, key) for key in (CHECK_KEY, DATAFRAME_CHECK_KEY))
            and not (name.startswith("_") or hasattr(pa.DataFrameModel, name) or name in self.checks_of_no_column)
        ]
        # Modules may be loaded meanwhile, by another thread or by what garbage collection calls: only `copy` stands that.
        loaded = sys.modules.copy() if forgotten else {}
        modules = [module for name, module in loaded.items() if name.partition(".")[0] == package]
        sources = [inspect.getsource(module) for module in modules if getattr(module, "__file__", None)]
        used = {_named_by(node) for source in sources for node in ast.walk(ast.parse(source))}
        return [name for name in forgotten if name not in used]

    @cached_property
    def polars(self) -> pl.Schema:
        """The columns as a polars schema."""
        return pl.Schema({name: column.dtype for name, column in self.columns.items()})

    @cached_property
    def two_rows(self) -> pl.DataFrame:
        """Two rows without any value: what an expression gives for them tells its type and its height."""
        return pl.DataFrame({name: [None, None] for name in self.columns}, schema=self.polars)


def columns_of(schema: Mapping[str, pl.DataType]) -> dict[str, str]:
    """The type of every column, as polars writes it."""
    return {name: str(dtype) for name, dtype in schema.items()}


def names_rows(dtype: pl.DataType) -> bool:
    """Whether a column can tell rows apart: a measure or a flag does not name a row."""
    return not (dtype.is_float() or dtype.is_nested() or dtype == pl.Boolean)


def is_text(dtype: pl.DataType) -> bool:
    """Whether the values of a column are texts, however they are kept."""
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def tells_days(dtype: pl.DataType) -> bool:
    """Whether a value can begin with a day, as it is written."""
    return is_text(dtype) or dtype in (pl.Date, pl.Datetime)


def is_pattern(name: str) -> bool:
    """Whether a column is called as a pattern is written, which to polars stands for many columns."""
    return name == "*" or (name.startswith("^") and name.endswith("$"))


def within(dtype: pl.DataType) -> Iterator[pl.DataType]:
    """A type, and those that it is made of."""
    yield dtype
    parts = [field.dtype for field in dtype.fields] if isinstance(dtype, pl.Struct) else [getattr(dtype, "inner", None)]
    for part in filter(None, parts):
        yield from within(_instance(part))


def has_text(dtype: pl.DataType) -> bool:
    """Whether there is one way to write each value of a type as text, and to read it."""
    return not (dtype.is_nested() or dtype in (pl.Binary, pl.Duration, pl.Object))


def _takes_what_a_check_takes(method: object) -> bool:
    function = getattr(method, "__func__", method) if isinstance(method, classmethod) else method
    return inspect.isfunction(function) and len(inspect.signature(function).parameters) == 2  # itself, and the rows


def _named_by(node: ast.AST) -> str | None:
    """The name that a node uses, be it as a text, as in `getattr(cls, "name")`."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return node.id if isinstance(node.ctx, ast.Load) else None
    return node.attr if isinstance(node, ast.Attribute) else None


def _instance(dtype: Any) -> pl.DataType:
    found: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return found
