"""What staging and deriving share: references, verdicts under their grounds, and publishing what passed."""

import contextlib
import logging
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.gate.accepted import COMPARING, REMEDY
from dataops_assets.gate.content import Judged
from dataops_assets.gate.corrected import CorrectionError
from dataops_assets.gate.functions import CodeError, told
from dataops_assets.gate.reading import DeliveryError
from dataops_assets.gate.rules import Rule
from dataops_assets.gate.verdict import Verdict, digest
from dataops_assets.steps.outcome import Outcome
from dataops_assets.steps.quarantine import with_those_of_what_stays
from dataops_assets.storage import layout
from dataops_assets.storage.errors import Damaged, Gone, Lost, Unrepeatable, Withheld, in_words
from dataops_assets.storage.lake import BRING_BACK, Lake, NotPublished, name_of
from dataops_assets.storage.provenance import Provenance, highest_number
from dataops_assets.storage.publishing import Contended, Draft, draft, publish, say
from dataops_assets.storage.store import jitter_seconds

_MEND_DELIVERY = "Deliver it again, mended, or change the rule; what was rejected lies in quarantine"
_MEND_PRODUCT = "Mend transform.py or its inputs, or change the rule; what was rejected lies in quarantine"
_log = logging.getLogger("dataops.gate")
ROUNDS = 10
"""How often a partition is looked at anew because it changed meanwhile."""


class NotReady(Exception):
    """A partition cannot be made yet. The message says what is missing and why."""


@dataclass(frozen=True)
class Work:
    """What is to be done for a partition, as things stand.

    Attributes:
        depends_on: All that the result depends on.
        arrived: By ingested dataset, when the newest delivery that goes into it was received.
        judge: Gives what the gate finds, and a function that gives the quarantined rows.
        note: Gives what is worth knowing beside the partition.
        read: How all came to be that is read of other partitions. The same bytes that come again are another version: what lay
            there in between may have been read.
        files: The names of the delivered files that it is made from.
        file_rows: How many rows each of them has, where there are several.
    """

    depends_on: dict[str, Any]
    arrived: dict[str, datetime]
    judge: Callable[[], tuple[Judged, Callable[[], pl.DataFrame]]]
    note: Callable[[], str]
    read: tuple[Provenance, ...] = ()
    files: tuple[str, ...] = ()
    file_rows: tuple[int, ...] = ()


def references(lake: Lake, dataset: Dataset) -> dict[str, Provenance]:
    """How the datasets came to be that a dataset's rules refer to, as they are published now.

    Raises:
        NotReady: One of them is not published.
    """
    found: dict[str, Provenance] = {}
    for reference in dataset.attributes.references:
        [found[reference.dataset]] = readable(lake, reference.dataset, [None])
    return found


def versions_of(made: Mapping[str, Provenance]) -> dict[str, str]:
    """Their data versions."""
    return {name: one.sha256 for name, one in made.items()}


class Referred:
    """What the rules of a dataset refer to, read again whenever another version of it is published.

    A run may take hours for many partitions. To judge the last of them by what was there when it began would let an older
    version win over a newer one that another run has gone by meanwhile.

    Args:
        lake: Where it lies.
        dataset: Whose rules.
        rules: The rules.

    Raises:
        NotReady: One of them is not published.
    """

    def __init__(self, lake: Lake, dataset: Dataset, rules: list[Rule]):
        self._asked = lake, dataset, rules
        self._read = _referred(lake, dataset, rules)

    def now(self) -> tuple[dict[str, Provenance], dict[str, pl.DataFrame]]:
        """How the datasets came to be, and what is looked up in just these versions of them.

        Raises:
            NotReady: One of them is not published.
            Contended: They changed under our hands every time.
        """
        lake, dataset, rules = self._asked
        if references(lake, dataset) != self._read[0]:
            self._read = _referred(lake, dataset, rules)
        return self._read


