"""What a person accepts: something that is unlike what came before it, and right all the same.

Here: which rules it is about, and what becomes of what they found. Not here: how it is declared (`contract`).
"""

from collections.abc import Sequence

from dataops_assets.gate.rules import STATISTICS
from dataops_assets.gate.verdict import RuleResult

ROW_COUNT, ROWS_KEPT = "row_count", "rows_kept"
COMPARING = (ROW_COUNT, ROWS_KEPT, STATISTICS)
"""The rules that compare a partition or a delivery with those before it. All others say what a good one is."""
REMEDY = "one that is right is declared under `accepted` in defs.yaml"


def accept(results: Sequence[RuleResult], reason: str) -> tuple[RuleResult, ...]:
    """What rules found, where nothing that is merely unlike others bites.

    Args:
        results: What they found.
        reason: Why it is right; empty if nobody said so.
    """

    def accepted(result: RuleResult) -> RuleResult:
        if result.rule not in COMPARING or result.status not in ("warned", "refused"):
            return result
        return result.model_copy(update={"status": "accepted", "detail": f"{result.detail}; accepted: {reason}", "remedy": ""})

    return tuple(map(accepted, results)) if reason else tuple(results)
