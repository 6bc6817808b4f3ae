"""An entry of `erasures.yaml`: a request that data goes for good, and why.

Here: how a request is written, and where that was. Not here: whether it fits its dataset, and which rows are meant
(`erasure`).
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from dataops_assets.contract.errors import Mistake, Problem
from dataops_assets.contract.model import Reason, Until
from dataops_assets.contract.parse import Document, Path
from dataops_assets.contract.partitions import Partition

ERASURES = "erasures.yaml"
KEY_VARIABLE = "DATAOPS_ERASURE_KEY"
"""The variable that holds the secret key of the hashes."""


def _read_extent(value: Any) -> Any:
    if value == "all":
        return value
    if isinstance(value, list) and len(value) == len(("first", "last")):
        return [str(one) for one in value]
    raise Mistake(f"{value!r} tells not which partitions go", "write `[<first>, <last>]`, or `all`")


class ErasureAttributes(BaseModel):
    """An entry of `erasures.yaml`. It says whom it is about by `subject`, or which `partitions` go.

    Attributes:
        request: Its name, by which commands and records call it.
        dataset: The delivered dataset that it is about; what is made from it follows.
        subject: The columns that name a person, each with the keyed hash of the value: HMAC-SHA256, as `dataops erase request`
            writes it.
        key: The fingerprint of the key of these hashes, so that a wrong key is told from a person who is not found.
        partitions: Whole partitions: the first and the last, or `all`; of a dataset without partitions, `all`.
        reason: Why; without the person's name.
        requested_by: Who asked for it: a team of `policy.yaml`.
        due: The day by whose end the last copy must be gone, in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]
    dataset: str
    subject: Annotated[dict[str, Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]], Field(min_length=1)] | None = (
        None
    )
    key: Annotated[str, StringConstraints(pattern="^[0-9a-f]{12}$")] | None = None
    partitions: (
        Annotated[Literal["all"] | tuple[str, str], BeforeValidator(_read_extent, json_schema_input_type=str | tuple[str, str])]
        | None
    ) = None
    reason: Reason
    requested_by: str
    due: Until

    @model_validator(mode="after")
    def _of_one_shape(self) -> Self:
        if (self.subject is None) == (self.partitions is None):
            raise Mistake("it is not clear what is erased", "write `subject` with `key`, or write `partitions`")
        if (self.subject is None) != (self.key is None):
            remedy = "write `key` beside `subject`, and nowhere else, as `dataops erase request` does"
            raise Mistake("`key` is the fingerprint of the key of the hashes in `subject`", remedy)
        return self


@dataclass(frozen=True, eq=False)
class Erasure:
    """One request, and where it stands.

    Attributes:
        attributes: What it says.
        source: The entry as it was written, for messages with lines.
    """

    attributes: ErasureAttributes
    source: Document

    @property
    def name(self) -> str:
        """By what it is called."""
        return self.attributes.request

    @property
    def at(self) -> str:
        """The file and line where it begins."""
        return f"{self.source.file}:{self.source.line(())}"

    def concerns(self, partition: Partition) -> bool:
        """Whether it is about a partition; one with a subject is about all."""
        extent = self.attributes.partitions
        return extent in (None, "all") or bool(partition and extent[0] <= partition <= extent[1])

    def problem(self, path: Path, message: str, remedy: str) -> Problem:
        """A mistake at a path of the entry."""
        return self.source.problem(path, message, remedy)
