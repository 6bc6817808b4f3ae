"""Erasure as Dagster knows it: a job that carries requests out, and what its own records tell of somebody.

A record of a run shows the offending rows of a check, with their keys; one of `adhoc` was begun with a query. These texts are
rewritten in place: to delete the records would make partitions that are published look as if they were missing.

Not here: what is left elsewhere, and what is done about it (`steps.traces`, `steps.erasing`).
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import dagster as dg

from dataops_assets.components.keys import ADHOC
from dataops_assets.components.resource import LakeResource
from dataops_assets.contract import Erasure
from dataops_assets.erasure import CannotTell, Subject, subject_of
from dataops_assets.steps.trace import Trace, affected
from dataops_assets.storage.errors import Lost
from dataops_assets.storage.lake import Lake


def in_records(instance: dg.DagsterInstance, lake: Lake, request: Erasure, mask: bool = False) -> Iterator[Trace]:
    """The runs whose records, config or tags name the person whom a request is about.

    Args:
        instance: Where they are kept.
        lake: Its contracts, and the key.
        request: The request.
        mask: Whether what names them is taken out.

    Raises:
        CannotTell: The key of its hashes is not known here.
    """
    from dataops_assets.components.dagster_private_records import rewrite_launch, rewrite_records, runs_about

    dataset = lake.catalog[request.attributes.dataset]
    subject = subject_of(request, dataset, lake.erasure_key)
    if subject is None:
        return
    zones = ("landing", "raw", "staged", "quarantine", "curated", "corrections")
    keys = [dg.AssetKey([zone, one.name]) for one in affected(lake, dataset) for zone in zones]
    for run in runs_about(instance, [*keys, ADHOC]):
        found = rewrite_records(instance, run, partial(_masked, subject), mask)
        found += rewrite_launch(instance, run, partial(_masked, subject), mask)
        if found:
            yield Trace("record", f"Dagster, run {run}", f"{found:,} records name them", dataset=dataset)


def _masked(subject: Subject, text: str) -> str:
    """The text of a record without what names somebody; as it is, if nothing does."""

    def masked(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: masked(one) for name, one in value.items()}
        if isinstance(value, list):
            return [masked(one) for one in value]
        return subject.masked(value) if isinstance(value, str) else value

    said = json.loads(text)
    after = masked(said)
    return text if after == said else json.dumps(after)


@dg.op(
    name="erase_requests",
    config_schema={"request": dg.Field(str, is_required=False, description="The name of one request; without it, all.")},
    description="Redacts what requests in defs/erasures.yaml are about, and takes away what nothing is made from any more.",
)
def _erase(context: dg.OpExecutionContext, lake: dg.ResourceParam[LakeResource]) -> None:
    zones, now = lake.lake(), datetime.now(UTC)
    name = context.op_config.get("request")
    if name and name not in {one.name for one in zones.catalog.erasures}:
        raise dg.Failure(f"there is no erasure request `{name}` in defs/erasures.yaml", allow_retries=False)
    for request in zones.catalog.erasures:
        if name in (None, request.name):
            try:
                left = _act(context.instance, zones, request, lake, now)
            except CannotTell as error:
                raise dg.Failure(str(error), allow_retries=False) from error
            except Lost as error:
                raise dg.Failure(f"another process redacts {error}") from error
            context.log.info(f"{request.name}: {left:,} are left; `dataops erase status {request.name}` tells which")
            context.add_output_metadata({request.name: left})


def _act(instance: dg.DagsterInstance, zones: Lake, request: Erasure, lake: LakeResource, now: datetime) -> int:
    """Do what can be done by now; what must be made again first is asked for by the automation, and the next run goes on."""
    # Imported here: only a run of this job looks for traces.
    from dataops_assets.steps import erasing
    from dataops_assets.steps.traces import traces

    def left() -> list[Trace]:
        return [*traces(zones, request, now, lake.defs), *in_records(instance, zones, request)]

    erasing.redact(zones, request, left(), now)
    erasing.clean(zones, request, left(), lake.removes, now)
    for _ in in_records(instance, zones, request, mask=True):
        pass
    found = left()
    erasing.prove(zones, request, found, now)
    return len(found)


def erasure_job() -> dg.Definitions:
    """The job, to be launched from the UI."""

    @dg.job(name="erase", description="Carries out erasure requests. Launched again, once all is made again, it ends them.")
    def job() -> None:
        _erase()

    return dg.Definitions(jobs=[job])
