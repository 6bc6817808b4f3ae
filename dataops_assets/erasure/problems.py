"""The mistakes in `erasures.yaml` that can be told before anything is read."""

from collections.abc import Iterator, Sequence

from dataops_assets.contract import Catalog, Dataset, Erasure, Problem
from dataops_assets.contract.errors import Mistake, choose


def erasure_problems(catalog: Catalog) -> list[Problem]:
    """Every mistake in the requests: in each by itself, and between them."""
    found = [problem for erasure in catalog.erasures for problem in _of(erasure, catalog)]
    return found + list(_twice(catalog.erasures))


def _of(erasure: Erasure, catalog: Catalog) -> Iterator[Problem]:
    said = erasure.attributes
    if said.requested_by not in catalog.policy.owners:
        message = f"unknown owner `{said.requested_by}`"
        yield erasure.problem(("requested_by",), message, choose(said.requested_by, catalog.policy.owners))
    dataset = catalog.datasets.get(said.dataset)
    if dataset is None:
        yield erasure.problem(("dataset",), f"unknown dataset `{said.dataset}`", choose(said.dataset, catalog.datasets))
        return
    if dataset.derived:
        remedy = f"name what it is made from: {' or '.join(dataset.derived.inputs)}"
        yield erasure.problem(("dataset",), f"`{dataset.name}` is made here, not delivered", remedy)
        return
    for column in said.subject or ():
        if column not in dataset.delivered.columns:
            message = f"`{dataset.name}` is delivered without a column `{column}`"
            yield erasure.problem(("subject", column), message, choose(column, dataset.delivered.columns))
    yield from _extent(erasure, dataset)


def _extent(erasure: Erasure, dataset: Dataset) -> Iterator[Problem]:
    extent = erasure.attributes.partitions
    if extent in (None, "all"):
        return
    if dataset.partitions is None:
        yield erasure.problem(("partitions",), f"`{dataset.name}` has no partitions", "write `all`")
        return
    try:
        first, last = (dataset.partitions.first_day(key) for key in extent)
    except (Mistake, ValueError) as error:
        like = dataset.partitions.key_of(dataset.partitions.start)
        yield erasure.problem(("partitions",), str(getattr(error, "message", error)), f"write both like {like}")
        return
    if last < first:
        yield erasure.problem(("partitions",), f"the last, {extent[1]}, is before the first, {extent[0]}", "swap them")


def _twice(erasures: Sequence[Erasure]) -> Iterator[Problem]:
    seen: dict[str, Erasure] = {}
    for erasure in erasures:
        if other := seen.get(erasure.name):
            yield erasure.problem(("request",), f"`{erasure.name}` stands in {other.at}, too", "give each a name of its own")
        seen[erasure.name] = erasure
