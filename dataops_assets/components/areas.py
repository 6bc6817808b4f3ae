"""Ad-hoc areas in Dagster: a partition for each that is in use, the query that fills it, and what has areas end.

Looking and doing are two: the sensor `expiry` looks, and asks for the job `expire_areas`, which may be retried, and goes on
where another run was interrupted. Not here: how a query is run (`areas`), when an area is due and how it ends (`lifecycle`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from dataops_assets.areas import keeping
from dataops_assets.areas.query import Asked, answer
from dataops_assets.components.dagster_private import checked_partitions
from dataops_assets.components.keys import ADHOC
from dataops_assets.components.launch import UNFINISHED
from dataops_assets.components.reports import latest_of, retried_only_if_transient
from dataops_assets.components.resource import LakeResource
from dataops_assets.gate.verdict import digest
from dataops_assets.lifecycle.area import Area
from dataops_assets.lifecycle.expiry import Expiry, Taken
from dataops_assets.lifecycle.made import RESULT, Made
from dataops_assets.lifecycle.making import new_area
from dataops_assets.lifecycle.outlook import Outlook
from dataops_assets.lifecycle.plan import Terms, ahead
from dataops_assets.lifecycle.registry import Seen
from dataops_assets.lifecycle.telling import last_words
from dataops_assets.storage.folder import Held

PARTITIONS = dg.DynamicPartitionsDefinition(name="adhoc")
_CHECK = dg.AssetCheckKey(ADHOC, "in_use")
_RETRY = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
_EVERY_SECONDS = 60
_TICK = "dagster/partition"


def area_definitions() -> dg.Definitions:
    """The asset of the ad-hoc areas, its check, the jobs and the sensor; for deployments that look after areas."""
    return dg.Definitions(assets=[_adhoc], asset_checks=[_in_use], jobs=[_new_job(), _expire_job()], sensors=[expiry_sensor()])


def _now() -> datetime:
    return datetime.now(UTC)


def _expiry(lake: LakeResource, instance: dg.DagsterInstance) -> Expiry:
    def alive(area: Area) -> str:
        runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED, tags={_TICK: area.name})) if area.kind == "adhoc" else ()
        ours = (run.run_id for run in runs if ADHOC in (run.asset_selection or ()))
        run_id = next(ours, "")
        return run_id and f"run {run_id} works in it"

    return keeping.expiry(lake.here, lake.lake().catalog.policy, _now, alive)


class Query(dg.Config):
    """A query: one SELECT of DuckDB's SQL. Each dataset is a table of its name, as `flights`, or `staged.flights`."""

    # Not required, or whoever launches other assets with this one among them would have to write one.
    sql: str = Field(default="", description="One SELECT; each dataset is a table of its name.")


@dg.asset(
    key=ADHOC,
    partitions_def=PARTITIONS,
    description="The result of a query in an ad-hoc area, over what the area's reader group may read, for that group alone.\n\n"
    "Launch a partition, which is an area, with the query as `sql`; the job `new_adhoc_area` makes one.",
    group_name="adhoc",
    kinds={"parquet", "duckdb"},
    metadata={
        "keep_until": "an area lasts as long as it is used",
        "readers": "the group of each area",
        "classification": "the most confidential of what was read",
    },
    retry_policy=_RETRY,
)
def _adhoc(context: dg.AssetExecutionContext, config: Query, lake: dg.ResourceParam[LakeResource]) -> dg.MaterializeResult[Any]:
    with retried_only_if_transient():
        who, name = keeping.who(lake.here), context.partition_key
        asked = Asked(name, config.sql, who, context.run.run_id)
        made = answer(lake.lake(), keeping.registry(lake.here), asked, _now)
        expiry = _expiry(lake, context.instance)
        return dg.MaterializeResult(metadata=_told(expiry, made), data_version=dg.DataVersion(made.sha256))


