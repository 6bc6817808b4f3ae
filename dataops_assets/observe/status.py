"""What is there, in words: every dataset in a table, or one dataset in full.

Here: how counts, verdicts and contracts read as plain text. Not here: the counting (`tally.py`), and pictures (`map.py`).
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import zip_longest

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone
from dataops_assets.gate.wording import moment
from dataops_assets.observe import awaited
from dataops_assets.observe.corrections import expired
from dataops_assets.observe.erasures import open_requests
from dataops_assets.observe.map import writer_of, zones_of
from dataops_assets.observe.plan import planned
from dataops_assets.observe.tally import Tally, tally_all
from dataops_assets.steps.correcting import misfits
from dataops_assets.steps.deriving import why_missing
from dataops_assets.steps.pending import not_whole, partitions_of
from dataops_assets.storage import landing
from dataops_assets.storage.deliveries import Receipt
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.lake import Lake, name_of

_WIDTH = 100
_LABEL = 14
_MOST = 5
_COLUMNS = {"dataset": 27, "published": 9, "state": 14, "owner": 12, "readers": 20, "keep": 8}
_SINCE: dict[Zone, str] = {
    "landing": "after it was dropped",
    "raw": "after it was received",
    "staged": "after it was published",
    "quarantine": "after it was rejected",
    "curated": "after it was published",
}


def overview(lake: Lake, now: datetime) -> str:
    """Every dataset in a table, the worst first.

    Args:
        lake: Where the datasets lie.
        now: The time, which decides what is expected.
    """
    found = sorted(((tally_all(lake, dataset, now), dataset) for dataset in lake.catalog), key=_worst_first)
    published, expected = sum(t.published for t, _ in found), sum(t.expected for t, _ in found)
    rows = [_row(lake, dataset, t) for t, dataset in found]
    return "\n".join(
        [
            f"{len(found)} datasets in {lake.store.where}; partitions published: {published:,} of {expected:,}",
            *([f"what is not there is read from {lake.base.where}"] if lake.base else ()),
            "",
            *_table([list(_COLUMNS), *rows]),
            "",
            *(line for t, dataset in found for line in _wrapped(_awaited(dataset, t))),
            *map(str, landing.foreign(lake.landing, lake.catalog)),
            *(line for told in open_requests(lake, now) for line in _wrapped(told)),
            "more: dataops status DATASET",
        ]
    )


def describe(lake: Lake, dataset: Dataset, now: datetime) -> str:
    """One dataset in full: what it is, where from, whether it is good, who may read it, until when, and who does.

    Args:
        lake: Where the datasets lie.
        dataset: The dataset.
        now: The time, which decides what is expected.
    """
    answers = {
        "what is it": _what(lake, dataset, now),
        "where from": _origin(lake, dataset, now),
        "is it good": _quality(lake, dataset, now),
        "who may": _access(lake, dataset),
        "until when": _keeping(lake, dataset),
        "who reads it": _downstream(lake, dataset),
    }
    lines = [name_of(dataset, None)]
    for question, answer in answers.items():
        lines.append("")
        label = question
        for sentence in answer:
            for line in _wrapped(sentence, _WIDTH - _LABEL):
                lines.append(f"{label:{_LABEL}}{line}")
                label = ""
    return "\n".join(lines)


def _awaited(dataset: Dataset, t: Tally) -> str:
    told = "; ".join(awaited.sentences(dataset, t.awaited))
    return f"{name_of(dataset, None)}: {told}" if told else ""


def _wrapped(text: str, width: int = _WIDTH) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _worst_first(found: tuple[Tally, Dataset]) -> tuple[int, int, int, int, str]:
    t, dataset = found
    return -len(t.damaged), -len(t.refusals), -len(t.absent) - t.is_old, -t.warned, name_of(dataset, None)


def _state(t: Tally) -> str:
    counts = {"damaged": len(t.damaged), "refused": len(t.refusals), "missing": len(t.absent), "to be run": len(t.pending)}
    told = [f"{count} {word}" for word, count in counts.items() if count] + ["late"] * t.is_old or ["good"]
    return ", ".join(told + ([f"{t.warned} warned"] if t.warned else []))


def _row(lake: Lake, dataset: Dataset, t: Tally) -> list[str]:
    return [
        name_of(dataset, None),
        f"{t.published}/{t.expected}",
        _state(t),
        dataset.attributes.owner,
        ", ".join(dataset.attributes.readers),
        str(lake.catalog.keep(dataset, dataset.zone)),
    ]


def _table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows of cells that are wrapped to the widths of the columns."""
    widths = list(_COLUMNS.values())
    for row in rows:
        cells = [textwrap.wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            yield "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()


def _what(lake: Lake, dataset: Dataset, now: datetime) -> Iterator[str]:
    yield dataset.attributes.description
    if ending := lake.catalog.ending(dataset):
        yield f"it has ended, and what arrives is not made any more: {ending}" if dataset.has_ended(now) else ending
    yield f"{len(dataset.schema.columns)} columns; key: {', '.join(dataset.attributes.key)}"
    partitions = dataset.partitions
    if partitions:
        end = f"to {partitions.key_of(partitions.end)}" if partitions.end else "on"
        start = partitions.key_of(partitions.start)
        yield f"one partition every {partitions.every}, from {start} {end}, time zone {partitions.timezone}"
    else:
        yield "one part, without partitions"
    below = lake.beneath(dataset)
    yield f"lies in {lake.store.address(name_of(dataset, None))}" + (f", and else in {below.where}" if below else "")


def _origin(lake: Lake, dataset: Dataset, now: datetime) -> Iterator[str]:
    if dataset.ingested:
        yield f"{dataset.ingested.source.provider} delivers {dataset.ingested.source.files} into landing/{dataset.deliveries}"
        yield from _deliveries(lake, dataset, now)
    inputs = dataset.derived.inputs if dataset.derived else ()
    if inputs:
        yield f"made by {dataset.folder}/transform.py from {_names(lake, inputs)}"
    ending = (lake.catalog[name] for name in dataset.upstream if lake.catalog[name].attributes.ends)
    yield from (f"{name_of(other, None)} is {lake.catalog.ending(other)}" for other in ending)
    looked_up = [reference.dataset for reference in dataset.attributes.references]
    if looked_up:
        yield f"its gate looks values up in {_names(lake, dict.fromkeys(looked_up))}"


def _deliveries(lake: Lake, dataset: Dataset, now: datetime) -> Iterator[str]:
    partitions = partitions_of(dataset, now)
    arrived = lake.store.each(partial(_receipts, lake, dataset), partitions)
    received = [(receipt.received_at, key) for key, several in zip(partitions, arrived, strict=True) for receipt in several]
    if received:
        # Many are received at one moment; the last of them is the newest partition.
        at, partition = sorted(received, key=lambda pair: pair[0])[-1]
        yield f"deliveries received: {len(received):,}, the newest{_for(partition)} at {moment(at)}"
    else:
        yield "nothing was received yet"
    waiting = not_whole(lake, dataset, now)
    yield from _first([f"a delivery{_for(a.partition)} lies in landing, waiting for {a.waiting_for}" for a in waiting])
    strays = landing.strays(lake.landing, dataset, now)
    yield from _first(list(map(str, strays)))


def _receipts(lake: Lake, dataset: Dataset, partition: Partition) -> list[Receipt]:
    with suppress(Damaged):  # the question whether it is good names it
        return lake.receipts(dataset, partition)
    return []


def _quality(lake: Lake, dataset: Dataset, now: datetime) -> Iterator[str]:
    t = tally_all(lake, dataset, now)
    gaps = f", declared gaps among them: {t.gaps:,}" if t.gaps else ""
    yield f"{_state(t)}; partitions published: {t.published:,} of {t.expected:,}{gaps}"
    gaps_declared = dataset.ingested.gaps if dataset.ingested else ()
    came = [gap.partition for gap in gaps_declared if _receipts(lake, dataset, gap.partition)]
    yield from _first([f"declared a gap, but delivered: {key}: the delivery counts; take it out of `gaps`" for key in came])
    if lake.base:
        yield lake.sides(dataset, partitions_of(dataset, now))
    if t.delivered:
        rows = {"rows in": t.delivered, "good": t.good, "rejected": t.rejected, "merged": t.merged, "normalised": t.normalised}
        edits = {"corrected": t.corrected, "added": t.added, "dropped": t.dropped}
        rows |= {name: count for name, count in edits.items() if count}
        yield ", ".join(f"{name}: {count:,}" for name, count in rows.items())
    if t.delivered_in_refused:
        before = f"; of the good, {t.good_before_refused:,} are of versions before" if t.good_before_refused else ""
        yield f"of the rows in, {t.delivered_in_refused:,} are of deliveries that were refused{before}"
    yield from _first([f"{name_of(dataset, partition)}: {damage}" for partition, damage in t.damaged.items()])
    told_of = [partition for partition in partitions_of(dataset, now)[::-1] if partition not in t.damaged]
    verdicts = filter(None, (lake.newest_verdict(dataset, partition) for partition in told_of))
    # Many are given at one moment; the last of them is that on the newest partition.
    if latest := max(verdicts, key=lambda verdict: verdict.judged_at, default=None):
        word = "passed" if latest.passed else "refused"
        yield f"the last word{_for(latest.partition)}: {word} by the {latest.gate} gate at {moment(latest.judged_at)}"
    if t.pending:
        yield from _first([f"to be run: {one}" for one in planned(lake, [dataset], now)])
    yield from _first(list(_refusals(dataset, t)))
    yield from awaited.sentences(dataset, t.awaited)
    if t.unmade:
        yield f"missing: {len(t.unmade):,}, the first: {why_missing(lake, dataset, t.unmade[0], now)}"
    waiting = ((key, misfits(lake, dataset, key, now.date())) for key in sorted(t.pending, key=str))
    yield from _first([f"not corrected: {name_of(dataset, key)}: {why}" for key, why in waiting if why])
    yield from _first([f"accepted: {name_of(dataset, partition)}: {reason}" for partition, reason in t.accepted.items()])
    yield from _first([f"an expired correction: {expired(one)}" for one in t.expired])
    yield from _rules(lake, dataset, t)


def _refusals(dataset: Dataset, t: Tally) -> Iterator[str]:
    for partition, verdict in t.refusals.items():
        stays = "" if partition in t.missing else "; the version before it is read"
        what = f"{name_of(dataset, partition)} by its {verdict.gate} gate at {moment(verdict.judged_at)}"
        yield f"refused: {what}: {verdict.why}{stays}"


def _rules(lake: Lake, dataset: Dataset, t: Tally) -> Iterator[str]:
    """What broke rules: what was warned of, what was rejected, what the contract tolerates."""
    warned = [f"{rule} {len(where)} (the last{_for(where[-1])})" for rule, where in t.warnings.items()]
    rejected = [f"{rule} {count:,}" for rule, count in t.rejecting.most_common()]
    tolerated = [f"{rule} {count:,}" for rule, count in t.tolerated.most_common()]
    if warned:
        yield f"warned of, by partitions: {', '.join(warned)}"
    if tolerated:
        yield f"tolerated, by rows: {', '.join(tolerated)}"
    if rejected:
        yield f"rejected, by rows: {', '.join(rejected)}"
        yield f"rejected rows lie in {lake.store.address(f'quarantine/{dataset.name}')}"


def _access(lake: Lake, dataset: Dataset) -> Iterator[str]:
    attributes, policy = dataset.attributes, lake.catalog.policy
    yield f"owner: {attributes.owner}, {policy.owners[attributes.owner].contact}"
    yield f"readers: {', '.join(attributes.readers)}"
    yield f"classification: {attributes.classification}. {policy.classifications[attributes.classification]}"
    if dataset.derived and dataset.derived.declassified:
        yield f"declassified: {dataset.derived.declassified}"
    writers: dict[str, list[Zone]] = {}
    for zone in zones_of(dataset):
        writers.setdefault(writer_of(dataset, zone), []).append(zone)
    for writer, zones in writers.items():
        yield f"writer of {', '.join(zones)}: {writer}"


def _keeping(lake: Lake, dataset: Dataset) -> Iterator[str]:
    choice = dataset.attributes.lifecycle
    yield f"lifecycle class {choice.name}. {lake.catalog.policy.lifecycles[choice.name].description}"
    for zone in zones_of(dataset):
        told = lake.catalog.retention(dataset, zone).in_words(_SINCE[zone])
        differs = f"; its class says otherwise, but {choice.reason}" if zone in choice.overrides else ""
        yield f"{zone + ':':12}{told}{differs}"


def _downstream(lake: Lake, dataset: Dataset) -> Iterator[str]:
    others = lake.catalog.readers_of(dataset)
    made = [other.name for other in others if other.derived and dataset.name in other.derived.inputs]
    looking = [other.name for other in others if other.name not in made]
    if made:
        yield f"made from it: {_names(lake, made)}"
    if looking:
        yield f"whose gates look values up in it: {_names(lake, looking)}"
    if not others:
        yield "no dataset"


def _names(lake: Lake, names: Iterable[str]) -> str:
    return ", ".join(name_of(lake.catalog[name], None) for name in names)


def _first(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:_MOST]
    if len(lines) > _MOST:
        yield f"… and {len(lines) - _MOST:,} more"


def _for(partition: Partition) -> str:
    return f" for {partition}" if partition else ""
