"""What the gates ask of a dataset, in words, in the order in which it is asked.

Not here: what they found (`partition`).
"""

from collections.abc import Iterator
from datetime import date

import polars as pl

from dataops_assets.contract import Dataset
from dataops_assets.gate.envelope import Earlier, Part, judge_envelope
from dataops_assets.gate.rules import STATISTICS, Rule, compile_rules
from dataops_assets.gate.wording import in_print, percent
from dataops_assets.storage.lake import name_of

_BY_HASH = "by the hashes of the columns; rows that are equal in every column are merged before"
_CALLED = "through pandera, on the columns that it looks at"
_BY_JOIN = "by a join with another dataset"
_IN_ONE_PASS = "in one pass over all rows"
_OVER_TIME = "by the partitions before"


def explain(dataset: Dataset, today: date) -> str:
    """Every rule of a dataset: what it demands, what it does when broken, and how it is evaluated.

    Args:
        dataset: The dataset.
        today: The day, which decides what is still in shadow.
    """
    lines = [name_of(dataset, None)]
    if dataset.ingested:
        lines += ["", "the envelope gate asks of each delivery, in this order", *_envelope(dataset)]
    typed = "typed, normalised and corrected" if dataset.ingested else "made"
    share = dataset.attributes.tolerance
    lines += ["", f"the content gate asks of its rows, once they are {typed}, in this order"]
    lines.append(f"  more than {percent(share)} of the rows rejected refuses the partition")
    rules = compile_rules(dataset, today)
    for step in (_BY_HASH, _CALLED, _BY_JOIN, _IN_ONE_PASS, _OVER_TIME):
        asked = [line for rule in rules if _step(rule) == step for line in _rule(rule)]
        lines += ["", f"  {step}", *asked] if asked else []
    return "\n".join(lines)


def _envelope(dataset: Dataset) -> Iterator[str]:
    """The rules of the envelope gate, as it tells them of a delivery of one row that takes the place of another."""
    a_row = pl.DataFrame({name: [None] for name in dataset.delivered.columns})
    partitions = dataset.partitions
    first = partitions.key_of(partitions.first) if partitions else None
    for result in judge_envelope(dataset, first, [Part("", "", 0, {}, rows=1)], [a_row], [], {}, Earlier("", rows=1)):
        yield f"    {result.rule} · {result.severity}"
        yield f"        {result.sentence}"


def _step(rule: Rule) -> str:
    if rule.kind == "key":
        return _BY_HASH
    if rule.called:
        return _CALLED
    if rule.reference:
        return _BY_JOIN
    return _OVER_TIME if rule.name == STATISTICS else _IN_ONE_PASS


def _rule(rule: Rule) -> Iterator[str]:
    columns = ", ".join(rule.columns)
    of = " by ".join(filter(None, ("the whole delivery", columns))) if rule.kind == "frame" else columns
    yield f"    {rule.name} · {_effect(rule)} · {of}"
    yield f"        {rule.sentence}"
    if rule.called:
        yield f"        {rule.called.why}" + (f"; held in memory: {columns}" if columns and not rule.called.by_value else "")
    elif _step(rule) == _IN_ONE_PASS and rule.kind != "type":
        yield f"        {in_print(' '.join(str(rule.passes).split()))}"


def _effect(rule: Rule) -> str:
    """What it does when broken, and from which share of rows on."""
    if rule.kind == "frame" or rule.tolerance == (1.0 if rule.severity == "reject" else 0.0):
        return rule.severity
    beyond = f"{rule.severity} beyond" if rule.severity != "reject" else "reject, and refuse all beyond"
    return f"{beyond} {percent(rule.tolerance)} of the rows"
