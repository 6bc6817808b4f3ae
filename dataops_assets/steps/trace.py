"""What may be left of what an erasure request is about.

Not here: how it is found (`traces`, `versions`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dataops_assets.contract import Dataset, Partition
from dataops_assets.erasure import Subject
from dataops_assets.gate.verdict import Verdict
from dataops_assets.storage.deliveries import Receipt
from dataops_assets.storage.lake import Lake

Kind = Literal["delivery", "original", "landing", "object", "verdict", "results", "version", "git", "record", "area", "unknown"]
"""What is left. A `delivery` is to be redacted, an `original` was; what is `unknown` takes somebody's eyes."""


@dataclass(frozen=True)
class Trace:
    """Something that is left.

    Attributes:
        kind: What it is.
        place: Where it lies: an address, or file and line.
        told: What was found there, in words, without values.
        key: Its key in the store; empty for what does not lie there.
        dataset: The dataset whose it is.
        partition: The partition.
        rows: How many rows are theirs, where that can be counted.
        receipt: Of a delivery, its receipt.
        version: Of an old version of an object in a bucket, its id.
        locked_until: Until when such a version is locked; None if it is not.
        area: In an area of somebody else's, where that lies: `adhoc/<name>`, `trash/adhoc/<name>/<number>`.
    """

    kind: Kind
    place: str
    told: str
    key: str = ""
    dataset: Dataset | None = None
    partition: Partition = None
    rows: int | None = None
    receipt: Receipt | None = None
    version: str = ""
    locked_until: datetime | None = None
    area: str = ""


def affected(lake: Lake, dataset: Dataset) -> list[Dataset]:
    """The datasets that are made from the same deliveries, and all that is made from those, in their order."""
    names = {one.name for one in lake.catalog.sharing(dataset)}
    found = []
    for other in lake.catalog.in_order:
        if other.name in names or (other.derived and names & set(other.derived.inputs)):
            names.add(other.name)
            found.append(other)
    return found


def redacted(verdict: Verdict, subject: Subject | None) -> Verdict:
    """A verdict that names nobody: of a person, whom a request is about; of whole partitions, no value at all."""
    if subject:
        said = verdict.model_dump(mode="json", exclude={"depends_on"})
        masked = {name: subject.without(value, name) for name, value in said.items()}
        if masked == said:
            return verdict
        return Verdict.model_validate({**masked, "depends_on": verdict.depends_on})
    rules = tuple(rule.model_copy(update={"offenders": ()}) for rule in verdict.rules)
    profile = verdict.profile.model_copy(update={"categories": {}}) if verdict.profile else None
    return verdict.model_copy(update={"rules": rules, "profile": profile})
