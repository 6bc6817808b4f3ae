"""What a run does to one partition: receive it into raw, stage it, or derive it. No Dagster here: `components` runs these.

Every step is idempotent. What it decides is kept in storage, so asking again costs nothing and changes nothing.
"""

from dataops_assets.steps.deriving import derive
from dataops_assets.steps.outcome import Outcome
from dataops_assets.steps.pending import pending
from dataops_assets.steps.receiving import receive
from dataops_assets.steps.staging import stage

__all__ = ["Outcome", "derive", "pending", "receive", "stage"]
