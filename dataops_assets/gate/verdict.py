"""The verdict of a gate on one partition: the only source of gate state. Checks in the UI are views of it."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from dataops_assets.contract import Dataset, Partition, Severity
from dataops_assets.gate.profile import Profile
from dataops_assets.gate.wording import in_print, percent, some

VERSION = 7
"""Of what the gates say, among the grounds of every verdict: whoever makes them say something else of the same delivery raises
it by one, so that all is judged again. A test pins what they say (`dataops_assets_tests.gate.pinned`)."""

Gate = Literal["envelope", "content"]
Status = Literal["passed", "accepted", "tolerated", "warned", "refused"]
EFFECTS = ("refused", "rejected", "warned", "accepted", "tolerated", "passed")
"""What a rule may do, the worst first."""


class RuleResult(BaseModel):
    """What one rule found.

    Attributes:
        rule: Its stable name.
        sentence: What it demands, in words.
        severity: What it does when broken.
        checked: The rows that it looked at, equal ones as one; 1 for a rule on the whole delivery.
        broken: The rows that break it; for a rule on the whole delivery, 0 or 1.
        status: `tolerated` is broken, but by no more rows than the contract allows; `accepted` is broken, but a person said why
            it is right.
        detail: What was found, in words; for the envelope.
        tolerance: The share of rows that may break it; None for a rule on the whole delivery.
        measured, bound: What a rule on the whole delivery compares, and with what: 0.57 and 0.2.
        remedy: The way out, where the rule knows one.
        offenders: Up to 10 offending rows: row number, and for public data the key and the values that the rule looks at.
        withheld: Why they are told by their number alone, in words; empty if they are not.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    rule: str
    sentence: str
    severity: Severity
    checked: int = 0
    broken: int
    status: Status
    detail: str = ""
    tolerance: float | None = None
    measured: float | None = None
    bound: float | None = None
    remedy: str = ""
    offenders: tuple[dict[str, Any], ...] = ()
    withheld: str = ""

    @property
    def effect(self) -> str:
        """Its status, in the word that people expect: rows that break a rejecting rule are rejected, not tolerated."""
        return "rejected" if self.status == "tolerated" and self.severity == "reject" else self.status

    @property
    def extent(self) -> float:
        """How far the rule is broken: the share of rows; of a measure, its distance from the bound in terms of that."""
        if self.measured is not None and self.bound is not None:
            return abs(self.measured - self.bound) / (abs(self.bound) or 1.0)
        return self.broken / self.checked if self.checked else 1.0

    @property
    def found(self) -> str:
        """What was found, in words: `it is 57.5%`, `26 of 914 rows (2.8%) break it`; empty where there is nothing to say."""
        if self.detail:
            return self.detail
        if self.measured is not None:
            share = "%" in self.sentence and self.bound is not None and abs(self.bound) <= 1
            return f"it is {percent(self.measured)}" if share else f"it is {self.measured:,.6g}"
        if not self.broken:
            return ""
        if not self.offenders:
            return "not here"
        return f"{self.broken:,} of {self.checked:,} rows ({percent(self.broken / self.checked)}) break it"

    def values(self, offender: Mapping[str, Any]) -> str:
        """The key and the values of an offending row, in print; why they are withheld, if they are."""
        told = (f"{in_print(name)} {in_print(str(value))}" for name, value in offender.items() if name != "row")
        return ", ".join(told) or self.withheld


class Unusual(BaseModel):
    """A statistic of a partition that is unlike those of the partitions before.

    Attributes:
        statistic: `<column>.<what>`, `rows` or `merged`; see `gate.profile`.
        surprise: How far it is off, in terms of how far it may be: more than 1.
        told: All that in words.
        value: What it is; only of public data.
        before: What it was in the 28 partitions before, the latest last; only of public data.
        limit, broken: Beyond what it is unusual, and a break, on the side where it is; None if it cannot get there, and of data
            that is not public.
    """

    model_config = ConfigDict(frozen=True)

    statistic: str
    surprise: float
    told: str
    value: float | None = None
    before: tuple[float | None, ...] = ()
    limit: float | None = None
    broken: float | None = None


