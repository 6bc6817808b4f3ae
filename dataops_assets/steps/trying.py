"""A file that is tried: judged as a delivery of it would be, and nothing is kept.

Not here: what is received and published (`receiving`, `staging`).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from dataops_assets.contract import Dataset, Partition
from dataops_assets.gate.verdict import Verdict
from dataops_assets.steps.content import content_verdict
from dataops_assets.steps.receiving import RowCounts, envelope_verdict, read_good
from dataops_assets.steps.staging import try_rows
from dataops_assets.storage.deliveries import Receipt, ReceivedFile, hash_of
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.store import hash_file

_MEND = "Mend it, or change the rule"


def try_files(lake: Lake, dataset: Dataset, partition: Partition, files: Sequence[Path], now: datetime) -> Iterator[Verdict]:
    """Judge files of this machine as one delivery.

    They may be called anything: how they are written is told by the ending of the first. No control totals come with them.

    Yields:
        What the envelope gate says, and if that passes, what the content gate says. Neither is kept.

    Raises:
        NotReady: A dataset that the rules refer to is not published.
        CodeError: A function of the dataset's own fails.
        CorrectionError: A correction does not fit the rows.
    """
    assert dataset.ingested
    source = dataset.ingested.source.model_copy(update={"files": files[0].name})
    each = tuple(ReceivedFile(name=file.name, sha256=hash_file(file), bytes=file.stat().st_size) for file in files)
    receipt = Receipt(sha256=hash_of(each), received_at=now, files=each, landed="")
    read = files, receipt.names, source
    history = RowCounts(lake, dataset).before(partition)
    envelope = envelope_verdict(lake, dataset, partition, receipt, read, history, now)
    yield envelope
    if envelope.passed:
        text, numbers = read_good(dataset, partition, read)
        accepted = str(envelope.depends_on.get("accepted", ""))
        found = try_rows(lake, dataset, partition, text, now, accepted, numbers)
        named = receipt.names, envelope.file_rows
        verdict = content_verdict(dataset, partition, found, envelope.depends_on, now, {dataset.name: now}, *named)
        yield verdict if verdict.passed else verdict.model_copy(update={"remedy": _MEND})
