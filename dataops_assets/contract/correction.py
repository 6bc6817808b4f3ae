"""An entry of `corrections.yaml`: a change of delivered rows that somebody asked for, and why.

Here: how an entry is written, and where that was. Not here: whether it fits its dataset, and what it does (`corrections`).
"""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from dataops_assets.contract.errors import Mistake, Problem
from dataops_assets.contract.model import Reason, Until
from dataops_assets.contract.parse import Document, Path
from dataops_assets.contract.partitions import Partition

CORRECTIONS = "corrections.yaml"


class Change(BaseModel):
    """The value of one column before and after. A value is written as the provider would; `null` is none.

    Attributes:
        before: The value that is expected, or its original text, where that cannot be read; written `from`. Not with `where`.
        after: The value that takes its place; written `to`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    before: Any = Field(default=None, alias="from")
    after: Any = Field(alias="to")

    @property
    def expects(self) -> bool:
        """Whether it says what stood there."""
        return "before" in self.model_fields_set


def _read_drop(value: Any) -> Any:
    if value is not True and not isinstance(value, dict):
        raise Mistake(f"{value!r} tells not what is dropped", "write `{<column>: <expected value>}`; with `where`, `true`")
    return {} if value is True else value


class CorrectionAttributes(BaseModel):
    """An entry of `corrections.yaml`. It names a row by `key` or rows by `where`, and says `set` or `drop`; or it says `add`.

    Attributes:
        partition: The partition that it is for; of a dataset without partitions, left out.
        key: The one row that it changes: a value for each column of the key.
        where: The rows that it changes: a condition in SQL over the columns, as they are before any correction.
        rows: How many rows `where` must be true of.
        changes: By column, `{from: <expected value>, to: <new value>}`; with `where`, `{to: <new value>}`.
        drop: The row is left out: `{<column>: <expected value>}`, at least one; with `where`, `true`.
        add: A row more: a value for every column that must have one.
        reason: Why.
        requested_by: Who asked for it: a team of `policy.yaml`.
        reference: Where that can be read: an address, or what it is called.
        valid_until: The last day on which it is applied; after that it must be confirmed, or removed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    partition: Annotated[str | None, BeforeValidator(str, json_schema_input_type=str | int)] = None
    key: dict[str, Any] | None = None
    where: Reason | None = None
    rows: Annotated[int, Field(ge=1, strict=True)] | None = None
    changes: Annotated[dict[str, Change], Field(min_length=1)] | None = Field(default=None, alias="set")
    drop: Annotated[dict[str, Any], BeforeValidator(_read_drop, json_schema_input_type=dict[str, Any] | bool)] | None = None
    add: dict[str, Any] | None = None
    reason: Reason
    requested_by: str
    reference: Reason
    valid_until: Until

    @model_validator(mode="after")
    def _of_one_shape(self) -> Self:
        said = {name for name in ("key", "where", "changes", "drop", "add") if getattr(self, name) is not None}
        if said not in ({"key", "changes"}, {"key", "drop"}, {"where", "changes"}, {"where", "drop"}, {"add"}):
            raise Mistake(
                "it is not clear what is corrected",
                "write `key` or `where` with `set` or `drop`, or write `add`",
            )
        if (self.rows is None) == (self.where is not None):
            raise Mistake("`rows` is how many rows `where` is true of", "write both, or neither of them")
        expecting = {change.expects for change in (self.changes or {}).values()}
        if self.key is not None and (False in expecting or self.drop == {}):
            raise Mistake("nothing says which value is expected", "add `from: <value>`, or name one under `drop`")
        if self.where is not None and (True in expecting or self.drop):
            raise Mistake(
                "`where` says which values are expected", "write them there, with `set: {<column>: {to: …}}` or `drop: true`"
            )
        return self


@dataclass(frozen=True, eq=False)
class Correction:
    """One entry, and where it stands.

    Attributes:
        attributes: What it says.
        source: The entry as it was written, for messages with lines.
    """

    attributes: CorrectionAttributes
    source: Document

    @property
    def at(self) -> str:
        """The file and line where it begins."""
        return f"{self.source.file}:{self.source.line(())}"

    @property
    def partition(self) -> Partition:
        """The partition that it is for."""
        return self.attributes.partition

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it sets."""
        return frozenset(self.attributes.changes or ())

    def empties(self, column: str) -> bool:
        """Whether it takes the value of a column away."""
        change = (self.attributes.changes or {}).get(column)
        return change is not None and change.after is None

    def problem(self, path: Path, message: str, remedy: str) -> Problem:
        """A mistake at a path of the entry."""
        return self.source.problem(path, message, remedy)
