"""Landing → raw: receive what arrived, and judge its envelope."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import polars as pl

from dataops_assets.contract import Dataset, Partition, Source
from dataops_assets.erasure import CannotTell
from dataops_assets.gate.accepted import accept
from dataops_assets.gate.casting import plain_numbers
from dataops_assets.gate.envelope import HISTORY, Earlier, judge_envelope
from dataops_assets.gate.functions import told
from dataops_assets.gate.places import raised_at
from dataops_assets.gate.query import Table
from dataops_assets.gate.reading import DeliveryError, height, read_files, read_text, read_whole, try_apart
from dataops_assets.gate.verdict import Rows, RuleResult, Verdict, digest, terms
from dataops_assets.gate.wording import in_print, moment, some
from dataops_assets.steps.content import ROUNDS, kept
from dataops_assets.steps.outcome import Outcome
from dataops_assets.steps.redacting import redactor
from dataops_assets.storage import deliveries, landing, layout
from dataops_assets.storage.deliveries import GAP, ChangedWhileRead, Receipt
from dataops_assets.storage.errors import Damaged, Lost, Withheld
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake, name_of
from dataops_assets.storage.landing import Arrival
from dataops_assets.storage.publishing import Contended, say

_LONG_AFTER = datetime.max.replace(tzinfo=UTC)
_TELLING = "Deliver it whole, with its columns"
_COMPARED_WITH = ("row_counts", "earlier")


def receive(lake: Lake, dataset: Dataset, partitions: Sequence[Partition], now: datetime) -> Iterator[Outcome]:
    """Receive partitions, in order.

    Yields:
        An outcome for each: done if a delivery is there and its envelope is good, or if it is a declared gap.
    """
    lying = landing.arrivals(lake.landing, dataset, now)
    counts = RowCounts(lake, dataset)
    for partition in partitions:
        counts.forget(partition)
        try:
            outcome = _fetched_or_lying(lake, dataset, partition, lying, counts, now)
        except Damaged as error:  # a record of this partition; the others go on
            outcome = Outcome(partition, "refused", f"raw/{dataset.name} {partition or ''}".strip() + f": {error}")
        yield outcome


def _fetched_or_lying(
    lake: Lake,
    dataset: Dataset,
    partition: Partition,
    lying: Mapping[Partition, Arrival],
    counts: "RowCounts",
    now: datetime,
) -> Outcome:
    # Without a receipt, what lies there may be half of what an earlier run fetched.
    if dataset.fetch is None or lake.receipt(dataset, partition):
        return _receive(lake, dataset, partition, lying.get(partition), counts, now)
    failed = _fetch(lake, dataset, partition)
    if failed and not dataset.gap_reason(partition):
        return Outcome(partition, "absent", f"{dataset.name} {partition or ''}".strip() + f": {failed}")
    # What a function brought is whole at once: it is seen as if it had been still for long.
    fetched = None if failed else landing.arrivals(lake.landing, dataset, _LONG_AFTER).get(partition)
    return _receive(lake, dataset, partition, fetched, counts, now)


def _fetch(lake: Lake, dataset: Dataset, partition: Partition) -> str:
    """Ask the provider's function for files, and drop them into landing like everyone else.

    Returns:
        Why it failed, in words; nothing is dropped then. Empty if it did not.
    """
    assert dataset.fetch
    assert dataset.ingested
    complete = dataset.ingested.source.complete
    last = (complete.manifest or complete.marker or "").replace("{partition}", partition or "")
    top = layout.landing(dataset)
    with tempfile.TemporaryDirectory() as name:
        brought = Folder(Path(name))
        brought.path("files").mkdir()
        try:
            dataset.fetch(partition, brought.path("files"))
        # Whatever it raises is about this partition; the others go on.
        except (Exception, SystemExit, pl.exceptions.PanicException) as error:
            # What a network says is no value of a row.
            place = raised_at(dataset, error)
            why = told(error, "" if isinstance(error, OSError) else dataset.withheld)
            return f"fetch failed: {why}" + (f" ({place})" if place else "")
        closed: dict[str, str] = {}
        files = [entry.key.removeprefix("files/") for entry in brought.list("files", closed)]
        shut = [key.removeprefix("files/") for key in closed]
        shut += [file for file in files if not os.access(brought.path(f"files/{file}"), os.R_OK, effective_ids=True)]
        if shut:
            return f"fetch failed: it brought {in_print(shut[0])}, which this user may not open: give it the right to"
        odd = [key.removeprefix("files/") for key in brought.odd("files")] + [file for file in files if not file.isprintable()]
        if odd:
            return f"fetch failed: it brought {in_print(odd[0])}: deliver plain files, with names that can be printed"
        if not files:
            return "fetch failed: it brought nothing"
        if wrong := landing.misnamed(dataset, partition, files):
            wanted = landing.expected(dataset.ingested.source, partition) + (f" and {last}" if last else "")
            return f"fetch failed: it brought {some(wrong, most=3)}, which is no file of this delivery: name it {wanted}"
        links = [f"{key}/" for key in lake.landing.odd(top)]
        for file in files:
            if link := next((link for link in links if f"{top}/{file}".startswith(link)), ""):
                return f"fetch failed: {lake.landing.address(link[:-1])} is a link that leads out of landing: remove it"
        for file in sorted(files, key=lambda file: (file == last, file)):
            with lake.landing.draft(f"{top}/{file}") as target:
                shutil.copyfile(brought.path(f"files/{file}"), target)
                lake.landing.write(f"{top}/{file}", target, {})  # as providers do: rules go by folder there
    return ""


def _receive(
    lake: Lake, dataset: Dataset, partition: Partition, arrival: Arrival | None, counts: "RowCounts", now: datetime
) -> Outcome:
    waiting = arrival.waiting_for if arrival else ""
    note, arrived = "", False
    for _ in range(ROUNDS):
        said = lake.last_word("envelope", dataset, partition)
        receipt = lake.receipt(dataset, partition)
        if arrival and not waiting and (receipt is None or receipt.landed != arrival.fingerprint):
            before = receipt
            try:
                receipt = deliveries.receive(
                    lake.store, lake.landing, dataset, arrival, before, now, redactor(lake, dataset, partition, now)
                )
                arrived = True
            except ChangedWhileRead as error:
                waiting = str(error)
            except CannotTell as error:  # it could hold what was erased: raw would keep that for years
                told = f"it was delivered, and not received: {error}. {_TELLING}{kept(lake, dataset, partition)}"
                return Outcome(partition, "refused", f"{name_of(dataset, partition)}: {told}")
            if before and receipt and before.sha256 != receipt.sha256:
                note = f"replaces the delivery {before.sha256[:12]} of {moment(before.received_at)}; both are kept"
        if receipt is None and not dataset.gap_reason(partition):
            return _absent(lake, dataset, partition, waiting)
        verdict = _standing(dataset, partition, said, receipt)
        if verdict is None:
            try:
                judged = _judged(lake, dataset, partition, receipt, counts, now)
                verdict = say(lake, judged, said)
            except Lost:  # another run has judged something meanwhile
                continue
            except (Damaged, Withheld) as error:  # no verdict: the gate was not asked
                return Outcome(partition, "refused", f"{name_of(dataset, partition)}: {error}{kept(lake, dataset, partition)}")
        elif receipt and receipt.number and not arrived:  # nothing else is left to do
            try:
                restored = deliveries.restore(lake.store, lake.landing, dataset, partition, receipt, arrival)
            except ChangedWhileRead as error:
                return _absent(lake, dataset, partition, str(error))
            note = "; ".join(f"{place} was not what was received, and was put right from landing" for place in restored)
        if receipt is None:
            facts = {"rows": 0, "note": f"declared gap: {dataset.gap_reason(partition)}"}
            return Outcome(partition, "done", version=GAP, verdict=verdict, facts=facts)
        notes = [
            note,
            _erased(receipt) if arrived else "",
            f"accepted: {verdict.accepted}" if verdict.accepted else "",
            f"a newer delivery is waiting for: {waiting}" if waiting else "",
        ]
        facts = {
            "delivery": receipt.sha256,
            "received_at": moment(receipt.received_at),
            "bytes": sum(file.bytes for file in receipt.files),
            "rows": verdict.rows.delivered if verdict.rows else None,
            "note": "; ".join(filter(None, notes)),
        }
        refused = "" if verdict.passed else f"{name_of(dataset, partition)}: {verdict.why}{kept(lake, dataset, partition)}"
        status: Literal["done", "refused"] = "done" if verdict.passed else "refused"
        return Outcome(partition, status, refused, receipt.sha256, verdict, facts, arrived=arrived)
    raise Contended(f"raw/{dataset.name} {partition or ''} was judged by others {ROUNDS} times meanwhile: run it again")


def _erased(receipt: Receipt) -> str:
    rows, requests = sum(receipt.left_out.values()), dict.fromkeys(one.request for one in receipt.erased)
    return f"{rows:,} rows were left out, as asked by {', '.join(requests)}" if receipt.erased else ""


def _absent(lake: Lake, dataset: Dataset, partition: Partition, waiting: str) -> Outcome:
    assert dataset.ingested
    file = landing.expected(dataset.ingested.source, partition)
    drop = f"drop {file} into {lake.landing.address(layout.landing(dataset))}"
    what = f"its delivery is not whole: waiting for {waiting}" if waiting else f"nothing was delivered: {drop}"
    return Outcome(partition, "absent", f"{dataset.name} {partition or ''}".strip() + f": {what}")


def _gap_verdict(dataset: Dataset, partition: Partition, now: datetime) -> Verdict:
    reason = dataset.gap_reason(partition) or ""
    sentence = "a declared gap is empty and complete"
    found = RuleResult(rule="declared_gap", sentence=sentence, severity="warn", broken=0, status="passed", detail=reason)
    return Verdict(
        gate="envelope",
        dataset=dataset.name,
        partition=partition,
        depends_on=grounds(dataset, partition, None),
        passed=True,
        judged_at=now,
        rows=Rows(delivered=0, published=0),
        rules=(found,),
    )


def standing_verdict(lake: Lake, dataset: Dataset, partition: Partition, receipt: Receipt | None) -> Verdict | None:
    """The envelope verdict on a delivery, with what was promised of it, under the contract of today: if it was the last given.

    What a verdict compared with is part of its grounds, but older partitions that arrive later do not reopen it.
    """
    return _standing(dataset, partition, lake.last_word("envelope", dataset, partition), receipt)


def _standing(dataset: Dataset, partition: Partition, said: Verdict | None, receipt: Receipt | None) -> Verdict | None:
    if said is None:
        return None
    given = {name: value for name, value in said.depends_on.items() if name not in _COMPARED_WITH}
    return said if given == grounds(dataset, partition, receipt) else None


def grounds(dataset: Dataset, partition: Partition, receipt: Receipt | None) -> dict[str, Any]:
    """What reopens an envelope verdict."""
    if receipt is None:
        return {"delivery": GAP, **terms(dataset), "gap": dataset.gap_reason(partition)}
    promised = digest([dict(file.promised) for file in receipt.files])
    accepted = dataset.accepted_reason(partition, receipt.sha256)
    judged = {"delivery": receipt.sha256, **terms(dataset), "promised": promised}
    return {**judged, "accepted": accepted} if accepted else judged


def _judged(
    lake: Lake, dataset: Dataset, partition: Partition, receipt: Receipt | None, counts: "RowCounts", now: datetime
) -> Verdict:
    if receipt is None:
        return _gap_verdict(dataset, partition, now)
    files = files_of(lake, dataset, partition, receipt)
    return envelope_verdict(lake, dataset, partition, receipt, files, counts.before(partition), now)


Files = tuple[Sequence[Path], Sequence[str], Source]
"""Where the files of a delivery are, what the provider called them, and how they are written."""


def envelope_verdict(
    lake: Lake, dataset: Dataset, partition: Partition, receipt: Receipt, files: Files, history: Sequence[int], now: datetime
) -> Verdict:
    """What the envelope gate says of a delivery; nothing is written.

    Args:
        lake: Where the deliveries before it lie.
        dataset: Whose delivery it is.
        partition: For which part.
        receipt: What is known of it.
        files: Its files.
        history: The `RowCounts` before it.
        now: The time.
    """
    tables: Sequence[Table] | DeliveryError
    parts = receipt.parts
    try:
        try_apart(*files)
        tables = read_files(*files, whole=True)
        parts = [replace(part, rows=height(table)) for part, table in zip(parts, tables, strict=True)]
    except DeliveryError as error:
        tables = error
    heights, unreadable = tuple(part.rows or 0 for part in parts), isinstance(tables, DeliveryError)
    earlier = _earlier(lake, dataset, partition, receipt)
    strangers = [other for other in lake.catalog if other.ingested and other.deliveries != dataset.deliveries]
    others = {other.name: list(other.delivered.columns) for other in strangers}
    results = judge_envelope(dataset, partition, parts, tables, history, others, earlier, sum(receipt.left_out.values()))
    results = accept(results, dataset.accepted_reason(partition, receipt.sha256))
    refused = [result for result in results if result.status == "refused"]
    return Verdict(
        gate="envelope",
        dataset=dataset.name,
        partition=partition,
        depends_on={
            **grounds(dataset, partition, receipt),
            "row_counts": list(history),
            **({"earlier": asdict(earlier)} if earlier else {}),
        },
        passed=not refused,
        files=receipt.names,
        file_rows=heights if len(heights) > 1 and not unreadable else (),
        reasons=tuple(f"{result.rule}: {result.detail}" for result in refused),
        remedy=". ".join(dict.fromkeys(result.remedy for result in refused if result.remedy)),
        judged_at=now,
        rows=None if unreadable else Rows(delivered=sum(heights), published=sum(heights)),
        rules=results,
    )


def read_delivery(lake: Lake, dataset: Dataset, partition: Partition, receipt: Receipt) -> Table:
    """The rows of a received delivery, as text.

    Raises:
        DeliveryError: A file cannot be read.
    """
    if not receipt.files:
        return nothing(dataset)
    return with_all_columns(dataset, partition, read_text(*files_of(lake, dataset, partition, receipt)))


def read_good(dataset: Dataset, partition: Partition, files: Files) -> tuple[Table, pl.LazyFrame | None]:
    """The rows of a delivery whose envelope is good: by their hash, these are the bytes that it has read to the last one.

    Raises:
        DeliveryError: A file cannot be read.
    """
    text, numbers = read_whole(*files, plain_numbers(dataset.delivered, files[2].null_values))
    numbers = None if numbers is None else with_all_columns(dataset, partition, numbers).lazy()
    return with_all_columns(dataset, partition, text), numbers


def with_all_columns(dataset: Dataset, partition: Partition, text: Table) -> Table:
    """The rows of a delivery, with those columns empty that the provider did not have yet."""
    given = text.collect_schema()
    return text.with_columns(
        pl.lit(None, pl.String).alias(name) for name in dataset.may_lack(partition, given) if name not in given
    )


def nothing(dataset: Dataset) -> pl.DataFrame:
    """The rows of a delivery that has none: of a declared gap, or where all were erased."""
    return pl.DataFrame(schema=dict.fromkeys(dataset.delivered.columns, pl.String))


def files_of(lake: Lake, dataset: Dataset, partition: Partition, receipt: Receipt) -> Files:
    """The files of a received delivery, as `read_text` takes them."""
    assert dataset.ingested
    paths = [lake.delivered(dataset, partition, file.sha256) for file in receipt.files]
    return paths, receipt.names, dataset.ingested.source


def _earlier(lake: Lake, dataset: Dataset, partition: Partition, receipt: Receipt) -> Earlier | None:
    """The newest other delivery for the partition that has passed both gates: what it had can be missed.

    What was refused was never read by anyone, and a day that was delivered twice over must not make its mended version small.
    """
    with suppress(Damaged):  # nothing to compare with
        for given in lake.verdicts_backwards("content", dataset, partition):
            delivery = given.depends_on["delivery"]
            if given.passed and given.rows and delivery not in (receipt.sha256, GAP):
                return Earlier(delivery, given.rows.delivered - given.rows.merged)
    return None


class RowCounts:
    """How many rows partitions have whose envelope is good: whoever receives many of them reads each verdict once.

    Args:
        lake: Where the verdicts lie.
        dataset: Whose partitions.
    """

    def __init__(self, lake: Lake, dataset: Dataset):
        self._lake, self._dataset = lake, dataset
        self._known: dict[str, int | None] = {}

    def before(self, partition: Partition) -> list[int]:
        """Those of the partitions before one, the latest last; where there are none, those of the deliveries before."""
        dataset = self._dataset
        if partition is None or dataset.partitions is None:
            passed = [verdict for verdict in self._lake.verdicts("envelope", dataset, None) if verdict.passed and verdict.rows]
            return [verdict.rows.delivered for verdict in passed[-HISTORY:] if verdict.rows]
        earlier = islice(dataset.partitions.before(partition), 2 * HISTORY)
        counts = (self._of(key) for key in earlier if not dataset.gap_reason(key))
        return [*islice((count for count in counts if count is not None), HISTORY)][::-1]

    def forget(self, partition: Partition) -> None:
        """Read the verdict on a partition anew, since it may be another one by then."""
        if partition:
            self._known.pop(partition, None)

    def _of(self, partition: str) -> int | None:
        if partition not in self._known:
            self._known[partition] = self._read(partition)
        return self._known[partition]

    def _read(self, partition: str) -> int | None:
        with suppress(Damaged):  # one row count less to compare with
            given = self._lake.last_word("envelope", self._dataset, partition)
            return given.rows.delivered if given and given.passed and given.rows else None
        return None
