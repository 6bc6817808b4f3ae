"""What prod has published is a promise: what breaks with it is not put in its place. Elsewhere nobody relies on it."""

from contextlib import suppress
from datetime import datetime

from dataops_assets.contract import Dataset
from dataops_assets.contract.breaking import REMEDY, breaks
from dataops_assets.steps.content import NotReady
from dataops_assets.storage import mark
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.lake import Lake, name_of
from dataops_assets.storage.provenance import Provenance


def keep_promises(lake: Lake, dataset: Dataset, now: datetime) -> None:
    """See that the contract does not break with what prod has published.

    Raises:
        NotReady: It does.
    """
    if broken := broken_promise(lake, dataset, now):
        raise NotReady(f"{name_of(dataset, None)}: {broken}")


def broken_promise(lake: Lake, dataset: Dataset, now: datetime) -> str:
    """How the contract breaks with what prod has published, in words; empty if it does not.

    The newest partition tells of all, since none was published that broke with the one before.
    """
    if not mark.is_prods(lake.store.itself):
        return ""
    stands = _newest(lake.at_a_glance(), dataset, now)
    broken = breaks(stands.columns, stands.key, dataset) if stands else []
    return f"its contract breaks with what is published: {'; '.join(broken)}. Others rely on it: {REMEDY}" if broken else ""


def _newest(lake: Lake, dataset: Dataset, now: datetime) -> Provenance | None:
    for partition in reversed(dataset.partitions.keys(now)) if dataset.partitions else [None]:
        with suppress(Damaged):  # whoever makes that partition is told
            if made := lake.published(dataset, partition):
                return made
    return None
