"""Why an object is as it is: from its bytes back to the deliveries, with verdicts, runs, code and identity.

Not here: what is there and whether it is good (`status`, `partition`).
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from dataops_assets.contract import Dataset, Partition
from dataops_assets.gate.wording import moment
from dataops_assets.lifecycle.made import Made, results
from dataops_assets.observe.corrections import applied
from dataops_assets.storage import deliveries, journal, layout
from dataops_assets.storage.deliveries import GAP, Receipt
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.provenance import MadeBy, Provenance
from dataops_assets.storage.store import Entry, Store


def why_bytes(lake: Lake, sha256: str, areas: Store | None = None) -> str:
    """How bytes came to be, by their hash, wherever a copy of them was found.

    Args:
        lake: What is published and received.
        sha256: The hash, as hex.
        areas: Where ad-hoc areas lie, if they are looked after here.

    Raises:
        LookupError: Nothing here has or had these bytes.
    """
    told = [line for made in lake.records(sha256) for line in _object(lake, made)]
    told += [line for entry, made in (results(areas, sha256) if areas else ()) for line in _result(lake, entry, made)]
    told = told or list(_delivered(lake, sha256))
    if not told:
        raise LookupError(f"nothing that was published or received here has the SHA-256 {sha256}")
    return "\n".join(told)


def _result(lake: Lake, entry: Entry, made: Made) -> Iterator[str]:
    """The result of a query in an ad-hoc area."""
    yield f"adhoc/{made.area} · {made.rows:,} rows · sha256 {made.sha256}"
    yield f"  recorded in {entry.key}"
    run = f" · run {made.run_id}" if made.run_id else ""
    yield f"  made {moment(made.made_at)} by {made.made_by.identity}{run} · code {_code(made.made_by)}"
    yield f"  for the readers {made.readers}, of {made.classification} data, by"
    yield from (f"    {line}" for line in made.sql.splitlines())
    yield "  made from" if made.inputs else "  made from nothing that is published here"
    for name, versions in made.inputs.items():
        yield from _input(
            lake, lake.catalog.datasets.get(name), name, {key or None: one for key, one in versions.items()}, "    "
        )


def why_published(lake: Lake, dataset: Dataset, partition: Partition) -> str:
    """How what is published of a partition came to be.

    Raises:
        LookupError: It is not published.
    """
    made = lake.published(dataset, partition)
    if made is None:
        raise LookupError(lake.why_missing(dataset, [partition]))
    return "\n".join(_object(lake, made))


def _object(lake: Lake, made: Provenance, indent: str = "") -> Iterator[str]:
    dataset = lake.catalog[made.dataset]
    name = f"{made.zone}/{made.dataset} {made.partition or ''}".strip()
    stands = lake.version(made.zone, dataset, made.partition) == made.sha256
    yield f"{indent}{name} · {made.rows:,} rows · sha256 {made.sha256}" + ("" if stands else " · replaced since")
    indent += "  "
    if stands:
        yield f"{indent}lies in {lake.address(made.zone, dataset, made.partition)}"
    yield f"{indent}published {moment(made.published_at)} by {made.made_by.identity} · run {made.run_id}"
    yield f"{indent}code {_code(made.made_by)} · contract {str(made.depends_on.get('contract'))[:12]}"
    if made.replaces not in (None, made.sha256):
        yield f"{indent}in place of sha256 {made.replaces}"
    verdict = lake.verdict_of(made)
    if verdict and verdict.rows:
        counts = ", ".join(f"{name} {count:,}" for name, count in verdict.rows.model_dump().items() if count)
        warned = f" · {len(verdict.warnings)} warned" if verdict.warnings else ""
        yield f"{indent}its content gate {'passed' if verdict.passed else 'refused'} it: {counts}{warned}"
    yield from (f"{indent}{applied(one)}" for one in (verdict.corrections if verdict else ()))
    yield f"{indent}made from"
    if "delivery" in made.depends_on:
        yield from _delivery(lake, dataset, made, indent + "  ")
    for name, versions in made.depends_on.get("inputs", {}).items():
        yield from _input(lake, lake.catalog.datasets.get(name), name, versions, indent + "  ")
    for name, version in made.depends_on.get("references", {}).items():
        yield f"{indent}  looked up in {name} · sha256 {version}"


def _input(lake: Lake, dataset: Dataset | None, name: str, versions: Any, indent: str) -> Iterator[str]:
    if dataset is None:
        yield f"{indent}{name}, which is declared no more"
        return
    keys: dict[Partition, str] = versions if isinstance(versions, dict) else {None: versions}
    if len(keys) > 1:
        yield f"{indent}{dataset.zone}/{name} · {len(keys)} partitions, each as told by `dataops why` of its SHA-256"
        yield from (f"{indent}  {partition} · sha256 {version}" for partition, version in keys.items())
        return
    for partition, version in keys.items():
        made = lake.record(dataset, partition, version)
        if made:
            yield from _object(lake, made, indent)
        else:
            yield f"{indent}{dataset.zone}/{name} {partition or ''} · sha256 {version}, of which there is no record"


def _delivery(lake: Lake, dataset: Dataset, made: Provenance, indent: str) -> Iterator[str]:
    if made.depends_on["delivery"] == GAP:
        yield f"{indent}nothing: a declared gap"
        return
    for receipt in lake.receipts(dataset, made.partition):
        if receipt.received_at == made.arrived.get(dataset.name):
            yield from _erased(receipt, made.depends_on["delivery"], indent)
            yield from _receipt(lake, dataset, made.partition, receipt, indent)


def _erased(receipt: Receipt, sha256: str, indent: str) -> Iterator[str]:
    """What to know of bytes that were delivered, and were replaced because rows were erased."""
    if sha256 not in (*receipt.replaces, *(one.sha256 for one in receipt.erased)):
        return
    for request in dict.fromkeys(one.request for one in receipt.erased):
        ours = [one for one in receipt.erased if one.request == request]
        rows = sum(one.rows or 0 for one in ours)
        at = moment(ours[0].erased_at)
        yield f"{indent}erased as asked by {request} · {at} · {rows:,} rows were left out of sha256 {sha256}"
    yield f"{indent}in its place there is " + ("what follows" if receipt.files else "nothing: no row was left")


def _receipt(lake: Lake, dataset: Dataset, partition: Partition, receipt: Receipt, indent: str) -> Iterator[str]:
    provider = dataset.ingested.source.provider if dataset.ingested else ""
    yield f"{indent}a delivery by {provider} · received {moment(receipt.received_at)} · sha256 {receipt.sha256}"
    for file in receipt.files:
        yield f"{indent}  {file.name} · {file.bytes:,} bytes · {deliveries.raw_key(dataset, partition, file.sha256)}"
    judged = [v for v in lake.verdicts("envelope", dataset, partition) if v.depends_on.get("delivery") == receipt.sha256]
    for verdict in judged[-1:]:
        yield f"{indent}  its envelope gate {'passed' if verdict.passed else 'refused'} it: {verdict.why or 'all rules hold'}"


def _delivered(lake: Lake, sha256: str) -> Iterator[str]:
    """The deliveries that brought a file, or are it."""
    for dataset, partition in _where_received(lake, sha256):
        for receipt in lake.receipts(dataset, partition):
            if receipt.brought(sha256):
                yield f"raw/{dataset.name} {partition or ''}".strip()
                yield from _erased(receipt, sha256, "  ")
                yield from _receipt(lake, dataset, partition, receipt, "  ")


def _where_received(lake: Lake, sha256: str) -> list[tuple[Dataset, Partition]]:
    """Of several datasets that share their deliveries, each for which the partition is one."""
    found: dict[tuple[Dataset, Partition], None] = {}
    for dataset in lake.catalog:
        for store in filter(None, (lake.store, lake.beneath(dataset))):
            listed = list(store.list(layout.raw(dataset, None)))
            for entry, has in zip(listed, store.each(partial(_has, store, sha256), listed), strict=True):
                if has:
                    hive = next((step for step in entry.key.split("/") if "=" in step), None)
                    partition = hive.partition("=")[2] if hive else None
                    if not dataset.is_past_end(partition):
                        found[dataset, partition] = None
    return list(found)


def _has(store: Store, sha256: str, entry: Entry) -> bool:
    """Whether something in raw is a file with this hash, or the receipt of a delivery that has it."""
    folder, _, name = entry.key.rpartition("/")
    return sha256 in name or (folder.endswith("/_deliveries") and journal.read(store, entry, Receipt).brought(sha256))


def _code(made_by: MadeBy) -> str:
    if made_by.git_commit is None:
        return f"version {made_by.version}"
    changed = "" if made_by.clean else ", changed since"
    return f"{made_by.git_commit[:12]}{changed}" + (f" · image {made_by.image}" if made_by.image else "")
