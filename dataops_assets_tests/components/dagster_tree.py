"""A tree of contracts as a Dagster code location, with an instance of its own."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg

from dataops_assets.components import automation
from dataops_assets.definitions import build
from dataops_assets.deployment import Deployment
from dataops_assets_tests.trees import STATIONS, Tree, readings

RECORDS = {"module": "dataops_assets.instance", "class": "Records"}
# What a step prints, Dagster follows by four processes of its own, which takes longer than most steps.
NOTHING_PRINTED = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
JANUARY = [f"2024-01-{day:02}" for day in range(1, 21)]
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def recording_in(home: Path) -> dg.DagsterInstance:
    """An instance that keeps its records as that of a laptop does, and nothing of what steps print."""
    storage = {"custom": {**RECORDS, "config": {"base_dir": str(home)}}}
    return dg.DagsterInstance.local_temp(str(home), overrides={"storage": storage, "compute_logs": NOTHING_PRINTED})


@dataclass
class Location:
    """A code location over a tree.

    Attributes:
        tree: Its contracts and its store.
        instance: Where its runs are recorded.
        deployed: Where it reads and writes; else in the folder of the tree.
    """

    tree: Tree
    instance: dg.DagsterInstance
    deployed: Deployment | None = None
    cursor: Any = field(default=None, repr=False)

    @property
    def defs(self) -> dg.Definitions:
        return build(self.tree.defs, self.deployed or Deployment("local", str(self.tree.root / "data")))

    def deliver_all(self, bad: Iterable[str] = ()) -> None:
        """Stations, and every day of readings; a bad day is rejected whole."""
        self.tree.drop("stations", "stations.csv", STATIONS)
        for day in JANUARY:
            self.deliver(day, bad=day in bad)

    def deliver(self, day: str, bad: bool = False, warmth: float = 0) -> None:
        changes = [{"temperature": 999}] * 4 if bad else [{"temperature": warmth}]
        self.tree.drop("readings", f"{day}.csv", readings(day, *changes))

    def run(self, *assets: str, partition: str | None = None, over: tuple[str, str] | None = None) -> dg.ExecuteInProcessResult:
        """Run assets by hand, as the UI would: one partition, or a range of them."""
        tags = {RANGE_START: over[0], RANGE_END: over[1]} if over else {}
        return self.defs.resolve_job_def("__ASSET_JOB").execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(asset.split("/")) for asset in assets],
            partition_key=partition,
            tags=tags,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )

    def references(self) -> None:
        """Receive and stage what everything refers to."""
        assert self.run("raw/stations", "staged/stations").success

    def versions(self, asset: str) -> dict[str, str]:
        """The data version of every materialized partition, as Dagster knows it."""
        records = self.instance.fetch_materializations(dg.AssetKey(asset.split("/")), limit=1000, ascending=True).records
        return {str(record.partition_key): str(record.asset_materialization.tags["dagster/data_version"]) for record in records}

    def requested(self) -> dict[str, set[str | None]]:
        """One tick of the automation: the partitions that it asks for, by asset."""
        result = dg.evaluate_automation_conditions(self.defs, instance=self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        found: dict[str, set[str | None]] = {}
        for asset in self.defs.resolve_all_asset_keys():
            keys = result.get_requested_partitions(asset)
            if keys:
                found["/".join(asset.path)] = keys
        return found


def newest(here: Location, asset: str) -> Any:
    """The metadata of an asset's latest materialization."""
    event = here.instance.get_latest_materialization_event(dg.AssetKey(asset.split("/")))
    assert event
    assert event.asset_materialization
    return event.asset_materialization.metadata


def requests(here: Location, name: str = "deliveries", since_runs_seconds: float = 3600) -> list[dg.RunRequest]:
    """One tick of a sensor, so long after all runs have ended."""
    resources = {"lake": (here.defs.resources or {})["lake"]}
    left = max(0, automation.LEFT_TO_FOLLOW_SECONDS - since_runs_seconds)
    asked = dg.build_sensor_context(instance=here.instance, definitions=here.defs, resources=resources)
    with mock.patch.object(automation, "LEFT_TO_FOLLOW_SECONDS", left), asked as context:
        found = here.defs.resolve_sensor_def(name)(context)
        return [item for item in found if isinstance(item, dg.RunRequest)]


def failures(result: dg.ExecuteInProcessResult) -> str:
    """What failed steps said, one below the other."""
    events = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    told = []
    for event in events:
        data = event.step_failure_data
        told.append((data.user_failure_data.description if data.user_failure_data else None) or data.error_display_string)
    return "\n".join(told)


def location(path: Path, instance: dg.DagsterInstance) -> Location:
    """A code location over the good tree."""
    return Location(Tree(path), instance)
