"""Which switches of the instance stand otherwise than the code says: sensors, schedules, and limits of pools.

Somebody may switch a sensor off in the UI, for an hour, and forget it: nothing runs, and nothing fails. Not here: who may
(`policy.webserver`), and how it is told (`cli.drifting`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import dagster as dg

from dataops_assets.components.dagster_private import Switch, as_declared, limits_by_hand, switched_by_hand

CODE_LOCATION = "dataops_assets"
"""As workspace.yaml names this one."""


@dataclass(frozen=True)
class Difference:
    """A switch that stands otherwise than the code says.

    Attributes:
        what: As `sensor follow` or `pool db`.
        stands: How it stands.
        declared: How the code says.
        owners: Whom the code names for it; nobody, if it is of the platform.
        undo: Puts it back.
    """

    what: str
    stands: str
    declared: str
    owners: tuple[str, ...]
    undo: Callable[[], object] = field(repr=False, compare=False)


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
