"""Once a day, what was left behind is removed; in prod, which removes nothing, it is counted.

Not here: what counts as left behind (`storage.leftovers`).
"""

from datetime import UTC, datetime

import dagster as dg

from dataops_assets.components.resource import LakeResource
from dataops_assets.storage.leftovers import sweep

_EVERY_SECONDS = 3600


@dg.op(
    name="sweep",
    description="Removes half-written files, uploads without an end, records of what was never published or is gone for long.",
)
def _sweep(context: dg.OpExecutionContext, lake: dg.ResourceParam[LakeResource]) -> None:
    found = sweep(lake.lake(), datetime.now(UTC), remove=lake.removes)
    what = "removed" if lake.removes else "counted, as prod removes nothing"
    context.log.info(f"{found}: {what}")
    counts = {
        "interrupted_writes": found.unfinished,
        "orphaned_records": len(found.orphans),
        "outlived_records": len(found.outlived),
    }
    context.add_output_metadata(counts)


def sweeping() -> dg.Definitions:
    """The job, and the sensor that asks for it."""

    @dg.job(name="sweep_leftovers", description=__doc__.partition("\n")[0])
    def job() -> None:
        _sweep()

    # No schedule: on a laptop, nobody is there at a certain hour.
    @dg.sensor(
        name="sweep",
        job_name="sweep_leftovers",  # not the job: Dagster would copy the sensor, and warn of doing so
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Has what was left behind removed, on every day on which the daemon runs at all.",
    )
    def sensor() -> dg.RunRequest:
        return dg.RunRequest(run_key=f"sweep {datetime.now(UTC).date()}")

    return dg.Definitions(jobs=[job], sensors=[sensor])
