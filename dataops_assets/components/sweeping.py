"""Once a day, what killed runs left behind is removed; in prod, which removes nothing, it is counted.

Not here: what counts as left behind (`storage.leftovers`).
"""

from datetime import UTC, datetime

import dagster as dg

from dataops_assets.components.resource import LakeResource
from dataops_assets.storage.leftovers import sweep

_EVERY_DAY = "30 3 * * *"


@dg.op(name="sweep", description="Removes half-written files, uploads without an end, and records of what was never published.")
def _sweep(context: dg.OpExecutionContext, lake: dg.ResourceParam[LakeResource]) -> None:
    found = sweep(lake.lake(), datetime.now(UTC), remove=lake.removes)
    records = sum(key.startswith("_provenance/") for key in found.orphans)
    what = "removed" if lake.removes else "counted, as prod removes nothing"
    context.log.info(f"{found.unfinished:,} interrupted writes, {records:,} records of what was never published: {what}")
    context.add_output_metadata({"interrupted_writes": found.unfinished, "orphaned_records": records})


def sweeping() -> dg.Definitions:
    """The job, and when it runs."""

    @dg.job(name="sweep_leftovers", description=__doc__.partition("\n")[0])
    def job() -> None:
        _sweep()

    daily = dg.ScheduleDefinition(
        name="sweep_daily",
        job=job,
        cron_schedule=_EVERY_DAY,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    return dg.Definitions(jobs=[job], schedules=[daily])
