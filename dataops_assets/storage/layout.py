"""Keys: where each thing lies, in every store alike.

landing/<dataset>/…                                    what providers drop
raw/<dataset>/[date=…/]<sha256>.<ending>               every delivered file, byte for byte
raw/<dataset>/[date=…/]_deliveries/<time>-<sha256>.json   a receipt for every arrival
staged|quarantine|curated/<dataset>/[date=…/]data.parquet
_verdicts/<gate>/<dataset>/[date=…/]<id>.json
_provenance/<sha256>/<zone>/<dataset>/[date=…/]<time>-<commit>.json   how an object came to be, by its bytes
_tmp/…, _<name>.lock                      what is being written, and by whom; only in a store that is a folder
"""

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone


def folder(dataset: Dataset, partition: Partition) -> str:
    """The dataset's name, and the partition in hive style: `flights/date=2013-01-05`."""
    if partition is None or dataset.partitions is None:
        return dataset.name
    return f"{dataset.name}/{dataset.partitions.hive_name}={partition}"


def data(zone: Zone, dataset: Dataset, partition: Partition) -> str:
    """The object that holds a partition's rows."""
    return f"{zone}/{folder(dataset, partition)}/data.parquet"


def landing(dataset: Dataset) -> str:
    """The folder that the dataset's provider drops into."""
    return f"landing/{dataset.name}"


def raw(dataset: Dataset, partition: Partition) -> str:
    """The folder of the files delivered for a partition."""
    return f"raw/{folder(dataset, partition)}"


def receipts(dataset: Dataset, partition: Partition) -> str:
    """The folder of a partition's receipts."""
    return f"{raw(dataset, partition)}/_deliveries"


def verdicts(gate: str, dataset: Dataset, partition: Partition) -> str:
    """The folder of the verdicts on a partition."""
    return f"_verdicts/{gate}/{folder(dataset, partition)}"


def records(sha256: str) -> str:
    """The folder of the records of how some bytes came to be."""
    return f"_provenance/{sha256}"


def provenance(zone: Zone, dataset: Dataset, partition: Partition, sha256: str) -> str:
    """The folder of the records of how they came to be a partition's."""
    return f"{records(sha256)}/{zone}/{folder(dataset, partition)}"