class Rows(BaseModel):
    """Where the rows of a partition went: `delivered + added = published + rejected + merged + dropped`, always.

    Attributes:
        delivered: Rows that came in.
        published: Rows that are good (they are published only if the gate passes).
        rejected: Rows that break a rejecting rule; they are in quarantine.
        merged: Rows that equal another one in every column.
        added, dropped: Rows that corrections added, and left out.
        normalised: Rows that `normalise` changed; they are counted above, too.
        corrected: Rows of which corrections set a value; they are counted above, too.
        released: Rows of the same delivery that lay in quarantine, and are published now; they are counted above, too.
    """

    model_config = ConfigDict(frozen=True)

    delivered: int
    published: int
    rejected: int = 0
    merged: int = 0
    added: int = 0
    dropped: int = 0
    normalised: int = 0
    corrected: int = 0
    released: int = 0


class Rejection(BaseModel):
    """That a verdict had rejected a row, or several.

    Attributes:
        verdict: Its id.
        reasons: The rules that were broken.
    """

    model_config = ConfigDict(frozen=True)

    verdict: str
    reasons: tuple[str, ...]


class Released(Rejection):
    """Rows of a delivery that an earlier verdict had rejected, and this one does not.

    Attributes:
        rows: Their numbers in the delivery.
        earlier: What had rejected them before that, the oldest first.
    """

    rows: tuple[int, ...]
    earlier: tuple[Rejection, ...] = ()


class AppliedCorrection(BaseModel):
    """What a correction did to a partition.

    Attributes:
        id: SHA-256 of all that its entry says.
        what: What it does, in a line.
        rows: The rows that it changed, dropped or added.
        reason, requested_by, reference: As its entry says.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    what: str
    rows: int
    reason: str
    requested_by: str
    reference: str


class Verdict(BaseModel):
    """What a gate decided on one partition, and on what grounds.

    Attributes:
        gate: `envelope` or `content`.
        number: Which verdict of this gate on this partition it is, from 1; 0 as long as it is not written here.
        dataset: The dataset.
        partition: Its partition.
        depends_on: Everything that the decision depends on: delivery or inputs, versions of contract, gate and references.
        arrived: By ingested dataset, when the newest delivery that it is about was received, in UTC.
        passed: Whether data may flow on.
        files: The names of the delivered files that it is about.
        file_rows: How many rows each of them has, where there are several that can be read.
        reasons: Why it was refused, in words; empty if it passed.
        remedy: The way out; empty if it passed.
        judged_at: When, in UTC.
        rows: Where the rows went; None if they could not be counted.
        rules: What each rule found.
        corrections: What was corrected before.
        profile: What the good rows are like, to compare later partitions with; of the content gate, where there are partitions.
        unusual: The statistics of it that are unlike those before, the worst first.
        released: Which rows were released, and why they had been rejected; the first 1,000 of `rows.released`.
    """

    model_config = ConfigDict(frozen=True)

    gate: Gate
    number: int = 0
    dataset: str
    partition: Partition
    depends_on: dict[str, Any]
    arrived: dict[str, datetime] = {}
    passed: bool
    files: tuple[str, ...] = ()
    file_rows: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    remedy: str = ""
    judged_at: datetime
    rows: Rows | None = None
    rules: tuple[RuleResult, ...] = ()
    corrections: tuple[AppliedCorrection, ...] = ()
    profile: Profile | None = None
    unusual: tuple[Unusual, ...] = ()
    released: tuple[Released, ...] = ()

    @property
    def id(self) -> str:
        """SHA-256 of all that the decision depends on."""
        return digest(self.depends_on)

    @property
    def why(self) -> str:
        """Why it was refused, in one line: the files, the reasons, and the way out; empty if it passed."""
        told = "; ".join(self.reasons)
        return (f"{some(self.files)}: " if self.files and told else "") + told + (f". {self.remedy}" if self.remedy else "")

    def place(self, row: int) -> str:
        """The number of a row, and where several files were delivered, where it stands: `6 (row 2 of b.csv)`."""
        before = 0
        for name, rows in zip(self.files, self.file_rows, strict=False):  # without rows, it is from before they were counted
            if row - before <= rows:
                return f"{row} (row {row - before} of {in_print(name)})"
            before += rows
        return str(row)

    @property
    def warnings(self) -> list[RuleResult]:
        """The rules that warn."""
        return [rule for rule in self.rules if rule.status == "warned"]

    @property
    def accepted(self) -> str:
        """Why it is right although it is unlike what came before it; empty if it is not, or if nobody said so."""
        unlike = any(rule.status == "accepted" for rule in self.rules)
        return str(self.depends_on["accepted"]) if unlike else ""


def terms(dataset: Dataset) -> dict[str, Any]:
    """Among the grounds of every verdict on a dataset: its contract, and the gates themselves."""
    return {"contract": dataset.version, "gate": VERSION}


def digest(value: Any) -> str:
    """SHA-256 of a JSON value in its canonical form, as hex."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
