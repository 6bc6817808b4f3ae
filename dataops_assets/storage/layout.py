"""Keys: where each thing lies, in every store alike.

landing/<deliveries>/…                                 what providers drop; under the name of the dataset, or the one before it
raw/<deliveries>/[date=…/]<sha256>.<ending>            every delivered file, byte for byte
raw/<deliveries>/[date=…/]_deliveries/<number>.json    a receipt for every arrival
staged|quarantine|curated/<dataset>/[date=…/]data.parquet
staged|curated/<dataset>/[date=…/]_dropped             in a branch: the partition is not to be read from prod
_verdicts/<gate>/<dataset>/[date=…/]<number>.json      every verdict
gate_results/<dataset>/data.parquet                    what every rule found in each of them, as a table
_provenance/<zone>/<dataset>/[date=…/]<number>-<sha256>.json   how an object came to be; the number is that of its verdict
_sha256/<sha256>/<zone>/<dataset>/[date=…/]<number>    nothing inside: its key leads from bytes to the record of them
_erasures/<request>.json                  when the last copy of what a request is about was gone
_deployment/prod.json                     prod's mark: whose storage this is, and since when
_doctor/<id>/…                            what `dataops doctor` tries the store with; removed at its end
_tmp/…, _<name>.lock                      what is being written, and by whom; only in a folder on this machine
"""

import re

from dataops_assets.contract import Dataset, Partition
from dataops_assets.contract.policy import Zone

LANDING = "landing"
"""The top of all that providers drop. Where it lies apart, its keys are the same: so a move is a copy."""
MARK = "_deployment/prod.json"
"""The object by which prod says that this is its storage."""
MARK_TAGS = {"lifecycle": "deployment", "readers": "branches"}
"""Its tags: a class that no policy names, so that no rule ends it, and who looks for it."""
MADE = "_made"
"""The folder, from the top of an ad-hoc area, of the records of what queries have put there: <sha256>.json."""
TRIALS = "_doctor"
"""Where `dataops doctor` tries a store."""
PLATFORM = {
    "_verdicts/": "verdicts",
    "_provenance/": "provenance",
    "_sha256/": "provenance",
    "_erasures/": "provenance",
    "gate_results/": "gate_results",
    "_deployment/": "mark",
    f"{TRIALS}/": "doctor",
}
"""What lies beside the zones, and which attribute of `platform` says how long it is kept."""


def folder(dataset: Dataset, partition: Partition) -> str:
    """The dataset's name, and the partition in hive style: `flights/date=2013-01-05`."""
    return dataset.name + _hive(dataset, partition)


def _hive(dataset: Dataset, partition: Partition) -> str:
    if partition is None or dataset.partitions is None:
        return ""
    return f"/{dataset.partitions.hive_name}={partition}"


def data(zone: Zone, dataset: Dataset, partition: Partition) -> str:
    """The object that holds a partition's rows."""
    return f"{zone}/{folder(dataset, partition)}/data.parquet"


def dropped(dataset: Dataset, partition: Partition) -> str:
    """The object that says that a branch has dropped a partition, which stays in prod."""
    return f"{dataset.zone}/{folder(dataset, partition)}/_dropped"


def landing(dataset: Dataset) -> str:
    """The folder that the dataset's provider drops into."""
    return f"{LANDING}/{dataset.deliveries}"


def raw(dataset: Dataset, partition: Partition) -> str:
    """The folder of the files delivered for a partition."""
    return f"raw/{dataset.deliveries}{_hive(dataset, partition)}"


def receipts(dataset: Dataset, partition: Partition) -> str:
    """The folder of a partition's receipts."""
    return f"{raw(dataset, partition)}/_deliveries"


def verdicts(gate: str, dataset: Dataset, partition: Partition) -> str:
    """The folder of the verdicts on a partition."""
    return f"_verdicts/{gate}/{folder(dataset, partition)}"


def gate_results(dataset: Dataset) -> str:
    """The object that holds the results of a dataset's gates."""
    return f"gate_results/{dataset.name}/data.parquet"


def provenance(zone: Zone, dataset: Dataset, partition: Partition) -> str:
    """The folder of the records of how a partition's objects came to be."""
    return f"_provenance/{zone}/{folder(dataset, partition)}"


def by_bytes(sha256: str) -> str:
    """The folder of the keys that lead from some bytes to their records."""
    return f"_sha256/{sha256}"


def erasure(request: str) -> str:
    """The object that says that nothing is left of what a request is about."""
    return f"_erasures/{request}.json"


def partition_in(dataset: Dataset, folders: list[str]) -> tuple[Partition, bool]:
    """The partition that the folders below a dataset's tell, and whether they are those of one of its partitions."""
    hive = f"{dataset.partitions.hive_name}=" if dataset.partitions else ""
    if not hive:
        return None, not folders
    is_one = len(folders) == 1 and folders[0].startswith(hive)
    return (folders[0][len(hive) :], True) if is_one else (None, False)


def tags(dataset: Dataset, zone: Zone) -> dict[str, str]:
    """What rules for lifecycle and access go by: the class of the dataset, or how its zone differs, and its readers.

    A tag takes no comma.
    """
    choice = dataset.attributes.lifecycle
    differs = choice.overrides.get(zone)
    return {
        "lifecycle": f"{choice.name}@{differs}".replace(",", " /") if differs else choice.name,
        "readers": "+".join(sorted(dataset.attributes.readers)),
    }


_PARTITION = r"[^/]+/([a-z]+=[^/]+/)?"
_SHA256 = "[0-9a-f]{64}"
_NUMBER = "[0-9]{8,}"
_KEYS = {
    "raw": rf"{_PARTITION}({_SHA256}(\.[^/]+)?|_deliveries/{_NUMBER}\.json)",
    "staged": rf"{_PARTITION}(data\.parquet|_dropped)",
    "quarantine": rf"{_PARTITION}data\.parquet",
    "curated": rf"{_PARTITION}(data\.parquet|_dropped)",
    "_verdicts": rf"(envelope|content)/{_PARTITION}{_NUMBER}\.json",
    "gate_results": r"[^/]+/data\.parquet",
    "_provenance": rf"(staged|quarantine|curated)/{_PARTITION}{_NUMBER}(-{_SHA256}){{1,2}}\.json",
    "_sha256": rf"{_SHA256}/(staged|quarantine|curated)/{_PARTITION}{_NUMBER}",
    "_erasures": r"[^/]+\.json",
    "_deployment": r"prod\.json",
    "_tmp": r"[^/]+\.tmp",
    "adhoc": r"[^/]+/.+",
    "branch": r"[^/]+/.+",
    "dev": r"[^/]+/.+",
    "trash": r"(adhoc|branch|dev)/[^/]+/[0-9]{4,}/.+",
}
"""What comes after the first slash of the keys that are written here, by what comes before it; elsewhere it may be anything."""


def is_stray(key: str) -> bool:
    """Whether nothing of ours is called so, though it lies where such things do; so nobody reads it."""
    top, _, rest = key.partition("/")
    return top in _KEYS and re.fullmatch(_KEYS[top], rest) is None
