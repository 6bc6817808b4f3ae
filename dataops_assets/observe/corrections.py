"""How corrections are told in words: one that was applied, and one that has expired.

Not here: which were applied (the verdict says it), and which have expired (`tally`).
"""

from dataops_assets.contract import Correction
from dataops_assets.gate.verdict import AppliedCorrection


def applied(correction: AppliedCorrection) -> str:
    """What a correction did to a partition, and why."""
    rows = f"{correction.rows:,} {'row' if correction.rows == 1 else 'rows'}"
    why = f"{correction.reason} · asked for by {correction.requested_by} · {correction.reference}"
    return f"corrected by {correction.id[:12]} · {rows} · {correction.what} · {why}"


def expired(correction: Correction) -> str:
    """That a correction has expired."""
    last = correction.attributes.valid_until
    return f"{correction.at} was valid until {last}: what is published stays, but is refused if it is judged anew"
