"""What the gate asks of corrections: rows come in typed and normalised, and go on as they should have been delivered.

Here: the order in which that is asked, and what is known of it afterwards. Not here: what a correction is (`corrections`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from dataops_assets.gate.query import FAILURES, Query, Table
from dataops_assets.gate.verdict import AppliedCorrection

REMEDY = "Mend the correction, or remove it"


@dataclass(frozen=True)
class Corrected:
    """What corrections did.

    Attributes:
        delivered: The rows that came in; the added ones are numbered on after them.
        corrected: Those of which a value was set.
        added: The rows that no provider delivered, every column as text. They are numbered on after the delivered ones.
        added_by: The id of the correction that adds each of them.
        dropped: The rows that were left out.
        applied: What each correction did.
    """

    delivered: int = 0
    corrected: int = 0
    added: pl.DataFrame = field(default_factory=pl.DataFrame)
    added_by: tuple[str, ...] = ()
    dropped: int = 0
    applied: tuple[AppliedCorrection, ...] = ()


class Corrections(Protocol):
    """The corrections of one partition, as expressions: nothing is read before the gate collects it."""

    @property
    def originals(self) -> Collection[str]:
        """The columns of which the delivered text is needed, under `ORIGINAL` and their name."""

    def asked(self, rows: pl.LazyFrame) -> Sequence[pl.LazyFrame]:
        """What must be known of the rows before they are corrected: small tables."""

    def failed(self, rows: pl.LazyFrame) -> str:
        """Which corrections cannot be evaluated on these rows; empty if none."""

    def told(self, answers: Sequence[pl.DataFrame]) -> Corrected:
        """What the corrections do, by what was asked.

        Raises:
            CorrectionError: One of them does not fit the rows.
        """

    def applied(self, rows: pl.LazyFrame, found: Corrected) -> pl.LazyFrame:
        """The rows as they are corrected, in their order, those that are added at the end."""


class CorrectionError(Exception):
    """A correction does not fit the delivery. The message names its file and line."""


def correct(rows: Table, corrections: Corrections | None, query: Query) -> tuple[Table, Corrected]:
    """Correct the rows of a partition.

    Raises:
        CorrectionError: A correction does not fit them.
    """
    if corrections is None:
        return rows, Corrected()
    try:
        answers = pl.collect_all(corrections.asked(rows.lazy()), engine=query.engine)
    except FAILURES as error:  # a text that is cast to a number
        if not (why := corrections.failed(rows.lazy())):
            raise
        raise CorrectionError(f"{why}. {REMEDY}") from error
    found = corrections.told(answers)
    return query.kept(corrections.applied(rows.lazy(), found)), found
