"""How an outcome is told to Dagster: materializations, check evaluations, and the end of a run.

Events are the dearest thing in Dagster, so there is one materialization and one evaluation for each partition, no more.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from dataops_assets.components.charts import unusual_metadata
from dataops_assets.components.dagster_private import TargetMaterialization
from dataops_assets.components.keys import asset_key, corrections_key
from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.gate.verdict import EFFECTS, AppliedCorrection, RuleResult, Verdict
from dataops_assets.steps.outcome import Outcome
from dataops_assets.storage.errors import in_words, is_lasting

_DATA_VERSION, _READ_VERSION = "dagster/data_version", "dagster/input_data_version/"
_PARTITION = "dagster/partition"
_SHOWN = 20
_TOLD = 1000
"""Of partitions that have no verdict, those whose reasons a run tells `dataops run`, which counts them."""
REFUSED, UNJUDGED = "refused", "unjudged"
"""On the failure of a step: how many partitions have a verdict that tells why, and the reasons that none tells."""


def tell_landing(context: dg.AssetExecutionContext, dataset: Dataset, outcomes: Sequence[Outcome]) -> None:
    """Report what the provider dropped: one event for all that a run took from landing."""
    received = [outcome.facts for outcome in outcomes if outcome.arrived]
    if received:
        metadata = {"deliveries": len(received), "bytes": sum(facts["bytes"] for facts in received)}
        context.log_event(dg.AssetMaterialization(asset_key("landing", dataset), metadata=metadata))


def tell_quarantine(context: dg.AssetExecutionContext, dataset: Dataset, outcomes: Sequence[Outcome]) -> None:
    """Report quarantine, which no step of its own makes: one event for all that a run has judged."""
    judged = [outcome for outcome in outcomes if outcome.verdict]
    if not judged:
        return
    rejected = [outcome for outcome in judged if outcome.quarantined]
    metadata: dict[str, Any] = {"rejected_rows": sum(outcome.quarantined for outcome in rejected), "judged": len(judged)}
    if rejected:
        metadata["where"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {"partition": outcome.partition or "", "rows": outcome.quarantined, "file": outcome.facts["quarantine"]}
                )
                for outcome in rejected[:_SHOWN]
            ]
        )
    context.log_event(dg.AssetMaterialization(asset_key("quarantine", dataset), metadata=metadata))


def tell_corrections(context: dg.AssetExecutionContext, dataset: Dataset, outcomes: Sequence[Outcome]) -> None:
    """Report what was corrected, which no step of its own does: one event for each published partition that has corrections.

    Its data version is the hash of the entries, so that the page of the asset shows which partitions an edit has touched.
    """
    for outcome in outcomes:
        verdict = outcome.verdict
        if outcome.status != "done" or verdict is None or not verdict.corrections:
            continue
        table = dg.MetadataValue.table([dg.TableRecord(_row(correction)) for correction in verdict.corrections[:_SHOWN]])
        metadata: dict[str, Any] = {"corrections": len(verdict.corrections), "entries": table, **_corrected(verdict)}
        tags = {_DATA_VERSION: verdict.depends_on["corrections"]}
        key = corrections_key(dataset)
        context.log_event(dg.AssetMaterialization(key, partition=outcome.partition, metadata=metadata, tags=tags))


def _row(correction: AppliedCorrection) -> dict[str, str | int]:
    return {
        "what": correction.what,
        "rows": correction.rows,
        "reason": correction.reason,
        "requested by": correction.requested_by,
        "reference": correction.reference,
        "id": correction.id,
    }


def _corrected(verdict: Verdict) -> dict[str, int]:
    counts = verdict.rows.model_dump() if verdict.rows else {}
    return {f"{name}_rows": counts[name] for name in ("corrected", "added", "dropped") if counts.get(name)}


def emit(
    context: dg.AssetExecutionContext, dataset: Dataset, zone: Zone, check: str, outcomes: Sequence[Outcome]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult | dg.Output[None]]:
    """Report what a step did.

    A good run of one partition yields results, so that later steps of the same run go on. Otherwise each event is logged for
    itself: over a range an `Output` would materialize every partition, refused ones too, with one shared data version; and
    the result of a check on a partition that was not materialized again would not count as its newest.

    Raises:
        dg.Failure: A partition was refused or absent; it names them, and is not retried.
    """
    key = asset_key(zone, dataset)
    failed = [outcome for outcome in outcomes if outcome.status != "done"]
    # Of a range of one, too: a result that is yielded there has no partition.
    over_range = len(outcomes) > 1 or (any(outcome.partition for outcome in outcomes) and _PARTITION not in context.run.tags)
    if failed or over_range:
        _log(context, key, check, outcomes)
    if failed:
        unjudged = [outcome.reason for outcome in failed if outcome.verdict is None]
        told: dict[str, Any] = {REFUSED: len(failed) - len(unjudged)}
        if unjudged:
            told[UNJUDGED] = "\n".join(unjudged[:_TOLD])
        raise dg.Failure(_summary(dataset, outcomes, failed), metadata=told, allow_retries=False)
    if over_range:
        yield dg.Output(None, output_name=f"{'__'.join(key.path)}_{check}")
        return
    for outcome in outcomes:
        assert outcome.version
        assert outcome.verdict
        version = dg.DataVersion(outcome.version)
        # Dagster looked at what goes into a step before it began; that there are other corrections was told by the step itself.
        read = outcome.verdict.depends_on.get("corrections") if zone == "staged" else None
        tags = {_READ_VERSION + corrections_key(dataset).to_user_string(): read} if read else {}
        yield dg.MaterializeResult(asset_key=key, metadata=_metadata(outcome), data_version=version, tags=tags)
        yield dg.AssetCheckResult(asset_key=key, check_name=check, **_evaluation(outcome.verdict, outcome))


@contextmanager
def retried_only_if_transient() -> Iterator[None]:
    """Let Dagster retry what may pass by itself (storage, network), and nothing else.

    The same rows break the same rule again, a full disk stays full, and who interrupts a run does not want it again.

    Raises:
        dg.Failure: In place of any other exception, in words.
    """
    try:
        yield
    except dg.Failure:
        raise
    except OSError as error:
        raise dg.Failure(in_words(error), allow_retries=not is_lasting(error)) from error
    except dg.DagsterExecutionInterruptedError as error:
        raise dg.Failure("interrupted", allow_retries=False) from error
    except Exception as error:
        raise dg.Failure(f"{type(error).__name__}: {error}", allow_retries=False) from error


def _log(context: dg.AssetExecutionContext, key: dg.AssetKey, check: str, outcomes: Sequence[Outcome]) -> None:
    """Log the events of partitions, and tie each evaluation to the materialization it judges, or to the one that stays.

    Without that tie an evaluation never counts as current, and automation waits for it for ever.
    """
    staying = [outcome.partition for outcome in outcomes if outcome.stays]
    known = known_versions(context.instance, key, staying) if staying else {}
    for outcome in outcomes:
        untold = outcome.stays if known.get(outcome.partition) != outcome.stays else None
        version = outcome.version or untold
        if version:
            metadata = _metadata(outcome) if outcome.version else {"note": "published before; this run published nothing newer"}
            tags = {_DATA_VERSION: version}
            context.log_event(dg.AssetMaterialization(key, partition=outcome.partition, metadata=metadata, tags=tags))
    judged = {outcome.partition: outcome for outcome in outcomes if outcome.verdict or outcome.stands}
    latest = latest_of(context.instance, key, judged)
    for partition, outcome in judged.items():
        verdict = outcome.verdict or outcome.stands
        assert verdict
        context.log_event(
            dg.AssetCheckEvaluation(
                asset_key=key,
                check_name=check,
                partition=partition,
                target_materialization_data=latest.get(partition),
                blocking=True,
                **_evaluation(verdict, outcome),
            )
        )


def latest_of(
    instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Collection[Partition]
) -> dict[Partition, TargetMaterialization]:
    """The newest materialization of each partition, for an evaluation that judges it."""
    return {
        record.partition_key: TargetMaterialization(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
        for record in newest_materializations(instance, key, partitions)
    }


def newest_materializations(
    instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Collection[Partition]
) -> Sequence[dg.EventLogRecord]:
    """The newest materialization of each partition, in two queries however many there are."""
    if None in partitions:
        return instance.fetch_materializations(key, limit=1).records
    wanted = {str(partition) for partition in partitions}
    stored = instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION, wanted)
    if not stored:
        return []
    chosen = dg.AssetRecordsFilter(asset_key=key, storage_ids=list(stored.values()))
    return instance.fetch_materializations(chosen, limit=len(stored)).records


def known_versions(instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Collection[Partition]) -> dict[Partition, str]:
    """The data version of each partition, as far as Dagster was told."""
    found = {}
    for record in newest_materializations(instance, key, partitions):
        event = record.asset_materialization
        found[record.partition_key] = (event.tags or {}).get(_DATA_VERSION, "") if event else ""
    return found


def _metadata(outcome: Outcome) -> dict[str, Any]:
    facts = {name: value for name, value in outcome.facts.items() if value not in (None, "")}
    facts |= {f"nulls/{column}": count for column, count in facts.pop("nulls", {}).items()}
    if "rows" in facts:
        facts["dagster/row_count"] = facts.pop("rows")
    return {name: dg.MetadataValue.path(value) if name in ("path", "quarantine") else value for name, value in facts.items()}


def _evaluation(verdict: Verdict, outcome: Outcome) -> dict[str, Any]:
    """A verdict as the arguments of a check evaluation.

    Dagster keeps metadata in the order of their names, and its page shows them so: first what is wrong, then
    where it lies, and last the dozens of rules that hold.

    A warning is told in words: an evaluation that did not pass, of whatever severity, would hold back automation.
    """
    warned = [result.rule for result in verdict.warnings]
    words = "passed" if verdict.passed else f"refused: {verdict.why}"
    words += f" with warnings: {', '.join(warned)}" if verdict.passed and warned else ""
    if verdict.passed and verdict.rows and verdict.rows.rejected:
        words += f"; {verdict.rows.rejected:,} of {verdict.rows.published + verdict.rows.rejected:,} rows rejected"
    words += f"; accepted: {verdict.accepted}" if verdict.accepted else ""
    ordered = _worst_first(verdict.rules)
    held = [result for result in ordered if result.effect == "passed"]
    broken = ordered[: len(ordered) - len(held)]
    metadata: dict[str, Any] = {"broken_rules": _rule_table(broken)} if broken else {}
    offenders = [row for result in broken for row in _offenders(verdict, result)]
    if offenders:
        metadata["offending_rows"] = dg.MetadataValue.table(offenders[:_SHOWN])
    if verdict.rows:
        counts = verdict.rows.model_dump()
        if verdict.gate == "envelope":
            del counts["published"]  # which rows are good it does not ask
        elif not verdict.passed:
            counts["good"] = counts.pop("published")  # nothing was published
        metadata |= {f"rows_{name}": count for name, count in counts.items() if count}
    if "quarantine" in outcome.facts:
        metadata["quarantine"] = dg.MetadataValue.asset(dg.AssetKey(["quarantine", verdict.dataset]))
        metadata["quarantine_file"] = dg.MetadataValue.path(outcome.facts["quarantine"])
    delivery = verdict.depends_on.get("delivery")
    if delivery:
        metadata["delivery"] = delivery
    metadata |= {"verdict": verdict.id, **unusual_metadata(verdict.unusual), "what_holds": _rule_table(held)}
    return {
        "passed": verdict.passed,
        "severity": dg.AssetCheckSeverity.ERROR,
        "description": words,
        "metadata": metadata,
    }


def _worst_first(rules: Sequence[RuleResult]) -> list[RuleResult]:
    return sorted(rules, key=lambda r: (EFFECTS.index(r.effect), -r.broken))


def _rule_table(rules: Sequence[RuleResult]) -> dg.TableMetadataValue:
    """Rules in words, each with what it found."""
    columns = ("rule", "demands", "severity", "checked", "broken", "status", "found")
    records = [
        dg.TableRecord(
            {
                "rule": result.rule,
                "demands": result.sentence,
                "severity": result.severity,
                "checked": result.checked,
                "broken": result.broken,
                "status": result.effect,
                "found": ". ".join(filter(None, (result.found, result.remedy))),
            }
        )
        for result in rules
    ]
    return dg.MetadataValue.table(records, dg.TableSchema([dg.TableColumn(name) for name in columns]))


def _offenders(verdict: Verdict, result: RuleResult) -> Iterator[dg.TableRecord]:
    for row in result.offenders:
        place = verdict.place(row["row"])
        yield dg.TableRecord({"rule": result.rule, "row": place, "key and values": result.values(row)})


def _summary(dataset: Dataset, outcomes: Sequence[Outcome], failed: Sequence[Outcome]) -> str:
    good = len(outcomes) - len(failed)
    head = f"{dataset.name}: {good} of {len(outcomes)} partitions done" if len(outcomes) > 1 else f"{dataset.name}: not done"
    lines = [f"  {outcome.reason}" for outcome in failed[:_SHOWN]]
    if len(failed) > _SHOWN:
        lines.append(f"  … and {', '.join(str(outcome.partition) for outcome in failed[_SHOWN:])}")
    return "\n".join([f"{head}; refused or absent:", *lines])
