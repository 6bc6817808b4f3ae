"""What a step did to one partition, for whoever reports it."""

from dataclasses import dataclass, field
from typing import Any, Literal

from dataops_assets.contract import Partition
from dataops_assets.gate.verdict import Verdict


@dataclass(frozen=True)
class Outcome:
    """What a step did to one partition.

    Attributes:
        partition: The partition.
        status: `done`: it may flow on. `refused`: its gate, or one before it, said no. `absent`: it has nothing to work on.
        reason: Why not, in words; empty if done.
        version: The data version that now stands, if the step changed or confirmed one.
        verdict: What the step's gate said, if it was asked.
        facts: What is worth showing beside the partition.
        quarantined: Rows in quarantine, if the step keeps one.
        arrived: Whether the step took a delivery from landing.
        stays: The data version that stays published although the step did not publish a newer one.
        stands: The verdict that stands, where the step's gate was not asked.
    """

    partition: Partition
    status: Literal["done", "refused", "absent"]
    reason: str = ""
    version: str | None = None
    verdict: Verdict | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    quarantined: int = 0
    arrived: bool = False
    stays: str | None = None
    stands: Verdict | None = None