def _told(expiry: Expiry, made: Made) -> dict[str, Any]:
    seen = expiry.registry.read("adhoc", made.area)
    versions = [
        dg.TableRecord({"dataset": name, "partition": partition, "sha256": sha256})
        for name, read in made.inputs.items()
        for partition, sha256 in read.items()
    ]
    return {
        "dagster/row_count": made.rows,
        "bytes": made.bytes,
        "sql": dg.MetadataValue.md(f"```sql\n{made.sql}\n```"),
        "inputs": dg.MetadataValue.table(versions) if versions else "nothing that is published here",
        "readers": made.readers,
        "classification": made.classification,
        "path": dg.MetadataValue.path(expiry.registry.store.address(f"adhoc/{made.area}/{RESULT}")),
        "ends": ahead(seen.area, seen.at, expiry.terms["adhoc"]) if seen else "",
    }


_IN_USE = dg.AssetCheckSpec(
    name=_CHECK.name,
    asset=ADHOC,
    partitions_def=PARTITIONS,
    description="The area is used, or else its owner knows when it goes.",
)


@dg.multi_asset_check(specs=[_IN_USE])
def _in_use(context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[LakeResource]) -> Iterator[dg.AssetCheckResult]:
    expiry = _expiry(lake, context.instance)
    seen = expiry.look("adhoc", context.partition_key)
    yield dg.AssetCheckResult(**_evaluation(seen, expiry.terms["adhoc"]))


def _evaluation(seen: Seen | str, terms: Terms) -> dict[str, Any]:
    if not isinstance(seen, Seen):
        return {"passed": False, "severity": dg.AssetCheckSeverity.WARN, "description": f"it is not known whose it is: {seen}"}
    area = seen.area
    if area.stage == "marked":
        goes_at = (area.told_at or area.since) + terms.notice
        return {"passed": False, "severity": dg.AssetCheckSeverity.WARN, "description": last_words(area, goes_at)}
    told = f"{area.path} is {area.stands}; {ahead(area, seen.at, terms)}"
    return {"passed": area.stage == "living", "severity": dg.AssetCheckSeverity.WARN, "description": told}


class NewArea(dg.Config):
    """A new ad-hoc area: its name, the team that answers for it, the reader group whose rights it has; and if it is to be kept
    until the end of a day, used or not, that day (2026-12-31), and why.
    """

    name: str
    owner: str
    group: str
    keep_until: str | None = None
    why: str = ""


@dg.op(name="new_area", description="Makes the record of an ad-hoc area, and its partition.")
def _new(context: dg.OpExecutionContext, config: NewArea, lake: dg.ResourceParam[LakeResource]) -> None:
    with retried_only_if_transient():
        until = _end_of(config.keep_until) if config.keep_until else None
        here, policy = lake.here, lake.lake().catalog.policy
        who = keeping.who(here)
        made = new_area(keeping.registry(here), policy, config.name, config.owner, config.group, _now(), who, until, config.why)
        context.instance.add_dynamic_partitions("adhoc", [made.name])
        context.log.info(f"{made.path} is there: launch that partition of the asset adhoc with a query")


def _end_of(day: str) -> datetime:
    """The end of a day.

    Raises:
        dg.Failure: It is no day.
    """
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1, seconds=-1)
    except ValueError:
        told = f"keep_until: {day!r} does not match the format '%Y-%m-%d': write a day as 2026-12-31"
        raise dg.Failure(told, allow_retries=False) from None


def _new_job() -> dg.JobDefinition:
    @dg.job(name="new_adhoc_area", description="Makes an ad-hoc area: whose it is, and whose rights it has.")
    def job() -> None:
        _new()

    return job


@dg.op(name="expire", retry_policy=_RETRY, description="Takes every step that is due in the life of an area.")
def _expire(context: dg.OpExecutionContext, lake: dg.ResourceParam[LakeResource]) -> None:
    act = lake.here.expires
    steps: list[Taken] = []
    with retried_only_if_transient():
        expiry = _expiry(lake, context.instance)
        try:
            for taken in expiry.run(_now, act):
                steps.append(taken)
                became = f"→ {taken.to}" if taken.to else "stays"
                context.log.info(f"{taken.path} of {taken.owner or 'nobody known'} {became}: {taken.why}")
        except Held as error:
            raise dg.Failure(f"{error}: areas are being ended already", allow_retries=True) from error
        if act:
            _tell_check(context, expiry, steps)
    if not act:
        context.log.info("nothing was changed: with DATAOPS_EXPIRY=on, it is done")
    records = [
        dg.TableRecord({"area": one.path, "owner": one.owner, "to": one.to or "stays", "why": one.why, "objects": one.objects})
        for one in steps
    ]
    context.add_output_metadata(
        {"acted": act, "due": len(records), **({"steps": dg.MetadataValue.table(records)} if records else {})}
    )