def _referred(lake: Lake, dataset: Dataset, rules: list[Rule]) -> tuple[dict[str, Provenance], dict[str, pl.DataFrame]]:
    """How the datasets came to be that the rules refer to, and what is looked up in just these versions of them.

    Raises:
        NotReady: One of them is not published.
        Contended: They changed under our hands every time.
    """
    for _ in range(ROUNDS):
        known = references(lake, dataset)
        with contextlib.suppress(FileNotFoundError):
            tables = _reference_tables(lake, rules, known)
            if references(lake, dataset) == known:  # of a folder, another file may have been read
                return known, tables
    raise Contended(f"what {dataset.name} refers to was changed by others {ROUNDS} times while it was read: run it again")


def references_refused_since(lake: Lake, dataset: Dataset) -> list[str]:
    """What to know of the references: that something newer was refused, so that the version before is looked up in."""
    names = dict.fromkeys(reference.dataset for reference in dataset.attributes.references)
    return [note for name in names if (note := lake.refused_since(lake.catalog[name], None))]


def readable(lake: Lake, name: str, partitions: Sequence[Partition]) -> list[Provenance]:
    """How partitions of another dataset came to be.

    Raises:
        NotReady: One of them cannot be read.
    """
    try:
        return lake.readable(lake.catalog[name], partitions)
    except NotPublished as error:
        raise NotReady(str(error)) from error


def _reference_tables(lake: Lake, rules: list[Rule], known: Mapping[str, Provenance]) -> dict[str, pl.DataFrame]:
    """The values that references must exist among, by rule; see `gate.rules.with_references`.

    Raises:
        FileNotFoundError: Another version of one of them is there by now.
    """
    tables = {}
    for rule in rules:
        if rule.reference:
            other = lake.catalog[rule.reference.dataset]
            to = rule.reference.to or other.attributes.key
            renamed = [pl.col(there).alias(here) for here, there in zip(rule.columns, to, strict=True)]
            tables[rule.name] = lake.scan_versions(other, [known[other.name]]).select(renamed).unique().collect()
    return tables


def settled(
    lake: Lake, dataset: Dataset, partition: Partition, depends_on: dict[str, Any], said: Verdict | None
) -> tuple[Verdict, Provenance | None] | None:
    """The last word and what it published, if nothing is left to do: it is about these grounds, and all it tells of is there.

    A delivery that was judged before and comes again is judged again: what was said meanwhile was about another one. The bytes
    that stand may be the right ones already, but until they have the number of that verdict, a run that slept may replace them.
    """
    if not said or said.id != digest(depends_on):
        return None

    def is_of_it(made: Provenance | None) -> bool:
        return made is not None and made.verdict == said.id and made.number >= said.number

    rejected = lake.provenance("quarantine", dataset, partition)
    if (rejected or (said.rows and said.rows.rejected)) and not is_of_it(rejected):
        return None
    published = lake.provenance(dataset.zone, dataset, partition)
    return (said, published) if not said.passed or is_of_it(published) else None


def settle(lake: Lake, dataset: Dataset, partition: Partition, look: Callable[[], Work], run_id: str, now: datetime) -> Outcome:
    """Judge a partition unless that was done on the same grounds, and publish it if it passes.

    The last word on it is read before anything else. If another run has the last word by the time ours is written, or what was
    read has changed, all of it is looked at anew: either that run has done what was left to do, or its word was about
    something older.

    Args:
        lake: Where it lies.
        dataset: What it is.
        partition: Which part.
        look: What there is to do, as things stand when it is called.
        run_id: The run that asks.
        now: The time.

    Raises:
        Contended: It changed under our hands every time.
    """
    try:
        return _settle(lake, dataset, partition, look, run_id, now)
    except Damaged as error:  # a record, or something it is made from; the partitions after it go on
        return Outcome(partition, "refused", f"{name_of(dataset, partition)}: {error}")
    except Unrepeatable as error:  # a branch has dropped it; those after it go on, too
        return Outcome(partition, "refused", f"{name_of(dataset, partition)}: {in_words(error)}")


