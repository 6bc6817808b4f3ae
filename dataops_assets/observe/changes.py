"""What the contracts of another commit promise otherwise: what breaks, who may read, what is judged anew.

Not here: how that commit is read (`cli.changing`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from dataops_assets.contract import Catalog, Dataset, Partitions
from dataops_assets.contract.breaking import breaks
from dataops_assets.contract.schema import columns_of


@dataclass(frozen=True)
class Change:
    """What a dataset promises otherwise than before.

    Attributes:
        dataset: Its name.
        breaks: What its readers relied on and do not find any more, in words.
        told: What else differs, in words.
    """

    dataset: str
    breaks: tuple[str, ...]
    told: tuple[str, ...]


def changes(before: Catalog, after: Catalog, now: datetime) -> list[Change]:
    """Every dataset that promises something else than before; those that break with it first.

    Args:
        before: What was promised.
        after: What is promised.
        now: The time, which decides what has ended.
    """
    named = dict.fromkeys((*before.datasets, *after.datasets))
    found = [_change(before.datasets.get(name), after.datasets.get(name), now) for name in named]
    return sorted(filter(None, found), key=lambda change: (not change.breaks, change.dataset))


def _change(was: Dataset | None, after: Dataset | None, now: datetime) -> Change | None:
    if was is None or after is None:
        return _removed(was, now) if was else Change(after.name, (), ("is new",)) if after else None
    broken = (*breaks(columns_of(was.schema.polars), was.attributes.key, after), *_moved(was, after))
    told = tuple(_told(was, after))
    return Change(after.name, broken, told) if broken or told else None


def _moved(was: Dataset, after: Dataset) -> Iterator[str]:
    """What lies elsewhere, or is not there any more: partitions of another length, or fewer of them."""
    here, there = was.attributes.partitions, after.attributes.partitions
    if was.zone != after.zone:
        yield f"it lay in {was.zone} and lies in {after.zone}"
    if (here is None) != (there is None) or (here and there and (here.every, here.timezone) != (there.every, there.timezone)):
        yield f"it had {_partitions(here)} and has {_partitions(there)}"
    elif here and there:
        if there.first > here.first:
            yield f"it began with {here.key_of(here.first)} and begins with {there.key_of(there.first)}"
        if there.last and (here.last is None or there.last < here.last):
            upto = f"to {here.key_of(here.last)}" if here.last else "on without an end"
            yield f"it went {upto} and ends with {there.key_of(there.last)}"


def _partitions(partitions: Partitions | None) -> str:
    return f"a partition for every {partitions.every} in {partitions.timezone}" if partitions else "no partitions"


def _removed(was: Dataset, now: datetime) -> Change:
    ends = was.attributes.ends
    if ends and was.has_ended(now):
        return Change(was.name, (), (f"is declared no more; it was made until {ends.after}",))
    promised = f"was to be made until {ends.after}" if ends else "had no end"
    return Change(was.name, (f"is declared no more, and {promised}",), ())


def _told(was: Dataset, now: Dataset) -> Iterator[str]:
    more = [name for name in now.schema.columns if name not in was.schema.columns]
    if more:
        yield f"has more columns: {', '.join(more)}"
    since = now.ingested.source.since if now.ingested else {}
    newer = [name for name in now.delivered.columns if name not in was.delivered.columns and name not in since]
    if newer and now.partitions:
        remedy = "if the provider has not always delivered them, name the partition that each came with under `source.since`"
        yield f"refuses every delivery without {', '.join(newer)}: {remedy}"
    loose = [name for name, one in now.schema.columns.items() if one.nullable and _was_filled(was, name)]
    if loose:
        yield f"may be without a value now: {', '.join(loose)}"
    for group in now.attributes.readers:
        if group not in was.attributes.readers:
            yield f"is read by {group}, too"
    for group in was.attributes.readers:
        if group not in now.attributes.readers:
            yield f"is read by {group} no more"
    if (here := was.attributes.classification) != (there := now.attributes.classification):
        values = "shown" if now.is_public else "withheld"
        yield f"is {there}, it was {here}" + (f": values are {values} from now on" if was.is_public != now.is_public else "")
    if now.attributes.ends != was.attributes.ends:
        yield f"is made until {now.attributes.ends.after}" if now.attributes.ends else "has no end any more"
    if was.version != now.version:
        yield f"every partition is {'judged' if now.ingested else 'made'} again"
    if [one.attributes for one in was.corrections] != [one.attributes for one in now.corrections]:
        yield "its corrections differ: the partitions that they are for are judged again"


def _was_filled(was: Dataset, name: str) -> bool:
    return name in was.schema.columns and not was.schema.columns[name].nullable