def _tell_check(context: dg.OpExecutionContext, expiry: Expiry, steps: list[Taken]) -> None:
    """Tell the check of each area that was marked, or is in use again. Dagster stores but one evaluation without a run."""
    changed = {one.path.partition("/")[2] for one in steps if one.to in ("marked", "living") and one.path.startswith("adhoc/")}
    red = (name for name, passed in checked_partitions(context.instance, _CHECK).items() if name and not passed)
    names = sorted(changed | set(red))
    latest = latest_of(context.instance, ADHOC, names) if names else {}
    for name in names:
        seen = expiry.look("adhoc", name)
        if isinstance(seen, Seen) and seen.area.stage in ("marked", "living"):
            said = {"metadata": {}, **_evaluation(seen, expiry.terms["adhoc"])}
            made = latest.get(name)
            evaluation = dg.AssetCheckEvaluation(ADHOC, _CHECK.name, partition=name, target_materialization_data=made, **said)
            context.log_event(evaluation)  # type: ignore[arg-type]  # as that of an asset takes it


def _expire_job() -> dg.JobDefinition:
    @dg.job(name="expire_areas", description="Has unused areas marked, moved to the trash and removed, each when it is due.")
    def job() -> None:
        _expire()

    return job


def expiry_sensor() -> dg.SensorDefinition:
    """The sensor that looks at all areas: what is due is asked for, and Dagster knows of those that are in use.

    What it has seen it keeps as long as its process lives.
    """
    kept: dict[str, Outlook] = {}

    @dg.sensor(
        name="expiry",
        job_name="expire_areas",
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks which areas are due, and has them ended; keeps the partitions of `adhoc` equal to the areas in use.",
    )
    def sensor(context: dg.SensorEvaluationContext, lake: dg.ResourceParam[LakeResource]) -> dg.SensorResult:
        now, instance = _now(), context.instance
        expiry = _expiry(lake, instance)
        outlook = kept.setdefault("outlook", Outlook(expiry))
        outlook.expiry = expiry
        due = outlook.due(now)
        requests = _requests(instance, outlook, due, now)
        changes = list(_partitions(instance, outlook))
        idle = None if requests or changes else (f"{len(due):,} areas are due, and looked after" if due else "no area is due")
        return dg.SensorResult(requests, skip_reason=idle, dynamic_partitions_requests=changes)

    return sensor


def _requests(instance: dg.DagsterInstance, outlook: Outlook, due: list[str], now: datetime) -> list[dg.RunRequest]:
    """One run at a time; for what is due and stays so, one every six hours."""
    if not due or instance.get_runs(dg.RunsFilter(job_name="expire_areas", statuses=UNFINISHED), limit=1):
        return []
    states = [
        [path, seen.area.stage, seen.area.since.isoformat()] if isinstance(seen := outlook.seen[path], Seen) else [path, seen]
        for path in sorted(due)
    ]
    return [dg.RunRequest(run_key=f"expire {now.date()} {now.hour // 6} {digest(states)[:16]}")]


_Change = dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest


def _partitions(instance: dg.DagsterInstance, outlook: Outlook) -> Iterator[_Change]:
    """What makes the partitions equal to the areas in use; of what was not looked at yet, the partition stays."""
    there = set(instance.get_dynamic_partitions("adhoc"))
    in_use = outlook.names("adhoc", "living", "marked", "closed")
    seen = {path.removeprefix("adhoc/"): found for path, found in outlook.seen.items() if path.startswith("adhoc/")}
    known = set(seen)
    listed = known | set(outlook.expiry.registry.names("adhoc")) if there - known else known
    if new := sorted(in_use - there):
        yield PARTITIONS.build_add_request(new)
    unreadable = {name for name, found in seen.items() if not isinstance(found, Seen)}
    if retired := sorted(there - in_use - unreadable - (listed - known)):
        yield PARTITIONS.build_delete_request(retired)
