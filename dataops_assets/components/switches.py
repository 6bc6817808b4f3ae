"""Which switches of the instance stand otherwise than the code says: sensors, schedules, and limits of pools.

Somebody may switch a sensor off in the UI, for an hour, and forget it: nothing runs, and nothing fails. In prod a job looks
every night, and fails if anything differs, as nobody is there who would ask. Not here: who may switch (`policy.webserver`), and
the verb (`cli.drifting`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import dagster as dg

from dataops_assets.components.dagster_private import Switch, as_declared, last_tick, limits_by_hand, switched_by_hand
from dataops_assets.contract.policy import Owner

CODE_LOCATION = "dataops_assets"
"""As workspace.yaml names this one."""
WAY_BACK = "way back: `dataops drift --undo` lets the code decide again; what is to stay as it is belongs into the code"
_NIGHTLY = "47 2 * * *"


@dataclass(frozen=True)
class Difference:
    """A switch that stands otherwise than the code says.

    Attributes:
        what: As `sensor follow` or `pool db`.
        stands: How it stands.
        declared: How the code says.
        owners: Whom the code names for it; nobody, if it is of the platform.
        undo: Puts it back.
        ticked: Of what is off, when it ticked last: it was switched off since. None if that is not known.
    """

    what: str
    stands: str
    declared: str
    owners: tuple[str, ...]
    undo: Callable[[], object] = field(repr=False, compare=False)
    ticked: datetime | None = None

    def told(self, owners: Mapping[str, Owner]) -> Iterator[str]:
        """What people are told of it, line by line.

        Args:
            owners: All of them, by name.
        """
        yield f"{self.what}: is {self.stands}, and the code says {self.declared}"
        if self.ticked:
            yield f"    since: after {self.ticked:%Y-%m-%d %H:%M} UTC, its last tick; by whom, Dagster does not record"
        else:
            yield "    since: not known, nor by whom: Dagster does not record it"
        for name in self.owners or tuple(owners):
            owner = owners.get(name.removeprefix("team:"))
            yield f"    owner: {name}{f', {owner.contact}' if owner else ''}"


def differences(instance: dg.DagsterInstance, definitions: dg.Definitions, location: str = CODE_LOCATION) -> list[Difference]:
    """What stands otherwise than the code says; of other code locations nothing is looked at.

    Args:
        instance: Whose switches.
        definitions: The code.
        location: The name of its code location.
    """
    return [*_switched(instance, definitions, location), *_limited(instance, definitions)]


def _switched(instance: dg.DagsterInstance, definitions: dg.Definitions, location: str) -> Iterator[Difference]:
    repository = definitions.get_repository_def()
    sensors = {sensor.name: sensor for sensor in repository.sensor_defs}
    schedules = {schedule.name: schedule for schedule in repository.schedule_defs}
    for switch in sorted(switched_by_hand(instance, location), key=lambda one: one.name):
        if sensor := sensors.get(switch.name):
            on = sensor.default_status == dg.DefaultSensorStatus.RUNNING
            yield from _if_other(instance, "sensor", switch, on, sensor.owners)
        elif schedule := schedules.get(switch.name):
            on = schedule.default_status == dg.DefaultScheduleStatus.RUNNING
            yield from _if_other(instance, "schedule", switch, on, schedule.owners)


def _if_other(
    instance: dg.DagsterInstance, kind: str, switch: Switch, declared: bool, owners: Sequence[str] | None
) -> Iterator[Difference]:
    if switch.on != declared:
        words = {True: "on", False: "off"}
        yield Difference(
            f"{kind} {switch.name}",
            words[switch.on],
            words[declared],
            tuple(owners or ()),
            lambda: as_declared(instance, switch),
            None if switch.on else last_tick(instance, switch),
        )


def _limited(instance: dg.DagsterInstance, definitions: dg.Definitions) -> Iterator[Difference]:
    """Limits that were set by hand on pools that steps of ours are in: the code says none but that of dagster.yaml."""
    by_hand = limits_by_hand(instance)
    ours = _pools(definitions) if by_hand else set()
    for pool, limit in sorted(by_hand.items()):
        if pool in ours:
            yield Difference(
                f"pool {pool}",
                f"at most {limit:,} at once",
                "as dagster.yaml says for every pool",
                (),
                lambda pool=pool: instance.event_log_storage.delete_concurrency_limit(pool),  # type: ignore[misc]
            )


def _pools(definitions: dg.Definitions) -> set[str]:
    nodes = (node for job in definitions.get_repository_def().get_all_jobs() for node in job.all_node_defs)
    return {pool for node in nodes if isinstance(node, dg.OpDefinition) for pool in node.pools}


def nightly(definitions: dg.Definitions, owners: Mapping[str, Owner]) -> dg.Definitions:
    """The job that looks, and the schedule that starts it every night.

    Args:
        definitions: The code, all but this.
        owners: All of them, by name.
    """

    @dg.op(name="look_at_switches", description="Fails if a sensor, a schedule or the limit of a pool was switched by hand.")
    def look(context: dg.OpExecutionContext) -> None:
        origin = context.run.remote_job_origin
        location = origin.repository_origin.code_location_origin.location_name if origin else CODE_LOCATION
        _refuse(differences(context.instance, definitions, location), owners)
        context.log.info("sensors, schedules and limits of pools stand as the code says")

    @dg.job(
        name="look_for_drift",
        description="Every night in prod: fails if the instance is switched otherwise than the code says.",
    )
    def job() -> None:
        look()

    schedule = dg.ScheduleDefinition(
        name="drift",
        job=job,
        cron_schedule=_NIGHTLY,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Has the switches of the instance compared with the code.",
    )
    return dg.Definitions(jobs=[job], schedules=[schedule])


def _refuse(found: Iterable[Difference], owners: Mapping[str, Owner]) -> None:
    if lines := [line for one in found for line in one.told(owners)]:
        raise dg.Failure("\n".join([*lines, WAY_BACK]), allow_retries=False)
