"""Corrections that are tried on what was delivered: one that is asked for at a prompt, and those that are written.

Here: which rows one is about, what becomes of them, the file, and what does not fit. Not here: how an entry is written
(`corrections.writing`), and what a partition is corrected by when it is staged (`staging`).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import polars as pl

from dataops_assets.catalog import corrections_of
from dataops_assets.contract import ContractError, Correction, Dataset, Partition, Policy
from dataops_assets.contract.correction import CORRECTIONS
from dataops_assets.contract.errors import Mistake
from dataops_assets.corrections import Plan, correction_problems, of_partition
from dataops_assets.corrections.writing import Wish, entry_of, hit_by, text_of
from dataops_assets.gate.casting import as_text
from dataops_assets.gate.content import Judged
from dataops_assets.gate.corrected import CorrectionError, correct
from dataops_assets.gate.functions import CodeError, normalised
from dataops_assets.gate.query import Query, Table
from dataops_assets.gate.reading import DeliveryError
from dataops_assets.gate.rules import MISCAST, ORIGINAL, ROW
from dataops_assets.steps.content import NotReady
from dataops_assets.steps.receiving import read_delivery, standing_verdict
from dataops_assets.steps.staging import try_rows
from dataops_assets.storage.deliveries import Receipt
from dataops_assets.storage.errors import Damaged, Withheld
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.publishing import Contended

_QUERY = Query(streamed=False)


class _New(Correction):
    """An entry that is not written yet: it stands in no line that anybody could look up."""

    at = "the new entry"


@dataclass(frozen=True)
class Proposal:
    """A correction that fits what was delivered.

    Attributes:
        file: Where it belongs.
        text: What stands there then.
        entry: The entry alone.
        was: What stood there when it was asked for.
        before: The rows that it changes, as they were delivered, as text; none, if it adds one.
        after: The same rows as they are then, or the one that it adds.
        numbers: The numbers of these.
        judged: What the content gate would find in the partition then; or why it cannot be asked.
        place: Gives the number of a row, and of several files the one where it stands; see `Verdict.place`.
    """

    file: Path
    text: str
    entry: str
    was: str
    before: pl.DataFrame
    after: pl.DataFrame
    numbers: tuple[int, ...]
    judged: Judged | str
    place: Callable[[int], str]

    def write(self) -> None:
        """Write the file; whoever reads it meanwhile sees the old one or the new one.

        Raises:
            Mistake: Somebody else has changed it meanwhile.
        """
        if _read(self.file) != self.was:
            raise Mistake(f"{self.file} was changed meanwhile", "ask again")
        beside = self.file.with_name(f".{self.file.name}.{os.getpid()}.tmp")
        beside.write_text(self.text, encoding="utf-8")
        beside.replace(self.file)


def propose(lake: Lake, dataset: Dataset, partition: Partition, wish: Wish, defs: Path, now: datetime) -> Proposal:
    """Try a correction on the delivery that counts, together with those that there are.

    Args:
        lake: Where the delivery lies.
        dataset: Whose it is.
        partition: Which part.
        wish: What is asked for.
        defs: The folder that holds `policy.yaml`.
        now: The time, which decides what has expired.

    Raises:
        LookupError: Nothing was received.
        Mistake: It is not clear which rows are meant, or a value cannot be read.
        ContractError: The file has a mistake.
        CorrectionError: The entry has a mistake, or it does not fit the rows, or one that was there before does not.
        CodeError: `normalise` fails.
    """
    receipt = lake.receipt(dataset, partition)
    if receipt is None and not dataset.gap_reason(partition):
        raise LookupError(f"nothing was received for {dataset.name} {partition or ''}".strip())
    text = _text(lake, dataset, partition, receipt)
    rows = _typed(dataset, text)
    hit = hit_by(dataset, wish, rows)
    entry = text_of(entry_of(dataset, partition, wish, hit))

    file = defs.parent / dataset.folder / CORRECTIONS
    before = _read(file)
    whole = before + ("" if before.endswith("\n") or not before else "\n") + ("\n" if before.strip() else "") + entry
    corrected = _with(dataset, whole, entry, lake.catalog.policy)
    done = _QUERY.collected(correct(rows, Plan(corrected, partition, now.date()), _QUERY)[0])
    changed = pl.col(ROW).is_in(hit[ROW].implode()) | (pl.col(ROW) > rows.height if wish.add else pl.lit(False))
    after = done.filter(changed).tail(max(hit.height, 1))
    accepted = dataset.accepted_reason(partition, receipt.sha256) if receipt else ""
    judged = _judged(lake, corrected, partition, text, now, accepted)
    envelope = standing_verdict(lake, dataset, partition, receipt)
    place = envelope.place if envelope else str
    return Proposal(file, whole, entry, before, _told(dataset, hit), _told(dataset, after), tuple(after[ROW]), judged, place)


def _with(dataset: Dataset, whole: str, entry: str, policy: Policy) -> Dataset:
    """A dataset with a new entry at the end of its corrections."""
    try:
        *others, last = corrections_of(whole, dataset.folder)
        corrected = replace(dataset, corrections=(*others, _New(last.attributes, last.source)))
        if problems := correction_problems(corrected, policy):
            raise ContractError(problems)
    except ContractError as error:
        before = whole.removesuffix(entry).count("\n")
        wrong = [f"{_New.at}: {one.message}: {one.remedy}" for one in error.problems if one.line > before]
        if not wrong:
            raise
        raise CorrectionError("; ".join(wrong)) from error
    return corrected


def _judged(lake: Lake, corrected: Dataset, partition: Partition, text: Table, now: datetime, accepted: str) -> Judged | str:
    try:
        return try_rows(lake, corrected, partition, text, now, accepted)
    except (NotReady, Contended, CodeError) as error:
        return str(error)


def misfits(lake: Lake, dataset: Dataset, partition: Partition, today: date) -> str:
    """Which corrections of a partition do not fit its delivery, in words; empty if all do, or nothing was delivered.

    What else may be wrong with the delivery is told by whoever judges it.
    """
    if not of_partition(dataset, partition):
        return ""
    try:
        receipt = lake.receipt(dataset, partition)
        if receipt is None and not dataset.gap_reason(partition):
            return ""
        rows = _typed(dataset, _text(lake, dataset, partition, receipt))
        correct(rows, Plan(dataset, partition, today), _QUERY)
    except CorrectionError as error:
        return str(error)
    except (CodeError, DeliveryError, Damaged, Withheld):
        pass
    return ""


def _text(lake: Lake, dataset: Dataset, partition: Partition, receipt: Receipt | None) -> Table:
    """What was delivered; of a declared gap nothing."""
    columns = dict.fromkeys(dataset.delivered.columns, pl.String)
    return read_delivery(lake, dataset, partition, receipt) if receipt else pl.DataFrame(schema=columns)


def _typed(dataset: Dataset, text: Table) -> pl.DataFrame:
    """What corrections are about: the rows as they are typed and normalised."""
    originals = [name for name in dataset.schema.columns if name in dataset.delivered.columns]
    return _QUERY.collected(normalised(dataset, text, _QUERY, originals).rows)


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _told(dataset: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as text; of a value that cannot be read, what was delivered."""
    columns = []
    for name, column in dataset.schema.columns.items():
        value = as_text(pl.col(name), column.dtype)
        if MISCAST + name in rows.columns:
            value = pl.when(MISCAST + name).then(pl.col(ORIGINAL + name)).otherwise(value)
        columns.append(value.alias(name))
    return rows.select(columns)