def _settle(
    lake: Lake, dataset: Dataset, partition: Partition, look: Callable[[], Work], run_id: str, now: datetime
) -> Outcome:
    wrote, altered, missed = False, "", None
    for attempt in range(ROUNDS):
        if attempt:
            time.sleep(jitter_seconds(attempt))  # or many that look at the same time never let one another end
        try:
            given_away = highest_number(lake.store, dataset, partition)  # before the last word is read, which may follow on it
            said = lake.last_word("content", dataset, partition)
            work = look()
        except NotReady as error:
            return Outcome(partition, "refused", str(error))
        before = settled(lake, dataset, partition, work.depends_on, said)
        if before and not attempt:
            altered = _altered(lake, dataset, partition)
        if before and (attempt or not altered):
            return _outcome(lake, dataset, partition, *before, work.note() if wrote or not attempt else _overtaken(before[1]))
        try:
            found, quarantine = work.judge()
        except (CodeError, CorrectionError, DeliveryError, Damaged, Withheld) as error:
            # No verdict: the gate was not asked. The partition stays pending, and those after it go on.
            reason = f"{name_of(dataset, partition)}: {error}{kept(lake, dataset, partition)}"
            return Outcome(partition, "refused", reason, facts={"note": work.note()})
        except Gone:  # another version is there
            continue
        except FileNotFoundError as error:  # polars found no file: of a version that went, or one that nobody published
            if missed == (work.depends_on, work.read):
                reason = f"{name_of(dataset, partition)}: {error}: a file that its code reads must lie beside that code"
                return Outcome(partition, "refused", reason + kept(lake, dataset, partition))
            missed = work.depends_on, work.read
            continue
        except (OSError, MemoryError):
            raise
        except (Exception, pl.exceptions.PanicException) as error:
            return _failed(lake, dataset, partition, error)
        verdict = content_verdict(dataset, partition, found, work.depends_on, now, work.arrived, work.files, work.file_rows)
        if _commit(lake, verdict, said, given_away, look, work.read, found.good, quarantine, run_id, now):
            wrote = True
            done = settled(lake, dataset, partition, work.depends_on, lake.last_word("content", dataset, partition))
            if done:
                again = f"{altered}; it was made again" if altered and done[0].passed else ""
                return _outcome(lake, dataset, partition, *done, "; ".join(filter(None, (again, work.note()))))
    raise Contended(f"{name_of(dataset, partition)} was changed by others {ROUNDS} times while it was made: run it again")


def _failed(lake: Lake, dataset: Dataset, partition: Partition, error: BaseException) -> Outcome:
    """A gate that failed on something nobody thought of: the partition stays pending, and those after it go on."""
    lines = traceback.format_tb(error.__traceback__)  # without its message, which may hold values
    name = name_of(dataset, partition)
    _log.error("%s: its gate failed:\n%s", name, "".join(lines))
    place = lines[-1].split("\n")[0].strip()
    reason = f"{name}: its gate failed, which is a fault of this platform: {told(error, dataset.withheld)} ({place})"
    return Outcome(partition, "refused", reason + kept(lake, dataset, partition))


def _altered(lake: Lake, dataset: Dataset, partition: Partition) -> str:
    """What lies there and is not what was written, in words; empty if nothing is. All of its bytes are read."""
    zones: tuple[Zone, ...] = (dataset.zone, "quarantine")
    for zone in zones:
        lake.reread(zone, dataset, partition)
    return "; ".join(filter(None, (lake.altered(zone, dataset, partition) for zone in zones)))


def _overtaken(published: Provenance | None) -> str:
    by = f"run {published.run_id}" if published else "another run"
    return f"overtaken by {by}, which came first: nothing was written here"


def content_verdict(
    dataset: Dataset,
    partition: Partition,
    found: Judged,
    depends_on: dict[str, Any],
    now: datetime,
    arrived: dict[str, datetime],
    files: tuple[str, ...] = (),
    file_rows: tuple[int, ...] = (),
) -> Verdict:
    """What the content gate says of what it found."""
    mend = _MEND_DELIVERY if dataset.ingested else _MEND_PRODUCT
    known = [result.remedy for result in found.rules if result.remedy]
    unlike = any(result.rule in COMPARING and result.status == "refused" for result in found.rules)
    return Verdict(
        gate="content",
        dataset=dataset.name,
        partition=partition,
        depends_on=depends_on,
        arrived=arrived,
        passed=not found.reasons,
        files=files,
        file_rows=file_rows,
        reasons=found.reasons,
        remedy=". ".join([*known, mend + (f"; {REMEDY}" if unlike else "")]) if found.reasons else "",
        judged_at=now,
        rows=found.rows,
        rules=found.rules,
        corrections=found.corrected.applied,
        profile=found.profile,
        unusual=found.unusual,
        released=found.released,
    )


def _commit(
    lake: Lake,
    verdict: Verdict,
    said: Verdict | None,
    given_away: int,
    look: Callable[[], Work],
    read: tuple[Provenance, ...],
    good: pl.DataFrame | pl.LazyFrame,
    quarantine: Callable[[], pl.DataFrame],
    run_id: str,
    now: datetime,
) -> bool:
    """Write what was found, if all is still as it was: the verdict, then quarantine, then the partition.

    Who is killed in between leaves a last word of which something is missing: it is said again, and the rest made up for.

    Returns:
        Whether it was written; else all must be looked at anew.
    """
    dataset, partition = lake.catalog[verdict.dataset], verdict.partition
    with contextlib.ExitStack() as stack:

        def drafted(zone: Zone, frame: pl.DataFrame | pl.LazyFrame) -> Draft:
            return stack.enter_context(draft(lake, zone, dataset, partition, frame, verdict, run_id, now))

        drafts = []
        if verdict.rows and (verdict.rows.rejected or lake.version("quarantine", dataset, partition)):
            stood = lake.store.sha256(layout.data("quarantine", dataset, partition))
            try:
                rows = with_those_of_what_stays(lake, dataset, partition, quarantine(), verdict)
            except FileNotFoundError:  # another version is there
                return False
            drafts.append(replace(drafted("quarantine", rows), upon=() if verdict.passed else (stood,)))
        if verdict.passed:
            drafts.append(drafted(dataset.zone, good))
        try:
            now_there = look()
            if (now_there.depends_on, now_there.read) != (verdict.depends_on, read):
                return False
            verdict = say(lake, verdict, said, given_away)
        except (NotReady, Lost):
            return False
        try:
            for each in drafts:
                if publish(lake, each.by(verdict)).number > verdict.number:
                    break  # a newer verdict has been published meanwhile, and says which rows stand in quarantine
        except Lost:
            return False
        return True


def _outcome(
    lake: Lake, dataset: Dataset, partition: Partition, verdict: Verdict, published: Provenance | None, note: str
) -> Outcome:
    rows = verdict.rows
    assert rows
    nothing = "the transform made no row" if dataset.derived and not rows.delivered else ""
    accepted = verdict.accepted and f"accepted: {verdict.accepted}"
    facts: dict[str, Any] = {"note": "; ".join(filter(None, (nothing, note, accepted)))}
    if rows.rejected:
        facts["quarantine"] = lake.address("quarantine", dataset, partition)
    if not verdict.passed:
        reason = f"{name_of(dataset, partition)}: {verdict.why}{kept(lake, dataset, partition)}"
        return Outcome(partition, "refused", reason, None, verdict, facts, rows.rejected)
    assert published
    facts |= {
        "rows": published.rows,
        "bytes": published.bytes,
        "nulls": published.nulls,
        "rejected": rows.rejected,
        "merged": rows.merged,
        "normalised": rows.normalised,
        **{name: count for name in ("corrected", "added", "dropped", "released") if (count := getattr(rows, name))},
        "path": lake.address(dataset.zone, dataset, partition),
    }
    return Outcome(partition, "done", "", published.sha256, verdict, facts, rows.rejected)


def kept(lake: Lake, dataset: Dataset, partition: Partition) -> str:
    """What to add to a refusal: that the version before it can still be read, or is damaged. Empty if there is none."""
    if lake.published(dataset, partition):
        return "; what was published before stays"
    altered = lake.altered(dataset.zone, dataset, partition)
    return f"; {altered}: {BRING_BACK}" if altered else ""
